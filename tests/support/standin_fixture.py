"""A stand-in Messages API for tests: `standin` in async tests, `standin_in_thread` in sync ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from kibitz.standin import StandIn


@pytest_asyncio.fixture
async def standin() -> AsyncIterator[StandIn]:
    """A stand-in on the test's own event loop, with a clock that stands still."""
    async with StandIn() as running:
        yield running


@pytest.fixture
def standin_in_thread() -> Iterator[StandIn]:
    """A stand-in in a thread of its own, for sync tests and for processes that a test starts."""
    with StandIn.in_thread() as running:
        yield running
