"""Review: findings become diagnostics, each as soon as it is complete, and follow the text."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from kibitz.actions.values import Found, NotKept, NotOffered, Order, Step, Unverified, Verified
from kibitz.bill import dollars
from kibitz.errors import RefusalError, UserError
from kibitz.findings.track import Tracked
from kibitz.findings.values import Finding
from kibitz.handlers.connection import Connection
from kibitz.handlers.orders import identity
from kibitz.jobs import Job
from kibitz.open_documents import DocumentChange
from kibitz.protocol import to_lsp
from kibitz.session import after_all
from kibitz_context.document import Document

logger = logging.getLogger(__name__)

WHY_DROPPED = {
    "malformed": "malformed",
    "unknown_file": "about another file",
    "quote_not_found": "quote not found",
    "duplicate": "said twice",
    "unchanged_lines": "on lines that were not changed",
    "refuted": "refuted",
    "dismissed": "dismissed before",
}


@dataclass
class Told:
    """What a review has come to so far, in numbers."""

    found: int = 0
    dropped: Counter[str] = field(default_factory=Counter[str])
    n_checked: int = 0
    check_usd: float | None = 0.0
    n_unchecked: int = 0
    n_not_offered: int = 0
    why_unchecked: str = ""

    def not_kept(self, step: NotKept) -> None:
        self.dropped[WHY_DROPPED[step.dropped.reason]] += 1

    def verified(self, step: Verified, n_withdrawn: int) -> None:
        """Findings were checked; `n_withdrawn` of them were shown and are not any more."""
        self.n_checked += len(step.standing) + len(step.refuted)
        self.found -= n_withdrawn
        self.dropped[WHY_DROPPED["refuted"]] += len(step.refuted)
        self._spent(step.cost_usd)

    def not_verified(self, step: Unverified) -> None:
        self.n_unchecked += len(step.findings)
        self.why_unchecked = step.why
        self._spent(step.cost_usd)

    def words(self) -> str:
        """How many findings, how many were dropped and why, and what the check has cost."""
        words = "no findings" if not self.found else f"{self.found} finding{_s(self.found)}"
        if self.dropped.total():
            reasons = ", ".join(f"{n} {why}" for why, n in sorted(self.dropped.items()) if n)
            words += f", {self.dropped.total()} dropped ({reasons})"
        if self.n_not_offered:
            words += f", {self.n_not_offered} suggestion{_s(self.n_not_offered)} left out"
        if self.n_checked:
            cost = "" if self.check_usd is None else f" for {dollars(self.check_usd)}"
            words += f", {self.n_checked} checked{cost}"
        if self.n_unchecked:
            words += f", {self.n_unchecked} not checked: {self.why_unchecked}"
        return words

    def _spent(self, cost_usd: float | None) -> None:
        known = self.check_usd is not None and cost_usd is not None
        self.check_usd = (self.check_usd or 0.0) + (cost_usd or 0.0) if known else None


def _s(count: int) -> str:
    return "" if count == 1 else "s"


async def run_review(
    connection: Connection,
    job: Job,
    order: Order,
    steps: AsyncIterator[Step],
    lines: tuple[int, int],
    *,
    is_quiet: bool = False,
) -> None:
    """The body of a job that publishes findings for its document; `is_quiet` where nobody has
    asked for it.

    Findings of an earlier review of the same lines go when the first new one comes, or when the
    review ends without any: until then the user keeps what there was.
    """
    assert order.document is not None
    uri = order.document.uri
    shelf = connection.session.shelf.findings
    moves: list[DocumentChange] = []

    def moved(event: DocumentChange) -> None:
        if event.after.uri == uri:
            moves.append(event)

    unfollow = connection.session.documents.follow(moved)
    told = Told()
    new: list[Finding] = []
    old: list[Tracked[Finding]] = []
    moves_before = 0
    cleared = False

    def clear() -> None:
        nonlocal cleared, moves_before
        if cleared:
            return
        cleared, moves_before = True, len(moves)
        start, end = lines
        kept = shelf.get(uri, [])
        old[:] = [each for each in kept if start <= each.start and each.end <= end]
        shelf[uri] = [each for each in kept if each not in old]

    def withdraw() -> None:
        """Claude refused to go on: what stood before it began stands again."""
        changes = [change for event in moves[moves_before:] for change in event.changes]
        back = [after_all(each, changes) for each in old]
        others = [each for each in shelf.get(uri, []) if each.value not in new]
        shelf[uri] = [*(each for each in back if each is not None), *others]
        publish(connection, uri)

    try:
        async with connection.reported(job, is_quiet=is_quiet) as report:
            try:
                async for step in report.follow(steps):
                    match step:
                        case Found(finding):
                            clear()
                            kept = after_all(
                                Tracked(finding, finding.start_line - 1, finding.end_line),
                                (change for event in moves for change in event.changes),
                            )
                            if kept is None:
                                told.dropped["its lines changed"] += 1
                                continue
                            told.found += 1
                            new.append(finding)
                            shelf.setdefault(uri, []).append(kept)
                            publish(connection, uri)
                        case NotKept():
                            told.not_kept(step)
                        case NotOffered():
                            told.n_not_offered += 1
                        case Verified():
                            gone = {finding for finding, _ in step.refuted}
                            before = len(shelf.get(uri, []))
                            shelf[uri] = [
                                each for each in shelf.get(uri, []) if each.value not in gone
                            ]
                            told.verified(step, before - len(shelf[uri]))
                            publish(connection, uri)
                        case Unverified():
                            told.not_verified(step)
                        case _:
                            pass
            except RefusalError:
                withdraw()
                raise
            clear()
            publish(connection, uri)
            report.outcome = told.words()
    finally:
        unfollow()
        remember(connection, uri)


def publish(connection: Connection, uri: str) -> None:
    """Publish the findings of a document as they are now."""
    document = connection.session.documents.get(uri)
    if document is None:
        connection.editor.publish_diagnostics(uri, None, [])
        return
    encoding = connection.session.client.encoding
    diagnostics = [
        to_lsp.diagnostic(kept.value, document.lines, kept.start, kept.end, encoding)
        for kept in connection.session.shelf.findings.get(uri, [])
    ]
    connection.editor.publish_diagnostics(uri, document.version, diagnostics)


def remember(connection: Connection, uri: str, closed: Document | None = None) -> None:
    """Keep what a document shows for when it is opened again, maybe by another server.

    `closed` is its text where it is not open.
    """
    document = connection.session.documents.get(uri) or closed
    findings = connection.session.shelf.findings.get(uri)
    if document is None or document.path is None or findings is None:
        return
    path, text, shown = document.path, document.text, tuple(findings)

    async def keep() -> None:
        # In the order in which it was shown.
        async with connection.keeping:
            await asyncio.to_thread(connection.shown_findings.keep, path, text, shown)

    connection.session.jobs.in_background(keep(), "keeping findings")


def dismiss(
    connection: Connection, document: Document, kept: Tracked[Finding], reason: str
) -> None:
    """Remember that a finding is not to be told again; of an unsaved document nothing is kept."""
    if document.path is None:
        return
    path, mark = document.path, identity(kept, document.lines.lines)

    def add() -> None:
        root = connection.desk.repository(path, tuple(connection.session.folders)).root
        connection.dismissals.add(root, mark, kept.value.path, reason)

    async def write() -> None:
        try:
            async with connection.keeping:
                await asyncio.to_thread(add)
        except (OSError, UserError) as error:
            why = error.sentence if isinstance(error, UserError) else str(error.strerror)
            connection.editor.tell(
                f"The finding is dismissed until you review again, since that cannot be written "
                f"down: {why}",
                "warning",
            )

    connection.session.jobs.in_background(write(), "remembering what was dismissed")


def recall(connection: Connection, document: Document) -> None:
    """Show again what a file that was just opened showed when it last had this text."""
    if document.path is None or document.uri in connection.session.shelf.findings:
        return
    path = document.path

    def known() -> list[Tracked[Finding]]:
        found = connection.shown_findings.recall(path, document.text)
        if not found:
            return []
        root = connection.desk.repository(path, tuple(connection.session.folders)).root
        dismissed = connection.dismissals.of(root)
        return [each for each in found if identity(each, document.lines.lines) not in dismissed]

    async def show() -> None:
        found = await asyncio.to_thread(known)
        now = connection.session.documents.get(document.uri)
        shelf = connection.session.shelf.findings
        if not found or now is None or now.text != document.text or document.uri in shelf:
            return
        shelf[document.uri] = found
        publish(connection, document.uri)

    connection.session.jobs.in_background(show(), "showing findings again")
