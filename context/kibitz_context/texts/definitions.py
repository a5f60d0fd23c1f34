"""The values of what a text defines and uses; how they are found is not known here."""

from __future__ import annotations

from dataclasses import dataclass

LEXICAL = "lexical"

#: Reopens what is defined elsewhere (Rust's impl, Swift's extension): its name is no definition.
EXTENSION = "extension"
#: Kinds in which a function is a method.
CONTAINERS = frozenset({"class", "interface", "struct", "enum", "trait", "object", EXTENSION})


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
