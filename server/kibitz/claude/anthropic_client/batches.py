"""Message batches over the SDK's client of an `AnthropicClaude`: its connection, its credentials.

Requests are asked once: what may be sent again, and when, is decided by those who know what has
become of them (`batch_runner`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

from kibitz.claude import faults
from kibitz.claude.anthropic_client.client import AnthropicClaude
from kibitz.claude.anthropic_client.failures import failure_of
from kibitz.claude.anthropic_client.opened import Opened
from kibitz.claude.batching.batches import (
    MOST_BYTES,
    MOST_REQUESTS,
    Batch,
    BatchRequest,
    BatchResult,
    read_batch,
    read_result,
)
from kibitz.claude.prompts import wire
from kibitz.claude.reply import MalformedReplyError
from kibitz.claude.values import Block, ClaudeFailure, Prompt

T = TypeVar("T")

LOOKING_SECONDS = 60.0
# A chunk of tens of megabytes over a slow line.
SUBMITTING_SECONDS = 900.0
PAGE = 100

_STATUS_WITHOUT_BATCHES = frozenset({404, 405, 501})

_PATH = "/v1/messages/batches"
# What a request has besides its texts: names of fields, braces, the custom id.
_FRAME_BYTES = 512


class AnthropicBatches:
    """Implements `batches.BatchService`."""

    def __init__(self, claude: AnthropicClaude) -> None:
        self._claude = claude
        self._sizes: dict[tuple[Block, ...], int] = {}

    def request_bytes(self, request: BatchRequest) -> int:
        """See `BatchService`.  A prefix that thousands of them share is measured once."""
        prompt = request.prompt
        prefix = self._sizes.get(prompt.system)
        if prefix is None:
            prefix = len(json.dumps([block.text for block in prompt.system]).encode())
            prefix += len(json.dumps([dict(tool.input_schema) for tool in prompt.tools]).encode())
            prefix += sum(len(tool.description.encode()) + 200 for tool in prompt.tools)
            self._sizes = {prompt.system: prefix + 100 * len(prompt.system)}
            prefix = self._sizes[prompt.system]
        said = self._arguments(replace(prompt, system=(), tools=()))["messages"]
        return prefix + len(json.dumps(said).encode()) + _FRAME_BYTES

    async def submit(self, requests: Sequence[BatchRequest]) -> Batch:
        """See `BatchService`.  Raises ValueError for more than the API takes at once."""
        if not 0 < len(requests) <= MOST_REQUESTS:
            raise ValueError(f"a batch of {len(requests)} requests")
        body = [
            {"custom_id": each.custom_id, "params": self._arguments(each.prompt)}
            for each in requests
        ]
        if sum(map(self.request_bytes, requests)) > MOST_BYTES:
            raise ValueError("a batch of more bytes than the API takes")

        async def send(client: Opened) -> Batch:
            answer = await client.sdk.messages.batches.with_raw_response.create(
                requests=body,  # type: ignore[arg-type]
                extra_headers=client.extra_headers,
                timeout=SUBMITTING_SECONDS,
            )
            return read_batch(json.loads(await answer.text()))

        return await self._asking(send, SUBMITTING_SECONDS, requests[0].prompt.model)

    async def look(self, batch_id: str) -> Batch:
        """See `BatchService`."""

        async def send(client: Opened) -> Batch:
            answer = await client.sdk.messages.batches.with_raw_response.retrieve(
                batch_id, extra_headers=client.extra_headers
            )
            return read_batch(json.loads(await answer.text()))

        return await self._asking(send, LOOKING_SECONDS)

    async def newer_than(self, batch_id: str | None) -> AsyncGenerator[Batch, None]:
        """See `BatchService`."""
        last: str | None = None
        while True:
            page = await self._page(last)
            for batch in page:
                if batch.id == batch_id:
                    return
                yield batch
            if len(page) < PAGE:
                return
            last = page[-1].id

    async def results(self, batch_id: str) -> AsyncGenerator[BatchResult, None]:
        """See `BatchService`.

        They are asked for at their documented path.  The address in the batch's description is
        the endpoint's word, and credentials go to no place that it names.
        """
        client = await self._claude.client.get("")
        asked = self._claude._asked("", client)
        try:
            async with contextlib.aclosing(_lines(client, batch_id)) as lines:
                async for line in lines:
                    yield read_result(json.loads(line))
        except ClaudeFailure:
            raise
        except Exception as error:
            failure = failure_of(error, asked, begun=True)
            if failure is None:
                raise
            raise failure from error

    async def _page(self, after: str | None) -> list[Batch]:
        async def send(client: Opened) -> list[Batch]:
            arguments: dict[str, Any] = {} if after is None else {"after_id": after}
            answer = await client.sdk.messages.batches.with_raw_response.list(
                limit=PAGE, extra_headers=client.extra_headers, **arguments
            )
            data = json.loads(await answer.text())
            listed = data.get("data") if isinstance(data, dict) else None
            if not isinstance(listed, list):
                raise MalformedReplyError("not a list of batches")
            return [read_batch(each) for each in listed]

        try:
            return await self._asking(send, LOOKING_SECONDS)
        except ClaudeFailure as failure:
            if failure.status in _STATUS_WITHOUT_BATCHES:
                failure.facts = {**failure.facts, "reason": "no_batches"}
            raise

    async def _asking(
        self, send: Callable[[Opened], Awaitable[T]], seconds: float, model: str = ""
    ) -> T:
        client = await self._claude.client.get(model)
        asked = self._claude._asked(model, client)
        try:
            async with asyncio.timeout(seconds):
                return await send(client)
        except TimeoutError as error:
            raise faults.failure(asked, "timeout", facts={"cause": "no_answer"}) from error
        except Exception as error:
            failure = failure_of(error, asked, begun=False)
            if failure is None:
                raise
            raise failure from error

    def _arguments(self, prompt: Prompt) -> dict[str, Any]:
        claude = self._claude
        return wire.arguments(claude._adapted(prompt), claude._options(prompt), streams=False)


async def _lines(client: Opened, batch_id: str) -> AsyncGenerator[bytes, None]:
    """The lines of a batch's results, read as they come.

    Cut at line feeds alone: a text in JSON may hold the other characters that end lines.
    """
    from anthropic._decoders.jsonl import AsyncJSONLDecoder

    decoder = await client.sdk.get(
        f"{_PATH}/{quote(batch_id, safe='')}/results",
        cast_to=AsyncJSONLDecoder[object],
        options={"headers": {"Accept": "application/binary", **client.extra_headers}},
        stream=True,
        stream_cls=None,
    )
    try:
        begun = bytearray()
        async for piece in decoder.http_response.aiter_bytes():
            first, *others = piece.split(b"\n")
            begun += first
            for other in others:
                if begun.strip():
                    yield bytes(begun)
                begun = bytearray(other)
        if begun.strip():
            yield bytes(begun)
    finally:
        await decoder.close()
