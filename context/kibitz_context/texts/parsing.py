"""Symbols as a parser of their language sees them, found by a query of ours.

A parser and a query are stopped by what they do and never by a clock: the same text gives up, or
does not, on every machine.  Grammars are imported, and queries compiled, when the first text of
their language comes.
"""

from __future__ import annotations

import importlib
import re
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from kibitz_context.texts.definitions import CONTAINERS, Definition, Symbols
from kibitz_context.texts.languages import Language

if TYPE_CHECKING:
    from tree_sitter import Language as TreeSitterLanguage
    from tree_sitter import Node, Parser, Query, Tree

# A megabyte of ordinary source takes some 7 000 steps, and 60 000 take about a second.
MAX_PARSER_STEPS = 60_000
# Patterns that a query may be in the middle of; the grammars' own need a few hundred.
MAX_OPEN_MATCHES = 4_096
# A query holds the interpreter for the whole of its range: longer, and an event loop in another
# thread would feel it.  The overlap is for matches that lie across a border.
WINDOW_BYTES = 64 * 1024
WINDOW_OVERLAP_BYTES = 16 * 1024
# What a parser cannot make sense of is one flat node, which a query walks by the square of its
# length; a text that is broken in more places than this has no symbols worth the time.
MAX_BROKEN_CHILDREN = 8_000
MAX_BROKEN_NODES = 40_000
# More definitions than this are a table that a program wrote.
MAX_DEFINITIONS = 20_000
MAX_NAME_CHARACTERS = 100
MAX_IMPORT_CHARACTERS = 300

# A signature of more lines is cut off.
MAX_SIGNATURE_LINES = 12


_CALLABLES = frozenset({"function", "method", "macro"})
_VALUES = frozenset({"variable", "field"})


def parsed(wanted: Language, source: bytes) -> Symbols | None:
    """The symbols as a parser sees them; None when it has no grammar or gives up."""
    reader = _reader(wanted)
    tree = syntax_tree(wanted, source)
    if reader is None or tree is None:
        return None
    from tree_sitter import QueryCursor

    root = tree.root_node
    if root.has_error and _is_hopeless(root):
        return None
    cursor = QueryCursor(reader.query, match_limit=MAX_OPEN_MATCHES)
    gathered = _Gathered(wanted, source)
    names, roles = gathered.names, reader.roles
    for window in range(0, len(source), WINDOW_BYTES):
        cursor.set_byte_range(max(0, window - WINDOW_OVERLAP_BYTES), window + WINDOW_BYTES)
        for pattern, captures in cursor.matches(root):
            role = roles[pattern]
            if role is None:
                gathered.take(pattern, captures)
                continue
            # Nine of ten matches: a call of a function for each would be felt.
            node = captures[role][0]
            start = node.start_byte
            name = source[start : node.end_byte]
            # Of values only what can hardly be a local variable; of constants less.
            is_name = role == "reference" or name.isupper()
            if is_name or (role == "value" and (not name.islower() or b"_" in name)):
                names[start] = name
    found = gathered.symbols()
    if not found.definitions and root.has_error:
        return None
    return found


def syntax_tree(wanted: Language, source: bytes) -> Tree | None:
    """`source` as a parser sees it; None when it has no grammar or gives up."""
    reader = _reader(wanted)
    if reader is None:
        return None
    # Given as a function, the source is not kept by the tree, and the parser can be stopped.
    reader.given.begin(source)
    reader.steps.begin(MAX_PARSER_STEPS)
    try:
        return reader.parser.parse(reader.read, progress_callback=reader.stop)
    except ValueError:
        reader.parser.reset()
        return None
    finally:
        reader.given.begin(b"")


def _is_hopeless(root: Node) -> bool:
    """Whether a query of a tree with errors would take longer than it is worth."""
    pending = [root]
    visited = 0
    while pending:
        node = pending.pop()
        n_children = node.child_count
        visited += n_children
        if visited > MAX_BROKEN_NODES or (node.is_error and n_children > MAX_BROKEN_CHILDREN):
            return True
        pending += (child for child in node.children if child.has_error)
    return False


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


