"""An editor for tests of `kibitz.delivery`: its buffer, its user, and what its client really does.

Written independently of the code under test: the buffer is one string, edits are spans of it.
Messages to the server wait in a queue until the test delivers them, so every order can be played.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kibitz.delivery import Delivery, Undo
from kibitz.edits.region import TextChange
from kibitz.session import ContentChange, Documents
from kibitz_context.document import Document
from kibitz_context.lines import Position

URI = "file:///home/me/example.py"


@dataclass(frozen=True)
class Manners:
    """What a client does with an edit.

    `checks_version`: a stale edit is not applied.  `says_true_when_stale`: it answers true all
    the same.  `answers_first`: the answer goes out before the change is told.  `answers_late`: it
    goes out some time after.  `drops`: it answers true and applies nothing.
    """

    checks_version: bool = True
    says_true_when_stale: bool = False
    answers_first: bool = False
    answers_late: bool = False
    drops: bool = False


HONEST = Manners()
VSCODE = Manners(answers_first=True)
NEOVIM = Manners(says_true_when_stale=True)
BLIND = Manners(checks_version=False, answers_first=True)
SLOW = Manners(answers_late=True)
LIAR = Manners(drops=True)


def position_of(text: str, offset: int) -> Position:
    """Line and UTF-32 column of an offset in a text whose lines end with ``\\n``."""
    head = text[:offset]
    return Position(head.count("\n"), offset - (head.rfind("\n") + 1))


@dataclass
class FakeEditor:
    """Implements `kibitz.delivery.Editor`; `mirror` is what the server knows of the buffer."""

    buffer: str
    manners: Manners
    mirror: Documents = field(default_factory=Documents)
    version: int = 1
    requests: list[tuple[int, list[TextChange], asyncio.Future[bool]]] = field(default_factory=list)
    messages: list[Callable[[], None]] = field(default_factory=list)
    untold: list[tuple[int, list[ContentChange]]] = field(default_factory=list)
    late_answers: list[Callable[[], None]] = field(default_factory=list)
    timers: list[Callable[[], None]] = field(default_factory=list)
    edits_sent: int = 0
    edits_applied: int = 0
    undo_marks: list[Undo] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.mirror.open(URI, None, "python", self.version, self.buffer)

    def watch(self, delivery: Delivery) -> None:
        self.mirror.follow(delivery.document_changed)

    # -- what the delivery calls ---------------------------------------------------------------

    def document(self, uri: str) -> Document | None:
        return self.mirror.get(uri)

    def send_edit(
        self, document: Document, changes: Sequence[TextChange], undo: Undo
    ) -> asyncio.Future[bool]:
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.undo_marks.append(undo)
        if not changes:
            future.set_result(True)
            return future
        assert document.version is not None
        self.edits_sent += 1
        self.requests.append((document.version, list(changes), future))
        return future

    def later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        self.timers.append(callback)

        def call_off() -> None:
            if callback in self.timers:
                self.timers.remove(callback)

        return call_off

    # -- what happens at the editor's side -----------------------------------------------------

    def handle_request(self) -> None:
        """Treat the oldest edit request as this client does."""
        version, changes, future = self.requests.pop(0)
        stale = self.manners.checks_version and version != self.version
        applies = not stale and not self.manners.drops
        answer = (applies or self.manners.drops) or (stale and self.manners.says_true_when_stale)

        def reply() -> None:
            if not future.done():
                future.set_result(answer)

        if self.manners.answers_first:
            self.messages.append(reply)
        if applies:
            self.edits_applied += 1
            self._change([(change.span.start, change.span.end, change.text) for change in changes])
        if self.manners.answers_late:
            self.late_answers.append(reply)
        elif not self.manners.answers_first:
            self.messages.append(reply)

    def tell_together(self) -> None:
        """Tell of all changes that are still to be told in one message, behind all others."""
        told = [change for _, changes in self.untold for change in changes]
        self.untold = [(self.version, told)]
        tell = self._tell
        self.messages = [message for message in self.messages if message != tell]
        self.messages.append(tell)

    def answer_late(self) -> None:
        """Send the oldest answer that was held back."""
        self.messages.append(self.late_answers.pop(0))

    def user_changes(self, start: int, end: int, text: str) -> None:
        """The user replaces ``buffer[start:end]``."""
        self._change([(start, end, text)])

    def _change(self, spans: Sequence[tuple[int, int, str]]) -> None:
        """Change the buffer and tell the server, last span first as editors do."""
        told: list[ContentChange] = []
        starts = [start for start, _, _ in spans]
        assert len(set(starts)) == len(starts), "editors disagree about two edits at one place"
        for start, end, text in sorted(spans, reverse=True):
            before = self.buffer
            self.buffer = before[:start] + text + before[end:]
            told.append(ContentChange(text, position_of(before, start), position_of(before, end)))
        self.version += 1
        self.untold.append((self.version, told))
        self.messages.append(self._tell)

    def _tell(self) -> None:
        version, told = self.untold.pop(0)
        assert self.mirror.change(URI, version, told, "utf-32")

    def deliver_message(self) -> None:
        """Let the server receive the oldest message."""
        self.messages.pop(0)()

    def fire_timer(self) -> None:
        """Let the oldest timer run out."""
        self.timers.pop(0)()

    async def settle(self, *, fire_timers: bool = True, rounds: int = 200) -> None:
        """Handle and deliver everything there is, in order, until nothing is left."""
        for _ in range(rounds):
            await asyncio.sleep(0)
            if self.requests:
                self.handle_request()
            elif self.messages:
                self.deliver_message()
            elif self.late_answers:
                self.answer_late()
            elif self.timers and fire_timers:
                self.fire_timer()
            else:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                if not (
                    self.requests
                    or self.messages
                    or self.late_answers
                    or (self.timers and fire_timers)
                ):
                    return
        raise AssertionError("the delivery does not come to rest")
