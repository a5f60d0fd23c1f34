"""The first milliseconds of `kibitz serve`: `initialize` is answered before the server is loaded.

Loading pygls and lsprotocol takes some hundreds of milliseconds.  The answer to `initialize`
needs neither, so it is given here with the standard library alone; then the server is loaded,
takes the same message without answering it again, and reads on where this module stopped.

At its top this module imports only what the answer needs.
"""

from __future__ import annotations

import gc
import json
import os
import sys

from kibitz.protocol.announce import initialize_result
from kibitz.protocol.framing import Fault, FrameReader, frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from kibitz.protocol.pygls_mends import MendedServer

    MakeServer = Callable[[], MendedServer]

_CHUNK_BYTES = 64 * 1024

# How long a thread that computes may keep the interpreter while the event loop wants it.  With
# Python's own 5 ms, and the 5 ms that one search or collection of garbage may take, somebody who
# types waited for more than 10.  Figures: decision 0015.
SWITCH_INTERVAL_SECONDS = 0.001


def serve_stdio(make_server: MakeServer | None = None) -> int:
    """Serve the client at stdin and stdout; returns the exit code when it has gone.

    `make_server` is called after `initialize` was answered; what is slow to import belongs into
    it.  Until the end, descriptor 0 is empty and descriptor 1 is stderr: neither a stray print
    nor a child process can get between the client and the server.
    """
    if os.isatty(0):
        sys.stderr.write("kibitz serve speaks LSP on stdin and stdout: an editor starts it.\n")
    try:
        inlet, outlet = _claim_stdio()
    except OSError:
        sys.stderr.write("kibitz serve needs an open stdin and stdout.\n")
        return 1
    reader = FrameReader()
    try:
        unread, answered = _answer_initialize(reader, inlet, outlet)
    except (OSError, KeyboardInterrupt):
        return 1
    if not unread and answered is None:
        return 1  # The client left without a word.

    from kibitz.protocol import transport

    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)

    def make() -> MendedServer:
        server = (make_server or _load_server())()
        # What is loaded by now stays; looking it through for garbage would stop the loop for
        # tens of milliseconds every so often.
        gc.freeze()
        return server

    return transport.run_stdio(make, inlet, outlet, transport.Opening(reader, unread, answered))


def serve_tcp(address: str, make_server: MakeServer | None = None) -> int:
    """Serve clients that connect to ``HOST:PORT``, until interrupted; returns the exit code."""
    from kibitz.protocol import network

    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    return network.run_tcp(make_server or _load_server(), address)


def serve_ws(address: str, make_server: MakeServer | None = None) -> int:
    """Serve WebSocket clients at ``HOST:PORT``, until interrupted; returns the exit code."""
    from kibitz.protocol import network

    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    return network.run_ws(make_server or _load_server(), address)


def _load_server() -> MakeServer:
    from kibitz.server import create_server

    made: MakeServer = create_server
    return made


def _claim_stdio() -> tuple[int, int]:
    """Descriptors for the client alone, in place of 0 and 1."""
    inlet, outlet = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    try:
        os.dup2(2, 1)
    except OSError:
        os.dup2(nothing, 1)  # There is no stderr either.
    os.close(nothing)
    return inlet, outlet


def _answer_initialize(
    reader: FrameReader, inlet: int, outlet: int
) -> tuple[list[bytes | Fault], dict[str, Any] | None]:
    """Read up to the first message and answer it if it is a sound `initialize`.

    Gives what was read and not answered, and the message that was.  Anything but a sound
    `initialize` is left to the server.
    """
    while chunk := os.read(inlet, _CHUNK_BYTES):
        found = reader.feed(chunk)
        if not found:
            continue
        message = _initialize_in(found[0])
        if message is None:
            return found, None
        result = initialize_result(message["params"])
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        _write_all(outlet, frame(json.dumps(answer, separators=(",", ":")).encode("ascii")))
        return found[1:], message
    return [], None


def _initialize_in(item: bytes | Fault) -> dict[str, Any] | None:
    """The `initialize` request that `item` is, None when it is anything else."""
    if isinstance(item, Fault):
        return None
    try:
        message = json.loads(item)
    except (ValueError, RecursionError):
        return None
    if (
        isinstance(message, dict)
        and message.get("jsonrpc") == "2.0"
        and message.get("method") == "initialize"
        and isinstance(message.get("params"), dict)
        and type(message.get("id")) in (int, str)
    ):
        return message
    return None


def _write_all(outlet: int, data: bytes) -> None:
    while data:
        data = data[os.write(outlet, data) :]
