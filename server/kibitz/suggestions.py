"""Completions on their way to one editor: at most one request in flight for each document.

In this order: what is shown already and typed along, what was made before, a stream that still
fits, a pause in the typing, and only then Claude.  A request that a newer one has overtaken is
answered with nothing at once, and a stream that fits nobody any more is closed.

Knows neither LSP nor Claude: who asks for a completion brings the way to ask.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from kibitz.completion.filters import polished, with_a_seam
from kibitz.completion.memory import Memory, along
from kibitz.completion.pace import Pace
from kibitz.completion.reader import CompletionReader, CutOffError
from kibitz.completion.spot import Spot
from kibitz.jobs import Jobs

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
        self._news = asyncio.get_running_loop().create_future()
        if not self.overtaken:
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
        self.waiters: set[_Waiter] = set()
        self.done = False
        self.was_stopped = False
        self.error: Exception | None = None
        self.task: asyncio.Task[None] | None = None

    def fits(self, spot: Spot) -> bool:
        """Whether what is coming may still be right at `spot`."""
        if self.done or not spot.before.startswith(self.spot.before):
            return False
        if not spot.after.endswith(self.spot.after):
            return False
        typed = spot.before[len(self.spot.before) :]
        text = with_a_seam(self.reader.text, self.spot)
        return text.startswith(typed) or typed.startswith(text)

    def tell(self) -> None:
        for waiter in list(self.waiters):
            waiter.wake()

    def stop(self) -> None:
        if not self.done and self.task is not None:
            self.task.cancel()


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
        self._shown: _Shown | None = None
        self._numbers = itertools.count(1)

    def typed(self) -> None:
        """The user has changed a text."""
        self._pace.typed(self._now())

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
        if (waiter := self._waiting.pop(uri, None)) is not None:
            waiter.overtake()
        if (flight := self._flights.pop(uri, None)) is not None:
            flight.stop()

    def recall(self, uri: str, spot: Spot) -> Suggestion | None:
        """What can be shown at `spot` without asking; whoever waits for this document goes on."""
        self._judge(uri, spot)
        return self._to_show(uri, spot, self._known(uri, spot))

    async def suggest(self, uri: str, spot: Spot, ask: Ask) -> Suggestion | None:
        """What is shown at `spot`; None for nothing, also where a newer request has come.

        Raises what `ask` raises.
        """
        self._judge(uri, spot)
        if spot.was_invoked and self._known(uri, spot) == "":
            # Who asks once more does not want to hear again that there is nothing.
            self._memory.forget(uri, spot)
        if (older := self._waiting.pop(uri, None)) is not None:
            older.overtake()
        waiter = self._waiting[uri] = _Waiter()
        try:
            text = await self._text(uri, spot, ask, waiter)
        finally:
            if self._waiting.get(uri) is waiter:
                del self._waiting[uri]
        return None if waiter.overtaken else self._to_show(uri, spot, text)

    def _to_show(self, uri: str, spot: Spot, text: str | None) -> Suggestion | None:
        if not text:
            return None
        self._shown = _Shown(f"s{next(self._numbers)}", uri, spot, text)
        return Suggestion(self._shown.id, text)

    async def _text(self, uri: str, spot: Spot, ask: Ask, waiter: _Waiter) -> str:
        has_paused = False
        while not waiter.overtaken:
            known = self._known(uri, spot)
            if known is not None:
                return known
            flight = self._flights.get(uri)
            if flight is not None and flight.fits(spot):
                await self._news_of(flight, waiter)
                if flight.error is not None:
                    raise flight.error
                if flight.was_stopped:
                    break
            elif not has_paused:
                if flight is not None:
                    flight.stop()
                has_paused = True
                await self._pause(self._pace.delay_seconds(spot, self._now()), waiter)
            else:
                self._start(uri, spot, ask)
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

    async def _news_of(self, flight: _Flight, waiter: _Waiter) -> None:
        flight.waiters.add(waiter)
        try:
            await waiter.wait()
        finally:
            flight.waiters.discard(waiter)
            if not flight.done and not flight.waiters:
                self._call_later(LINGER_SECONDS, lambda: self._stop_if_unwanted(flight))

    @staticmethod
    def _stop_if_unwanted(flight: _Flight) -> None:
        if not flight.waiters:
            flight.stop()

    def _start(self, uri: str, spot: Spot, ask: Ask) -> None:
        if (older := self._flights.get(uri)) is not None:
            older.stop()
        flight = self._flights[uri] = _Flight(uri, spot)
        flight.task = self._jobs.in_background(self._fly(flight, ask), "completion")

    async def _fly(self, flight: _Flight, ask: Ask) -> None:
        try:
            text = await self._read(flight, ask)
            self._memory.remember(flight.uri, flight.spot, polished(text, flight.spot))
        except asyncio.CancelledError:
            flight.was_stopped = True
            raise
        except Exception as error:  # noqa: BLE001 - told by whoever has asked
            flight.error = error
        finally:
            flight.done = True
            flight.tell()

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
        """What became of the suggestion that was shown last."""
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
