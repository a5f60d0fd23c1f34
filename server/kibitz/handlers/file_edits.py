"""A change of several files in the editor: one edit, then kept or taken back like any other.

Nothing is applied where a document has changed since Claude was asked; what a file's name makes
risky is confirmed by the user first.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pygls.exceptions import JsonRpcInvalidParams

from kibitz.actions.values import FilesChanged, Order, Step
from kibitz.edits.composed import composed, ledger_of
from kibitz.edits.file_changes import FileChange
from kibitz.edits.hunks import Hunk, hunks_of
from kibitz.edits.passages import line_edits
from kibitz.edits.region import text_changes
from kibitz.edits.splices import same_lines
from kibitz.edits.values import LineEdit
from kibitz.errors import UserError
from kibitz.handlers.connection import Connection, Report
from kibitz.handlers.written_edits import drop_if_done
from kibitz.jobs import Job
from kibitz.open_documents import DocumentChange
from kibitz.plain_text import one_line
from kibitz.protocol import to_lsp
from kibitz.session import Client, WrittenEdit
from kibitz_context.document import Document
from kibitz_context.lines import LineTable, split_lines

_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class _Target:
    """A file with the document that stands for it; one that is not open has no version."""

    file: FileChange
    document: Document
    edits: tuple[LineEdit, ...]
    is_open: bool


def are_possible(client: Client) -> bool:
    """Whether the editor takes an edit of several files."""
    return client.apply_edit and client.versioned_edits


def must_be_possible(client: Client) -> None:
    """Raises JsonRpcInvalidParams for an editor that takes no edit of several files."""
    if not are_possible(client):
        raise JsonRpcInvalidParams(
            "This editor takes no edit of several files; use `kibitz refactor --files`"
        )


async def run(connection: Connection, job: Job, steps: AsyncIterator[Step], order: Order) -> None:
    """The body of a job whose `steps` carry out `order`, and end with a change of as many files as
    it takes; what comes of it is checked as the user's settings say."""
    async with connection.reported(job) as report:
        await carry_out(connection, job, report, steps, order)


async def carry_out(
    connection: Connection, job: Job, report: Report, steps: AsyncIterator[Step], order: Order
) -> None:
    """As `run`, within a report that has begun."""
    try:
        files = await _changed(report, steps)
        report.outcome, written = await _apply(connection, job, files)
        if written:
            from kibitz.handlers.edit_checks import check

            mend = partial(_mend, connection, job, report, order, written)
            await check(connection, job, report, order, mend)
    finally:
        connection.editor.refresh_code_lenses()


async def _changed(report: Report, steps: AsyncIterator[Step]) -> tuple[FileChange, ...]:
    files: tuple[FileChange, ...] = ()
    async for step in report.follow(steps):
        if isinstance(step, FilesChanged):
            files = step.files
    return files


async def _mend(
    connection: Connection,
    job: Job,
    report: Report,
    order: Order,
    written: Sequence[FileChange],
    failure: str,
) -> str:
    """Have Claude mend what it has made of the files; gives the outcome, "" for no change."""
    from kibitz.actions.mend import mend_files, mending

    assert order.document is not None, "files are changed from a document"
    documents, before = connection.session.documents, order.document
    assert before.path is not None, "files are changed by their names"
    real = Path(await asyncio.to_thread(os.path.realpath, before.path))
    after = next((file.after for file in written if file.file == real), None)
    document = documents.at(real)
    if document is None:
        document = before if after is None else Document(before.uri, before.path, after)
    span = order.span if document.text == before.text else None
    again = mending(order, failure, document, span, documents.overlays())
    # Code that is tested stays as it is; but some has its tests within.
    keeps_document = order.action == "test" and after is None
    action = mend_files(keeps_document=keeps_document)
    files = await _changed(report, action(again, connection.desk))
    outcome, written = await _apply(connection, job, files)
    return outcome if written else ""


async def _apply(
    connection: Connection, job: Job, files: Sequence[FileChange]
) -> tuple[str, list[FileChange]]:
    """Apply all of `files`; how that ended, and those that were changed.

    Raises UserError when nothing was applied.
    """
    if not files:
        return "Nothing to change", []
    client = connection.session.client
    if any(file.is_new for file in files) and not client.creates_files:
        raise UserError(
            "The change needs a new file, which this editor does not let a server make; use "
            "`kibitz refactor --files`."
        )
    if not await _is_allowed(connection, files):
        return "Nothing was changed", []
    targets = [_target(connection, file) for file in files]
    written = _Written(connection, job, targets)
    with contextlib.ExitStack() as following:
        following.callback(connection.session.documents.follow(written.document_changed))
        said = await connection.editor.send_files(
            [
                to_lsp.FilePart(
                    target.document,
                    text_changes(target.document, 0, target.edits),
                    target.file.is_new,
                    target.file.protection,
                )
                for target in targets
            ]
        )
        if said:
            written.take_closed()
            # `applied` is not proof: the text of what is open is.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(client.profile.echo_seconds):
                    await written.all_arrived.wait()
    return _outcome(written.done, written.missing), written.done


