"""Editors that do not run here, played from what was recorded of them (`tests/profiles`).

The messages are real, between a process of `kibitz serve` and `raw_client`; the menu, the cursor
and the windows are pretended, as the source of each editor has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import unquote, urlsplit

from kibitz.standin import StandIn
from support.plain_clients import Diagnostic, PlainClient
from support.raw_client import EditorText, RawClient, clean_environment
from support.terminal_editor import DEADLINE_SECONDS
from support.workshop import make_repository

T = TypeVar("T")


@dataclass(frozen=True)
class Ways:
    """What of a client no capability says.

    `cursor` is what a cursor is in a request: a place, the character under it, or its line.
    `shows`: it opens the document that a server names, announced or not.
    `leaves_out` is the kind of action that its menu at a place does not have.
    """

    cursor: Literal["place", "character", "line"] = "place"
    shows: bool = False
    leaves_out: str | None = None


#: helix-term/src/commands/lsp.rs `code_action` (2026-07-23) sends its primary selection, which
#: is never empty; kakoune-lsp src/language_features/code_action.rs (2026-07-22) the same.
#: Zed has no window/showDocument; kakoune-lsp neither.
#: coc.nvim src/handler/codeActions.ts and src/language-client/client.ts (2026-08-22).
WAYS: Mapping[str, Ways] = {
    "coc": Ways(leaves_out="source"),
    "helix": Ways("character", shows=True),
    "kakoune": Ways("character"),
    "zed": Ways(),
    "vscode": Ways(shows=True),
}


class _Recorded(PlainClient):
    def __init__(self, root: Path, standin: StandIn, client: RawClient, loop: _Loop) -> None:
        self.standin = standin
        self._root = root
        self._client = client
        self._loop = loop
        self._ways = WAYS[client.profile.name]
        self._text: EditorText | None = None
        self._range: dict[str, Any] = {}

    @property
    def _shown_text(self) -> EditorText:
        assert self._text is not None, "no file is open"
        return self._text

    def open(self, name: str) -> None:
        content = (self._root / name).read_bytes().decode()
        self._text = self._loop.run(self._client.open(name, content))
        self.go_to(1)

    def go_to(self, line: int) -> None:
        last = line if self._ways.cursor == "line" else line - 1
        column = 1 if self._ways.cursor == "character" else 0
        self._range = {
            "start": {"line": line - 1, "character": 0},
            "end": {"line": last, "character": column},
        }

    def select(self, first: int, last: int) -> None:
        self._range = {
            "start": {"line": first - 1, "character": 0},
            "end": {"line": last, "character": 0},
        }

    def type_above(self, line: int, text: str) -> None:
        async def typed() -> None:
            shown = self._shown_text
            offset = shown.offset({"line": line - 1, "character": 0})
            self._client.type(shown, offset, text)

        self._loop.run(typed())

    def actions(self) -> list[str]:
        return [action["title"] for action in self._menu()]

    def _menu(self) -> list[Any]:
        wanted, uri = self._range, self._shown_text.uri
        touched = [
            found
            for found in self._client.diagnostics(uri) or []
            if found["range"]["start"]["line"] <= wanted["end"]["line"]
            and wanted["start"]["line"] <= found["range"]["end"]["line"]
        ]
        menu = self._loop.run(
            self._client.code_actions(self._shown_text, wanted, diagnostics=touched)
        )
        left_out = self._ways.leaves_out
        return [
            each for each in menu if not (left_out and each.get("kind", "").startswith(left_out))
        ]

    def run(self, title: str) -> None:
        menu = self._menu()
        chosen = next((each for each in menu if each["title"].startswith(title)), None)
        assert chosen is not None, f"no {title!r} among {[each['title'] for each in menu]!r}"
        command = chosen["command"]
        self._loop.run(self._client.execute(command["command"], *command["arguments"]))

    def undo(self) -> None:
        raise NotImplementedError("what was recorded has no undo")

    def leave(self) -> None:
        self._loop.run(self._client.close())

    def text(self) -> str:
        return self._shown_text.text

    def diagnostics(self) -> list[Diagnostic]:
        found = self._client.diagnostics(self._shown_text.uri) or []
        rows = [Diagnostic(row["range"]["start"]["line"] + 1, row["message"]) for row in found]
        return sorted(rows)

    def hover(self) -> str:
        place = self._range["start"]
        answer = self._loop.run(self._client.hover(self._shown_text, place))
        return answer["contents"]["value"] if answer else ""

    def completion_in_the_text(self) -> str:
        params = {
            "textDocument": {"uri": self._shown_text.uri},
            "position": self._range["start"],
            "context": {"triggerKind": 1},
        }
        answer = self._loop.run(self._client.request("textDocument/inlineCompletion", params))
        items = answer["items"] if isinstance(answer, dict) else answer or []
        return items[0]["insertText"] if items else ""

    def told(self) -> list[str]:
        ended = [
            params["value"].get("message", "")
            for params in self._client.notifications("$/progress")
            if params["value"]["kind"] == "end"
        ]
        return self._client.messages() + ended

    def shown(self) -> str | None:
        asked = self._client.notifications("window/showDocument")
        if not (asked and self._ways.shows):
            return None
        uri = asked[-1]["uri"]
        if urlsplit(uri).scheme == "file":
            return Path(unquote(urlsplit(uri).path)).read_text()
        request = self._client.request("workspace/textDocumentContent", {"uri": uri})
        text: str = self._loop.run(request)["text"]
        return text


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        started: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return started.result(DEADLINE_SECONDS)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextlib.contextmanager
def open_recorded(profile: str, tmp_path: Path, files: Mapping[str, str]) -> Iterator[PlainClient]:
    """A recorded client in a repository that holds `files`."""
    root = make_repository(tmp_path / "repository", files)
    home = tmp_path / "home"
    home.mkdir()
    loop = _Loop()
    try:
        with StandIn.in_thread() as standin:
            environment = clean_environment(
                home, ANTHROPIC_API_KEY="sk-test", ANTHROPIC_BASE_URL=standin.base_url
            )
            starting = RawClient.start(profile=profile, root=root, environment=environment)
            client = loop.run(starting.__aenter__())
            try:
                yield _Recorded(root, standin, client, loop)
            finally:
                loop.run(starting.__aexit__(None, None, None))
    finally:
        loop.stop()