@dataclass(frozen=True, slots=True)
class _Found:
    """A definition, before it is known what it is within; `start` and `end` are bytes.

    `pattern` is the place of its pattern in the query.
    """

    name: bytes
    kind: str
    start: int
    end: int
    line: int
    end_line: int
    signature_end: int
    pattern: int


class _Gathered:
    """What the matches of one query say."""

    def __init__(self, wanted: Language, source: bytes) -> None:
        self._language = wanted
        self._source = source
        self._found: dict[int, _Found] = {}
        # Every use by its place, so that what two patterns find is counted once.
        self.names: dict[int, bytes] = {}
        self._imports: dict[str, None] = {}
        self._keywords = {word.encode(): kind for word, kind in wanted.keywords}

    def take(self, pattern: int, captures: dict[str, list[Node]]) -> None:
        """Note one match that is no use of a name, of the pattern `pattern`."""
        if (nodes := captures.pop("keyword", None)) is not None:
            self._take_call(pattern, self._written(nodes[0]), captures)
        elif (nodes := captures.get("import")) is not None:
            self._import(nodes[0])
        else:
            self._define(pattern, captures)

    def _take_call(self, pattern: int, called: bytes, captures: dict[str, list[Node]]) -> None:
        kind = self._keywords.get(called)
        if kind == "import":
            for node in captures.get("import", ()):
                self._import(node)
        elif kind is not None and "definition" in captures:
            captures[kind] = captures.pop("definition")
            self._define(pattern, captures)

    def _import(self, node: Node) -> None:
        written = " ".join(_decoded(self._written(node)).removeprefix("import ").split())
        self._imports[written.strip("\"'`<>;")[:MAX_IMPORT_CHARACTERS]] = None

    def _written(self, node: Node) -> bytes:
        return self._source[node.start_byte : node.end_byte]

    def symbols(self) -> Symbols:
        for name_start in self._found:
            self.names.pop(name_start, None)
        uses = Counter(self.names.values())
        references = sorted(
            (_decoded(name), count)
            for name, count in uses.items()
            if 1 < len(name) <= MAX_NAME_CHARACTERS and name not in self._keywords
        )
        return Symbols(
            self._language.name,
            tuple(self._definitions()[:MAX_DEFINITIONS]),
            tuple(references),
            tuple(self._imports),
        )

    def _definitions(self) -> list[Definition]:
        definitions: list[Definition] = []
        around: list[tuple[int, int, str]] = []
        for each in sorted(self._found.values(), key=lambda each: (each.start, -each.end)):
            span = (each.start, each.end)
            # Several names may share one declaration; none of them is within another.
            while around and (around[-1][1] <= each.start or around[-1][:2] == span):
                around.pop()
            kind = each.kind
            within = around[-1][2] if around else ""
            if kind == "function" and within in CONTAINERS:
                kind = "method"
            if within in _CALLABLES and (kind in _VALUES or not self._language.has_locals):
                continue
            name = _decoded(each.name).strip("\"'`")
            depth = len(around)
            around.append((*span, kind))
            before = definitions[-1] if definitions and self._language.has_clauses else None
            if before is not None and (name, depth) == (before.name, before.depth):
                definitions[-1] = replace(before, end_line=each.end_line)
            else:
                definitions.append(
                    Definition(name, kind, each.line, each.end_line, each.signature_end, depth)
                )
        return definitions

    def _define(self, pattern: int, captures: dict[str, list[Node]]) -> None:
        names = captures.pop("name", None)
        if not names:
            return
        name_start = names[-1].start_byte
        known = self._found.get(name_start)
        written = self._source[name_start : names[-1].end_byte]
        # Of two patterns the one that is written first in the query holds.
        if (known is not None and known.pattern <= pattern) or len(written) > MAX_NAME_CHARACTERS:
            return
        bodies = captures.pop("body", None)
        ((kind, (node, *_)),) = captures.items()
        body = bodies[0] if bodies is not None else self._body(node)
        outer = self._with_wrappers(node)
        line = outer.start_point[0]
        last, column = outer.end_point
        end_line = max(line + 1, last + (column > 0))
        signature_end = self._signature_end(kind, line, end_line, body)
        self._found[name_start] = _Found(
            written,
            kind,
            outer.start_byte,
            outer.end_byte,
            line,
            end_line,
            signature_end,
            pattern,
        )

    def _with_wrappers(self, node: Node) -> Node:
        wrappers = self._language.wrappers
        if not wrappers:
            return node
        while (parent := node.parent) is not None and parent.type in wrappers:
            node = parent
        return node

    def _body(self, node: Node) -> Node | None:
        if (body := node.child_by_field_name("body")) is not None:
            return body
        if not self._language.bodies:
            return None
        return next((each for each in node.children if each.type in self._language.bodies), None)

    def _signature_end(self, kind: str, line: int, end_line: int, body: Node | None) -> int:
        if body is None:
            end = line + 1 if kind in _VALUES else end_line
        else:
            row, column = body.start_point
            start = body.start_byte
            stands_alone = not self._source[start - column : start].strip()
            end = row if stands_alone else row + 1
        return max(line + 1, min(end, end_line, line + MAX_SIGNATURE_LINES))


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _Reader:
    """A parser, which one thread may use at a time, and the query that goes with it."""

    parser: Parser
    query: Query
    roles: tuple[str | None, ...]
    given: _Given
    steps: _Steps
    # Made once: the binding keeps every function that a parser was ever given.
    read: Callable[[int, object], bytearray]
    stop: Callable[[int, bool], bool]


