"""The excerpts of one request, found with an index: passages of the files that are related.

What the index knows is the base; the texts of files that differ from it win.  Every text comes
through `Sources`, so through the gate, and a file that may not be shown is never named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kibitz_context import kinds, markup
from kibitz_context.gate.baseline import Baseline, Sources
from kibitz_context.indexing.history import History
from kibitz_context.ranking import passages
from kibitz_context.ranking.excerpts import Excerpts, usable
from kibitz_context.ranking.passages import File, Wanted
from kibitz_context.ranking.relevance import related_files
from kibitz_context.ranking.signals import NO_SYMBOLS, Query, SymbolIndex
from kibitz_context.ranking.tree import Tree
from kibitz_context.remembered import Remembered
from kibitz_context.texts import symbols
from kibitz_context.texts.names import names_in_code, words_in_prose
from kibitz_context.texts.symbols import Symbols
from kibitz_context.texts.words import search_words
from kibitz_context.tokens import estimate
from kibitz_context.values import FileUse, Focus

# More files: seconds of reading for passages that have no room.
MAX_RELATED_FILES = 48
MAX_READ_FILES = 24
# Each is looked up in the index; most are of the language or a library, and found nowhere.
MAX_NAMES = 96
_MAX_REMEMBERED_TREES = 8
# A buffer is asked about again and again.
_MAX_REMEMBERED_SYMBOLS = 32

# The symbols of the text of a path, wherever they come from; never raises.  Blocking.
Parse = Callable[[str, str], Symbols]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the base beside its files: an index of it, and what led to it.

    `focus` is what was selected, its text as it has passed the gate; `instruction` is what was
    asked, in words.  `parse` reads texts that the index does not know.
    """

    index: SymbolIndex
    history: History
    focus: Focus | None = None
    instruction: str = ""
    parse: Parse = symbols.symbols


