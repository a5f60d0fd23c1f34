"""The first milliseconds: the answer comes before anything is loaded, and nothing is lost."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from kibitz import front
from kibitz.protocol import announce, network
from support.raw_client import KIBITZ_TINY, Profile, RawClient

NEVER_LOADED = (
    sys.executable,
    "-c",
    "import sys, time\nfrom kibitz import front\n"
    "def make():\n    sys.stderr.write('loading\\n')\n    time.sleep(3600)\n"
    "front.serve_stdio(make)",
)
NOT_LOADABLE = (
    sys.executable,
    "-c",
    "from kibitz import front\ndef make():\n    raise RuntimeError('broken')\n"
    "front.serve_stdio(make)",
)

TELLS_ITS_INTERVAL = (
    sys.executable,
    "-c",
    "import sys\nfrom kibitz import front\n"
    "def make():\n    raise RuntimeError(f'interval {sys.getswitchinterval()}')\n"
    "front.serve_stdio(make)",
)


async def test_initialize_is_answered_before_there_is_a_server() -> None:
    async with RawClient.start(NEVER_LOADED, profile="vscode", initialize=False) as client:
        capabilities = Profile.load("vscode").capabilities
        result = await client.request("initialize", {"capabilities": capabilities})
        assert result == announce.initialize_result({"capabilities": capabilities})


async def test_the_server_that_follows_knows_what_was_said() -> None:
    async with RawClient.start(KIBITZ_TINY, profile="eglot") as client:
        assert client.encoding == "utf-32"
        text = await client.open("a.py", "\U0001f600x\n")
        client.type(text, 1, "y")
        assert await client.request("test/text", {"uri": text.uri}) == "\U0001f600yx\n"
        assert [one["id"] for one in client.received].count(1) == 1


async def test_a_server_that_cannot_be_loaded_ends_with_a_reason() -> None:
    async with RawClient.start(NOT_LOADABLE, initialize=False) as client:
        await client.request("initialize", {"capabilities": {}})
        assert await client.exit_code() == 1
        assert "RuntimeError: broken" in client.stderr


async def test_the_loop_is_not_kept_waiting_by_a_thread_that_computes() -> None:
    async with RawClient.start(TELLS_ITS_INTERVAL, initialize=False) as client:
        await client.request("initialize", {"capabilities": {}})
        await client.exit_code()
        assert f"interval {front.SWITCH_INTERVAL_SECONDS}" in client.stderr


@pytest.fixture
def usual_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("usual_interval")
@pytest.mark.parametrize(
    ("serve", "run"), [(front.serve_tcp, "run_tcp"), (front.serve_ws, "run_ws")]
)
def test_nor_over_the_network(
    serve: Callable[..., int], run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[float] = []

    def running(*_: object) -> int:
        found.append(sys.getswitchinterval())
        return 0

    monkeypatch.setattr(network, run, running)
    assert serve("127.0.0.1:0", lambda: None) == 0
    assert found == [pytest.approx(front.SWITCH_INTERVAL_SECONDS)]
