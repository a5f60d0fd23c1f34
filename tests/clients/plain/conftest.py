"""Each scene is played in every client: those that run here, and those that were recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.plain_clients import REAL, PlainClient
from support.recorded_client import WAYS, open_recorded
from support.workshop import EXAMPLE

FILES = {"prices.py": EXAMPLE}

NAMES = [*REAL, *WAYS]

OpenClient = Callable[[dict[str, str]], PlainClient]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The client's name, as in docs/editors.md."""
    return str(request.param)


@pytest.fixture
def opened(name: str, tmp_path: Path) -> Iterator[OpenClient]:
    """Opens the client in a repository that holds the given files, the first one shown."""
    with ExitStack() as stack:

        def open_it(files: dict[str, str]) -> PlainClient:
            if name in REAL:
                client = stack.enter_context(REAL[name](tmp_path, files))
            else:
                client = stack.enter_context(open_recorded(name, tmp_path, files))
            client.open(next(iter(files)))
            return client

        yield open_it


@pytest.fixture
def client(opened: OpenClient) -> PlainClient:
    """The client with `workshop.EXAMPLE` open as ``prices.py``."""
    return opened(FILES)
