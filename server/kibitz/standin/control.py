"""The stand-in's own routes under ``/standin``, for tests that run in another process.

They are there only where they were asked for, and only for callers that name this machine: a
journal holds code, and a web page must not read it by way of a name that it made point here.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from kibitz.standin.clock import Clock
from kibitz.standin.http import HttpRequest, HttpResponse
from kibitz.standin.journal import Journal
from kibitz.standin.script import Script
from kibitz.standin.script_file import read_script

PREFIX = "/standin/"
_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost"})


class Control:
    """What can be asked of a stand-in, and done to it, besides messages."""

    def __init__(self, journal: Journal, script: Script, clock: Clock) -> None:
        self._journal = journal
        self._script = script
        self._clock = clock

    def is_meant(self, request: HttpRequest) -> bool:
        return urlsplit(request.target).path.startswith(PREFIX)

    async def handle(self, request: HttpRequest, response: HttpResponse) -> None:
        """Answers one control request; every answer is JSON."""
        status, answer = self._answer(request)
        body = json.dumps(answer, ensure_ascii=False).encode()
        await response.send(status, {"content-type": "application/json"}, body)

    def _answer(self, request: HttpRequest) -> tuple[int, dict[str, Any]]:
        host = dict(request.headers).get("host", "")
        if host.rpartition(":")[0] not in _LOCAL_NAMES:
            return 403, {"error": "only this machine may ask"}
        try:
            body = json.loads(request.body) if request.body else {}
            match request.method, urlsplit(request.target).path.removeprefix(PREFIX):
                case "GET", "journal":
                    return 200, {"exchanges": [e.to_json() for e in self._journal.exchanges]}
                case "DELETE", "journal":
                    self._journal.clear()
                case "POST", "script":
                    self._script.load(read_script(body))
                case "DELETE", "script":
                    self._script.reset()
                case "POST", "release":
                    self._journal.release(body.get("at"))
                case "POST", "clock":
                    self._clock.advance(float(body["advance_seconds"]))
                case _:
                    return 404, {"error": "there is journal, script, release and clock"}
        except (ValueError, KeyError, AttributeError, TypeError) as problem:
            return 400, {"error": f"{problem}"}
        return 200, {"ok": True}
