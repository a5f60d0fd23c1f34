"""How messages are read, who handles them, and how they are answered: pygls' protocol, mended.

pygls gives lsprotocol's converter and the typed calls that end in `notify` and `send_request`.
The rest is decided here, because that is where pygls loses answers:

* a message is parsed once, at its top level, and each request gets exactly one answer, whatever
  its params, its handler or its moment;
* a handler is called when its message is read; what it returns may be awaited (`registration`);
* requests of the client and requests to the client are kept apart; a late reply is no error;
* pygls' own handlers are never called: with them go its texts, which split lines where LSP does
  not, its thread pool, its progress and its capability builder.

Nothing in here knows what kibitz does, and nothing logs what a message holds.  Everything is to
be called on the event loop.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from typing import Any, Literal

import cattrs
from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcMethodNotFound,
    JsonRpcParseError,
    JsonRpcRequestCancelled,
    JsonRpcServerNotInitialized,
)
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol

from kibitz.protocol import announce, lenient
from kibitz.protocol.own_requests import AnyFuture, ConnectionClosed, OwnRequests, fail, is_reply
from kibitz_context.lines import Encoding

logger = logging.getLogger(__name__)

MessageId = str | int


class RequestFailed(JsonRpcException):
    """A request that was right and cannot be done; the message is for the user."""

    CODE = types.LSPErrorCodes.RequestFailed.value
    MESSAGE = "Request failed"


class Owner(LanguageServer, ABC):
    """The server of a connection, as far as its protocol needs it."""

    #: Set when the client said `exit` or is gone.
    ended: asyncio.Event

    @abstractmethod
    async def close(self) -> None:
        """Stop whatever runs for the client."""

    @abstractmethod
    def report_bug(self, error: BaseException, where: str) -> None:
        """Take note of a bug, and tell the user."""


class MendedProtocol(LanguageServerProtocol):
    """One connection: what is asked on it, in both directions, and what is answered."""

    _server: Owner

    def __init__(self, server: Owner, converter: cattrs.Converter) -> None:
        super().__init__(server, converter)
        self.request_handlers: dict[str, Callable[[Any], Any]] = {}
        self.notification_handlers: dict[str, Callable[[Any], Any]] = {}
        self.command_handlers: dict[str, Callable[[str, list[Any]], Any]] = {}
        self.phase: Literal["new", "running", "shut down"] = "new"
        self.position_encoding: Encoding = "utf-16"
        #: The params of `initialize` as they came.
        self.client_said: dict[str, Any] = {}
        self._send: Callable[[bytes], None] | None = None
        self._rest: Callable[[float], None] | None = None
        #: How long nothing is sent after an answer; see `kibitz.profiles`.
        self.rest_after_answer_seconds = 0.0
        #: The client's requests and notifications whose handlers still run.
        self._answering: dict[MessageId, asyncio.Future[Any]] = {}
        self._noting: set[asyncio.Future[Any]] = set()
        self._farewell: asyncio.Future[Any] | None = None
        self._own_requests = OwnRequests(converter)

    def connect(
        self, send: Callable[[bytes], None], rest: Callable[[float], None] | None = None
    ) -> None:
        """Let `send` take the body of each message to the client; it must not block.

        `rest` keeps what is sent from then on back for so many seconds, and must not block either.
        """
        self._send = send
        self._rest = rest

    # What the client sends

    def receive(self, body: bytes | str) -> None:
        """Take one message as it came, and call the handler it is for."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            self.receive_fault("a message that is not JSON")
        else:
            self.handle_message(message)

    def receive_fault(self, reason: str) -> None:
        """Take note, in the log and to the client, that it sent what is no message."""
        logger.warning("The client sent %s", reason)
        self._send_error(None, JsonRpcParseError(f"The client sent {reason}"))

    def structure_message(self, data: Any) -> Any:
        """Leave nested objects alone: pygls takes each with a "jsonrpc" key for a message."""
        return data

    def handle_message(self, message: Any) -> None:
        """Take one parsed message, and call the handler it is for."""
        match message:
            case {"jsonrpc": "2.0", "method": str(method), "id": _} if _id_of(message) is not None:
                self._take_request(message["id"], method, message.get("params"))
            case {"jsonrpc": "2.0", "method": str(method)} if "id" not in message:
                self._take_notification(method, message.get("params"))
            case {"id": _} if "method" not in message and is_reply(message):
                self._own_requests.take_reply(message)
            case list():
                self._refuse(message, "a batch, which LSP does not know")
            case _:
                self._refuse([message], "JSON that is no message of LSP")

    def replay_initialize(self, message: dict[str, Any]) -> None:
        """Take an `initialize` that was answered before there was a server."""
        self._initialize(message["params"])

    def _refuse(self, messages: Iterable[Any], what: str) -> None:
        """Answer whatever in `messages` may wait for an answer, and do nothing else."""
        logger.warning("The client sent %s", what)
        error = JsonRpcInvalidRequest(f"The client sent {what}")
        ids = [_id_of(message) for message in messages if not is_reply(message)]
        waiting = [message_id for message_id in ids if message_id is not None]
        for message_id in waiting or (None,):
            self._send_error(message_id, error)

    # Requests of the client

    def _take_request(self, message_id: MessageId, method: str, raw: Any) -> None:
        try:
            if message_id in self._answering:
                raise JsonRpcInvalidRequest("Another request with this id is being answered")
            result = self._call_request_handler(method, raw)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            self._answer_failure(message_id, method, error)
            return
        if not inspect.isawaitable(result):
            self._answer(message_id, method, result)
            return
        answering = asyncio.ensure_future(result)
        if method == types.SHUTDOWN:
            self._farewell = answering  # Kept apart: closing cancels all the others.
        else:
            self._answering[message_id] = answering
        answering.add_done_callback(lambda done: self._answer_with(done, message_id, method))

    def _call_request_handler(self, method: str, raw: Any) -> Any:
        if method == types.INITIALIZE:
            return self._initialize(raw)
        if self.phase == "new":
            raise JsonRpcServerNotInitialized("`initialize` comes first")
        if self.phase == "shut down":
            raise JsonRpcInvalidRequest("The server was shut down")
        if method == types.SHUTDOWN:
            return self._shut_down()
        if method == types.WORKSPACE_EXECUTE_COMMAND:
            return self._execute_command(raw)
        handler = self.request_handlers.get(method)
        if handler is None:
            raise JsonRpcMethodNotFound(f"kibitz does not answer {method[:100]}")
        return handler(self._structure_params(method, raw))

    def _initialize(self, raw: Any) -> dict[str, Any]:
        if self.phase != "new":
            raise JsonRpcInvalidRequest("`initialize` comes once")
        if not isinstance(raw, dict):
            raise JsonRpcInvalidParams("The params of `initialize` are an object")
        result = announce.initialize_result(raw)
        params = lenient.initialize_params(self._converter, raw)
        self.client_said = raw
        self.phase = "running"
        self.position_encoding = result["capabilities"]["positionEncoding"]
        self.client_capabilities = params.capabilities
        self._server.process_id = params.process_id
        prepare = self.request_handlers.get(types.INITIALIZE)
        if prepare is not None:
            try:
                prepare(params)
            except Exception as error:  # noqa: BLE001 - the answer may have been sent already
                self._server.report_bug(error, types.INITIALIZE)
        return result

    def _shut_down(self) -> Awaitable[None]:
        self.phase = "shut down"
        return self._server.close()

    def _execute_command(self, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("command"), str):
            raise JsonRpcInvalidParams("`command` is missing")
        arguments = raw.get("arguments")
        if arguments is not None and not isinstance(arguments, list):
            raise JsonRpcInvalidParams("`arguments` is not a list")
        name = raw["command"]
        handler = self.command_handlers.get(name)
        if handler is None:
            raise JsonRpcInvalidParams(f"There is no command {name[:100]}")
        return handler(name, arguments or [])

    def _structure_params(self, method: str, raw: Any) -> Any:
        """`raw` as lsprotocol's type for `method`, or as it is for a method it does not know."""
        params_type: Any = types.METHOD_TO_TYPES.get(method, (None, None, None, None))[2]
        if params_type is None:
            return raw
        try:
            return lenient.params(self._converter, raw, params_type)
        except lenient.BAD_VALUE as error:
            reason = lenient.what_is_wrong(error)
            raise JsonRpcInvalidParams(f"Wrong params for {method}: {reason}") from error

    # Answers to the client

    def _answer_with(self, done: asyncio.Future[Any], message_id: MessageId, method: str) -> None:
        if self._answering.get(message_id) is done:
            del self._answering[message_id]
        if done.cancelled():
            self._send_error(message_id, JsonRpcRequestCancelled("The request was cancelled"))
        elif (error := done.exception()) is not None:
            self._answer_failure(message_id, method, error)
        else:
            self._answer(message_id, method, done.result())

    def _answer(self, message_id: MessageId, method: str, result: Any) -> None:
        try:
            body = self._encode({"id": message_id, "result": result})
        except Exception as error:  # noqa: BLE001 - a handler made what cannot be sent
            self._answer_failure(message_id, method, error)
        else:
            self._write_answer(body)

    def _answer_failure(self, message_id: MessageId, method: str, error: BaseException) -> None:
        if isinstance(error, JsonRpcException):
            logger.debug("%s is answered with error %d", method[:100], error.code)
            self._send_error(message_id, error)
            return
        self._server.report_bug(error, method)
        self._send_error(message_id, JsonRpcInternalError("kibitz has a bug; see its log"))

    def _send_error(self, message_id: MessageId | None, error: JsonRpcException) -> None:
        told: dict[str, Any] = {"code": error.code, "message": error.message}
        if error.data is not None:
            told["data"] = error.data
        self._write_answer(self._encode({"id": message_id, "error": told}))

    # Notifications of the client

    def _take_notification(self, method: str, raw: Any) -> None:
        if method == types.EXIT:
            self._server.ended.set()
        elif self.phase != "running":
            logger.debug("%s is passed over: the server is %s", method[:100], self.phase)
        elif method == types.CANCEL_REQUEST:
            self._cancel(raw)
        elif (handler := self.notification_handlers.get(method)) is not None:
            self._call_notification_handler(method, handler, raw)

    def _cancel(self, raw: Any) -> None:
        message_id = _id_of(raw)
        if message_id is not None and message_id in self._answering:
            self._answering[message_id].cancel()

    def _call_notification_handler(
        self, method: str, handler: Callable[[Any], Any], raw: Any
    ) -> None:
        try:
            result = handler(self._structure_params(method, raw))
        except JsonRpcException as error:
            logger.warning("%s is passed over: %s", method, error)
        except Exception as error:  # noqa: BLE001 - told by report_bug
            self._server.report_bug(error, method)
        else:
            if inspect.isawaitable(result):
                noting = asyncio.ensure_future(result)
                self._noting.add(noting)
                noting.add_done_callback(lambda done: self._noted(done, method))

    def _noted(self, done: asyncio.Future[Any], method: str) -> None:
        self._noting.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None:
            self._server.report_bug(error, method)

    # What is sent to the client

    def notify(self, method: str, params: Any | None = None) -> None:
        """Send a notification."""
        self._write(self._encode(_call(method, params)))

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: MessageId | None = None,  # noqa: ARG002 - pygls' signature
    ) -> Future[Any]:
        """Send a request; the future gets its result, or the client's error."""
        future: Future[Any] = Future()
        if callback is not None:
            future.add_done_callback(lambda done: callback(done.result()))
        self._ask(method, params, future)
        return future

    def send_request_async(
        self,
        method: str,
        params: Any | None = None,
        msg_id: MessageId | None = None,  # noqa: ARG002 - pygls' signature
    ) -> asyncio.Future[Any]:
        """Send a request now; the future gets its result, or the client's error.

        To stop waiting is fine: a reply that comes later is passed over.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._ask(method, params, future)
        return future

    def _ask(self, method: str, params: Any, future: AnyFuture) -> None:
        if self._send is None:
            fail(future, ConnectionClosed())
            return
        own_id = self._own_requests.next_id()
        body = self._encode({"id": own_id, **_call(method, params)})
        self._own_requests.begin(own_id, method, future)
        self._write(body)

    def _send_data(self, data: Any) -> None:
        if data:
            self._write(self._encode(data))

    def _encode(self, message: Any) -> bytes:
        plain = self._converter.unstructure(message)
        whole = {"jsonrpc": "2.0", **plain}
        # ASCII, so that half a surrogate pair, which a client may have sent, cannot fail here.
        return json.dumps(whole, separators=(",", ":"), allow_nan=False).encode("ascii")

    def _write_answer(self, body: bytes) -> None:
        self._write(body)
        if self.rest_after_answer_seconds and self._rest is not None:
            self._rest(self.rest_after_answer_seconds)

    def _write(self, body: bytes) -> None:
        if self._send is not None:
            self._send(body)

    # The end

    def cancel_handlers(self) -> list[asyncio.Future[Any]]:
        """Cancel every handler that still runs; they are to be awaited."""
        running = [*self._answering.values(), *self._noting]
        for future in running:
            future.cancel()
        return running

    def abandon_requests(self) -> None:
        """End every wait for a reply of the client with `ConnectionClosed`."""
        self._own_requests.abandon()

    async def disconnect(self) -> None:
        """See the answer to `shutdown` out, and send nothing any more."""
        if self._farewell is not None:
            await asyncio.wait([self._farewell])
        self._send = None


def _call(method: str, params: Any) -> dict[str, Any]:
    return {"method": method} if params is None else {"method": method, "params": params}


def _id_of(message: Any) -> MessageId | None:
    """The id of a request, or None where there is none that could be answered."""
    found = message.get("id") if isinstance(message, dict) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None
