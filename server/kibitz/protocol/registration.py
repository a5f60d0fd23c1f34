"""How a handler is registered: it prepares now and may run later.

A handler is called *synchronously when its message is read*, before the next message is looked
at, so it sees the text exactly as the client saw it when it sent the request.  What it returns
is the answer; or it returns an awaitable, which runs as a task of its own, is cancelled by
`$/cancelRequest`, and whose result is the answer.  A handler that awaits something is therefore
a plain function that takes its snapshot and returns a coroutine:

    def hover(params: HoverParams) -> Awaitable[Hover | None]:
        snapshot = session.snapshot(params.text_document.uri)   # at this very message
        return explain(snapshot, params)                        # later, cancellable

An `async def` handler works too, but its first line runs after later messages were read.

Params are lsprotocol's types for the methods that it knows, and plain JSON values for others.
Nothing that is registered here is advertised: `announce` alone says what the server can do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kibitz.protocol.pygls_mends import MendedServer

Handler = Callable[[Any], Any]
CommandHandler = Callable[[str, list[Any]], Any]

#: Answered by the protocol itself; what a server does at these moments has its own place.
_OWN_METHODS = {
    "shutdown": "MendedServer.on_close",
    "exit": "MendedServer.on_close",
    "$/cancelRequest": "the task of the request",
    "workspace/executeCommand": "on_command",
}


def on_request(server: MendedServer, method: str, handler: Handler) -> None:
    """Answer `method` with what `handler(params)` returns, or with what it awaits.

    To answer with an error, raise (or let the awaitable raise) a `JsonRpcException`; anything
    else that is raised is a bug: logged, told to the user once, answered as InternalError.
    `initialize` is special: its handler prepares the session, must not be awaitable, and what
    it returns is ignored.
    """
    _add(server.protocol.request_handlers, method, handler)


def on_notification(server: MendedServer, method: str, handler: Handler) -> None:
    """Call `handler(params)` for each `method`; an awaitable that it returns runs as a task."""
    _add(server.protocol.notification_handlers, method, handler)


def on_command(server: MendedServer, names: Iterable[str], handler: CommandHandler) -> None:
    """Answer these commands with what `handler(name, arguments)` returns, or awaits.

    `arguments` is the list as the client sent it, plain JSON values, empty when it sent none:
    counting and checking it is the handler's.
    """
    for name in names:
        _add(server.protocol.command_handlers, name, handler)


def _add(table: dict[str, Any], name: str, handler: Callable[..., Any]) -> None:
    if name in _OWN_METHODS:
        raise ValueError(f"{name} is answered by the protocol; use {_OWN_METHODS[name]}")
    if name in table:
        raise ValueError(f"{name} has a handler already")
    table[name] = handler