_of_thread = threading.local()


def _reader(wanted: Language) -> _Reader | None:
    """The reader of this thread; None where the grammar is not installed."""
    readers: dict[str, _Reader | None] = _of_thread.__dict__.setdefault("readers", {})
    if wanted.name not in readers:
        loaded = _loaded(wanted)
        if loaded is None:
            readers[wanted.name] = None
        else:
            from tree_sitter import Parser

            grammar, query = loaded
            given, steps = _Given(), _Steps()
            readers[wanted.name] = _Reader(
                Parser(grammar),
                query,
                _roles(query, wanted),
                given,
                steps,
                given.read,
                steps.stop,
            )
    return readers[wanted.name]


@cache
def _loaded(wanted: Language) -> tuple[TreeSitterLanguage, Query] | None:
    """Grammar and compiled query, once for the process: compiling one takes some 5 ms."""
    try:
        from tree_sitter import Language as Grammar
        from tree_sitter import Query

        module = importlib.import_module(wanted.module)
    except ImportError:
        return None
    with warnings.catch_warnings():
        # Older grammars hand over a number where newer ones hand over a capsule.
        warnings.simplefilter("ignore", DeprecationWarning)
        grammar = Grammar(getattr(module, wanted.function)())
    return grammar, Query(grammar, _query_text(wanted))


@cache
def _query_text(wanted: Language) -> str:
    folder = resources.files("kibitz_context.texts") / "queries"
    names = wanted.queries or (wanted.name,)
    return "\n".join((folder / f"{name}.scm").read_text("utf-8") for name in names)


def _roles(query: Query, wanted: Language) -> tuple[str | None, ...]:
    """What each pattern of the query captures where it is one use of a name, else None."""
    text = _query_text(wanted).encode()
    roles: list[str | None] = []
    for number in range(query.pattern_count):
        start, end = query.start_byte_for_pattern(number), query.end_byte_for_pattern(number)
        captures = set(_CAPTURE.findall(text[start:end].decode()))
        roles.append(captures.pop() if len(captures) == 1 and captures <= _USES else None)
    return tuple(roles)


_CAPTURE = re.compile(r"@([a-z]+)")
_USES = frozenset({"reference", "value", "constant"})
