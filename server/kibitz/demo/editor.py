"""The demo's editor: a small, honest LSP client with open texts and without a screen.

It announces what it does, runs what the server's own menu offers, applies edits to its buffers
and hands on what happens as plain values, in the order in which it happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kibitz import __version__
from kibitz.demo.buffer import BadEdit, Buffer
from kibitz.demo.wire import Refused, ServerGone, Wire
from kibitz.errors import UserError

NAME = "kibitz-demo"

CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}},
    "textDocument": {
        "publishDiagnostics": {"versionSupport": True, "dataSupport": True},
        "hover": {"contentFormat": ["markdown"]},
        "codeAction": {
            "codeActionLiteralSupport": {
                "codeActionKind": {"valueSet": ["quickfix", "refactor.rewrite", "source"]}
            }
        },
    },
    "window": {"workDoneProgress": True},
    # Answers as they stream, instead of a document that is asked for anew.
    "experimental": {"kibitz": {"stream": True}},
}

_LEVELS = {1: "error", 2: "warning"}


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of an answer (`kibitz/stream`)."""

    job: str
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding as an editor sees it.  Lines are zero-based, both included; `severity` is 1
    (error) to 4 (hint)."""

    severity: int
    code: str
    first_line: int
    last_line: int
    message: str
    suggestion: str

    @property
    def title(self) -> str:
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Published:
    """All diagnostics of a text, as of now."""

    uri: str
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Edited:
    """The server has edited a text, which was `before` and is `after`."""

    uri: str
    before: str
    after: str
    version: int


@dataclass(frozen=True, slots=True)
class Reported:
    """Work-done progress of a job; its last message when `ended`."""

    job: str
    message: str
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A message to the user (`window/showMessage`)."""

    level: Literal["error", "warning", "info"] | str
    sentence: str


@dataclass(frozen=True, slots=True)
class _Gone:
    """Nothing will happen any more."""


Happening = Said | Published | Edited | Reported | Told


