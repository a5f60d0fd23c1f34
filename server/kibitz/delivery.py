"""Edits of one region, delivered into the editor while they arrive, and verified.

The rules, each of which some client makes necessary:

- One edit of a document is in flight at a time, against the exact version last received.
- It counts as applied when the client has answered *and* its `didChange` shows it.
  "applied: true" alone proves nothing: one client says so and drops the edit, another says so
  before it applies.
- What did not arrive is placed anew and sent once more, and as often as the text has changed
  meanwhile; a client that refuses an edit of the text as it stands stops the job.
- Every other change is the user's.  `kibitz.edits.rebase` says what it means for the edits to
  come: they go round it, or their place is lost and nothing more is sent.
- A client that does not compare versions may put an edit over what was typed meanwhile.  That
  shows in its `didChange`: what it replaced is put back, and nothing more is sent.

The object has no task and no clock of its own: the editor's answers, its changes and the timer
drive it, so that a test can put them into any order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from kibitz.edits.hunks import Hunk, HunkLedger
from kibitz.edits.offers import Offer
from kibitz.edits.rebase import Placed, Rebase
from kibitz.edits.region import TextChange, lines_after, text_changes
from kibitz.edits.splices import Splice, besides, explained, refined, same_lines, splice_between
from kibitz.edits.values import LineEdit
from kibitz.profiles import Profile
from kibitz.session import DocumentChange
from kibitz.turns import Turns
from kibitz_context.document import Document
from kibitz_context.lines import LineChange

logger = logging.getLogger(__name__)

Undo = Literal["start", "continue", "end"]
#: What an edit does: write the reply, take all of it back, or mend what went astray.
Purpose = Literal["write", "take back", "mend"]

MAX_SENDS = 2  # of one edit against one version
MAX_UNEXPLAINED = 16  # changes that may be parts of one echo


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
    """An edit that was sent.  `heard` is what happened to `text` since, and is not understood."""

    purpose: Purpose
    batch: list[LineEdit]  # of the reply, in lines of the region as it was asked about
    document: Document
    changes: Sequence[TextChange]
    text: list[str]
    heard: list[Splice] = field(default_factory=list[Splice])
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
        self._rebase = Rebase(first_line, region_lines)  # what stands in the editor
        self._pending: list[LineEdit] = []  # of the reply, not yet sent
        self._astray: list[HunkLedger] = []  # what a client put where it does not belong
        self._in_flight: _InFlight | None = None
        self._sends = 0
        self._hold = hold
        self._conflict: str | None = None
        self._keeps_rest = True
        self._stopped: str | None = None
        self._cooling: Callable[[], None] | None = None
        self._ever_sent = False
        self._hears = False
        self._idle: list[asyncio.Future[None]] = []
        #: Called once with the reason when the delivery stops, while it is being caused.
        self.on_stop: Callable[[str], None] | None = None

    # -- what the job calls --------------------------------------------------------------------

    @property
    def conflict(self) -> str | None:
        """Why nothing more will be written, None while it goes on.

        An edit may still be in flight then; `halt` waits for it.
        """
        return self._conflict

    @property
    def stopped(self) -> str | None:
        """Why the delivery has stopped, None while it goes on."""
        return self._stopped

    def write(self, edits: Sequence[LineEdit]) -> None:
        """Take further edits, in order after those before.  Raises Conflict once stopped."""
        self._raise_if_stopped()
        self._pending += edits
        self._pump()

    async def flush(self) -> None:
        """Return when what was written so far stands in the editor, or is held back until the
        end.  Raises Conflict once stopped."""
        if not self._hold:
            self._pump()
            await self._drained()
        self._raise_if_stopped()

    async def finish(self) -> None:
        """Return when everything stands in the editor or is offered.  Raises Conflict otherwise."""
        self._hold = False
        self._pump()
        await self._drained()
        self._raise_if_stopped()
        if self._ever_sent:
            document = self._editor.document(self._uri)
            if document is not None:
                self._editor.send_edit(document, (), "end")

    async def halt(self, reason: str) -> None:
        """Send nothing more; what stands in the editor stays, the edit in flight included."""
        if self._conflict is None:
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
        while self._stopped is None and not self._turns.take(self._uri, self, self._tell_idle):
            await self._told()
        if self._stopped is not None:
            return False
        self._sends = 0
        self._send("take back", [])
        await self._drained()
        return self._stopped is None and not self._rebase.hunks()

    def hunks(self) -> list[Hunk]:
        """What was written so far, top to bottom, where it stands now."""
        return self._rebase.hunks()

    def offers(self) -> list[Offer]:
        """What was not written because the user had changed the lines, where it would stand."""
        document = self._editor.document(self._uri)
        return self._rebase.offers(document.lines.lines) if document is not None else []

    # -- what the editor causes ----------------------------------------------------------------

    def document_changed(self, event: DocumentChange) -> None:
        """A `didChange` has been applied to some document."""
        if event.after.uri != self._uri:
            return
        self._hears = True  # nothing is sent before all of it is understood
        try:
            self._hear_all(event)
        finally:
            self._hears = False
        if self._in_flight is None:
            self._go_on()

    def _hear_all(self, event: DocumentChange) -> None:
        for splice, before, after in event.steps():
            self._hear(splice, before, after)
        flight = self._in_flight
        if flight is not None and flight.heard:
            self._look_for_both(flight, event.after.lines.lines)

    def document_closed(self, uri: str) -> None:
        if uri == self._uri:
            self._stop("the document was closed")

    def _answered(self, flight: _InFlight, future: asyncio.Future[bool]) -> None:
        if self._in_flight is not flight:
            return
        applied = not future.cancelled() and future.exception() is None and future.result()
        flight.answered = True
        if flight.echoed:
            self._confirm(flight)
        elif applied:
            self._await_echo(flight)
        else:
            self._retry(flight, "the editor refused the edit")

    def _await_echo(self, flight: _InFlight) -> None:
        def echo_is_late() -> None:
            if self._in_flight is not flight:
                return
            why = "the editor said that it applied the edit, but the text did not change"
            if flight.echoed:
                flight.answered = True
                self._confirm(flight)
            elif self._profile.versions == "compared":
                self._retry(flight, why)
            else:
                # It may still come, and a second one would be applied all the same.
                self._take_for_users(flight, len(flight.heard))
                self._stop(why)

        flight.call_off = self._editor.later(self._profile.echo_seconds, echo_is_late)

    # -- whose change it is --------------------------------------------------------------------

    def _hear(self, splice: Splice, before: list[str], after: list[str]) -> None:
        """`splice` made `after` of `before`: the edit in flight, a part of it, or the user's."""
        flight = self._in_flight
        if flight is None or flight.echoed:
            self._follow_user(splice, before, after)
            return
        flight.heard.append(splice)
        if self._is_echo(flight, after) or self._is_astray(flight, after):
            return
        if len(flight.heard) > MAX_UNEXPLAINED or (
            len(flight.heard) == 1 and not self._reaches(flight, splice)
        ):
            self._take_for_users(flight, 1)

    def _reaches(self, flight: _InFlight, splice: Splice) -> bool:
        """Whether `splice` may be a part of the echo."""
        edits = self._place(flight.purpose, flight.batch, self._rebase, flight.text).edits
        return any(
            splice.first < edit.end and edit.start < splice.stop
            if splice.removed and edit.start < edit.end
            else splice.first <= edit.end and edit.start <= splice.stop
            for edit in edits
        )

    def _is_echo(self, flight: _InFlight, after: list[str]) -> bool:
        """Take what was heard for the edit in flight, if it did that; the user may come first."""
        rebase, text = self._rebase, flight.text
        for index, splice in enumerate(flight.heard):
            placed = self._place(flight.purpose, flight.batch, rebase, text)
            rest = flight.heard[index:]
            # A client that does not compare versions tells of an edit as of one change.  Several
            # that come to the same are what the user typed, and the edit put over it.
            may_be_all = len(rest) == 1 or self._profile.versions != "ignored"
            if may_be_all and explained(text, after, placed.edits, rest):
                self._accept(flight, placed, flight.heard[:index])
                return True
            before, text = text, splice.applied(text)
            rebase = rebase.copy()
            if rebase.follow(splice, before, text) != "goes on":
                return False
        return False

    def _is_astray(self, flight: _InFlight, after: list[str]) -> bool:
        """Take what was heard for the edit in flight, put where its lines were when it was sent."""
        if self._profile.versions != "ignored":
            return False
        text = flight.text
        for splice in flight.heard[:-1]:
            text = splice.applied(text)
        if same_lines(text, flight.document.lines.lines):
            return False
        if not same_lines(lines_after(text, flight.document, flight.changes), after):
            return False
        self._take_for_users(flight, len(flight.heard) - 1)
        flight.heard.clear()
        self._drop(flight)
        self._mend_later(text, after)
        return True

    def _mend_later(self, before: list[str], after: list[str]) -> None:
        """The client turned `before` into `after` with an edit that it should have refused."""
        logger.warning("the editor applied an edit to a newer text than it was made for")
        ledger, text = HunkLedger(), before
        for splice in refined(splice_between(before, after)):
            following = splice.applied(text)
            self._follow_user(splice, text, following)
            ledger.record(Hunk(splice.first, splice.removed, splice.added))
            text = following
        self._astray.append(ledger)
        self._give_up("the editor put a change over what you were typing; it was taken back")

    def _look_for_both(self, flight: _InFlight, after: list[str]) -> None:
        """Some clients tell of the edit and of what the user did as of one change."""
        placed = self._place(flight.purpose, flight.batch, self._rebase, flight.text)
        found = besides(flight.text, after, placed.edits) if placed.edits else None
        if found is None:
            return
        text, splices = found
        self._accept(flight, placed, ())
        for splice in splices:
            following = splice.applied(text)
            self._follow_user(splice, text, following)
            text = following

    def _take_for_users(self, flight: _InFlight, count: int) -> None:
        """The first `count` of what was heard are the user's after all."""
        for splice in flight.heard[:count]:
            before, flight.text = flight.text, splice.applied(flight.text)
            self._follow_user(splice, before, flight.text)
        del flight.heard[:count]

    def _follow_user(self, splice: Splice, before: list[str], after: list[str]) -> None:
        for ledger in self._astray:
            ledger.follow(splice.change)
        fate = self._rebase.follow(splice, before, after)
        if self._stopped is not None or self._conflict is not None:
            return
        if fate == "taken back":
            self._give_up("you took the change back", keep_rest=False)
        elif fate == "lost":
            self._give_up("you changed the same lines")

    # -- the machine ---------------------------------------------------------------------------

    def _pump(self) -> None:
        if self._conflict is not None or self._in_flight is not None or self._cooling is not None:
            return
        if self._hold or not self._pending:
            self._tell_idle()
            return
        if not self._turns.take(self._uri, self, self._pump):
            return
        batch, self._pending = self._pending, []
        self._sends = 0
        self._send("write", batch)

    def _place(
        self, purpose: Purpose, batch: Sequence[LineEdit], rebase: Rebase, lines: list[str]
    ) -> Placed:
        if purpose == "write":
            return rebase.place(batch, lines)
        if purpose == "take back":
            return rebase.take_back(lines)
        edits, _ = self._astray[-1].revert_all(lines)
        return rebase.displaced(edits, lines)

    def _send(self, purpose: Purpose, batch: list[LineEdit]) -> None:
        """Send what is to be done to the text as it stands; the turn is ours."""
        document = self._editor.document(self._uri)
        if document is None:
            self._stop("the document was closed")
            return
        lines = document.lines.lines
        placed = self._place(purpose, batch, self._rebase, lines)
        if not placed.intact:
            self._pending[:0] = batch
            self._give_up("you changed the same lines")
            return
        if not placed.edits:
            # All of it is held, or stands there already, or is the user's by now.
            self._done(purpose, placed)
            self._turns.give_back(self._uri, self)
            self._go_on()
            return
        changes = text_changes(document, self._rebase.first, placed.edits)
        flight = _InFlight(purpose, batch, document, changes, lines)
        self._in_flight = flight
        self._sends += 1
        undo: Undo = "continue" if self._ever_sent else "start"
        self._ever_sent = True
        answer = self._editor.send_edit(document, changes, undo)
        answer.add_done_callback(lambda future: self._answered(flight, future))

    def _accept(self, flight: _InFlight, placed: Placed, before: Sequence[Splice]) -> None:
        """The edit stands in the text; changes of the user's came `before` it."""
        own = [
            LineChange(edit.start, edit.end - edit.start, len(edit.lines))
            for edit in reversed(placed.edits)
        ]
        self._done(flight.purpose, placed)
        for ledger in self._astray:
            for change in (*(splice.change for splice in before), *own):
                ledger.follow(change)
        flight.heard.clear()
        flight.echoed = True
        self._confirm(flight)

    def _done(self, purpose: Purpose, placed: Placed) -> None:
        self._rebase = placed.after
        if purpose == "mend":
            self._astray.pop()

    def _confirm(self, flight: _InFlight) -> None:
        if not flight.answered:
            # The text is right; the answer is only a courtesy now.
            self._await_echo(flight)
            return
        self._drop(flight)
        self._turns.give_back(self._uri, self)
        if self._profile.edit_interval_seconds > 0 and not self._hold:
            self._cool_down()
        self._go_on()

    def _retry(self, flight: _InFlight, why: str) -> None:
        """The edit did not arrive: place it anew, in the text as it stands, and send it again."""
        self._take_for_users(flight, len(flight.heard))
        self._drop(flight)
        if self._stopped is not None:
            return
        document = self._editor.document(self._uri)
        is_newer = document is not None and document.version != flight.document.version
        if self._conflict is not None and flight.purpose != "mend":
            if self._keeps_rest:
                self._pending[:0] = flight.batch
            self._turns.give_back(self._uri, self)
            self._go_on()
        elif self._sends >= MAX_SENDS and not is_newer:
            self._stop(why)
        else:
            # A newer text is reason enough for a refusal: while somebody types elsewhere the edit
            # goes on being sent, each time against what has come in meanwhile.
            logger.info("an edit did not arrive and is sent once more: %s", why)
            if is_newer:
                self._sends = 0
            self._send(flight.purpose, flight.batch)

    def _go_on(self) -> None:
        if self._hears or self._stopped is not None:
            return
        if self._conflict is None:
            self._pump()
        else:
            self._wind_up()

    def _cool_down(self) -> None:
        def cooled() -> None:
            self._cooling = None
            self._pump()

        self._cooling = self._editor.later(self._profile.edit_interval_seconds, cooled)

    def _give_up(self, reason: str, *, keep_rest: bool = True) -> None:
        """Write nothing more; stop when the edit in flight has arrived or not."""
        if self._conflict is not None or self._stopped is not None:
            return
        self._conflict = reason
        self._keeps_rest = keep_rest
        if not keep_rest:
            self._pending.clear()
        if self.on_stop is not None:
            self.on_stop(reason)
        if self._in_flight is None:
            self._go_on()

    def _wind_up(self) -> None:
        """With nothing in flight any more: mend what went astray, offer the rest, and stop."""
        if self._stopped is not None or self._in_flight is not None:
            return
        if self._astray:
            if self._turns.take(self._uri, self, self._wind_up):
                self._sends = 0
                self._send("mend", [])
            return
        document = self._editor.document(self._uri)
        if document is not None:
            rest = self._rebase.place(self._pending, document.lines.lines, hold_all=True)
            self._rebase = rest.after
        self._stop("it was stopped")

    def _stop(self, reason: str) -> None:
        if self._stopped is not None:
            return
        tells = self._conflict is None
        self._stopped = self._conflict = self._conflict or reason
        if tells and self.on_stop is not None:
            self.on_stop(reason)
        self._pending.clear()
        if self._cooling is not None:
            self._cooling()
            self._cooling = None
        if self._in_flight is not None:
            self._drop(self._in_flight)
        self._turns.give_back(self._uri, self)
        self._tell_idle()

    def _drop(self, flight: _InFlight) -> None:
        """Nothing is in flight any more."""
        self._in_flight = None
        if flight.call_off is not None:
            flight.call_off()

    def _raise_if_stopped(self) -> None:
        if self._conflict is not None:
            raise Conflict(self._conflict)

    def _tell_idle(self) -> None:
        waiting, self._idle = self._idle, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def _drained(self) -> None:
        while self._stopped is None and (
            self._in_flight is not None or self._pending or self._conflict is not None
        ):
            await self._told()

    async def _told(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._idle.append(future)
        await future
