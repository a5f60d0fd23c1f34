"""Runs a Python program that a model has written, in a process of its own with limits.

The limits are against accidents: endless loops, all of the memory, full disks.  They are no sandbox
against a program that means harm, which may read and send what the user may.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import tempfile
from pathlib import Path
from typing import Literal

Outcome = Literal["passed", "failed", "timed out"]

SECONDS = 10.0
MOST_MEMORY_BYTES = 1024 * 1024 * 1024
MOST_FILE_BYTES = 8 * 1024 * 1024

# Reads the sign and the program, and gives the sign back when the program has come to its end: one
# that leaves on its own has not passed.
_RUNNER = f"""
import sys
try:
    import resource
except ImportError:
    resource = None
if resource is not None:
    for kind, most in (
        (resource.RLIMIT_CPU, {int(SECONDS) + 1}),
        (resource.RLIMIT_AS, {MOST_MEMORY_BYTES}),
        (resource.RLIMIT_FSIZE, {MOST_FILE_BYTES}),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
def run():
    sign = sys.stdin.readline()
    program = sys.stdin.read()
    out = sys.stdout
    exec(compile(program, "problem", "exec"), {{"__name__": "problem"}})
    out.write("\\n" + sign)
    out.flush()
run()
"""


async def run_program(program: str, *, seconds: float = SECONDS) -> Outcome:
    """Whether `program` runs to its end without an exception, within `seconds`."""
    sign = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="kibitz-eval-") as folder:
        output = Path(folder) / "output"
        with output.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-B", "-c", _RUNNER),
                stdin=asyncio.subprocess.PIPE,
                stdout=out,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=folder,
                # Nothing of the user's: no key, no proxy, no home.
                env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(seconds):
                await process.communicate(f"{sign}\n{program}".encode("utf-8", "replace"))
        except TimeoutError:
            return "timed out"
        finally:
            _end(process)
            await process.wait()
        with output.open("rb") as file:
            file.seek(max(0, output.stat().st_size - 1_000))
            last = file.read().rstrip().rpartition(b"\n")[2]
    return "passed" if process.returncode == 0 and last == sign.encode() else "failed"


def _end(process: asyncio.subprocess.Process) -> None:
    """End the process, and whatever it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
