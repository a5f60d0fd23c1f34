"""A set of changes: which files it touches, what they hold after it, and which lines are new.

Both versions of a file pass the gate, secrets replaced, before they are compared: no diff can show
half of a secret, and git itself compares nothing.  What the changes are wanted for is not known
here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kibitz_context import kinds, markup
from kibitz_context.files.repository import Repository
from kibitz_context.gate.baseline import Baseline, Sources, baseline, opened
from kibitz_context.gate.gate import Gate
from kibitz_context.layers.changes import hidden, listed
from kibitz_context.layers.diffs import unified_diff
from kibitz_context.lines import line_change_between, split_lines
from kibitz_context.values import Allowed, Omission, Refused

# `difflib` is quadratic in what differs: beyond this all lines between the first and the last
# difference count as changed.
MAX_COMPARED_LINES = 4_000
MAX_REVISION_CHARACTERS = 200

DELETED = "it is deleted"
EMPTY = "it is empty"
UNTOUCHED = "no line of it differs"

# What git takes for a revision, without the kinds that search in messages or name a file.
_REVISION = re.compile(r"(?!-)[^\s:?*\[\\]+")
_SEARCHES = re.compile(r"\^\{/|\^\{:|@\{.*[^\w/{}+-]")


class ScopeProblem(Exception):
    """There is no such set of changes; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Scope:
    """From where to where: `old` is a commit, None for a repository without any; `new` is a
    commit, "index" for what is staged or "now" for the work tree with what git does not track
    yet."""

    old: str | None
    new: str


@dataclass(frozen=True, slots=True)
class ChangedFile:
    r"""A file after the changes.

    `text` is what may be sent of it, with ``\n`` line endings.  `lines` are the lines
    ``[start, end)``, from 0, that are new or stand right beside removed ones; `diff` tells the
    change, "" for a file that is new as a whole.
    """

    path: str
    text: Allowed
    lines: tuple[tuple[int, int], ...]
    diff: str


@dataclass(frozen=True)
class ChangeSet:
    """The files to look at, by path, and those that are not, with the reason."""

    files: tuple[ChangedFile, ...]
    omitted: tuple[Omission, ...]


def scope_of(repository: Repository, revisions: str) -> Scope:
    """The scope that `revisions` name; "" is what is not committed.  Runs git.

    ``REV`` is what was done since the work at hand branched off it, ``OLD..NEW`` what differs
    between two commits, ``OLD...NEW`` what NEW has added since it branched off OLD, and ``REV^!``
    what one commit did.  Raises ScopeProblem.
    """
    if not revisions:
        return Scope(repository.head(), "now")
    if revisions.endswith("^!"):
        (commit,) = _commits(repository, [revisions[:-2]])
        return Scope(repository.commits([f"{commit}^"])[0], commit)
    old_name, dots, new_name = revisions.partition("..")
    if not dots:
        head = repository.head()
        (old,) = _commits(repository, [old_name])
        return Scope(_branching(repository, old, head, old_name) if head else old, "now")
    is_branch = new_name.startswith(".")
    old, new = _commits(repository, [old_name or "HEAD", new_name.removeprefix(".") or "HEAD"])
    return Scope(_branching(repository, old, new, old_name) if is_branch else old, new)


