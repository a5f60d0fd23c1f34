"""What real terminal editors have in common in a test: a terminal, a home and what they need.

An editor runs on a pseudo-terminal as on a user's screen, so that it has windows, a command loop
and undo steps; what it draws is read and thrown away.  Keys go in as bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from support.raw_client import clean_environment

T = TypeVar("T")

DEADLINE_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.02
ROWS, COLUMNS = 40, 120
APT_SECONDS = 300.0


class Terminal:
    """A program on a terminal of its own.  Make it with `running`."""

    def __init__(self, process: psutil.Process, master: int) -> None:
        self.process = process
        self._master = master
        self.screen = b""

    @classmethod
    @contextlib.contextmanager
    def running(
        cls, argv: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> Iterator[Terminal]:
        """`argv` on a terminal, in `folder`; it is killed on leaving, with all it has started."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        # `setsid` makes it the terminal of the program, which may open it as /dev/tty.
        started = subprocess.Popen(
            ["setsid", "--ctty", *argv],
            cwd=folder,
            env={**environment, "TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        terminal = cls(psutil.Process(started.pid), master)
        reader = threading.Thread(target=terminal._read, daemon=True)
        reader.start()
        try:
            yield terminal
        finally:
            family = terminal.descendants()
            started.kill()
            started.wait()
            for left in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    left.kill()
            psutil.wait_procs(family, timeout=DEADLINE_SECONDS)
            reader.join()
            os.close(master)

    def _read(self) -> None:
        # Reading fails once nobody holds the other end.
        with contextlib.suppress(OSError):
            while drawn := os.read(self._master, 1 << 16):
                self.screen = (self.screen + drawn)[-(1 << 16) :]

    def press(self, keys: str) -> None:
        """Send keys as a terminal does (Control is "\\x01"…, Meta is "\\x1b" before the key)."""
        os.write(self._master, keys.encode())

    def descendants(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return self.process.children(recursive=True)
        return []


def wait_for(look: Callable[[], T | None], what: str, more: Callable[[], str] = str) -> T:
    """What `look` gives as soon as it is neither None nor False; `more` helps to see why not."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {DEADLINE_SECONDS:g} s for {what}; {more()}")
        time.sleep(LOOK_AGAIN_SECONDS)


def environment_of_user(home: Path, base_url: str) -> dict[str, str]:
    """The environment of a user who has a key, and `kibitz` on PATH."""
    home.mkdir(parents=True, exist_ok=True)
    environment = clean_environment(
        home, ANTHROPIC_API_KEY="sk-test", ANTHROPIC_BASE_URL=base_url, LC_ALL="C.UTF-8"
    )
    for name in list(environment):
        if name.startswith(("VIM", "EMACS", "TMUX", "NVIM")):
            del environment[name]
    beside = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join([beside, environment.get("PATH", "")])
    return environment


def needs_packages(program: str, *packages: str) -> str:
    """The path of `program` of Debian's `packages`, which are installed where that is allowed.

    Skips the test otherwise: an editor that is not there says nothing about kibitz.
    """
    wanted = [name for name in packages if not _is_installed(name)]
    if wanted and shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        options = ["--yes", "--quiet", "--no-install-recommends"]
        for command in (["install", *options, *wanted], ["update"], ["install", *options, *wanted]):
            done = subprocess.run(
                ["apt-get", *command], env=quiet, capture_output=True, timeout=APT_SECONDS
            )
            if done.returncode == 0 and command[0] == "install":
                break
    found = shutil.which(program)
    if found is None or not all(map(_is_installed, packages)):
        pytest.skip(f"{program} is not here: `apt-get install {' '.join(packages)}` brings it")
    return found


def _is_installed(package: str) -> bool:
    if shutil.which("dpkg-query") is None:
        return False
    asked = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Status}", package], capture_output=True
    )
    return asked.stdout.endswith(b"ok installed")
