"""Claude through the Anthropic SDK: the only module of the project that imports it.

It knows connections, credentials, retries and silence, and turns everything that can go wrong
into a `ClaudeFailure`.  It knows nothing of money and keeps no record: see `metered`.
The SDK takes most of a second to import, so it is imported when it is first needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib
import json
import logging
import os
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kibitz.claude import catalogue, faults, retry, wire
from kibitz.claude.catalogue import Catalogue
from kibitz.claude.connection import (
    Connection,
    api_key_from_command,
    header_names_of_environment,
    is_loopback,
    without_version,
)
from kibitz.claude.reply import MalformedReplyError, ReplyReader, read_model_list
from kibitz.claude.tool_text import without_tools
from kibitz.claude.values import ClaudeFailure, Event, FailureKind, ModelFacts, Prompt, Purpose
from kibitz.claude.watchdog import SilenceError, Watchdog

if TYPE_CHECKING:
    import anthropic
    import httpx2
    from anthropic._streaming import ServerSentEvent

__all__ = ["AnthropicClaude", "Connection", "preload"]

log = logging.getLogger(__name__)

THE_SDKS_OWN = Connection()
ANTHROPIC_HOST = "api.anthropic.com"
MODELS_SECONDS = 15.0

# After `message_stop` the response is read to its end, so that the connection can be used again.
# An endpoint that does not end it loses the connection after this time.
DRAIN_SECONDS = 1.0


def preload() -> None:
    """Import the SDK.  Blocks for most of a second: call it in a thread, on first intent."""
    importlib.import_module("anthropic.resources.messages")


@dataclass(frozen=True, slots=True)
class _Open:
    """The SDK's client with what must be known about it."""

    sdk: anthropic.AsyncAnthropic
    http: httpx2.AsyncClient
    endpoint: str
    extra_headers: dict[str, Any]
    sends_credentials: bool
    secrets: tuple[str, ...]


