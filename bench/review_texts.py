"""What reviews would have said: real mends out of a history, as findings about what was before.

The lines that a commit has changed are the fault, its message is the review's text, what it wrote
instead is the suggestion.  A drift does to such a finding what models do to quotes and numbers;
the line that is meant stays known.
"""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kibitz.findings.anchor import collapse
from kibitz_context.lines import is_telling, split_lines, without_ending

SUFFIXES = (".py", ".go", ".rs", ".ts", ".java", ".js", ".c", ".rb")
MOST_COMMITS = 1_500
MOST_FILE_CHARACTERS = 400_000
MOST_HUNK_LINES = 12

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
_NAME = re.compile(r"[A-Za-z_]\w{3,}")


@dataclass(frozen=True)
class Fault:
    """A place in a file that somebody mended later; `line` counts from 1."""

    path: str
    lines: tuple[str, ...]
    line: int
    n_lines: int
    title: str
    message: str
    suggestion: str

    @property
    def text(self) -> str:
        """The first line, without its ending."""
        return without_ending(self.lines[self.line - 1])


@dataclass(frozen=True, slots=True)
class Told:
    """How a reply tells of a fault: the quote and the line that stand in it."""

    quote: str
    line: int


def faults(repository: Path, count: int, seed: int) -> list[Fault]:
    """Up to `count` mends out of the history of `repository`, at most one of each commit."""
    log = _git(
        repository,
        *("log", "--no-merges", "--diff-filter=M", "-n", str(MOST_COMMITS), "--format=%H"),
        *("--", *(f"*{suffix}" for suffix in SUFFIXES)),
    )
    commits = log.split()
    chance = random.Random(seed)
    chance.shuffle(commits)
    found: list[Fault] = []
    for commit in commits:
        candidates = list(_of_commit(repository, commit))
        if candidates:
            found.append(chance.choice(candidates))
        if len(found) == count:
            break
    return found


def _of_commit(repository: Path, commit: str) -> Iterator[Fault]:
    title, _, body = _git(repository, "log", "-1", "--format=%s%n%b", commit).partition("\n")
    diff = _git(
        repository,
        *("diff", "-U0", "--diff-filter=M", "--no-renames", f"{commit}^", commit),
        *("--", *(f"*{suffix}" for suffix in SUFFIXES)),
    )
    for part in diff.split("diff --git ")[1:]:
        lines = part.split("\n")
        path = next((line[6:] for line in lines if line.startswith("--- a/")), "")
        hunks = list(_hunks(lines))
        if not path or not hunks:
            continue
        text = _git(repository, "show", f"{commit}^:{path}")
        if len(text) > MOST_FILE_CHARACTERS:
            continue
        old = tuple(split_lines(text))
        for first, n_lines, suggestion in hunks:
            if first > len(old) or not is_telling(old[first - 1]):
                continue
            yield Fault(
                path,
                old,
                first,
                n_lines,
                title[:120] or "A fault",
                body.strip() or title,
                suggestion,
            )


