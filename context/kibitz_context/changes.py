"""The changes layer: what differs now from the snapshot's commit, unsaved buffers included.

Per file the whole new text or a diff, whichever is shorter; both versions have passed the gate
before they are compared, so that a diff cannot show half of a secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kibitz_context import kinds, layers
from kibitz_context.baseline import Sources
from kibitz_context.gate import Gate
from kibitz_context.lines import line_change_between, split_lines
from kibitz_context.repository import ChangedPath, ChangeKind, Repository
from kibitz_context.tokens import characters, estimate
from kibitz_context.values import FileUse, Layer, Omission, Refused

# A new file that is not added yet is what its author works on; a large one, or the hundredth,
# is data that nobody thought of ignoring.
MAX_UNTRACKED_BYTES = 32 * 1024
MAX_UNTRACKED_FILES = 100

# `difflib` is quadratic in what differs: beyond this the differing lines are given as one block.
_MAX_COMPARED_LINES = 2_000
_CONTEXT_LINES = 3

OVER_BUDGET = "it is over the budget for changes"

_INTRODUCTION = "Files that differ from the repository above, as they are now:\n"


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
    """The layer; the current texts that it speaks of, by path; those it shows in full."""

    layer: Layer
    texts: Mapping[str, str | None]
    whole: frozenset[str]
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


def candidates(
    listing: Listed, sources: Sources, overlays: Mapping[str, str]
) -> Iterator[Now | Omission]:
    """Every file that may differ from `base`, as it is now; most likely to matter first.

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
            yield Now(path, kind, layers.with_line_feeds(answer.text))
    done = set(overlays)
    for changed in listing.changed:
        # What git was told to forget but is still there is listed once more, as untracked.
        if changed.path not in done and changed.path not in listing.untracked:
            check()
            done.add(changed.path)
            yield _on_disk(gate, changed.path, changed.kind)
    new = [path for path in listing.untracked if path not in done]
    for path in new[:MAX_UNTRACKED_FILES]:
        check()
        if kinds.unwanted_name(path) is None and _is_small(gate.root / path):
            found = _on_disk(gate, path, "untracked")
            # Untracked files that are no text are listed nowhere: nobody claimed them.
            if isinstance(found, Now) and found.text is not None:
                yield found


def _on_disk(gate: Gate, path: str, kind: ChangeKind) -> Now | Omission:
    file = gate.root / path
    if file.is_symlink():
        return Omission(path, "it is a symbolic link")
    if kind == "deleted" or not file.exists():
        reason = gate.name_refusal(path)
        return Omission(path, reason) if reason else Now(path, "deleted", None)
    answer = gate.read_listed(path)
    if isinstance(answer, Refused):
        return Omission(path, answer.reason)
    return Now(path, kind, layers.with_line_feeds(answer.text))


def _is_small(path: Path) -> bool:
    try:
        return path.lstat().st_size <= MAX_UNTRACKED_BYTES
    except OSError:
        return False


def build(found: Sequence[Now | Omission], sources: Sources, max_tokens: int) -> Changes:
    """The changes layer from what `candidates` yielded, in that order while there is room.

    In the layer the files stand sorted by path, so that equal changes are equal bytes.
    """
    gate = sources.gate
    room = characters(max_tokens) - len(layers.section("changes", [_INTRODUCTION]))
    blocks: dict[str, str] = {}
    uses: list[FileUse] = []
    whole: set[str] = set()
    omitted = [each for each in found if isinstance(each, Omission)]
    current: dict[str, str | None] = {}
    for now in found:
        if isinstance(now, Omission):
            continue
        old = sources.text(now.path)
        if old == now.text:
            continue
        current[now.path] = now.text
        if reason := gate.name_refusal(now.path) or _unwanted(now, gate):
            omitted.append(Omission(now.path, reason))
            continue
        form, block = _block(now, old)
        if len(block) > room:
            omitted.append(Omission(now.path, OVER_BUDGET))
            continue
        room -= len(block)
        blocks[now.path] = block
        uses.append(FileUse(now.path, estimate(block), "full" if form == "file" else "excerpt"))
        if form == "file":
            whole.add(now.path)
    body = [_INTRODUCTION, *(blocks[path] for path in sorted(blocks))] if blocks else []
    return Changes(
        layers.layer(
            "changes", layers.section("changes", body), sorted(uses, key=lambda use: use.path)
        ),
        current,
        frozenset(whole),
        tuple(omitted),
    )


def _unwanted(now: Now, gate: Gate) -> str | None:
    if gate.names_explicitly(now.path):
        return None
    if not gate.includes(now.path):
        return "it is not in context.include"
    return kinds.unwanted_name(now.path) or (kinds.unwanted_text(now.text) if now.text else None)


def _block(now: Now, old: str | None) -> tuple[str, str]:
    """The tag and the block of one change."""
    if now.text is None:
        return "deleted", layers.empty_element("deleted", path=now.path)
    kind = {"untracked": "new", "added": "new"}.get(now.kind, now.kind)
    full = layers.block("file", now.text, path=now.path, change=kind)
    if old is None:
        return "file", full
    diff = layers.block("diff", unified_diff(old, now.text), path=now.path, change=kind)
    return ("diff", diff) if len(diff) < len(full) else ("file", full)


def unified_diff(old: str, new: str) -> str:
    r"""A unified diff without file names; both texts have ``\n`` line endings."""
    old_lines, new_lines = split_lines(old), split_lines(new)
    change = line_change_between(old_lines, new_lines)
    if max(change.removed, change.added) > _MAX_COMPARED_LINES:
        return _one_hunk(old_lines, new_lines, change.first, change.removed, change.added)
    # What is equal at both ends need not be compared, but a few lines of it are shown.
    first = max(0, change.first - _CONTEXT_LINES)
    old_end = min(len(old_lines), change.first + change.removed + _CONTEXT_LINES)
    new_end = min(len(new_lines), change.first + change.added + _CONTEXT_LINES)
    matcher = difflib.SequenceMatcher(
        None, old_lines[first:old_end], new_lines[first:new_end], autojunk=False
    )
    parts: list[str] = []
    for group in matcher.get_grouped_opcodes(_CONTEXT_LINES):
        _, old_from, _, new_from, _ = group[0]
        _, _, old_to, _, new_to = group[-1]
        parts.append(_header(first + old_from, first + old_to, first + new_from, first + new_to))
        for tag, old_start, old_stop, new_start, new_stop in group:
            if tag == "equal":
                parts += _marked(" ", old_lines[first + old_start : first + old_stop])
            else:
                parts += _marked("-", old_lines[first + old_start : first + old_stop])
                parts += _marked("+", new_lines[first + new_start : first + new_stop])
    return "".join(parts)


def _one_hunk(
    old_lines: list[str], new_lines: list[str], first: int, removed: int, added: int
) -> str:
    return "".join(
        [
            _header(first, first + removed, first, first + added),
            *_marked("-", old_lines[first : first + removed]),
            *_marked("+", new_lines[first : first + added]),
        ]
    )


def _header(old_start: int, old_end: int, new_start: int, new_end: int) -> str:
    return f"@@ -{_range(old_start, old_end)} +{_range(new_start, new_end)} @@\n"


def _range(start: int, end: int) -> str:
    """A range of lines as diffs write it: from 1, an empty one names the line before it."""
    length = end - start
    return f"{start if length == 0 else start + 1},{length}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield (
            f"{mark}{line}"
            if line.endswith("\n")
            else f"{mark}{line}\n\\ No newline at end of file\n"
        )
