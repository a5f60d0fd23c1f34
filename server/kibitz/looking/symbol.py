"""`symbol`: where a name is defined, and the lines that use it.

The index tells which contents define or use a name; the lines come from the texts as they are now.
Where there is no index yet, the texts are searched.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from kibitz.looking.answers import MAX_CHARACTERS, numbered, quoted_file
from kibitz.looking.arguments import Arguments, Unusable
from kibitz.looking.search import SECONDS, with_an_engine
from kibitz.looking.sight import Sight
from kibitz_context import kinds
from kibitz_context.indexing import index
from kibitz_context.lines import split_lines, without_ending
from kibitz_context.texts import symbols
from kibitz_context.texts.symbols import Definition
from kibitz_context.values import Allowed

MAX_NAME_CHARACTERS = 200
MAX_FILES = 150
MAX_DEFINITIONS = 12
# Of a definition the first lines are shown: `read_file` gives the rest.
MAX_DEFINITION_LINES = 12
MAX_USES = 60
MAX_USES_OF_A_FILE = 8

_PART = re.compile(r"[^\s.:#/\\()]+")


@dataclass(frozen=True, slots=True)
class _File:
    """A file that has the name in it."""

    path: str
    allowed: Allowed
    lines: list[str]
    definitions: tuple[Definition, ...]
    uses: tuple[int, ...]


def symbol(sight: Sight, arguments: Arguments) -> str:
    given = arguments.text("name").strip()
    # `Class.method`, `module::function`: the last part is what is defined somewhere.
    parts = _PART.findall(given)
    if not parts or len(given) > MAX_NAME_CHARACTERS:
        raise Unusable("name must be one name as it stands in the code.")
    name, around = parts[-1], parts[-2] if len(parts) > 1 else ""
    paths, is_complete = _candidates(sight, name)
    found = [each for path in paths[:MAX_FILES] if (each := _looked_at(sight, path, name))]
    text = _definitions(found, name, around) + _uses(found, name)
    if not text:
        return f"{name} is neither defined nor used in any file; `search` finds more.\n"
    if len(paths) > MAX_FILES or not is_complete:
        text += "There are more files with this name; `search` with a glob finds them.\n"
    return text


def _candidates(sight: Sight, name: str) -> tuple[list[str], bool]:
    """The files to look at: those that define it first; and whether these are all."""
    known = _known(sight, name)
    if known is not None:
        return known, True
    wanted = [path for path in sight.readable if kinds.unwanted_name(path) is None]
    narrowed = with_an_engine(sight, re.escape(name), wanted, time.monotonic() + SECONDS)
    if narrowed is not None:
        return [path for path in wanted if path in narrowed or path in sight.buffers], True
    found: list[str] = []
    deadline = time.monotonic() + SECONDS
    for path in wanted:
        if time.monotonic() > deadline:
            return found, False
        allowed = sight.listed_text(path)
        if allowed is not None and name in allowed.text:
            found.append(path)
    return found, True


def _known(sight: Sight, name: str) -> list[str] | None:
    """The files by the index, and all that differ from what is in it; None without an index."""
    repository, cache = sight.repository, sight.cache
    head = repository.head() if repository.has_git else None
    if cache is None or head is None:
        return None
    readable = frozenset(sight.readable)
    tracked = [file for file in repository.tracked() if file.path in readable]
    known = index.index_of(repository, cache)
    sight.check()
    missing = {file.blob_id for file in known.missing(tracked)}
    # The work tree may differ from git's index of files, and buffers differ from both.
    changed = {each.path for each in repository.changed_paths(head) if not each.blob_id}
    changed |= {path for path in readable if path in sight.buffers}
    changed |= readable - {file.path for file in tracked}
    changed |= {file.path for file in tracked if file.blob_id in missing}
    changed &= readable
    if len(changed) > MAX_FILES:
        return None
    sight.check()
    definers = known.definers([name]).get(name, frozenset())
    users = known.users([name]).get(name, frozenset())
    first = sorted(file.path for file in tracked if file.blob_id in definers)
    then = sorted(file.path for file in tracked if file.blob_id in users)
    return list(dict.fromkeys([*first, *sorted(changed), *then]))


def _looked_at(sight: Sight, path: str, name: str) -> _File | None:
    allowed = sight.listed_text(path)
    if allowed is None or name not in allowed.text:
        return None
    lines = [without_ending(line) for line in split_lines(allowed.text)]
    found = symbols.symbols(path, "\n".join(lines))
    definitions = tuple(
        each for each in found.definitions if each.name == name and each.kind != symbols.EXTENSION
    )
    defining = {each.line for each in definitions}
    whole_word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
    uses = tuple(
        number
        for number, line in enumerate(lines)
        if name in line and number not in defining and whole_word.search(line)
    )
    return _File(path, allowed, lines, definitions, uses) if definitions or uses else None


def _definitions(found: Sequence[_File], name: str, around: str) -> str:
    places = [(each, definition) for each in found for definition in each.definitions]
    if around:
        # Of a method those of the class that was named; where there is none, all.
        places = [place for place in places if _is_within(*place, around)] or places
    blocks: list[str] = []
    for each, definition in places[:MAX_DEFINITIONS]:
        end = min(definition.end_line, definition.line + MAX_DEFINITION_LINES)
        shown = "".join(numbered(each.lines[definition.line : end], definition.line + 1))
        lines = f"{definition.line + 1}-{definition.end_line}"
        blocks.append(quoted_file(each.path, shown, defines=definition.kind, lines=lines))
    if not blocks:
        return ""
    text = f"{name} is defined in {_counted(len(places), 'place')}:\n{''.join(blocks)}"
    if len(places) > MAX_DEFINITIONS:
        text += f"{len(places) - MAX_DEFINITIONS} more definitions are not shown.\n"
    return text


def _is_within(file: _File, definition: Definition, around: str) -> bool:
    return any(
        each.name == around and each.line <= definition.line < each.end_line
        for each in symbols.symbols(file.path, "\n".join(file.lines)).definitions
    )


def _uses(found: Sequence[_File], name: str) -> str:
    using = [each for each in found if each.uses]
    count = sum(len(each.uses) for each in using)
    blocks: list[str] = []
    shown_count = n_characters = 0
    for each in using:
        if shown_count >= MAX_USES or n_characters > MAX_CHARACTERS // 2:
            break
        numbers = each.uses[: min(MAX_USES_OF_A_FILE, MAX_USES - shown_count)]
        shown = "".join(_line(each.lines, number) for number in numbers)
        shown_count += len(numbers)
        blocks.append(quoted_file(each.path, shown))
        n_characters += len(blocks[-1])
    if not blocks:
        return ""
    files = _counted(len(using), "file")
    text = f"{name} stands on {_counted(count, 'other line')} in {files}:\n{''.join(blocks)}"
    if shown_count < count:
        text += f"{count - shown_count} more lines are not shown.\n"
    return text


def _line(lines: Sequence[str], number: int) -> str:
    return "".join(numbered(lines[number : number + 1], number + 1))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count != 1 else ''}"
