"""A Python process of our own that is spoken to in lines of JSON.

It ends with the process that started it, whatever ended that one: its input is closed then.  It
runs at low priority, unless somebody waits for it, and imports nothing from the folder that
happens to be the current one, which may be a repository of a stranger's.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# How much nicer than its parent the child is; editors and compilers come first.
NICENESS = 10
# What ends by itself when its input is closed does so at once.
_LAST_SECONDS = 2.0

_URGENT = "--urgent"
_PACKAGES = Path(__file__).resolve().parents[1]


class ChildEnded(Exception):
    """The process has ended, or could not be started; says why."""


class Child:
    """One running child.  One thread at a time may talk to it; any thread may `end` it.

    An urgent one has the priority of its parent.
    """

    def __init__(self, module: str, *arguments: str, is_urgent: bool = False) -> None:
        if not sys.executable:
            raise ChildEnded("it is not known where Python is")
        # -P: without it the current folder could answer for any module.
        command = [sys.executable, "-P", "-X", "utf8", "-m", module, *arguments]
        command += [_URGENT] if is_urgent else []
        low = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
        others = os.environ.get("PYTHONPATH")
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(_PACKAGES), *([others] if others else [])]),
        }
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_PACKAGES,
                env=environment,
                creationflags=0 if is_urgent else low,
            )
        except OSError as error:
            raise ChildEnded(f"Python cannot be started: {error.strerror}") from error

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: Mapping[str, Any]) -> None:
        """Say something.  Raises ChildEnded."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise ChildEnded(self._why()) from error

    def receive(self) -> dict[str, Any]:
        """The next thing that it says; waits for it.  Raises ChildEnded."""
        assert self._process.stdout is not None
        try:
            line = self._process.stdout.readline()
            message = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError):
            message = None
        if not isinstance(message, dict):
            raise ChildEnded(self._why())
        return message

    def end(self) -> None:
        """End it now.  Who waits in `receive` gets ChildEnded."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it and let go of its pipes; only by the thread that talks to it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            self.end()
        with contextlib.suppress(OSError):
            self._process.stdout.close()

    def _why(self) -> str:
        try:
            status = self._process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            self.end()
            return "it said something that is no answer"
        if status < 0:
            with contextlib.suppress(ValueError):
                return f"it was ended by {signal.Signals(-status).name}"
        return f"it ended with status {status}"


class Parent:
    """The other end, inside the child: what the parent says, and the way to answer."""

    def __init__(self) -> None:
        if _URGENT not in sys.argv:
            with contextlib.suppress(AttributeError, OSError):
                os.nice(NICENESS)
        # The terminal's Ctrl-C is for the parent, which ends this process by closing its input.
        with contextlib.suppress(ValueError, OSError):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        # Nothing else may write to what the parent reads, not even a library.
        self._answers = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        threading.Thread(target=self._listen, name="parent", daemon=True).start()

    def said(self, timeout_seconds: float | None = None) -> dict[str, Any] | None:
        """The next thing that the parent says; None when it has been silent for so long."""
        try:
            return self._said.get(timeout=timeout_seconds)
        except queue.Empty:
            return None

    def answer(self, message: Mapping[str, Any]) -> None:
        """Say something to the parent."""
        self._answers.write(json.dumps(message).encode() + b"\n")
        self._answers.flush()

    def _listen(self) -> None:
        # Not through `sys.stdin`, whose lock Python would wait for at its end.
        rest = b""
        try:
            while data := os.read(0, 1 << 16):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._said.put(json.loads(line))
        finally:
            # Nobody is there to tell the result to, and what is stored was stored whole.
            os._exit(0)
