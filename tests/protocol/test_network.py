"""Clients that connect: side by side, apart from each other, and never a browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kibitz.protocol import network
from support.raw_client import KIBITZ_TINY, RawClient, exists

TIMEOUT_SECONDS = 20.0
INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}


@contextlib.asynccontextmanager
async def listening(option: str, **environment: str) -> AsyncIterator[int]:
    """The port at which a process of the tiny server listens; it ends in order."""
    process = await asyncio.create_subprocess_exec(
        *KIBITZ_TINY,
        option,
        "127.0.0.1:0",
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    assert process.stderr is not None
    try:
        line = (await asyncio.wait_for(process.stderr.readline(), TIMEOUT_SECONDS)).decode()
        found = re.fullmatch(rf"kibitz listens on {option[2:]}://127\.0\.0\.1:(\d+)\n", line)
        assert found, line
        yield int(found[1])
        process.send_signal(signal.SIGTERM)
        rest = (await asyncio.wait_for(process.stderr.read(), TIMEOUT_SECONDS)).decode()
        assert await process.wait() == 0
        assert "Traceback" not in rest
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_tcp_clients_have_a_server_each() -> None:
    async with listening("--tcp") as port:
        async with (
            RawClient.connect(port, profile="neovim") as one,
            RawClient.connect(port, profile="vscode") as two,
        ):
            text = await one.open("file:///a.py", "one\n")
            assert await one.request("test/text", {"uri": text.uri}) == "one\n"
            assert await two.request("test/text", {"uri": text.uri}) is None
            assert (one.encoding, two.encoding) == ("utf-8", "utf-16")
            await one.close()
            assert await two.request("test/echo", [2]) == [2]
        async with RawClient.connect(port) as three:
            assert await three.request("test/text", {"uri": text.uri}) is None


async def test_a_tcp_client_that_hangs_up_stops_what_ran_for_it(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    async with listening("--tcp", KIBITZ_TEST_CLOSED=str(closed)) as port:
        async with RawClient.connect(port) as client:
            client.ask("test/wait", {})
            await client.hang_up()
            await exists(closed)
        async with RawClient.connect(port) as client:
            assert await client.request("test/echo", [1]) == [1]


async def test_a_big_burst_over_tcp() -> None:
    async with listening("--tcp") as port, RawClient.connect(port) as client:
        client.ask("test/burst", {"count": 1000, "size": 5000})
        assert await client.request("test/burstOfEdits", {"count": 100}) == 100
        assert len(client.notifications("test/burst")) == 1000


async def test_a_page_that_posts_to_the_tcp_port_reaches_nothing() -> None:
    async with listening("--tcp") as port:
        body = json.dumps(INITIALIZE).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", data=body, method="POST")
        with pytest.raises((urllib.error.URLError, OSError)):
            await asyncio.to_thread(urllib.request.urlopen, request, timeout=10)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        with contextlib.suppress(ConnectionResetError):  # What was not read may reset it.
            assert await asyncio.wait_for(reader.read(), TIMEOUT_SECONDS) == b""
        writer.close()


async def test_the_process_ends_while_clients_are_connected() -> None:
    async with listening("--tcp") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await asyncio.wait_for(reader.read(), TIMEOUT_SECONDS) == b""
    writer.close()


async def test_websocket_clients() -> None:
    async with listening("--ws") as port, connect(f"ws://127.0.0.1:{port}/") as socket:
        await socket.send(json.dumps(INITIALIZE))
        answer = await socket.recv()
        assert isinstance(answer, str)
        assert json.loads(answer)["result"]["serverInfo"]["name"] == "kibitz"
        await socket.send(b'{"jsonrpc":"2.0","id":2,"method":"test/echo","params":["\xc3\xbc"]}')
        assert json.loads(await socket.recv())["result"] == ["ü"]
        await socket.send(
            '{"jsonrpc":"2.0","id":3,"method":"test/burst","params":{"count":1000,"size":5000}}'
        )
        burst = [json.loads(await socket.recv()) for _ in range(1001)]
        assert burst[-1]["id"] == 3
        await socket.send("not JSON")
        assert json.loads(await socket.recv())["error"]["code"] == -32700
        await socket.send('{"jsonrpc":"2.0","id":4,"method":"shutdown"}')
        assert json.loads(await socket.recv()) == {"jsonrpc": "2.0", "id": 4, "result": None}
        await socket.send('{"jsonrpc":"2.0","method":"exit"}')
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), TIMEOUT_SECONDS)


@pytest.mark.parametrize("origin", ["https://example.org", "http://127.0.0.1", "null", "file://"])
async def test_a_page_in_a_browser_cannot_open_a_websocket(origin: str) -> None:
    async with listening("--ws") as port:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://127.0.0.1:{port}/", origin=origin):  # type: ignore[arg-type]
                pass
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        (":80", ("127.0.0.1", 80)),
        ("80", ("127.0.0.1", 80)),
        ("localhost:0", ("127.0.0.1", 0)),
        ("[::1]:80", ("::1", 80)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("example.org:65535", ("example.org", 65535)),
    ],
)
def test_addresses(address: str, expected: tuple[str, int]) -> None:
    assert network.parse_address(address) == expected


@pytest.mark.parametrize("address", ["", "host", "host:", "host:x", "host:-1", "host:65536", "1:²"])
def test_what_is_no_address(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        network.parse_address(address)
    assert network.run_tcp(lambda: pytest.fail("no server is wanted"), address) == 2
    assert "HOST:PORT" in capsys.readouterr().err


async def test_an_address_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    async with listening("--tcp") as port:
        address = f"127.0.0.1:{port}"
        for run in (network.run_tcp, network.run_ws):
            code = await asyncio.to_thread(run, lambda: pytest.fail("not reached"), address)
            assert code == 2
        assert "cannot listen" in capsys.readouterr().err


async def test_an_address_for_everybody_is_warned_about() -> None:
    argv = (*KIBITZ_TINY, "--tcp", "0.0.0.0:0")
    process = await asyncio.create_subprocess_exec(*argv, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    await asyncio.wait_for(process.stderr.readline(), TIMEOUT_SECONDS)
    assert b"spend money" in await asyncio.wait_for(process.stderr.readline(), TIMEOUT_SECONDS)
    process.terminate()
    assert await process.wait() == 0
