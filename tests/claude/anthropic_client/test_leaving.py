"""Whoever leaves a stream closes its connection."""

from __future__ import annotations

import asyncio

import pytest

from kibitz.claude.values import (
    ClaudeFailure,
    Started,
    TextDelta,
)
from support.anthropic_client import (
    PROMPT,
    PURPOSE,
    claude_at,
)
from support.wire_server import (
    BEGINNING,
    OPEN_ENDED,
    serving,
)


class TestLeaving:
    async def test_cancelling_closes_the_connection(self) -> None:
        async with (
            serving([OPEN_ENDED + BEGINNING, "stall"]) as server,
            claude_at(server.url) as (claude, _),
        ):
            got_text = asyncio.Event()

            async def consume() -> None:
                async for each in claude.stream(PROMPT, PURPOSE):
                    if isinstance(each, TextDelta):
                        got_text.set()

            task = asyncio.create_task(consume())
            async with asyncio.timeout(5):
                await got_text.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await server.client_left.wait()

    async def test_cancelling_before_the_first_byte_closes_the_connection(self) -> None:
        async with serving(["stall"]) as server, claude_at(server.url) as (claude, _):
            task = asyncio.create_task(anext(claude.stream(PROMPT, PURPOSE)))
            async with asyncio.timeout(5):
                while not server.requests:
                    await asyncio.sleep(0.005)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await server.client_left.wait()

    async def test_closing_the_iterator_closes_the_connection(self) -> None:
        async with (
            serving([OPEN_ENDED + BEGINNING, "stall"]) as server,
            claude_at(server.url) as (claude, _),
        ):
            stream = claude.stream(PROMPT, PURPOSE)
            assert isinstance(await anext(stream), Started)
            async with asyncio.timeout(5):
                await stream.aclose()
                await server.client_left.wait()

    async def test_shutdown_ends_open_streams_as_dropped(self) -> None:
        async with (
            serving([OPEN_ENDED + BEGINNING, "stall"]) as server,
            claude_at(server.url) as (claude, _),
        ):
            stream = claude.stream(PROMPT, PURPOSE)
            assert isinstance(await anext(stream), Started)
            assert await anext(stream) == TextDelta("Hel")
            waiting = asyncio.create_task(anext(stream))
            await asyncio.sleep(0)
            await claude.aclose()
            async with asyncio.timeout(5):
                with pytest.raises(ClaudeFailure) as caught:
                    await waiting
            assert caught.value.kind == "dropped"
            with pytest.raises(ClaudeFailure):
                await anext(claude.stream(PROMPT, PURPOSE))
