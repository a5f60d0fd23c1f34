"""Review on save, where it is switched on and the repository is trusted.

Nobody has asked for it just now: it waits until the saving has come to rest, gives way to a review
that somebody has asked for, and fails without a word.  A text that was reviewed before costs
nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

from kibitz import paths
from kibitz.actions.findings_memory import FindingsMemory
from kibitz.actions.values import Order, Step
from kibitz.actions.whole_review import Ended, whole_review
from kibitz.handlers import conversations, reviews
from kibitz.handlers.connection import Connection
from kibitz.handlers.preferences import project_root
from kibitz.plain_text import one_line

KIND = "review on save"
# Some editors save while one types.  Longer: the findings come later; shorter: texts are paid for
# that are old when the findings are there.
PAUSE_SECONDS = 1.5


def saved(connection: Connection, uri: str) -> None:
    """A document was saved: review it, if that is wanted."""
    document = connection.session.documents.get(uri)
    if document is None or document.path is None or not document.text.strip():
        return
    if not connection.preferences.settings_of(document.path).review.on_save:
        return
    if conversations.is_conversation(document):
        return
    root = project_root(document.path.parent)
    if not connection.preferences.is_trusted(root):
        _tell_once(connection, root)
        return
    waiting = connection.waiting_reviews.pop(uri, None)
    if waiting is not None:
        waiting.cancel()
    connection.waiting_reviews[uri] = connection.session.jobs.in_background(
        _after_pause(connection, uri), "a review on save"
    )


async def _after_pause(connection: Connection, uri: str) -> None:
    await asyncio.sleep(PAUSE_SECONDS)
    connection.waiting_reviews.pop(uri, None)
    document = connection.session.documents.get(uri)
    jobs = connection.session.jobs
    if document is None or document.path is None:
        return
    if any(job.uri == uri and job.kind == "review" for job in jobs.running()):
        return
    order = Order(
        "review",
        connection.session.start_of(document.path),
        document,
        overlays=connection.session.documents.overlays(),
        folders=tuple(connection.session.folders),
        is_automatic=True,
    )
    lines = (0, len(document.lines.lines))
    jobs.start(
        lambda job: reviews.run_review(
            connection, job, order, _steps(connection, order), lines, is_quiet=True
        ),
        kind=KIND,
        title=f"Review {one_line(document.path.name, 80)}",
        uri=uri,
    )


async def _steps(connection: Connection, order: Order) -> AsyncIterator[Step]:
    memory = FindingsMemory(paths.findings_folder(os.environ), connection.desk)
    review = whole_review(order, connection.desk, memory, connection.dismissals)
    async with aclosing(review) as steps:
        async for step in steps:
            if not isinstance(step, Ended):
                yield step


def _tell_once(connection: Connection, root: Path) -> None:
    sentence = (
        f"Files are not reviewed when they are saved, because {root} is not trusted; trust it with "
        "`kibitz trust`, or switch `review.on_save` off."
    )
    if sentence not in connection.session.told_problems:
        connection.session.told_problems.add(sentence)
        connection.editor.tell(sentence, "warning")
