"""Whole processes at pipes: how they begin, what they survive, and how they end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kibitz.protocol import transport
from kibitz.protocol.framing import FrameReader, frame
from kibitz.protocol.transport import Opening, PipeWriter
from support.desk import Desk
from support.raw_client import KIBITZ_TINY, RawClient, exists

PARSE_ERROR = -32700
NOT_INITIALIZED = -32002


async def test_shutdown_and_exit_end_with_0() -> None:
    async with RawClient.start(KIBITZ_TINY) as client:
        assert await client.request("test/echo", {"ü": "\U0001f600"}) == {"ü": "\U0001f600"}
        assert await client.close() == 0
        assert client.stderr == ""


async def test_exit_without_shutdown_ends_with_1() -> None:
    async with RawClient.start(KIBITZ_TINY) as client:
        client.notify("exit")
        assert await client.exit_code() == 1


async def test_exit_right_behind_shutdown_leaves_the_answer_its_time() -> None:
    async with RawClient.start(KIBITZ_TINY) as client:
        running = client.ask("test/wait", {})
        asked = client.ask("shutdown")
        client.notify("exit")
        assert await client.answer(asked) is None
        with pytest.raises(Exception, match="cancelled"):
            await client.answer(running)
        assert await client.exit_code() == 0
        client.check()


@pytest.mark.parametrize(("says_shutdown", "code"), [(False, 1), (True, 0)])
async def test_the_end_of_stdin_is_the_end(tmp_path: Path, says_shutdown: bool, code: int) -> None:
    closed = tmp_path / "closed"
    environment = {**os.environ, "KIBITZ_TEST_CLOSED": str(closed)}
    async with RawClient.start(KIBITZ_TINY, environment=environment) as client:
        client.ask("test/wait", {})
        if says_shutdown:
            await client.request("shutdown")
        assert await client.hang_up() == code
        assert closed.read_text() == "closed"


async def test_a_client_that_leaves_before_it_said_anything() -> None:
    async with RawClient.start(KIBITZ_TINY, initialize=False) as client:
        assert await client.hang_up() == 1


async def test_a_client_that_leaves_while_the_server_loads() -> None:
    async with RawClient.start(KIBITZ_TINY, initialize=False) as client:
        await client.request("initialize", {"capabilities": {}})
        assert await client.hang_up() == 1
        assert "Traceback" not in client.stderr


@pytest.mark.parametrize("thing", ["KIBITZ_TEST_CLOSE_HANGS", "test/blockAThread"])
async def test_nothing_keeps_the_process_alive(thing: str) -> None:
    environment = {**os.environ, "KIBITZ_TEST_CLOSE_HANGS": "1"} if thing.isupper() else None
    async with RawClient.start(KIBITZ_TINY, environment=environment) as client:
        if "/" in thing:
            await client.request(thing)
        assert await client.close() == 0


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGINT", "SIGHUP"])
async def test_signals_end_it_in_order(tmp_path: Path, signal_name: str) -> None:
    import signal

    closed = tmp_path / "closed"
    environment = {**os.environ, "KIBITZ_TEST_CLOSED": str(closed)}
    async with RawClient.start(KIBITZ_TINY, environment=environment) as client:
        await client.request("test/echo", [1])
        assert client.process is not None
        client.process.send_signal(getattr(signal, signal_name))
        assert await client.exit_code() == 1
        assert closed.exists()
        assert "Traceback" not in client.stderr


async def test_the_death_of_the_clients_process_ends_it() -> None:
    """Its descriptors live on, in this process; only `processId` tells."""
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent.parent)!r})\n"
        "from kibitz import front\n"
        "from kibitz.protocol import transport\n"
        "from support.tiny_server import create_server\n"
        "transport.CLIENT_POLL_SECONDS = 0.02\n"
        "sys.exit(front.serve_stdio(create_server))\n"
    )
    editor = await asyncio.create_subprocess_exec("sleep", "3600")
    async with RawClient.start((sys.executable, "-c", code), initialize=False) as client:
        await client.request("initialize", {"processId": editor.pid, "capabilities": {}})
        client.notify("initialized", {})
        await client.request("test/echo", [1])
        editor.kill()
        await editor.wait()
        assert await client.exit_code() == 1


@pytest.mark.parametrize("process_id", [None, 0, -1, 2**22 + 1, 2**80])
async def test_a_process_that_was_never_seen_here_is_not_missed(
    process_id: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client may be on another machine, or behind a container's wall."""
    monkeypatch.setattr(transport, "CLIENT_POLL_SECONDS", 0.001)
    desk = Desk()
    desk.ask("initialize", {"processId": process_id, "capabilities": {}})
    watching = asyncio.ensure_future(transport._watch_client(desk.server))
    await asyncio.wait([watching], timeout=0.05)
    assert not desk.server.ended.is_set()
    watching.cancel()


