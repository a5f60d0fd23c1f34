"""`search`: lines that match a regular expression, in all files that may be read.

What is searched is the text as Claude may see it, with secrets replaced: no pattern can ask for a
secret letter by letter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kibitz.looking import git_grep, ripgrep
from kibitz.looking.answers import MAX_CHARACTERS, quoted_file
from kibitz.looking.arguments import Arguments, Unusable
from kibitz.looking.pattern import Pattern, for_ripgrep
from kibitz.looking.sight import Sight
from kibitz_context import kinds
from kibitz_context.files.ignore_files import Patterns
from kibitz_context.lines import split_lines, without_ending

MAX_MATCHES = 120
MAX_MATCHES_OF_A_FILE = 25
# What of a line is shown on either side of a match that is far from the line's beginning.
MAX_SHOWN_CHARACTERS = 240
BEFORE_MATCH = 80

SECONDS = 8.0
# Fewer files are read sooner than ripgrep has begun.
FEW_FILES = 50

Narrow = Callable[[Sight, str, Sequence[str], float], frozenset[str] | None]


@dataclass
class Found:
    """What has been found so far; `paths` are the files that match."""

    paths: list[str] = field(default_factory=list[str])
    blocks: list[str] = field(default_factory=list[str])
    n_matches: int = 0
    n_characters: int = 0
    not_searched: int = 0

    @property
    def is_full(self) -> bool:
        return self.n_matches >= MAX_MATCHES or self.n_characters >= MAX_CHARACTERS


def with_an_engine(
    sight: Sight, pattern: str, paths: Sequence[str], deadline: float
) -> frozenset[str] | None:
    """The files in which ripgrep finds something, or git where there is no ripgrep; None: neither
    can say."""
    if len(paths) < FEW_FILES:
        return None
    program = ripgrep.executable(sight.gate.root)
    if program is not None and (translated := for_ripgrep(pattern)) is not None:
        return ripgrep.narrowed(program, sight.gate.root, translated, paths, deadline)
    word = git_grep.required_word(pattern)
    if word is None or sight.repository.git is None:
        return None
    seconds = max(deadline - time.monotonic(), 0.0) / 2
    return git_grep.narrowed(sight.repository.git, word, paths, seconds)


def search(sight: Sight, arguments: Arguments, narrow: Narrow = with_an_engine) -> str:
    pattern = Pattern(arguments.text("pattern"))
    glob = arguments.text("glob")
    paths = files(sight, glob)
    found = matches(sight, pattern, paths, narrow)
    where = f" in files that match {glob}" if glob else ""
    if not found.n_matches:
        text = f"Nothing matches{where}; {len(paths):,} files were searched.\n"
        if found.not_searched:
            text = f"Nothing was found in time{where}.\n{_rest(found)}"
        return text
    in_files = f"in {len(found.paths)} file{'s' if len(found.paths) > 1 else ''}{where}"
    text = f"Lines that match {in_files}: {found.n_matches}.\n"
    return text + "".join(found.blocks) + _rest(found)


def files(sight: Sight, glob: str) -> list[str]:
    """The files to be searched: all that people write, or what a pattern as in a .gitignore
    says."""
    if not glob:
        return [path for path in sight.readable if kinds.unwanted_name(path) is None]
    patterns = Patterns((glob.removeprefix("./"),), folded=False)
    if patterns.problems or not glob.removeprefix("./"):
        raise Unusable("glob is not a usable pattern.")
    return [path for path in sight.readable if patterns.matches(path)]


def matches(sight: Sight, pattern: Pattern, paths: Sequence[str], narrow: Narrow) -> Found:
    """Search `paths` in their order, as long as there is room and time."""
    found = Found()
    deadline = time.monotonic() + SECONDS
    buffers = sight.buffers
    on_disk = [path for path in paths if path not in buffers]
    candidates = narrow(sight, pattern.text, on_disk, deadline)
    wanted = [path for path in paths if candidates is None or path in candidates or path in buffers]
    for number, path in enumerate(wanted):
        if found.is_full or time.monotonic() > deadline:
            found.not_searched = len(wanted) - number
            break
        allowed = sight.listed_text(path)
        if allowed is None:
            continue
        lines = [without_ending(line) for line in split_lines(allowed.text)]
        places = pattern.lines(lines, "\n".join(lines))
        if places:
            _add(found, path, lines, places)
    return found


def _add(found: Found, path: str, lines: list[str], places: list[tuple[int, int]]) -> None:
    room = min(MAX_MATCHES_OF_A_FILE, MAX_MATCHES - found.n_matches)
    shown = "".join(
        f"{index + 1}\t{_around(lines[index], column)}\n" for index, column in places[:room]
    )
    block = quoted_file(path, shown)
    if len(places) > room:
        block += f"{len(places) - room} more lines match in this file.\n"
    found.blocks.append(block)
    found.n_characters += len(block)
    found.n_matches += len(places)
    found.paths.append(path)


def _around(line: str, column: int) -> str:
    """The part of a line that holds the match."""
    start = max(0, column - BEFORE_MATCH) if column > MAX_SHOWN_CHARACTERS - BEFORE_MATCH else 0
    part = line[start : start + MAX_SHOWN_CHARACTERS]
    return f"{'…' if start else ''}{part}{'…' if start + len(part) < len(line) else ''}"


def _rest(found: Found) -> str:
    if not found.not_searched:
        return ""
    return (
        f"{found.not_searched:,} files that may match were not searched: "
        "search for something rarer, or give a glob.\n"
    )
