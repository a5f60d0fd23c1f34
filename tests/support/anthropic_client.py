"""The SDK client against a server of raw bytes: one request, and all that it got."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.connection import Connection
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Event,
    Message,
    Prompt,
    Purpose,
    TextDelta,
)
from support.wire_server import (
    Step,
    WireServer,
    serving,
)

PROMPT = Prompt(
    tier="standard",
    model="claude-sonnet-5-5",
    system=(Block("Rules."),),
    messages=(Message("user", (Block("Question?"),)),),
    max_tokens=100,
)
PURPOSE = Purpose(action="explain")


@contextlib.asynccontextmanager
async def claude_at(
    url: str | None, **settings: object
) -> AsyncIterator[tuple[AnthropicClaude, list[float]]]:
    """A client, and the waits before its retries, which it does not really wait."""
    waits: list[float] = []

    async def no_sleep(seconds: float) -> None:
        waits.append(seconds)

    defaults: dict[str, object] = {"base_url": url, "api_key": "test-key"}
    connection = Connection(**{**defaults, **settings})  # type: ignore[arg-type]
    claude = AnthropicClaude(connection, sleep=no_sleep)
    try:
        yield claude, waits
    finally:
        await claude.aclose()


async def reply_to(
    *scripts: Sequence[Step],
    prompt: Prompt = PROMPT,
    purpose: Purpose = PURPOSE,
    **settings: object,
) -> tuple[list[Event], ClaudeFailure | None, list[float], WireServer]:
    """Everything that one request got: events, failure, waits before retries, the server."""
    events: list[Event] = []
    failure = None
    async with (
        serving(*scripts) as server,
        claude_at(server.url, **settings) as (claude, waits),
    ):
        try:
            async with contextlib.aclosing(claude.stream(prompt, purpose)) as stream:
                async for each in stream:
                    events.append(each)  # noqa: PERF401 - what came before a failure counts
        except ClaudeFailure as error:
            failure = error
    return events, failure, waits, server


async def failure_of(*scripts: Sequence[Step], **settings: object) -> ClaudeFailure:
    _, failure, _, _ = await reply_to(*scripts, **settings)  # type: ignore[arg-type]
    assert failure is not None
    return failure


async def read_all(claude: AnthropicClaude) -> list[Event]:
    return [each async for each in claude.stream(PROMPT, PURPOSE)]


def words(events: Sequence[Event]) -> str:
    return "".join(each.text for each in events if isinstance(each, TextDelta))
