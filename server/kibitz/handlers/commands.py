"""`workspace/executeCommand`: check the argument, start a job, answer at once.

What a job needs from the session is taken here, while the command is read and before the next
message is: the document as the client saw it, and the lines that are meant.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from kibitz.actions import answer, pages, refactor, review
from kibitz.actions.catalog import PRESETS
from kibitz.actions.prompt_files import PromptFile
from kibitz.actions.scope import comment_above, definition_around, whole_lines
from kibitz.actions.values import Changed, Order, Step
from kibitz.edits.values import LineEdit, Refusal
from kibitz.errors import UserError
from kibitz.findings.fingerprint import fingerprint
from kibitz.findings.suggestion import edit_for
from kibitz.findings.track import Tracked
from kibitz.findings.values import Finding
from kibitz.handlers import answers, conversations, edits, reviews
from kibitz.handlers.arguments import Arguments, parse, span_in
from kibitz.handlers.connection import Connection
from kibitz.jobs import Job
from kibitz.plain_text import one_line
from kibitz.protocol import from_lsp
from kibitz_context.document import Document
from kibitz_context.lines import Span

DOCUMENT_INSTRUCTION = (
    "Write the documentation comments that are missing here, in this repository's style: what it "
    "does, what goes in and out with units, what can go wrong. Change no code."
)
LONGEST_NAME = 80  # of a file, in a title
FIX_INSTRUCTION = "Mend what the diagnostics say, at its cause. Change nothing else."


class Commands:
    """The commands of one connection.  Each answers with a plain value, most with a job's id."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._handlers: dict[str, Callable[[Arguments], Any]] = {
            "kibitz.explain": self._explain,
            "kibitz.review": self._review,
            "kibitz.reviewChanges": self._review_changes,
            "kibitz.refactor": self._refactor,
            "kibitz.fix": self._fix,
            "kibitz.document": self._document,
            "kibitz.ask": self._ask,
            "kibitz.converse": self._converse,
            "kibitz.runPrompt": self._run_prompt,
            "kibitz.keep": self._keep,
            "kibitz.revert": self._revert,
            "kibitz.applyOffer": self._apply_offer,
            "kibitz.stop": self._stop,
            "kibitz.applyFinding": self._apply_finding,
            "kibitz.dismissFinding": self._dismiss_finding,
            "kibitz.usage": self._usage,
            "kibitz.showContext": self._show_context,
            "kibitz.trust": self._trust,
        }

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._handlers)

    def run(self, name: str, arguments: list[Any]) -> Any:
        """Run one command.  Raises JsonRpcException for arguments that do not fit."""
        return self._handlers[name](parse(arguments))

    def cancel_progress(self, params: types.WorkDoneProgressCancelParams) -> None:
        """The client's own cancel; the token of a progress is the job's id."""
        self._connection.session.jobs.stop("you stopped it", job_id=str(params.token))

    # -- what asks Claude ----------------------------------------------------------------------

    def _explain(self, given: Arguments) -> dict[str, str]:
        document = self._open_document(given)
        span = self._meant(document, given)
        what = "Explain" if not given.instruction else "Answer"
        order = self._order("explain", document, span, given.instruction, given)
        return self._answer(order, answer.explain(order, self._connection.desk), what)

    def _ask(self, given: Arguments) -> dict[str, str]:
        if given.uri is not None and not given.instruction.strip():
            document = self._connection.session.documents.get(given.uri)
            if document is not None and conversations.is_conversation(document):
                return self._send(document, given)
        if not given.instruction.strip():
            raise JsonRpcInvalidParams("Give the question as `instruction`")
        document = self._open_document(given) if given.uri is not None else None
        span = None
        if document is not None and given.range is not None:
            span = self._meant(document, given)
        order = self._order("ask", document, span, given.instruction, given)
        return self._answer(order, answer.ask(order, self._connection.desk), "Ask")

    def _send(self, document: Document, given: Arguments) -> dict[str, str]:
        """Answer the question at the end of a conversation's document."""
        connection = self._connection
        found = conversations.read(connection, document)
        order = replace(
            self._order("ask", None, None, found.question, given),
            root=conversations.start_of(connection, document, found),
            tier=given.tier or found.tier,
        )
        body = conversations.SendJob(connection, document, found, order)
        job = connection.session.jobs.start(
            body.run,
            kind=conversations.KIND,
            title=f"Answer {one_line(Path(document.uri).name, LONGEST_NAME)}",
            uri=document.uri,
        )
        connection.editor.refresh_code_lenses()
        return {"job": job.id}

    def _converse(self, given: Arguments) -> dict[str, str]:
        """Open a new conversation, about the lines that are given if there are any."""
        connection = self._connection
        path, place = None, None
        if given.uri is not None:
            document = self._open_document(given)
            path, span = document.path, self._meant(document, given)
            if path is not None and span is not None:
                place = conversations.Place(path, whole_lines(document, span))
        start = connection.start_of(path)
        job = connection.session.jobs.start(
            lambda job: conversations.begin(connection, job, start, place, given.instruction),
            kind="conversation",
            title="New conversation",
        )
        return {"job": job.id}

    def _review(self, given: Arguments) -> dict[str, str]:
        document = self._open_document(given)
        span = self._meant(document, given)
        order = self._order("review", document, span, given.instruction, given)
        return self._findings(order, review.review(order, self._connection.desk))

    def _review_changes(self, given: Arguments) -> dict[str, str]:
        """Review what is not committed, where the document is or in the first folder."""
        from kibitz.handlers import change_reviews

        path = from_lsp.governing_path(given.uri) if given.uri is not None else None
        order = self._order("review", None, None, given.instruction, given)
        order = replace(order, root=self._connection.start_of(path))
        job = self._connection.session.jobs.start(
            lambda job: change_reviews.run_change_review(self._connection, job, order),
            kind=change_reviews.KIND,
            title="Review changes",
        )
        return {"job": job.id}

    def _refactor(self, given: Arguments) -> dict[str, str]:
        document = self._open_document(given)
        span = self._meant(document, given)
        if given.files:
            return self._change_files(document, span, given)
        if given.instruction.strip():
            return self._edit(document, span, given.instruction, given, "refactor")
        lines = whole_lines(document, span)
        comment = comment_above(document.lines.lines, lines[0])
        if comment is not None:
            number, instruction = comment
            table = document.lines
            first = min(number, lines[0])
            span = Span(table.starts[first], table.starts[lines[1]] if lines[1] < table.line_count
                        else len(document.text))  # fmt: skip
            words = f"{instruction}\nRemove the `kibitz:` comment itself."
            return self._edit(document, span, words, given, "refactor")
        return self._offer_presets(document, span, given)

    def _fix(self, given: Arguments) -> dict[str, str]:
        document = self._open_document(given)
        span = self._meant(document, given)
        if not given.diagnostics and not given.instruction.strip():
            raise JsonRpcInvalidParams("Give the diagnostics to fix as `diagnostics`")
        words = given.instruction.strip() or FIX_INSTRUCTION
        return self._edit(document, span, words, given, "fix")

    def _document(self, given: Arguments) -> dict[str, str]:
        document = self._open_document(given)
        span = self._meant(document, given)
        words = given.instruction.strip() or DOCUMENT_INSTRUCTION
        return self._edit(document, span, words, given, "document")

    def _run_prompt(self, given: Arguments) -> dict[str, str]:
        document = self._open_document(given)
        prompt = self._prompt_file(document, given.prompt)
        given = replace(given, tier=given.tier or prompt.tier)
        span = self._meant(document, given)
        words = "\n\n".join(part for part in (prompt.instruction, given.instruction) if part)
        order = self._order("ask", document, span, words, given)
        if prompt.output == "edit":
            return self._edit(document, span, words, given, "refactor", title=prompt.title)
        if prompt.output == "findings":
            order = self._order("review", document, span, words, given)
            return self._findings(order, review.review(order, self._connection.desk))
        order = replace(order, span=span or document.whole)
        return self._answer(order, answer.ask(order, self._connection.desk), prompt.title)

    # -- what does not -------------------------------------------------------------------------

    def _keep(self, given: Arguments) -> dict[str, Any]:
        chosen = edits.edits_in(self._connection, given.uri, given.job)
        kept = edits.keep(self._connection, chosen, given.hunk, given.offer)
        return {"job": given.job, "kept": kept}

    def _apply_offer(self, given: Arguments) -> dict[str, str]:
        found = [
            (edit, offer)
            for edit in edits.edits_in(self._connection, given.uri, given.job)
            for offer in edits.chosen_offers(edit, given.offer or 0)
        ]
        if not found:
            raise JsonRpcInvalidParams("There is no such change of kibitz's to apply here")
        edit, offer = found[0]
        job = self._connection.session.jobs.start(
            lambda job: edits.apply_offer(self._connection, job, edit, offer),
            kind="offer",
            title="Apply Claude's version",
            uri=edit.uri,
        )
        return {"job": job.id}

    def _revert(self, given: Arguments) -> dict[str, str]:
        chosen = edits.edits_in(self._connection, given.uri, given.job)
        if not chosen:
            raise JsonRpcInvalidParams("There is no edit of kibitz's to revert here")
        job = self._connection.session.jobs.start(
            lambda job: edits.revert(self._connection, job, chosen, given.hunk),
            kind="revert",
            title="Revert",
            uri=chosen[0].uri,
        )
        return {"job": job.id}

    def _stop(self, given: Arguments) -> dict[str, Any]:
        stopped = self._connection.session.jobs.stop(
            "you stopped it", job_id=given.job, uri=given.uri
        )
        return {"job": given.job, "stopped": stopped}

    def _apply_finding(self, given: Arguments) -> dict[str, str]:
        document, kept = self._finding(given)
        finding = replace(kept.value, start_line=kept.start + 1, end_line=kept.end)
        edit = edit_for(finding, document.lines.lines)

        async def steps() -> AsyncIterator[Step]:
            if isinstance(edit, Refusal):
                raise UserError(edit.sentence)
            yield Changed((LineEdit(edit.start - kept.start, edit.end - kept.start, edit.lines),))

        title = f"Apply: {finding.title}"
        return self._start_edit(document, (kept.start, kept.end), steps(), title)

    def _dismiss_finding(self, given: Arguments) -> dict[str, str]:
        document, kept = self._finding(given)
        findings = self._connection.session.shelf.findings[document.uri]
        findings.remove(kept)
        reviews.publish(self._connection, document.uri)
        return {"finding": given.finding or ""}

    def _usage(self, given: Arguments) -> dict[str, str]:
        return self._page("Usage", given, pages.usage(self._connection.backend))

    def _show_context(self, given: Arguments) -> dict[str, str]:
        document = self._open_document(given) if given.uri is not None else None
        order = self._order("explain", document, None, given.instruction, given)
        return self._page("Context", given, pages.context(order, self._connection.desk))

    def _trust(self, given: Arguments) -> dict[str, Any]:
        path = from_lsp.path(given.uri) if given.uri is not None else None
        return self._connection.set_trust(path, granted=not given.revoke)

    # -- parts ---------------------------------------------------------------------------------

    def _open_document(self, given: Arguments) -> Document:
        if given.uri is None:
            raise JsonRpcInvalidParams("Give the document as `uri`")
        document = self._connection.session.documents.get(given.uri)
        if document is None:
            raise JsonRpcInvalidParams("The document is not open in the editor; open it first")
        if not document.text.strip():
            raise JsonRpcInvalidParams("The document is empty")
        return document

    def _meant(self, document: Document, given: Arguments) -> Span | None:
        """The span that is meant: the selection, the definition at a cursor, None for the file."""
        span = span_in(document, given, self._connection.session.client.encoding)
        if span is None or not span.is_empty:
            return span
        table = document.lines
        first, end = definition_around(table.lines, table.line_at(span.start))
        stop = table.starts[end] if end < table.line_count else len(document.text)
        return Span(table.starts[first], stop)

    def _order(
        self,
        action: str,
        document: Document | None,
        span: Span | None,
        instruction: str,
        given: Arguments,
    ) -> Order:
        path = document.path if document is not None else None
        return Order(
            action,
            self._connection.start_of(path),
            document,
            span,
            instruction,
            self._connection.session.documents.overlays(),
            given.diagnostics,
            given.tier,
            given.model,
            folders=tuple(self._connection.session.folders),
        )

    def _answer(self, order: Order, steps: AsyncIterator[Step], what: str) -> dict[str, str]:
        lines, kept_at, uri = None, None, None
        title = what
        if order.document is not None:
            uri = order.document.uri
            lines = whole_lines(order.document, order.span)
            # A question that only came from a file says nothing about its lines.
            kept_at = lines if order.span is not None or order.action == "explain" else None
            title = f"{what} {_place(order.document, lines, order.span)}"
        job = self._connection.session.jobs.start(
            lambda job: answers.run_answer(self._connection, job, steps, kept_at),
            kind="explain",
            title=title,
            uri=uri,
            lines=lines,
        )
        return {"job": job.id}

    def _findings(self, order: Order, steps: AsyncIterator[Step]) -> dict[str, str]:
        assert order.document is not None
        lines = whole_lines(order.document, order.span)
        job = self._connection.session.jobs.start(
            lambda job: reviews.run_review(self._connection, job, order, steps, lines),
            kind="review",
            title=f"Review {_place(order.document, lines, order.span)}",
            uri=order.document.uri,
            lines=lines,
        )
        return {"job": job.id}

    def _edit(
        self,
        document: Document,
        span: Span | None,
        instruction: str,
        given: Arguments,
        action: str,
        *,
        title: str = "",
    ) -> dict[str, str]:
        order = self._order(action, document, span, instruction, given)
        lines = whole_lines(document, span)
        steps = refactor.refactor(order, self._connection.desk)
        shown = f"{title or action.capitalize()} {_place(document, lines, span)}"
        return self._start_edit(document, lines, steps, shown)

    def _change_files(
        self, document: Document, span: Span | None, given: Arguments
    ) -> dict[str, str]:
        """Edit the document and whatever other files it takes, in one workspace edit."""
        from kibitz.handlers import file_edits

        if not given.instruction.strip():
            raise JsonRpcInvalidParams("Say what to change as `instruction`")
        file_edits.must_be_possible(self._connection.session.client)
        order = self._order("refactor", document, span, given.instruction, given)
        lines = whole_lines(document, span)
        job = self._connection.session.jobs.start(
            lambda job: file_edits.run(self._connection, job, order),
            kind="edit",
            title=f"Refactor {_place(document, lines, span)} and other files",
            uri=document.uri,
            lines=lines,
        )
        self._connection.editor.refresh_code_lenses()
        return {"job": job.id}

    def _start_edit(
        self, document: Document, lines: tuple[int, int], steps: AsyncIterator[Step], title: str
    ) -> dict[str, str]:
        connection = self._connection
        body = self._edit_job(document, lines)
        job = connection.session.jobs.start(
            lambda job: body.run(job, steps),
            kind="edit",
            title=title,
            uri=document.uri,
            lines=lines,
        )
        connection.editor.refresh_code_lenses()
        return {"job": job.id}

    def _edit_job(self, document: Document, lines: tuple[int, int]) -> edits.EditJob:
        connection = self._connection
        if not connection.session.client.apply_edit:
            raise JsonRpcInvalidParams("This editor does not let a server edit its documents")
        streaming = connection.settings_of(document.path).edit.streaming
        return edits.EditJob(connection, document, lines, streaming)

    def _offer_presets(
        self, document: Document, span: Span | None, given: Arguments
    ) -> dict[str, str]:
        """Let the user choose what to refactor; without a choice, say how to give one."""
        connection = self._connection
        lines = whole_lines(document, span)

        async def choose(job: Job) -> None:
            titles = [preset.title.capitalize() for preset in PRESETS]
            chosen = None
            async with connection.reported(job, ends=False) as report:
                if not connection.session.client.show_message_request:
                    raise UserError(
                        "Say what to refactor: write a comment `kibitz: …` above the code and run "
                        "the action again, or choose one of the actions “Refactor: …”."
                    )
                chosen = await connection.editor.choose("What shall kibitz change?", titles)
                if chosen is None:
                    report.end("Nothing chosen")
                    return
                current = connection.session.documents.get(document.uri)
                if current is None or current.text != document.text:
                    raise UserError("The text has changed meanwhile; choose again.")
            if chosen is not None:
                instruction = PRESETS[titles.index(chosen)].instruction
                order = self._order("refactor", document, span, instruction, given)
                body = self._edit_job(document, lines)
                await body.run(job, refactor.refactor(order, connection.desk))

        job = connection.session.jobs.start(
            choose,
            kind="edit",
            title=f"Refactor {_place(document, lines, span)}",
            uri=document.uri,
            lines=lines,
        )
        return {"job": job.id}

    def _page(self, title: str, given: Arguments, steps: AsyncIterator[Step]) -> dict[str, str]:
        connection = self._connection
        job = connection.session.jobs.start(
            lambda job: answers.run_answer(connection, job, steps, None),
            kind=title.lower(),
            title=title,
            uri=given.uri,
        )
        return {"job": job.id}

    def _prompt_file(self, document: Document, name: str | None) -> PromptFile:
        prompts = self._connection.prompt_files(document.path)
        for prompt in prompts:
            if prompt.name == name:
                return prompt
        known = ", ".join(prompt.name for prompt in prompts) or "none"
        raise JsonRpcInvalidParams(f"There is no prompt {str(name)[:60]!r}; there are: {known}")

    def _finding(self, given: Arguments) -> tuple[Document, Tracked[Finding]]:
        document = self._open_document(given)
        lines = document.lines.lines
        for kept in self._connection.session.shelf.findings.get(document.uri, []):
            if fingerprint(kept.value, lines) == given.finding:
                return document, kept
        raise JsonRpcInvalidParams("This finding is no longer there")


def _place(document: Document, lines: tuple[int, int], span: Span | None) -> str:
    """How a job's title names its place: the file, and the lines unless it is all of them."""
    name = document.path.name if document.path is not None else Path(document.uri).name
    name = one_line(name, LONGEST_NAME)
    if span is None:
        return name
    first, end = lines[0] + 1, max(lines[1], lines[0] + 1)
    return f"{name}:{first}" if first == end else f"{name}:{first}-{end}"
