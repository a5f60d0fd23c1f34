"""Conversations in a document: *Send* puts the answer in below the question, while it comes.

The heading of the answer is put in before Claude is asked: a document that cannot be changed
shows then, and has cost nothing.  After a fault the document is as it was; what had come when the
user stopped it stays, and is marked.  The turns are kept beside, so that the next question reads
them from the cache; what the document says counts, whatever was kept.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pygls.exceptions import JsonRpcInvalidParams

from kibitz import paths
from kibitz.actions.converse import Before, Question
from kibitz.actions.values import Order, Said
from kibitz.conversation import document as documents
from kibitz.conversation.answer_text import AnswerText
from kibitz.conversation.document import Conversation, Exchange
from kibitz.conversation.store import Addition, Conversations, Kept
from kibitz.delivery import Conflict, Delivery
from kibitz.edits.values import LineEdit
from kibitz.errors import UserError
from kibitz.handlers.connection import Connection, Report
from kibitz.handlers.edits import is_one_edit
from kibitz.jobs import Job
from kibitz.open_documents import DocumentChange
from kibitz.protocol import from_lsp
from kibitz_context.document import Document
from kibitz_context.lines import dominant_ending

logger = logging.getLogger(__name__)

KIND = "converse"

# A document that nobody has touched for so long is removed when a new one is begun, of those that
# lie in the cache folder.
KEPT_SECONDS = 90 * 24 * 3600.0

TAKEN_BACK = "you took the answer back"
SHUTTING_DOWN = "the server is shutting down"

# How long a stopped answer may take to be closed in the document.
CLOSING_SECONDS = 3.0


def is_conversation(document: Document) -> bool:
    """Whether a document is one that questions can be sent from."""
    return documents.is_conversation(document.uri.partition("#")[0], document.text)


def has_question(document: Document) -> bool:
    """Whether there is something to send."""
    return is_conversation(document) and bool(documents.parse(document.text).question)


def read(connection: Connection, document: Document) -> Conversation:
    """What `document` says.  Raises JsonRpcInvalidParams when nothing can be sent from it."""
    if from_lsp.is_cell(document.uri):
        raise JsonRpcInvalidParams(
            "A notebook cell cannot hold a conversation; begin one with `kibitz.converse`"
        )
    if not connection.session.client.apply_edit:
        raise JsonRpcInvalidParams("This editor does not let a server edit its documents")
    for job in connection.session.jobs.running():
        if job.kind == KIND and job.uri == document.uri:
            raise JsonRpcInvalidParams("This conversation is being answered; wait, or stop it")
    found = documents.parse(document.text)
    if not found.question:
        raise JsonRpcInvalidParams(
            f"Nothing is asked here: write your question under a heading “{documents.YOU}” at the "
            "end"
        )
    return found


def start_of(connection: Connection, document: Document, found: Conversation) -> Path:
    """Where to look for the repository that a conversation is about.

    A document of our own folder names it; what any other says of itself counts for nothing, since
    it may have come with a repository.
    """
    if document.path is None:
        return connection.session.start_of(None)
    if not _is_ours(document.path, connection.environ):
        return connection.session.start_of(document.path)
    named = Path(found.repository) if found.repository else None
    return named if named is not None and named.is_dir() else connection.session.start_of(None)


def _is_ours(path: Path, environ: Mapping[str, str]) -> bool:
    folder = os.path.realpath(paths.conversations_folder(environ))
    return Path(os.path.realpath(path)).is_relative_to(folder)


class SendJob:
    """The body of a job that answers the last question of a document.

    Made while the command is read, before the next message is: from that moment on the place of
    the answer follows every change of the text.
    """

    def __init__(
        self, connection: Connection, document: Document, found: Conversation, order: Order
    ) -> None:
        self._connection = connection
        self._document = document
        self._found = found
        self._order = order
        self._answer = AnswerText(dominant_ending(document.lines.lines))
        self._n_headings = documents.n_answers(document.lines.lines)
        self._has_heading = False
        self._takes_back = False  # we, not the user
        streaming = connection.preferences.settings_of(document.path).edit.streaming
        self._delivery = Delivery(
            connection.editor,
            connection.session.client.profile,
            document.uri,
            found.end_line,
            (),
            hold=is_one_edit(connection, document, streaming),
            turns=connection.session.turns,
            pace=connection.session.pace,
        )
        connection.session.deliveries.append(self._delivery)

    async def run(self, job: Job) -> None:
        delivery = self._delivery
        # Who closes the document or takes the answer back does not want the rest of it.
        delivery.on_stop = job.stop
        known = _Known(self._connection, self._found)
        unfollow = self._connection.session.documents.follow(lambda event: self._hear(job, event))
        try:
            async with self._connection.reported(job) as report:
                if self._found.problem is not None:
                    report.progress.report(f"In the header {self._found.problem}", always=True)
                try:
                    await self._deliver(report, known)
                except Conflict as stopped:
                    await delivery.halt(stopped.sentence)
                    self._tell_conflict(report, stopped.sentence)
                except asyncio.CancelledError:
                    await self._stop(job, report, known)
                    raise
                except Exception:
                    delivery.on_stop = None
                    self._takes_back = True
                    await delivery.restore()
                    raise
                else:
                    await known.keep(self._shown_answer())
                    report.outcome = "Answered"
        finally:
            unfollow()
            self._connection.session.deliveries.remove(delivery)

    def _hear(self, job: Job, event: DocumentChange) -> None:
        """Whoever deletes the answer with its heading does not want the rest of it."""
        if event.after.uri != self._document.uri:
            return
        is_there = documents.n_answers(event.after.lines.lines) > self._n_headings
        if self._has_heading and not is_there and not self._takes_back:
            job.stop(TAKEN_BACK)
        self._has_heading = is_there

    async def _deliver(self, report: Report, known: _Known) -> None:
        question = await known.question(self._order, self._document.path)
        self._write(self._answer.begin())
        await self._delivery.flush()
        async for step in report.follow(question.steps(known.order, self._connection.desk)):
            if isinstance(step, Said):
                self._write(self._answer.feed(step.text))
        self._write(self._answer.finish())
        await self._delivery.finish()

    def _write(self, lines: Sequence[str]) -> None:
        if lines:
            self._delivery.write([LineEdit(0, 0, tuple(lines))])

    async def _stop(self, job: Job, report: Report, known: _Known) -> None:
        """Close what has come in the document, and mark it; without a word the document is as it
        was.  Where the document is gone, or we are, nothing more is written."""
        delivery = self._delivery
        conflict = delivery.conflict
        delivery.on_stop = None
        if conflict is None and job.stop_reason not in (TAKEN_BACK, SHUTTING_DOWN, None):
            try:
                # Not `asyncio.timeout`: see `Delivery.halt`.
                await asyncio.wait_for(self._close(known), CLOSING_SECONDS)
            except (Conflict, TimeoutError) as error:
                logger.info("a stopped answer could not be closed: %s", error)
        await delivery.halt(job.stop_reason or SHUTTING_DOWN)
        is_open = self._connection.session.documents.get(self._document.uri) is not None
        if conflict is not None and is_open:
            self._tell_conflict(report, conflict)

    async def _close(self, known: _Known) -> None:
        if self._answer.text.strip():
            self._write(self._answer.cut_off())
            await self._delivery.finish()
            await known.keep(self._shown_answer())
        else:
            await self._delivery.restore()

    def _shown_answer(self) -> str:
        """The answer as the document is read."""
        text = f"{documents.YOU}\n?\n{documents.CLAUDE}\n{self._answer.text}"
        exchanges = documents.parse(text).exchanges
        return exchanges[0].answer if exchanges else ""

    def _tell_conflict(self, report: Report, reason: str) -> None:
        self._connection.editor.tell(
            f"kibitz stopped writing the answer: {reason}. Your text is as you have it.", "warning"
        )
        report.outcome = f"Stopped: {reason}"


class _Known:
    """What is kept of a conversation, and what is to be kept of it."""

    order: Order

    def __init__(self, connection: Connection, found: Conversation) -> None:
        self._connection = connection
        self._found = found
        self._repository = ""
        self._question: Question | None = None

    async def question(self, order: Order, path: Path | None) -> Question:
        """The question that is asked in `order`, with all that was said before."""
        self.order = order
        self._repository, kept = await asyncio.to_thread(self._look_up, order)
        before = Before(tuple(kept), self._found.exchanges[len(kept) :])
        bases = (path.parent,) if path is not None else ()
        self._question = Question(before, bases, self._connection.backend)
        return self._question

    async def keep(self, answer: str) -> None:
        """Keep the turn as the document has it, so that it is known again."""
        if self._question is not None:
            addition = self._question.to_keep(Exchange(self._found.question, answer))
            if addition is not None:
                await asyncio.to_thread(self._keep, addition)

    def _look_up(self, order: Order) -> tuple[str, list[Kept]]:
        repository = str(self._connection.desk.repository(order.root, order.folders).root)
        try:
            store = Conversations.of_user(self._connection.environ)
            return repository, store.known(repository, self._found.exchanges)
        except (sqlite3.Error, OSError, UserError) as error:
            logger.warning("what was sent of a conversation cannot be read: %s", error)
            return repository, []

    def _keep(self, addition: Addition) -> None:
        if self._connection.preferences.settings_in(self.order.root).audit == "off":
            return  # the document has the words, and nothing else is to be written down
        try:
            store = Conversations.of_user(self._connection.environ)
            store.add(self._repository, addition)
        except (sqlite3.Error, OSError, UserError) as error:
            # The document has all that the user needs; the next question costs more.
            logger.warning("a turn of a conversation cannot be kept: %s", error)


@dataclass(frozen=True, slots=True)
class Place:
    """Lines of a file, counted from 0, half open: what a conversation is to be about."""

    path: Path
    lines: tuple[int, int]

    def shown(self, root: Path) -> str:
        """How a question names it, so that it is sent along."""
        real, (first, end) = Path(os.path.realpath(self.path)), self.lines
        name = real.relative_to(root).as_posix() if real.is_relative_to(root) else real.name
        return f"`{name}:{first + 1}-{max(end, first + 1)}`"


async def begin(
    connection: Connection, job: Job, start: Path, place: Place | None, question: str
) -> None:
    """The body of a job that opens a new conversation about the repository at `start`."""
    async with connection.reported(job) as report:
        path = await asyncio.to_thread(_new_file, connection, start, place, question)
        if await connection.editor.show_file(path):
            report.outcome = "Write your question and send it"
        else:
            connection.editor.tell(f"The conversation is in {path}; open it and write into it.")
            report.outcome = "Conversation begun"


def _new_file(connection: Connection, start: Path, place: Place | None, question: str) -> Path:
    root = connection.desk.repository(start, tuple(connection.session.folders)).root
    folder = paths.make_private(paths.conversations_folder(connection.environ))
    oldest = time.time() - KEPT_SECONDS
    for old in folder.glob(f"*{documents.FILE_ENDING}"):
        if old.stat().st_mtime < oldest:
            old.unlink(missing_ok=True)
    moment = datetime.datetime.now().astimezone()
    path = folder / f"{moment:%Y-%m-%d-%H%M}-{secrets.token_hex(2)}{documents.FILE_ENDING}"
    about = f"About {place.shown(root)}:\n{question}" if place is not None else question
    path.touch(0o600, exist_ok=False)
    path.write_text(documents.new_document(str(root), about), "utf-8")
    return path
