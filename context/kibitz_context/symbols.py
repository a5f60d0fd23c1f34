"""What a text defines, uses and imports, read by a parser of its language.

A pure function of path and text: no clock decides anything, so that the same text has the same
symbols on a slow machine.  A parser gives up after so many steps; then, and where there is no
grammar, lines that look like definitions are taken (`outline`).  The texts have passed the gate;
nothing in here opens a file of a repository.
"""

from __future__ import annotations

import importlib
import re
import threading
import warnings
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from kibitz_context import outline
from kibitz_context.languages import Language, language_of

if TYPE_CHECKING:
    from tree_sitter import Language as TreeSitterLanguage
    from tree_sitter import Node, Parser, Query

# A part of the index's key and of the snapshot's version: raise it when an answer changes.
VERSION = 1

LEXICAL = "lexical"

# Larger: somebody's data.
MAX_PARSED_BYTES = 1024 * 1024
# Larger: not even its lines are looked at.
MAX_LEXICAL_CHARACTERS = 4 * 1024 * 1024
# How far the end of a definition is looked for without a parser.
MAX_LEXICAL_LINES = 200
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

#: Reopens what is defined elsewhere (Rust's impl, Swift's extension): its name is no definition.
EXTENSION = "extension"
#: Kinds in which a function is a method.
CONTAINERS = frozenset({"class", "interface", "struct", "enum", "trait", "object", EXTENSION})
_CALLABLES = frozenset({"function", "method", "macro"})
_VALUES = frozenset({"variable", "field"})


@dataclass(frozen=True, slots=True)
class Definition:
    """A named thing on the lines from `line` to `end_line`, counted from 0, the last excluded.

    Its signature ends before the line `signature_end`; `depth` counts the definitions around it.
    `kind` is one of function, method, class, interface, struct, enum, trait, object, module,
    type, variable, field, macro, and `EXTENSION`.
    """

    name: str
    kind: str
    line: int
    end_line: int
    signature_end: int
    depth: int


@dataclass(frozen=True, slots=True)
class Symbols:
    """What one text holds.  `grammar` is the language that it was parsed as, or `LEXICAL`.

    `definitions` are in the order of the text; `references` are names and how often each is
    used, sorted by name; `imports` are modules and files as they are written, without quotes,
    in order, each once.
    """

    grammar: str
    definitions: tuple[Definition, ...] = ()
    references: tuple[tuple[str, int], ...] = ()
    imports: tuple[str, ...] = ()


def language(path: str) -> str | None:
    """The name of the language that `path` is parsed as, or None."""
    found = language_of(path)
    return found.name if found is not None else None


def symbols(path: str, text: str) -> Symbols:
    """The symbols of `text`, which is the content of `path`.  Never raises for any text."""
    found = language_of(path)
    if found is not None:
        source = text.encode("utf-8", "surrogatepass")
        if len(source) <= MAX_PARSED_BYTES and (parsed := _parsed(found, source)) is not None:
            return parsed
    return lexical(text)


def lexical(text: str) -> Symbols:
    """The symbols of a text that no parser reads: by the look of its lines."""
    if len(text) > MAX_LEXICAL_CHARACTERS:
        return Symbols(LEXICAL)
    lines = text.split("\n")
    found = outline.definitions(lines)[:MAX_DEFINITIONS]
    ends = [outline.block_end(lines, each.line, MAX_LEXICAL_LINES) for each in found]
    depths: list[int] = []
    around: list[int] = []
    for each in found:
        while around and around[-1] >= each.indent:
            around.pop()
        depths.append(len(around))
        around.append(each.indent)
    definitions = tuple(
        Definition(each.name, "function", each.line, end, each.line + 1, depth)
        for each, end, depth in zip(found, ends, depths, strict=True)
    )
    defined = {each.name for each in found}
    names = (match[1] for match in _CALLED.finditer(text))
    uses = Counter(name for name in names if name not in defined)
    return Symbols(LEXICAL, definitions, tuple(sorted(uses.items())))


_CALLED = re.compile(r"\b([A-Za-z_][A-Za-z0-9_]{2,80})\(")


def _parsed(wanted: Language, source: bytes) -> Symbols | None:
    """The symbols as a parser sees them; None when it has no grammar or gives up."""
    reader = _reader(wanted)
    if reader is None:
        return None
    from tree_sitter import QueryCursor

    # Given as a function, the source is not kept by the tree, and the parser can be stopped.
    try:
        tree = reader.parser.parse(
            lambda offset, _: source[offset:], progress_callback=_Steps(MAX_PARSER_STEPS).stop
        )
    except ValueError:
        reader.parser.reset()
        return None
    root = tree.root_node
    if root.has_error and _is_hopeless(root):
        return None
    cursor = QueryCursor(reader.query, match_limit=MAX_OPEN_MATCHES)
    gathered = _Gathered(wanted, source)
    names, of_reference = gathered.names, reader.of_reference
    for window in range(0, len(source), WINDOW_BYTES):
        cursor.set_byte_range(max(0, window - WINDOW_OVERLAP_BYTES), window + WINDOW_BYTES)
        for pattern, captures in cursor.matches(root):
            # Nine of ten matches: a call of a function for each would be felt.
            if of_reference[pattern]:
                node = captures["reference"][0]
                start = node.start_byte
                names[start] = source[start : node.end_byte]
            else:
                gathered.take(pattern, captures)
    found = gathered.symbols()
    if not found.definitions and root.has_error:
        return None
    return found


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


