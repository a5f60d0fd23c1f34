"""The process in which repositories are prepared for another one.

It is begun as ``python -m kibitz_context.worker_child``, and says what it has done in lines of
JSON.  Knows no work of its own: see `indexer`.
"""

from __future__ import annotations

import base64
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kibitz_context import indexer, packing, reading, symbols, syntax_faults
from kibitz_context.baseline import Sources, opened
from kibitz_context.child import Parent
from kibitz_context.gate import Gate
from kibitz_context.index import Index, index_of
from kibitz_context.indexer import Request
from kibitz_context.repository import Repository, TrackedFile

# Told more often, progress would be most of the work.
_PROGRESS_STEP_FILES = 50


def main() -> None:
    """Do what the parent says, until it is silent for long or gone."""
    arguments = sys.argv[1:]
    idle_seconds = float(arguments[0]) if arguments else None
    parent = Parent()
    with contextlib.ExitStack() as open_things:
        reader: _Reader | None = None
        while (said := parent.said(idle_seconds)) is not None:
            if "open" in said:
                reader = _Reader(said, open_things)
            elif "read" in said and reader is not None:
                reader.read(said["read"])
                parent.answer({"read": len(said["read"])})
            elif "prepare" in said:
                _prepare(parent, said)
            elif "look_at" in said:
                _look_at(parent, said)
            elif "parse" in said:
                found = symbols.symbols(said["parse"], said["text"])
                parent.answer({"parsed": base64.b64encode(packing.packed(found)).decode()})
            elif "faults_in" in said:
                n_faults = syntax_faults.syntax_faults(said["faults_in"], said["text"])
                parent.answer({"faults": n_faults})


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


class _Reader:
    """Reads batches of one repository into its index."""

    def __init__(self, said: Mapping[str, Any], open_things: contextlib.ExitStack) -> None:
        request = Request.from_json(said["open"])
        repository = Repository.find(request.root)
        gate = Gate(
            repository.root, include=request.include, exclude=request.exclude, is_settled=True
        )
        self._index: Index = index_of(repository, Path(said["cache_folder"]))
        self._sources: Sources = open_things.enter_context(opened(repository, gate, _go_on))

    def read(self, files: list[list[str]]) -> None:
        wanted = [TrackedFile(path, blob_id) for path, blob_id in files]
        reading.read_into(self._index, self._sources, wanted)


def _go_on() -> None:
    """A helper is ended from without."""


if __name__ == "__main__":
    main()
