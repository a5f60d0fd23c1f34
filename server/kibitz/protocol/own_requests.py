"""Requests of ours that the client has yet to answer, and what becomes of its replies.

Knows neither what is asked nor how messages travel.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from typing import Any

import cattrs
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from kibitz.protocol import lenient

logger = logging.getLogger(__name__)

AnyFuture = asyncio.Future[Any] | Future[Any]

_ID_PREFIX = "kibitz-"


class ConnectionClosed(JsonRpcException):
    """The client went away before it answered a request of ours."""

    MESSAGE = "The connection is closed"


class OwnRequests:
    """The waits for replies, by the ids of the requests.  Touched on the event loop only."""

    def __init__(self, converter: cattrs.Converter) -> None:
        self._converter = converter
        self._count = 0
        #: Method and future, by id.
        self._waiting: dict[str, tuple[str, AnyFuture]] = {}

    def next_id(self) -> str:
        """An id that no request has had."""
        self._count += 1
        return f"{_ID_PREFIX}{self._count}"

    def begin(self, own_id: str, method: str, future: AnyFuture) -> None:
        """Let `future` have what the client answers, until it is done for another reason."""
        self._waiting[own_id] = (method, future)
        future.add_done_callback(lambda _: self._waiting.pop(own_id, None))

    def take_reply(self, message: dict[str, Any]) -> None:
        """Take the client's reply to the one whose id it has.  A late one is passed over."""
        own_id = message["id"]
        asked = self._waiting.pop(own_id, None) if isinstance(own_id, str) else None
        if asked is None or asked[1].done():
            logger.debug("A reply came that nobody waits for")
            return
        method, future = asked
        if message.get("error") is not None:
            fail(future, _error_from(message["error"]))
            return
        response_type: Any = types.METHOD_TO_TYPES.get(method, (None, None))[1]
        result = message.get("result")
        if response_type is not None:
            whole = {"jsonrpc": "2.0", "id": own_id, "result": result}
            try:
                result = self._converter.structure(whole, response_type).result
            except lenient.BAD_VALUE as error:
                reason = lenient.what_is_wrong(error)
                fail(future, JsonRpcException(f"Wrong reply to {method}: {reason}"))
                return
        future.set_result(result)

    def abandon(self) -> None:
        """End every wait with `ConnectionClosed`."""
        for _, future in list(self._waiting.values()):
            if not future.done():
                fail(future, ConnectionClosed())


def is_reply(message: Any) -> bool:
    """Whether a message, as it came, can only be meant to answer a request of ours."""
    if not isinstance(message, dict) or "method" in message:
        return False
    own_id = message.get("id")
    is_to_us = isinstance(own_id, str) and own_id.startswith(_ID_PREFIX)
    return is_to_us or "result" in message or "error" in message


def fail(future: AnyFuture, error: JsonRpcException) -> None:
    """End a wait with `error`."""
    future.set_exception(error)
    # Seen here, so that asyncio does not complain about a reply that nobody waits for.
    future.exception()


def _error_from(told: Any) -> JsonRpcException:
    """The error that a client answered with, whatever it put there."""
    if not isinstance(told, dict):
        return JsonRpcException("The client answered with an error")
    code, message = told.get("code"), told.get("message")
    return JsonRpcException(
        message if isinstance(message, str) else "The client answered with an error",
        code if isinstance(code, int) else None,
        told.get("data"),
    )
