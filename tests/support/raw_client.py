"""An LSP client made of JSON and bytes alone: what a test needs of an editor.

It has no line of pygls, lsprotocol or kibitz in it, takes edits the way real editors do
(`editor_text.POLICIES`), answers the usual requests of a server, records everything, and checks
when it closes that each of its requests got exactly one answer.

    async with RawClient.start(profile="neovim", root=repository) as client:
        text = await client.open("a.py", "print(1)\n")
        job = await client.execute("kibitz.explain", {"uri": text.uri})
        await client.progress_end(job["job"])
        assert client.notifications("window/showDocument") …
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from support.editor_text import POLICIES, EditorText
from support.raw_wire import Json, ResponseError, Wire, exists

__all__ = ["EditorText", "Profile", "RawClient", "ResponseError", "clean_environment", "exists"]

LATE_ECHO_SECONDS = 0.15  # Neovim sends its changes together, this long after the last one.

PROFILES = Path(__file__).parent.parent / "profiles"
KIBITZ_TINY = (sys.executable, str(Path(__file__).with_name("tiny_server.py")))
KIBITZ_SERVE = (str(Path(sys.executable).with_name("kibitz")), "serve")


@dataclass(frozen=True)
class Profile:
    """What a client says of itself, and how it takes edits."""

    name: str
    client_info: dict[str, str] | None
    capabilities: dict[str, Json]
    policy: str

    @classmethod
    def load(cls, name: str) -> Profile:
        found = json.loads((PROFILES / f"{name}.json").read_text())
        return cls(name, found["clientInfo"], found["capabilities"], found["applyEdit"])

    @classmethod
    def names(cls) -> list[str]:
        return sorted(path.stem for path in PROFILES.glob("*.json"))


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """An environment without credentials or settings of whoever runs the tests."""
    dropped = ("ANTHROPIC_", "KIBITZ_", "XDG_", "AWS_", "GOOGLE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    folders = {
        f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE")
    }
    return {**kept, "HOME": str(home), **folders, **more}


class RawClient(Wire):
    """An editor on a connection.  Make it with `start` (a process) or `connect` (TCP)."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        profile: Profile,
        process: asyncio.subprocess.Process | None = None,
        root: Path | None = None,
    ) -> None:
        super().__init__(reader, writer, process)
        self.profile = profile
        self.root = root
        #: What `workspace/configuration` answers, by section.
        self.settings: dict[str, Json] = {}
        #: What the user picks in `window/showMessageRequest`: the choice's index, None: nothing.
        self.pick: int | None = None
        self.texts: dict[str, EditorText] = {}
        self.server: dict[str, Json] = {}
        self.encoding = "utf-16"
        self._policy = POLICIES[profile.policy]
        self._late_echo: asyncio.TimerHandle | None = None
        self.request_handlers = {
            "workspace/applyEdit": self._apply_edit,
            "kibitz/applyEdit": self._apply_edit,
            "workspace/configuration": self._configuration,
            "window/showMessageRequest": self._choose,
            "window/showDocument": lambda params: {"success": True},
            "window/workDoneProgress/create": lambda params: None,
            "client/registerCapability": lambda params: None,
            "client/unregisterCapability": lambda params: None,
            "workspace/codeLens/refresh": lambda params: None,
            "workspace/textDocumentContent/refresh": lambda params: None,
        }

    # How it begins and ends

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls,
        argv: Sequence[str] = KIBITZ_SERVE,
        *,
        profile: str = "honest",
        root: Path | None = None,
        environment: Mapping[str, str] | None = None,
        initialize: bool = True,
    ) -> AsyncIterator[RawClient]:
        """A client of a new process, initialized; both are ended in order on leaving.

        When the test fails, or has ended the connection itself, the process is only killed.
        """
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            cwd=root,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        client = cls(process.stdout, process.stdin, Profile.load(profile), process, root)
        try:
            if initialize:
                await client.initialize()
            yield client
            if initialize and not client.is_at_end and process.returncode is None:
                await client.close()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await client.stop()

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls, port: int, *, profile: str = "honest", initialize: bool = True
    ) -> AsyncIterator[RawClient]:
        """A client of a server that listens at a TCP port of this machine."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        client = cls(reader, writer, Profile.load(profile))
        try:
            if initialize:
                await client.initialize()
            yield client
            if initialize and not client.is_at_end:
                await client.close()
        finally:
            await client.stop()

    async def initialize(self, **more: Json) -> Json:
        """`initialize` as the profile's client sends it, and `initialized`; gives the result."""
        folder = {"uri": self.root.as_uri(), "name": self.root.name} if self.root else None
        params = {
            "processId": os.getpid() if self.process else None,
            "clientInfo": self.profile.client_info,
            "rootUri": folder["uri"] if folder else None,
            "workspaceFolders": [folder] if folder else None,
            "capabilities": self.profile.capabilities,
            **more,
        }
        result = await self.request("initialize", params)
        self.server = result["capabilities"]
        self.encoding = self.server.get("positionEncoding", "utf-16")
        self.notify("initialized", {})
        return result

    async def close(self) -> int | None:
        """`shutdown`, `exit`, and the checks; gives the exit code of the process."""
        assert await self.request("shutdown") is None
        self.notify("exit")
        code = await self.exit_code()
        assert code in (0, None), f"exit code {code}: {self.stderr}"
        self.check()
        return code

    async def execute(self, command: str, *arguments: Json) -> Json:
        """The result of a command."""
        params = {"command": command, "arguments": list(arguments)}
        return await self.request("workspace/executeCommand", params)

    # Its texts

    async def open(self, name: str, text: str, language: str = "python") -> EditorText:
        """Open a text under a file name (in `root`) or a URI, as it stands in the editor."""
        uri = name if ":" in name else ((self.root or Path("/nowhere")) / name).as_uri()
        version = self._policy.first_version
        self.texts[uri] = opened = EditorText(uri, text, language, self.encoding, version)
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})
        return opened

    def type(self, text: EditorText, offset: int, new: str, *, removing: int = 0) -> None:
        """The user types `new` at `offset`, in place of `removing` characters."""
        self.before_sending()
        change = text.replace(offset, offset + removing, new)
        text.sent_text, text.sent_version = text.text, text.version
        identifier = {"uri": text.uri, "version": text.version}
        self.notify(
            "textDocument/didChange", {"textDocument": identifier, "contentChanges": [change]}
        )

    def save(self, text: EditorText) -> None:
        self.notify("textDocument/didSave", {"textDocument": {"uri": text.uri}})

    def close_text(self, text: EditorText) -> None:
        del self.texts[text.uri]
        self.notify("textDocument/didClose", {"textDocument": {"uri": text.uri}})

    async def code_actions(
        self, text: EditorText, range: Json, *, diagnostics: Sequence[Json] = (), **context: Json
    ) -> list[Json]:
        params = {
            "textDocument": {"uri": text.uri},
            "range": range,
            "context": {"diagnostics": list(diagnostics), **context},
        }
        return await self.request("textDocument/codeAction", params) or []

    async def hover(self, text: EditorText, position: Json) -> Json:
        """The hover at a position, or over a range."""
        params = {"textDocument": {"uri": text.uri}, "position": position}
        return await self.request("textDocument/hover", params)

    # What it has received

    def diagnostics(self, uri: str) -> list[Json] | None:
        """What was published last for `uri`; None when nothing was."""
        published = self.notifications("textDocument/publishDiagnostics")
        found = [params["diagnostics"] for params in published if params["uri"] == uri]
        return found[-1] if found else None

    def messages(self) -> list[str]:
        """What the user was shown by `window/showMessage`."""
        return [params["message"] for params in self.notifications("window/showMessage")]

    def progress(self, token: int | str) -> list[Json]:
        """The values of one work-done progress, in order."""
        reported = self.notifications("$/progress")
        return [params["value"] for params in reported if params["token"] == token]

    async def progress_end(self, token: int | str) -> Json:
        """Wait for the end of a progress (of a job: its id); gives the last value."""

        def ended() -> Json:
            values = self.progress(token)
            return values[-1] if values and values[-1]["kind"] == "end" else None

        return await self.wait_until(ended, f"the end of progress {token}")

    # What it answers

    def _apply_edit(self, params: Json) -> Json:
        policy = self._policy
        edit = params["edit"]
        changes = edit.get("documentChanges", [])
        created = [change["uri"] for change in changes if change.get("kind") == "create"]
        if any(_file(uri).exists() for uri in created):
            return {"applied": False, "failureReason": "the file exists"}
        by_document = [
            (change["textDocument"]["uri"], change["textDocument"].get("version"), change["edits"])
            for change in changes
            if "textDocument" in change
        ] or [(uri, None, edits) for uri, edits in edit.get("changes", {}).items()]
        for uri, version, _ in by_document:
            if uri not in self.texts:
                # An edit without a version is meant for a file that is not open, too.
                if changes and version is None:
                    continue
                return {"applied": False, "failureReason": "not open"}
            if version is not None and version != self.texts[uri].version:
                if policy.stale == "refuse":
                    return {"applied": False, "failureReason": "the document has changed"}
                if policy.stale == "drop" and 0 < version < self.texts[uri].version:
                    return {"applied": True}
        for uri, version, edits in by_document if policy.applies else []:
            if uri not in self.texts:
                self._write(uri, edits)
                continue
            base = version if policy.stale == "transform" else None
            self.texts[uri].apply(edits, base)
        self._echo(only="before")
        return {"applied": True}

    def _write(self, uri: str, edits: list[Json]) -> None:
        """Apply edits to a file that is not open."""
        file = _file(uri)
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_bytes().decode() if file.exists() else ""
        text = EditorText(uri, before, "", self.encoding, 0)
        text.apply(edits, None)
        file.write_bytes(text.text.encode())

    def _echo(self, *, only: str) -> None:
        """Send the changes that server edits made, if the editor does that at this moment."""
        if self._policy.echo == only:
            self._send_changes()
        elif self._policy.echo == "late" and any(text.is_echo_due for text in self.texts.values()):
            if self._late_echo is not None:
                self._late_echo.cancel()
            loop = asyncio.get_running_loop()
            self._late_echo = loop.call_later(LATE_ECHO_SECONDS, self._send_changes)

    def before_sending(self) -> None:
        """Editors that save changes up send them before anything else."""
        if self._policy.echo == "late":
            self._send_changes()

    def after_answering(self) -> None:
        self._echo(only="after")

    def _send_changes(self) -> None:
        for text in self.texts.values():
            if text.is_echo_due:
                params = text.echo()
                message = {"jsonrpc": "2.0", "method": "textDocument/didChange", "params": params}
                self.send(message)

    async def stop(self) -> None:
        if self._late_echo is not None:
            self._late_echo.cancel()
        await super().stop()

    def _configuration(self, params: Json) -> list[Json]:
        return [self.settings.get(item.get("section", "")) for item in params["items"]]

    def _choose(self, params: Json) -> Json:
        return None if self.pick is None else params["actions"][self.pick]


def _file(uri: str) -> Path:
    """The file of a URI."""
    return Path(unquote(urlsplit(uri).path))
