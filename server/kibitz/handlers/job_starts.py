"""Starts the jobs of commands: what runs, under which title, at which lines.

A delivery is made together with its job, while the command is read: it follows every change of the
text from then on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from pygls.exceptions import JsonRpcInvalidParams

from kibitz.actions import refactor
from kibitz.actions.catalog import FILE_PRESETS, PRESETS
from kibitz.actions.scope import whole_lines
from kibitz.actions.values import Order, Step
from kibitz.errors import UserError
from kibitz.handlers import answers, edits, reviews
from kibitz.handlers.arguments import Arguments
from kibitz.handlers.connection import Connection
from kibitz.handlers.orders import LONGEST_NAME, order_of, place
from kibitz.jobs import Job
from kibitz.plain_text import one_line
from kibitz_context.document import Document
from kibitz_context.lines import Span


class JobStarts:
    """Starts the jobs of one connection; each method answers with ``{"job": id}``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def answer(self, order: Order, steps: AsyncIterator[Step], what: str) -> dict[str, str]:
        lines, kept_at, uri = None, None, None
        title = what
        if order.document is not None:
            uri = order.document.uri
            lines = whole_lines(order.document, order.span)
            # A question that only came from a file says nothing about its lines.
            kept_at = lines if order.span is not None or order.action == "explain" else None
            title = f"{what} {place(order.document, lines, order.span)}"
        job = self._connection.session.jobs.start(
            lambda job: answers.run_answer(self._connection, job, steps, kept_at),
            kind="explain",
            title=title,
            uri=uri,
            lines=lines,
        )
        return {"job": job.id}

    def findings(
        self, order: Order, steps: AsyncIterator[Step], what: str = "Review"
    ) -> dict[str, str]:
        assert order.document is not None
        lines = whole_lines(order.document, order.span)
        job = self._connection.session.jobs.start(
            lambda job: reviews.run_review(self._connection, job, order, steps, lines),
            kind="review",
            title=f"{what} {place(order.document, lines, order.span)}",
            uri=order.document.uri,
            lines=lines,
        )
        return {"job": job.id}

    def edit(
        self,
        document: Document,
        span: Span | None,
        instruction: str,
        given: Arguments,
        action: str,
        *,
        title: str = "",
    ) -> dict[str, str]:
        order = order_of(self._connection, action, document, span, instruction, given)
        lines = whole_lines(document, span)
        steps = refactor.refactor(order, self._connection.desk)
        shown = f"{title or action.capitalize()} {place(document, lines, span)}"
        return self.start_edit(document, lines, steps, shown, order)

    def change_files(
        self, document: Document, span: Span | None, instruction: str, given: Arguments
    ) -> dict[str, str]:
        """Edit the document and whatever other files it takes, in one workspace edit."""
        from kibitz.actions.change_files import change_files

        order = order_of(self._connection, "refactor", document, span, instruction, given)
        shown = place(document, whole_lines(document, span), span)
        steps = change_files(order, self._connection.desk)
        return self._start_file_edits(order, steps, f"Refactor {shown} and other files")

    def write_tests(
        self, document: Document, span: Span | None, given: Arguments
    ) -> dict[str, str]:
        """Write tests in the file that they belong into, in one workspace edit."""
        from kibitz.actions.write_tests import write_tests

        connection = self._connection
        order = order_of(connection, "test", document, span, given.instruction, given)
        shown = place(document, whole_lines(document, span), span)
        may_create = connection.session.client.creates_files
        steps = write_tests(may_create=may_create)(order, connection.desk)
        return self._start_file_edits(order, steps, f"Write tests for {shown}")

    def edit_closed(
        self, path: Path, given: Arguments, action: str, instruction: str
    ) -> dict[str, str]:
        """Edit a file that no editor has open: nothing is streamed, one edit comes at the end."""
        from kibitz.handlers import closed_edits, file_edits

        connection = self._connection
        if not file_edits.are_possible(connection.session.client):
            raise JsonRpcInvalidParams("The document is not open in the editor; open it first")
        shown = one_line(path.name, LONGEST_NAME)
        what = "Write tests for" if action == "test" else action.capitalize()
        job = connection.session.jobs.start(
            lambda job: closed_edits.run(connection, job, path, given, action, instruction),
            kind="edit",
            title=f"{what} {shown}",
            uri=given.uri,
        )
        return {"job": job.id}

    def _start_file_edits(
        self, order: Order, steps: AsyncIterator[Step], title: str
    ) -> dict[str, str]:
        from kibitz.handlers import file_edits

        connection, document = self._connection, order.document
        assert document is not None
        file_edits.must_be_possible(connection.session.client)
        job = connection.session.jobs.start(
            lambda job: file_edits.run(connection, job, steps, order),
            kind="edit",
            title=title,
            uri=document.uri,
            lines=whole_lines(document, order.span),
        )
        connection.editor.refresh_code_lenses()
        return {"job": job.id}

    def start_edit(
        self,
        document: Document,
        lines: tuple[int, int],
        steps: AsyncIterator[Step],
        title: str,
        order: Order | None = None,
    ) -> dict[str, str]:
        """Deliver `steps`; those of an `order` are checked as the user's settings say."""
        connection = self._connection
        body = self._edit_job(document, lines)
        job = connection.session.jobs.start(
            lambda job: body.run(job, steps, order),
            kind="edit",
            title=title,
            uri=document.uri,
            lines=lines,
        )
        connection.editor.refresh_code_lenses()
        return {"job": job.id}

    def _edit_job(self, document: Document, lines: tuple[int, int]) -> edits.EditJob:
        connection = self._connection
        self._must_take_edits()
        streaming = connection.preferences.settings_of(document.path).edit.streaming
        return edits.EditJob(connection, document, lines, streaming)

    def _must_take_edits(self) -> None:
        if not self._connection.session.client.apply_edit:
            raise JsonRpcInvalidParams("This editor does not let a server edit its documents")

    def offer_presets(
        self, document: Document, span: Span | None, given: Arguments
    ) -> dict[str, str]:
        """Let the user choose what to refactor; without a choice, say how to give one."""
        connection = self._connection
        lines = whole_lines(document, span)
        presets = FILE_PRESETS if given.files else PRESETS
        self._must_take_edits()

        async def choose(job: Job) -> None:
            titles = [preset.title.capitalize() for preset in presets]
            async with connection.reported(job) as report:
                if not connection.session.client.show_message_request:
                    raise UserError(
                        "Say what to refactor: write a comment `kibitz: …` above the code and run "
                        "the action again"
                        + ("." if given.files else ", or choose one of the actions “Refactor: …”.")
                    )
                chosen = await connection.editor.choose("What shall kibitz change?", titles)
                if chosen is None:
                    report.outcome = "Nothing chosen"
                    return
                current = connection.session.documents.get(document.uri)
                if current is None or current.text != document.text:
                    raise UserError("The text has changed meanwhile; choose again.")
                instruction = presets[titles.index(chosen)].instruction
                order = order_of(connection, "refactor", document, span, instruction, given)
                if given.files:
                    from kibitz.actions.change_files import change_files
                    from kibitz.handlers import file_edits

                    steps = change_files(order, connection.desk)
                    await file_edits.carry_out(connection, job, report, steps, order)
                else:
                    body = self._edit_job(document, lines)
                    steps = refactor.refactor(order, connection.desk)
                    await body.carry_out(job, report, steps, order)

        job = connection.session.jobs.start(
            choose,
            kind="edit",
            title=f"Refactor {place(document, lines, span)}",
            uri=document.uri,
            lines=lines,
        )
        return {"job": job.id}

    def page(self, title: str, given: Arguments, steps: AsyncIterator[Step]) -> dict[str, str]:
        connection = self._connection
        job = connection.session.jobs.start(
            lambda job: answers.run_answer(connection, job, steps, None),
            kind=title.lower(),
            title=title,
            uri=given.uri,
        )
        return {"job": job.id}
