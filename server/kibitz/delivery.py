"""Edits of one region, delivered into the editor while they arrive, and verified.

The rules, each of which some client makes necessary:

- One edit of a document is in flight at a time, against the exact version last received.
- It counts as applied when the client has answered *and* its `didChange` shows the expected text.
  "applied: true" alone proves nothing: one client says so and drops the edit, another says so
  before it applies.
- What did not arrive is sent once more, and as often as the text has changed meanwhile; a client
  that refuses an edit of the text as it stands stops the job.
- A change by the user outside the region moves the region.  A change inside it that is not the
  edit in flight is a conflict: nothing more is sent, and every character of the user's stays.

The object has no task and no clock of its own: the editor's answers, its changes and the timer
drive it, so that a test can put them into any order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from kibitz.edits.hunks import Hunk, HunkLedger, hunks_of
from kibitz.edits.region import (
    TextChange,
    coalesced,
    follow_region,
    region_after,
    stand_at,
    text_changes,
)
from kibitz.edits.values import LineEdit
from kibitz.profiles import Profile
from kibitz.session import DocumentChange
from kibitz.turns import Turns
from kibitz_context.document import Document

logger = logging.getLogger(__name__)

Undo = Literal["start", "continue", "end"]

MAX_SENDS = 2  # of one edit against one version


class Editor(Protocol):
    """The editor, as far as a delivery needs it."""

    def document(self, uri: str) -> Document | None:
        """The document as last received, None when it is not open."""
        ...

    def send_edit(
        self, document: Document, changes: Sequence[TextChange], undo: Undo
    ) -> asyncio.Future[bool]:
        """Ask the editor to apply `changes` to exactly that version; its answer, taken as said."""
        ...

    def later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after a while; returns the way to call that off."""
        ...


@dataclass(slots=True)
class _InFlight:
    edits: list[LineEdit]  # in current lines of the region
    before: list[str]
    expected: list[str]
    remember: bool  # False for an edit that takes back what was written
    version: int | None
    answered: bool = False
    echoed: bool = False
    call_off: Callable[[], None] | None = None


