"""Claude behind a breaker: what runs by itself is not sent while the endpoint is in trouble."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from kibitz.claude.around import AroundClaude
from kibitz.claude.breaker import Breaker
from kibitz.claude.values import Claude, Event, Finished, Prompt, Purpose, Usage


class GuardedClaude(AroundClaude):
    """Implements `values.Claude` over another one; `breaker` is that endpoint's."""

    def __init__(self, claude: Claude, breaker: Breaker) -> None:
        super().__init__(claude)
        self._breaker = breaker

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        """See `values.Claude`.  Raises ClaudeFailure "paused", see `Breaker.attempt`."""
        with self._breaker.attempt(prompt.model, purpose) as attempt:
            async with contextlib.aclosing(self._claude.stream(prompt, purpose)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        attempt.succeeded()
                    yield event

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        """See `values.Claude`.  Raises ClaudeFailure "paused", see `Breaker.attempt`."""
        with self._breaker.attempt(prompt.model, purpose) as attempt:
            usage = await self._claude.warm(prompt, purpose)
            if usage != Usage():
                attempt.succeeded()
            return usage
