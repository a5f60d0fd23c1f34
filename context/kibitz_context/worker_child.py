"""The process in which repositories are prepared for another one.

It is begun as ``python -m kibitz_context.worker_child``, and says what it has done in lines of
JSON.  Knows no work of its own: see `indexer`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kibitz_context import indexer
from kibitz_context.child import Parent
from kibitz_context.indexer import Request

# Told more often, progress would be most of the work.
_PROGRESS_STEP_FILES = 50


def main() -> None:
    """Do what the parent says, until it is silent for long or gone."""
    arguments = sys.argv[1:]
    idle_seconds = float(arguments[0]) if arguments else None
    parent = Parent()
    while (said := parent.said(idle_seconds)) is not None:
        if "prepare" in said:
            _prepare(parent, said)
        elif "look_at" in said:
            _look_at(parent, said)


def _prepare(parent: Parent, said: Mapping[str, Any]) -> None:
    told = -_PROGRESS_STEP_FILES

    def progress(done: int, total: int) -> None:
        nonlocal told
        if done - told >= _PROGRESS_STEP_FILES or done == total:
            told = done
            parent.answer({"progress": [done, total]})

    request = Request.from_json(said["prepare"])
    cache_folder = Path(said["cache_folder"])
    prepared = indexer.prepare(request, cache_folder=cache_folder, progress=progress)
    parent.answer({"done": _as_json(prepared)})


def _look_at(parent: Parent, said: Mapping[str, Any]) -> None:
    request = Request.from_json(said["look_at"])
    cache_folder = Path(said["cache_folder"])
    prepared = indexer.look_at(request, said["paths"], cache_folder=cache_folder)
    parent.answer({"done": _as_json(prepared)})


def _as_json(prepared: indexer.Prepared) -> dict[str, Any]:
    return {
        "n_files": prepared.n_files,
        "n_indexed": prepared.n_indexed,
        "snapshot_key": prepared.snapshot_key,
        "problem": prepared.problem,
    }


if __name__ == "__main__":
    main()
