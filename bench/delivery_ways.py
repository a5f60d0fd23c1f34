"""Ways to bring a streamed reply into an editor, played in simulated time.

The reply arrives a token at a time, as fast as Claude writes; the editor takes as long for each
edit as real ones do.  Nothing sleeps: the clock jumps to what happens next.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lsprotocol.converters import get_converter

from kibitz.delivery import Answer, Delivery, Undo
from kibitz.edits.diff import StreamingDiff
from kibitz.edits.hygiene import LineNormalizer
from kibitz.edits.reader import ReplacementReader
from kibitz.edits.region import TextChange
from kibitz.open_documents import ContentChange, Documents
from kibitz.profiles import Profile
from kibitz.protocol import to_lsp
from kibitz_context.document import Document
from kibitz_context.lines import Encoding

URI = "file:///bench.py"
TOKENS_PER_SECOND = 80
CHARACTERS_PER_TOKEN = 4
CONVERTER = get_converter()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reply has cost on its way.

    `survivors` are the characters of the old text that no edit has replaced, by their offsets;
    `first_edit_seconds` is from when the first new line was complete.
    """

    edits: int
    sent_characters: int
    first_edit_seconds: float
    cpu_seconds: float
    survivors: frozenset[int] | None


class TimedEditor:
    """A client that needs `echo_seconds` to apply an edit, tell of it and answer."""

    encoding: Encoding = "utf-16"

    def __init__(self, text: str, echo_seconds: float, *, tracks: bool) -> None:
        self.mirror = Documents()
        self.mirror.open(URI, None, "python", 1, text)
        self.version = 1
        self.edits = 0
        self.characters = 0
        self.first_edit_at: float | None = None
        #: For each character of the text its offset in the old one, -1 for a new one.
        self.origins = array("l", range(len(text))) if tracks else None
        self._echo_seconds = echo_seconds
        self._clock = 0.0
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def document(self, uri: str) -> Document | None:
        return self.mirror.get(uri)

    def now(self) -> float:
        return self._clock

    def later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        item = (self._clock + seconds, next(self._order), callback)
        heapq.heappush(self._due, item)

        def call_off() -> None:
            if item in self._due:
                self._due.remove(item)
                heapq.heapify(self._due)

        return call_off

    def send_edit(
        self,
        document: Document,
        changes: Sequence[TextChange],
        undo: Undo,  # noqa: ARG002 - every client here does as it is told
    ) -> asyncio.Future[Answer]:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if not changes:
            future.set_result(Answer(applied=True))
            return future
        self.edits += 1
        self.characters += sum(len(change.text) for change in changes)
        if self.first_edit_at is None:
            self.first_edit_at = self._clock

        def arrives() -> None:
            self._apply(document, changes)
            future.set_result(Answer(applied=True))

        self.later(self._echo_seconds, arrives)
        return future

    def _apply(self, document: Document, changes: Sequence[TextChange]) -> None:
        table = document.lines
        told: list[ContentChange] = []
        for change in reversed(changes):
            start, end = change.span.start, change.span.end
            told.append(
                ContentChange(
                    change.text, table.position(start, "utf-16"), table.position(end, "utf-16")
                )
            )
            if self.origins is not None:
                self.origins[start:end] = array("l", [-1]) * len(change.text)
        self.version += 1
        self.mirror.change(URI, self.version, told, "utf-16")

    async def advance(self, until: float | None) -> bool:
        """Let happen what is due by then, or the next thing of all; whether there was one."""
        happened = False
        while self._due and (until is None or self._due[0][0] <= until):
            at, _, callback = heapq.heappop(self._due)
            self._clock = at
            callback()
            happened = True
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if until is None:
                break
        if until is not None:
            self._clock = until
        return happened

    def text(self) -> str:
        document = self.document(URI)
        assert document is not None
        return document.text


class InstantEditor(TimedEditor):
    """A client in real time that applies each edit at once, sent in the words of the protocol."""

    def __init__(self, text: str) -> None:
        super().__init__(text, 0.0, tracks=False)
        self._answer: asyncio.Future[Answer] | None = None

    async def caught_up(self) -> None:
        """Return when no edit is on its way, and the server has heard of them all."""
        while self._answer is not None and not self._answer.done():
            await self._answer

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        loop = asyncio.get_running_loop()
        if not seconds:
            return loop.call_soon(callback).cancel
        return loop.call_later(seconds, callback).cancel

    def send_edit(
        self, document: Document, changes: Sequence[TextChange], undo: Undo
    ) -> asyncio.Future[Answer]:
        edit = to_lsp.workspace_edit(document, changes, "utf-16", versioned=True)
        json.dumps(CONVERTER.unstructure(edit))
        self._answer = super().send_edit(document, changes, undo)
        return self._answer


