"""Sends the edits of one region, one at a time, and waits until each stands in the text.

It knows neither clocks nor tasks of its own: the editor's answers, its changes and its timers
drive it, so that a test can put them into any order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from kibitz.delivery.alarm import Alarm
from kibitz.delivery.backlog import Backlog
from kibitz.delivery.editor import Answer, Editor, Undo
from kibitz.delivery.flight import MAX_UNEXPLAINED, Astray, Echo, Flight
from kibitz.delivery.standing import Purpose, Standing
from kibitz.edits.hunks import Hunk
from kibitz.edits.offers import Offer
from kibitz.edits.region import text_changes
from kibitz.edits.splices import Splice, splice_between
from kibitz.edits.values import LineEdit
from kibitz.open_documents import DocumentChange
from kibitz.pace import Pace
from kibitz.profiles import Profile
from kibitz.turns import Turns

logger = logging.getLogger(__name__)

MAX_SENDS = 2  # of one edit against one version


class Conflict(Exception):
    """The delivery has stopped; the text is as the user has it.  `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Delivery:
    """Streams the edits of one region into one document.

    `region_lines` are the document's lines ``[first_line, first_line + len)`` at the time of the
    request; edits refer to them by index.  With `hold` nothing is sent before `finish`.
    Deliveries into one editor share their `turns` and `pace`.
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
        pace: Pace | None = None,
    ) -> None:
        self._editor = editor
        self._turns = Turns() if turns is None else turns
        self._pace = Pace() if pace is None else pace
        self._profile = profile
        self._uri = uri
        self._standing = Standing(first_line, region_lines)
        self._backlog = Backlog(profile.held_lines)
        self._in_flight: Flight | None = None
        self._sends = 0
        self._hold = hold
        self._conflict: str | None = None
        self._keeps_rest = True
        self._stopped: str | None = None
        self._cooling = Alarm(editor, self._pump)  # since the edit before
        self._patience = Alarm(editor, self._lose_patience)  # since something waits
        self._was_patient = False
        self._has_written = False
        self._is_closing = False  # what comes now is the end
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

    @property
    def lines(self) -> tuple[int, int]:
        """The document's lines ``[first, stop)`` that the region has become."""
        region = self._standing.rebase
        return region.first, max(region.first, region.stop)

    def write(self, edits: Sequence[LineEdit], *, in_hunk: bool = False) -> None:
        """Take further edits, in order after those before.  Raises Conflict once stopped.

        `in_hunk`: the last one is a part of a hunk of which more may follow.
        """
        self._raise_if_stopped()
        self._backlog.add(edits, in_hunk=in_hunk)
        self._pump()

    async def flush(self) -> None:
        """Return when what was written so far stands in the editor, or is held back until the
        end.  Raises Conflict once stopped."""
        if not self._hold:
            self._backlog.close()
            self._pump()
            await self._drained()
        self._raise_if_stopped()

    async def finish(self) -> None:
        """Return when everything stands in the editor or is offered.  Raises Conflict otherwise."""
        self._hold, self._is_closing = False, True
        self._backlog.close()
        self._pump()
        await self._drained()
        self._raise_if_stopped()
        self._end_step()

    async def halt(self, reason: str) -> None:
        """Send nothing more; what stands in the editor stays, the edit in flight included."""
        if self._conflict is None:
            self._backlog.clear()
        try:
            # Not `asyncio.timeout`: the job is being cancelled, and before Python 3.11.3 the end
            # of the one looked like the other.
            await asyncio.wait_for(self._drained(), self._profile.echo_seconds)
        except TimeoutError:
            logger.info("the editor did not answer the last edit before the stop")
        self._stop(reason)

    async def restore(self) -> bool:
        """Put the region back to the original text; False where the user's text forbids it."""
        self._backlog.clear()
        self._hold = False
        await self._drained()
        while self._stopped is None and not self._turns.take(self._uri, self, self._tell_idle):
            await self._told()
        if self._stopped is not None:
            return False
        self._sends = 0
        self._send("take back", [])
        await self._drained()
        self._end_step()
        return self._stopped is None and not self._standing.hunks()

    def hunks(self) -> list[Hunk]:
        """What was written so far, top to bottom, where it stands now."""
        return self._standing.hunks()

    def offers(self) -> list[Offer]:
        """What was not written because the user had changed the lines, where it would stand."""
        document = self._editor.document(self._uri)
        return self._standing.offers(document.lines.lines) if document is not None else []

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
        steps = event.steps()
        if len(event.changes) > 1:
            before, after = event.before.lines.lines, event.after.lines.lines
            whole = splice_between(before, after)
            if self._hear_at_once(whole, after):
                return
            if len(event.changes) > MAX_UNEXPLAINED:
                steps = iter([(whole, before, after)])
        for splice, before, after in steps:
            self._hear(splice, before, after)
        flight = self._in_flight
        # A client that does not compare versions refuses nothing: before its answer the edit may
        # be still to come, and what resembles it is more likely the user's.
        if flight is not None and (flight.answered or self._profile.versions != "ignored"):
            self._hear_both(flight, event.after.lines.lines)

    def document_closed(self, uri: str) -> None:
        if uri == self._uri:
            self._stop("the document was closed")

    def _answered(self, flight: Flight, future: asyncio.Future[Answer]) -> None:
        if self._in_flight is not flight:
            return
        is_told = not future.cancelled() and future.exception() is None
        answer = future.result() if is_told else Answer(applied=False)
        flight.answered = True
        if answer.hidden and not self._is_closing:
            self._hold = True
        if flight.echoed:
            self._confirm(flight)
        elif answer.applied:
            self._await_echo(flight)
        else:
            self._retry(flight, "the editor refused the edit")

    def _hears_at_last(self, flight: Flight) -> bool:
        document = self._editor.document(self._uri)
        return document is not None and self._hear_both(flight, document.lines.lines)

    def _await_echo(self, flight: Flight) -> None:
        def echo_is_late() -> None:
            if self._in_flight is not flight:
                return
            why = "the editor said that it applied the edit, but the text did not change"
            if flight.echoed:
                flight.answered = True
                self._confirm(flight)
            elif self._profile.versions == "compared":
                self._retry(flight, why)
            elif not self._hears_at_last(flight):
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
        match flight.hear(splice, after, self._standing, self._profile):
            case Echo() as echo:
                self._accept(flight, echo)
            case Astray() as astray:
                self._mend_later(flight, astray)
            case None:
                if flight.is_first_the_users(self._standing):
                    self._take_for_users(flight, 1)

    def _hear_at_once(self, whole: Splice, after: list[str]) -> bool:
        """Take many changes that made `after` of the text for the edit in flight, if they are."""
        flight = self._in_flight
        if flight is None or flight.echoed or self._profile.versions == "ignored":
            return False
        heard = [*flight.heard, whole]
        echo = flight.echo(heard, after, self._standing, self._profile.versions)
        if echo is not None:
            self._accept(flight, echo)
        return echo is not None

    def _hear_both(self, flight: Flight, after: list[str]) -> bool:
        """Look in what was heard for the edit and changes of the user's, told of as of one."""
        echo = flight.both(after, self._standing) if flight.heard else None
        if echo is not None:
            self._accept(flight, echo)
        return echo is not None

    def _accept(self, flight: Flight, echo: Echo) -> None:
        """The edit stands in the text."""
        self._standing.done(flight.purpose, echo.placed, echo.text)
        self._turns.edited(self._uri, self)
        self._has_written = True
        flight.heard.clear()
        flight.echoed = True
        self._confirm(flight)
        text = echo.text
        for splice in echo.behind:
            following = splice.applied(text)
            self._follow_user(splice, text, following)
            text = following

    def _mend_later(self, flight: Flight, astray: Astray) -> None:
        """The client applied the edit to a newer text than it was made for."""
        logger.warning("the editor applied an edit to a newer text than it was made for")
        self._take_for_users(flight, len(flight.heard) - 1)
        flight.heard.clear()
        self._drop(flight)
        self._standing.went_astray(astray.before, astray.after)
        self._give_up("the editor put a change over what you were typing; it was taken back")

    def _take_for_users(self, flight: Flight, count: int) -> None:
        """The first `count` of what was heard are the user's after all."""
        for _ in range(count):
            self._follow_user(*flight.take_for_users())

    def _follow_user(self, splice: Splice, before: list[str], after: list[str]) -> None:
        fate = self._standing.follow_user(splice, before, after)
        if self._stopped is not None or self._conflict is not None:
            return
        if fate == "taken back":
            self._give_up("you took the change back", keep_rest=False)
        elif fate == "lost":
            self._give_up("you changed the same lines")

    # -- the machine ---------------------------------------------------------------------------

    def _pump(self) -> None:
        if self._conflict is not None or self._in_flight is not None or self._cooling.is_set:
            return
        if self._hold or not self._backlog:
            self._tell_idle()
            return
        if not self._turns.take(self._uri, self, self._pump):
            return
        interval = self._pace.interval_seconds(self._profile)
        batch = self._backlog.take(was_patient=self._was_patient or not interval)
        if not batch:
            self._turns.give_back(self._uri, self)
            if not self._was_patient:
                self._patience.set(interval)
            return
        self._patience.call_off()
        self._was_patient = False
        self._sends = 0
        self._cooling.set(interval)
        self._send("write", batch)

    def _lose_patience(self) -> None:
        self._was_patient = True
        self._pump()

    def _send(self, purpose: Purpose, batch: list[LineEdit]) -> None:
        """Send what is to be done to the text as it stands; the turn is ours."""
        document = self._editor.document(self._uri)
        if document is None:
            self._stop("the document was closed")
            return
        lines = document.lines.lines
        placed = self._standing.place(purpose, batch, lines)
        if not placed.intact:
            self._backlog.put_back(batch)
            self._give_up("you changed the same lines")
            return
        # In a text that has changed meanwhile whole lines are easier to find again.
        words = self._profile.compares(document.version)
        first = self._standing.first_line
        changes = text_changes(document, first, placed.edits, words=words)
        if not changes:
            # All of it is held, or stands there already, or is the user's by now.
            self._standing.done(purpose, placed, lines)
            self._turns.give_back(self._uri, self)
            self._go_on()
            return
        editor = self._editor
        flight = Flight(
            purpose, batch, document, changes, lines, placed, editor.encoding, editor.now()
        )
        self._in_flight = flight
        self._sends += 1
        # Where another job has written between, its step must not swallow ours.
        joins = self._turns.edited_last(self._uri, self)
        undo: Undo = "continue" if joins else "start"
        answer = editor.send_edit(document, changes, undo)
        answer.add_done_callback(lambda future: self._answered(flight, future))

    def _confirm(self, flight: Flight) -> None:
        if not flight.answered:
            # The text is right; the answer is only a courtesy now.
            self._await_echo(flight)
            return
        self._pace.took(self._editor.now() - flight.sent_at)
        self._drop(flight)
        self._turns.give_back(self._uri, self)
        self._go_on()

    def _retry(self, flight: Flight, why: str) -> None:
        """The edit did not arrive: place it anew, in the text as it stands, and send it again."""
        self._take_for_users(flight, len(flight.heard))
        self._drop(flight)
        if self._stopped is not None:
            return
        document = self._editor.document(self._uri)
        is_newer = document is not None and document.version != flight.document.version
        if self._conflict is not None and flight.purpose != "mend":
            if self._keeps_rest:
                self._backlog.put_back(flight.batch)
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

    def _give_up(self, reason: str, *, keep_rest: bool = True) -> None:
        """Write nothing more; stop when the edit in flight has arrived or not."""
        if self._conflict is not None or self._stopped is not None:
            return
        self._conflict = reason
        self._keeps_rest = keep_rest
        if not keep_rest:
            self._backlog.clear()
        if self.on_stop is not None:
            self.on_stop(reason)
        if self._in_flight is None:
            self._go_on()

    def _wind_up(self) -> None:
        """With nothing in flight any more: mend what went astray, offer the rest, and stop."""
        if self._stopped is not None or self._in_flight is not None:
            return
        if self._standing.needs_mending:
            if self._turns.take(self._uri, self, self._wind_up):
                self._sends = 0
                self._send("mend", [])
            return
        document = self._editor.document(self._uri)
        if document is not None:
            self._standing.hold(self._backlog.all, document.lines.lines)
        self._stop("it was stopped")

    def _stop(self, reason: str) -> None:
        if self._stopped is not None:
            return
        tells = self._conflict is None
        self._stopped = self._conflict = self._conflict or reason
        if tells and self.on_stop is not None:
            self.on_stop(reason)
        self._backlog.clear()
        self._cooling.call_off()
        self._patience.call_off()
        if self._in_flight is not None:
            self._drop(self._in_flight)
        self._turns.give_back(self._uri, self)
        self._end_step()
        self._tell_idle()

    def _end_step(self) -> None:
        """Tell a client that joins our edits into one undo step that this was the last."""
        document = self._editor.document(self._uri)
        if self._has_written and document is not None:
            self._editor.send_edit(document, (), "end")
        self._has_written = False

    def _drop(self, flight: Flight) -> None:
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
            self._in_flight is not None or self._backlog or self._conflict is not None
        ):
            await self._told()

    async def _told(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._idle.append(future)
        await future
