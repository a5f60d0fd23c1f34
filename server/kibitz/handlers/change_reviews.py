"""Review of what is not committed: findings become diagnostics of several files, open or not."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kibitz import paths
from kibitz.actions.change_review import orders_for
from kibitz.actions.desk import Desk
from kibitz.actions.findings_memory import FindingsMemory
from kibitz.actions.preparing import gate_of
from kibitz.actions.review_many import Ended, review_many
from kibitz.actions.values import Found, NotKept, Order
from kibitz.errors import RefusalError, UserError
from kibitz.findings.track import Tracked
from kibitz.findings.values import Finding
from kibitz.handlers.connection import Connection
from kibitz.handlers.reviews import WHY_DROPPED, outcome, publish
from kibitz.jobs import Job
from kibitz.protocol import to_lsp
from kibitz.session import DocumentChange, after_all
from kibitz_context.document import Document
from kibitz_context.layers import with_line_feeds
from kibitz_context.lines import LineChange, line_change_between, split_lines

if TYPE_CHECKING:
    from kibitz_context.change_set import ChangeSet

KIND = "review changes"


@dataclass
class _File:
    """A file under review: what the reviewed text was, and what has changed in it since."""

    document: Document
    changes: list[LineChange] = field(default_factory=list[LineChange])
    old: list[Tracked[Finding]] | None = None
    new: list[Finding] = field(default_factory=list[Finding])


async def run_change_review(connection: Connection, job: Job, order: Order) -> None:
    """The body of a job that reviews what is not committed in the repository of `order`, whose
    instruction, tier and model hold for every file.

    Findings of an earlier review of a file go when the first new one comes, or when its review
    ends without any.
    """
    async with connection.reported(job) as report:
        orders = await asyncio.to_thread(_orders, connection.desk, order)
        if not orders:
            report.outcome = "nothing is changed that could be reviewed"
            return
        files: dict[str, _File] = {}
        for number, each in enumerate(orders):
            orders[number], changed = _as_open(connection, each)
            document = orders[number].document
            assert document is not None
            files.setdefault(document.uri, _File(document, changed))

        def moved(event: DocumentChange) -> None:
            if event.after.uri in files:
                files[event.after.uri].changes += event.changes

        found, dropped, n_failed = 0, Counter[str](), 0
        memory = FindingsMemory(paths.findings_folder(os.environ), connection.desk)
        unfollow = connection.session.documents.follow(moved)
        try:
            async with aclosing(review_many(orders, connection.desk, memory)) as steps:
                async for one in steps:
                    about = orders[one.number].document
                    assert about is not None
                    file = files[about.uri]
                    match one.step:
                        case Found(finding):
                            if _put(connection, file, finding):
                                found += 1
                            else:
                                dropped["its lines changed"] += 1
                        case NotKept(what):
                            dropped[WHY_DROPPED[what.reason]] += 1
                        case Ended(failure):
                            if isinstance(failure, RefusalError):
                                found -= _withdraw(connection, file)
                            elif failure is None:
                                _clear(connection, file)
                                _publish(connection, file)
                            if isinstance(failure, UserError):
                                n_failed += 1
                            elif failure is not None:
                                raise failure
                        case step:
                            report.tell(step, one.number)
        finally:
            unfollow()
        n_files = "1 file" if len(files) == 1 else f"{len(files):,} files"
        report.outcome = f"{n_files}: {outcome(found, dropped)}"
        if n_failed:
            report.outcome += f", {n_failed} not reviewed to the end"


def _orders(desk: Desk, order: Order) -> list[Order]:
    """An order for each file that is changed.  Reads files: not for the event loop."""
    repository = desk.repository(order.root, order.folders)
    if not repository.has_git:
        raise UserError("Changes are told by git, and this is no repository; review the file.")
    changes = _changes(desk, order)
    return [
        replace(
            each,
            instruction=order.instruction,
            tier=order.tier,
            overlays=order.overlays,
            folders=order.folders,
        )
        for each in orders_for(changes, repository.root, model=order.model)
    ]


def _as_open(connection: Connection, order: Order) -> tuple[Order, list[LineChange]]:
    """The order with the document called as the editor calls it, and what was typed in it since
    it was read."""
    document = order.document
    assert document is not None
    assert document.path is not None
    opened = connection.session.documents.at(Path(os.path.realpath(document.path)))
    if opened is None:
        return order, []
    now = split_lines(with_line_feeds(opened.text))
    change = line_change_between(split_lines(document.text), now)
    changes = [change] if change.removed or change.added else []
    return replace(order, document=replace(document, uri=opened.uri)), changes


def _changes(desk: Desk, order: Order) -> ChangeSet:
    # Loaded when somebody asks for it: no start of a server has to wait for it.
    from kibitz_context.change_set import ScopeProblem, change_set, scope_of

    repository = desk.repository(order.root, order.folders)
    gate = gate_of(repository.root, desk.settings_in(repository.root).context)
    buffers = {
        path.relative_to(repository.root).as_posix(): text
        for path, text in order.overlays.items()
        if path.is_relative_to(repository.root)
    }
    try:
        return change_set(repository, gate, scope_of(repository, ""), buffers=buffers)
    except ScopeProblem as problem:
        raise UserError(str(problem)) from None


def _put(connection: Connection, file: _File, finding: Finding) -> bool:
    """Show a finding; False when its lines were changed meanwhile."""
    _clear(connection, file)
    at_first = Tracked(finding, finding.start_line - 1, finding.end_line)
    kept = after_all(at_first, file.changes)
    if kept is None:
        return False
    file.new.append(finding)
    connection.session.shelf.findings.setdefault(file.document.uri, []).append(kept)
    _publish(connection, file)
    return True


def _clear(connection: Connection, file: _File) -> None:
    if file.old is None:
        file.old = connection.session.shelf.findings.pop(file.document.uri, [])


def _withdraw(connection: Connection, file: _File) -> int:
    """Claude refused to go on with a file: what it said of it is not to be used."""
    shelf = connection.session.shelf.findings
    kept: Sequence[Tracked[Finding]] = shelf.get(file.document.uri, [])
    shelf[file.document.uri] = [each for each in kept if each.value not in file.new]
    _publish(connection, file)
    return len(file.new)


def _publish(connection: Connection, file: _File) -> None:
    uri = file.document.uri
    if connection.session.documents.get(uri) is not None:
        publish(connection, uri)
        return
    # Opened later, maybe with another text, it takes its findings from the shelf.
    connection.session.shelf.put_away(file.document)
    diagnostics = [
        to_lsp.diagnostic(
            each.value,
            file.document.lines,
            each.start,
            each.end,
            connection.session.client.encoding,
        )
        for each in connection.session.shelf.findings.get(uri, [])
    ]
    connection.editor.publish_diagnostics(uri, None, diagnostics)
