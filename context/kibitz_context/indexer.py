"""Makes ready what requests need of a repository: its index, and the snapshot of its base.

Everything is keyed by content and kept in the cache folder, so that all of it happens once, and
what was done is not lost when it is stopped.  It takes seconds in a large repository: a server
does this in another process (`worker`).  Every text comes through the gate, so secrets have been
replaced before a parser sees it.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kibitz_context import kinds
from kibitz_context.files.repository import Repository, TrackedFile
from kibitz_context.gate.baseline import opened
from kibitz_context.gate.gate import Gate
from kibitz_context.indexing import history
from kibitz_context.indexing.index import Index, index_of
from kibitz_context.indexing.reading import Reading, entry
from kibitz_context.layers import snapshots
from kibitz_context.layers.signatures import Signatures, signatures
from kibitz_context.layers.snapshot import MAX_OUTLINED_BYTES
from kibitz_context.ranking import rank
from kibitz_context.values import Allowed

# Of the files that a stored snapshot lacks so many are looked for again.
_MOST_LOOKED_FOR = 16


class PrepareStopped(Exception):
    """The caller's `should_stop` said so; what was done until then is kept."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be prepared: the repository at `root`, for a snapshot of `max_tokens`.

    `include` and `exclude` are the gate's patterns.  With `is_careful` no text is parsed in the
    process that was asked: one of them has ended a process before.
    """

    root: Path
    max_tokens: int
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    is_careful: bool = False

    @classmethod
    def of(cls, repository: Repository, gate: Gate, max_tokens: int) -> Request:
        return cls(repository.root, max_tokens, gate.include, gate.exclude)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "root": str(self.root)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Request:
        return cls(
            Path(said["root"]),
            int(said["max_tokens"]),
            tuple(said["include"]),
            tuple(said["exclude"]),
            bool(said["is_careful"]),
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """What has been made ready.

    `n_files` files belong into the index, and `n_indexed` of them had to be read now.
    `snapshot_key` names the snapshot in the store, "" where there is no commit to show.
    `problem` is one sentence when it could not be done.
    """

    n_files: int = 0
    n_indexed: int = 0
    snapshot_key: str = ""
    problem: str | None = None


Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


def prepare(
    request: Request,
    *,
    cache_folder: Path,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Prepared:
    """Index the files of the base commit that are not indexed, and build its snapshot.

    `progress` is told (done, total) files, and only when there is something to do.  Raises
    PrepareStopped.  A cache that cannot be written is a `problem`.
    """

    def check() -> None:
        if should_stop is not None and should_stop():
            raise PrepareStopped

    repository = Repository.find(request.root)
    gate = Gate(repository.root, include=request.include, exclude=request.exclude, is_settled=True)
    store = snapshots.store_in(cache_folder)
    wanted = snapshots.wanted(repository, gate, request.max_tokens, store)
    if wanted is None:
        return Prepared()
    check()
    index = index_of(repository, cache_folder)
    n_complete = index.complete(wanted.key)
    lacking = store.lacking(wanted.key)
    is_stored = lacking is not None and not _has_come(wanted, lacking, check)
    if n_complete is not None and is_stored:
        return Prepared(n_complete, 0, wanted.key)
    if wanted.base.commit is None:
        return Prepared()
    allowed = [
        file
        for file in wanted.base.files
        if file.path not in wanted.hidden and gate.name_refusal(file.path) is None
    ]
    indexed = [file for file in allowed if _is_worth_it(file)]
    missing = index.missing(indexed)
    try:
        if missing:
            work = Reading(repository, gate, index, request.is_careful, check)
            work.do(missing, progress or _no_progress)
        if not is_stored:
            past = history.history(repository, wanted.base.commit, cache_folder / history.FILE_NAME)
            check()
            with _uncollected():
                ranking, shown = _judged(index, allowed, indexed, past, check)
            snapshots.build(
                wanted,
                store,
                ranking=ranking,
                outline_of=shown.outline_of,
                outline_worth=shown.worth,
                check=check,
            )
        # What could not be read is asked for again the next time.
        if not index.missing(missing):
            index.note_complete(wanted.key, len(indexed))
    except sqlite3.Error as error:
        return Prepared(len(indexed), 0, "", f"The index cannot be written: {error}.")
    return Prepared(len(indexed), len(missing), wanted.key)


def _has_come(wanted: snapshots.Wanted, lacking: Sequence[str], check: Callable[[], None]) -> bool:
    """Whether one of the files that the stored snapshot lacks can be read now."""
    if not lacking:
        return False
    files = [wanted.base.by_path.get(path) for path in lacking[:_MOST_LOOKED_FOR]]
    with opened(wanted.repository, wanted.gate, check, wanted.base) as sources:
        for file in files:
            answer = sources.read(file) if file is not None else None
            if isinstance(answer, Allowed):
                return True
    return False


def _judged(
    index: Index,
    allowed: Sequence[TrackedFile],
    indexed: Sequence[TrackedFile],
    past: history.History,
    check: Callable[[], None],
) -> tuple[rank.Ranking, Signatures]:
    """What each of the files `allowed` is worth, and what to show of those that are indexed."""
    known = index.mentions_of(indexed)
    check()
    by_blob = {file.blob_id: known[file.path] for file in reversed(allowed) if file.path in known}
    ranking = rank.snapshot_ranking(allowed, by_blob, past)
    check()
    return ranking, signatures(known, lambda file: index.symbols_of([file]).get(file.path))


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: half a million names are looked through again and again,
    and none of them is in a circle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def look_at(request: Request, paths: Sequence[str], *, cache_folder: Path) -> Prepared:
    """Index the present texts of files of the work tree, by paths relative to the root."""
    repository = Repository.find(request.root)
    gate = Gate(repository.root, include=request.include, exclude=request.exclude)
    index = index_of(repository, cache_folder)
    n_indexed = 0
    try:
        for path in paths:
            answer = gate.read(path) if is_indexed(TrackedFile(path), gate) else None
            if isinstance(answer, Allowed) and index_text(index, path, answer.text)[1]:
                n_indexed += 1
    except sqlite3.Error as error:
        return Prepared(len(paths), 0, "", f"The index cannot be written: {error}.")
    return Prepared(len(paths), n_indexed)


def index_text(index: Index, path: str, text: str) -> tuple[str, bool]:
    r"""Put one gated text into the index: its id there, and whether it was new.

    The id is git's for this text as a file, so that it is known already once it is committed.
    Line endings are ``\n`` in here, as in all texts that the index knows.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    data = text.encode("utf-8", "surrogatepass")
    header = f"blob {len(data)}\0".encode()
    file = TrackedFile(path, hashlib.sha1(header + data, usedforsecurity=False).hexdigest())
    if not index.missing([file]):
        return file.blob_id, False
    index.add([entry(file, text)])
    return file.blob_id, True


def is_indexed(file: TrackedFile, gate: Gate) -> bool:
    """Whether a file belongs into the index, as far as its name and its size can say."""
    return _is_worth_it(file) and gate.name_refusal(file.path) is None


def _is_worth_it(file: TrackedFile) -> bool:
    return (
        kinds.is_source(file.path)
        and kinds.unwanted_name(file.path) is None
        and (file.size_bytes or 0) <= MAX_OUTLINED_BYTES
    )


def _no_progress(_done: int, _total: int) -> None:
    pass
