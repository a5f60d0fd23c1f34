"""A file's text with a piece of configuration in it: pure, and only where it is certain.

Lines go between two marks, so that they can be replaced later; keys go into a JSON object that
holds no comments, since those would be lost.  Whatever cannot be done without guessing is a
refusal, with the reason, and the user pastes it.
"""

from __future__ import annotations

import json
import tomllib
from typing import Any

from kibitz.editor_setup.recipes import Form, Piece

_COMMENT = {"toml": "#", "lua": "--", "elisp": ";;", "kak": "#", "vim": '"', "rust": "//"}


class Refusal(Exception):
    """The piece cannot go into that file by itself; `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def merged(old: str | None, piece: Piece) -> str:
    """The text of the file with the piece in it; `old` is None where there is no file.

    Doing it twice changes nothing.  Raises Refusal.
    """
    match piece.way:
        case "whole":
            return piece.text
        case "keys":
            return _with_keys(old, json.loads(piece.text))
        case "lines":
            new = _with_lines(old or "", piece)
            if piece.form == "toml":
                _must_be_toml(old or "", new)
            return new


def marks(form: Form) -> tuple[str, str]:
    """The lines before and after what is ours."""
    comment = _COMMENT[form]
    return f"{comment} kibitz: begin (written by `kibitz setup`)", f"{comment} kibitz: end"


def _with_lines(old: str, piece: Piece) -> str:
    begin, end = marks(piece.form)
    ours = f"{begin}\n{piece.text}{end}\n"
    lines = old.splitlines(keepends=True)
    stripped = [line.strip() for line in lines]
    if stripped.count(begin) != stripped.count(end) or stripped.count(begin) > 1:
        raise Refusal("its marks `kibitz: begin` and `kibitz: end` are no longer a pair")
    if begin in stripped:
        first, last = stripped.index(begin), stripped.index(end)
        if last < first:
            raise Refusal("its marks `kibitz: begin` and `kibitz: end` are no longer a pair")
        return "".join([*lines[:first], ours, *lines[last + 1 :]])
    if not old:
        return ours
    gap = "\n" if old.endswith("\n") else "\n\n"
    return f"{old}{gap}{ours}"


def _must_be_toml(old: str, new: str) -> None:
    try:
        tomllib.loads(old)
    except tomllib.TOMLDecodeError as error:
        raise Refusal(f"it is not valid TOML ({error})") from None
    try:
        data = tomllib.loads(new)
    except tomllib.TOMLDecodeError:
        raise Refusal("it already says something about kibitz") from None
    names = [row.get("name") for row in data.get("language", []) if isinstance(row, dict)]
    twice = sorted({name for name in names if isinstance(name, str) and names.count(name) > 1})
    if twice:
        raise Refusal(
            f"it already sets up {', '.join(twice)}: add kibitz to the `language-servers` there"
        )


def _with_keys(old: str | None, ours: dict[str, Any]) -> str:
    data: Any = {}
    indent: int | str = 2
    if old is not None and old.strip():
        try:
            data = json.loads(old)
        except ValueError:
            raise Refusal("it holds comments, or is not valid JSON") from None
        if not isinstance(data, dict):
            raise Refusal("it does not hold an object")
        second = old.splitlines()[1:2]
        margin = second[0][: len(second[0]) - len(second[0].lstrip())] if second else ""
        indent = margin or 2
    _put(data, ours)
    return json.dumps(data, indent=indent, ensure_ascii=False) + "\n"


def _put(into: dict[str, Any], ours: dict[str, Any]) -> None:
    for key, value in ours.items():
        there = into.get(key)
        if isinstance(value, dict) and isinstance(there, dict):
            _put(there, value)
        else:
            into[key] = value
