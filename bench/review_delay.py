"""How soon a finding is a diagnostic: from the last token of it to the editor.

Each finding of a reply is held back before its last characters; then these are let go, and the
editor's side of a real `kibitz serve` waits for the diagnostic.  Beside it a bare SDK call waits
for the same characters, so that what the stand-in and the machine take is in both.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench import tables
from bench.first_byte import Editor
from bench.startup import clean_environment
from kibitz.standin import Reply, StandIn, ToolCall

REVIEWS = 10
FINDINGS = 8
PATIENCE_SECONDS = 30.0

TEXT = "".join(f"def step_{number}(value):\n    return eval(value)\n\n\n" for number in range(40))

#: Says how many characters of the tool's input have come whenever some do.
BARE = """
import asyncio, json, sys
from anthropic import AsyncAnthropic
client = AsyncAnthropic(max_retries=0)
body = json.load(open(sys.argv[1]))
async def main():
    for line in sys.stdin:
        n = 0
        async for event in await client.messages.create(**body):
            if event.type == "content_block_delta" and event.delta.type == "input_json_delta":
                n += len(event.delta.partial_json)
                print(n, flush=True)
        print("done", flush=True)
asyncio.run(main())
"""


def report() -> str:
    """The table, as Markdown."""
    with tempfile.TemporaryDirectory() as folder, StandIn.in_thread() as standin:
        home = Path(folder)
        root = _repository(home / "repository")
        where = {"ANTHROPIC_BASE_URL": standin.base_url, "ANTHROPIC_API_KEY": "any"}
        with contextlib.closing(Reviewer(home, where)) as editor:
            editor.open(root / "steps.py")
            ours = [
                seconds
                for number in range(REVIEWS + 1)
                for seconds in editor.review(standin, number)
                if number  # the first one loads what the others have
            ]
        body = home / "body.json"
        body.write_text(json.dumps(standin.journal.messages[-1].request.body))
        with contextlib.closing(Bare(body, home, where)) as bare:
            theirs = [
                seconds
                for number in range(REVIEWS + 1)
                for seconds in bare.read(standin, number)
                if number
            ]
    rows = [
        ("kibitz: until the editor has the diagnostic", *_figures(ours)),
        ("a bare SDK call: until the program has the characters", *_figures(theirs)),
        ("ratio", f"{median(ours) / median(theirs):.2f}", f"{_p95(ours) / _p95(theirs):.2f}"),
    ]
    header = ("from the last token of a finding, ms", "p50 (min-max)", "p95")
    return (
        f"**Review: how soon a finding is shown.** {len(ours)} findings of {REVIEWS} reviews, the "
        "reply still going on; the stand-in, and real processes on this machine.\n\n"
        f"{tables.table(header, rows)}"
    )


def _repository(root: Path) -> Path:
    root.mkdir(parents=True)
    (root / "steps.py").write_text(TEXT)
    git = ("git", "-c", "user.name=Bench", "-c", "user.email=bench@example.invalid")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Begin")):
        subprocess.run([*git, *command], cwd=root, check=True)
    return root


def _reply(number: int) -> tuple[Reply, list[str], list[int]]:
    """A reply that is held before the end of each finding, at these marks, and how many characters
    of its input are complete when each finding is."""
    findings = [
        {
            "path": "steps.py",
            "severity": "warning",
            "category": "security",
            "start_line": 4 * each + 2,
            "end_line": 4 * each + 2,
            "quote": "    return eval(value)",
            "title": f"Runs what it is given, {number}.{each}",
            "message": "Whoever calls it decides what is run.",
            "suggestion": f"    return {number}_{each}_END",
        }
        for each in range(FINDINGS)
    ]
    text = json.dumps({"findings": findings})
    marks = [f"{number}_{each}_END" for each in range(FINDINGS)]
    # The quotation mark and the brace behind the mark are the last tokens of a finding.
    ends = [text.index(mark) + len(mark) + 2 for mark in marks]
    reply = Reply(tool_calls=[ToolCall("report_findings", text)], chunk_size=2)
    for mark in marks:
        reply = reply.hold_at(mark)
    return reply, marks, ends


def _let_go(standin: StandIn, marks: Sequence[str]) -> Iterator[float]:
    """At each mark in turn: when the reply may go on."""
    for mark in marks:
        standin.reached(mark).result(PATIENCE_SECONDS)
        # What came before the mark is to have been dealt with.
        time.sleep(0.03)
        began = time.perf_counter()
        standin.release(mark)
        yield began


class Reviewer(Editor):
    """An editor that has one file reviewed again and again."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        super().__init__(home, environment)
        self._uri_of_all = ""
        # What the server asks is answered while the reply is held.
        self._received: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._receive, daemon=True).start()

    def open(self, path: Path) -> None:
        super().open(path)
        self._uri_of_all = path.as_uri()

    def read(self) -> Any:
        return self._received.get(timeout=PATIENCE_SECONDS)

    def _receive(self) -> None:
        # The connection is closed under it at the end.
        with contextlib.suppress(RuntimeError, ValueError, OSError):
            while True:
                self._received.put(super().read())

    def review(self, standin: StandIn, number: int) -> list[float]:
        """Seconds from the last token of each finding to its diagnostic."""
        reply, marks, _ = _reply(number)
        standin.enqueue(reply)
        arguments = [{"uri": self._uri_of_all}]
        self.request(
            "workspace/executeCommand", {"command": "kibitz.review", "arguments": arguments}
        )
        found = []
        for each, began in enumerate(_let_go(standin, marks)):
            self._until_diagnostic(f"{number}.{each}")
            found.append(time.perf_counter() - began)
        while True:
            value = self.read().get("params", {}).get("value", {})
            if isinstance(value, dict) and value.get("kind") == "end":
                return found

    def _until_diagnostic(self, name: str) -> None:
        while True:
            message = self.read()
            if message.get("method") == "textDocument/publishDiagnostics" and any(
                name in each["message"] for each in message["params"]["diagnostics"]
            ):
                return


class Bare:
    """A process that reads the same reply with the SDK alone."""

    def __init__(self, body: Path, home: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", BARE, str(body)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(home, **environment),
        )

    def read(self, standin: StandIn, number: int) -> list[float]:
        """Seconds from the last token of each finding to its being read."""
        reply, marks, ends = _reply(number)
        standin.enqueue(reply)
        stdin, stdout = self._pipes()
        stdin.write("go\n")
        stdin.flush()
        found = []
        for end, began in zip(ends, _let_go(standin, marks), strict=True):
            while int(stdout.readline()) < end:
                pass
            found.append(time.perf_counter() - began)
        while stdout.readline() != "done\n":
            pass
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in self._pipes():
            pipe.close()

    def _pipes(self) -> tuple[Any, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout


def _figures(seconds: Sequence[float]) -> tuple[str, str]:
    low, middle, high = (1000 * each for each in (min(seconds), median(seconds), max(seconds)))
    return f"{middle:.1f} ({low:.1f}-{high:.1f})", f"{1000 * _p95(seconds):.1f}"


def _p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20)[-1]
