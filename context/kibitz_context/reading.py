"""Reads many files into an index: in this process, and in a second one when there are many.

Every text comes through `Sources`, so through the gate, and secrets have been replaced before a
parser sees it.  What ends a parser is read without one.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kibitz_context import kinds, symbols
from kibitz_context.baseline import Sources, opened
from kibitz_context.child import Child, ChildEnded
from kibitz_context.gate import Gate
from kibitz_context.index import Index
from kibitz_context.repository import Repository, TrackedFile
from kibitz_context.snapshot import PASSING_REASONS
from kibitz_context.symbols import LEXICAL, Symbols
from kibitz_context.values import Allowed
from kibitz_context.words import word_counts

# One transaction each: enough that writing is quick, few enough that stopping is, and that what
# two processes have read and not yet written is no tenth of their memory.
BATCH_FILES = 100
BATCH_BYTES = 256 * 1024
# Less to do is done before a second process has started.
MIN_SHARED_BYTES = 1024 * 1024
# Where the size is not known.
_USUAL_BYTES = 8 * 1024

_NOTHING = Symbols(LEXICAL)

_logger = logging.getLogger(__name__)


def read_into(
    index: Index, sources: Sources, files: Sequence[TrackedFile], *, is_lexical: bool = False
) -> int:
    """Read and index `files` of git's in one transaction; says how many could be.

    With `is_lexical` no parser is asked.
    """
    entries = []
    sources.announce(files)
    for file in files:
        sources.check()
        answer = sources.read_blob(file.path, file.blob_id)
        if isinstance(answer, Allowed):
            entries.append(entry(file, answer.text, is_lexical=is_lexical))
        elif answer.reason not in PASSING_REASONS:
            entries.append((file.blob_id, file.path, _NOTHING, {}))
    index.add(entries)
    return len(entries)


def entry(
    file: TrackedFile, text: str, *, is_lexical: bool = False
) -> tuple[str, str, Symbols, Mapping[str, int]]:
    """What the index is told of a gated text."""
    if kinds.unwanted_text(text):
        return file.blob_id, file.path, _NOTHING, {}
    found = symbols.lexical(text) if is_lexical else symbols.symbols(file.path, text)
    return file.blob_id, file.path, found, word_counts(text)


class Reading:
    """The reading of many files: by this process, and by a second one when there are many.

    `request` is told to the second process.  With `is_careful` this one parses nothing.
    """

    def __init__(
        self,
        repository: Repository,
        gate: Gate,
        index: Index,
        cache_folder: Path,
        request: Mapping[str, Any],
        is_careful: bool,
        check: Callable[[], None],
    ) -> None:
        self._repository = repository
        self._gate = gate
        self._index = index
        self._cache_folder = cache_folder
        self._request = request
        self._is_careful = is_careful
        self._check = check
        self._batches: deque[list[TrackedFile]] = deque()
        # What was being read when the second process ended.
        self._suspects: list[TrackedFile] = []
        self._done = 0
        self._counting = threading.Lock()
        self._is_over = False

    def do(self, files: Sequence[TrackedFile], progress: Callable[[int, int], None]) -> None:
        # A grammar takes as long to load as forty texts to read.  In the order of languages, and
        # from both ends, two processes have one of them in common.
        by_language = sorted(files, key=lambda file: symbols.language(file.path) or "")
        self._batches.extend(_batches(by_language))
        n_bytes = sum(_size(file) for file in files)
        progress(0, len(files))
        if not self._is_careful and n_bytes < MIN_SHARED_BYTES:
            self._read_here(progress, len(files))
            return
        second = threading.Thread(target=self._read_there, name="second indexer", daemon=True)
        second.start()
        try:
            if not self._is_careful:
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
        if not self._is_careful:
            self._read_here(progress, len(files))

    def _read_here(self, progress: Callable[[int, int], None], total: int) -> None:
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
            while not self._is_over and (batch := self._last()) is not None:
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
        if self._is_careful:
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

    def _last(self) -> list[TrackedFile] | None:
        try:
            return self._batches.pop()
        except IndexError:
            return None


class _Helper:
    """A second process that reads batches into the same index."""

    def __init__(self, request: Mapping[str, Any], cache_folder: Path) -> None:
        self._child = Child("kibitz_context.worker_child")
        self._child.send(
            {"open": request, "cache_folder": str(cache_folder)},
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
