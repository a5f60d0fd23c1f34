"""Cases for a review: changes of real code of which it is known what is wrong with them.

Three kinds.  A *mutation* puts a fault into a function, a *fix* takes back what somebody once
mended, and a *harmless* change has nothing wrong with it.  In each there are also rewritings that
change nothing, so that a finding in the wrong place can be told.  Files are read through the gate.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kibitz.evaluation import mutations
from kibitz.evaluation.mutations import Change
from kibitz_context import kinds
from kibitz_context.gate.commits import Commit
from kibitz_context.layers.change_set import Scope, ScopeProblem, change_set
from kibitz_context.lines import split_lines
from kibitz_context.texts.syntax_faults import syntax_faults
from kibitz_context.values import Allowed

if TYPE_CHECKING:
    from kibitz_context.files.repository import Repository
    from kibitz_context.gate.gate import Gate

Kind = Literal["mutation", "fix", "harmless"]

# Shorter files have little to err in; longer ones cost more than they tell.
LEAST_LINES, MOST_LINES = 40, 1_500
# How many rewritings that change nothing go with a fault.
DECOYS = 2
# A larger commit does more than mend one thing.
MOST_FIX_FILES, MOST_FIX_LINES = 2, 30

_TEST = re.compile(r"(?:^|/)(?:tests?|spec|testing|examples?|bench(?:marks)?|docs?)/|(?:^|/)test_"
                   r"|[._](?:test|spec)\.")  # fmt: skip
_MENDS = re.compile(
    r"\b(?:fix(?:e[sd])?|bug|regression|crash(?:es)?|wrong(?:ly)?|incorrect(?:ly)?|off.by.one|race|"
    r"leaks?|deadlock|broken|overflow|panics?)\b",
    re.IGNORECASE,
)
_ONLY_LOOKS = re.compile(
    r"\b(?:typos?|docs?|docstrings?|documentation|comments?|lint(?:er|ing)?|format(?:ting)?|tests?|"
    r"ci|changelog|readme|version|warnings?|types?|typing|mypy|clippy)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Place:
    """The lines `first` to `last`, from 1, of a file after the change."""

    path: str
    first: int
    last: int


@dataclass(frozen=True)
class Case:
    """A change to review on top of `commit`: `texts` are the files after it, by path.

    `faults` is where what is wrong with it stands, nothing for a harmless one.  `what` says it in
    a few words.
    """

    id: str
    kind: Kind
    commit: str
    texts: Mapping[str, str]
    faults: tuple[Place, ...]
    what: str


def reviewable(repository: Repository, gate: Gate) -> list[str]:
    """The source files that faults may be put into, sorted."""
    return sorted(each.path for each in repository.tracked() if _is_wanted(each.path, gate))


def mutated(
    paths: Sequence[str], gate: Gate, commit: str, chance: random.Random, *, faulty: bool
) -> Iterator[Case]:
    """Mutations, or unless `faulty` harmless changes, of one file after the other."""
    for path in paths:
        lines = _lines(path, gate)
        if not LEAST_LINES <= len(lines) <= MOST_LINES:
            continue
        fault: Change | None = None
        if faulty:
            fault = _one_that_parses(path, lines, list(mutations.faults(lines)), chance)
            if fault is None:
                continue
        decoys = _decoys(path, lines, fault, chance)
        if not faulty and not decoys:
            continue
        changes = [*decoys, *([fault] if fault is not None else [])]
        text = "".join(mutations.applied(lines, changes))
        where = () if fault is None else (Place(path, *mutations.place_after(fault, changes)),)
        kind: Kind = "mutation" if faulty else "harmless"
        line = changes[-1].start + 1
        what = fault.kind if fault is not None else "nothing wrong"
        yield Case(f"{kind} {path}:{line} {what}", kind, commit, {path: text}, where, what)


def fixes(log: Sequence[Commit], gate: Gate) -> list[Commit]:
    """Those commits that by their message and their files have mended one thing."""
    return [
        commit
        for commit in log
        if _MENDS.search(commit.summary)
        and not _ONLY_LOOKS.search(commit.summary)
        and 0 < len([path for path in commit.paths if _is_wanted(path, gate)]) <= MOST_FIX_FILES
    ]


def reverted(repository: Repository, gate: Gate, fix: Commit, chance: random.Random) -> Case | None:
    """What `fix`, which is checked out, would be if it were taken back; None where that is no
    small change of code that can be shown."""
    paths = [path for path in fix.paths if _is_wanted(path, gate)]
    try:
        (parent,) = repository.commits([f"{fix.id}^"])
        if parent is None:
            return None
        changes = change_set(repository, gate, Scope(fix.id, parent), paths)
    except ScopeProblem:
        return None
    n_lines = sum(end - start for file in changes.files for start, end in file.lines)
    has_secrets = any(file.text.secrets for file in changes.files)
    if not changes.files or has_secrets or n_lines > MOST_FIX_LINES:
        return None
    texts: dict[str, str] = {}
    faults: list[Place] = []
    for file in changes.files:
        lines = split_lines(file.text.text)
        if not LEAST_LINES <= len(lines) <= MOST_LINES:
            return None
        wrong = Change(file.lines[0][0], file.lines[-1][1], tuple(lines), "fix")
        # Rewritings keep the number of lines, so that what is wrong stays where it is.
        texts[file.path] = "".join(
            mutations.applied(lines, _decoys(file.path, lines, wrong, chance))
        )
        faults += [Place(file.path, start + 1, end) for start, end in file.lines]
    return Case(f"fix {fix.id[:12]}", "fix", fix.id, texts, tuple(faults), fix.summary)


def _is_wanted(path: str, gate: Gate) -> bool:
    return (
        kinds.is_source(path)
        and not _TEST.search(path)
        and kinds.unwanted_name(path) is None
        and gate.name_refusal(path) is None
    )


def _lines(path: str, gate: Gate) -> list[str]:
    """The lines of a file that may be sent and holds no secret; [] for any other."""
    answer = gate.read_listed(path)
    if not isinstance(answer, Allowed) or answer.secrets or kinds.unwanted_text(answer.text):
        return []
    return split_lines(answer.text)


def _one_that_parses(
    path: str, lines: Sequence[str], changes: list[Change], chance: random.Random
) -> Change | None:
    """One of `changes` after which no more of the file fails to parse than before."""
    before = syntax_faults(path, "".join(lines))
    if before is None:
        return None
    # By kind first: most files have many comparisons and one guard.
    by_kind = sorted({change.kind for change in changes})
    chance.shuffle(by_kind)
    for kind in by_kind:
        of_kind = [change for change in changes if change.kind == kind]
        change = chance.choice(of_kind)
        after = syntax_faults(path, "".join(mutations.applied(lines, [change])))
        if after is not None and after <= before:
            return change
    return None


def _decoys(
    path: str, lines: Sequence[str], fault: Change | None, chance: random.Random
) -> list[Change]:
    """Up to `DECOYS` rewritings that change nothing, apart from `fault` and from each other."""
    candidates = list(mutations.harmless(lines))
    chance.shuffle(candidates)
    chosen: list[Change] = []
    for change in candidates:
        others = [*chosen, *([fault] if fault is not None else [])]
        if len(chosen) == DECOYS:
            break
        if all(mutations.are_apart(change, other) for other in others) and (
            _one_that_parses(path, lines, [change], chance) is not None
        ):
            chosen.append(change)
    return chosen
