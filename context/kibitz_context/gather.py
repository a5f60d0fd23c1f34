"""What Claude is shown for one request: the façade of this package.

`gather` may run in any thread and several times at once: it is given frozen values only, and
what it remembers between calls is keyed by content.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from kibitz_context.buffers import allowed_buffers
from kibitz_context.caching import prefix as prefixes
from kibitz_context.caching.course import Course, Lookout, left_tokens, with_prefix, without_prefix
from kibitz_context.caching.prefix import PrefixRequest
from kibitz_context.caching.prefix_state import PrefixState
from kibitz_context.caching.view import View
from kibitz_context.files.repository import Repository
from kibitz_context.gate.baseline import bases, opened
from kibitz_context.gate.gate import Gate
from kibitz_context.layers import task
from kibitz_context.layers.changes import changes_budget
from kibitz_context.layers.log import AS_IN_SNAPSHOT, Told
from kibitz_context.ranking.related import Parse
from kibitz_context.texts.symbols import symbols
from kibitz_context.tokens import estimate
from kibitz_context.values import Context, FileForm, FileUse, Focus, Layer, Omission, PrefixId

__all__ = ["Focus", "GatherStopped", "PrefixRequest", "gather"]


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
    cache: Path | None = None,
    prefix: PrefixRequest | None = None,
    parse: Parse = symbols,
) -> Context:
    """The layers for a request about `focus`, or about the whole repository.

    `max_tokens` bounds the snapshot.  `overlays` are the unsaved buffers by path: they win over
    the disk.  The focus is always to be seen: in the snapshot where its text is the commit's,
    among the changes, or else in the task, whole or the part round its span.

    With a `cache` folder the snapshot is the one that the indexer has put there, or a provisional
    one; without, it is built here.  With a `prefix` the bytes that were sent before go on as far
    as the policy says, and the context has a plan.  `parse` reads texts that nobody has indexed:
    a server has another process do that (`parser_process`).  Raises GatherStopped when
    `should_stop` answers true, and nothing else for what a repository holds.
    """

    def check() -> None:
        if should_stop is not None and should_stop():
            raise GatherStopped

    refused: dict[str, str] = {}

    def buffers(view: View) -> Mapping[str, str]:
        return allowed_buffers(view, overlays or {}, focus, refused)

    check()
    store = prefixes.store_in(cache)
    key = prefixes.prefix_key(gate, prefix.model, max_tokens) if prefix is not None else ""
    state = store.get(key) if prefix is not None else PrefixState()
    found = bases(repository, changes_budget(max_tokens), state.base)
    with opened(repository, gate, check) as sources:
        lookout = Lookout(sources, found, buffers, max_tokens, cache)
        if prefix is None:
            course = without_prefix(lookout.at(found.head) if cache is None else lookout.preferred)
            room = None
        else:
            course = with_prefix(lookout, prefix, store, PrefixId(key, 0, cache), state)
            room = left_tokens(course.view, prefix)
        return _context(course, focus, question, max_tokens, room, refused, parse)


def _uses(told: Iterable[Told]) -> list[FileUse]:
    """How the changes layer shows each file that it speaks of, by path."""
    of_paths: dict[str, list[Told]] = {}
    for each in told:
        of_paths.setdefault(each.path, []).append(each)
    return [
        FileUse(path, sum(each.tokens for each in of_paths[path]), _form(of_paths[path]))
        for path in sorted(of_paths)
    ]


def _form(told: Iterable[Told]) -> FileForm:
    """By name alone where something differs that is not told; an excerpt where hunks tell what has
    become of a whole file."""
    forms = {each.form for each in told if each.state != AS_IN_SNAPSHOT}
    if not forms or "name" in forms:
        return "name"
    return "excerpt" if "excerpt" in forms else forms.pop()


def _context(
    course: Course,
    focus: Focus | None,
    question: str,
    max_tokens: int,
    room: int | None,
    refused: Mapping[str, str],
    parse: Parse,
) -> Context:
    view, advanced, plan = course.view, course.advanced, course.advanced.plan
    text = "".join((*plan.changes_log, plan.changes_tail))
    told = _uses(advanced.told.values())
    uses = tuple(each for each in told if each.form != "name")
    changes = Layer("changes", text, estimate(text), uses)
    told_whole = {each.path for each in advanced.told.values() if each.form == "full"}
    seen = task.Seen(
        view.snapshot.whole | told_whole,
        {each.path: each.form for each in told},
        view.changes.texts,
        frozenset(use.path for use in view.snapshot.layer.files if use.form == "outline"),
    )
    left = max(0, room - changes.tokens) if room is not None else None
    about, unfit = task.build(
        view.sources,
        seen,
        focus,
        question,
        max_tokens,
        index_folder=None if view.provisional else view.cache,
        room_tokens=left,
        parse=parse,
    )
    shown = {use.path for use in (*changes.files, *about.files) if use.form == "full"}
    news = {path: Omission(path, reason) for path, reason in refused.items()}
    for omission in (*view.base.others, *view.changes.omitted, *advanced.omitted, *unfit):
        news[omission.path] = omission
    return Context(
        view.sources.repository.root,
        view.base.commit,
        view.snapshot.layer,
        changes,
        about,
        _told_anew(view.snapshot.omitted, news, shown),
        plan if course.is_planned else None,
        course.prefix,
        view.provisional,
    )


def _told_anew(
    omitted: tuple[Omission, ...], news: Mapping[str, Omission], shown: AbstractSet[str]
) -> tuple[Omission, ...]:
    """`omitted`, which is sorted by path, with `news` in it and without what is `shown`.

    There are tens of thousands, and nearly all of them stay as they are.
    """
    kept = list(omitted)
    for path in news.keys() | shown:
        at = bisect_left(kept, path, key=_path)
        is_there = at < len(kept) and kept[at].path == path
        kept[at : at + is_there] = [news[path]] if path not in shown else []
    return tuple(kept)


def _path(omission: Omission) -> str:
    return omission.path
