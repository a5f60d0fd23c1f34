"""One server for all tests that let the model say what it likes: its start is not free."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.llama_server import llama_server


@pytest.fixture(scope="session")
def model_url() -> Iterator[str]:
    with llama_server() as url:
        yield url
