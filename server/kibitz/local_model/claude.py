"""A local model as `values.Claude`: started when it is first asked, ended with `aclose`."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

from kibitz.claude.values import (
    Claude,
    ClaudeFailure,
    Event,
    ModelFacts,
    Prompt,
    Purpose,
    Usage,
)
from kibitz.local_model import gguf, sizing
from kibitz.local_model.gguf import ModelFile, NotAModelError
from kibitz.local_model.sizing import Sizing
from kibitz_context.child import Child, ChildEnded

log = logging.getLogger(__name__)

_BINDING = "xllamacpp"
_MODULE = "kibitz.local_model.serve"
# How often it is told that the model is being loaded.
_TELLING_SECONDS = 0.5
# The reply's share of the window, at most.
_REPLY_SHARE = 4


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model and what it gets of this machine."""

    file: ModelFile
    sizing: Sizing

    @property
    def facts(self) -> ModelFacts:
        tokens = self.sizing.context_tokens
        return ModelFacts(
            self.file.name, max_input_tokens=tokens, max_output_tokens=tokens // _REPLY_SHARE
        )


class _Process(Child):
    """The process that serves the model."""

    def __init__(self) -> None:
        super().__init__(_MODULE)

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None


@dataclass(frozen=True, slots=True)
class _Running:
    child: _Process
    claude: Claude


class LocalModel:
    """Implements `values.Claude`.

    `connect` gives a Claude for an address and a key.  `path` is the user's; None, and a file that
    is no model, fail when something is asked.
    """

    def __init__(
        self,
        path: str | None,
        connect: Callable[[str, str], Claude],
        *,
        context_tokens: int = 0,
        threads: int = 0,
    ) -> None:
        self._path = path
        self._connect = connect
        self._context_tokens = context_tokens
        self._threads = threads
        self._chosen: Chosen | None = None
        self._starting: asyncio.Task[_Running] | None = None
        self._child: _Process | None = None
        self._closed = False

    def chosen(self) -> Chosen:
        """The model and its size, which stay the same once they were asked for.  Reads the head
        of the file.  Raises ClaudeFailure."""
        if self._chosen is None:
            if self._path is None:
                facts = {"cause": "setting", "setting": "local.model"}
                raise ClaudeFailure("no_credentials", facts={**facts, "platform": "compatible"})
            try:
                file = gguf.read(Path(self._path))
            except NotAModelError as error:
                raise _cannot("local_file", str(error)) from error
            size = sizing.size(
                file,
                free_bytes=sizing.free_memory_bytes(),
                n_cores=sizing.n_real_cores(),
                context_tokens=self._context_tokens,
                threads=self._threads,
            )
            self._chosen = Chosen(file, size)
        return self._chosen

    async def get_ready(self) -> AsyncGenerator[str, None]:
        """Load the model if need be; yields words for a progress on the way.  What is in the way
        is told by the request that follows."""
        try:
            loading = self._started()
            began = time.monotonic()
            while not loading.done():
                file = self.chosen().file
                seconds = time.monotonic() - began
                yield f"Loading {file.name}, {file.n_bytes / 1e9:.1f} GB … {seconds:.0f} s"
                await asyncio.wait([loading], timeout=_TELLING_SECONDS)
        except ClaudeFailure as failure:
            log.info("the local model cannot be loaded: %s", failure.kind)

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        """See `values.Claude`."""
        claude = await self._ready()
        async with contextlib.aclosing(claude.stream(prompt, purpose)) as events:
            async for event in events:
                yield event

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:  # noqa: ARG002 - nothing to do
        """A local model keeps its cache by itself, and pays for none of it."""
        raise ClaudeFailure(
            "bad_request", model=prompt.model, status=400, facts={"reason": "no_warming"}
        )

    async def count_tokens(self, prompt: Prompt) -> int | None:
        """See `values.Claude`.  A model that is not loaded does not count."""
        loading = self._starting
        if loading is None or not loading.done() or loading.cancelled() or loading.exception():
            return None
        return await loading.result().claude.count_tokens(prompt)

    async def models(self) -> tuple[ModelFacts, ...]:
        """The one model, which need not be loaded for it."""
        chosen = await asyncio.to_thread(self.chosen)
        self._require_binding()
        return (chosen.facts,)

    async def aclose(self) -> None:
        """End the process.  Streams that are open end as dropped."""
        self._closed = True
        starting, self._starting = self._starting, None
        child, self._child = self._child, None
        if child is not None:
            # Also in the middle of loading: then it hears nothing.
            await asyncio.to_thread(child.end)
        if starting is not None:
            (outcome,) = await asyncio.gather(starting, return_exceptions=True)
            if isinstance(outcome, _Running):
                await outcome.claude.aclose()
        if child is not None:
            await asyncio.to_thread(child.close)

    async def _ready(self) -> Claude:
        loading = self._started()
        # Who is cancelled while waiting leaves the loading to others.
        running = await asyncio.shield(loading)
        return running.claude

    def _started(self) -> asyncio.Task[_Running]:
        """The loading under way or done; begun anew after a failure or a crash."""
        if self._closed:
            raise ClaudeFailure("dropped", facts={"cause": "shut_down"})
        starting, crashed = self._starting, None
        if starting is not None and starting.done():
            if starting.cancelled() or starting.exception() is not None:
                starting = None
            elif starting.result().child.has_ended:
                log.warning("the local model's process has ended: it is started again")
                crashed, starting = starting.result(), None
        if starting is None:
            starting = self._starting = asyncio.create_task(self._start(crashed))
        return starting

    async def _start(self, crashed: _Running | None) -> _Running:
        if crashed is not None:
            await crashed.claude.aclose()
        self._require_binding()
        chosen = await asyncio.to_thread(self.chosen)
        key = secrets.token_urlsafe(32)
        before = self._child
        if before is not None:
            await asyncio.to_thread(before.close)
        try:
            child = self._child = await asyncio.to_thread(_Process)
            if self._closed:
                await asyncio.to_thread(child.close)
            child.send(
                {
                    "model": str(chosen.file.path),
                    "name": chosen.file.name,
                    "context_tokens": chosen.sizing.context_tokens,
                    "threads": chosen.sizing.threads,
                    "key": key,
                }
            )
            answer = await asyncio.to_thread(child.receive)
        except ChildEnded as error:
            if self._closed:
                raise ClaudeFailure("dropped", facts={"cause": "shut_down"}) from error
            raise _cannot("local", str(error)) from error
        address = answer.get("address")
        if not isinstance(address, str):
            await asyncio.to_thread(child.end)
            raise _cannot("local", str(answer.get("problem", "")))
        return _Running(child, self._connect(address, key))

    @staticmethod
    def _require_binding() -> None:
        if importlib.util.find_spec(_BINDING) is None:
            raise ClaudeFailure("no_credentials", facts={"cause": "extra", "extra": "local"})


def _cannot(cause: str, message: str) -> ClaudeFailure:
    return ClaudeFailure("network", message[:300], facts={"cause": cause})
