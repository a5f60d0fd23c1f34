"""Reads many files into an index; what takes long is parsed by other processes meanwhile.

Every text comes through `Sources`, so through the gate, and secrets have been replaced before a
parser sees it.  What ends a parser is read without one.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kibitz_context import kinds
from kibitz_context.child import ChildEnded
from kibitz_context.files.repository import Repository, TrackedFile
from kibitz_context.gate.baseline import PASSING_REASONS, Sources, opened
from kibitz_context.gate.gate import Gate
from kibitz_context.indexing.index import Index
from kibitz_context.indexing.parsers import Parsers
from kibitz_context.texts import packing, symbols
from kibitz_context.texts.symbols import LEXICAL, Symbols
from kibitz_context.texts.words import word_counts
from kibitz_context.values import Allowed

# One transaction each: enough that writing is quick, few enough that stopping is, and that what
# was read and is not yet written is no tenth of the memory.
BATCH_FILES = 100
BATCH_BYTES = 256 * 1024
# Less to do is done before another process has started.
MIN_SHARED_BYTES = 1024 * 1024
# With more languages loading grammars is a good part of the work, and two processes parse.  With
# fewer, reading and looking for secrets take as long as parsing.
MANY_LANGUAGES = 6
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
    """The reading of many files: by this process, which has others parse when there are many.

    With `is_careful` this process parses nothing, however little there is.
    """

    def __init__(
        self,
        repository: Repository,
        gate: Gate,
        index: Index,
        is_careful: bool,
        check: Callable[[], None],
    ) -> None:
        self._repository = repository
        self._gate = gate
        self._index = index
        self._is_careful = is_careful
        self._check = check

    def do(self, files: Sequence[TrackedFile], progress: Callable[[int, int], None]) -> None:
        progress(0, len(files))
        if not self._is_careful and sum(map(_size, files)) < MIN_SHARED_BYTES:
            self._read_here(files, 0, progress)
            return
        try:
            self._read_and_have_parsed(files, progress)
        except ChildEnded as error:
            _logger.warning("No process can be started to parse in: %s", error)
            if not self._is_careful:
                left = self._index.missing(files)
                self._read_here(left, len(files) - len(left), progress)

    def _read_here(
        self, files: Sequence[TrackedFile], done: int, progress: Callable[[int, int], None]
    ) -> None:
        total = done + len(files)
        with opened(self._repository, self._gate, self._check) as sources:
            for batch in _batches(files):
                read_into(self._index, sources, batch)
                done += len(batch)
                progress(done, total)

    def _read_and_have_parsed(
        self, files: Sequence[TrackedFile], progress: Callable[[int, int], None]
    ) -> None:
        """Read texts, count their words and write what comes back of them from parsers."""
        # A process that has had its languages ends: they must come one after the other.  Of two
        # lines one begins with what there is most of, the other with all that there is little of,
        # so that one of them has a single grammar as a rule.
        by_language: dict[str, list[TrackedFile]] = {}
        for file in files:
            by_language.setdefault(symbols.language(file.path) or "", []).append(file)
        by_size = sorted(by_language.items(), key=lambda each: (-sum(map(_size, each[1])), each[0]))
        batches = deque(batch for _, of_one in by_size for batch in _batches(of_one))
        with (
            opened(self._repository, self._gate, self._check) as sources,
            contextlib.closing(
                Parsers(2 if len(by_language) > MANY_LANGUAGES else 1, self._check)
            ) as parsers,
        ):
            entries = _Entries(self._index, sources, parsers, len(files), progress)
            while batches:
                line = parsers.shortest()
                # They begin at either end, and have one language in common at most.
                place = -1 if line else 0
                if parsers.has_room(line, batches[place][0].path):
                    entries.read(batches[place], line)
                    del batches[place]
                else:
                    entries.take_answer()
            while not parsers.is_idle:
                entries.take_answer()
            entries.write()


@dataclass(frozen=True, slots=True)
class _Read:
    """A text whose symbols are not known yet: its words, and itself in case there is no parser."""

    text: str
    words: Mapping[str, int]


class _Entries:
    """What the index is told, as it becomes known: words at once, symbols when they are parsed."""

    def __init__(
        self,
        index: Index,
        sources: Sources,
        parsers: Parsers,
        total: int,
        progress: Callable[[int, int], None],
    ) -> None:
        self._index = index
        self._sources = sources
        self._parsers = parsers
        self._total = total
        self._progress = progress
        self._done = 0
        self._known: list[tuple[str, str, bytes, Mapping[str, int]]] = []
        self._known_bytes = 0
        self._awaited: dict[TrackedFile, _Read] = {}

    def read(self, batch: Sequence[TrackedFile], line: int) -> None:
        """Read the texts of a batch and give them to the parsers of a line."""
        sources = self._sources
        sources.announce(batch)
        for file in batch:
            sources.check()
            answer = sources.read_blob(file.path, file.blob_id)
            if not isinstance(answer, Allowed):
                found = None if answer.reason in PASSING_REASONS else _NOTHING
                self._add(file, found, {})
            elif kinds.unwanted_text(answer.text):
                self._add(file, _NOTHING, {})
            elif symbols.language(file.path) is None:
                self._add(file, symbols.lexical(answer.text), word_counts(answer.text))
            else:
                self._parsers.give(line, file, answer.text)
                self._awaited[file] = _Read(answer.text, word_counts(answer.text))

    def take_answer(self) -> None:
        """Wait for the next text to be parsed."""
        answer = self._parsers.answer()
        read = self._awaited.pop(answer.file)
        raw = answer.raw
        if raw is None:
            raw = packing.written(symbols.lexical(read.text))
        self._add_raw(answer.file, raw, read.words)

    def write(self) -> None:
        """Put what is known into the index."""
        self._index.add_written(self._known)
        self._known = []
        self._known_bytes = 0
        self._progress(self._done, self._total)

    def _add(self, file: TrackedFile, found: Symbols | None, words: Mapping[str, int]) -> None:
        if found is not None:
            self._add_raw(file, packing.written(found), words)
        else:
            # It cannot be read now, and is asked for again the next time.
            self._done += 1

    def _add_raw(self, file: TrackedFile, raw: bytes, words: Mapping[str, int]) -> None:
        self._done += 1
        self._known.append((file.blob_id, file.path, raw, words))
        self._known_bytes += _size(file)
        if len(self._known) >= BATCH_FILES or self._known_bytes >= BATCH_BYTES:
            self.write()


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
