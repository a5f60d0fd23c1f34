"""A process that is measured: the seconds that it says, and what it costs besides.

What it measures prints "took" and the seconds of its own work; here is found out how long one
had to wait for that since the process was begun, what memory it and its children had at most,
and how much of all CPUs they used.
"""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence

import psutil

SAMPLE_SECONDS = 0.02


class Measured:
    """A process that prints seconds, and the most memory that it and its children had."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None):
        self._process = psutil.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**_environment(), **(environment or {})},
        )
        self._is_over = threading.Event()
        self._watch = threading.Thread(target=self._sample, daemon=True)
        self._cpu_before = _cpu_of_children()
        self._begun = time.perf_counter()
        self.peak_mb = 0.0
        self.cpu_seconds = 0.0
        self.waited_seconds = 0.0

    def __enter__(self) -> Measured:
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._watch.join()
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self.cpu_seconds = _cpu_of_children() - self._cpu_before

    def seconds(self, limit_seconds: float | None = None) -> float | None:
        """What it prints; None when it takes longer, after which it has been ended."""
        timer = threading.Timer(limit_seconds or 1e6, self._process.kill)
        timer.daemon = True
        timer.start()
        found = self._took()
        timer.cancel()
        if found is None and limit_seconds is None:
            raise RuntimeError("the process has failed")
        return found

    def again(self) -> float:
        """Have it do it once more."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found = self._took()
        assert found is not None, "the process has failed"
        return found

    def _took(self) -> float | None:
        for line in self._process.stdout:
            word, _, value = line.partition(" ")
            if word == "took":
                self.waited_seconds = time.perf_counter() - self._begun
                return float(value)
        return None

    def _sample(self) -> None:
        while not self._is_over.wait(SAMPLE_SECONDS):
            total = 0
            try:
                own = [self._process, *self._process.children(recursive=True)]
                commands = {each.pid: each.cmdline() for each in own}
                for each in own:
                    # What is just being started is its parent still, and has the parent's memory.
                    is_started = commands[each.pid] != commands.get(each.ppid())
                    if is_started and each.name() != "git":
                        total += each.memory_full_info().pss
            except psutil.Error:
                continue
            self.peak_mb = max(self.peak_mb, total / 1e6)


def _cpu_of_children() -> float:
    """CPU seconds of all processes that have ended, with their starts and imports."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
