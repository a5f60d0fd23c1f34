"""Finds in a syntax tree what a compiled query finds there, by walking it.

Compiling a query takes up to a fifth of a second and touches all tables of its grammar, some
megabytes; to walk a tree takes ten times as long as to query it.  So the few texts of a language
that a repository hardly uses are walked.  The answers are the same, in a tree without errors and
for what our queries are written in; anything else in a query is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

#: What one match captures: the nodes under each name.
Captures = dict[str, list["Node"]]

_TOKEN = re.compile(r';[^\n]*|\s+|"((?:[^"\\]|\\.)*)"|([()\[\]?.!@])|([\w-]+:?)')


@dataclass(frozen=True, slots=True)
class _Step:
    """What one node has to be: one of `choices`, or of a kind, with a field and with children.

    `kind` is None for any kind, which then has to be named unless `is_any`.  A step that
    `is_next` comes right after the one before it, or first; only nodes without a name may stand
    between, as between one that `is_last` and the end.  One that `is_optional` is matched where it
    can be.
    """

    kind: str | None = None
    is_named: bool = True
    is_any: bool = False
    field_name: str | None = None
    captures: tuple[str, ...] = ()
    without_fields: tuple[str, ...] = ()
    children: tuple[_Step, ...] = ()
    choices: tuple[_Step, ...] = ()
    is_next: bool = False
    is_last: bool = False
    is_optional: bool = False


@dataclass(slots=True)
class _Branch:
    """A node with what is asked of it again and again."""

    node: Node
    kind: str
    is_named: bool
    field_name: str | None
    children: list[_Branch] = field(default_factory=list)


class Patterns:
    """The patterns of one query, as they are written.  For any thread.

    `captures` are the names that each pattern captures by.  Raises ValueError for what is not
    walked for.
    """

    def __init__(self, text: str) -> None:
        steps = _Parser(text).patterns()
        self.captures = tuple(frozenset(_captures(step)) for step in steps)
        self._by_kind: dict[str, list[tuple[int, _Step]]] = {}
        for number, step in enumerate(steps):
            if step.kind is None or step.field_name is not None:
                raise ValueError("a pattern begins with a kind of node")
            self._by_kind.setdefault(step.kind, []).append((number, step))

    def matches(self, tree: Tree) -> list[tuple[int, Captures]]:
        """The matches in `tree`, as (number of the pattern, captures), in the order of the text."""
        found: list[tuple[int, int, Captures]] = []
        for branch in _branches(tree):
            for number, step in self._by_kind.get(branch.kind, ()):
                if step.is_named != branch.is_named:
                    continue
                for captured in _matches(step, branch):
                    captures: Captures = {}
                    for name, node in captured:
                        captures.setdefault(name, []).append(node)
                    last = max(node.start_byte for _, node in captured)
                    found.append((last, number, captures))
        found.sort(key=lambda each: each[:2])
        return [(number, captures) for _, number, captures in found]


def _branches(tree: Tree) -> Iterator[_Branch]:
    """All nodes, each after its parent and before its children, which it has already."""
    cursor = tree.walk()

    def branch() -> _Branch:
        node = cursor.node
        assert node is not None
        made = _Branch(node, node.type, node.is_named, cursor.field_name)
        order.append(made)
        return made

    order: list[_Branch] = []
    around = [branch()]
    while True:
        if cursor.goto_first_child():
            around.append(branch())
            around[-2].children.append(around[-1])
            continue
        while not cursor.goto_next_sibling():
            around.pop()
            if not cursor.goto_parent():
                return iter(order)
        around[-1] = branch()
        around[-2].children.append(around[-1])


def _captures(step: _Step) -> Iterator[str]:
    yield from step.captures
    for inner in (*step.children, *step.choices):
        yield from _captures(inner)


_Captured = tuple[tuple[str, "Node"], ...]


def _matches(step: _Step, branch: _Branch) -> Iterator[_Captured]:
    """Every way in which a node and its children are what `step` says."""
    if step.choices:
        for choice in step.choices:
            yield from _matches(choice, branch)
        return
    if not _is(step, branch):
        return
    own = tuple((name, branch.node) for name in step.captures)
    for captured in _children(step.children, branch.children, 0):
        yield own + captured


def _is(step: _Step, branch: _Branch) -> bool:
    if step.kind is None:
        if not (step.is_any or branch.is_named):
            return False
    elif step.kind != branch.kind or step.is_named != branch.is_named:
        return False
    if step.field_name is not None and step.field_name != branch.field_name:
        return False
    return not step.without_fields or all(
        each.field_name not in step.without_fields for each in branch.children
    )


def _children(
    steps: Sequence[_Step], branches: Sequence[_Branch], start: int
) -> Iterator[_Captured]:
    """Every way in which `steps` are found, in their order, in `branches` from `start` on."""
    if not steps:
        yield ()
        return
    step, rest = steps[0], steps[1:]
    is_found = False
    for place in range(start, len(branches)):
        branch = branches[place]
        for captured in _matches(step, branch):
            if step.is_last and not _is_last(branches, place):
                break
            for others in _children(rest, branches, place + 1):
                is_found = True
                yield captured + others
        if step.is_next and branch.is_named:
            break
    if step.is_optional and not is_found:
        yield from _children(rest, branches, start)


def _is_last(branches: Sequence[_Branch], place: int) -> bool:
    return not any(branches[after].is_named for after in range(place + 1, len(branches)))


class _Parser:
    """Reads what queries are written in."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise ValueError(f"this is not walked for: {text[at : at + 20]!r}")
            at = match.end()
            if match.lastindex:
                self._tokens.append((("string", "sign", "name")[match.lastindex - 1], match[0]))
        self._tokens.append(("end", ""))
        self._at = 0

    def patterns(self) -> list[_Step]:
        found: list[_Step] = []
        while self._tokens[self._at][0] != "end":
            found.append(self._step())
        return found

    def _takes(self, sign: str) -> bool:
        is_it = self._tokens[self._at] == ("sign", sign)
        self._at += is_it
        return is_it

    def _name(self) -> str:
        sort, written = self._tokens[self._at]
        if sort != "name":
            raise ValueError(f"no name: {written!r}")
        self._at += 1
        return written

    def _step(self, is_next: bool = False) -> _Step:
        """A node with its field before it, and its mark and its captures after it."""
        field_name = None
        sort, written = self._tokens[self._at]
        if sort == "name" and written.endswith(":"):
            field_name = self._name()[:-1]
        step = self._node()
        is_optional = self._takes("?")
        captures: list[str] = []
        while self._takes("@"):
            captures.append(self._name())
        step = replace(step, is_next=is_next, is_optional=is_optional)
        if not step.choices:
            return replace(step, field_name=field_name, captures=tuple(captures))
        # What is said of a choice is said of whatever is chosen.
        choices = tuple(
            replace(
                each,
                field_name=field_name or each.field_name,
                captures=(*each.captures, *captures),
            )
            for each in step.choices
        )
        return replace(step, choices=choices)

    def _node(self) -> _Step:
        if self._takes("["):
            choices: list[_Step] = []
            while not self._takes("]"):
                choices.append(self._step())
            return _Step(choices=tuple(choices))
        if self._takes("("):
            return self._inner(self._name())
        sort, written = self._tokens[self._at]
        self._at += 1
        if sort == "string":
            return _Step(written[1:-1], is_named=False)
        if written == "_":
            return _Step(is_any=True)
        raise ValueError(f"no node: {written!r}")

    def _inner(self, kind: str) -> _Step:
        children: list[_Step] = []
        without: list[str] = []
        while not self._takes(")"):
            if self._takes("!"):
                without.append(self._name())
            elif not (is_next := self._takes(".")) or self._tokens[self._at] != ("sign", ")"):
                children.append(self._step(is_next))
            else:
                children[-1] = replace(children[-1], is_last=True)
        return _Step(
            None if kind == "_" else kind, children=tuple(children), without_fields=tuple(without)
        )
