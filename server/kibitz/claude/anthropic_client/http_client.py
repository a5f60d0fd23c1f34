"""The one HTTP client: whom it trusts, which way it goes, how long it waits."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kibitz.claude import faults, sent_body
from kibitz.claude.connection import Connection, is_loopback

if TYPE_CHECKING:
    import ssl

    import httpx2


def http_client(connection: Connection, asked: faults.Asked) -> httpx2.AsyncClient:
    """A client that trusts what the system trusts, and `ca_file` besides.

    It follows no redirect, because a redirect would carry the key to where the user has not sent
    it.  Raises ClaudeFailure "network" for files and addresses that cannot be used.
    """
    import anthropic
    import httpx2

    trust = _trust(connection, asked)
    timeout = httpx2.Timeout(
        # The watchdog is stricter; this only ends what it does not see.
        connection.first_event_seconds + connection.connect_seconds,
        connect=connection.connect_seconds,
    )
    if _is_on_this_machine(connection):
        # No proxy leads to this machine, whatever is said of the others.
        return httpx2.AsyncClient(
            verify=trust, timeout=timeout, follow_redirects=False, trust_env=False
        )
    if connection.proxy is None:
        # This one goes by HTTPS_PROXY and NO_PROXY.
        return anthropic.DefaultAsyncHttpxClient(
            verify=trust, timeout=timeout, follow_redirects=False
        )
    try:
        # To an https proxy itself, too, the way is trusted by the same certificates.
        proxy = httpx2.Proxy(
            connection.proxy,
            ssl_context=trust if connection.proxy.startswith("https:") else None,
        )
        transport = httpx2.AsyncHTTPTransport(verify=trust, proxy=proxy)
    except ImportError as error:
        facts = {"cause": "extra", "extra": "socks"}
        raise faults.failure(asked, "no_credentials", facts=facts) from error
    except ValueError as error:
        raise faults.failure(asked, "network", facts={"cause": "proxy"}) from error
    return httpx2.AsyncClient(
        transport=transport, timeout=timeout, follow_redirects=False, trust_env=False
    )


def tell_what_is_sent(http: httpx2.AsyncClient) -> None:
    """Have the client tell the bodies that it sends to whoever listens (`sent_body`)."""
    hooks = http.event_hooks
    if _tell not in hooks["request"]:
        http.event_hooks = {**hooks, "request": [*hooks["request"], _tell]}


async def _tell(request: httpx2.Request) -> None:
    if sent_body.is_heard():
        sent_body.tell(await request.aread())


def _is_on_this_machine(connection: Connection) -> bool:
    try:
        return is_loopback(urlsplit(connection.base_url or "").hostname or "")
    except ValueError:
        return False


def _trust(connection: Connection, asked: faults.Asked) -> ssl.SSLContext:
    """Whom to trust: the system's own store, on macOS and Windows by asking the system; or what
    SSL_CERT_FILE or SSL_CERT_DIR name instead."""
    try:
        if not connection.ca_file:
            return _shared_trust(*_origin_of_trust())
        trust = _fresh_trust()
        trust.load_verify_locations(connection.ca_file)
    except (OSError, ValueError) as error:
        cause = "ca_file" if connection.ca_file else "tls"
        raise faults.failure(asked, "network", facts={"cause": cause}) from error
    return trust


def _origin_of_trust() -> tuple[object, ...]:
    """What tells one set of trusted certificates from another."""
    file = os.environ.get("SSL_CERT_FILE")
    written_ns = Path(file).stat().st_mtime_ns if file else None
    return file, written_ns, os.environ.get("SSL_CERT_DIR")


@lru_cache(maxsize=1)
def _shared_trust(*_origin: object) -> ssl.SSLContext:
    """One for all clients: reading the certificates takes longer than all else in making one."""
    return _fresh_trust()


def _fresh_trust() -> ssl.SSLContext:
    import httpx2

    return httpx2.create_ssl_context()
