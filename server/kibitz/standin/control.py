"""The stand-in's own routes under ``/standin``, for tests that run in another process.

They are there only where they were asked for, and only for callers that name this machine: a
journal holds code, and a web page must not read it by way of a name that it made point here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kibitz.standin.http import HttpRequest, HttpResponse
from kibitz.standin.script_file import read_script

if TYPE_CHECKING:
    from kibitz.standin.standin import StandIn

PREFIX = "/standin/"
_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost"})


def is_control(request: HttpRequest) -> bool:
    return urlsplit(request.target).path.startswith(PREFIX)


async def control(standin: StandIn, request: HttpRequest, response: HttpResponse) -> None:
    """Answers one control request; every answer is JSON."""
    status, answer = _answer(standin, request)
    body = json.dumps(answer, ensure_ascii=False).encode()
    await response.send(status, {"content-type": "application/json"}, body)


def _answer(standin: StandIn, request: HttpRequest) -> tuple[int, dict[str, Any]]:
    host = dict(request.headers).get("host", "")
    if host.rpartition(":")[0] not in _LOCAL_NAMES:
        return 403, {"error": "only this machine may ask"}
    try:
        body = json.loads(request.body) if request.body else {}
        match request.method, urlsplit(request.target).path.removeprefix(PREFIX):
            case "GET", "journal":
                return 200, {"exchanges": [e.to_json() for e in standin.journal.exchanges]}
            case "DELETE", "journal":
                standin.journal.clear()
            case "POST", "script":
                standin.load_script(read_script(body))
            case "DELETE", "script":
                standin.reset_script()
            case "POST", "release":
                standin.release(body.get("at"))
            case "POST", "clock":
                standin.clock.advance(float(body["advance_seconds"]))
            case _:
                return 404, {"error": "there is journal, script, release and clock"}
    except (ValueError, KeyError, AttributeError, TypeError) as problem:
        return 400, {"error": f"{problem}"}
    return 200, {"ok": True}
