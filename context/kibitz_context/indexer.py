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
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kibitz_context import history, kinds, rank, snapshots, symbols
from kibitz_context.baseline import Sources, opened
from kibitz_context.child import Child, ChildEnded
from kibitz_context.gate import Gate
from kibitz_context.index import Index, index_of
from kibitz_context.repository import Repository, TrackedFile
from kibitz_context.signatures import Signatures, signatures
from kibitz_context.snapshot import MAX_OUTLINED_BYTES, PASSING_REASONS
from kibitz_context.symbols import LEXICAL, Symbols
from kibitz_context.values import Allowed
from kibitz_context.words import word_counts

HISTORY_FILE_NAME = "history.sqlite"

# One transaction each: enough that writing is quick, few enough that stopping is.
BATCH_FILES = 200
BATCH_BYTES = 512 * 1024
# Less to do is done before a second process has started.
MIN_SHARED_BYTES = 1024 * 1024
# Where the size is not known.
_USUAL_BYTES = 8 * 1024

# Of the files that a stored snapshot lacks so many are looked for again.
_MOST_LOOKED_FOR = 16

_NOTHING = Symbols(LEXICAL)
_logger = logging.getLogger(__name__)


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
    wanted = snapshots.wanted(repository, gate, request.max_tokens)
    if wanted is None:
        return Prepared()
    check()
    index = index_of(repository, cache_folder)
    store = snapshots.store_in(cache_folder)
    n_complete = index.complete(wanted.key)
    is_stored = store.has(wanted.key) and not _has_come(wanted, store, check)
    if n_complete is not None and is_stored:
        return Prepared(n_complete, 0, wanted.key)
    allowed = [
        file
        for file in wanted.base.files
        if file.path not in wanted.hidden and gate.name_refusal(file.path) is None
    ]
    indexed = [file for file in allowed if _is_worth_it(file)]
    missing = index.missing(indexed)
    try:
        if missing:
            work = _Work(repository, gate, index, cache_folder, request, check)
            work.do(missing, progress or _no_progress)
        if not is_stored:
            known = index.names_of(indexed)
            past = history.history(repository, wanted.base.commit, cache_folder / HISTORY_FILE_NAME)
            check()
            by_blob = {
                file.blob_id: known[file.path] for file in reversed(allowed) if file.path in known
            }
            ranking = rank.snapshot_ranking(allowed, by_blob, past)
            check()
            shown = signatures(known, lambda file: index.symbols_of([file]).get(file.path))
            del known, by_blob
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


def _has_come(
    wanted: snapshots.Wanted, store: snapshots.SnapshotStore, check: Callable[[], None]
) -> bool:
    """Whether the stored snapshot lacks a file that can be read now."""
    stored = store.get(wanted.key)
    if stored is None or not stored.lacking:
        return False
    files = [wanted.base.by_path.get(path) for path in stored.lacking[:_MOST_LOOKED_FOR]]
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
    known = index.names_of(indexed)
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
    index.add([_entry(file, text)])
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


def read_into(
    index: Index, sources: Sources, files: Iterable[TrackedFile], *, is_lexical: bool = False
) -> int:
    """Read and index `files` of git's in one transaction; says how many could be.

    With `is_lexical` no parser is asked.
    """
    entries = []
    for file in files:
        sources.check()
        answer = sources.read_blob(file.path, file.blob_id)
        if isinstance(answer, Allowed):
            entries.append(_entry(file, answer.text, is_lexical=is_lexical))
        elif answer.reason not in PASSING_REASONS:
            entries.append((file.blob_id, file.path, _NOTHING, {}))
    index.add(entries)
    return len(entries)


def _entry(
    file: TrackedFile, text: str, *, is_lexical: bool = False
) -> tuple[str, str, Symbols, Mapping[str, int]]:
    if kinds.unwanted_text(text):
        return file.blob_id, file.path, _NOTHING, {}
    found = symbols.lexical(text) if is_lexical else symbols.symbols(file.path, text)
    return file.blob_id, file.path, found, word_counts(text)


def _no_progress(_done: int, _total: int) -> None:
    pass


