"""A client at two file descriptors: read without threads, written without ever blocking the loop.

Knows bytes, descriptors, signals and processes; of messages it knows only where they end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import select
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kibitz.protocol.framing import Fault, FrameReader, frame
from kibitz.protocol.pygls_mends import MendedServer

logger = logging.getLogger(__name__)

#: How much may wait for a client that does not read.  Higher: a stopped editor costs memory;
#: lower: one that is only slow is taken for gone.
MOST_WAITING_BYTES = 64 * 1024 * 1024

#: How long the last messages may take to leave.
FLUSH_SECONDS = 1.0

#: How long the process may take to end once everything was closed.
EXIT_SECONDS = 2.0

#: How often the client's process is looked for.  Its end closes stdin as a rule; this is for a
#: client whose descriptors live on in another process.
CLIENT_POLL_SECONDS = 3.0

_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Opening:
    """What was read before the server was there, and the `initialize` that was answered."""

    reader: FrameReader
    unread: Iterable[bytes | Fault] = ()
    answered: dict[str, Any] | None = None


def run_stdio(
    make_server: Callable[[], MendedServer], inlet: int, outlet: int, opening: Opening
) -> int:
    """Serve the client at two descriptors until it has gone; returns the exit code."""
    return run_to_the_end(talk(make_server, inlet, outlet, opening))


def run_to_the_end(main: Coroutine[Any, Any, int]) -> int:
    """Run `main`, whose result is the exit code; the process is then to end.

    Whatever still runs in threads has `EXIT_SECONDS` before it is ended with the process.
    """
    with asyncio.Runner() as runner:
        exit_code = runner.run(main)
        # Leaving the runner, and then the interpreter, waits for threads.
        last_resort = threading.Timer(EXIT_SECONDS, os._exit, (exit_code,))
        last_resort.daemon = True
        last_resort.start()
    return exit_code


async def talk(
    make_server: Callable[[], MendedServer], inlet: int, outlet: int, opening: Opening
) -> int:
    """Serve the client at two descriptors; returns the server's exit code."""
    server = make_server()
    writer = PipeWriter(outlet, server.ended.set)
    server.protocol.connect(lambda body: writer.write(frame(body)), writer.rest)
    if opening.answered is not None:
        server.protocol.replay_initialize(opening.answered)
    take_all(server, opening.unread)

    def take(chunk: bytes) -> None:
        if chunk:
            take_all(server, opening.reader.feed(chunk))
        else:
            server.ended.set()

    stop_reading = _start_reading(inlet, take)
    watching = asyncio.ensure_future(_watch_client(server))
    with signals_set(server.ended):
        await server.ended.wait()
    watching.cancel()
    stop_reading()
    await server.close()
    await server.protocol.disconnect()
    await writer.close()
    return server.exit_code


def take_all(server: MendedServer, items: Iterable[bytes | Fault]) -> None:
    """Give the server what was read, up to the message that ends it."""
    for item in items:
        if server.ended.is_set():
            return
        if isinstance(item, Fault):
            server.protocol.receive_fault(item.reason)
        else:
            server.protocol.receive(item)


