"""How much of a text does not parse, by the grammar of its language.

Pure: path and text in, a number out.  Blocking, by the size of the text: not for an event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kibitz_context.texts.languages import language_of
from kibitz_context.texts.reader import reader_of

if TYPE_CHECKING:
    from tree_sitter import Node

# Larger: somebody's data.
MAX_BYTES = 1024 * 1024
# Nobody counts further; what is broken in so many places is no program.
MAX_FAULTS = 1_000
_MAX_NODES = 40_000


def syntax_faults(path: str, text: str) -> int | None:
    """How many places of `text` there are where its parser had to skip or to invent something.

    None when `path` is of no known language, the text is too long or the parser gives up.
    """
    language = language_of(path)
    source = text.encode("utf-8", "surrogatepass")
    if language is None or len(source) > MAX_BYTES:
        return None
    reader = reader_of(language)
    tree = reader.tree(source) if reader is not None else None
    if tree is None:
        return None
    n_found = 0
    pending: list[Node] = [tree.root_node] if tree.root_node.has_error else []
    n_visited = 0
    while pending and n_found < MAX_FAULTS:
        node = pending.pop()
        n_visited += 1
        if n_visited > _MAX_NODES:
            return None
        if node.is_error or node.is_missing:
            n_found += 1
        pending += (each for each in node.children if each.has_error or each.is_missing)
    return n_found
