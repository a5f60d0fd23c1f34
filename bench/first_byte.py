"""From a command to the first byte of its request on the wire, beside a bare SDK call.

Both send the same body, in turn, to the same stand-in.  What kibitz has to do on top is what the
body is made of: the repository is read, chosen from and cleared of secrets before a byte goes out.
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.startup import KIBITZ, SERVERS, Session, clean_environment
from kibitz.standin import Reply, StandIn

RUNS = 5  # processes of each kind
WARM = 4  # further requests in each process
MENU_SECONDS = 1.5  # how long a user looks at the menu before choosing
TIMEOUT_SECONDS = 60.0

DOCUMENT = "context/kibitz_context/lines.py"
SAMPLE = "def total(prices):\n    result = 0\n    for price in prices:\n        result += price\n"

#: What anybody would write: wait for the sign, import and make a client unless that was done
#: before (a second argument), and send.
BARE = """
import asyncio, json, sys
body = json.load(open(sys.argv[1]))
client = None
if sys.argv[2:]:
    from anthropic import AsyncAnthropic
    client = AsyncAnthropic()
async def main():
    global client
    print("ready", flush=True)
    for line in sys.stdin:
        if client is None:
            from anthropic import AsyncAnthropic
            client = AsyncAnthropic()
        async for event in await client.messages.create(**body):
            pass
        print("done", flush=True)
asyncio.run(main())
"""

#: What is compared: kibitz and the bare call, each as it is at that moment.
KINDS = ("kibitz", "menu", "bare", "imported")
COMPARISONS = (
    ("first of a process", "kibitz", "bare", "cold"),
    (f"first, menu open {MENU_SECONDS:g} s before / SDK imported before", "menu", "imported",
     "cold"),
    ("further ones", "kibitz", "bare", "warm"),
)  # fmt: skip


def main() -> None:
    """Measure in a repository of one small file and in this one, and print one table."""
    print(f"## Command to first byte, {RUNS} processes with {1 + WARM} requests each, in turn\n")
    print("| repository, body | request | kibitz ms, median (min-max) | bare SDK ms | ratio |")
    print("|---|---|---|---|---|")
    for title, figures, size_bytes in _measured():
        for request, ours, bare, moment in COMPARISONS:
            mine: list[float] = getattr(figures[ours], moment)
            theirs: list[float] = getattr(figures[bare], moment)
            ratio = median(mine) / median(theirs)
            print(
                f"| {title}, {size_bytes / 1000:.0f} kB | {request} | {_spread(mine)} "
                f"| {_spread(theirs)} | {ratio:.2f} |"
            )


@dataclass
class Figures:
    """Seconds to the first byte: of the first request of a process, and of further ones."""

    cold: list[float] = field(default_factory=list[float])
    warm: list[float] = field(default_factory=list[float])


def measure(document: Path, home: Path) -> tuple[dict[str, Figures], int]:
    """The figures of each kind for the repository of `document`, and the body's size in bytes."""
    figures = {kind: Figures() for kind in KINDS}
    body = home / "body.json"
    with StandIn.in_thread() as standin, contextlib.closing(Tap(standin)) as tap:
        standin.when("", Reply("It adds."))
        where = {"ANTHROPIC_BASE_URL": tap.base_url, "ANTHROPIC_API_KEY": "any"}
        for _ in range(RUNS):
            for kind in ("kibitz", "menu"):
                with contextlib.closing(Editor(home, where)) as editor:
                    editor.open(document)
                    if kind == "menu":
                        editor.look_at_menu()
                    figures[kind].cold.append(editor.explain(tap))
                    figures[kind].warm += [editor.explain(tap) for _ in range(WARM)]
            body.write_text(json.dumps(standin.journal.last.request.body))
            for kind in ("bare", "imported"):
                call = BareCall(body, home, where, imported=kind == "imported")
                with contextlib.closing(call):
                    figures[kind].cold.append(call.call(tap))
                    figures[kind].warm += [call.call(tap) for _ in range(WARM)]
    return figures, body.stat().st_size


