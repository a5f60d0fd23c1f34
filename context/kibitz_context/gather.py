"""What Claude is shown for one request: the façade of this package.

`gather` may run in any thread and several times at once: it is given frozen values only, and
what it remembers between calls is keyed by content.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Set
from pathlib import Path

from kibitz_context import changes, layers, related, snapshot
from kibitz_context.baseline import Sources, baseline, opened
from kibitz_context.changes import Changes
from kibitz_context.gate import Gate
from kibitz_context.lines import Span
from kibitz_context.outline import definitions
from kibitz_context.prefix import PrefixRequest
from kibitz_context.repository import Repository
from kibitz_context.snapshot import Snapshot
from kibitz_context.tokens import characters, estimate
from kibitz_context.values import Allowed, Context, FileUse, Focus, Layer, Omission

__all__ = ["Focus", "GatherStopped", "PrefixRequest", "gather"]

# Shares of the snapshot's tokens, which are the measure of what a request may be; each layer
# has its own, so that a full snapshot does not silence what is being worked on.
CHANGES_SHARE = 0.25
FOCUS_SHARE = 0.5
RELATED_SHARE = 0.1
# Where the snapshot is small or switched off (0 tokens), work at hand is still shown.
LEAST_CHANGES_TOKENS = 8_000
LEAST_FOCUS_TOKENS = 16_000
LEAST_RELATED_TOKENS = 2_000

MAX_REMEMBERED_SNAPSHOTS = 6


class GatherStopped(Exception):
    """The caller's `should_stop` said so; half a context is none."""


def gather(
    repository: Repository,
    gate: Gate,
    *,
    max_tokens: int,
    focus: Focus | None = None,
    overlays: Mapping[Path, str] | None = None,
    question: str = "",
    should_stop: Callable[[], bool] | None = None,
    cache: Path | None = None,  # noqa: ARG001
    prefix: PrefixRequest | None = None,  # noqa: ARG001
) -> Context:
    """The layers for a request about `focus`, or about the whole repository.

    `max_tokens` bounds the snapshot.  `overlays` are the unsaved buffers by path: they win over
    the disk.  The focus is always to be seen: in the snapshot where its text is the commit's,
    among the changes, or else in the task, whole or the part round its span.  Raises
    GatherStopped when `should_stop` answers true, and nothing else for what a repository holds.
    """

    def check() -> None:
        if should_stop is not None and should_stop():
            raise GatherStopped

    check()
    base = baseline(repository)
    listed = changes.listed(repository, base.commit)
    # Files of the commit that git has since been told to forget and to ignore: private now.
    hidden = repository.ignored(sorted(listed.forgotten)) if base.commit else frozenset[str]()
    omitted: dict[str, str] = {}
    tracked = base.by_path.keys() - listed.forgotten if base.commit else frozenset[str]()
    buffers = _buffers(repository, gate, tracked, overlays or {}, focus, omitted)
    with opened(repository, gate, base, check) as sources:
        shown = _snapshot(sources, hidden, max_tokens)
        found = changes.candidates(listed, sources, buffers)
        changed = changes.build(
            [each for each in found if each.path not in hidden],
            sources,
            max(LEAST_CHANGES_TOKENS, int(max_tokens * CHANGES_SHARE)),
        )
        task = _task(sources, shown, changed, focus, question, max_tokens)
    for omission in (*shown.omitted, *changed.omitted):
        omitted[omission.path] = omission.reason
    for use in (*changed.layer.files, *task.files):
        if use.form == "full":
            omitted.pop(use.path, None)
    return Context(
        repository.root,
        base.commit,
        shown.layer,
        changed.layer,
        task,
        tuple(Omission(path, omitted[path]) for path in sorted(omitted)),
    )


def _buffers(
    repository: Repository,
    gate: Gate,
    tracked: Set[str],
    overlays: Mapping[Path, str],
    focus: Focus | None,
    omitted: dict[str, str],
) -> dict[str, str]:
    """The texts that win over the disk, by relative path, as far as their paths are allowed.

    Buffers of files elsewhere are none of this repository's business; ignored ones are not
    listed either, since nobody lists ignored files.
    """
    texts: dict[str, str] = {}
    for path, text in overlays.items():
        relative = gate.relative(path)
        if relative is None or (repository.only is not None and relative != repository.only):
            continue
        texts[relative] = text
    if focus is not None:
        texts[focus.path] = focus.text
    allowed: dict[str, str] = {}
    for name, text in texts.items():
        # A tracked file is never ignored; git is asked about the few others.
        reason = gate.name_refusal(name) if name in tracked else gate.refusal(name)
        if reason is None:
            allowed[name] = text
        elif reason != "it is ignored by git" or (focus is not None and name == focus.path):
            omitted[name] = reason
    return allowed