class _Steps:
    """Counts what a parser does, as it reports it: the same number on any machine."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def stop(self, _offset: int, _has_error: bool) -> bool:
        self._left -= 1
        return self._left < 0


@dataclass(frozen=True, slots=True)
class _Found:
    """A definition by its place in bytes, before its depth is known."""

    start: int
    end: int
    pattern: int
    definition: Definition


class _Gathered:
    """What the matches of one query say."""

    def __init__(self, wanted: Language, source: bytes) -> None:
        self._language = wanted
        self._source = source
        self._found: dict[int, _Found] = {}
        self.names: dict[int, bytes] = {}
        self._imports: dict[str, None] = {}
        self._keywords = {word.encode(): kind for word, kind in wanted.keywords}

    def take(self, pattern: int, captures: dict[str, list[Node]]) -> None:
        """Note one match that is no reference, of the pattern `pattern`."""
        if (nodes := captures.get("value") or captures.get("constant")) is not None:
            start = nodes[0].start_byte
            name = self._source[start : nodes[0].end_byte]
            # A plain word in lower case is nearly always a local variable.
            if name.isupper() or ("value" in captures and (not name.islower() or b"_" in name)):
                self.names[start] = name
        elif (nodes := captures.pop("keyword", None)) is not None:
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
        definitions: list[Definition] = []
        around: list[tuple[int, int, str]] = []
        for each in sorted(self._found.values(), key=lambda each: (each.start, -each.end)):
            span = (each.start, each.end)
            # Several names may share one declaration; none of them is within another.
            while around and (around[-1][1] <= each.start or around[-1][:2] == span):
                around.pop()
            definition = each.definition
            kind = definition.kind
            within = around[-1][2] if around else ""
            if kind == "function" and within in CONTAINERS:
                kind = "method"
            if within not in _CALLABLES or (self._language.has_locals and kind not in _VALUES):
                definition = replace(definition, kind=kind, depth=len(around))
                around.append((*span, kind))
                if (
                    self._language.has_clauses
                    and definitions
                    and _is_clause(definition, definitions[-1])
                ):
                    definitions[-1] = replace(definitions[-1], end_line=definition.end_line)
                else:
                    definitions.append(definition)
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
            tuple(definitions[:MAX_DEFINITIONS]),
            tuple(references),
            tuple(self._imports),
        )

    def _define(self, pattern: int, captures: dict[str, list[Node]]) -> None:
        names = captures.pop("name", None)
        if not names:
            return
        name = names[-1]
        body = captures.pop("body", [None])[0]
        name_start = name.start_byte
        written = self._source[name_start : name.end_byte]
        for kind, nodes in captures.items():
            node = outer = nodes[0]
            while (parent := outer.parent) is not None and parent.type in self._language.wrappers:
                outer = parent
            start, end = outer.start_byte, outer.end_byte
            known = self._found.get(name_start)
            # Of two patterns the one that is written first in the query holds.
            if (known is None or pattern < known.pattern) and len(written) <= MAX_NAME_CHARACTERS:
                line = outer.start_point[0]
                last, column = outer.end_point
                end_line = max(line + 1, last + (column > 0))
                body = body if body is not None else self._body(node)
                signature_end = self._signature_end(kind, line, end_line, body)
                shown = _decoded(written).strip("\"'`")
                definition = Definition(shown, kind, line, end_line, signature_end, 0)
                self._found[name_start] = _Found(start, end, pattern, definition)

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


def _is_clause(definition: Definition, before: Definition) -> bool:
    return (definition.name, definition.depth) == (before.name, before.depth)


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _Reader:
    """A parser, which one thread may use at a time, and the query that goes with it."""

    parser: Parser
    query: Query
    of_reference: tuple[bool, ...]


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
            readers[wanted.name] = _Reader(Parser(grammar), query, _of_reference(query, wanted))
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
    folder = resources.files("kibitz_context") / "queries"
    names = wanted.queries or (wanted.name,)
    return "\n".join((folder / f"{name}.scm").read_text("utf-8") for name in names)


def _of_reference(query: Query, wanted: Language) -> tuple[bool, ...]:
    """Which patterns of the query capture a reference, and nothing else."""
    text = _query_text(wanted).encode()
    patterns = [
        text[query.start_byte_for_pattern(each) : query.end_byte_for_pattern(each)]
        for each in range(query.pattern_count)
    ]
    return tuple(0 < pattern.count(b"@") == pattern.count(b"@reference") for pattern in patterns)
