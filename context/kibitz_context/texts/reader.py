"""A grammar and a query of ours: what parses the texts of one language and finds things in them.

A parser and a query are stopped by what they do and never by a clock: the same text gives up, or
does not, on every machine.  Grammars are imported when the first text of their language comes,
and queries compiled when so much of it came that walking the trees would take longer.
"""

from __future__ import annotations

import importlib
import threading
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from kibitz_context.texts.languages import Language
from kibitz_context.texts.walking import Captures, Patterns

if TYPE_CHECKING:
    from tree_sitter import Language as Grammar
    from tree_sitter import Query, Tree

# A megabyte of ordinary source takes some 7 000 steps, and 60 000 take about a second.
MAX_PARSER_STEPS = 60_000
# Patterns that a query may be in the middle of; the grammars' own need a few hundred.
MAX_OPEN_MATCHES = 4_096
# A query holds the interpreter for the whole of its range: longer, and an event loop in another
# thread would feel it.  The overlap is for matches that lie across a border.
WINDOW_BYTES = 64 * 1024
WINDOW_OVERLAP_BYTES = 16 * 1024
# Of one language, in one thread.  Walking so much takes 11 ms longer than querying it, and a query
# 40 ms to compile on average, 7 where there are many texts as a rule.
MAX_WALKED_BYTES = 32 * 1024


class Reader:
    """The parser of one language, and what finds in its trees what a query says.  For one thread.

    `roles` says of each pattern of the query what it captures where it is one use of a name, else
    None.
    """

    def __init__(self, wanted: Language, grammar: Grammar) -> None:
        from tree_sitter import Parser

        self._language = wanted
        self._grammar = grammar
        self._parser = Parser(grammar)
        self._patterns = _patterns(wanted)
        self.roles = tuple(map(_role, self._patterns.captures))
        self._given, self._steps = _Given(), _Steps()
        # Made once: the binding keeps every function that a parser was ever given.
        self._read, self._stop = self._given.read, self._steps.stop
        self._walked_bytes = 0

    def tree(self, source: bytes) -> Tree | None:
        """`source` as the parser sees it; None when it gives up."""
        # Given as a function, the source is not kept by the tree, and the parser can be stopped.
        self._given.begin(source)
        self._steps.begin(MAX_PARSER_STEPS)
        try:
            return self._parser.parse(self._read, progress_callback=self._stop)
        except ValueError:
            self._parser.reset()
            return None
        finally:
            self._given.begin(b"")

    def matches(self, tree: Tree, n_bytes: int) -> Iterable[tuple[int, Captures]]:
        """What the query finds in the tree of a text of `n_bytes`: pattern and captures of each."""
        self._walked_bytes += n_bytes
        if self._walked_bytes > MAX_WALKED_BYTES or tree.root_node.has_error:
            return self._queried(tree, n_bytes)
        return self._patterns.matches(tree)

    def _queried(self, tree: Tree, n_bytes: int) -> Iterator[tuple[int, Captures]]:
        from tree_sitter import QueryCursor

        query = _query(self._language, self._grammar)
        cursor = QueryCursor(query, match_limit=MAX_OPEN_MATCHES)
        for window in range(0, n_bytes, WINDOW_BYTES):
            cursor.set_byte_range(max(0, window - WINDOW_OVERLAP_BYTES), window + WINDOW_BYTES)
            yield from cursor.matches(tree.root_node)


class _Given:
    """What a parser reads, one part at a time: as a rule all of it, and at its end nothing.

    The binding never lets go of what it was given, so that is always the same object, which is
    emptied afterwards.
    """

    def __init__(self) -> None:
        self._source = b""
        self._part = bytearray()

    def begin(self, source: bytes) -> None:
        self._source = source
        self._part.clear()

    def read(self, offset: int, _point: object) -> bytearray:
        self._part[:] = memoryview(self._source)[offset:]
        return self._part


class _Steps:
    """Counts what a parser does, as it reports it: the same number on any machine."""

    def __init__(self) -> None:
        self._left = 0

    def begin(self, limit: int) -> None:
        self._left = limit

    def stop(self, _offset: int, _has_error: bool) -> bool:
        self._left -= 1
        return self._left < 0


_of_thread = threading.local()


def reader_of(wanted: Language) -> Reader | None:
    """The reader of this thread; None where the grammar is not installed."""
    readers: dict[str, Reader | None] = _of_thread.__dict__.setdefault("readers", {})
    if wanted.name not in readers:
        grammar = _grammar(wanted)
        readers[wanted.name] = Reader(wanted, grammar) if grammar is not None else None
    return readers[wanted.name]


@cache
def _grammar(wanted: Language) -> Grammar | None:
    try:
        from tree_sitter import Language as Grammar

        module = importlib.import_module(wanted.module)
    except ImportError:
        return None
    with warnings.catch_warnings():
        # Older grammars hand over a number where newer ones hand over a capsule.
        warnings.simplefilter("ignore", DeprecationWarning)
        return Grammar(getattr(module, wanted.function)())


@cache
def _query(wanted: Language, grammar: Grammar) -> Query:
    """The compiled query, once for the process."""
    from tree_sitter import Query

    return Query(grammar, query_text(wanted))


@cache
def _patterns(wanted: Language) -> Patterns:
    return Patterns(query_text(wanted))


@cache
def query_text(wanted: Language) -> str:
    """What is looked for in texts of a language, as a query of tree-sitter's."""
    folder = resources.files("kibitz_context.texts") / "queries"
    names = wanted.queries or (wanted.name,)
    return "\n".join((folder / f"{name}.scm").read_text("utf-8") for name in names)


def _role(captures: frozenset[str]) -> str | None:
    return next(iter(captures)) if len(captures) == 1 and captures <= _USES else None


_USES = frozenset({"reference", "value", "constant"})
