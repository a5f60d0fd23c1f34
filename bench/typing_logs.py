"""Somebody types: keystrokes with the pauses of a person, made from what commits have added.

The text is real; the pauses are made up, from a seed: quick within a word, slower between words,
long now and then where a line ends and the next one has to be thought of.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = {".py": "python", ".go": "go", ".rs": "rust", ".ts": "typescript", ".java": "java"}
LEAST_LINES, MOST_LINES = 3, 25
MOST_FILE_CHARACTERS = 200_000
# One keystroke in so many is wrong and taken back.
TYPO_SHARE = 0.02
# Nobody's completion is longer.
MOST_COMING_STROKES = 400


@dataclass(frozen=True, slots=True)
class Addition:
    """Lines that a commit has added to a file at one place: `typed`, between two texts."""

    path: str
    language: str
    before: str
    typed: str
    after: str


@dataclass(frozen=True, slots=True)
class Patch:
    """At `position` `deleted` characters go and `inserted` comes."""

    position: int
    deleted: int
    inserted: str

    def applied(self, text: str) -> str:
        return text[: self.position] + self.inserted + text[self.position + self.deleted :]


@dataclass(frozen=True, slots=True)
class Stroke:
    """What happens at once after `pause_seconds`: most often one character is typed."""

    pause_seconds: float
    patches: tuple[Patch, ...]

    def applied(self, text: str) -> str:
        for patch in self.patches:
            text = patch.applied(text)
        return text

    @property
    def cursor(self) -> int:
        """Where the cursor stands then."""
        return self.patches[-1].position + len(self.patches[-1].inserted) if self.patches else 0


@dataclass(frozen=True, slots=True)
class Typing:
    """One sitting at one file."""

    path: str
    language: str
    start: str
    strokes: tuple[Stroke, ...]

    def coming(self, number: int, cursor: int) -> tuple[str, dict[str, int]]:
        """What is typed at the cursor from the stroke `number` on, slips taken back, and after how
        many strokes which part of it stands there."""
        text, parts = "", dict[str, int]()
        for count, stroke in enumerate(self.strokes[number : number + MOST_COMING_STROKES], 1):
            if len(stroke.patches) != 1:
                break
            (patch,) = stroke.patches
            start, end = patch.position - cursor, patch.position + patch.deleted - cursor
            if not (0 <= start <= end == len(text)):
                break
            text = text[:start] + patch.inserted
            parts.setdefault(text, count)
        return text, parts


@dataclass(frozen=True, slots=True)
class Keystroke:
    """After `pause_seconds` `text` is typed; one character is deleted where it is empty."""

    pause_seconds: float
    text: str


def additions(repository: Path, count: int, seed: int) -> list[Addition]:
    """Up to `count` additions of the latest commits, none from a commit that only adds."""
    found: list[Addition] = []
    commits = _git(repository, "log", "--no-merges", "--format=%H", "-n", "600").split()
    random.Random(seed).shuffle(commits)
    for commit in commits:
        for addition in _of_commit(repository, commit):
            found.append(addition)
            if len(found) == count:
                return found
            break  # one of each commit, so that no large one counts for many
    return found


def typing(addition: Addition, seed: int) -> Typing:
    """Somebody makes an addition."""
    position = len(addition.before)
    strokes: list[Stroke] = []
    for key in keystrokes(addition.typed, random.Random(seed)):
        if key.text:
            strokes.append(Stroke(key.pause_seconds, (Patch(position, 0, key.text),)))
            position += len(key.text)
        else:
            position -= 1
            strokes.append(Stroke(key.pause_seconds, (Patch(position, 1, ""),)))
    return Typing(
        addition.path, addition.language, addition.before + addition.after, tuple(strokes)
    )


def keystrokes(typed: str, chance: random.Random) -> Iterator[Keystroke]:
    """How `typed` comes about.  The indentation of a new line is the editor's."""
    position = 0
    while position < len(typed):
        end = position + 1
        if typed[position] == "\n":
            while end < len(typed) and typed[end] in " \t":
                end += 1
        if typed[position].isalpha() and chance.random() < TYPO_SHARE:
            yield Keystroke(_pause(typed, position, chance), chance.choice("etaoin"))
            yield Keystroke(chance.uniform(0.15, 0.5), "")
        yield Keystroke(_pause(typed, position, chance), typed[position:end])
        position = end


def _pause(typed: str, position: int, chance: random.Random) -> float:
    char, last = typed[position], typed[position - 1] if position else "\n"
    if last == "\n":
        # What comes next is thought of.
        if chance.random() < 0.4:
            return chance.uniform(0.8, 5.0)
        return chance.uniform(0.2, 0.6)
    if char.isalnum() and last.isalnum():
        return min(chance.lognormvariate(-2.1, 0.35), 0.6)
    if chance.random() < 0.08:
        return chance.uniform(0.5, 2.5)
    return min(chance.lognormvariate(-1.7, 0.4), 1.2)


def _of_commit(repository: Path, commit: str) -> Iterator[Addition]:
    listed = _git(
        repository, "show", "--format=", "--unified=0", "--no-renames", "--diff-filter=M", commit
    )
    path, hunks = "", 0
    for line in listed.splitlines():
        if line.startswith("+++ b/"):
            path = line[6:]
            hunks = 0
        elif line.startswith("@@") and Path(path).suffix in SUFFIXES:
            hunks += 1
            place = _added(line)
            if hunks == 1 and place is not None:
                text = _git(repository, "show", f"{commit}:{path}")
                yield from _cut(path, text, *place)


def _added(header: str) -> tuple[int, int] | None:
    """The first line and the number of lines of a hunk that only adds; None for another one."""
    old, new = header.split()[1:3]
    removed = old.partition(",")[2]
    first, _, count = new[1:].partition(",")
    if removed != "0" or not LEAST_LINES <= int(count or 1) <= MOST_LINES:
        return None
    return int(first) - 1, int(count or 1)


def _cut(path: str, text: str, first: int, count: int) -> Iterator[Addition]:
    lines = text.splitlines(keepends=True)
    typed = "".join(lines[first : first + count]).rstrip("\n")
    if len(text) > MOST_FILE_CHARACTERS or not typed.strip() or not typed.isascii():
        return
    blank = len(typed) - len(typed.lstrip())
    before = "".join(lines[:first]) + typed[:blank]
    after = "\n" + "".join(lines[first + count :])
    yield Addition(path, SUFFIXES[Path(path).suffix], before, typed[blank:], after)


def _git(repository: Path, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", *arguments], cwd=repository, capture_output=True, check=True, timeout=60
    )
    return answer.stdout.decode("utf-8", "replace")