async def test_what_a_program_prints_does_not_get_between() -> None:
    async with RawClient.start(KIBITZ_TINY) as client:
        await client.request("test/print")
        assert await client.request("test/readStdin") == ""
        assert await client.close() == 0
        assert client.stderr == "stray\n"


async def test_bytes_that_are_no_message_are_answered_and_survived() -> None:
    async with RawClient.start(KIBITZ_TINY) as client:
        client.send_bytes(b"no header at all\r\n")
        client.send_bytes(b"Content-Length: 7\r\n\r\n{broken")
        client.send_bytes(b"Content-Length: 1e3\r\n\r\n{}")
        assert await client.request("test/echo", [1]) == [1]
        faults = [one["error"]["code"] for one in client.received if one.get("id", 0) is None]
        assert faults == [PARSE_ERROR] * 3


async def test_a_message_in_many_pieces() -> None:
    async with RawClient.start(KIBITZ_TINY, initialize=False) as client:
        initialize = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}'
        echo = b'{"jsonrpc":"2.0","id":2,"method":"test/echo","params":{"a":"\xc3\xbc"}}'
        for byte in frame(initialize) + frame(echo):
            client.send_bytes(bytes([byte]))
            await client.writer.drain()
        await client.wait_until(lambda: len(client.received) == 2)
        assert client.received[1]["result"] == {"a": "ü"}


async def test_a_very_long_message_and_answer() -> None:
    async with RawClient.start(KIBITZ_TINY) as client:
        text = "x" * 5_000_000
        assert await client.request("test/echo", {"text": text}) == {"text": text}


async def test_everything_at_once_is_answered_in_order() -> None:
    """What the client sent behind `initialize`, before any answer, is not lost."""
    async with RawClient.start(KIBITZ_TINY, initialize=False) as client:
        client.ask("initialize", {"capabilities": {}}, id="first")
        client.notify("initialized", {})
        for number in range(200):
            client.ask("test/echo", {"number": number}, id=number)
        await client.answer(199)
        assert [one["id"] for one in client.received] == ["first", *range(200)]


@pytest.mark.parametrize("first", ["test/echo", "shutdown"])
async def test_another_message_first(first: str) -> None:
    async with RawClient.start(KIBITZ_TINY, initialize=False) as client:
        with pytest.raises(Exception, match=str(NOT_INITIALIZED)):
            await client.request(first, [1])
        await client.initialize()
        assert await client.request("test/echo", [1]) == [1]


@pytest.mark.parametrize("params", [None, [], "text"])
async def test_an_unsound_initialize_first(params: object) -> None:
    async with RawClient.start(KIBITZ_TINY, initialize=False) as client:
        client.send_bytes(b"junk\r\n")
        with pytest.raises(Exception, match="-32602"):
            await client.request("initialize", params)
        await client.initialize()


async def test_exit_first() -> None:
    async with RawClient.start(KIBITZ_TINY, initialize=False) as client:
        client.notify("exit")
        assert await client.exit_code() == 1


async def test_a_client_that_stops_reading_for_good_does_not_keep_it(tmp_path: Path) -> None:
    async with RawClient.start(KIBITZ_TINY) as client:
        client.pause_reading()
        client.ask("test/burst", {"count": 1000, "size": 10_000})
        client.ask("test/touch", {"path": str(tmp_path / "touched")})
        await exists(tmp_path / "touched")
        client.ask("shutdown")
        client.notify("exit")
        assert client.process is not None
        async with asyncio.timeout(20):
            while client.process.returncode is None:  # `wait` would wait for the full pipe too.
                await asyncio.sleep(0.01)
        assert client.process.returncode == 0


