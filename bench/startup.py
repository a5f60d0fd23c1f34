"""Process start to the answer to `initialize`, and resident memory, beside a bare pygls server.

Both run in the same environment, in turn, so that whatever else the machine does hits both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

RUNS = 11  # and one more first, which warms the disk cache and is not counted
MEMORY_RUNS = 3

#: The smallest server that pygls lets one write: it answers hovers.
BARE_PYGLS = """
from lsprotocol import types
from pygls.lsp.server import LanguageServer
server = LanguageServer("hello", "1")
@server.feature(types.TEXT_DOCUMENT_HOVER)
def hover(params):
    return None
@server.feature(types.TEXT_DOCUMENT_CODE_ACTION)
def code_action(params):
    return []
server.start_io()
"""

#: What no server in Python can be faster than: the interpreter and its JSON parser.
FLOOR = """
import json, sys
length = 0
for line in sys.stdin.buffer:
    if line == b"\\r\\n":
        break
    length = int(line.split(b":")[1])
message = json.loads(sys.stdin.buffer.read(length))
body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"capabilities": {}}}).encode()
sys.stdout.buffer.write(b"Content-Length: %d\\r\\n\\r\\n%b" % (len(body), body))
sys.stdout.buffer.flush()
sys.stdin.buffer.read()
"""

KIBITZ = "kibitz serve"
PYGLS = "bare pygls hello"
SERVERS: dict[str, Sequence[str]] = {
    KIBITZ: (str(Path(sys.executable).with_name("kibitz")), "serve"),
    PYGLS: (sys.executable, "-c", BARE_PYGLS),
    "standard library loop (floor)": (sys.executable, "-c", FLOOR),
}


@dataclass(frozen=True)
class Memory:
    """Resident memory in MB: a second after the server was loaded, and after a code action."""

    idle_mb: float
    after_code_action_mb: float


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """The environment without anybody's keys, settings or folders."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANTHROPIC_", "KIBITZ_", "XDG_"))
    }
    return {**environment, "HOME": str(home), **more}


class Session:
    """One process of a server, from its start."""

    def __init__(self, argv: Sequence[str], home: Path, **environment: str) -> None:
        self.started_at = time.perf_counter()
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean_environment(home, **environment),
            cwd=home,
        )
        self._next_id = 0

    def send(self, method: str, params: Any, **more: Any) -> None:
        self.write({"jsonrpc": "2.0", "method": method, "params": params, **more})

    def write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        body = json.dumps(message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def request(self, method: str, params: Any) -> Any:
        """The answer to a request; whatever comes before it is passed over."""
        self._next_id += 1
        self.send(method, params, id=self._next_id)
        while True:
            message = self.read()
            if message.get("id") == self._next_id and "method" not in message:
                return message

    def read(self) -> Any:
        assert self.process.stdout is not None
        length = 0
        while (line := self.process.stdout.readline()) != b"\r\n":
            if not line:
                raise RuntimeError("the server ended")
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return json.loads(self.process.stdout.read(length))

    def initialize(self) -> float:
        """Seconds from the start of the process to the answer."""
        self.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        return time.perf_counter() - self.started_at

    def code_action(self) -> None:
        place = {"line": 0, "character": 0}
        params = {
            "textDocument": {"uri": "untitled:one"},
            "range": {"start": place, "end": place},
            "context": {"diagnostics": []},
        }
        self.request("textDocument/codeAction", params)

    def hover(self) -> None:
        params = {"textDocument": {"uri": "untitled:one"}, "position": {"line": 0, "character": 0}}
        self.request("textDocument/hover", params)

    def open_text(self) -> None:
        item = {"uri": "untitled:one", "languageId": "python", "version": 1, "text": "x = 1\n"}
        self.send("initialized", {})
        self.send("textDocument/didOpen", {"textDocument": item})

    def resident_mb(self) -> float:
        """What the process holds in memory now; 0 where the system does not say."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0.0
        kilobytes = next(line.split()[1] for line in status.splitlines() if "VmRSS" in line)
        return int(kilobytes) / 1024

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def seconds_to_answers(argv: Sequence[str], home: Path) -> tuple[float, float]:
    """Process start to the answer to `initialize`, and to that of the first request after it."""
    session = Session(argv, home)
    try:
        first = session.initialize()
        if FLOOR in argv:
            return first, first
        session.open_text()
        session.code_action()
        return first, time.perf_counter() - session.started_at
    finally:
        session.end()


def memory(argv: Sequence[str], home: Path) -> Memory:
    session = Session(argv, home)
    try:
        session.initialize()
        session.open_text()
        session.hover()  # Its answer shows that everything is loaded.
        time.sleep(1)
        idle_mb = session.resident_mb()
        session.code_action()
        return Memory(idle_mb, session.resident_mb())
    finally:
        session.end()


def main() -> None:
    """Measure, and print one table."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in SERVERS}
    memories: dict[str, list[Memory]] = {KIBITZ: [], PYGLS: []}
    with tempfile.TemporaryDirectory() as folder:
        for run in range(RUNS + 1):
            for name, argv in SERVERS.items():
                found = seconds_to_answers(argv, Path(folder))
                if run:
                    times[name].append(found)
        for _ in range(MEMORY_RUNS):
            for name in memories:
                memories[name].append(memory(SERVERS[name], Path(folder)))

    print(f"## Start-up, {RUNS} runs each in turn, median (min-max)\n")
    print("| server | initialize ms | next answer ms | RSS MB, 1 s idle | RSS MB, 1 code action |")
    print("|---|---|---|---|---|")
    for name in SERVERS:
        cells = [name, _spread([first for first, _ in times[name]])]
        cells += [_spread([second for _, second in times[name]]) if name in memories else "–"]
        held = memories.get(name)
        cells += [f"{median(one.idle_mb for one in held):.0f}" if held else "–"]
        cells += [f"{median(one.after_code_action_mb for one in held):.0f}" if held else "–"]
        print("| " + " | ".join(cells) + " |")
    speed = _median_first(times[KIBITZ]) / _median_first(times[PYGLS])
    weight = median(one.idle_mb for one in memories[KIBITZ]) / median(
        one.idle_mb for one in memories[PYGLS]
    )
    print(f"\nkibitz / bare pygls: {speed:.2f} of the time to `initialize` (goal: at most 1.0), ")
    print(f"{weight:.2f} of the memory (goal: under 1.5)")


def _spread(seconds: Sequence[float]) -> str:
    low, middle, high = min(seconds), median(seconds), max(seconds)
    return f"{middle * 1000:.0f} ({low * 1000:.0f}-{high * 1000:.0f})"


def _median_first(found: Sequence[tuple[float, float]]) -> float:
    return median(first for first, _ in found)


if __name__ == "__main__":
    main()