class AnthropicClaude:
    """`values.Claude` over one SDK client, which is made on first use and closed by `aclose`.

    `http_client` replaces the HTTP client (tests); it is closed all the same.
    """

    def __init__(
        self,
        connection: Connection = THE_SDKS_OWN,
        *,
        known_models: Catalogue | None = None,
        http_client: httpx2.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connection = connection
        self._catalogue = known_models or catalogue.builtin()
        self._given_http_client = http_client
        self._sleep = sleep
        self._open: _Open | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._takes_tools = True

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        """See `values.Claude`.  Nothing is retried once an event has been given out."""
        renewed = False
        retries = 0
        while True:
            begun = False
            sent = prompt if self._takes_tools else without_tools(prompt)
            try:
                async with contextlib.aclosing(self._attempt(sent)) as events:
                    async for event in events:
                        begun = True
                        yield event
                return
            except ClaudeFailure as failure:
                if begun:
                    raise
                if failure.kind == "wrong_credentials" and not renewed:
                    renewed = True
                    if await self._renew_credentials():
                        continue
                if failure.facts.get("reason") == "no_tools" and sent.tools:
                    self._takes_tools = False
                    if not without_tools(prompt).tools:
                        log.warning("the endpoint takes no tools: it is told of them in words")
                        continue
                delay_seconds = retry.delay_seconds(failure, retries, purpose, self._connection)
                if delay_seconds is None:
                    raise
                log.info("asking again in %.1f s after: %s", delay_seconds, failure.kind)
            retries += 1
            await self._sleep(delay_seconds)

    async def models(self) -> tuple[ModelFacts, ...]:
        """See `values.Claude`.  An endpoint that has no list of models is "not_an_api"."""
        client = await self._client("")
        asked = self._asked("", client)
        try:
            answer = await client.sdk.models.with_raw_response.list(
                limit=1000, extra_headers=client.extra_headers, timeout=MODELS_SECONDS
            )
            return read_model_list(json.loads(await answer.text()))
        except Exception as error:
            failure = _failure_of(error, asked, begun=False)
            if failure is None:
                raise
            if failure.kind == "unknown_model":
                failure = faults.failure(asked, "not_an_api", status=failure.status)
            raise failure from error

    async def preload(self) -> None:
        """Import the SDK and make the client, so that the first request need not.  What is in the
        way, such as missing credentials, is told when something is asked."""
        with contextlib.suppress(ClaudeFailure):
            await self._client("")

    async def aclose(self) -> None:
        """Close every connection.  Streams that are open end as dropped."""
        self._closed = True
        client, self._open = self._open, None
        if client is not None:
            await client.sdk.close()

    async def _attempt(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """One request, from sending it to the end of its stream."""
        client = await self._client(prompt.model)
        asked = self._asked(prompt.model, client)
        arguments = wire.arguments(
            prompt, self._catalogue.request_options(prompt.model, prompt.tier)
        )
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
                _require_event_stream(asked, stream.response)
                events = _raw_events(stream)
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
                        yield event
                    if reader.finished:
                        return
                    if reader.ended:
                        break
                    if reader.started:
                        watchdog.allow(self._allowed_silence_seconds(reader))
            except SilenceError as error:
                kind: FailureKind = "dropped" if reader.started else "timeout"
                raise faults.failure(asked, kind, facts={"cause": "silence"}) from error
            except ClaudeFailure:
                raise
            except Exception as error:
                failure = _failure_of(error, asked, begun=reader.started)
                if failure is None:
                    raise
                raise failure from error
            # The stream has ended without a good end.
            if not reader.started and not spoke:
                raise faults.failure(asked, "not_an_api", request_id=request_id, status=200)
            raise faults.failure(
                asked,
                "dropped",
                request_id=request_id,
                facts={"cause": "end_of_stream", "stop_reason": reader.stop_reason},
            )

    def _allowed_silence_seconds(self, reader: ReplyReader) -> float:
        # The newest models withhold the text of their thinking: between the start and the end of
        # such a block nothing but pings comes, however well the connection is.
        if reader.is_thinking:
            return self._connection.first_event_seconds
        return self._connection.silence_seconds

    async def _client(self, model: str) -> _Open:
        """The client, made on first use: importing the SDK and building it happen in a thread."""
        if self._open is not None:
            return self._open
        async with self._opening:
            if self._closed:
                raise ClaudeFailure("dropped", model=model, facts={"cause": "shut_down"})
            if self._open is None:
                api_key = self._connection.api_key
                if api_key is None and self._connection.api_key_command:
                    api_key = await api_key_from_command(self._connection.api_key_command)
                self._open = await asyncio.to_thread(self._build, model, api_key, None)
            return self._open

    async def _renew_credentials(self) -> bool:
        """After a 401: whether the source of the credentials may give others now.

        A key from the environment stays what it is; a command or a profile on disk may have got
        a new one since we asked.
        """
        client = self._open
        if client is None:
            return True
        command = self._connection.api_key_command
        if self._connection.api_key is not None:
            return False
        if command is None and client.sdk.credentials is None:
            return False
        async with self._opening:
            if self._open is client:
                api_key = await api_key_from_command(command) if command else None
                if api_key is not None and api_key == client.sdk.api_key:
                    return False
                # The HTTP client stays, and with it the streams that others are reading.
                self._open = await asyncio.to_thread(self._build, "", api_key, client.http)
        return True

    def _build(self, model: str, api_key: str | None, http: httpx2.AsyncClient | None) -> _Open:
        """Make the SDK's client.  Runs in a thread; raises ClaudeFailure."""
        import anthropic

        # The catalogue names a deprecated model's successor where the user can see it.
        warnings.filterwarnings("ignore", r"The model '.*' is deprecated", DeprecationWarning)
        base_url = self._connection.base_url or os.environ.get("ANTHROPIC_BASE_URL") or None
        if base_url is not None:
            base_url = without_version(base_url)
        endpoint = faults.origin(base_url) if base_url else f"https://{ANTHROPIC_HOST}"
        asked = faults.Asked(model, endpoint, self._catalogue)
        try:
            http = http or self._given_http_client or _http_client(self._connection)
        except (OSError, ValueError) as error:
            raise faults.failure(
                asked, "network", facts={"cause": "ca_file" if self._connection.ca_file else "tls"}
            ) from error
        try:
            sdk = anthropic.AsyncAnthropic(
                api_key=api_key,
                base_url=base_url,
                default_headers=dict(self._connection.headers) or None,
                max_retries=0,
                http_client=http,
            )
        except (anthropic.AnthropicError, ValueError, OSError) as error:
            raise faults.failure(
                asked, "no_credentials", str(error), facts={"cause": "profile"}
            ) from error
        return _checked(sdk, http, asked, self._connection)

    def _asked(self, model: str, client: _Open) -> faults.Asked:
        return faults.Asked(
            model, client.endpoint, self._catalogue, client.sends_credentials, client.secrets
        )


def _http_client(connection: Connection) -> httpx2.AsyncClient:
    """The one HTTP client.  It trusts what the system trusts and follows no redirect, because a
    redirect would carry the key to where the user has not sent it."""
    import anthropic
    import httpx2

    trust = httpx2.create_ssl_context()
    if connection.ca_file:
        trust.load_verify_locations(connection.ca_file)
    timeout = httpx2.Timeout(
        # The watchdog is stricter; this only ends what it does not see.
        connection.first_event_seconds + connection.connect_seconds,
        connect=connection.connect_seconds,
    )
    if connection.proxy is None:
        return anthropic.DefaultAsyncHttpxClient(
            verify=trust, timeout=timeout, follow_redirects=False
        )
    return httpx2.AsyncClient(
        transport=httpx2.AsyncHTTPTransport(verify=trust, proxy=httpx2.Proxy(connection.proxy)),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
    )


def _checked(
    sdk: anthropic.AsyncAnthropic,
    http: httpx2.AsyncClient,
    asked: faults.Asked,
    connection: Connection,
) -> _Open:
    """The client with its credentials looked at, so that what is missing is told before anything
    is sent.  An endpoint of the user's own may do without."""
    import anthropic

    endpoint = faults.origin(str(sdk.base_url))
    host = sdk.base_url.host
    asked = dataclasses.replace(asked, endpoint=endpoint)
    key = sdk.api_key
    if key is not None and not (key.isascii() and key.isprintable() and key == key.strip()):
        raise faults.failure(asked, "wrong_credentials", facts={"cause": "malformed_key"})
    own_headers = {name.lower() for name in (*connection.headers, *header_names_of_environment())}
    authorised_by_header = not own_headers.isdisjoint({"authorization", "x-api-key"})
    sends_credentials = bool(
        key or sdk.auth_token or sdk.credentials is not None or authorised_by_header
    )
    extra_headers: dict[str, Any] = {}
    if not sends_credentials:
        if host == ANTHROPIC_HOST:
            raise faults.failure(asked, "no_credentials", facts={"cause": "none_found"})
        extra_headers["Authorization"] = anthropic.Omit()
    elif key and host != ANTHROPIC_HOST and not authorised_by_header:
        # Some gateways read only the header that older SDKs sent.
        extra_headers["X-Api-Key"] = key
    if sends_credentials and sdk.base_url.scheme == "http" and not is_loopback(host):
        log.warning("credentials are sent unencrypted: base_url is http, not https")
    secrets = (key or "", sdk.auth_token or "", *connection.headers.values())
    return _Open(sdk, http, endpoint, extra_headers, sends_credentials, secrets)


def _raw_events(
    stream: anthropic.AsyncStream[Any],
) -> AsyncIterator[ServerSentEvent]:
    """The server-sent events of a response, pings included.

    The SDK's own iteration makes a model of every event, which costs twice what all the rest of
    reading it does, and keeps pings to itself.
    """
    import anthropic

    return anthropic.AsyncStream.raw_events(stream.response)


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


def _require_event_stream(asked: faults.Asked, response: httpx2.Response) -> None:
    content_type = response.headers.get("content-type", "").lower()
    if content_type.startswith(("text/html", "application/json")):
        raise faults.failure(
            asked,
            "not_an_api",
            request_id=response.headers.get("request-id"),
            status=response.status_code,
            facts={"content_type": content_type.partition(";")[0]},
        )


def _failure_of(error: Exception, asked: faults.Asked, *, begun: bool) -> ClaudeFailure | None:
    """What an exception of the SDK or of the HTTP library means; None: it is a bug of ours."""
    import anthropic
    import httpx2

    match error:
        case anthropic.APIStatusError():
            return faults.from_response(
                asked, error.status_code, error.response.headers, error.body
            )
        case anthropic.APITimeoutError():
            if any(isinstance(each, httpx2.ConnectTimeout) for each in faults.causes(error)):
                return faults.from_network(asked, error)
            return faults.failure(asked, "timeout", facts={"cause": "no_answer"})
        case anthropic.APIConnectionError():
            return faults.from_network(asked, error)
        case anthropic.APIResponseValidationError():
            return faults.failure(asked, "not_an_api", status=error.status_code)
        case anthropic.AnthropicError():
            # A profile or a token file that cannot be used, a token that cannot be had.
            return faults.failure(asked, "no_credentials", str(error), facts={"cause": "profile"})
        case TypeError() if "authentication method" in str(error):
            return faults.failure(asked, "no_credentials", facts={"cause": "none_found"})
        case httpx2.DecodingError() | ValueError() | AssertionError():
            return faults.failure(
                asked, "not_an_api", status=200, facts={"cause": type(error).__name__}
            )
        case httpx2.HTTPError() | httpx2.StreamError():
            if begun:
                return faults.failure(asked, "dropped", facts={"cause": type(error).__name__})
            if isinstance(error, httpx2.TimeoutException):
                return faults.failure(asked, "timeout", facts={"cause": "no_answer"})
            return faults.from_network(asked, error)
        case _:
            return None


def _json_or_text(data: str) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return data