class _Work:
    """The reading of many files: by this process, and by a second one when there are many."""

    def __init__(
        self,
        repository: Repository,
        gate: Gate,
        index: Index,
        cache_folder: Path,
        request: Request,
        check: Callable[[], None],
    ) -> None:
        self._repository = repository
        self._gate = gate
        self._index = index
        self._cache_folder = cache_folder
        self._request = request
        self._check = check
        self._batches: deque[list[TrackedFile]] = deque()
        # What was being read when the second process ended.
        self._suspects: list[TrackedFile] = []
        self._done = 0
        self._counting = threading.Lock()
        self._is_over = False

    def do(self, files: Sequence[TrackedFile], progress: Progress) -> None:
        self._batches.extend(_batches(files))
        n_bytes = sum(_size(file) for file in files)
        progress(0, len(files))
        if not self._request.is_careful and n_bytes < MIN_SHARED_BYTES:
            self._read_here(progress, len(files))
            return
        second = threading.Thread(target=self._read_there, name="second indexer", daemon=True)
        second.start()
        try:
            if not self._request.is_careful:
                self._read_here(progress, len(files))
            while second.is_alive():
                second.join(0.1)
                self._check()
                progress(self._done, len(files))
        finally:
            self._is_over = True
            second.join()
        # The second process may have ended without having taken all.
        self._read_one_by_one()
        if not self._request.is_careful:
            self._read_here(progress, len(files))

    def _read_here(self, progress: Progress, total: int) -> None:
        with opened(self._repository, self._gate, self._check) as sources:
            while (batch := self._next()) is not None:
                read_into(self._index, sources, batch)
                self._count(len(batch))
                progress(self._done, total)

    def _read_there(self) -> None:
        """Have batches read by a second process; in a thread, which only waits."""
        try:
            helper = _Helper(self._request, self._cache_folder)
        except ChildEnded as error:
            _logger.info("No second process for the index: %s", error)
            return
        try:
            while not self._is_over and (batch := self._next()) is not None:
                try:
                    helper.read(batch)
                except ChildEnded as error:
                    _logger.warning("The second process for the index ended: %s", error)
                    self._suspects += batch
                    return
                self._count(len(batch))
        finally:
            helper.close()

    def _read_one_by_one(self) -> None:
        """Read suspects each in a process that may end, and without a parser when it does."""
        suspects = self._index.missing(self._suspects)
        if self._request.is_careful:
            while (batch := self._next()) is not None:
                suspects += batch
        helper: _Helper | None = None
        try:
            for file in suspects:
                self._check()
                helper = helper or _Helper(self._request, self._cache_folder)
                try:
                    helper.read([file])
                except ChildEnded as error:
                    _logger.warning("A text ended its parser, and is read without: %s", error)
                    helper.close()
                    helper = None
                    with opened(self._repository, self._gate, self._check) as sources:
                        read_into(self._index, sources, [file], is_lexical=True)
                self._count(1)
        except ChildEnded as error:
            _logger.warning("No process can be started to read with: %s", error)
        finally:
            if helper is not None:
                helper.close()

    def _count(self, n_files: int) -> None:
        with self._counting:
            self._done += n_files

    def _next(self) -> list[TrackedFile] | None:
        try:
            return self._batches.popleft()
        except IndexError:
            return None


class _Helper:
    """A second process that reads batches into the same index."""

    def __init__(self, request: Request, cache_folder: Path) -> None:
        self._child = Child("kibitz_context.worker_child")
        self._child.send(
            {"open": request.as_json(), "cache_folder": str(cache_folder)},
        )

    def read(self, files: Sequence[TrackedFile]) -> None:
        """Have `files` read.  Raises ChildEnded."""
        self._child.send({"read": [[file.path, file.blob_id] for file in files]})
        self._child.receive()

    def close(self) -> None:
        self._child.close()


def _batches(files: Sequence[TrackedFile]) -> Iterator[list[TrackedFile]]:
    batch: list[TrackedFile] = []
    n_bytes = 0
    for file in files:
        size = _size(file)
        if batch and (len(batch) >= BATCH_FILES or n_bytes + size > BATCH_BYTES):
            yield batch
            batch, n_bytes = [], 0
        batch.append(file)
        n_bytes += size
    if batch:
        yield batch


def _size(file: TrackedFile) -> int:
    return _USUAL_BYTES if file.size_bytes is None else file.size_bytes