class Editor:
    """The client of one server process.  Made with `started`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process_id = process.pid
        self.buffers: dict[str, Buffer] = {}
        self._happenings: asyncio.Queue[Happening | _Gone] = asyncio.Queue()
        self._wire = Wire(
            process,
            on_notification=self._notified,
            on_request=self._asked,
            on_end=lambda: self._happenings.put_nowait(_Gone()),
        )
        self.initialized_after_seconds = 0.0
        self.ready_after_seconds = 0.0

    @classmethod
    @contextlib.asynccontextmanager
    async def started(
        cls, argv: Sequence[str], root: Path, environment: Mapping[str, str]
    ) -> AsyncIterator[Editor]:
        """An editor with `root` open, on a new server process.

        On leaving the server is ended: in order, or at once when something has gone wrong.
        Raises UserError when the server could not be started or did not end well.
        """
        begun_at = time.perf_counter()
        try:
            process = await Wire.start_process(argv, folder=root, environment=environment)
        except OSError as error:
            raise UserError(f"The server could not be started ({error.strerror}).", 1) from error
        editor = cls(process)
        try:
            await editor._initialize(root)
            editor.initialized_after_seconds = time.perf_counter() - begun_at
            # `initialize` is answered before the server is loaded; this is answered after it.
            await editor._wire.request("workspace/executeCommand", {"command": "kibitz.stop"})
            editor.ready_after_seconds = time.perf_counter() - begun_at
            yield editor
        except BaseException:
            await editor._wire.kill()
            raise
        code = await editor._wire.close()
        if code != 0:
            raise UserError(f"The server ended with exit code {code} instead of 0.", 1)

    async def open(self, path: Path) -> Buffer:
        """Open a file."""
        text = await asyncio.to_thread(lambda: path.read_bytes().decode("utf-8"))
        buffer = self.buffers[path.as_uri()] = Buffer(path, text, "utf-16")
        item = {"uri": buffer.uri, "languageId": "python", "version": 1, "text": text}
        self._wire.notify("textDocument/didOpen", {"textDocument": item})
        return buffer

    async def menu(self, buffer: Buffer, first: int, end: int, kind: str) -> list[dict[str, Any]]:
        """The code actions of a kind for the lines ``[first, end)``."""
        params = {
            "textDocument": {"uri": buffer.uri},
            "range": buffer.range_of_lines(first, end),
            "context": {"diagnostics": [], "only": [kind]},
        }
        return await self._request("textDocument/codeAction", params) or []

    async def choose(self, action: Mapping[str, Any], **more: Any) -> str:
        """Run the command of a code action, with `more` in its argument; returns the job's id."""
        command = action["command"]
        argument = {**command["arguments"][0], **more}
        params = {"command": command["command"], "arguments": [argument]}
        answer = await self._request("workspace/executeCommand", params)
        return str(answer["job"])

    async def hover(self, buffer: Buffer, line: int) -> str:
        """The Markdown that is shown when the pointer rests on a line; "" where there is none."""
        params = {
            "textDocument": {"uri": buffer.uri},
            "position": {"line": line, "character": 0},
        }
        answer = await self._request("textDocument/hover", params)
        return str(answer["contents"]["value"]) if answer else ""

    async def until_end(self, job: str) -> AsyncIterator[Happening]:
        """What happens until `job` has ended, its end included.

        Raises UserError with the server's own sentence when the job failed, and when the server
        is gone.
        """
        while True:
            happening = await self._happenings.get()
            if isinstance(happening, _Gone):
                raise UserError("The server ended in the middle of the demo.", 1)
            if isinstance(happening, Told) and happening.level == "error":
                raise UserError(happening.sentence, 3)
            yield happening
            if isinstance(happening, Reported) and happening.job == job and happening.ended:
                return

    async def _initialize(self, root: Path) -> None:
        folder = {"uri": root.as_uri(), "name": root.name}
        await self._request(
            "initialize",
            {
                "processId": os.getpid(),
                "clientInfo": {"name": NAME, "version": __version__},
                "rootUri": folder["uri"],
                "workspaceFolders": [folder],
                "capabilities": CAPABILITIES,
            },
        )
        self._wire.notify("initialized", {})

    async def _request(self, method: str, params: Any) -> Any:
        try:
            return await self._wire.request(method, params)
        except Refused as refused:
            raise UserError(f"The server refused {method}: {refused}.", 1) from refused
        except ServerGone as gone:
            raise UserError(f"The server ended instead of answering {method}.", 1) from gone

    # -- what the server sends -----------------------------------------------------------------

    def _notified(self, method: str, params: Any) -> None:
        happening: Happening
        match method:
            case "kibitz/stream":
                happening = Said(params["job"], params["text"])
            case "textDocument/publishDiagnostics":
                found = tuple(_diagnostic(item) for item in params["diagnostics"])
                happening = Published(params["uri"], found)
            case "$/progress":
                value = params["value"]
                ended = value["kind"] == "end"
                happening = Reported(str(params["token"]), value.get("message") or "", ended)
            case "window/showMessage":
                happening = Told(_LEVELS.get(params["type"], "info"), params["message"])
            case _:
                return
        self._happenings.put_nowait(happening)

    def _asked(self, method: str, params: Any) -> Any:
        match method:
            case "workspace/applyEdit":
                return self._apply(params["edit"])
            case "window/workDoneProgress/create":
                return None
            case _:
                raise NotImplementedError

    def _apply(self, edit: Any) -> dict[str, Any]:
        """Apply an edit if it is made for the texts as they are, and tell the server so."""
        for change in edit["documentChanges"]:
            identifier = change["textDocument"]
            buffer = self.buffers.get(identifier["uri"])
            if buffer is None:
                return {"applied": False, "failureReason": "the document is not open"}
            if identifier["version"] not in (None, buffer.version):
                return {"applied": False, "failureReason": "the document has changed"}
            before = buffer.text
            try:
                changes = buffer.apply(change["edits"])
            except BadEdit:
                return {"applied": False, "failureReason": "edits that overlap"}
            document = {"uri": buffer.uri, "version": buffer.version}
            self._wire.notify(
                "textDocument/didChange", {"textDocument": document, "contentChanges": changes}
            )
            self._happenings.put_nowait(Edited(buffer.uri, before, buffer.text, buffer.version))
        return {"applied": True}


def _diagnostic(item: Any) -> Diagnostic:
    data = item.get("data") or {}
    end = item["range"]["end"]
    return Diagnostic(
        severity=item.get("severity", 1),
        code=str(item.get("code", "")),
        first_line=item["range"]["start"]["line"],
        last_line=end["line"],
        message=item["message"],
        suggestion=str(data.get("suggestion", "")),
    )
