"""`git_diff`: what differs between a revision and now, or between two revisions.

Both versions of a file pass the gate, secrets replaced, before they are compared: no hunk can show
half of a secret, and git itself compares nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kibitz.looking.answers import MAX_CHARACTERS
from kibitz.looking.arguments import Arguments, Unusable
from kibitz.looking.sight import Sight
from kibitz.plain_text import one_line
from kibitz_context import markup
from kibitz_context.gate import baseline
from kibitz_context.gate.baseline import Baseline, Sources
from kibitz_context.layers import changes
from kibitz_context.layers.changes import Listed
from kibitz_context.layers.diffs import unified_diff
from kibitz_context.tokens import CHARACTERS_PER_TOKEN
from kibitz_context.values import Omission, Refused

MAX_REVISION_CHARACTERS = 200
MAX_NAMED = 60
# What git takes for a revision, without the kinds that search in messages or name a file.
_REVISION = re.compile(r"(?!-)[^\s:?*\[\\]+")
_SEARCHES = re.compile(r"\^\{/|\^\{:|@\{.*[^\w/{}+-]")


def git_diff(sight: Sight, arguments: Arguments) -> str:
    repository = sight.repository
    _ = sight.git
    given = arguments.text("base") or "HEAD"
    place = sight.place(arguments.text("path"))
    old_name, dots, new_name = given.partition("..")
    if new_name.startswith("."):
        raise Unusable("base is one revision, or two as OLD..NEW with two dots.")
    names = [old_name or "HEAD", *([new_name or "HEAD"] if dots else [])]
    found = repository.commits([_revision(name) for name in names])
    for name, commit in zip(names, found, strict=True):
        if commit is None:
            raise Unusable(f"{one_line(name, 80)} is no commit, branch or tag here.")
    old = baseline.baseline(repository, found[0])
    if old.commit is None:
        raise Unusable(f"The files of {one_line(names[0], 80)} are not in this clone.")
    with baseline.opened(repository, sight.gate, sight.check) as sources:
        if dots:
            new = baseline.baseline(repository, found[1])
            entries, omitted = _between(sight, sources.at(old), sources.at(new), place)
        else:
            entries, omitted = _since(sight, sources.at(old), place)
    return _answer(given, place, entries, omitted)


def _revision(name: str) -> str:
    if (
        len(name) > MAX_REVISION_CHARACTERS
        or not _REVISION.fullmatch(name)
        or _SEARCHES.search(name)
    ):
        raise Unusable("base must be a commit, a branch or a tag, or two of them as OLD..NEW.")
    return name


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of the file at `path`, between tags."""

    path: str
    text: str


Differences = tuple[Sequence[Difference], Sequence[Omission]]


def _since(sight: Sight, sources: Sources, place: str) -> Differences:
    """What differs now from the base of `sources`."""
    repository, base = sight.repository, sources.base
    listing = changes.listed(repository, base.commit)
    hidden = changes.hidden(repository, base, listing)
    some = Listed(
        tuple(each for each in listing.changed if _is_at(each.path, place)),
        tuple(path for path in listing.untracked if _is_at(path, place)),
    )
    buffers = {path: text for path, text in sight.buffers.items() if _is_at(path, place)}
    budget = int(MAX_CHARACTERS / CHARACTERS_PER_TOKEN)
    found = changes.found(some, sources, buffers, hidden, budget)
    differences = [
        _difference(entry.path, sources.text(entry.path), found.texts[entry.path])
        for entry in found.entries
    ]
    return differences, found.omitted


def _difference(path: str, old: str | None, new: str | None) -> Difference:
    """What became of one file: None is a file that is not there."""
    if new is None:
        return Difference(path, markup.empty_element("deleted", path=path))
    if old is None:
        return Difference(path, markup.block("file", new, path=path, change="new"))
    text = unified_diff(old, new)
    return Difference(path, markup.block("diff", text, path=path, change="modified"))


def _between(sight: Sight, old: Sources, new: Sources, place: str) -> Differences:
    """What differs between two commits."""
    paths = [
        path
        for path in sorted(old.base.by_path.keys() | new.base.by_path.keys())
        if _is_at(path, place) and _blob(old.base, path) != _blob(new.base, path)
    ]
    # What git was since told to forget and to ignore is private now.
    hidden = sight.repository.ignored(paths)
    entries: list[Difference] = []
    omitted: list[Omission] = []
    room = MAX_CHARACTERS
    for path in paths:
        if path in hidden or not sight.may_name(path):
            continue
        if room <= 0:
            omitted.append(Omission(markup.printable(path), changes.OVER_BUDGET))
            continue
        texts: list[str | None] = []
        for sources in (old, new):
            file = sources.base.by_path.get(path)
            answer = sources.read(file) if file is not None else None
            if isinstance(answer, Refused):
                omitted.append(Omission(markup.printable(path), answer.reason))
                break
            texts.append(answer.text if answer is not None else None)
        if len(texts) == 2:
            before, after = texts
            entries.append(_difference(path, before, after))
            room -= len(entries[-1].text)
    return entries, omitted


def _answer(
    given: str,
    place: str,
    entries: Sequence[Difference],
    omitted: Sequence[Omission],
) -> str:
    left: Mapping[str, str] = {each.path: each.reason for each in omitted}
    parts: list[str] = []
    room = MAX_CHARACTERS
    for entry in entries:
        if len(entry.text) > room:
            left = {**left, markup.printable(entry.path): "it does not fit; ask for it by its path"}
            if place == entry.path:
                parts.append(_beginning(entry, room))
            continue
        parts.append(entry.text)
        room -= len(entry.text)
    if not parts and not left:
        where = f" in {place}" if place else ""
        return f"Nothing differs{where} by {one_line(given, 80)}.\n"
    named = [f"{markup.quoted(path)} ({reason})" for path, reason in left.items()]
    if named:
        more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
        parts.append(f"Not shown: {', '.join(named[:MAX_NAMED])}{more}.\n")
    return "".join(parts)


def _beginning(entry: Difference, room: int) -> str:
    """As much of one long difference as there is room for."""
    lines = entry.text[:room].rpartition("\n")[0]
    return markup.block("excerpt", lines, path=entry.path, cut="the rest does not fit")


def _blob(base: Baseline, path: str) -> str:
    file = base.by_path.get(path)
    return file.blob_id if file is not None else ""


def _is_at(path: str, place: str) -> bool:
    return not place or path == place or path.startswith(f"{place}/")
