"""Which process is it, and is it still there: for promises that must not outlive their maker.

A process id alone is not enough, as ids are used again, and it means nothing in another container
or on another machine that shares the home folder.
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """`host` is where the id is valid, `started` what tells it from others with the same id."""

    host: str
    pid: int
    started: str


def this_process() -> ProcessIdentity:
    return _own_identity(os.getpid())


def whereabouts(process: ProcessIdentity) -> Literal["here", "gone", "unknown"]:
    """Whether the process lives.  "unknown": its id means nothing here."""
    if process == this_process():
        return "here"
    if process.host != _host():
        return "unknown"
    return "here" if _started(process.pid) == process.started else "gone"


@cache
def _own_identity(pid: int) -> ProcessIdentity:
    return ProcessIdentity(_host(), pid, _started(pid))


@cache
def _host() -> str:
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        namespace = ""
    return f"{platform.node()} {namespace}".strip()


def _started(pid: int) -> str:
    """When the process was started, in a form that a change of the clock leaves alone; "" if
    there is no such process."""
    return _started_by_proc(pid) if sys.platform == "linux" else _started_by_psutil(pid)


def _started_by_proc(pid: int) -> str:
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        boot = _boot_id()
    except OSError:
        return ""
    # The program's name, in brackets, may hold anything; the fields are counted after it.
    state, *fields = status.rpartition(")")[2].split()
    if state in {"Z", "X"}:
        return ""  # has ended, and only waits for its parent to hear of it
    ticks_after_boot = fields[18]
    return f"{boot} {ticks_after_boot}"


@cache
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def _started_by_psutil(pid: int) -> str:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return f"{process.create_time():.2f}"
    except psutil.AccessDenied:
        return "?"
    except psutil.NoSuchProcess:
        return ""
