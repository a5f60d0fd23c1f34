"""The installed `kibitz` as a real process: in pipes, or on a terminal of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KIBITZ = Path(sysconfig.get_path("scripts")) / (
    "kibitz.exe" if sys.platform == "win32" else "kibitz"
)

WAIT_SECONDS = 30.0
"""A guard against a process that never ends, not a measure."""


@contextlib.contextmanager
def started(*arguments: str, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[bytes]]:
    """``kibitz`` with these arguments, its output in pipes; it is gone afterwards."""
    process = subprocess.Popen(
        [KIBITZ, *arguments], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[bytes], text: str) -> str:
    """What comes on stdout up to and including `text`."""
    assert process.stdout is not None
    seen = b""
    while text.encode() not in seen:
        piece = os.read(process.stdout.fileno(), 4096)
        if not piece:
            raise AssertionError(f"stdout ended before {text!r}: {seen!r}")
        seen += piece
    return seen.decode()


@dataclass(frozen=True)
class Screen:
    """Everything that was written to a terminal, escape sequences included."""

    code: int
    written: str


def on_terminal(
    arguments: Sequence[str],
    *,
    rows: int = 24,
    columns: int = 80,
    answers: Mapping[str, str] | None = None,
) -> Screen:
    """Run ``kibitz`` with stdin, stdout and stderr on one terminal, to its end.

    `answers` is what the user types when the words before it have been written.
    """
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen([KIBITZ, *arguments], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    waiting = dict(answers or {})
    try:
        # The end of a terminal whose other side is closed is an error on Linux.
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 4096):
                written += piece
                for words in list(waiting):
                    if words.encode() in written:
                        os.write(ours, waiting.pop(words).encode())
        code = process.wait(WAIT_SECONDS)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return Screen(code, written.decode())
