"""A layer round Claude: whatever it does not do itself, the one within does."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from kibitz.claude.values import Claude, Event, ModelFacts, Prompt, Purpose, Usage


class AroundClaude:
    """Implements `values.Claude` over another one; a layer overrides what it is there for."""

    def __init__(self, claude: Claude) -> None:
        self._claude = claude

    def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        """See `values.Claude`."""
        return self._claude.stream(prompt, purpose)

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        """See `values.Claude`."""
        return await self._claude.warm(prompt, purpose)

    async def count_tokens(self, prompt: Prompt) -> int | None:
        """See `values.Claude`.  Costs nothing, so no layer books or records it."""
        return await self._claude.count_tokens(prompt)

    async def models(self) -> tuple[ModelFacts, ...]:
        """See `values.Claude`.  Costs nothing, so no layer books or records it."""
        return await self._claude.models()

    async def preload(self) -> None:
        """Prepare for the first request: import what is slow."""
        preload = getattr(self._claude, "preload", None)
        if preload is not None:
            await preload()

    async def aclose(self) -> None:
        """See `values.Claude`."""
        await self._claude.aclose()
