"""What a call of `edit_file` asks for: a file, and passages of it with what they become.

Reads one call and judges its form alone; where the passages stand is for `passages`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from kibitz.edits.values import Refusal

# More is no edit but another file, and looking for each of them would block.
MOST_EDITS: Final = 200
MOST_CHARACTERS: Final = 1_000_000
MOST_PATH_CHARACTERS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Passage:
    """`old_text`, which stands in the file once, becomes `new_text`."""

    old_text: str
    new_text: str


@dataclass(frozen=True, slots=True)
class FileEdits:
    """The passages of one file; `path` is relative to the repository root, as Claude wrote it."""

    path: str
    passages: tuple[Passage, ...]


def parse(input_json: str) -> FileEdits | Refusal:
    """The input of one call, or what is wrong with it, in words for Claude."""
    try:
        given = json.loads(input_json)
    except (ValueError, RecursionError):
        return Refusal("The input is not valid JSON; call edit_file again with one JSON object.")
    if not isinstance(given, dict) or given.keys() != {"path", "edits"}:
        return Refusal("The input must be an object with `path` and `edits` and nothing else.")
    path, edits = given["path"], given["edits"]
    if not _is_path(path):
        return Refusal("`path` must be the path of a file, relative to the repository root.")
    if not isinstance(edits, list) or not 1 <= len(edits) <= MOST_EDITS:
        return Refusal(f"`edits` must be a list of 1 to {MOST_EDITS} edits.")
    passages: list[Passage] = []
    for number, edit in enumerate(edits, 1):
        if not isinstance(edit, dict) or edit.keys() != {"old_text", "new_text"}:
            return Refusal(f"Edit {number} must be an object with `old_text` and `new_text`.")
        if not (_is_text(edit["old_text"]) and _is_text(edit["new_text"])):
            return Refusal(f"`old_text` and `new_text` of edit {number} must be plain text.")
        passages.append(Passage(edit["old_text"], edit["new_text"]))
    if sum(len(each.old_text) + len(each.new_text) for each in passages) > MOST_CHARACTERS:
        return Refusal(f"The edits have more than {MOST_CHARACTERS:,} characters; make them fewer.")
    return FileEdits(path, tuple(passages))


def _is_path(value: Any) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= MOST_PATH_CHARACTERS
        and value.isprintable()
        and not value.endswith(("/", "\\"))
        and bool(value.strip())
    )


def _is_text(value: Any) -> bool:
    """Whether it can stand in a file: no NUL, and no half of a character."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
