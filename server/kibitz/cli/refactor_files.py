"""`kibitz refactor --files`: a change that may reach several files, printed or written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from functools import partial

from kibitz.actions.change_files import change_files
from kibitz.actions.mend import mend_files, mending
from kibitz.actions.values import FilesChanged, Order
from kibitz.cli import patch
from kibitz.cli.edit_check import check, note_complaints
from kibitz.cli.place import BOM
from kibitz.cli.shown_diff import show_diff
from kibitz.cli.terminal import Terminal
from kibitz.cli.workplace import Workplace
from kibitz.edits.file_changes import FileChange
from kibitz.errors import EXIT_USAGE, UserError
from kibitz.plain_text import one_line
from kibitz_context.document import Document


async def refactor_files(at: Workplace, order: Order, *, writes: bool) -> int:
    """Carry out `order`, and print or write what comes of it; returns the exit code."""
    files: tuple[FileChange, ...] = ()
    with at.progress:
        async with aclosing(at.steps(change_files(order, at.desk))) as steps:
            async for step in steps:
                if isinstance(step, FilesChanged):
                    files = step.files
        code = _deliver(at.terminal, files, writes=writes)
        if writes and files and not code:
            await check(at, order.root, partial(_mend, at, order, files))
        return code


async def _mend(at: Workplace, order: Order, written: Sequence[FileChange], failure: str) -> bool:
    """Have Claude mend what was written; returns whether it changed anything."""
    before = order.document
    assert before is not None
    assert before.path is not None
    real = before.path.resolve()
    after = next((file.after for file in written if file.file == real), before.text)
    document = Document(before.uri, before.path, after)
    span = order.span if after == before.text else None
    again = mending(order, failure, document, span, {})
    files: tuple[FileChange, ...] = ()
    action = mend_files(keeps_document=False)
    async with aclosing(at.steps(action(again, at.desk))) as steps:
        async for step in steps:
            if isinstance(step, FilesChanged):
                files = step.files
    return bool(files) and not _deliver(at.terminal, files, writes=True)


def _deliver(terminal: Terminal, files: Sequence[FileChange], *, writes: bool) -> int:
    if not files:
        terminal.note("There is nothing to change.")
        return 0
    note_complaints(terminal, files)
    if not writes:
        _show(terminal, files)
        return 0
    protected = next((file for file in files if file.protection is not None), None)
    if protected is not None:
        # Nobody has looked at it yet, and it would take effect by itself.
        _show(terminal, files)
        terminal.note(
            f"{_shown(protected)} is not written, because {protected.protection}; no other file "
            "is either. Look at the change, which is printed, and apply it with `git apply`."
        )
        return EXIT_USAGE
    changed_meanwhile = _write_all(files)
    if changed_meanwhile is not None:
        # Claude was paid for this: it is printed rather than lost.
        _show(terminal, files)
        terminal.note(
            f"{_shown(changed_meanwhile)} was changed meanwhile; all files are left as they are, "
            "and the change is printed."
        )
        return EXIT_USAGE
    for file in files:
        if file.is_new:
            terminal.note(f"{_shown(file)} is new: {len(file.after.splitlines())} lines.")
        else:
            added, removed = patch.n_changed_lines(_diff(file))
            terminal.note(f"{_shown(file)} is changed: +{added} -{removed} lines.")
    return 0


def _write_all(files: Sequence[FileChange]) -> FileChange | None:
    """Write all of `files`, or none; returns the one that is no longer what it was.

    Raises UserError for one that cannot be written.
    """
    written: list[FileChange] = []
    for file in files:
        try:
            _write(file, file.before, file.after)
        except (patch.Conflict, UserError) as error:
            for done in reversed(written):
                _take_back(done)
            if isinstance(error, UserError):
                raise
            return file
        written.append(file)
    return None


def _write(file: FileChange, before: str | None, after: str) -> None:
    if before is None:
        patch.create(file.file, after.encode())
        return
    old, new = before.encode(), after.encode()
    try:
        patch.write(file.file, old, new)
    except patch.Conflict:
        # A byte order mark is no part of the text, and stays where there is one.
        patch.write(file.file, BOM + old, BOM + new)


def _take_back(file: FileChange) -> None:
    if file.before is None:
        file.file.unlink(missing_ok=True)
    else:
        _write(file, file.after, file.before)


def _diff(file: FileChange) -> str:
    return patch.unified_diff(file.path, file.before, file.after)


def _show(terminal: Terminal, files: Sequence[FileChange]) -> None:
    for file in files:
        show_diff(terminal, _diff(file))


def _shown(file: FileChange) -> str:
    return one_line(file.path, 200)
