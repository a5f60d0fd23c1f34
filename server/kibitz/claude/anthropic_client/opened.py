"""The SDK's client, made from the user's connection settings, with its credentials looked at.

Knows where the endpoint is and what proves who asks; nothing of prompts and replies.
"""

from __future__ import annotations

import dataclasses
import importlib
import logging
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kibitz.claude import faults
from kibitz.claude.catalogue import Catalogue
from kibitz.claude.connection import (
    Connection,
    header_names_of_environment,
    is_loopback,
    without_version,
)

if TYPE_CHECKING:
    import anthropic
    import httpx2

log = logging.getLogger(__name__)

ANTHROPIC_HOST = "api.anthropic.com"


def preload() -> None:
    """Import the SDK.  Blocks for most of a second: call it in a thread, on first intent."""
    importlib.import_module("anthropic.resources.messages")


@dataclass(frozen=True, slots=True)
class Opened:
    """The SDK's client with what must be known about it."""

    sdk: anthropic.AsyncAnthropic
    http: httpx2.AsyncClient
    endpoint: str
    host: str
    extra_headers: dict[str, Any]
    sends_credentials: bool
    secrets: tuple[str, ...]


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
    import anthropic

    # The catalogue names a deprecated model's successor where the user can see it.
    warnings.filterwarnings("ignore", r"The model '.*' is deprecated", DeprecationWarning)
    base_url = connection.base_url or os.environ.get("ANTHROPIC_BASE_URL") or None
    if base_url is not None:
        base_url = without_version(base_url)
    endpoint = faults.origin(base_url) if base_url else f"https://{ANTHROPIC_HOST}"
    asked = faults.Asked(model, endpoint, known_models)
    try:
        http = http or _http_client(connection)
    except (OSError, ValueError) as error:
        raise faults.failure(
            asked, "network", facts={"cause": "ca_file" if connection.ca_file else "tls"}
        ) from error
    try:
        sdk = anthropic.AsyncAnthropic(
            api_key=api_key,
            base_url=base_url,
            default_headers=dict(connection.headers) or None,
            max_retries=0,
            http_client=http,
        )
    except (anthropic.AnthropicError, ValueError, OSError) as error:
        raise faults.failure(
            asked, "no_credentials", str(error), facts={"cause": "profile"}
        ) from error
    return _checked(sdk, http, asked, connection)


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
    if sends_credentials and sdk.base_url.scheme == "http" and not is_loopback(host):
        log.warning("credentials are sent unencrypted: base_url is http, not https")
    secrets = (key or "", sdk.auth_token or "", *connection.headers.values())
    return Opened(sdk, http, endpoint, host, extra_headers, sends_credentials, secrets)
