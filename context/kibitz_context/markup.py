"""The text of the layers: tags, quoting, and nothing that differs between two machines.

Files are put between tags, and no file can end its own: one that holds anything like our tags
gets tags of its own that it does not hold.  Knows nothing of where texts come from.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from kibitz_context.tokens import estimate
from kibitz_context.values import FileUse, Layer, LayerName

_TAGS = (
    "repository|conventions|tree|files|file|outlines|outline|changes|deleted|diff|restored|"
    "not-shown|task-context|excerpt"
)
_LIKE_A_TAG = re.compile(rf"<\s{{0,4}}/?\s{{0,4}}(?:{_TAGS})(?![a-z])", re.IGNORECASE)
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def layer(name: LayerName, text: str, files: Iterable[FileUse] = ()) -> Layer:
    return Layer(name, text, estimate(text), tuple(files))


def with_line_feeds(text: str) -> str:
    r"""`text` with every line ending as ``\n``: the same for a commit and for its checkout."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def block(tag: str, text: str, **attributes: str) -> str:
    r"""`text` on lines of its own between tags that it cannot close; ends with ``\n``."""
    name = _unclosable(tag, text)
    opening = " ".join((name, *(f'{key}="{quoted(value)}"' for key, value in attributes.items())))
    end = "" if not text or text.endswith("\n") else "\n"
    return f"<{opening}>\n{text}{end}</{name}>\n"


def inside(block: str) -> tuple[int, int]:
    """Where the text of a `block` stands in it."""
    return block.index("\n") + 1, block.rindex("</")


def empty_element(tag: str, **attributes: str) -> str:
    opening = " ".join((tag, *(f'{key}="{quoted(value)}"' for key, value in attributes.items())))
    return f"<{opening}/>\n"


def section(tag: str, blocks: Sequence[str]) -> str:
    """Blocks that are already safe, between tags; "" when there are none."""
    return f"<{tag}>\n{''.join(blocks)}</{tag}>\n" if blocks else ""


def quoted(value: str) -> str:
    """`value` so that it can stand in an attribute or on a line of the tree."""
    return "".join(
        _ESCAPES.get(char) or (char if char.isprintable() else f"\\u{ord(char):04x}")
        for char in value
    )


def printable(path: str) -> str:
    """`path` with what cannot be encoded spelt out."""
    return path.encode("utf-8", "backslashreplace").decode()


def tree(paths: Sequence[str], max_characters: int) -> tuple[str, frozenset[str]]:
    """The paths as an indented tree that fits, and those of them that are shown by name.

    Folders below the greatest depth that fits are shown by their name alone.  `paths` must be
    sorted.  Without room for the top level there is no tree.
    """
    deepest = max((path.count("/") for path in paths), default=-1)
    best: tuple[str, frozenset[str]] = ("", frozenset())
    # Almost every repository fits whole or is cut in its first levels.
    if deepest >= 0 and sum(map(len, paths)) < 4 * max_characters:
        whole = _tree_to(paths, deepest, max_characters)
        if whole is not None:
            return whole
    for depth in range(deepest):
        drawn = _tree_to(paths, depth, max_characters)
        if drawn is None:
            break
        best = drawn
    return best


def _tree_to(
    paths: Sequence[str], depth: int, max_characters: int
) -> tuple[str, frozenset[str]] | None:
    lines: list[str] = []
    shown: list[str] = []
    used = 0
    above: list[str] = []
    for path in paths:
        *folders, name = path.split("/")
        common = 0
        while common < min(len(above), len(folders)) and above[common] == folders[common]:
            common += 1
        new_lines = [
            f"{'  ' * level}{quoted(folders[level])}/"
            for level in range(common, min(len(folders), depth + 1))
        ]
        if len(folders) <= depth:
            new_lines.append(f"{'  ' * len(folders)}{quoted(name)}")
            shown.append(path)
        above = folders
        used += sum(len(line) + 1 for line in new_lines)
        if used > max_characters:
            return None
        lines += new_lines
    return "".join(f"{line}\n" for line in lines), frozenset(shown)


def _unclosable(tag: str, text: str) -> str:
    """`tag`, or `tag` with an addition that does not occur in `text`."""
    if not _LIKE_A_TAG.search(text):
        return tag
    digest = hashlib.sha256(text.encode()).hexdigest()
    lowered = text.lower()
    # A text can be written to hold the first addition, but not all of them.
    for start in range(0, len(digest) - 8, 4):
        name = f"{tag}-{digest[start : start + 8]}"
        if name not in lowered:
            return name
    return f"{tag}-{digest}"
