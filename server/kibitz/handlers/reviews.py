"""Review: findings become diagnostics, each as soon as it is complete, and follow the text."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator

from kibitz.actions.values import Found, NotKept, Order, Step
from kibitz.errors import RefusalError
from kibitz.findings.track import Tracked
from kibitz.findings.values import Finding
from kibitz.handlers.connection import Connection
from kibitz.jobs import Job
from kibitz.protocol import to_lsp
from kibitz.session import DocumentChange, after_all

logger = logging.getLogger(__name__)

WHY_DROPPED = {
    "malformed": "malformed",
    "unknown_file": "about another file",
    "quote_not_found": "quote not found",
    "duplicate": "said twice",
    "unchanged_lines": "on lines that were not changed",
}


async def run_review(
    connection: Connection,
    job: Job,
    order: Order,
    steps: AsyncIterator[Step],
    lines: tuple[int, int],
) -> None:
    """The body of a job that publishes findings for its document.

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
    found, dropped = 0, Counter[str]()
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
        async with connection.reported(job) as report:
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
                                dropped["its lines changed"] += 1
                                continue
                            found += 1
                            new.append(finding)
                            shelf.setdefault(uri, []).append(kept)
                            publish(connection, uri)
                        case NotKept(what):
                            dropped[WHY_DROPPED[what.reason]] += 1
                        case _:
                            pass
            except RefusalError:
                withdraw()
                raise
            clear()
            publish(connection, uri)
            report.outcome = outcome(found, dropped)
    finally:
        unfollow()


def outcome(found: int, dropped: Counter[str]) -> str:
    """How a review ended, in words: how many findings, how many were dropped, and why."""
    words = "no findings" if not found else f"{found} finding{'s' if found > 1 else ''}"
    if dropped:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))
        words += f", {dropped.total()} dropped ({reasons})"
    return words


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
