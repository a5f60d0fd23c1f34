"""How much of this machine a local model gets: its window, and its threads."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from kibitz.local_model.gguf import ModelFile

# A longer prompt takes minutes to read without a graphics card; who has one sets
# `local.context_tokens`.
MOST_TOKENS_UNASKED = 32_768
# Below this there is no room for a question with its rules and an answer.
LEAST_TOKENS = 4_096
# For a model that does not say what it was made for.
USUAL_TRAINED_TOKENS = 4_096
_STEP_TOKENS = 256

# What of the free memory the model may have; the rest is for those who use the machine.
SHARE_OF_FREE_MEMORY = 0.75
# What llama.cpp takes besides model and window.
OVERHEAD_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sizing:
    """`needed_bytes` is an estimate, `free_bytes` what the machine has left, if that is known."""

    context_tokens: int
    threads: int
    needed_bytes: int
    free_bytes: int | None

    @property
    def fits(self) -> bool:
        return self.free_bytes is None or self.needed_bytes <= self.free_bytes


def size(
    model: ModelFile,
    *,
    free_bytes: int | None,
    n_cores: int,
    context_tokens: int = 0,
    threads: int = 0,
) -> Sizing:
    """What is asked for, or what there is room for; 0 leaves it to us."""
    tokens = context_tokens or _room(model, free_bytes)
    needed = model.n_bytes + tokens * model.cache_bytes_per_token + OVERHEAD_BYTES
    return Sizing(tokens, threads or max(n_cores - 1, 1), needed, free_bytes)


def _room(model: ModelFile, free_bytes: int | None) -> int:
    most = min(model.trained_tokens or USUAL_TRAINED_TOKENS, MOST_TOKENS_UNASKED)
    if free_bytes is not None and model.cache_bytes_per_token:
        left = free_bytes * SHARE_OF_FREE_MEMORY - model.n_bytes - OVERHEAD_BYTES
        most = min(most, int(left / model.cache_bytes_per_token))
    most -= most % _STEP_TOKENS
    return max(most, min(LEAST_TOKENS, model.trained_tokens or LEAST_TOKENS))


def free_memory_bytes() -> int | None:
    """What can be had without another program's losing it; None where nobody says."""
    if sys.platform != "linux":
        import psutil

        return int(psutil.virtual_memory().available)
    free: list[int] = []
    for line in _read("/proc/meminfo").splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            free.append(int(amount.split()[0]) * 1024)
    # In a container the group's limit counts.
    limit, used = _read("/sys/fs/cgroup/memory.max"), _read("/sys/fs/cgroup/memory.current")
    if limit.strip().isdigit() and used.strip().isdigit():
        free.append(max(int(limit) - int(used), 0))
    return min(free, default=None)


def n_real_cores() -> int:
    """The cores that we may use; two threads on one core only wait for each other here."""
    if sys.platform != "linux":
        import psutil

        return psutil.cpu_count(logical=False) or os.cpu_count() or 1
    n_threads = len(os.sched_getaffinity(0))
    has_two_each = _read("/sys/devices/system/cpu/smt/active").strip() == "1"
    return max(n_threads // 2 if has_two_each else n_threads, 1)


def _read(path: str) -> str:
    try:
        return Path(path).read_text("ascii")
    except (OSError, ValueError):
        return ""