async def _is_allowed(connection: Connection, files: Sequence[FileChange]) -> bool:
    """Whether protected files may be changed: asked here where the editor would not ask."""
    protected = [file for file in files if file.protection is not None]
    client = connection.session.client
    if not protected or client.annotated_edits:
        return True
    first = protected[0]
    what = f"{_names(protected)}: {first.protection}"
    if not client.show_message_request:
        raise UserError(
            f"Nothing was changed, because you would have to confirm {what}. Use "
            "`kibitz refactor --files`, which shows the change."
        )
    yes = "Change it" if len(protected) == 1 else "Change them"
    return await connection.editor.choose(f"May kibitz change {what}?", [yes, "No"]) == yes


def _target(connection: Connection, file: FileChange) -> _Target:
    """Where a change goes.  Raises UserError when the document is no longer what it was."""
    document = connection.session.documents.at(file.file)
    before = file.before or ""
    if document is None:
        document = Document(to_lsp.uri(file.file), file.file, before, None, "", LineTable(before))
        return _Target(file, document, tuple(line_edits(before, file.changes)), is_open=False)
    if document.text != before:
        raise UserError(
            f"{one_line(file.path, 200)} was changed while Claude was writing, so nothing was "
            "applied; try again."
        )
    return _Target(file, document, tuple(line_edits(before, file.changes)), is_open=True)


class _Written:
    """Which files have become what they should; those can be kept and reverted from then on."""

    def __init__(self, connection: Connection, job: Job, targets: Sequence[_Target]) -> None:
        self._connection = connection
        self._job = job
        self._waiting = {target.document.uri: target for target in targets}
        # What the job has written before, where it stands now.
        self._before = {
            edit.uri: edit.ledger.hunks
            for edit in connection.session.written.values()
            if edit.job_id == job.id
        }
        self.done: list[FileChange] = []
        self.all_arrived = asyncio.Event()

    @property
    def missing(self) -> list[FileChange]:
        return [target.file for target in self._waiting.values()]

    def document_changed(self, event: DocumentChange) -> None:
        target = self._waiting.get(event.after.uri)
        if target is not None and same_lines(
            event.after.lines.lines, split_lines(target.file.after)
        ):
            self._take(target)

    def take_closed(self) -> None:
        """The client says that it has applied the edit: of what is not open nothing else tells."""
        for target in list(self._waiting.values()):
            if not target.is_open:
                self._take(target)
        self._tell_when_done()

    def _take(self, target: _Target) -> None:
        document = target.document
        del self._waiting[document.uri]
        self.done.append(target.file)
        self._record(document, hunks_of(document.lines.lines, target.edits), target.file.after)
        self._tell_when_done()

    def _record(self, document: Document, hunks: Sequence[Hunk], after: str) -> None:
        """Keep the hunks; where the job has changed the file before, both times are one edit."""
        written = self._connection.session.written
        job_id, before = self._job.id, self._before.get(document.uri, ())
        if (job_id, document.uri) in written:
            both = composed(document.lines.lines, before, split_lines(after), hunks)
            if both is None:
                job_id = f"{job_id}-mend"
            else:
                hunks = both
        edit = WrittenEdit(job_id, document.uri, self._job.title, ledger_of(hunks))
        written[edit.key] = edit
        drop_if_done(self._connection, edit)

    def _tell_when_done(self) -> None:
        if not self._waiting:
            self.all_arrived.set()


def _outcome(done: Sequence[FileChange], missing: Sequence[FileChange]) -> str:
    """How it ended, with what has become worse.  Raises UserError when nothing was applied."""
    if not done:
        raise UserError("The editor did not apply the change; nothing was changed.")
    parts = [f"{len(done)} file{'s' if len(done) != 1 else ''} changed"]
    if missing:
        parts.append(f"not changed: {_names(missing)}")
    complaints = [
        f"{one_line(file.path, 80)} {each}" for file in done for each in file.checked.complaints
    ]
    still = " · still parses" if len(done) == 1 else " · all still parse"
    parses = not complaints and all(file.checked.parses for file in done)
    return ", ".join(parts + complaints) + still * parses


def _names(files: Sequence[FileChange]) -> str:
    names = [one_line(file.path, 80) for file in files[:_MOST_NAMES]]
    more = len(files) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