class Conflict(Exception):
    """The delivery has stopped; the text is as the user has it.  `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Delivery:
    """Streams the edits of one region into one document.

    `region_lines` are the document's lines ``[first_line, first_line + len)`` at the time of the
    request; edits refer to them by index.  With `hold` nothing is sent before `finish`.
    Deliveries into one editor share their `turns`.
    """

    def __init__(
        self,
        editor: Editor,
        profile: Profile,
        uri: str,
        first_line: int,
        region_lines: Sequence[str],
        *,
        hold: bool = False,
        turns: Turns | None = None,
    ) -> None:
        self._editor = editor
        self._turns = Turns() if turns is None else turns
        self._profile = profile
        self._uri = uri
        self._first = first_line
        self._current = list(region_lines)  # what the region holds in the editor, as confirmed
        self._original_count = len(region_lines)
        self._pending: list[LineEdit] = []  # in original lines, not yet sent
        self._ledger = HunkLedger()  # in lines of the region
        self._in_flight: _InFlight | None = None
        self._sends = 0
        self._hold = hold
        self._stopped: str | None = None
        self._cooling: Callable[[], None] | None = None
        self._ever_sent = False
        self._idle: list[asyncio.Future[None]] = []
        #: Called once with the reason when the delivery stops, while it is being caused.
        self.on_stop: Callable[[str], None] | None = None

    # -- what the job calls --------------------------------------------------------------------

    @property
    def stopped(self) -> str | None:
        """Why the delivery has stopped, None while it goes on."""
        return self._stopped

    def check_ground(self) -> None:
        """Raise Conflict unless the region still stands in the editor as it was asked about."""
        document = self._editor.document(self._uri)
        if document is None:
            self._stop("the document was closed")
        elif not self._stands(document, self._first, self._current):
            self._stop("the text changed before the answer came")
        if self._stopped is not None:
            raise Conflict(self._stopped)

    def offer(self, edits: Sequence[LineEdit]) -> None:
        """Take further edits, in order after those before.  Raises Conflict once stopped."""
        if self._stopped is not None:
            raise Conflict(self._stopped)
        self._pending += edits
        self._pump()

    async def finish(self) -> None:
        """Return when everything offered stands in the editor.  Raises Conflict otherwise."""
        self._hold = False
        self._pump()
        await self._drained()
        if self._stopped is not None:
            raise Conflict(self._stopped)
        if self._ever_sent:
            document = self._editor.document(self._uri)
            if document is not None:
                self._editor.send_edit(document, (), "end")

    async def halt(self, reason: str) -> None:
        """Send nothing more; what stands in the editor stays, the edit in flight included."""
        self._pending.clear()
        try:
            async with asyncio.timeout(self._profile.echo_seconds):
                await self._drained()
        except TimeoutError:
            logger.info("the editor did not answer the last edit before the stop")
        self._stop(reason)

    async def restore(self) -> bool:
        """Put the region back to the original text; False where the user's text forbids it."""
        self._pending.clear()
        self._hold = False
        await self._drained()
        if self._stopped is not None:
            return False
        edits, _ = self._ledger.revert_all(self._current)
        self._ledger = HunkLedger()
        if not edits:
            return True
        while not self._turns.take(self._uri, self, self._tell_idle):
            await self._told()
            if self.stopped is not None:
                return False
        self._sends = 0
        self._send(edits, remember=False)
        await self._drained()
        return self._stopped is None

    def hunks(self) -> list[Hunk]:
        """What was written so far and stands in the editor, top to bottom."""
        return [replace(hunk, first=hunk.first + self._first) for hunk in self._ledger.hunks]

    # -- what the editor causes ----------------------------------------------------------------

    def document_changed(self, event: DocumentChange) -> None:
        """A `didChange` has been applied to some document."""
        if event.after.uri != self._uri or self._stopped is not None:
            return
        flight = self._in_flight
        lines = event.after.lines.lines
        if flight is None or flight.echoed:
            first, touched, _ = follow_region(
                event.changes, self._first, len(self._current), own=False
            )
            self._first = first
            if touched and not self._stands(event.after, first, self._current):
                self._stop("you changed the same lines")
            return
        # Lines inserted at the border are the edit's own, or else the user's: some clients tell
        # of both at once, so only the text can say.
        places = [
            follow_region(event.changes, self._first, len(self._current), own=own)
            for own in (True, False)
        ]
        for first, _, size in places:
            if size == len(flight.expected) and stand_at(lines, first, flight.expected):
                self._first, self._current = first, lines[first : first + size]
                if flight.remember:
                    self._remember(flight)
                flight.echoed = True
                self._confirm()
                return
        for first, touched, size in places:
            if size == len(flight.before) and stand_at(lines, first, flight.before):
                self._first, self._current = first, lines[first : first + size]
                if touched:
                    # The edit and its undo came together: to send it again would be against the
                    # user's will.
                    self._stop("you took the change back")
                return
        # Neither the old nor the expected text: part of the echo, or the user was quicker.  The
        # next change or the deadline decides.
        first, _, size = follow_region(event.changes, self._first, len(self._current), own=True)
        self._first, self._current = first, lines[first : first + size]
        if flight.answered:
            self._stop("you changed the same lines")

    def document_closed(self, uri: str) -> None:
        if uri == self._uri:
            self._stop("the document was closed")

    def _answered(self, flight: _InFlight, future: asyncio.Future[bool]) -> None:
        if self._in_flight is not flight or self._stopped is not None:
            return
        applied = not future.cancelled() and future.exception() is None and future.result()
        flight.answered = True
        if flight.echoed:
            self._confirm()
        elif applied:
            flight.call_off = self._editor.later(self._profile.echo_seconds, self._echo_is_late)
        else:
            self._retry("the editor refused the edit")

    def _echo_is_late(self) -> None:
        flight = self._in_flight
        if flight is None or self._stopped is not None:
            return
        if flight.echoed:
            flight.answered = True
            self._confirm()
        else:
            self._retry("the editor said that it applied the edit, but the text did not change")

    # -- the machine ---------------------------------------------------------------------------

    def _pump(self) -> None:
        if self._stopped is not None or self._in_flight is not None or self._cooling is not None:
            return
        if self._hold or not self._pending:
            self._tell_idle()
            return
        if not self._turns.take(self._uri, self, self._pump):
            return
        # Everything applied so far stands in front of what is pending, so one shift does for all.
        shift = len(self._current) - self._original_count
        edits = [
            LineEdit(edit.start + shift, edit.end + shift, edit.lines)
            for edit in coalesced(self._pending)
        ]
        self._pending.clear()
        self._sends = 0
        self._send(edits, remember=True)

    def _send(self, edits: list[LineEdit], *, remember: bool) -> None:
        document = self._editor.document(self._uri)
        if document is None:
            self._stop("the document was closed")
            return
        if not self._stands(document, self._first, self._current):
            self._stop("you changed the same lines")
            return
        changes = text_changes(document, self._first, edits)
        expected = region_after(document, self._first, len(self._current), changes)
        flight = _InFlight(edits, list(self._current), expected, remember, document.version)
        self._in_flight = flight
        self._sends += 1
        undo: Undo = "continue" if self._ever_sent else "start"
        self._ever_sent = True
        answer = self._editor.send_edit(document, changes, undo)
        answer.add_done_callback(lambda future: self._answered(flight, future))

    def _remember(self, flight: _InFlight) -> None:
        """Keep what the edits replaced, so that it can be taken back."""
        for hunk in hunks_of(flight.before, flight.edits):
            self._ledger.record(hunk)

    def _confirm(self) -> None:
        flight = self._in_flight
        if flight is None or not (flight.answered and flight.echoed):
            if flight is not None and flight.echoed and flight.call_off is None:
                # The text is right; the answer is only a courtesy now.
                flight.call_off = self._editor.later(self._profile.echo_seconds, self._echo_is_late)
            return
        if flight.call_off is not None:
            flight.call_off()
        self._in_flight = None
        self._turns.give_back(self._uri, self)
        self._cool_down()
        self._pump()

    def _cool_down(self) -> None:
        if self._profile.edit_interval_seconds <= 0 or self._hold:
            return

        def cooled() -> None:
            self._cooling = None
            self._pump()

        self._cooling = self._editor.later(self._profile.edit_interval_seconds, cooled)

    def _retry(self, why: str) -> None:
        flight = self._in_flight
        assert flight is not None
        if flight.call_off is not None:
            flight.call_off()
        self._in_flight = None
        document = self._editor.document(self._uri)
        if document is None:
            self._stop("the document was closed")
        elif not self._stands(document, self._first, flight.before):
            self._stop("you changed the same lines")
        elif self._sends >= MAX_SENDS and document.version == flight.version:
            self._stop(why)
        else:
            # A newer text is reason enough for a refusal: while somebody types elsewhere the edit
            # goes on being sent, each time against what has come in meanwhile.
            logger.info("an edit did not arrive and is sent once more: %s", why)
            if document.version != flight.version:
                self._sends = 0
            self._current = list(flight.before)
            self._send(flight.edits, remember=flight.remember)

    def _stop(self, reason: str) -> None:
        if self._stopped is None:
            self._stopped = reason
            if self.on_stop is not None:
                self.on_stop(reason)
        self._pending.clear()
        if self._cooling is not None:
            self._cooling()
            self._cooling = None
        flight, self._in_flight = self._in_flight, None
        if flight is not None and flight.call_off is not None:
            flight.call_off()
        self._turns.give_back(self._uri, self)
        self._tell_idle()

    def _tell_idle(self) -> None:
        waiting, self._idle = self._idle, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def _drained(self) -> None:
        while self._stopped is None and (self._in_flight or self._pending):
            await self._told()

    async def _told(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._idle.append(future)
        await future

    def _stands(self, document: Document, first: int, wanted: Sequence[str]) -> bool:
        return stand_at(document.lines.lines, first, wanted)
