"""`workspace/executeCommand`: check the argument, start a job, answer at once.

What a job needs from the session is taken while the command is read and before the next message
is: the document as the client saw it, and the lines that are meant.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from kibitz.actions import answer, pages
from kibitz.actions.scope import whole_lines
from kibitz.actions.values import Changed, Order, Step
from kibitz.actions.whole_review import review_steps
from kibitz.edits.values import LineEdit, Refusal
from kibitz.errors import UserError
from kibitz.findings.suggestion import edit_for
from kibitz.handlers import conversations, file_edits, reviews, written_edits
from kibitz.handlers.arguments import Arguments, parse
from kibitz.handlers.connection import Connection
from kibitz.handlers.job_starts import JobStarts
from kibitz.handlers.orders import (
    LONGEST_NAME,
    closed_file,
    kept_finding,
    meant_span,
    open_document,
    order_of,
    prompt_named,
    wish_of_comment,
)
from kibitz.plain_text import one_line
from kibitz.protocol import from_lsp
from kibitz_context.document import Document
from kibitz_context.lines import Span

DOCUMENT_INSTRUCTION = (
    "Write the documentation comments that are missing here, in this repository's style: what it "
    "does, what goes in and out with units, what can go wrong. Change no code."
)
FIX_INSTRUCTION = "Mend what the diagnostics say, at its cause. Change nothing else."


class Commands:
    """The commands of one connection.  Each answers with a plain value, most with a job's id."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._start = JobStarts(connection)
        self._handlers: dict[str, Callable[[Arguments], Any]] = {
            "kibitz.explain": self._explain,
            "kibitz.review": self._review,
            "kibitz.reviewChanges": self._review_changes,
            "kibitz.refactor": self._refactor,
            "kibitz.fix": self._fix,
            "kibitz.document": self._document,
            "kibitz.test": self._test,
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
        document = open_document(self._connection, given)
        span = meant_span(self._connection, document, given)
        what = "Explain" if not given.instruction else "Answer"
        order = order_of(self._connection, "explain", document, span, given.instruction, given)
        return self._start.answer(order, answer.explain(order, self._connection.desk), what)

    def _ask(self, given: Arguments) -> dict[str, str]:
        if given.uri is not None and not given.instruction.strip():
            document = self._connection.session.documents.get(given.uri)
            if document is not None and conversations.is_conversation(document):
                return self._send(document, given)
        if not given.instruction.strip():
            raise JsonRpcInvalidParams("Give the question as `instruction`")
        document = open_document(self._connection, given) if given.uri is not None else None
        span = None
        if document is not None and given.range is not None:
            span = meant_span(self._connection, document, given)
        order = order_of(self._connection, "ask", document, span, given.instruction, given)
        return self._start.answer(order, answer.ask(order, self._connection.desk), "Ask")

    def _send(self, document: Document, given: Arguments) -> dict[str, str]:
        """Answer the question at the end of a conversation's document."""
        connection = self._connection
        found = conversations.read(connection, document)
        order = replace(
            order_of(self._connection, "ask", None, None, found.question, given),
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
            document = open_document(self._connection, given)
            path, span = document.path, meant_span(self._connection, document, given)
            if path is not None and span is not None:
                place = conversations.Place(path, whole_lines(document, span))
        start = connection.session.start_of(path)
        job = connection.session.jobs.start(
            lambda job: conversations.begin(connection, job, start, place, given.instruction),
            kind="conversation",
            title="New conversation",
        )
        return {"job": job.id}

    def _review(self, given: Arguments) -> dict[str, str]:
        if given.uris or closed_file(self._connection, given) is not None:
            return self._review_files(given)
        document = open_document(self._connection, given)
        span = meant_span(self._connection, document, given)
        order = order_of(self._connection, "review", document, span, given.instruction, given)
        return self._start.findings(order, self._review_steps(order))

    def _review_steps(self, order: Order) -> AsyncIterator[Step]:
        return review_steps(order, self._connection.desk, self._connection.dismissals)

    def _review_files(self, given: Arguments) -> dict[str, str]:
        """Review files and folders, whether they are open or not."""
        from kibitz.handlers import file_reviews

        if given.range is not None:
            raise JsonRpcInvalidParams("A `range` is for one document that is open")
        uris = given.uris or (given.uri or "",)
        places = [from_lsp.path(uri) for uri in dict.fromkeys(uris)]
        paths = [place for place in places if place is not None]
        if len(paths) < len(places) or not all(path.exists() for path in paths):
            raise JsonRpcInvalidParams("Give files and folders that there are, as `file:` URIs")
        order = order_of(self._connection, "review", None, None, given.instruction, given)
        job = self._connection.session.jobs.start(
            lambda job: file_reviews.run_file_reviews(self._connection, job, order, paths),
            kind=file_reviews.KIND,
            title=file_reviews.title_of(paths),
        )
        return {"job": job.id}

    def _review_changes(self, given: Arguments) -> dict[str, str]:
        """Review changes where the document is or in the first folder: what is not committed,
        what is `staged`, or what the `revisions` name."""
        from kibitz.handlers import change_reviews

        path = from_lsp.governing_path(given.uri) if given.uri is not None else None
        order = order_of(self._connection, "review", None, None, given.instruction, given)
        order = replace(order, root=self._connection.session.start_of(path))
        if given.staged and given.revisions:
            raise JsonRpcInvalidParams("Give either `staged` or `revisions`")
        which = change_reviews.Which(given.revisions, given.staged)
        job = self._connection.session.jobs.start(
            lambda job: change_reviews.run_change_review(self._connection, job, order, which),
            kind=change_reviews.KIND,
            title=which.title,
        )
        return {"job": job.id}

    def _refactor(self, given: Arguments) -> dict[str, str]:
        if (path := closed_file(self._connection, given)) is not None:
            return self._start.edit_closed(path, given, "refactor", given.instruction)
        document = open_document(self._connection, given)
        span = meant_span(self._connection, document, given)
        if given.files:
            file_edits.must_be_possible(self._connection.session.client)
        if given.instruction.strip():
            return self._carry_out(document, span, given.instruction, given)
        wish = wish_of_comment(document, span)
        if wish is not None:
            instruction, span = wish
            return self._carry_out(document, span, instruction, given)
        return self._start.offer_presets(document, span, given)

    def _carry_out(
        self, document: Document, span: Span | None, instruction: str, given: Arguments
    ) -> dict[str, str]:
        if given.files:
            return self._start.change_files(document, span, instruction, given)
        return self._start.edit(document, span, instruction, given, "refactor")

    def _fix(self, given: Arguments) -> dict[str, str]:
        if not given.diagnostics and not given.instruction.strip():
            raise JsonRpcInvalidParams("Give the diagnostics to fix as `diagnostics`")
        words = given.instruction.strip() or FIX_INSTRUCTION
        if (path := closed_file(self._connection, given)) is not None:
            return self._start.edit_closed(path, given, "fix", words)
        document = open_document(self._connection, given)
        span = meant_span(self._connection, document, given)
        return self._start.edit(document, span, words, given, "fix")

    def _document(self, given: Arguments) -> dict[str, str]:
        words = given.instruction.strip() or DOCUMENT_INSTRUCTION
        if (path := closed_file(self._connection, given)) is not None:
            return self._start.edit_closed(path, given, "document", words)
        document = open_document(self._connection, given)
        span = meant_span(self._connection, document, given)
        return self._start.edit(document, span, words, given, "document")

    def _test(self, given: Arguments) -> dict[str, str]:
        if (path := closed_file(self._connection, given)) is not None:
            return self._start.edit_closed(path, given, "test", given.instruction)
        document = open_document(self._connection, given)
        span = meant_span(self._connection, document, given)
        return self._start.write_tests(document, span, given)

    def _run_prompt(self, given: Arguments) -> dict[str, str]:
        document = open_document(self._connection, given)
        prompt = prompt_named(self._connection, document, given.prompt)
        if prompt.problem:
            self._connection.tell_once(f"The prompt {prompt.name}.md: {prompt.problem}.")
        given = replace(given, tier=given.tier or prompt.tier)
        span = meant_span(self._connection, document, given)
        words = "\n\n".join(part for part in (prompt.instruction, given.instruction) if part)
        order = order_of(self._connection, "ask", document, span, words, given)
        if prompt.output == "edit":
            return self._start.edit(document, span, words, given, "refactor", title=prompt.title)
        if prompt.output == "findings":
            order = order_of(self._connection, "review", document, span, words, given)
            return self._start.findings(order, self._review_steps(order), prompt.title)
        order = replace(order, span=span or document.whole)
        return self._start.answer(order, answer.ask(order, self._connection.desk), prompt.title)

    # -- what does not -------------------------------------------------------------------------

    def _keep(self, given: Arguments) -> dict[str, Any]:
        chosen = written_edits.edits_in(self._connection, given.uri, given.job)
        kept = written_edits.keep(self._connection, chosen, given.hunk, given.offer)
        return {"job": given.job, "kept": kept}

    def _apply_offer(self, given: Arguments) -> dict[str, str]:
        found = [
            (edit, offer)
            for edit in written_edits.edits_in(self._connection, given.uri, given.job)
            for offer in written_edits.chosen_offers(edit, given.offer or 0)
        ]
        if not found:
            raise JsonRpcInvalidParams("There is no such change of kibitz's to apply here")
        edit, offer = found[0]
        job = self._connection.session.jobs.start(
            lambda job: written_edits.apply_offer(self._connection, job, edit, offer),
            kind="offer",
            title="Apply Claude's version",
            uri=edit.uri,
        )
        return {"job": job.id}

    def _revert(self, given: Arguments) -> dict[str, str]:
        chosen = written_edits.edits_in(self._connection, given.uri, given.job)
        if not chosen:
            raise JsonRpcInvalidParams("There is no edit of kibitz's to revert here")
        job = self._connection.session.jobs.start(
            lambda job: written_edits.revert(self._connection, job, chosen, given.hunk),
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
        document, kept = kept_finding(self._connection, given)
        finding = replace(kept.value, start_line=kept.start + 1, end_line=kept.end)
        edit = edit_for(finding, document.lines.lines)

        async def steps() -> AsyncIterator[Step]:
            if isinstance(edit, Refusal):
                raise UserError(edit.sentence)
            yield Changed((LineEdit(edit.start - kept.start, edit.end - kept.start, edit.lines),))

        title = f"Apply: {finding.title}"
        return self._start.start_edit(document, (kept.start, kept.end), steps(), title)

    def _dismiss_finding(self, given: Arguments) -> dict[str, str]:
        document, kept = kept_finding(self._connection, given)
        findings = self._connection.session.shelf.findings[document.uri]
        findings.remove(kept)
        reviews.publish(self._connection, document.uri)
        reviews.remember(self._connection, document.uri)
        reviews.dismiss(self._connection, document, kept, given.reason)
        return {"finding": given.finding or ""}

    def _usage(self, given: Arguments) -> dict[str, str]:
        return self._start.page("Usage", given, pages.usage(self._connection.backend))

    def _show_context(self, given: Arguments) -> dict[str, str]:
        document = open_document(self._connection, given) if given.uri is not None else None
        order = order_of(self._connection, "explain", document, None, given.instruction, given)
        return self._start.page("Context", given, pages.context(order, self._connection.desk))

    def _trust(self, given: Arguments) -> dict[str, Any]:
        path = from_lsp.path(given.uri) if given.uri is not None else None
        return self._connection.preferences.set_trust(path, granted=not given.revoke)
