"""What `kibitz review` is to look at: files that were named, or those that changes touch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kibitz.actions.change_review import orders_for
from kibitz.actions.preparing import gate_of
from kibitz.actions.review_choice import Choice
from kibitz.actions.values import Order
from kibitz.cli.batch_files import named, shown_from_here
from kibitz.cli.place import STDIN, Place, absolute, parse_place, shown
from kibitz.cli.workplace import Workplace
from kibitz.errors import UserError
from kibitz_context.files.repository import Repository
from kibitz_context.layers.change_set import Scope, ScopeProblem, change_set, scope_of
from kibitz_context.values import Omission


@dataclass(frozen=True)
class Subject:
    """One text to review: `shown` is the file as the user calls it."""

    shown: str
    order: Order


def of_places(at: Workplace, places: Sequence[Place]) -> list[Subject]:
    """The files that were named, and those in folders that were; what is left out there is told.

    All of them are read before any of them is paid for.
    """
    subjects: dict[tuple[str, str | None], Subject] = {}
    for place in places:
        for each in _files_of(at, place):
            source = at.source(each)
            order = Order(
                "review", source.start, source.document, source.span, model=at.common.model
            )
            lines = None if source.span is None else f"{source.span.start}-{source.span.end}"
            subjects.setdefault((source.document.uri, lines), Subject(source.shown, order))
    return list(subjects.values())


def _files_of(at: Workplace, place: Place) -> Iterator[Place]:
    """The place itself, or the files that git tracks in a folder."""
    if place.is_stdin or place.first_line is not None or not Path(place.path).is_dir():
        yield place
        return
    folder = absolute(place.path)
    repository = at.desk.repository(folder)
    if not repository.has_git:
        raise UserError(
            f"{shown(place.path)} is a folder in no repository, so what belongs to it is not "
            "known; name the files to review."
        )
    gate = gate_of(repository.root, at.settings_in(folder).context)
    choice = Choice(repository, gate, named([place.path], repository))
    for path, _ in choice.texts():
        yield Place(shown_from_here(repository.root, path))
    if told := choice.told():
        at.terminal.note(told)


def of_changes(
    at: Workplace,
    places: Sequence[str],
    revisions: str,
    *,
    is_staged: bool,
    all_lines: bool,
) -> list[Subject]:
    """The files that changes touch, at or below `places`; what is left out is told.

    Raises UserError where there are no such changes.
    """
    repository = at.desk.repository(at.start)
    if not repository.has_git:
        raise UserError(
            f"Changes are told by git, and {shown(str(at.start))} is in no repository; name the "
            "files to review."
        )
    gate = gate_of(repository.root, at.settings_in(at.start).context)
    try:
        staged = Scope(repository.head(), "index") if is_staged else None
        try:
            scope = staged or scope_of(repository, revisions)
        except ScopeProblem:
            if not os.path.lexists(revisions):
                raise
            # `--diff PATH`: what follows --diff is a path after all.
            scope, places = scope_of(repository, ""), [revisions, *places]
        under = _paths_in(places, repository)
        changes = change_set(repository, gate, scope, under)
    except ScopeProblem as problem:
        raise UserError(str(problem)) from None
    if told := _told(changes.omitted):
        at.terminal.note(told)
    orders = orders_for(
        changes,
        repository.root,
        model=at.common.model,
        all_lines=all_lines,
        is_on_disk=scope.new == "now",
    )
    return [Subject(_shown(repository.root, order), order) for order in orders]


def _shown(root: Path, order: Order) -> str:
    assert order.document is not None
    assert order.document.path is not None
    return shown(shown_from_here(root, order.document.path.relative_to(root).as_posix()))


def _paths_in(places: Sequence[str], repository: Repository) -> tuple[str, ...]:
    """The files and folders that were named, relative to the root; they need not exist any more."""
    found: list[str] = []
    for text in places:
        place = parse_place(text)
        if text == STDIN or place.first_line is not None:
            raise UserError(
                f"A review of changes is for files and folders; leave out {shown(text)}, or "
                "review it by itself."
            )
        path = absolute(text)
        real = path.parent.resolve() / path.name
        if real == repository.root:
            return ()
        if not real.is_relative_to(repository.root):
            raise UserError(
                f"{shown(text)} is not in the repository {repository.root}; review one repository "
                "at a time."
            )
        found.append(real.relative_to(repository.root).as_posix())
    return tuple(sorted(set(found)))


def _told(omitted: Sequence[Omission]) -> str:
    """What was left out, in one sentence; "" for nothing."""
    if not omitted:
        return ""
    reasons = Counter(each.reason for each in omitted)
    listed = ", ".join(f"{count:,} because {reason}" for reason, count in reasons.most_common())
    n_files = "1 changed file is" if len(omitted) == 1 else f"{len(omitted):,} changed files are"
    return f"{n_files} left out: {listed}."