def _start_reading(inlet: int, take: Callable[[bytes], None]) -> Callable[[], None]:
    """Call `take` with each chunk, and with ``b""`` at the end; returns the way to stop."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        chunk = _read_some(inlet)
        if not chunk:
            loop.remove_reader(inlet)
        take(chunk)

    try:
        loop.add_reader(inlet, read)
    except (NotImplementedError, OSError):
        # Windows has no readiness for pipes, and nobody has it for a regular file.
        return _start_reading_in_thread(inlet, take)

    def stop() -> None:
        loop.remove_reader(inlet)

    return stop


def _start_reading_in_thread(inlet: int, take: Callable[[bytes], None]) -> Callable[[], None]:
    loop = asyncio.get_running_loop()
    is_taken = threading.Semaphore()
    stopped = threading.Event()

    def take_one(chunk: bytes) -> None:
        is_taken.release()
        if not stopped.is_set():
            take(chunk)

    def read() -> None:
        chunk = b"-"
        while chunk and not stopped.is_set():
            chunk = _read_some(inlet)
            is_taken.acquire()  # One chunk at a time: the rest waits in the pipe.
            with contextlib.suppress(RuntimeError):  # The loop was closed meanwhile.
                loop.call_soon_threadsafe(take_one, chunk)

    threading.Thread(target=read, name="kibitz-stdin", daemon=True).start()
    return stopped.set


def _read_some(inlet: int) -> bytes:
    try:
        return os.read(inlet, _CHUNK_BYTES)
    except OSError:
        return b""  # A client that is gone may show as an error as well as an end.


class PipeWriter:
    """Writes to a descriptor from a thread of its own, in order, so that no caller ever waits.

    `lost` is called on the event loop when the client can no longer be written to, or has let
    `MOST_WAITING_BYTES` pile up.
    """

    def __init__(self, outlet: int, lost: Callable[[], None]) -> None:
        self._outlet = outlet
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        #: Bytes, seconds to rest, or None at the end.
        self._waiting: queue.SimpleQueue[bytes | float | None] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._is_broken = False
        self._done = asyncio.Event()
        threading.Thread(target=self._run, name="kibitz-stdout", daemon=True).start()

    def write(self, data: bytes) -> None:
        """Send `data` after all that was given before; returns at once."""
        with self._lock:
            if self._is_broken:
                return
            self._waiting_bytes += len(data)
            self._is_broken = self._waiting_bytes > MOST_WAITING_BYTES
        if self._is_broken:
            logger.error("The client reads nothing any more; the connection is given up")
            self._lost()
        else:
            self._waiting.put(data)

    def rest(self, seconds: float) -> None:
        """Send what is given from now on no sooner than that after what was given before."""
        self._waiting.put(seconds)

    async def close(self) -> None:
        """Let what waits leave, for `FLUSH_SECONDS` at most, and write nothing any more."""
        self._waiting.put(None)
        try:
            await asyncio.wait_for(self._done.wait(), FLUSH_SECONDS)
        except TimeoutError:
            logger.warning("The client did not read the last messages")

    def _run(self) -> None:
        try:
            while (data := self._waiting.get()) is not None:
                if isinstance(data, float):
                    time.sleep(data)
                    continue
                _write_all(self._outlet, data)
                with self._lock:
                    self._waiting_bytes -= len(data)
        except OSError:
            with self._lock:
                self._is_broken = True
            self._tell(self._lost)
        self._tell(self._done.set)

    def _tell(self, callback: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # The loop was closed meanwhile.
            self._loop.call_soon_threadsafe(callback)


def _write_all(outlet: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(outlet, view) :]
        except BlockingIOError:
            # Another owner of the same pipe has made it non-blocking.
            select.select([], [outlet], [])


@contextlib.contextmanager
def signals_set(event: asyncio.Event) -> Iterator[None]:
    """Let the signals that ask a process to end set `event` instead of ending it at once."""
    loop = asyncio.get_running_loop()
    taken = []
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            # Not on Windows, and not outside the main thread.
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, event.set)
                taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


async def _watch_client(server: MendedServer) -> None:
    """End the server when the client's process, once seen alive on this machine, is gone."""
    was_seen = False
    while True:
        is_alive = server.process_id is not None and _is_alive(server.process_id)
        if was_seen and not is_alive:
            logger.warning("The client's process is gone")
            server.ended.set()
            return
        was_seen = is_alive
        await asyncio.sleep(CLIENT_POLL_SECONDS)


def _is_alive(process_id: int) -> bool:
    if os.name != "posix" or process_id <= 0:
        return False  # On Windows, asking by `os.kill` would end the process.
    try:
        os.kill(process_id, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
