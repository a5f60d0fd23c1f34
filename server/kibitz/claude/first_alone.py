"""First alone, then the rest: requests that would write the same cache entry go one at a time.

An entry can be read only after the response that writes it has begun, so of many requests at once
each would pay for writing it.  Here they wait until the first one's response has begun, or until
it has failed, when the next one goes.  Knows names of entries and nothing of prompts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

# A response that has not begun by then is not waited for any longer: writing an entry once more
# costs less than a user's patience.  Higher: one stuck request holds up the others; lower: a long
# cold prompt, which takes some seconds to read, is written twice.
LONGEST_HOLD_SECONDS = 30.0

Names = frozenset[Hashable]


class Turn:
    """A request that may be sent now.  `end` it when its response has begun or has failed."""

    def __init__(self, gate: FirstAlone, names: Names) -> None:
        self._gate = gate
        self._names = names

    def end(self) -> None:
        """Let those go that wait for this one.  Calling it again changes nothing."""
        names, self._names = self._names, frozenset()
        self._gate._written(names)


class FirstAlone:
    """The entries that are being written now, and who waits for them.  For one event loop.

    Nobody waits for a request that waits itself, so there is no deadlock.
    """

    def __init__(self, longest_hold_seconds: float = LONGEST_HOLD_SECONDS) -> None:
        self._longest_hold_seconds = longest_hold_seconds
        self._being_written: set[Hashable] = set()
        self._held: list[tuple[Callable[[], Names], asyncio.Future[Turn]]] = []

    @property
    def n_held(self) -> int:
        return len(self._held)

    async def turn(self, to_write: Callable[[], Names]) -> Turn:
        """A turn for a request that will write the entries `to_write()`, as soon as none of them
        is being written by another.

        It is asked again whenever another request's response has begun, since what that one has
        written need not be written any more.
        """
        turn = self._turn_now(to_write)
        if turn is not None:
            return turn
        future: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        held = (to_write, future)
        self._held.append(held)
        # It may get its turn in the very moment in which it stops waiting.
        try:
            async with asyncio.timeout(self._longest_hold_seconds):
                return await future
        except TimeoutError:
            return Turn(self, frozenset()) if future.cancelled() else future.result()
        except asyncio.CancelledError:
            if not future.cancelled():
                future.result().end()
            raise
        finally:
            if held in self._held:
                self._held.remove(held)

    def let_all_go(self) -> None:
        """Hold nobody any longer."""
        for _, future in self._held:
            if not future.done():
                future.set_result(Turn(self, frozenset()))
        self._held.clear()

    def _turn_now(self, to_write: Callable[[], Names]) -> Turn | None:
        names = to_write()
        if names & self._being_written:
            return None
        self._being_written |= names
        return Turn(self, names)

    def _written(self, names: Names) -> None:
        self._being_written -= names
        # In the order in which they came; each that goes may hold the ones behind it.
        for held in list(self._held):
            to_write, future = held
            if future.done():
                continue
            turn = self._turn_now(to_write)
            if turn is not None:
                future.set_result(turn)
                self._held.remove(held)