def _hunks(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """First line, number of lines and replacement of the hunks that replace something."""
    for number, line in enumerate(lines):
        head = _HUNK.match(line)
        if head is None:
            continue
        n_lines = int(head[2]) if head[2] else 1
        added = []
        for each in lines[number + 1 + n_lines :]:
            if not each.startswith("+"):
                break
            added.append(each[1:])
        if 0 < n_lines <= MOST_HUNK_LINES and added:
            yield int(head[1]), n_lines, "\n".join(added)


# Drifts.  Each tells of a fault as a model might; None where it cannot be done to that line.


Drift = Callable[[Fault, random.Random], Told | None]


def _as_it_is(fault: Fault, _: random.Random) -> Told:
    return Told(fault.text, fault.line)


def _off(most: int) -> Drift:
    def drift(fault: Fault, chance: random.Random) -> Told:
        by = chance.choice([each for each in range(-most, most + 1) if each])
        return Told(fault.text, max(1, fault.line + by))

    return drift


def _far(fault: Fault, chance: random.Random) -> Told | None:
    """Numbered as if the file began elsewhere: for lines that stand there once."""
    if sum(collapse(each) == collapse(fault.text) for each in fault.lines) > 1:
        return None
    return Told(fault.text, chance.randint(1, len(fault.lines) + 50))


def _near(fault: Fault, chance: random.Random) -> int:
    """The line that a reply states beside a quote that is not quite right."""
    return max(1, fault.line + chance.choice((-2, -1, 0, 0, 0, 1, 2)))


def _unindented(fault: Fault, chance: random.Random) -> Told | None:
    text = fault.text.strip()
    return Told(text, _near(fault, chance)) if text != fault.text else None


def _reindented(fault: Fault, chance: random.Random) -> Told:
    indent = chance.choice(("\t", "  ", " " * 8, "\t\t"))
    return Told(f"{indent}{fault.text.strip()}  ", _near(fault, chance))


def _other_blanks(fault: Fault, chance: random.Random) -> Told | None:
    text = re.sub(r"(?<=\S) +(?=\S)", "  ", fault.text)
    return Told(text, _near(fault, chance)) if text != fault.text else None


def _several_lines(fault: Fault, chance: random.Random) -> Told:
    """More of it than was asked for, and the number of another line of it."""
    end = min(len(fault.lines), fault.line + chance.randint(1, 3))
    quote = "".join(fault.lines[fault.line - 1 : end])
    return Told(quote, _near(fault, chance))


def _numbered(fault: Fault, chance: random.Random) -> Told:
    """With the number in front that the prompt prints there."""
    mark = chance.choice(("", "+"))
    return Told(f"{fault.line}{mark}\t{fault.text}", _near(fault, chance))


def _as_in_a_diff(fault: Fault, chance: random.Random) -> Told:
    return Told(f"+{fault.text}", _near(fault, chance))


def _fenced(fault: Fault, chance: random.Random) -> Told:
    tick = chance.choice(("`", "```\n"))
    end = "\n```" if "\n" in tick else tick
    return Told(f"{tick}{fault.text.strip()}{end}", _near(fault, chance))


def _cut(fault: Fault, chance: random.Random) -> Told | None:
    text = fault.text.strip()
    if len(text) < 30:
        return None
    end = chance.randint(len(text) * 2 // 3, len(text) - 4)
    return Told(f"{text[:end].rstrip()}{chance.choice(('...', '…', ' …'))}", _near(fault, chance))


def _without_comment(fault: Fault, chance: random.Random) -> Told | None:
    code = re.split(r"\s+(?:#|//) ", fault.text)[0]
    if code == fault.text or len(code.strip()) < 12:
        return None
    return Told(code, _near(fault, chance))


def _escaped(fault: Fault, chance: random.Random) -> Told | None:
    """Escaped once more than it should be."""
    ways = [("<", "&lt;"), (">", "&gt;"), ("&", "&amp;"), ('"', '\\"'), ("\\", "\\\\")]
    ways = [way for way in ways if way[0] in fault.text]
    if not ways or len(fault.text.strip()) < 12:
        return None
    return Told(fault.text.replace(*chance.choice(ways)), _near(fault, chance))


def _other_quotes(fault: Fault, chance: random.Random) -> Told | None:
    text = fault.text.replace('"', "'") if '"' in fault.text else fault.text.replace("'", '"')
    if text == fault.text or len(text.strip()) < 12:
        return None
    return Told(text, _near(fault, chance))


def _typo(fault: Fault, chance: random.Random) -> Told | None:
    """One character more, less or other than there is."""
    text = fault.text.strip()
    if len(text) < 20:
        return None
    at = chance.randrange(1, len(text) - 1)
    change = chance.choice(("more", "less", "other", "swapped"))
    letter = chance.choice("aeinrst_")
    made = {
        "more": text[:at] + letter + text[at:],
        "less": text[:at] + text[at + 1 :],
        "other": text[:at] + letter + text[at + 1 :],
        "swapped": text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    }[change]
    if collapse(made) == collapse(text):
        return None
    return Told(made, _near(fault, chance))


def _unpunctuated(fault: Fault, chance: random.Random) -> Told | None:
    """Without what ends the line, and something else instead."""
    text = fault.text.strip()
    ends = text.rstrip(":;,{(")
    if ends == text or len(ends) < 12:
        return None
    return Told(ends + chance.choice(("", ";", " ...")), _near(fault, chance))


def _names_of_another(fault: Fault, chance: random.Random) -> Told | None:
    """A line that never stood there: this one with the names of others in it."""
    names = sorted({name for line in fault.lines for name in _NAME.findall(line)})
    used = _NAME.findall(fault.text)
    others = [name for name in names if name not in used]
    if len(used) < 2 or len(others) < 20:
        return None
    text = _NAME.sub(lambda _: chance.choice(others), fault.text)
    is_there = collapse(text) in {collapse(line) for line in fault.lines}
    return None if is_there else Told(text, fault.line)


def from_elsewhere(fault: Fault, other: Fault, chance: random.Random) -> Told | None:
    """The quote of another file's fault, where this file does not hold it."""
    quote = collapse(other.text)
    if other.path == fault.path or any(quote in collapse(line) for line in fault.lines):
        return None
    return Told(other.text, chance.randint(1, len(fault.lines)))


HOLDS: dict[str, Drift] = {
    "as it is": _as_it_is,
    "1 line off": _off(1),
    "up to 3 lines off": _off(3),
    "up to 30 lines off": _off(30),
    "anywhere, for lines that stand there once": _far,
    "without indentation": _unindented,
    "other indentation, blanks at the end": _reindented,
    "other blanks within": _other_blanks,
    "more lines than one": _several_lines,
    "a part: without the comment": _without_comment,
}
MISQUOTES: dict[str, Drift] = {
    "the number in front": _numbered,
    "the mark of a diff in front": _as_in_a_diff,
    "in backticks or a fence": _fenced,
    "cut off with an ellipsis": _cut,
    "escaped twice": _escaped,
    "other quotation marks": _other_quotes,
    "one character wrong": _typo,
    "another end": _unpunctuated,
}
INVENTED: dict[str, Drift] = {"the line with other names": _names_of_another}


def shuffled(found: list[Fault], seed: int) -> list[Fault]:
    """The faults in another order, for quotes from elsewhere."""
    others = list(found)
    random.Random(seed).shuffle(others)
    return others


def _git(repository: Path, *arguments: str) -> str:
    ran = subprocess.run(
        ["git", "-C", str(repository), *arguments], check=True, capture_output=True
    )
    return ran.stdout.decode("utf-8", "replace")