def tokens(new: Sequence[str]) -> Iterator[tuple[float, str]]:
    """The reply for the lines `new`, each token with when it comes."""
    reply = f"<replacement>\n{''.join(new)}</replacement>"
    for number, start in enumerate(range(0, len(reply), CHARACTERS_PER_TOKEN)):
        yield number / TOKENS_PER_SECOND, reply[start : start + CHARACTERS_PER_TOKEN]


def first_new_line_at(old: Sequence[str], new: Sequence[str]) -> float:
    """When the first line that is not as it was has come whole."""
    pairs = itertools.zip_longest(old, new)
    number = next(index for index, (before, after) in enumerate(pairs) if before != after)
    end = len("<replacement>\n") + len("".join(new[: number + 1]))
    return ((end - 1) // CHARACTERS_PER_TOKEN) / TOKENS_PER_SECOND


async def by_kibitz(
    old: list[str],
    new: list[str],
    profile: Profile,
    echo_seconds: float,
    *,
    hold: bool = False,
    tracks: bool = False,
) -> Outcome:
    """As kibitz does it; with `hold` as one edit at the end."""
    editor = TimedEditor("".join(old), echo_seconds, tracks=tracks)
    delivery = Delivery(editor, profile, URI, 0, old, hold=hold)
    editor.mirror.follow(delivery.document_changed)
    began = time.process_time()
    reader, normalizer, diff = ReplacementReader(old), LineNormalizer(old), StreamingDiff(old)
    for at, token in tokens(new):
        await editor.advance(at)
        lines = normalizer.feed(reader.feed(token))
        if not lines:
            continue
        was_in_hunk = diff.in_hunk
        edits = diff.push(lines)
        if edits or was_in_hunk != diff.in_hunk:
            delivery.write(edits, in_hunk=diff.in_hunk)
    rest = reader.finish(closed=True)
    delivery.write(diff.push(normalizer.feed(rest) + normalizer.finish()) + diff.finish())
    ending = asyncio.ensure_future(delivery.finish())
    await asyncio.sleep(0)
    while not ending.done():
        assert await editor.advance(None), "the delivery waits for nothing"
        await asyncio.sleep(0)
    await ending
    seconds = time.process_time() - began
    assert editor.text() == "".join(new)
    return _outcome(editor, old, new, seconds)


async def by_one_edit(old: list[str], new: list[str], echo_seconds: float) -> Outcome:
    """Gather the reply, then replace the region: what every simple server does."""
    editor = TimedEditor("".join(old), echo_seconds, tracks=False)
    began = time.process_time()
    pieces: list[str] = []
    for at, token in tokens(new):
        await editor.advance(at)
        pieces.append(token)
    text = "".join(pieces).removeprefix("<replacement>\n").removesuffix("</replacement>")
    document = editor.document(URI)
    assert document is not None
    answer = editor.send_edit(document, [TextChange(document.whole, text)], "start")
    await editor.advance(None)
    await answer
    seconds = time.process_time() - began
    assert editor.text() == "".join(new)
    return _outcome(editor, old, new, seconds, survivors=frozenset())


async def by_rewriting(old: list[str], new: list[str]) -> Outcome:
    """The whole region anew at each line break: what has come, and the old lines below that.

    What the client has to do for it is left out; that would be most of it.
    """
    began = time.process_time()
    text, edits, sent, first = "", 0, 0, 0.0
    for at, token in tokens(new):
        text += token
        if "\n" in token and len(text) > len("<replacement>\n"):
            body = text.removeprefix("<replacement>\n").removesuffix("</replacement>")
            whole = body[: body.rfind("\n") + 1]
            sent += len(whole + "".join(old[whole.count("\n") :]))
            edits += 1
            first = first or at
    seconds = time.process_time() - began
    first = max(0.0, first - first_new_line_at(old, new))
    return Outcome(edits, sent, first, seconds, frozenset())


def _outcome(
    editor: TimedEditor,
    old: list[str],
    new: list[str],
    seconds: float,
    survivors: frozenset[int] | None = None,
) -> Outcome:
    assert editor.first_edit_at is not None
    first = editor.first_edit_at - first_new_line_at(old, new)
    if editor.origins is not None:
        survivors = frozenset(offset for offset in editor.origins if offset >= 0)
    return Outcome(editor.edits, editor.characters, first, seconds, survivors)
