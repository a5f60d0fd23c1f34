"""A Claude without a network, whose cache remembers what it was sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from kibitz.claude.values import (
    ClaudeFailure,
    Event,
    Finished,
    Prompt,
    Purpose,
    Started,
    TextDelta,
    Usage,
)


@dataclass
class Scripted:
    """Implements `Claude`: a cache that remembers the marked prefixes it was sent."""

    caches: bool = True
    prompts: list[Prompt] = field(default_factory=list)
    purposes: list[Purpose] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    warmed: list[tuple[Prompt, Purpose]] = field(default_factory=list)
    warming_fails: bool = False

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        self.prompts.append(prompt)
        self.purposes.append(purpose)
        usage = self.usage(prompt) if self.caches else Usage(input_tokens=1_000)
        yield Started("req_1", prompt.model, usage)
        yield TextDelta("Yes.")
        yield Finished("end_turn", None, usage, "req_1", prompt.model, 0.0)

    def usage(self, prompt: Prompt) -> Usage:
        text, read, written = "", 0, 0
        for block in prompt.system:
            text += block.text
            if block.marker is not None:
                if text in self.known:
                    read, written = len(text), 0
                else:
                    written = len(text) - read
                self.known.add(text)
        return Usage(10, read, 0, written, 1)

    async def models(self) -> tuple[object, ...]:
        return ()

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        self.warmed.append((prompt, purpose))
        if self.warming_fails:
            raise ClaudeFailure("overloaded")
        return self.usage(prompt)

    async def count_tokens(self, prompt: Prompt) -> int | None:
        return None

    async def aclose(self) -> None: ...
