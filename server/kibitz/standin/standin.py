"""The stand-in as a whole: listens on loopback, can be scripted, moved in time and asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Collection, Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from kibitz.standin.answer import Answering
from kibitz.standin.api import Api
from kibitz.standin.batches import MOST_BYTES
from kibitz.standin.cache import PromptCache
from kibitz.standin.clock import Clock
from kibitz.standin.control import Control
from kibitz.standin.entries import EntriesInFile
from kibitz.standin.errors import ApiError
from kibitz.standin.http import HttpConnection, HttpRequest, HttpResponse
from kibitz.standin.journal import Exchange, Journal
from kibitz.standin.limits import RateLimits, RateMeter
from kibitz.standin.pending import Pending
from kibitz.standin.reply import Gate, Place
from kibitz.standin.responder import respond
from kibitz.standin.script import MESSAGES_PATH, Answer, Predicate, Responder, Script
from kibitz.standin.script_file import ScriptFile

T = TypeVar("T")

logger = logging.getLogger(__name__)

BATCHES_PATH = f"{MESSAGES_PATH}/batches"
HOST = "127.0.0.1"
MAX_REQUEST_BYTES = 32 * 1024 * 1024


class StandIn:
    """A Messages API on loopback that answers from a script.

    In async code::

        async with StandIn() as standin:
            standin.enqueue(Reply("Hello"))
            client = AsyncAnthropic(base_url=standin.base_url, api_key="any")

    In sync code ``with StandIn.in_thread() as standin:`` does the same.  Everything public may be
    used from any thread.  Mistakes in a script (and bugs) are raised when the stand-in stops.

    `responder` answers what neither queue nor rule does.  `accepted_keys` None takes any key;
    each key has a prompt cache of its own.  `clock` stands still unless told otherwise.  With
    `cache_file` the prompt cache outlives the stand-in, and others share it; its entries live by
    the clock, so that one that follows real time goes with it.
    `pace_seconds` is for replies that have no pace of their own.  `control` opens the routes of
    `kibitz.standin.control`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        responder: Responder = respond,
        clock: Clock | None = None,
        accepted_keys: Collection[str] | None = None,
        rate_limits: RateLimits | None = None,
        max_request_bytes: int = MAX_REQUEST_BYTES,
        batch_seconds: float = 0.0,
        pace_seconds: float = 0.0,
        rendering_thinking_first: Collection[str] = (),
        control: bool = False,
        cache_file: Path | None = None,
    ) -> None:
        self.clock = clock if clock is not None else Clock()
        self.journal = Journal()
        self._script = Script(responder)
        self._cache = PromptCache(EntriesInFile(cache_file) if cache_file is not None else None)
        self._answering = Answering(self.clock, rendering_thinking_first, self._cache)
        self._api = Api(
            clock=self.clock,
            script=self._script,
            journal=self.journal,
            answering=self._answering,
            meter=RateMeter(rate_limits if rate_limits is not None else RateLimits()),
            accepted_keys=accepted_keys,
            batch_seconds=batch_seconds,
            pace_seconds=pace_seconds,
            base_url=lambda: self.base_url,
        )
        self._max_request_bytes = max_request_bytes
        self._control = Control(self.journal, self._script, self.clock) if control else None
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._mistakes: list[Exception] = []

    # Scripting

    def enqueue(self, *answers: Answer) -> None:
        """Replies for the next requests for a message, one each, in this order."""
        self._script.enqueue(*answers)

    def when(
        self,
        predicate: Predicate,
        answer: Answer,
        *,
        times: int | None = None,
        path: str = MESSAGES_PATH,
    ) -> None:
        """Answers requests that `predicate` is true of; a text is looked for in the last message.

        The rule made last is asked first, and the queue goes before all rules.  On other paths
        than that of messages only faults can be ordered.
        """
        self._script.when(predicate, answer, times=times, path=path)

    def load_script(self, script: ScriptFile) -> None:
        """Adds the replies and rules of a script file."""
        self._script.load(script)

    def reset_script(self) -> None:
        """Forgets the queue and the rules."""
        self._script.reset()

    @property
    def waiting_replies(self) -> int:
        """How many replies of the queue have not been taken."""
        return self._script.waiting

    # Gates

    def reached(self, at: Place | None = None) -> Pending[Exchange]:
        """A response that waits at a gate (or at the gate in that place)."""
        return self.journal.wait_for_hold(at)

    def release(self, gate: Gate | Place | None = None) -> None:
        """Opens a gate: the given one, that in the given place, or all where a response waits."""
        if isinstance(gate, Gate):
            gate.release()
        else:
            self.journal.release(gate)

    # Listening

    @property
    def base_url(self) -> str:
        """What an SDK takes as its base URL.  Raises RuntimeError before the start."""
        if not self._port or self._loop is None:
            raise RuntimeError("the stand-in has not been started")
        return f"http://{HOST}:{self._port}"

    def stop_listening(self) -> Pending[None]:
        """From now on connections are refused; open ones are closed.  Await it, or `.result()`."""
        return self._run(self._stop_listening(), "the stand-in to stop listening")

    def listen_again(self) -> Pending[None]:
        """Listens on the same port as before."""
        return self._run(self._listen(), "the stand-in to listen again")

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._listen()

    async def stop(self) -> None:
        """Ends everything.  Raises the first mistake that was found in a script."""
        await self._stop_listening()
        self._cache.close()
        self._loop = None
        if self._mistakes:
            raise self._mistakes[0]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            await self.stop()
            return
        # The mistake is often the reason for what went wrong in the body, which stays on top.
        await self._stop_listening()
        for mistake in self._mistakes:
            error.add_note(f"in the stand-in: {mistake!r}")
        self._mistakes.clear()
        await self.stop()

    @classmethod
    @contextlib.contextmanager
    def in_thread(cls, **options: Any) -> Iterator[Self]:
        """A stand-in that runs in a thread of its own.  `options` are those of the class."""
        standin = cls(**options)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="kibitz-standin", daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(standin.start(), loop).result()
            try:
                yield standin
            finally:
                asyncio.run_coroutine_threadsafe(standin.stop(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = HttpConnection(reader, writer, self._handle, self._most_bytes)
        task = asyncio.ensure_future(connection.serve())
        self._connections.add(task)
        task.add_done_callback(self._disconnected)

    def _most_bytes(self, target: str) -> int:
        is_batch = urlsplit(target).path == BATCHES_PATH
        return max(self._max_request_bytes, MOST_BYTES) if is_batch else self._max_request_bytes

    def _disconnected(self, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a connection of the stand-in failed", exc_info=error)

    async def _handle(self, request: HttpRequest, response: HttpResponse) -> None:
        try:
            if self._control is not None and self._control.is_meant(request):
                await self._control.handle(request, response)
            else:
                await self._api.handle(request, response)
        except ConnectionError:
            # The client went away in the middle of a write; the journal has it.
            raise
        except Exception as mistake:
            logger.exception("the stand-in could not answer")
            self._mistakes.append(mistake)
            if not response.started:
                body = json.dumps(ApiError(500, f"stand-in: {mistake}").body(None)).encode()
                await response.send(500, {"content-type": "application/json"}, body)

    def _run(self, work: Coroutine[Any, Any, T], what: str) -> Pending[T]:
        if self._loop is None:
            work.close()
            raise RuntimeError("the stand-in has not been started")
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return Pending(future, what)
