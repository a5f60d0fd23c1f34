"""Review of changes or of several files: findings become diagnostics, of closed files as well."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kibitz import paths
from kibitz.actions.change_review import orders_for
from kibitz.actions.desk import Desk
from kibitz.actions.findings_memory import FindingsMemory
from kibitz.actions.preparing import gate_of
from kibitz.actions.review_estimate import Estimate, estimate_reviews
from kibitz.actions.review_experience import Experiences
from kibitz.actions.review_many import review_many
from kibitz.actions.values import Found, NotKept, NotOffered, Order, Unverified, Verified
from kibitz.actions.whole_review import Ended
from kibitz.confirmation import NO
from kibitz.errors import RefusalError, UserError
from kibitz.findings.track import Tracked
from kibitz.findings.values import Finding
from kibitz.handlers.connection import Connection, Report
from kibitz.handlers.reviews import Told, publish, remember
from kibitz.jobs import Job
from kibitz.open_documents import DocumentChange
from kibitz.plain_text import one_line
from kibitz.protocol import to_lsp
from kibitz.session import after_all
from kibitz_context.document import Document
from kibitz_context.lines import LineChange, line_change_between, split_lines
from kibitz_context.markup import with_line_feeds

if TYPE_CHECKING:
    from kibitz_context.layers.change_set import ChangeSet

KIND = "review changes"
GO_ON = "Review"


@dataclass(frozen=True, slots=True)
class Which:
    """Which changes: what `revisions` name (see `change_set.scope_of`; "" is what is not
    committed), or what `is_staged`."""

    revisions: str = ""
    is_staged: bool = False

    @property
    def title(self) -> str:
        if self.is_staged:
            return "Review what is staged"
        return f"Review changes {one_line(self.revisions, 60)}".rstrip()


@dataclass
class _File:
    """A file under review: what the reviewed text was, and what has changed in it since."""

    document: Document
    changes: list[LineChange] = field(default_factory=list[LineChange])
    old: list[Tracked[Finding]] | None = None
    new: list[Finding] = field(default_factory=list[Finding])


async def run_change_review(connection: Connection, job: Job, order: Order, which: Which) -> None:
    """The body of a job that reviews changes in the repository of `order`, whose instruction, tier
    and model hold for every file."""
    await run_reviews(
        connection,
        job,
        lambda: _orders(connection.desk, order, which),
        "nothing is changed that could be reviewed",
    )


async def run_reviews(
    connection: Connection, job: Job, find: Callable[[], list[Order]], nothing: str
) -> None:
    """The body of a job that carries out the orders that `find` finds, off the event loop; where
    there are none it says that there is `nothing`.

    What more than one of them is likely to cost is told first, and asked about where it is more
    than one request may cost.  Findings of an earlier review of a file go when the first new one
    comes, or when its review ends without any.
    """
    async with connection.reported(job) as report:
        orders = await asyncio.to_thread(find)
        if not orders:
            report.outcome = nothing
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

        told, n_failed = Told(), 0
        memory = FindingsMemory(paths.findings_folder(os.environ), connection.desk)
        unknown = await asyncio.to_thread(_unknown, connection.desk, memory, orders)
        estimate = await _foresee(connection, report, unknown) if len(unknown) > 1 else None
        if estimate is not None and not await _is_wanted(connection, estimate):
            report.outcome = "Nothing was sent, as you decided"
            return
        unfollow = connection.session.documents.follow(moved)
        try:
            reviews = review_many(orders, connection.desk, memory, connection.dismissals)
            async with aclosing(reviews) as steps:
                async for one in steps:
                    about = orders[one.number].document
                    assert about is not None
                    file = files[about.uri]
                    match one.step:
                        case Found(finding):
                            if _put(connection, file, finding):
                                told.found += 1
                            else:
                                told.dropped["its lines changed"] += 1
                        case NotKept() as not_kept:
                            told.not_kept(not_kept)
                        case NotOffered():
                            told.n_not_offered += 1
                        case Verified() as verified:
                            gone = [finding for finding, _ in verified.refuted]
                            told.verified(verified, _withdraw(connection, file, gone))
                        case Unverified() as unverified:
                            told.not_verified(unverified)
                        case Ended(failure):
                            if isinstance(failure, RefusalError):
                                told.found -= _withdraw(connection, file, file.new)
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
            for uri, file in files.items():
                remember(connection, uri, file.document)
        n_files = "1 file" if len(files) == 1 else f"{len(files):,} files"
        report.outcome = f"{n_files}: {told.words()}"
        if n_failed:
            report.outcome += f", {n_failed} not reviewed to the end"
        elif estimate is not None:
            await estimate.compare(report.cost_usd())


def _unknown(desk: Desk, memory: FindingsMemory, orders: Sequence[Order]) -> list[Order]:
    """Those that have to be asked about."""
    return [each for each in orders if memory.recall(each, desk.model_for(each)) is None]


async def _foresee(connection: Connection, report: Report, orders: Sequence[Order]) -> Estimate:
    """Say what the reviews of `orders` are likely to cost.  Raises UserError when that is more
    than a limit leaves."""
    desk = connection.desk
    async for _ in report.follow(desk.prepare(orders[0])):
        pass
    brief = await desk.brief(orders[0], record=False)
    experiences = Experiences(paths.estimates_folder(connection.environ), brief)
    estimate = await estimate_reviews(desk, brief, orders, experiences)
    report.progress.report(estimate.sentence(), always=True)
    await estimate.must_fit(connection.backend.limit_in_the_way)
    return estimate


async def _is_wanted(connection: Connection, estimate: Estimate) -> bool:
    """Whether the user wants to spend as much; whoever cannot be asked has the limits."""
    is_dear = estimate.likely_usd > estimate.brief.settings.budget.request_usd
    if not (is_dear and connection.session.client.show_message_request):
        return True
    return await connection.editor.choose(estimate.sentence(), (GO_ON, NO)) == GO_ON


def _orders(desk: Desk, order: Order, which: Which) -> list[Order]:
    """An order for each file that is changed.  Reads files: not for the event loop."""
    repository = desk.repository(order.root, order.folders)
    if not repository.has_git:
        raise UserError("Changes are told by git, and this is no repository; review the file.")
    changes, is_on_disk = _changes(desk, order, which)
    return [
        replace(
            each,
            instruction=order.instruction,
            tier=order.tier,
            overlays=order.overlays if is_on_disk else each.overlays,
            folders=order.folders,
        )
        for each in orders_for(changes, repository.root, model=order.model, is_on_disk=is_on_disk)
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


def _changes(desk: Desk, order: Order, which: Which) -> tuple[ChangeSet, bool]:
    """The changes, and whether they come to what is on the disk and in the buffers."""
    # Loaded when somebody asks for it: no start of a server has to wait for it.
    from kibitz_context.layers.change_set import Scope, ScopeProblem, change_set, scope_of

    repository = desk.repository(order.root, order.folders)
    gate = gate_of(repository.root, desk.settings_in(repository.root).context)
    buffers = {
        path.relative_to(repository.root).as_posix(): text
        for path, text in order.overlays.items()
        if path.is_relative_to(repository.root)
    }
    try:
        staged = Scope(repository.head(), "index") if which.is_staged else None
        scope = staged or scope_of(repository, which.revisions)
        return change_set(repository, gate, scope, buffers=buffers), scope.new == "now"
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


def _withdraw(connection: Connection, file: _File, gone: Sequence[Finding]) -> int:
    """Show the findings `gone` of a file no longer; how many of them were shown."""
    shelf = connection.session.shelf.findings
    before: Sequence[Tracked[Finding]] = shelf.get(file.document.uri, [])
    kept = [each for each in before if each.value not in gone]
    shelf[file.document.uri] = kept
    _publish(connection, file)
    return len(before) - len(kept)


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
