"""An editor for tests of `kibitz.delivery`: its buffer, its user, and what its client really does.

Written independently of the code under test: the buffer is one string, edits are spans of it,
and lines and columns are counted here.  Messages to the server wait in a queue until the test
delivers them, so every order can be played.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from kibitz.delivery import Answer, Delivery, Undo
from kibitz.edits.region import TextChange
from kibitz.open_documents import ContentChange, Documents
from kibitz_context.document import Document
from kibitz_context.lines import Encoding, Position

URI = "file:///home/me/example.py"

_UNIT_BYTES = {"utf-8": 1, "utf-16": 2, "utf-32": 4}
_CODECS = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}


@dataclass(frozen=True)
class Manners:
    """What a client does with an edit.

    `checks_version`: a stale edit is not applied.  `transforms`: it is applied to what its lines
    have become.  `says_true_when_stale`: it answers true all the same.  `answers_first`: the
    answer goes out before the change is told.  `answers_late`: it goes out some time after.
    `gathers`: changes are told some time later, several in one message.  `tells_whole_text`: the
    whole text is told, not what has changed.  `drops`: it answers true and applies nothing.
    `joins`: our plugin is in it, and makes one undo step of a stream.
    """

    checks_version: bool = True
    transforms: bool = False
    says_true_when_stale: bool = False
    answers_first: bool = False
    answers_late: bool = False
    gathers: bool = False
    tells_whole_text: bool = False
    drops: bool = False
    joins: bool = False


HONEST = Manners()
HELIX = HONEST
VSCODE = Manners(answers_first=True)
NEOVIM = Manners(says_true_when_stale=True)
PATIENT_NEOVIM = Manners(says_true_when_stale=True, answers_first=True, gathers=True)
EGLOT = Manners(gathers=True)
ZED = Manners(checks_version=False, transforms=True)
BLIND = Manners(checks_version=False, answers_first=True)
KAKOUNE = Manners(checks_version=False, answers_first=True, tells_whole_text=True)
SLOW = Manners(answers_late=True)
LIAR = Manners(drops=True)
PLUGIN = Manners(joins=True)


def line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\r\n|\n|\r", text))]


def position_of(text: str, offset: int, encoding: Encoding = "utf-32") -> Position:
    """Line and column of an offset."""
    starts = [start for start in line_starts(text) if start <= offset]
    head = text[starts[-1] : offset]
    return Position(len(starts) - 1, len(head.encode(_CODECS[encoding])) // _UNIT_BYTES[encoding])


def offset_of(text: str, position: Position, encoding: Encoding) -> int:
    """The offset of a line and column, clamped into the text and to the character it is in."""
    starts = line_starts(text)
    if position.line >= len(starts):
        return len(text)
    line = re.split("[\r\n]", text[starts[position.line] :], maxsplit=1)[0]
    units = line.encode(_CODECS[encoding])[: position.character * _UNIT_BYTES[encoding]]
    return starts[position.line] + len(units.decode(_CODECS[encoding], "ignore"))


def common_length(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (this, that) in pairs if this != that), min(len(one), len(other)))


@dataclass
class FakeEditor:
    """Implements `kibitz.delivery.Editor`; `mirror` is what the server knows of the buffer."""

    buffer: str
    manners: Manners
    encoding: Encoding = "utf-32"
    mirror: Documents = field(default_factory=Documents)
    version: int = 1
    is_open: bool = True
    requests: list[tuple[int, list[tuple[Position, Position, str]], asyncio.Future[Answer]]] = (
        field(default_factory=list)
    )
    undo_of_requests: list[Undo] = field(default_factory=list)
    messages: list[Callable[[], None]] = field(default_factory=list)
    untold: list[tuple[int, list[ContentChange]]] = field(default_factory=list)
    late_answers: list[Callable[[], None]] = field(default_factory=list)
    timers: list[Callable[[], None]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)  # seconds, for each timer there ever was
    is_hidden: bool = False
    seconds: float = 0.0
    edits_sent: int = 0
    edits_applied: int = 0
    undo_marks: list[Undo] = field(default_factory=list)
    undo_steps: list[tuple[bool, list[tuple[int, int, str]]]] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    #: For each version, where each character of its text was in the version before it.
    origins: dict[int, list[int | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.texts[self.version] = self.buffer
        self.mirror.open(URI, None, "python", self.version, self.buffer)

    def watch(self, delivery: Delivery) -> None:
        self.mirror.follow(delivery.document_changed)

    # -- what the delivery calls ---------------------------------------------------------------

    def document(self, uri: str) -> Document | None:
        return self.mirror.get(uri)

    def send_edit(
        self, document: Document, changes: Sequence[TextChange], undo: Undo
    ) -> asyncio.Future[Answer]:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.undo_marks.append(undo)
        if not changes:
            future.set_result(Answer(applied=True))
            return future
        assert document.version is not None
        self.edits_sent += 1
        table, encoding = document.lines, self.encoding
        ranges = [
            (
                table.position(change.span.start, encoding),
                table.position(change.span.end, encoding),
                change.text,
            )
            for change in changes
        ]
        self.requests.append((document.version, ranges, future))
        self.undo_of_requests.append(undo)
        return future

    def now(self) -> float:
        return self.seconds

    def later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        self.timers.append(callback)
        self.waits.append(seconds)

        def call_off() -> None:
            if callback in self.timers:
                self.timers.remove(callback)

        return call_off

    # -- what happens at the editor's side -----------------------------------------------------

    def handle_request(self) -> None:
        """Treat the oldest edit request as this client does."""
        version, ranges, future = self.requests.pop(0)
        undo = self.undo_of_requests.pop(0)
        manners = self.manners
        stale = manners.checks_version and version != self.version
        applies = self.is_open and not stale and not manners.drops
        answer = applies or manners.drops or (stale and manners.says_true_when_stale)

        def reply() -> None:
            if not future.done():
                future.set_result(Answer(answer, self.is_hidden))

        if manners.answers_first:
            self.messages.append(reply)
        if applies:
            self.edits_applied += 1
            at_hand = self.texts[version] if manners.transforms else self.buffer
            spans = [
                (
                    offset_of(at_hand, start, self.encoding),
                    offset_of(at_hand, end, self.encoding),
                    text,
                )
                for start, end, text in ranges
            ]
            if manners.transforms:
                spans = self._joined(
                    part for span in spans for part in self._transformed(version, *span)
                )
            before = self.buffer
            self._change(spans, own=False)
            if manners.joins:
                self._join(undo, before)
        if manners.answers_late:
            self.late_answers.append(reply)
        elif not manners.answers_first:
            self.messages.append(reply)

    def _transformed(
        self, version: int, start: int, end: int, text: str
    ) -> list[tuple[int, int, str]]:
        """A span of an older version in today's text: what was typed inside it meanwhile stays."""
        # Each character of that version, by its place then, with its place now.
        places: list[int | None] = list(range(len(self.texts[version])))
        for later in range(version + 1, self.version + 1):
            where = {
                origin: place
                for place, origin in enumerate(self.origins[later])
                if origin is not None
            }
            places = [None if place is None else where.get(place) for place in places]
        now = [place for place in places[start:end] if place is not None]
        before = [place for place in places[:start] if place is not None]
        at = now[0] if now else (before[-1] + 1 if before else 0)
        parts: list[tuple[int, int, str]] = [(at, at, text)]
        for place in now:
            first, last, new = parts[-1]
            if place == last:
                parts[-1] = (first, place + 1, new)
            else:
                parts.append((place, place + 1, ""))
        return parts

    def _joined(self, spans: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
        """Spans that begin at one place as one, in order."""
        joined: list[tuple[int, int, str]] = []
        for start, end, text in spans:
            if joined and joined[-1][0] == start:
                joined[-1] = (start, max(end, joined[-1][1]), joined[-1][2] + text)
            else:
                joined.append((start, end, text))
        return joined

    def _join(self, undo: Undo, before: str) -> None:
        """Make the newest undo step one with the step before it, if that is of this stream."""
        if undo == "continue" and len(self.undo_steps) > 1 and not self.undo_steps[-2][0]:
            self.undo_steps.pop()
            before = self._undone(self.undo_steps.pop()[1], before)
        else:
            self.undo_steps.pop()
        head = common_length(before, self.buffer)
        tail = common_length(before[head:][::-1], self.buffer[head:][::-1])
        end = len(self.buffer) - tail
        self.undo_steps.append((False, [(head, end, before[head : len(before) - tail])]))

    def _undone(self, spans: Sequence[tuple[int, int, str]], text: str) -> str:
        for start, end, old in sorted(spans, reverse=True):
            text = text[:start] + old + text[end:]
        return text

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
        self._change([(start, end, text)], own=True)

    def format(self, spans: Sequence[tuple[int, int, str]]) -> None:
        """Another program replaces these spans, as one change."""
        self._change(spans, own=True)

    def reload(self, text: str) -> None:
        """The buffer is read from disk again; the client tells the whole text."""
        before, self.buffer = self.buffer, text
        self._happened([(0, len(before), text)], before, [ContentChange(text)], own=True)

    def undo(self) -> bool:
        """Undo the last change; whether it was the user's own."""
        own, spans = self.undo_steps.pop()
        self._change(spans, own=True)
        self.undo_steps.pop()
        return own

    def close(self) -> None:
        self.is_open = False
        self.messages.append(lambda: self.mirror.close(URI))

    def _change(self, spans: Sequence[tuple[int, int, str]], *, own: bool) -> None:
        """Change the buffer and tell the server, last span first as editors do."""
        told: list[ContentChange] = []
        starts = [start for start, _, _ in spans]
        assert len(set(starts)) == len(starts), "editors disagree about two edits at one place"
        first = self.buffer
        for start, end, text in sorted(spans, reverse=True):
            before = self.buffer
            self.buffer = before[:start] + text + before[end:]
            told.append(
                ContentChange(
                    text,
                    position_of(before, start, self.encoding),
                    position_of(before, end, self.encoding),
                )
            )
        self._happened(spans, first, told, own=own)

    def _happened(
        self,
        spans: Sequence[tuple[int, int, str]],
        before: str,
        told: list[ContentChange],
        *,
        own: bool,
    ) -> None:
        origins: list[int | None] = []
        inverse: list[tuple[int, int, str]] = []
        done = 0
        for start, end, text in sorted(spans):
            origins += range(done, start)
            inverse.append((len(origins), len(origins) + len(text), before[start:end]))
            origins += [None] * len(text)
            done = end
        origins += range(done, len(before))
        self.version += 1
        self.origins[self.version] = origins
        self.texts[self.version] = self.buffer
        self.undo_steps.append((own, inverse))
        if self.manners.tells_whole_text:
            told = [ContentChange(self.buffer)]
        self.untold.append((self.version, told))
        if not self.manners.gathers:
            self.messages.append(self._tell)
        elif self._tell in self.messages:
            self.tell_together()
        else:
            self.messages.append(self._tell)

    def _tell(self) -> None:
        version, told = self.untold.pop(0)
        self.mirror.change(URI, version, told, self.encoding)

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
