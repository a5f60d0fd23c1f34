"""What differs now from the snapshot's commit: each changed file, and the entry that tells it.

An entry holds the whole new text of a file, or a hunk of its diff where that is shorter as a
whole; both versions have passed the gate before they are compared, so that a diff cannot show half
of a secret.  Which entries are sent, and where, is not known here.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from kibitz_context import kinds, markup
from kibitz_context.files.repository import ChangedPath, ChangeKind, Repository
from kibitz_context.gate.baseline import Baseline, Sources
from kibitz_context.gate.gate import Gate
from kibitz_context.layers.diffs import Hunk, heading, hunks
from kibitz_context.layers.log import AS_IN_SNAPSHOT, Entry, against, tags_tokens
from kibitz_context.lines import split_lines
from kibitz_context.remembered import Remembered
from kibitz_context.tokens import estimate
from kibitz_context.values import Allowed, Omission, Place, Refused

# What changes may take of the tokens that the snapshot may; where that is small or switched off
# (0 tokens), work at hand is still shown.  Larger: longer prompts, and less room for the task
# where they are bounded.  Smaller: a branch of another base cannot be told as changes, and each
# switch is a new snapshot.  Figures: decision 0007.
CHANGES_SHARE = 0.5
LEAST_CHANGES_TOKENS = 8_000

# A new file that is not added yet is what its author works on; a large one, or the hundredth,
# is data that nobody thought of ignoring.
MAX_UNTRACKED_BYTES = 32 * 1024
MAX_UNTRACKED_FILES = 100

# Every hunk says what it stands in, and which lines it is about: more of what is around it is what
# the repository above shows already.  Figures: decision 0007.
HUNK_CONTEXT_LINES = 1

# What has become of a file since it was told as a whole may be so much of it, before it is told
# anew.  Lower: more is written; higher: a text has to be read together with many hunks of it.
# Figures: decision 0007.
RETOLD_SHARE = 0.5

OVER_BUDGET = "it is over the budget for changes"
# Of a change of thousands of files no more is read than so many times what can be shown: entries
# that do not fit may stand before others that do.
MOST_READ = 4

# What is made again for each request as long as a file stays as it is.
MAX_REMEMBERED_FILES = 500
MAX_REMEMBERED_CHARACTERS = 64 * 1024
MAX_REMEMBERED_RETOLD = 100


def changes_budget(max_tokens: int) -> int:
    """How many tokens the changes may be where the snapshot may be `max_tokens`."""
    return max(LEAST_CHANGES_TOKENS, int(max_tokens * CHANGES_SHARE))


@dataclass(frozen=True, slots=True)
class Now:
    """The text of a file as it is now (gated, with line feeds), or why there is none.

    `text` is None for a file that is gone.
    """

    path: str
    kind: ChangeKind
    text: str | None


@dataclass(frozen=True)
class Changes:
    """What differs: entries, the most likely to matter first; the current text of every file that
    differs by path, None for one that is gone or was not read; what is not told, and why.
    """

    entries: tuple[Entry, ...]
    texts: Mapping[str, str | None]
    omitted: tuple[Omission, ...]


@dataclass(frozen=True)
class Listed:
    """What git lists as different from the commit: tracked paths, and those that are not."""

    changed: tuple[ChangedPath, ...] = ()
    untracked: tuple[str, ...] = ()

    @property
    def forgotten(self) -> frozenset[str]:
        """Paths of the commit that git does not track any more, or that are gone."""
        return frozenset(each.path for each in self.changed if each.kind == "deleted")


def listed(repository: Repository, commit: str | None) -> Listed:
    """Ask git; a folder without commits does not differ from itself."""
    if commit is None:
        return Listed()
    return Listed(repository.changed_paths(commit), repository.untracked())


def listed_since(earlier: Baseline, now: Baseline) -> Listed:
    """What may differ in a folder from an earlier moment.

    Files whose text was kept are compared, of the others size and identity are looked at.
    """
    texts = earlier.texts or {}
    changed = [
        ChangedPath(path, "modified" if path in now.by_path else "deleted")
        for path, file in earlier.by_path.items()
        if path in texts or file != now.by_path.get(path)
    ]
    new = [path for path in now.by_path if path not in earlier.by_path]
    return Listed(tuple(changed), tuple(new[:MAX_UNTRACKED_FILES]))


@dataclass
class _Room:
    """What may still be read, in tokens of entries."""

    tokens: int


def hidden(repository: Repository, base: Baseline, listing: Listed) -> frozenset[str]:
    """Files of the commit that git has since been told to forget and to ignore: private now.

    Git ignores no file that it tracks: so it is the same to ask of those that are gone from the
    disk as well, or only of those that git was told to forget (`Repository.forgotten`).
    """
    return repository.ignored(sorted(listing.forgotten)) if base.commit else frozenset()


def found(
    listing: Listed,
    sources: Sources,
    overlays: Mapping[str, str],
    hidden: frozenset[str],
    budget_tokens: int,
) -> Changes:
    """Every file that differs from the base now, but for those at the paths `hidden`.

    Files are read as long as there is any hope of showing them in `budget_tokens`.
    """
    gate, base = sources.gate, sources.base
    entries: list[Entry] = []
    texts: dict[str, str | None] = {}
    omitted: list[Omission] = []
    room = _Room(MOST_READ * budget_tokens)
    for now in _candidates(listing, sources, overlays, room):
        if now.path in hidden:
            continue
        if isinstance(now, Omission):
            if now.reason == OVER_BUDGET:
                texts[now.path] = None
            omitted.append(Omission(markup.printable(now.path), now.reason))
            continue
        if now.text is None:
            old = None
            if now.path not in base.by_path:
                continue
        elif (old := sources.text(now.path)) == now.text:
            continue
        texts[now.path] = now.text
        if reason := gate.name_refusal(now.path) or _unwanted(now, gate):
            omitted.append(Omission(markup.printable(now.path), reason))
            continue
        told = entries_of(now, old)
        entries += told
        room.tokens -= sum(entry.tokens for entry in told)
    return Changes(tuple(entries), texts, tuple(omitted))


def as_in_snapshot(place: Place, in_base: bool) -> Entry:
    """The entry that takes back what was told of `place`: it is as the base has it, or gone; lines
    of a file that was told as a whole are as it was told."""
    tag = "restored" if in_base or place.since_told else "deleted"
    return _named(tag, place, AS_IN_SNAPSHOT)


def not_shown(place: Place) -> Entry:
    """The entry of a place of which it can only be said that it has changed."""
    return _named("not-shown", place, "not shown")


def _named(tag: str, place: Place, state: str) -> Entry:
    """An entry that shows no text."""
    lines = {"lines": place.numbers} if place.numbers else {}
    element = markup.empty_element(tag, path=place.path, **lines, **against(place))
    return Entry(place, state, element, "name", estimate(element))


def _candidates(
    listing: Listed,
    sources: Sources,
    overlays: Mapping[str, str],
    room: _Room,
) -> Iterator[Now | Omission]:
    """Every file that may differ from the base, as it is now; most likely to matter first.

    Unsaved buffers come before what is on the disk and win over it.  Then come tracked files
    that are changed, and last those that are not tracked yet: small text only (see
    `MAX_UNTRACKED_BYTES`), since a new module belongs to the work at hand, while a large
    untracked file is an artefact.
    """
    gate, base, check = sources.gate, sources.base, sources.check
    for path in sorted(overlays):
        check()
        answer = gate.admit(None, overlays[path])
        if isinstance(answer, Refused):
            yield Omission(path, answer.reason)
        else:
            kind: ChangeKind = "modified" if path in base.by_path else "untracked"
            yield Now(path, kind, markup.with_line_feeds(answer.text))
    done = set(overlays)
    untracked = frozenset(listing.untracked)
    for changed in listing.changed:
        # What git was told to forget but is still there is listed once more, as untracked.
        if changed.path not in done and changed.path not in untracked:
            check()
            done.add(changed.path)
            if room.tokens > 0 or changed.kind == "deleted":
                yield _on_disk(sources, changed)
            else:
                yield Omission(changed.path, gate.name_refusal(changed.path) or OVER_BUDGET)
    new = [path for path in listing.untracked if path not in done]
    for path in new[:MAX_UNTRACKED_FILES]:
        check()
        if kinds.unwanted_name(path) is None and _is_small(gate, path):
            answer_now = _on_disk(sources, ChangedPath(path, "untracked"))
            # Untracked files that are no text are listed nowhere: nobody claimed them.
            if isinstance(answer_now, Now) and answer_now.text is not None:
                yield answer_now


def _on_disk(sources: Sources, changed: ChangedPath) -> Now | Omission:
    gate, path = sources.gate, changed.path
    answer: Allowed | Refused | None = None
    try:
        mode = os.lstat(gate.root / path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        # A sparse checkout leaves files out that are tracked all the same.
        if changed.blob_id and changed.kind != "deleted":
            answer = sources.read_blob(path, changed.blob_id)
    except (OSError, ValueError):
        return Omission(path, "it cannot be read")
    else:
        if stat.S_ISLNK(mode):
            return Omission(path, "it is a symbolic link")
        if changed.kind != "deleted":
            answer = gate.read_listed(path)
    if isinstance(answer, Allowed):
        return Now(path, changed.kind, markup.with_line_feeds(answer.text))
    reason = answer.reason if answer is not None else gate.name_refusal(path)
    return Omission(path, reason) if reason else Now(path, "deleted", None)


def _is_small(gate: Gate, path: str) -> bool:
    try:
        return os.lstat(gate.root / path).st_size <= MAX_UNTRACKED_BYTES
    except (OSError, ValueError):
        return False


def _unwanted(now: Now, gate: Gate) -> str | None:
    if gate.names_explicitly(now.path):
        return None
    if not gate.includes(now.path):
        return "it is not in context.include"
    return kinds.unwanted_name(now.path) or (kinds.unwanted_text(now.text) if now.text else None)


def entries_of(now: Now, old: str | None) -> tuple[Entry, ...]:
    """What is told of a file whose base text is `old`, None for none; remembered, since most files
    stay as they are for a while."""
    change = _change(now)
    state = _digest(f"{change}\0{now.text}")
    key = (now.path, state, _digest(old) if old is not None else "")
    known = _remembered.get(key)
    if known is not None:
        return known
    entries = _told(now, change, old)
    if sum(len(entry.text) for entry in entries) <= MAX_REMEMBERED_CHARACTERS:
        _remembered.put(key, entries)
    return entries


_remembered: Remembered[tuple[str, str, str], tuple[Entry, ...]] = Remembered(MAX_REMEMBERED_FILES)


def _change(now: Now) -> str:
    if now.text is None:
        return "deleted"
    if _has_conflict(now.text):
        return "conflicted"
    return "new" if now.kind in ("untracked", "added") else "modified"


def _has_conflict(text: str) -> bool:
    """Whether `text` has the marks that git leaves where a merge failed.

    Told from the text: git's index knows of files only, not of buffers, and is slower to ask.
    """
    opened = 0 if text.startswith("<<<<<<<") else text.find("\n<<<<<<<")
    parted = text.find("\n=======\n", opened + 1) if opened >= 0 else -1
    return parted >= 0 and text.find("\n>>>>>>>", parted + 1) >= 0


def _told(now: Now, change: str, old: str | None) -> tuple[Entry, ...]:
    """One entry for the file as a whole, or one for each hunk, whichever is shorter in all."""
    place = Place(now.path)
    if now.text is None:
        return (replace(_named("deleted", place, _digest(change)), form="excerpt"),)
    element = markup.block("file", now.text, path=now.path, change=change)
    whole = Entry(place, _digest(f"{change}\0{now.text}"), element, "full", estimate(element))
    if old is None:
        return (whole,)
    told = _hunk_entries(now.path, change, old, now.text)
    return told if told and sum(len(entry.text) for entry in told) < len(now.text) else (whole,)


@lru_cache(maxsize=MAX_REMEMBERED_RETOLD)
def since_told(whole: Entry, told: str) -> tuple[Entry, ...] | None:
    """What has become of a file since the log told it as the text `told`; `whole` is the entry
    that would tell it anew, which is the better one where this gives None.

    A last line without a line feed is told like one with it, and not told apart here.
    """
    start, end = markup.inside(whole.text)
    now = whole.text[start:end]
    if now == told:
        return ()
    change = "conflicted" if _has_conflict(now) else "modified"
    entries = _hunk_entries(whole.path, change, told, now, since_told=True)
    tokens = sum(entry.tokens for entry in entries)
    return entries if entries and tokens < RETOLD_SHARE * whole.tokens else None


def _hunk_entries(
    path: str, change: str, old: str, new: str, *, since_told: bool = False
) -> tuple[Entry, ...]:
    """An entry for each hunk; none where a hunk of no lines is among them, which would have none
    in common with a later one: then nothing was there."""
    found = hunks(old, new, HUNK_CONTEXT_LINES)
    if any(hunk.first == hunk.end for hunk in found):
        return ()
    old_lines = split_lines(old)
    return tuple(
        _hunk_entry(Place(path, (hunk.first, hunk.end), since_told), change, hunk, old_lines)
        for hunk in found
    )


def _hunk_entry(place: Place, change: str, hunk: Hunk, old_lines: Sequence[str]) -> Entry:
    """A hunk does not number the lines of the new text, which others move."""
    within = heading(old_lines, hunk.first, hunk.end)
    header = f"@@ {place.numbers} @@ {within}".rstrip()
    text = f"{header}\n{hunk.text}"
    tokens = estimate(text) + tags_tokens(place, change)
    return Entry(place, _digest(f"{change}\0{text}"), text, "excerpt", tokens, change)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