def _commits(repository: Repository, names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if (
            len(name) > MAX_REVISION_CHARACTERS
            or not _REVISION.fullmatch(name)
            or _SEARCHES.search(name)
            or ".." in name
        ):
            raise ScopeProblem(
                f"{markup.printable(name[:80])!r} is no revision; name a commit, a branch or a "
                "tag, or two of them as OLD..NEW."
            )
    found: list[str] = []
    for name, commit in zip(names, repository.commits(names), strict=True):
        if commit is None:
            raise ScopeProblem(f"{markup.printable(name)} is no commit, branch or tag here.")
        found.append(commit)
    return tuple(found)


def _branching(repository: Repository, old: str, new: str, name: str) -> str:
    commit = repository.merge_base(old, new)
    if commit is None:
        raise ScopeProblem(
            f"{markup.printable(name)} has no ancestor in common with the work at hand; in a "
            "shallow clone fetch more of the history."
        )
    return commit


def change_set(
    repository: Repository,
    gate: Gate,
    scope: Scope,
    under: Sequence[str] = (),
    buffers: Mapping[str, str] | None = None,
) -> ChangeSet:
    """The changes of `scope` at or below the paths `under` (all of them where that is empty).

    `buffers` are the texts of open documents by path, which win over the disk.
    Generated and vendored files are left out unless they are named.  Raises ScopeProblem for a
    commit whose files are not in this clone.
    """
    old = _base(repository, scope.old)
    files: list[ChangedFile] = []
    omitted: list[Omission] = []
    with opened(repository, gate, lambda: None) as sources:
        before = sources.at(old)
        for path, answer in _after(repository, before, scope, tuple(under), buffers or {}):
            if answer is None:
                omitted.append(Omission(path, DELETED))
                continue
            is_named = path in under or gate.names_explicitly(path)
            reason = None if is_named else _unwanted(gate, path, answer)
            if isinstance(answer, Refused):
                reason = answer.reason
            elif reason is None:
                found = _changed(path, before.text(path), answer)
                if isinstance(found, ChangedFile):
                    files.append(found)
                    continue
                reason = found
            if reason != UNTOUCHED:
                omitted.append(Omission(path, reason or EMPTY))
    return ChangeSet(tuple(files), tuple(omitted))


def _base(repository: Repository, commit: str | None) -> Baseline:
    if commit is None:
        return Baseline(None, ())
    found = baseline(repository, commit)
    if found.commit is None:
        raise ScopeProblem(f"The files of {commit[:12]} are not in this clone; fetch them first.")
    return found


def _after(
    repository: Repository,
    before: Sources,
    scope: Scope,
    under: tuple[str, ...],
    buffers: Mapping[str, str],
) -> list[tuple[str, Allowed | Refused | None]]:
    """Every path that the scope touches, sorted, with its text after it; None where it is gone."""
    old, gate = before.base, before.gate
    if scope.new == "now":
        if old.commit is None:
            here = baseline(repository, None).by_path
            return [(path, gate.read_listed(path)) for path in here if _is_at(path, under)]
        listing = listed(repository, old.commit)
        private = hidden(repository, old, listing)
        found: dict[str, Allowed | Refused | None] = {}
        for each in listing.changed:
            if _is_at(each.path, under) and each.path not in private:
                gone = each.kind == "deleted"
                found[each.path] = None if gone else gate.read_listed(each.path)
        for path in listing.untracked:
            if _is_at(path, under):
                found[path] = gate.read_listed(path)
        for path, text in buffers.items():
            answer = gate.admit(path, text)
            if _is_at(path, under) and isinstance(answer, Allowed):
                found[path] = answer
        return sorted(found.items())
    if scope.new == "index":
        new = {file.path: file.blob_id for file in repository.tracked()}
    else:
        new = {file.path: file.blob_id for file in _base(repository, scope.new).files}
    blobs = {file.path: file.blob_id for file in old.files}
    touched = [
        path
        for path in sorted(blobs.keys() | new.keys())
        if blobs.get(path) != new.get(path) and _is_at(path, under)
    ]
    # What git was since told to forget and to ignore is private now.
    ignored = repository.ignored(touched)
    return [
        (path, before.read_blob(path, new[path]) if path in new else None)
        for path in touched
        if path not in ignored
    ]


def _unwanted(gate: Gate, path: str, answer: Allowed | Refused) -> str | None:
    if not gate.includes(path):
        return "it is not in context.include"
    reason = kinds.unwanted_name(path)
    if reason is None and isinstance(answer, Allowed):
        reason = kinds.unwanted_text(answer.text)
    return reason


def _changed(path: str, old: str | None, answer: Allowed) -> ChangedFile | str:
    """The file as it is after the change, or why it is not worth a look."""
    text = markup.with_line_feeds(answer.text)
    if not text.strip():
        return EMPTY
    allowed = Allowed(text, answer.secrets)
    if old is None:
        return ChangedFile(path, allowed, ((0, len(split_lines(text))),), "")
    lines = changed_lines(old, text)
    return ChangedFile(path, allowed, lines, unified_diff(old, text)) if lines else UNTOUCHED


def changed_lines(old: str, new: str) -> tuple[tuple[int, int], ...]:
    """The lines ``[start, end)`` of `new`, from 0, that differ from `old`.

    Where lines were only removed, those on both sides of the gap stand for them.
    """
    old_lines, new_lines = split_lines(old), split_lines(new)
    change = line_change_between(old_lines, new_lines)
    if not change.removed and not change.added:
        return ()
    if max(change.removed, change.added) > MAX_COMPARED_LINES:
        found = [(change.first, change.first + change.added)]
    else:
        matcher = difflib.SequenceMatcher(
            None,
            old_lines[change.first : change.first + change.removed],
            new_lines[change.first : change.first + change.added],
            autojunk=False,
        )
        found = [
            (change.first + start, change.first + end)
            for tag, _, _, start, end in matcher.get_opcodes()
            if tag != "equal"
        ]
    merged: list[tuple[int, int]] = []
    for first, last in found:
        is_gap = first == last
        start = max(0, first - 1) if is_gap else first
        end = min(len(new_lines), last + 1) if is_gap else last
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return tuple(merged)


def _is_at(path: str, under: tuple[str, ...]) -> bool:
    return not under or any(path == each or path.startswith(f"{each}/") for each in under)
