"""Which grammar reads which file, and what a grammar calls things: a table and no code.

Nothing is imported in here; `symbols` loads a grammar when the first text asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """How texts of one language are parsed.

    `module` and `function` give the grammar; the query is ``queries/NAME.scm``.  `wrappers` are
    nodes that belong to the definition in them (decorators, ``export``); `bodies` are the nodes
    that end a signature where the grammar has no field called ``body``.
    """

    name: str
    module: str
    endings: tuple[str, ...]
    function: str = "language"
    query: str = ""
    wrappers: frozenset[str] = frozenset()
    bodies: frozenset[str] = frozenset()

    @property
    def query_name(self) -> str:
        return self.query or self.name


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LANGUAGES: tuple[Language, ...] = (
    Language(
        "python",
        "tree_sitter_python",
        ("py", "pyi", "pyw"),
        wrappers=_words("decorated_definition"),
    ),
)

_BY_ENDING = {ending: language for language in LANGUAGES for ending in language.endings}
_BY_NAME = {language.name: language for language in LANGUAGES}
_BY_FILE_NAME: dict[str, str] = {}


def language_of(path: str) -> Language | None:
    """The language that a path's name tells, or None."""
    name = path.rpartition("/")[2].lower()
    named = _BY_FILE_NAME.get(name)
    if named is not None:
        return _BY_NAME[named]
    return _BY_ENDING.get(name.rpartition(".")[2]) if "." in name else None


def endings() -> Iterator[str]:
    """Every ending that some language has."""
    yield from _BY_ENDING