class Tap:
    """A way to the stand-in that notes when the first byte of each request for a message passes."""

    def __init__(self, standin: StandIn) -> None:
        self._target = ("127.0.0.1", int(standin.base_url.rpartition(":")[2]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._times: queue.Queue[float] = queue.Queue()
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def first_byte(self) -> float:
        """When the next request began to arrive, on the clock of `time.perf_counter`."""
        return self._times.get(timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                _in_thread(_pump, client, server, self._note)
                _in_thread(_pump, server, client)

    def _note(self, data: bytes) -> None:
        if data.startswith(b"POST /v1/messages "):
            self._times.put(time.perf_counter())


def _in_thread(work: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def _pump(
    source: socket.socket,
    target: socket.socket,
    note: Callable[[bytes], None] | None = None,
) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 20):
            if note is not None:
                note(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class Editor(Session):
    """A client of one `kibitz serve` that shows progress, as most editors do."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        super().__init__(SERVERS[KIBITZ], home, **environment)
        self._place: dict[str, Any] = {"line": 0, "character": 0}
        self._uri = ""

    def open(self, path: Path) -> None:
        """Initialize, open a file, and wait until the server has taken it in."""
        self._uri = path.as_uri()
        folder = {"uri": path.parent.as_uri(), "name": "repository"}
        window = {"workDoneProgress": True}
        self.request(
            "initialize",
            {"processId": None, "workspaceFolders": [folder], "capabilities": {"window": window}},
        )
        self.send("initialized", {})
        item = {"uri": self._uri, "languageId": "python", "version": 1, "text": path.read_text()}
        self.send("textDocument/didOpen", {"textDocument": item})
        self.request(
            "textDocument/hover", {"textDocument": {"uri": self._uri}, "position": self._place}
        )

    def look_at_menu(self) -> None:
        """Ask for the code actions, and think about them."""
        self.request(
            "textDocument/codeAction",
            {
                "textDocument": {"uri": self._uri},
                "range": {"start": self._place, "end": self._place},
                "context": {"diagnostics": []},
            },
        )
        time.sleep(MENU_SECONDS)

    def explain(self, tap: Tap) -> float:
        """Seconds from the command to the first byte; returns when the answer is complete."""
        params = {"command": "kibitz.explain", "arguments": [{"uri": self._uri}]}
        started_at = time.perf_counter()
        self.request("workspace/executeCommand", params)
        while True:
            message = self.read()
            value = message.get("params", {}).get("value", {})
            if message.get("method") == "$/progress" and value.get("kind") == "end":
                assert "tokens in" in value["message"], f"the job ended with {value}"
                return tap.first_byte() - started_at

    def read(self) -> Any:
        """The next message; what the server asks is answered with nothing."""
        message = super().read()
        if "method" in message and "id" in message:
            self.write({"jsonrpc": "2.0", "id": message["id"], "result": None})
        return message

    def close(self) -> None:
        self.end()


class BareCall:
    """A process that does nothing but call the SDK when it is told to."""

    def __init__(
        self, body: Path, home: Path, environment: Mapping[str, str], *, imported: bool
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", BARE, str(body), *(["imported"] if imported else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(home, **environment),
        )
        self._expect("ready")

    def call(self, tap: Tap) -> float:
        """Seconds from the sign to the first byte; returns when the reply is complete."""
        assert self._process.stdin is not None
        started_at = time.perf_counter()
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        self._expect("done")
        return tap.first_byte() - started_at

    def _expect(self, word: str) -> None:
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()
        assert said == word, f"the bare call said {said!r}"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def _measured() -> Iterator[tuple[str, dict[str, Figures], int]]:
    with tempfile.TemporaryDirectory() as folder:
        home, sample, clone = (Path(folder) / name for name in ("home", "sample", "clone"))
        home.mkdir()
        sample.mkdir()
        (sample / "prices.py").write_text(SAMPLE)
        git = ("git", "-c", "user.name=Bench", "-c", "user.email=bench@example.invalid")
        for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Begin")):
            subprocess.run([*git, *command], cwd=sample, check=True)
        yield "one small file", *measure(sample / "prices.py", home)
        here = Path(__file__).parents[1]
        if (here / ".git").exists():
            subprocess.run(["git", "clone", "--quiet", str(here), str(clone)], check=True)
            yield "this one", *measure(clone / DOCUMENT, home)


def _spread(seconds: Sequence[float]) -> str:
    low, middle, high = min(seconds), median(seconds), max(seconds)
    return f"{middle * 1000:.0f} ({low * 1000:.0f}-{high * 1000:.0f})"


if __name__ == "__main__":
    main()
