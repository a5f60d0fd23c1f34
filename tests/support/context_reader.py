"""Reads the layers of a context as Claude would: what text does each file have now?

An oracle for tests: it shares no line with the code that writes the layers.  The snapshot gives
whole files, the changes are obeyed in the order in which they stand, and the newest entry about a
path holds.

    assert as_read(context) == {"a.py": "x = 2\n"}
"""

from __future__ import annotations

import re

from kibitz_context.values import Context

_OPENING = re.compile(
    r"<(?P<tag>file|diff|deleted|restored|not-shown)(?P<unique>-[0-9a-f]+)?"
    r' path="(?P<path>[^"]*)"(?P<attributes>(?: [a-z-]+="[^"]*")*)(?P<empty>/?)>'
)
_HUNK = re.compile(r"@@ -(\d+),(\d+) \+(\d+),(\d+) @@")
_ESCAPED = re.compile(r"&(?:amp|lt|gt|quot);|\\u([0-9a-f]{4,})")
_PLAIN = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"'}

#: What `as_read` gives for a file of which it is only said that it has changed.
NOT_SHOWN = "(changed, and not shown)"


def as_read(context: Context) -> dict[str, str]:
    """The files by path, each with the text that the layers say it has now.

    A text ends with a line feed, or is empty: the layers do not tell a last line without one.
    """
    base = {path: text for _, path, text in _entries(context.snapshot.text)}
    now = dict(base)
    for tag, path, text in _entries(context.changes.text):
        if tag == "file":
            now[path] = text
        elif tag == "diff":
            assert path in base, f"a diff against {path}, which the snapshot does not show whole"
            now[path] = patched(base[path], text)
        elif tag == "restored":
            now[path] = base[path]
        elif tag == "not-shown":
            now[path] = NOT_SHOWN
        else:
            now.pop(path, None)
    return now


def patched(old: str, diff: str) -> str:
    """`old` after a unified diff; every line of the diff must fit."""
    lines = old.split("\n")[:-1] if old.endswith("\n") else old.split("\n") if old else []
    result: list[str] = []
    at = 0
    for line in diff.splitlines():
        if line.startswith("@@"):
            found = _HUNK.match(line)
            assert found is not None, line
            start, length = int(found[1]), int(found[2])
            start -= 1 if length else 0
            result += lines[at:start]
            at = start
        elif line.startswith("+"):
            result.append(line[1:])
        elif line.startswith("\\"):
            continue
        else:
            assert lines[at] == line[1:], f"line {at + 1} is {lines[at]!r}, the diff has {line!r}"
            if line.startswith(" "):
                result.append(line[1:])
            at += 1
    result += lines[at:]
    return "".join(f"{line}\n" for line in result)


def _entries(layer: str) -> list[tuple[str, str, str]]:
    """Tag, path and text of each entry of a layer, in order."""
    found: list[tuple[str, str, str]] = []
    lines = layer.split("\n")
    at = 0
    while at < len(lines):
        opening = _OPENING.fullmatch(lines[at])
        at += 1
        if opening is None:
            continue
        path = _ESCAPED.sub(
            lambda each: chr(int(each[1], 16)) if each[1] else _PLAIN[each[0]], opening["path"]
        )
        body: list[str] = []
        if not opening["empty"]:
            closing = f"</{opening['tag']}{opening['unique'] or ''}>"
            end = lines.index(closing, at)
            body = lines[at:end]
            at = end + 1
        found.append((opening["tag"], path, "".join(f"{line}\n" for line in body)))
    return found