def _snapshot(sources: Sources, hidden: frozenset[str], max_tokens: int) -> Snapshot:
    """The snapshot layer, remembered for a commit; a folder's is made anew each time."""
    root, base = sources.repository.root, sources.base
    key = (root, base.commit, hidden, max_tokens, sources.gate.signature(base.folders))
    if base.commit is None:
        return snapshot.build(sources, hidden, max_tokens)
    with _lock:
        known = _remembered.get(key)
        if known is not None:
            _remembered.move_to_end(key)
            return known
    built = snapshot.build(sources, hidden, max_tokens)
    with _lock:
        _remembered[key] = built
        while len(_remembered) > MAX_REMEMBERED_SNAPSHOTS:
            _remembered.popitem(last=False)
    return built


_Key = tuple[Path, str | None, frozenset[str], int, str]
_remembered: OrderedDict[_Key, Snapshot] = OrderedDict()
_lock = threading.Lock()


def _task(
    sources: Sources,
    shown: Snapshot,
    changed: Changes,
    focus: Focus | None,
    question: str,
    max_tokens: int,
) -> Layer:
    """What the request needs beyond the other layers."""
    blocks: list[str] = []
    uses: list[FileUse] = []
    seen = frozenset(path for path in shown.whole if path not in changed.texts) | changed.whole
    words = related.words_in_prose(question)
    if focus is not None:
        seen |= {focus.path}
        answer = sources.gate.admit(focus.path, focus.text)
        if isinstance(answer, Allowed):
            if not _is_shown(focus.path, shown, changed):
                room = characters(max(LEAST_FOCUS_TOKENS, int(max_tokens * FOCUS_SHARE)))
                block, use = _focus_block(focus, answer.text, room)
                blocks.append(block)
                uses.append(use)
            defined = {found.name for found in definitions(answer.text.split("\n"))}
            region = _around(answer.text, focus.span, characters(LEAST_RELATED_TOKENS))
            words += [name for name in related.names_in_code(region) if name not in defined]
    nearby = related.excerpts(
        list(dict.fromkeys(words)),
        sources,
        current=changed.texts,
        seen=seen,
        near=focus.path if focus is not None else "",
        max_characters=characters(max(LEAST_RELATED_TOKENS, int(max_tokens * RELATED_SHARE))),
    )
    blocks += nearby.blocks
    uses += nearby.files
    return layers.layer("task", layers.section("task-context", blocks), uses)


def _is_shown(path: str, shown: Snapshot, changed: Changes) -> bool:
    """Whether the current text of `path` can be read from the snapshot and the changes."""
    if path not in changed.texts:
        return path in shown.whole
    if path in changed.whole:
        return True
    has_diff = any(use.path == path for use in changed.layer.files)
    return has_diff and path in shown.whole


def _focus_block(focus: Focus, text: str, max_characters: int) -> tuple[str, FileUse]:
    if len(text) <= max_characters:
        block = layers.block("file", layers.with_line_feeds(text), path=focus.path)
        return block, FileUse(focus.path, estimate(block), "full", 1.0)
    part = _around(text, focus.span, max_characters)
    block = layers.block("excerpt", layers.with_line_feeds(part), path=focus.path)
    return block, FileUse(focus.path, estimate(block), "excerpt", 1.0)


def _around(text: str, span: Span, max_characters: int) -> str:
    """The lines of `text` round `span`, as many as fit; of a longer span its beginning.

    Lines that are cut off at either end are left out, if there are others.
    """
    if len(text) <= max_characters:
        return text
    start = max(0, min(span.start, len(text)))
    length = max(0, min(span.end - start, max_characters))
    begin = max(0, min(start - (max_characters - length) // 2, len(text) - max_characters))
    part = text[begin : begin + max_characters]
    first_break = part.find("\n") + 1
    if begin > 0 and 0 < first_break <= start - begin:
        part = part[first_break:]
    if begin + max_characters < len(text) and "\n" in part:
        part = part[: part.rindex("\n") + 1]
    return part