def test_stdin_may_be_a_file(tmp_path: Path) -> None:
    """Nobody can wait for a regular file to become readable; a thread reads it."""
    said = tmp_path / "said"
    messages = [
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}',
        b'{"jsonrpc":"2.0","id":2,"method":"test/echo","params":{"a":"%s"}}' % (b"x" * 200_000),
        b'{"jsonrpc":"2.0","id":3,"method":"shutdown"}',
        b'{"jsonrpc":"2.0","method":"exit"}',
    ]
    said.write_bytes(b"".join(frame(message) for message in messages))
    with said.open("rb") as stdin:
        done = subprocess.run(KIBITZ_TINY, stdin=stdin, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    answers = FrameReader().feed(done.stdout)
    assert [len(item) > 100_000 for item in answers if isinstance(item, bytes)] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("closed", [0, 1])
def test_without_stdin_or_stdout_it_says_so(closed: int) -> None:
    argv = ["sh", "-c", f'exec "$0" "$1" {closed}<&-', *KIBITZ_TINY]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


async def test_the_writer_gives_a_client_up_that_lets_too_much_pile_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "MOST_WAITING_BYTES", 300_000)
    monkeypatch.setattr(transport, "FLUSH_SECONDS", 0.05)
    inlet, outlet = os.pipe()
    lost = asyncio.Event()
    writer = PipeWriter(outlet, lost.set)
    for _ in range(10):
        writer.write(b"x" * 60_000)
    assert lost.is_set()
    await writer.close()
    os.close(inlet)
    # The thread that still writes finds nobody there, and ends.
    await asyncio.wait_for(writer._done.wait(), 10)
    os.close(outlet)


async def test_the_writer_waits_for_a_pipe_that_is_not_blocking() -> None:
    inlet, outlet = os.pipe()
    os.set_blocking(outlet, False)
    writer = PipeWriter(outlet, lambda: None)
    data = os.urandom(500_000)
    writer.write(data)
    writer.write(b"end")
    closing = asyncio.ensure_future(writer.close())
    received = b""
    while len(received) < len(data) + 3:
        received += await asyncio.to_thread(os.read, inlet, 65536)
    assert received == data + b"end"
    await closing
    os.close(inlet)
    os.close(outlet)


async def test_the_writer_rests_between_what_came_before_and_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    happened: list[object] = []
    monkeypatch.setattr(transport, "_write_all", lambda outlet, data: happened.append(data))
    monkeypatch.setattr(transport.time, "sleep", happened.append)
    writer = PipeWriter(-1, lambda: None)
    writer.write(b"answer")
    writer.rest(0.5)
    writer.write(b"more")
    await writer.close()
    assert happened == [b"answer", 0.5, b"more"]


async def test_a_reader_in_a_thread_waits_until_each_chunk_is_taken() -> None:
    inlet, outlet = os.pipe()
    chunks: list[bytes] = []
    ended = asyncio.Event()

    def take(chunk: bytes) -> None:
        chunks.append(chunk)
        if not chunk:
            ended.set()

    transport._start_reading_in_thread(inlet, take)
    os.write(outlet, b"one")
    os.close(outlet)
    await asyncio.wait_for(ended.wait(), 10)
    assert b"".join(chunks) == b"one"
    os.close(inlet)


async def test_a_reader_in_a_thread_does_not_run_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[bytes] = []
    second = threading.Event()

    def read_some(inlet: int) -> bytes:
        reads.append(b"chunk" if len(reads) < 100_000 else b"")
        if len(reads) == 2:
            second.set()
        return reads[-1]

    monkeypatch.setattr(transport, "_read_some", read_some)
    stop = transport._start_reading_in_thread(-1, lambda chunk: None)
    # The loop stands still here, as it would while it is busy; a chunk more may wait at most.
    assert second.wait(10)
    time.sleep(0.05)
    assert len(reads) == 2
    stop()


async def test_talking_in_this_process() -> None:
    """`talk` needs no process of its own: two pipes do."""
    server_in, client_out = os.pipe()
    client_in, server_out = os.pipe()
    desk = Desk()
    initialize = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}'
    os.write(client_out, frame(initialize) + frame(b'{"jsonrpc":"2.0","method":"exit"}'))
    code = await transport.talk(lambda: desk.server, server_in, server_out, Opening(FrameReader()))
    assert code == 1
    assert b"positionEncoding" in os.read(client_in, 65536)
    for descriptor in (server_in, client_out, client_in, server_out):
        os.close(descriptor)
