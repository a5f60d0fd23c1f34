"""A server that behaves as its argument says, for the tests of the demo's editor."""

from __future__ import annotations

import json
import sys
from typing import Any

BEHAVIOUR, URI = sys.argv[1], sys.argv[2]


def read() -> Any:
    length = 0
    while (line := sys.stdin.buffer.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(sys.stdin.buffer.read(length)) if length else sys.exit(0)


def send(**message: Any) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    sys.stdout.buffer.flush()


def progress_end() -> None:
    value = {"kind": "end", "message": "ended"}
    send(method="$/progress", params={"token": "job", "value": value})


def edit(version: int, *edits: Any) -> Any:
    """Ask for an edit; what the editor answers."""
    change = {"textDocument": {"uri": URI, "version": version}, "edits": list(edits)}
    send(id=7, method="workspace/applyEdit", params={"edit": {"documentChanges": [change]}})
    notes = []
    while True:
        message = read()
        if message.get("id") == 7:
            return {"answer": message["result"], "changes": notes}
        notes.append(message["params"])


def insertion(text: str) -> Any:
    place = {"line": 0, "character": 0}
    return {"range": {"start": place, "end": place}, "newText": text}


def act() -> None:
    """What happens after the first real command."""
    match BEHAVIOUR:
        case "dies":
            sys.exit(3)
        case "talks nonsense":
            sys.stdout.write("no LSP at all\r\n\r\n")
            sys.stdout.flush()
            while True:
                read()
        case "fails":
            send(method="window/showMessage", params={"type": 1, "message": "Out of credit."})
        case "edits":
            good = edit(1, insertion("# new\n"))
            stale = edit(1, insertion("# stale\n"))
            whole = {"range": {**insertion("")["range"], "end": {"line": 9, "character": 0}},
                     "newText": ""}  # fmt: skip
            overlapping = edit(2, whole, {**whole, "newText": "twice"})
            seen = json.dumps([good, stale, overlapping])
            send(method="kibitz/stream", params={"job": "job", "text": seen})
        case "asks":
            send(id=9, method="window/showDocument", params={"uri": URI})
            send(method="kibitz/stream", params={"job": "job", "text": json.dumps(read())})
    progress_end()


while True:
    message = read()
    match message["method"], message.get("id"):
        case "exit", _:
            sys.exit(5 if BEHAVIOUR == "ends badly" else 0)
        case "workspace/executeCommand", number:
            is_first = message["params"]["command"] == "kibitz.stop"
            send(id=number, result={} if is_first else {"job": "job"})
            if not is_first:
                act()
        case "textDocument/codeAction", number:
            send(id=number, error={"code": -32602, "message": "not today"})
        case _, None:
            pass
        case _, number:
            send(id=number, result=None)
