"""The SDK's client, made from the user's connection settings, with its credentials looked at.

Knows where the endpoint is and what proves who asks; nothing of prompts and replies.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import logging
import os
import sys
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kibitz.claude import faults
from kibitz.claude.anthropic_client import clouds
from kibitz.claude.anthropic_client.http_client import http_client, tell_what_is_sent
from kibitz.claude.connection import (
    Connection,
    header_names_of_environment,
    is_loopback,
    without_version,
)
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.models.platforms import TRAITS, Platform, Traits

if TYPE_CHECKING:
    import anthropic
    import httpx2
    from anthropic._streaming import ServerSentEvent

log = logging.getLogger(__name__)

ANTHROPIC_HOST = "api.anthropic.com"


def preload() -> None:
    """Import the SDK.  Blocks for most of a second: call it in a thread, on first intent."""
    if "anthropic.resources.messages" in sys.modules:
        return
    # Its types are many and none of them is garbage: to look for some all the while would be a
    # seventh of the time.
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        importlib.import_module("anthropic.resources.messages")
    finally:
        if is_collecting:
            gc.enable()


@dataclass(frozen=True, slots=True)
class Opened:
    """The SDK's client with what must be known about it.

    The clients of all platforms have the same surface as far as `traits` says that it is there.
    `credentials` says where they come from, in words, where that is known; `renewable` that
    asking for them again may give others.
    """

    sdk: anthropic.AsyncAnthropic
    http: httpx2.AsyncClient
    endpoint: str
    host: str
    extra_headers: dict[str, Any]
    sends_credentials: bool
    secrets: tuple[str, ...]
    platform: Platform = "anthropic"
    credentials: str = ""
    renewable: bool = False

    @property
    def traits(self) -> Traits:
        return TRAITS[self.platform]

    @property
    def takes_diagnostics(self) -> bool:
        """Whether the endpoint may be asked where a prompt differs from the one before it.

        Only Anthropic itself is known to answer; local servers leave out what they do not know,
        and the stand-in is one of them.  Others may refuse what they do not know.
        """
        return self.host == ANTHROPIC_HOST or (
            self.platform in ("anthropic", "compatible") and is_loopback(self.host)
        )

    def events(self, stream: anthropic.AsyncStream[Any]) -> AsyncIterator[ServerSentEvent]:
        """The events of a response, pings included.

        The SDK's own iteration makes a model of every event, which costs twice what all the rest
        of reading it does, and keeps pings to itself.  Bedrock sends its events in frames of its
        own, which the client's decoder takes apart.
        """
        import anthropic

        if self.platform == "bedrock":
            return stream._iter_events()
        return anthropic.AsyncStream.raw_events(stream.response)


def build(
    connection: Connection,
    known_models: Catalogue,
    model: str,
    api_key: str | None,
    http: httpx2.AsyncClient | None,
) -> Opened:
    """Make the SDK's client, over `http` if there is one already.

    Blocks: call it in a thread.  Raises ClaudeFailure, about `model`.
    """
    preload()
    import anthropic

    # The catalogue names a deprecated model's successor where the user can see it.
    warnings.filterwarnings("ignore", r"The model '.*' is deprecated", DeprecationWarning)
    is_cloud = connection.platform not in ("anthropic", "compatible")
    base_url = connection.base_url
    if not is_cloud:
        base_url = base_url or os.environ.get("ANTHROPIC_BASE_URL") or None
        base_url = without_version(base_url) if base_url is not None else None
    endpoint = faults.origin(base_url) if base_url else ""
    if not endpoint and not is_cloud:
        endpoint = f"https://{ANTHROPIC_HOST}"
    asked = faults.Asked(model, endpoint, known_models, platform=connection.platform)
    http = http or http_client(connection, asked)
    tell_what_is_sent(http)
    if is_cloud:
        return _in_cloud(clouds.build(connection, asked, api_key, http), connection, http)
    try:
        sdk = anthropic.AsyncAnthropic(
            api_key=api_key,
            base_url=base_url,
            default_headers=dict(connection.headers) or None,
            max_retries=0,
            http_client=http,
            # Ours say what was asked for and what it cost (`telemetry`); two of each say less.
            open_telemetry=False,
        )
    except (anthropic.AnthropicError, ValueError, OSError) as error:
        raise faults.failure(
            asked, "no_credentials", str(error), facts={"cause": "profile"}
        ) from error
    return _checked(sdk, http, asked, connection)


def _in_cloud(cloud: clouds.Cloud, connection: Connection, http: httpx2.AsyncClient) -> Opened:
    url = cloud.sdk.base_url
    _warn_if_unencrypted(url.scheme, url.host)
    return Opened(
        cloud.sdk,
        http,
        faults.origin(str(url)),
        url.host,
        {},
        sends_credentials=True,
        secrets=(cloud.secret, *connection.headers.values()),
        platform=connection.platform,
        credentials=cloud.credentials,
        renewable=connection.api_key_command is not None,
    )


def _checked(
    sdk: anthropic.AsyncAnthropic,
    http: httpx2.AsyncClient,
    asked: faults.Asked,
    connection: Connection,
) -> Opened:
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
    if sends_credentials:
        _warn_if_unencrypted(sdk.base_url.scheme, host)
    return Opened(
        sdk,
        http,
        endpoint,
        host,
        extra_headers,
        sends_credentials,
        secrets=(key or "", sdk.auth_token or "", *connection.headers.values()),
        platform=connection.platform,
        renewable=connection.api_key_command is not None or sdk.credentials is not None,
    )


def _warn_if_unencrypted(scheme: str, host: str) -> None:
    if scheme == "http" and not is_loopback(host):
        log.warning("credentials are sent unencrypted: base_url is http, not https")
