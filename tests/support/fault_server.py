"""A Messages API with faults that nobody here wrote: llmock, in a process of its own.

It lives in an environment of its own, which `make test-real` makes: it brings a plugin for pytest
that would have a say in every test.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.fault_rows import REVIEW, Action, reply_input

PROGRAM = Path(__file__).parents[2] / ".cache" / "faults" / "bin" / "llmock"
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Witness:
    """A running server.  `url` is the base URL of its Messages API."""

    root: str

    @property
    def url(self) -> str:
        return f"{self.root}/anthropic"

    def script(self, *behaviors: dict[str, Any]) -> None:
        """Forget what was; do these things to the requests to come."""
        self._call("POST", "/_llmock/reset")
        if behaviors:
            self._call("POST", "/_llmock/scenario", {"behaviors": list(behaviors)})

    def requests(self) -> int:
        """How many requests for a message have come since `script`."""
        return sum(
            each["path"].endswith("/messages")
            for each in self._call("GET", "/_llmock/requests")["requests"]
        )

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@contextlib.contextmanager
def fault_server() -> Iterator[Witness]:
    """A server that answers at once.  Raises FileNotFoundError where it is not installed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [PROGRAM, "serve", "--port", str(port), "--tool-mode", "off", "--log-level", "error"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "NO_COLOR": "1"},
    )
    witness = Witness(f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                witness.script()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield witness
    finally:
        process.terminate()
        process.wait(10)


def good_reply(action: Action) -> dict[str, Any]:
    """What llmock is to say for an action."""
    if action is REVIEW:
        call = {"name": "report_findings", "arguments": reply_input()}
        return {"type": "reply", "tool_calls": [call], "times": None}
    return {"type": "reply", "text": "".join(action.reply.text), "times": None}


@dataclass(frozen=True, slots=True)
class WitnessRow:
    """One fault of llmock's; the fields are those of `fault_rows.Row`."""

    name: str
    behavior: dict[str, Any] | None
    told: str
    outcome: str
    requests: int = 1


def _fails(status: int, told: str, outcome: str, requests: int = 1, **more: Any) -> WitnessRow:
    behavior = {"type": "fail", "status": status, "times": None, **more}
    name = f"HTTP {status}" + "".join(f", {key} {value}" for key, value in more.items())
    return WitnessRow(name, behavior, told, outcome, requests)


def _breaks(kind: str, told: str, **more: Any) -> WitnessRow:
    behavior = {"type": "stream_fault", "kind": kind, "after_chunks": 5, **more}
    return WitnessRow(kind, behavior, told, "dropped")


WITNESS_ROWS = (
    _fails(400, "does not take the request", "bad_request"),
    _fails(401, "does not accept the API key", "wrong_credentials"),
    _fails(403, "has no permission", "no_permission"),
    _fails(404, "does not know", "unknown_model"),
    _fails(413, "too large", "too_large"),
    _fails(429, "60 seconds", "rate_limit", retry_after=60),
    _fails(500, "failed (HTTP 500)", "server_error", 3),
    _fails(503, "is overloaded", "overloaded", 3, retry_after=0.01),
    _fails(529, "is overloaded", "overloaded", 3, retry_after=0.01),
    _breaks("disconnect", "broke off in the middle"),
    _breaks("truncate", "broke off in the middle"),
    _breaks("stall", "fell silent", stall_seconds=30.0),
    _breaks("malformed", "arrived damaged"),
    WitnessRow("nothing wrong", None, "", "finished"),
)


def behaviors(row: WitnessRow, action: Action) -> list[dict[str, Any]]:
    """What llmock is told to do for a row and an action."""
    fault = [] if row.behavior is None else [row.behavior]
    return [*fault, good_reply(action)]
