"""The one client of a process: made when it is first needed, made anew with other credentials.

Knows nothing of what it is used for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kibitz.claude.anthropic_client import opened
from kibitz.claude.anthropic_client.opened import Opened
from kibitz.claude.connection import Connection, api_key_from_command
from kibitz.claude.models.knowledge import Knowledge
from kibitz.claude.values import ClaudeFailure

if TYPE_CHECKING:
    import httpx2


class SharedClient:
    """The SDK's client for a connection.  `http_client` replaces the one that is made (tests)."""

    def __init__(
        self, connection: Connection, knowledge: Knowledge, http_client: httpx2.AsyncClient | None
    ) -> None:
        self._connection = connection
        self._knowledge = knowledge
        self._given_http_client = http_client
        self._open: Opened | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def get(self, model: str) -> Opened:
        """The client, made on first use: importing the SDK and building it happen in a thread.
        Raises ClaudeFailure, as of a request for `model`, where that is impossible."""
        if self._open is not None:
            return self._open
        async with self._opening:
            if self._closed:
                raise ClaudeFailure("dropped", model=model, facts={"cause": "shut_down"})
            if self._open is None:
                api_key = self._connection.api_key
                if api_key is None and self._connection.api_key_command:
                    api_key = await api_key_from_command(self._connection.api_key_command)
                self._open = await asyncio.to_thread(
                    self._build, model, api_key, self._given_http_client
                )
            return self._open

    async def renew_credentials(self) -> bool:
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
        if not client.renewable:
            return False
        async with self._opening:
            if self._open is client:
                api_key = await api_key_from_command(command) if command else None
                if api_key is not None and api_key == client.sdk.api_key:
                    return False
                # The HTTP client stays, and with it the streams that others are reading.
                self._open = await asyncio.to_thread(self._build, "", api_key, client.http)
        return True

    async def aclose(self) -> None:
        """Close every connection; there is no client any more."""
        self._closed = True
        client, self._open = self._open, None
        if client is not None:
            await client.sdk.close()

    def _build(self, model: str, api_key: str | None, http: httpx2.AsyncClient | None) -> Opened:
        known_models = self._knowledge.catalogue
        return opened.build(self._connection, known_models, model, api_key, http)