class Finder:
    """Finds the excerpts of one request with an index."""

    def __init__(
        self,
        sources: Sources,
        current: Mapping[str, str | None],
        seen: frozenset[str],
        outlined: frozenset[str],
        known: Known,
    ) -> None:
        self._sources = sources
        self._outlined = outlined - current.keys()
        self._current = current
        self._seen = seen
        self._known = known
        self._tree = tree_of(sources.base)
        self._may_be_used = usable(sources, seen)

    def find(self, words: Sequence[str], near: str, max_characters: int) -> Excerpts:
        sources, known, tree = self._sources, self._known, self._tree
        sources.check()
        focus = known.focus
        own = self._symbols_now(focus.path, focus.text) if focus is not None else None
        text = focus.text if focus is not None else ""
        query = Query(
            near,
            own if own is not None else NO_SYMBOLS,
            search_words(text, len(tree.blobs), known.index.frequencies),
            known.instruction,
        )
        scored = related_files(query, known.index, tree, known.history, MAX_RELATED_FILES)
        sources.check()
        names, defined = self._names(words, focus, own)
        usable = [each for each in scored if self._shows(each.path)]
        wanted = Wanted(names, defined, usable, self._outlined)
        found = passages.chosen(wanted, self._files, max_characters, MAX_READ_FILES)
        blocks: list[str] = []
        uses: list[FileUse] = []
        for file, ranges, worth in found:
            block = _block(file, ranges)
            # Quoting may take a little more than was counted.
            if len(block) <= max_characters:
                max_characters -= len(block)
                blocks.append(block)
                uses.append(FileUse(file.path, estimate(block), "excerpt", worth))
        return Excerpts(tuple(blocks), tuple(uses))

    def _names(
        self, words: Sequence[str], focus: Focus | None, own: Symbols | None
    ) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Names of the selection with the files that define them, and the other way round."""
        selected: list[str] = []
        defined: list[str] = []
        if focus is not None and own is not None:
            start, end = _lines_of(focus)
            selected = _selected_names(focus, own)
            defined = [
                each.name
                for each in own.definitions
                if each.line < end and start < each.end_line and each.kind != symbols.EXTENSION
            ][:MAX_NAMES]
        here = {each.name for each in own.definitions} if own is not None else set()
        asked = [name for name in dict.fromkeys([*selected, *words]) if name not in here]
        asked = asked[:MAX_NAMES]
        index, changed = self._known.index, self._changed()
        names = self._paths_of(asked, index.definers(asked))
        users = self._paths_of(defined, index.users(defined))
        for path, found in changed.items():
            for name in {each.name for each in found.definitions} & names.keys():
                names[name].append(path)
            for name, _ in found.references:
                if name in users:
                    users[name].append(path)
        # What is defined in a file that is seen whole is known.
        unknown = {name: paths for name, paths in names.items() if self._seen.isdisjoint(paths)}
        return self._usable(unknown), self._usable(users)

    def _paths_of(
        self, names: Sequence[str], found: Mapping[str, frozenset[str]]
    ) -> dict[str, list[str]]:
        """The paths of the blobs that were found for each of `names`, in their order."""
        return {
            name: [
                path for path in self._tree.paths(found.get(name, ())) if path not in self._current
            ]
            for name in names
        }

    def _usable(self, where: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        usable = {
            name: [path for path in paths if self._shows(path)] for name, paths in where.items()
        }
        return {name: paths for name, paths in usable.items() if paths}

    def _shows(self, path: str) -> bool:
        return path not in self._seen and self._may_be_used(path)

    def _changed(self) -> dict[str, Symbols]:
        """The symbols of the files that differ from the base, as they are now."""
        return {
            path: self._symbols_now(path, text)
            for path, text in sorted(self._current.items())
            if text is not None and self._shows(path)
        }

    def _files(self, paths: Sequence[str]) -> Iterator[File]:
        """The files at `paths` as they are now, without what is gone or may not be sent."""
        known = self._tree.blobs
        blobs = [known[path] for path in paths if path in known and path not in self._current]
        indexed = self._known.index.symbols(blobs)
        for path in paths:
            if (file := self._file(path, indexed)) is not None:
                yield file

    def _file(self, path: str, indexed: Mapping[str, Symbols]) -> File | None:
        self._sources.check()
        if not self._shows(path):
            return None
        if path in self._current:
            text = self._current[path]
            if text is None:
                return None
            return File(path, text.split("\n"), self._symbols_now(path, text))
        text = self._sources.text(path)
        if text is None or kinds.unwanted_text(text):
            return None
        found = indexed.get(self._tree.blobs.get(path, "")) or self._symbols_now(path, text)
        return File(path, text.split("\n"), found)

    def _symbols_now(self, path: str, text: str) -> Symbols:
        """The symbols of a text as it is now.

        The index knows it where it was committed or saved as it is.
        """
        language = symbols.language(path)
        data = text.encode("utf-8", "surrogatepass")
        blob = hashlib.sha1(b"blob %d\0" % len(data), usedforsecurity=False)
        blob.update(data)
        key = (language, blob.hexdigest())
        known = _symbols.get(key)
        if known is not None:
            return known
        indexed = self._known.index.symbols([key[1]]).get(key[1])
        if indexed is not None and indexed.grammar == language:
            found = indexed
        else:
            found = self._known.parse(path, text)
        _symbols.put(key, found)
        return found


def _selected_names(focus: Focus, own: Symbols) -> list[str]:
    """Names in the selection that may be defined elsewhere: as a parser and as words say."""
    selection = focus.text[focus.span.start : focus.span.end]
    used = {name for name, _ in own.references}
    told = (word for word in words_in_prose(selection) if word in used)
    return list(dict.fromkeys((*names_in_code(selection), *told)))


def _lines_of(focus: Focus) -> tuple[int, int]:
    """The lines that were selected, half-open."""
    start = focus.text.count("\n", 0, max(0, focus.span.start))
    end = focus.text.count("\n", 0, max(focus.span.start, focus.span.end - 1))
    return start, end + 1


def _block(file: File, ranges: Sequence[tuple[int, int]]) -> str:
    parts: list[str] = []
    for start, end in ranges:
        parts.append(f"lines {start + 1}-{end}:\n")
        parts += [f"{line}\n" for line in file.lines[start:end]]
    return markup.block("excerpt", "".join(parts), path=file.path)


def tree_of(base: Baseline) -> Tree:
    """The source files of `base`; made once for a commit."""
    if base.commit is None:
        return _made(base)
    return _trees.get_or_make(base.commit, lambda: _made(base))


def _made(base: Baseline) -> Tree:
    return Tree(
        {
            file.path: file.blob_id
            for file in base.files
            if kinds.is_source(file.path) and kinds.unwanted_name(file.path) is None
        }
    )


_trees: Remembered[str, Tree] = Remembered(_MAX_REMEMBERED_TREES)
_symbols: Remembered[tuple[str | None, str], Symbols] = Remembered(_MAX_REMEMBERED_SYMBOLS)
