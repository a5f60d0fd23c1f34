"""A real VS Code, driven as a user drives it: what a test needs of it.

The editor is code-server in Chromium; both are real, as is the extension, which is installed from
its package.  Keys and the mouse go through the browser.  What cannot be read off the screen (the
whole text of a document, its diagnostics) a companion extension tells over a socket.
Nothing here sleeps for a race: a test waits for what it is to see, and fails when
`DEADLINE_SECONDS` have passed without it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from kibitz.standin import StandIn
from support.code_server import DEADLINE_SECONDS, CodeServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Locator, Page

KIBITZ = Path(sys.executable).parent / "kibitz"
#: How long the menu of code actions is waited for before its keys are pressed again, and how often.
MENU_SECONDS = 5.0
MENU_TRIES = 5


@dataclass
class Window:
    """A window of the editor with one folder open.  Make it with `open_window`."""

    page: Page
    root: Path
    log: list[str] = field(default_factory=list[str])
    _socket: socket.socket | None = None
    _unread: bytes = b""

    # -- asking the editor -----------------------------------------------------------------------

    def ask(self, code: str, *args: Any, wait_seconds: float | None = None) -> Any:
        """What a piece of JavaScript returns in the extension host; it has `vscode` and `args`."""
        wait = None if wait_seconds is None else {"wait": int(wait_seconds * 1000)}
        question = {"code": code, "args": args, **(wait or {})}
        connection = self._connection()
        connection.sendall(json.dumps(question).encode() + b"\n")
        while b"\n" not in self._unread:
            received = connection.recv(1 << 16)
            if not received:
                raise EOFError("the window has ended")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def wait(self, expression: str, *args: Any) -> Any:
        """The value of a JavaScript expression as soon as it is true."""
        value = self.ask(f"return {expression}", *args, wait_seconds=DEADLINE_SECONDS)
        if not value:
            raise TimeoutError(f"waited {DEADLINE_SECONDS:g} s for {expression} {args!r}")
        return value

    def _connection(self) -> socket.socket:
        if self._socket is None:
            deadline = time.monotonic() + DEADLINE_SECONDS
            while True:
                connection = socket.socket(socket.AF_UNIX)
                connection.settimeout(DEADLINE_SECONDS * 1.5)
                try:
                    connection.connect(str(self.root.parent / "companion"))
                except OSError:
                    connection.close()
                    if time.monotonic() > deadline:
                        raise
                    self.page.wait_for_timeout(50)
                else:
                    self._socket = connection
                    break
        return self._socket

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    # -- as a user -------------------------------------------------------------------------------

    def open(self, name: str, *, beside: bool = False) -> None:
        """Show a file of the folder, and wait until it has the focus."""
        self.ask(
            """
            const uri = vscode.Uri.joinPath(vscode.workspace.workspaceFolders[0].uri, args[0]);
            const column = args[1] ? vscode.ViewColumn.Beside : vscode.ViewColumn.One;
            await vscode.window.showTextDocument(uri, { viewColumn: column, preview: false });
            return true;
            """,
            name,
            beside,
            wait_seconds=DEADLINE_SECONDS,
        )
        self.page.locator(".monaco-editor.focused").first.wait_for()

    def wait_for_server(self) -> None:
        """Wait until the status item says that kibitz is ready."""
        self.status().and_(self.page.locator("[aria-label*='ready']")).wait_for()

    def select(self, first: int, last: int) -> None:
        """Select whole lines, 1-based, both included."""
        self.ask(
            """
            const editor = vscode.window.activeTextEditor;
            editor.selection = new vscode.Selection(args[0] - 1, 0, args[1], 0);
            editor.revealRange(editor.selection);
            """,
            first,
            last,
        )
        self.wait_for_cursor(f"Ln {last + 1}, Col 1 (")

    def go_to(self, line: int, column: int = 0) -> None:
        """Put the cursor at a 1-based line and a 0-based character."""
        self.ask(
            """
            const editor = vscode.window.activeTextEditor;
            editor.selection = new vscode.Selection(args[0] - 1, args[1], args[0] - 1, args[1]);
            editor.revealRange(editor.selection);
            """,
            line,
            column,
        )
        self.wait_for_cursor(f"Ln {line}, Col {column + 1}")

    def wait_for_cursor(self, place: str) -> None:
        """Wait until the window has moved the cursor: keys go there from now on."""
        self.page.locator("[id='status.editor.selection']", has_text=place).wait_for()

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    def keys(self, *chord: str) -> None:
        """Press the keys of a chord, one after the other."""
        self.page.locator(".monaco-editor.focused").first.wait_for()
        for key in chord:
            self.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def palette(self, title: str) -> None:
        """Run a command by its name in the palette."""
        self.press("F1")
        self.page.locator(".quick-input-widget input").fill(f">{title}")
        # Enter takes what has the focus: the list is that of another text for a moment.
        focused = self.page.locator(".quick-input-list .monaco-list-row.focused .label-name")
        focused.get_by_text(title, exact=True).wait_for()
        self.press("Enter")

    def palette_offers(self, text: str) -> list[str]:
        """The commands whose names begin with `text`, as the palette offers them now."""
        self.press("F1")
        self.page.locator(".quick-input-widget input").fill(f">{text}")
        first = self.page.locator(".quick-input-list [aria-posinset='1'] .label-name")
        first.get_by_text(text).wait_for()
        # Only what is in sight is there: further down with every key, until all were seen.
        seen: dict[str, str] = {}
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            rows: list[list[str]] = self.page.locator(
                ".quick-input-list .monaco-list-row"
            ).evaluate_all(
                """(rows) => rows.map((row) => [
                  row.getAttribute("aria-posinset"), row.getAttribute("aria-setsize"),
                  row.querySelector(".label-name")?.textContent ?? ""])"""
            )
            seen |= {place: name for place, _, name in rows}
            if len(seen) == int(rows[0][1]):
                break
            assert time.monotonic() < deadline, f"{len(seen)} of {rows[0][1]} commands seen"
            self.press("PageDown")
            self.page.wait_for_timeout(20)
        self.press("Escape")
        return [name for name in seen.values() if name.startswith(text)]

    def answer(self, text: str) -> None:
        """Type into the box that asks for something, and press Enter."""
        box = self.page.locator(".quick-input-widget input:visible").first
        box.wait_for()
        box.fill(text)
        self.press("Enter")

    def actions(self) -> list[str]:
        """The titles of what the server offers at the cursor, once it offers something.

        It answers after all that the editor has sent before.
        """
        return self.wait(
            "((found) => found.length > 0 && found.map((action) => action.title))"
            "(await vscode.commands.executeCommand('vscode.executeCodeActionProvider', "
            "vscode.window.activeTextEditor.document.uri, "
            "vscode.window.activeTextEditor.selection))"
        )

    def menu(self) -> Locator:
        """Open the menu of code actions at the cursor; gives its entries.

        The editor closes it, or does not open it, when a provider, a diagnostic or the selection
        changes meanwhile; whoever sits there presses the keys again.
        """
        from playwright.sync_api import TimeoutError as NotShown

        self.actions()  # The keys find no menu before the provider is known there.
        entries = self.page.locator(".action-widget .monaco-list-row.action")
        for _ in range(MENU_TRIES):
            self.press("Control+.")
            with contextlib.suppress(NotShown):
                entries.first.wait_for(timeout=MENU_SECONDS * 1000)
                return entries
            self.press("Escape")
        raise TimeoutError(f"no menu of code actions after {MENU_TRIES} tries")

    def menu_choose(self, title: str) -> None:
        """Choose an entry of the menu of code actions that is open."""
        self.page.locator(".action-widget .monaco-list-row.action", has_text=title).first.click()

    # -- what there is to see --------------------------------------------------------------------

    def text(self, name: str | None = None) -> str:
        """The text of the active editor, or of an open file of the folder."""
        return self.ask(
            """
            const found = args[0] === null
              ? vscode.window.activeTextEditor.document
              : vscode.workspace.textDocuments.find((each) => each.uri.path.endsWith(args[0]));
            return found.getText();
            """,
            name,
        )

    def wait_for_text(self, text: str, name: str | None = None) -> None:
        """Wait until the document contains `text`."""
        self.wait(
            "(args[1] === null ? vscode.window.activeTextEditor?.document : "
            "vscode.workspace.textDocuments.find((each) => each.uri.path.endsWith(args[1])))"
            "?.getText().includes(args[0])",
            text,
            name,
        )

    def status(self) -> Locator:
        return self.page.locator("[id='kibitz.kibitz.kibitz.status']")

    def status_label(self, *parts: str) -> str:
        """What a screen reader says of the status item, once all `parts` are in it."""
        item = self.status()
        for part in parts:
            item = item.and_(self.page.locator(f'[aria-label*="{part}"]'))
        item.wait_for()
        return item.get_attribute("aria-label") or ""

    def preview(self) -> FrameLocator:
        """The rendered Markdown beside the code."""
        return self.page.frame_locator("iframe.webview").first.frame_locator("iframe#active-frame")

    def show_view(self, title: str) -> None:
        """Show a view container of the activity bar, unless it is shown."""
        tab = self.page.locator(f'.activitybar [role="tab"][aria-label^="{title}"]')
        tab.wait_for()
        if tab.get_attribute("aria-selected") != "true":
            tab.click()

    def nameless_icons(self) -> list[str]:
        """What the icons look like that neither a tooltip nor a screen reader gives a name."""
        return self.page.evaluate(
            """() => [...document.querySelectorAll(".action-label.codicon")]
              .filter((icon) => icon.offsetParent !== null)
              .filter((icon) => !icon.ariaLabel && !icon.title && !icon.textContent.trim())
              .map((icon) => icon.className)"""
        )

    def notifications(self) -> Locator:
        return self.page.locator(".notification-list-item-message")

    def picture(self, file: Path) -> None:
        self.page.screenshot(path=file)


@contextlib.contextmanager
def open_window(
    running: CodeServer,
    chromium: Browser,
    root: Path,
    *,
    settings: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    server: str | None = None,
    size: tuple[int, int] = (1280, 800),
) -> Iterator[Window]:
    """A window on the folder `root`, with these settings and the server's `environment`.

    The server is the installed `kibitz`, or the program `server` ("" lets the extension look).

    The browser's storage is the window's own, so that nothing stays for the next one.
    """
    machine = {
        "kibitz.server.path": server if server is not None else str(KIBITZ),
        "kibitz.server.environment": dict(environment or {}),
    }
    running.configure(settings or {}, machine)
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]},
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(DEADLINE_SECONDS * 1000)
    page = context.new_page()
    window = Window(page, root)
    page.on("console", lambda message: window.log.append(message.text))
    page.goto(f"{running.address}/?folder={root}")
    try:
        page.locator(".monaco-workbench").wait_for()
        window.wait("true")
        yield window
    except BaseException:
        # What the user would have seen, for whoever looks into why.
        window.picture(root.parent / "failed.png")
        raise
    finally:
        window.close()
        context.close()


@dataclass
class VSCodeWorkshop:
    """What a test drives: the window, Claude and the files."""

    window: Window
    standin: StandIn
    root: Path
    home: Path

    def servers(self) -> list[psutil.Process]:
        """The processes of this window's server."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            words, environment = process.info["cmdline"] or [], process.info["environ"] or {}
            is_ours = environment.get("XDG_STATE_HOME") == str(self.home / "state")
            if is_ours and words[-1:] == ["serve"]:
                found.append(process)
        return found

    @contextlib.contextmanager
    def new_server(self) -> Iterator[None]:
        """Wait on leaving until another server has come in the place of the present one."""
        before = self.servers()
        yield
        _, alive = psutil.wait_procs(before, DEADLINE_SECONDS)
        assert alive == []
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self.servers():
            assert time.monotonic() < deadline, "no other server was started"
            self.window.page.wait_for_timeout(50)
        self.window.wait_for_server()


OpenWorkshop = Callable[..., contextlib.AbstractContextManager[VSCodeWorkshop]]
