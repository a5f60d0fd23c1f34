"""Reads the layers of a context as Claude would: what text does each file have now?

An oracle for tests: it shares no line with the code that writes the layers.  The snapshot gives
whole files, the changes are obeyed in the order in which they stand, and of two that speak of the
same lines of a file the later one holds.  Lines are those of the snapshot's file, or of the one
that the changes themselves told whole, where an entry says so.

    assert as_read(context) == {"a.py": "x = 2\n"}
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kibitz_context.values import Context

_OPENING = re.compile(
    r"<(?P<tag>file|diff|deleted|restored|not-shown)(?P<unique>-[0-9a-f]+)?"
    r' path="(?P<path>[^"]*)"(?P<attributes>(?: [a-z-]+="[^"]*")*)(?P<empty>/?)>'
)
_HUNK = re.compile(r"@@ (\d+)-(\d+) @@(?: .*)?")
_LINES = re.compile(r' lines="(\d+)-(\d+)"')
_AGAINST_TOLD = ' against="told"'
_ESCAPED = re.compile(r"&(?:amp|lt|gt|quot);|\\u([0-9a-f]{4,})")
_PLAIN = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"'}

#: What `as_read` gives for a file of which it is only said that it has changed.
NOT_SHOWN = "(changed, and not shown)"


def as_read(context: Context) -> dict[str, str]:
    """The files by path, each with the text that the layers say it has now.

    A text ends with a line feed, or is empty: the layers do not tell a last line without one.
    """
    base = {entry.path: entry.text for entry in _entries(context.snapshot.text)}
    holding: dict[str, list[_Said]] = {}
    for entry in _entries(context.changes.text):
        for said in _said(entry):
            before = holding.get(entry.path, [])
            holding[entry.path] = [each for each in before if not said.overtakes(each)] + [said]
    now = dict(base)
    for path, said_of_it in holding.items():
        text = _after(base.get(path), said_of_it)
        now.pop(path, None)
        if text is not None:
            now[path] = text
    return now


@dataclass(frozen=True)
class _Entry:
    tag: str
    path: str
    lines: tuple[int, int] | None
    text: str
    against_told: bool


@dataclass(frozen=True)
class _Said:
    """A whole entry, or one hunk of a diff: with the first and the last line, from 1."""

    tag: str
    lines: tuple[int, int] | None
    text: str
    against_told: bool

    def overtakes(self, earlier: _Said) -> bool:
        if self.against_told and earlier.lines is None:
            assert earlier.tag == "file", "lines of a file that was not told whole"
            return False
        if self.lines is None or earlier.lines is None:
            return True
        if self.against_told != earlier.against_told:
            return True
        return not (self.lines[1] < earlier.lines[0] or earlier.lines[1] < self.lines[0])


def _said(entry: _Entry) -> list[_Said]:
    if entry.tag != "diff":
        return [_Said(entry.tag, entry.lines, entry.text, entry.against_told)]
    found: list[_Said] = []
    for hunk in re.split(r"^(?=@@)", entry.text, flags=re.MULTILINE)[1:]:
        first, body = hunk.split("\n", 1)
        header = _HUNK.fullmatch(first)
        assert header is not None, first
        lines = int(header[1]), int(header[2])
        found.append(_Said("diff", lines, body, entry.against_told))
    return found


def _after(old: str | None, said: list[_Said]) -> str | None:
    """The text of a file of which that holds; None where there is none."""
    whole = [each for each in said if each.lines is None]
    said = [each for each in said if each.lines is not None]
    if whole:
        (last,) = whole
        assert last.tag == "file" or not said, "lines of a file that was not told whole"
        texts = {"file": last.text, "restored": old, "not-shown": NOT_SHOWN, "deleted": None}
        old = texts[last.tag]
    assert all(each.against_told == bool(whole) for each in said), said
    assert {each.tag for each in said} <= {"diff", "restored", "not-shown"}, said
    if any(each.tag == "not-shown" for each in said):
        return NOT_SHOWN
    if not said:
        return old
    assert old is not None, "lines of a file that nothing shows whole"
    hunks = sorted((each for each in said if each.tag == "diff"), key=lambda each: each.lines or ())
    return patched(old, [(each.lines or (0, 0), each.text) for each in hunks])


def patched(old: str, hunks: list[tuple[tuple[int, int], str]]) -> str:
    """`old` after hunks of the lines that they name; every line of them must fit."""
    lines = old.split("\n")[:-1] if old.endswith("\n") else old.split("\n") if old else []
    result: list[str] = []
    at = 0
    for (first, last), body in hunks:
        result += lines[at : first - 1]
        at = first - 1
        for line in body.split("\n")[:-1]:
            if line.startswith("+"):
                result.append(line[1:])
            elif not line.startswith("\\"):
                assert lines[at] == line[1:], f"line {at + 1} is {lines[at]!r}, not {line!r}"
                if line.startswith(" "):
                    result.append(line[1:])
                at += 1
        assert at == last, f"a hunk of the lines {first} to {last} ends in line {at}"
    result += lines[at:]
    return "".join(f"{line}\n" for line in result)


def _entries(layer: str) -> list[_Entry]:
    """The entries of a layer, in order."""
    found: list[_Entry] = []
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
        lines_named = _LINES.search(opening["attributes"])
        named = (int(lines_named[1]), int(lines_named[2])) if lines_named else None
        text = "".join(f"{line}\n" for line in body)
        against_told = _AGAINST_TOLD in opening["attributes"]
        found.append(_Entry(opening["tag"], path, named, text, against_told))
    return found
