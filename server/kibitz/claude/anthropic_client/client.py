"""Requests and their replies over the SDK's client: streams, retries, silence."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kibitz.claude import faults, retry
from kibitz.claude.anthropic_client.diagnosing import Diagnosing, line_of
from kibitz.claude.anthropic_client.failures import (
    end_without_a_good_end,
    failure_of,
    require_event_stream,
)
from kibitz.claude.anthropic_client.opened import Opened
from kibitz.claude.anthropic_client.refusals import Refusals
from kibitz.claude.anthropic_client.shared_client import SharedClient
from kibitz.claude.anthropic_client.unreported_stops import End, UnreportedStops
from kibitz.claude.connection import Connection
from kibitz.claude.models import catalogue, platforms
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.models.knowledge import Knowledge, refused_parameter
from kibitz.claude.prompts import prompt as prompts
from kibitz.claude.prompts import wire
from kibitz.claude.prompts.tool_text import without_tools
from kibitz.claude.reply import (
    MalformedReplyError,
    ReplyReader,
    is_progress,
    read_count,
    read_model_list,
    read_usage,
)
from kibitz.claude.values import (
    ClaudeFailure,
    Event,
    FailureKind,
    ModelFacts,
    Prompt,
    Purpose,
    Started,
    Usage,
)
from kibitz.claude.watchdog import SilenceError, Watchdog

if TYPE_CHECKING:
    import httpx2
    from anthropic._streaming import ServerSentEvent

log = logging.getLogger(__name__)

THE_SDKS_OWN = Connection()
MODELS_SECONDS = 15.0
# Somebody may be waiting for the request that is counted.
COUNTING_SECONDS = 5.0
_STATUS_WITHOUT_COUNTING = frozenset({404, 405, 501})

# After `message_stop` the response is read to its end, so that the connection can be used again.
# An endpoint that does not end it loses the connection after this time.
DRAIN_SECONDS = 1.0


@dataclass(slots=True)
class _Tries:
    """What has been tried for one request so far."""

    retries: int = 0
    renewed_credentials: bool = False
    began_at: float = field(default_factory=time.monotonic)


class AnthropicClaude:
    """`values.Claude` over one SDK client, which is made on first use and closed by `aclose`.

    `http_client` replaces the HTTP client (tests); it is closed all the same.
    """

    def __init__(
        self,
        connection: Connection = THE_SDKS_OWN,
        *,
        known_models: Catalogue | Knowledge | None = None,
        http_client: httpx2.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connection = connection
        self._knowledge = (
            known_models if isinstance(known_models, Knowledge) else Knowledge.of(known_models)
        )
        self.client = SharedClient(connection, self._knowledge, http_client)
        self._sleep = sleep
        self._takes_tools = True
        self._counts_tokens = True
        self._diagnosing = Diagnosing()
        self._refusals = Refusals()
        self._unreported_stops = UnreportedStops()

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        """See `values.Claude`.  Nothing is retried once an event has been given out."""
        tries = _Tries()
        while True:
            begun = False
            try:
                async with contextlib.aclosing(self._attempt(prompt, purpose)) as events:
                    async for event in events:
                        begun = True
                        yield event
                return
            except ClaudeFailure as failure:
                if begun or not await self._may_try_again(failure, prompt, purpose, tries):
                    raise

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        """See `values.Claude`.  An endpoint that does not know how generates a token, and its
        usage says so, or refuses."""
        warming = prompts.warming(prompt)
        if warming is None:
            return Usage()
        tries = _Tries()
        while True:
            try:
                return await self._warm(warming, purpose)
            except ClaudeFailure as failure:
                if not await self._may_try_again(failure, warming, purpose, tries):
                    raise

    async def count_tokens(self, prompt: Prompt) -> int | None:
        """See `values.Claude`.  An endpoint that has once said that it does not count is not
        asked again."""
        if not self._counts_tokens:
            return None
        client = await self.client.get(prompt.model)
        if not client.traits.counts_tokens:
            return None
        asked = self._asked(prompt.model, client)
        counting = wire.counting(self._adapted(prompt), self._options(prompt))
        arguments = self._as_taken(prompt, client, counting)
        try:
            async with asyncio.timeout(COUNTING_SECONDS):
                answer = await client.sdk.messages.with_raw_response.count_tokens(
                    **arguments, extra_headers=client.extra_headers
                )
                return read_count(json.loads(await answer.text()))
        except Exception as error:
            failure = failure_of(error, asked, begun=False)
            if failure is None:
                raise
            if failure.status in _STATUS_WITHOUT_COUNTING:
                self._counts_tokens = False
                return None
            raise failure from error

    async def models(self) -> tuple[ModelFacts, ...]:
        """See `values.Claude`.  An endpoint that has no list of models is "not_an_api"."""
        client = await self.client.get("")
        asked = self._asked("", client)
        if not client.traits.lists_models:
            facts = {"cause": "no_list", "credentials": client.credentials}
            raise faults.failure(asked, "not_an_api", facts=facts)
        try:
            async with asyncio.timeout(MODELS_SECONDS):
                answer = await client.sdk.models.with_raw_response.list(
                    limit=1000, extra_headers=client.extra_headers
                )
                return read_model_list(json.loads(await answer.text()))
        except Exception as error:
            failure = failure_of(error, asked, begun=False)
            if failure is None:
                raise
            if failure.kind == "unknown_model":
                failure = faults.failure(asked, "not_an_api", status=failure.status)
            raise failure from error

    async def preload(self) -> None:
        """Import the SDK and make the client, so that the first request need not.  What is in the
        way, such as missing credentials, is told when something is asked."""
        with contextlib.suppress(ClaudeFailure):
            await self.client.get("")

    async def aclose(self) -> None:
        """Close every connection.  Streams that are open end as dropped."""
        await self.client.aclose()

    async def _may_try_again(
        self, failure: ClaudeFailure, prompt: Prompt, purpose: Purpose, tries: _Tries
    ) -> bool:
        """Whether a request of which nothing has come may be sent again, as it is now to be sent.
        Waits first, if that is asked for."""
        if failure.kind == "wrong_credentials" and not tries.renewed_credentials:
            tries.renewed_credentials = True
            if await self.client.renew_credentials():
                return True
        if self._diagnosing.is_refusal(failure):
            return True
        if self._refusals.learns(failure, prompt.model, self._connection.platform):
            return True
        parameter = refused_parameter(failure, self._options(prompt))
        if parameter is not None:
            # Learnt, and so not sent again: each of them can get here only once.
            await asyncio.to_thread(self._knowledge.refused, prompt.model, parameter)
            return parameter not in self._options(prompt).parameters
        if failure.facts.get("reason") == "no_tools" and self._adapted(prompt).tools:
            self._takes_tools = False
            if not without_tools(prompt).tools:
                log.warning("the endpoint takes no tools: it is told of them in words")
                return True
        delay_seconds = retry.delay_seconds(
            failure,
            tries.retries,
            purpose,
            self._connection,
            tried_seconds=time.monotonic() - tries.began_at,
        )
        if delay_seconds is None:
            return False
        log.info("asking again in %.1f s after: %s", delay_seconds, failure.kind)
        tries.retries += 1
        await self._sleep(delay_seconds)
        return True

    def _adapted(self, prompt: Prompt) -> Prompt:
        """The prompt as this endpoint takes it."""
        return prompt if self._takes_tools else without_tools(prompt)

    def _as_taken(
        self, prompt: Prompt, client: Opened, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        """The arguments of a request as the endpoint takes them."""
        fitted = self._refusals.fitted(prompt.model, arguments)
        fitted["model"] = platforms.wire_model(client.platform, prompt.model)
        body = platforms.body_for(client.platform, fitted["model"])
        return {**fitted, "extra_body": body} if body else fitted

    def _options(self, prompt: Prompt) -> catalogue.RequestOptions:
        return self._knowledge.catalogue.request_options(prompt.model, prompt.tier)

    async def _warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        """One request without a reply."""
        client = await self.client.get(prompt.model)
        asked = self._asked(prompt.model, client)
        line = line_of(prompt, purpose)
        arguments = {
            **wire.arguments(self._adapted(prompt), self._options(prompt), streams=False),
            **self._diagnosing.parameter(line, client.takes_diagnostics),
        }
        arguments = self._as_taken(prompt, client, arguments)
        try:
            # The SDK's own timeout is for each read: bytes that drip in would never end it.
            async with asyncio.timeout(self._connection.first_event_seconds):
                answer = await client.sdk.messages.with_raw_response.create(
                    **arguments, extra_headers=client.extra_headers
                )
                message_id, usage = read_usage(json.loads(await answer.text()))
        except Exception as error:
            failure = failure_of(error, asked, begun=False)
            if failure is None:
                raise
            raise failure from error
        self._diagnosing.begun(line, message_id)
        return usage

    async def _attempt(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        """One request, from sending it to the end of its stream."""
        client = await self.client.get(prompt.model)
        asked = self._asked(prompt.model, client)
        line = line_of(prompt, purpose)
        arguments = {
            **wire.arguments(self._adapted(prompt), self._options(prompt)),
            **self._diagnosing.parameter(line, client.takes_diagnostics),
        }
        arguments = self._as_taken(prompt, client, arguments)
        end = End(prompt, self._unreported_stops)
        watchdog = Watchdog()
        reader = ReplyReader(prompt.model, None)
        async with contextlib.AsyncExitStack() as cleanup:
            cleanup.callback(watchdog.close)
            try:
                watchdog.allow(self._connection.first_event_seconds)
                stream = await watchdog.guard(
                    client.sdk.messages.create(**arguments, extra_headers=client.extra_headers)
                )
                cleanup.push_async_callback(stream.close)
                request_id = stream.response.headers.get("request-id")
                reader = ReplyReader(prompt.model, request_id)
                require_event_stream(asked, stream.response)
                events = client.events(stream)
                cleanup.push_async_callback(_drain, events, reader)
                spoke = False
                while True:
                    sse = await watchdog.guard(anext(events, None))
                    if sse is None:
                        break
                    spoke = True
                    if sse.event == "error":
                        raise faults.from_error_event(asked, request_id, _json_or_text(sse.data))
                    if sse.event == "ping" or not sse.data:
                        continue
                    data = json.loads(sse.data)
                    if not isinstance(data, dict):
                        raise MalformedReplyError("an event's data is not an object")
                    for event in reader.feed(data):
                        if isinstance(event, Started):
                            self._diagnosing.begun(line, reader.message_id)
                        yield await end.told(event, client)
                    if reader.finished:
                        return
                    if reader.ended:
                        break
                    if reader.started and is_progress(data):
                        watchdog.allow(self._allowed_silence_seconds(reader))
                raise end_without_a_good_end(asked, reader, request_id, spoke=spoke)
            except SilenceError as error:
                kind: FailureKind = "dropped" if reader.started else "timeout"
                failure = faults.failure(asked, kind, facts={"cause": "silence"})
                raise _with_usage(failure, reader) from error
            except ClaudeFailure as failure:
                _with_usage(failure, reader)
                raise
            except Exception as error:
                meaning = failure_of(error, asked, begun=reader.started)
                if meaning is None:
                    raise
                raise _with_usage(meaning, reader) from error

    def _allowed_silence_seconds(self, reader: ReplyReader) -> float:
        # The newest models withhold the text of their thinking: between the start and the end of
        # such a block nothing but pings comes, however well the connection is.
        if reader.is_thinking:
            return self._connection.first_event_seconds
        return self._connection.silence_seconds

    def _asked(self, model: str, client: Opened) -> faults.Asked:
        return faults.Asked(
            model,
            client.endpoint,
            self._knowledge.catalogue,
            client.sends_credentials,
            client.secrets,
            client.platform,
        )


async def _drain(events: AsyncIterator[ServerSentEvent], reader: ReplyReader) -> None:
    """Read a finished response to its end, so that its connection can be used again."""
    import httpx2

    try:
        if reader.finished:
            async with asyncio.timeout(DRAIN_SECONDS):
                async for _ in events:
                    pass
    except (TimeoutError, httpx2.HTTPError, ValueError) as error:
        # The reply is complete; only its connection is lost.
        log.debug("the rest of a finished response was not read: %s", type(error).__name__)
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()


def _with_usage(failure: ClaudeFailure, reader: ReplyReader) -> ClaudeFailure:
    if reader.started:
        failure.usage = reader.usage
    return failure


def _json_or_text(data: str) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return data
