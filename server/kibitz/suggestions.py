"""Completions on their way to one editor: at most one request in flight for each document.

In this order: what is shown already and typed along, what was made before, a stream that still
fits, a pause in the typing, and only then Claude.  A request that a newer one has overtaken, or
whose text has changed, is answered with nothing at once; a stream that fits nobody any more is
closed, and only when it is closed the next one begins.

Knows neither LSP nor Claude: who asks for a completion brings the way to ask.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from kibitz.completion.filters import polished, with_a_seam
from kibitz.completion.memory import Memory, along, closed_by_editor
from kibitz.completion.pace import Pace
from kibitz.completion.reader import CompletionReader, CutOffError
from kibitz.completion.spot import Spot
from kibitz.jobs import Jobs

logger = logging.getLogger(__name__)

# A stream that nobody waits for any more is read on for so long: the next request, one character
# later, may well fit it.  Higher: more output is paid for in vain.
LINGER_SECONDS = 1.5

Ask = Callable[[Spot], AsyncGenerator[str, None]]
"""Gives the pieces of Claude's reply.  Closing it ends the request.

Raises CutOffError at the end of a reply that the token limit has cut off, and whatever it likes
where there is no reply."""


class Timer(Protocol):
    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Timer]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text for the cursor's place.  `id` is for telling that it was taken."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class _Shown:
    id: str
    uri: str
    spot: Spot
    text: str


class _Waiter:
    """One request that waits: for a pause, for news of a stream, or to be overtaken."""

    def __init__(self) -> None:
        self.overtaken = False
        self._news: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        if not self.overtaken:
            self._news = asyncio.get_running_loop().create_future()
            await self._news

    def wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def overtake(self) -> None:
        self.overtaken = True
        self.wake()


class _Flight:
    """One request to Claude, and who waits for it."""

    def __init__(self, uri: str, spot: Spot) -> None:
        self.uri = uri
        self.spot = spot
        self.reader = CompletionReader(spot)
        self.waiter: _Waiter | None = None
        self.done = False
        self.was_stopped = False
        self.error: Exception | None = None
        self.task: asyncio.Task[None] | None = None
        self.linger: Timer | None = None

    def fits(self, spot: Spot) -> bool:
        """Whether what is coming may still be right at `spot`."""
        if self.done or self.was_stopped or not spot.before.startswith(self.spot.before):
            return False
        typed = spot.before[len(self.spot.before) :]
        if self.spot.after not in closed_by_editor(spot.after, len(typed)):
            return False
        text = with_a_seam(self.reader.text, self.spot)
        return text.startswith(typed) or typed.startswith(text)

    def tell(self) -> None:
        if self.waiter is not None:
            self.waiter.wake()

    def stop(self) -> None:
        """Close the stream.  Asked once: to be cancelled again would interrupt the closing."""
        if not self.was_stopped and not self.done and self.task is not None:
            self.task.cancel()
        self.was_stopped = True


class Suggestions:
    """The completions of one connection.  Touched on the event loop only.

    `later` calls something after so many seconds; `now` is a monotonic clock.
    """

    def __init__(
        self,
        jobs: Jobs,
        *,
        later: Later | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._later = later
        self._now = now
        self._memory = Memory()
        self._pace = Pace()
        self._waiting: dict[str, _Waiter] = {}
        self._flights: dict[str, _Flight] = {}
        self._aloft: dict[str, set[asyncio.Future[None]]] = {}  # with those that are being closed
        self._shown: _Shown | None = None
        self._numbers = itertools.count(1)

    def typed(self, uri: str) -> None:
        """The user has changed a text: what was asked for it as it was is answered."""
        self._pace.typed(self._now())
        self._overtake(uri)

    def accepted(self, suggestion_id: str) -> bool:
        """The user has taken a suggestion; False for one that is not known."""
        shown = self._shown
        if shown is None or shown.id != suggestion_id:
            return False
        self._pace.accepted(self._now())
        self._shown = None
        return True

    def close(self, uri: str) -> None:
        """The document is gone."""
        self._overtake(uri)
        if (flight := self._flights.get(uri)) is not None:
            flight.stop()
        if self._shown is not None and self._shown.uri == uri:
            self._shown = None

    @asynccontextmanager
    async def alone(self, uri: str) -> AsyncIterator[None]:
        """While it is entered, somebody else asks Claude for the document: a stream that runs is
        closed first, and the next one begins after it."""
        self._overtake(uri)
        if (flight := self._flights.get(uri)) is not None:
            flight.stop()
        aloft = self._aloft.setdefault(uri, set())
        before = set(aloft)
        here: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        aloft.add(here)
        try:
            if before:
                await asyncio.wait(before)
            yield
        finally:
            here.set_result(None)
            self._leave(uri, here)

    def suggest(
        self, uri: str, spot: Spot, ask: Ask | None
    ) -> Coroutine[Any, Any, Suggestion | None]:
        """What is shown at `spot`; None for nothing, also where a newer request has come or the
        text has changed.  Without `ask` it is what costs nothing: what is known, or what a stream
        brings that runs already.

        The request counts from the call on, not from when the result is awaited.
        Raises what `ask` raises.
        """
        self._judge(uri, spot)
        while spot.was_invoked and self._known(uri, spot) == "":
            # Who asks once more does not want to hear again that there is nothing.
            self._memory.forget(uri, spot)
        self._overtake(uri)
        waiter = self._waiting[uri] = _Waiter()
        return self._suggestion(uri, spot, ask, waiter)

    async def _suggestion(
        self, uri: str, spot: Spot, ask: Ask | None, waiter: _Waiter
    ) -> Suggestion | None:
        try:
            text = await self._text(uri, spot, ask, waiter)
        finally:
            if self._waiting.get(uri) is waiter:
                del self._waiting[uri]
        if not text:
            return None
        self._shown = _Shown(f"s{next(self._numbers)}", uri, spot, text)
        return Suggestion(self._shown.id, text)

    def _overtake(self, uri: str) -> None:
        if (older := self._waiting.pop(uri, None)) is not None:
            older.overtake()

    async def _text(self, uri: str, spot: Spot, ask: Ask | None, waiter: _Waiter) -> str:
        has_paused = False
        while not (waiter.overtaken or self._jobs.is_closed):
            known = self._known(uri, spot)
            if known is not None:
                return known
            flight = self._flights.get(uri)
            if flight is not None and flight.fits(spot):
                await self._landing(flight, spot, waiter)
                if waiter.overtaken or flight.was_stopped:
                    break
                if flight.error is not None:
                    raise flight.error
                continue
            if flight is not None:
                flight.stop()
            if ask is None:
                break
            if has_paused:
                self._start(uri, spot, ask)
            else:
                has_paused = True
                await self._pause(self._pace.delay_seconds(spot, self._now()), waiter)
        return ""

    def _known(self, uri: str, spot: Spot) -> str | None:
        """What can be shown without asking."""
        shown = self._shown
        if shown is not None and shown.uri == uri and spot.before.startswith(shown.spot.before):
            typed = spot.before[len(shown.spot.before) :]
            if spot.after == shown.spot.after and along(shown.text, typed):
                return shown.text[len(typed) :]
        found = self._memory.find(uri, spot)
        if found is None:
            return None
        # Brackets that the editor has closed meanwhile are not to be closed again.
        return polished(found.text, spot) if found.typed else found.text

    async def _pause(self, seconds: float, waiter: _Waiter) -> None:
        if seconds <= 0.0:
            return
        timer = self._call_later(seconds, waiter.wake)
        try:
            await waiter.wait()
        finally:
            timer.cancel()

    async def _landing(self, flight: _Flight, spot: Spot, waiter: _Waiter) -> None:
        """Wait for the end of a stream, as long as it fits.  Once nobody waits any more it goes
        on for a while."""
        flight.waiter = waiter
        if flight.linger is not None:
            flight.linger.cancel()
            flight.linger = None
        try:
            while not waiter.overtaken and flight.fits(spot):
                await waiter.wait()
        finally:
            if flight.waiter is waiter:
                flight.waiter = None
                if not flight.done:
                    flight.linger = self._call_later(LINGER_SECONDS, flight.stop)

    def _start(self, uri: str, spot: Spot, ask: Ask) -> None:
        flight = self._flights[uri] = _Flight(uri, spot)
        aloft = self._aloft.setdefault(uri, set())
        task = self._jobs.in_background(self._fly(flight, ask, set(aloft)), "completion")
        aloft.add(task)
        # Also where it was cancelled before it began.
        task.add_done_callback(lambda task: self._landed(flight, task))
        flight.task = task

    async def _fly(self, flight: _Flight, ask: Ask, before: set[asyncio.Future[None]]) -> None:
        try:
            if before:
                # One stream at a time: those are being closed.
                await asyncio.wait(before)
            text = await self._read(flight, ask)
            self._memory.remember(flight.uri, flight.spot, polished(text, flight.spot))
        except asyncio.CancelledError:
            flight.was_stopped = True
            raise
        except Exception as error:  # noqa: BLE001 - told by whoever has asked
            flight.error = error
            if flight.waiter is None:
                logger.info("a completion that nobody waits for: %s", type(error).__name__)

    def _landed(self, flight: _Flight, task: asyncio.Task[None]) -> None:
        flight.done = True
        self._leave(flight.uri, task)
        if flight.linger is not None:
            flight.linger.cancel()
        if self._flights.get(flight.uri) is flight:
            del self._flights[flight.uri]
        flight.tell()

    def _leave(self, uri: str, one: asyncio.Future[None]) -> None:
        aloft = self._aloft[uri]
        aloft.discard(one)
        if not aloft:
            del self._aloft[uri]

    @staticmethod
    async def _read(flight: _Flight, ask: Ask) -> str:
        """The completion of a reply, as far as it is wanted."""
        reader = flight.reader
        try:
            async with aclosing(ask(flight.spot)) as pieces:
                async for piece in pieces:
                    reader.feed(piece)
                    if reader.has_enough:
                        return reader.text
                    flight.tell()
        except CutOffError:
            reader.finish(closed=False)
            return reader.whole_lines
        reader.finish(closed=True)
        return reader.text

    def _judge(self, uri: str, spot: Spot) -> None:
        """What became of the suggestion that was shown last.

        Who only goes elsewhere, or deletes what stood before it, has said nothing of it: to take
        that for a refusal halves what is shown in recorded typing.
        """
        shown = self._shown
        if shown is None:
            return
        if shown.uri == uri and spot.before.startswith(shown.spot.before):
            typed = spot.before[len(shown.spot.before) :]
            if along(shown.text, typed):
                return  # still shown, or taken in part
            if typed.startswith(shown.text):
                self._pace.accepted(self._now())
            else:
                self._pace.rejected(self._now())
        self._shown = None

    def _call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        if self._later is not None:
            return self._later(seconds, callback)
        return asyncio.get_running_loop().call_later(seconds, callback)
