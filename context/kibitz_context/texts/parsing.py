"""Symbols as a parser of their language sees them, found by a query of ours.

What is found is put together here; how it is found is `reader`'s.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kibitz_context.texts.definitions import CONTAINERS, Definition, Symbols
from kibitz_context.texts.languages import Language
from kibitz_context.texts.reader import reader_of

if TYPE_CHECKING:
    from tree_sitter import Node

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
    reader = reader_of(wanted)
    tree = reader.tree(source) if reader is not None else None
    if reader is None or tree is None:
        return None
    root = tree.root_node
    if root.has_error and _is_hopeless(root):
        return None
    gathered = _Gathered(wanted, source)
    names, roles = gathered.names, reader.roles
    for pattern, captures in reader.matches(tree, len(source)):
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
