"""`edit.check` after a change was written: the user's own command, and Claude may mend once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from kibitz.claude.values import ClaudeFailure
from kibitz.cli.terminal import Terminal
from kibitz.cli.workplace import Workplace
from kibitz.edit_check.command import failure, run, shown
from kibitz.edits.file_changes import FileChange
from kibitz.errors import UserError, sentence_for
from kibitz.plain_text import one_line

# Given what the check has said; writes what Claude mends, and returns whether it mended anything.
Mend = Callable[[str], Awaitable[bool]]


async def check(at: Workplace, start: Path, mend: Mend) -> None:
    """Run the check in the repository of `start`, where the change is written by now; with a call
    of `mend` where it fails.  Says how it went on stderr, and what a failing check has said."""
    command = at.settings_in(start).edit.check
    if not command:
        return
    terminal, name = at.terminal, shown(command)
    root = at.desk.repository(start).root
    if not at.trust.is_trusted(root):
        terminal.note(
            f"{name} was not run, because it runs what the repository says; trust {root} first "
            "with `kibitz trust`."
        )
        return
    ended = await run(command, root)
    if ended.status is None or ended.has_passed:
        terminal.note(f"{name} {ended.problem or 'passed'}.")
        return
    terminal.note(f"{name} failed; Claude sees what it says.")
    is_mended = False
    try:
        is_mended = await mend(failure(command, ended))
    except UserError as error:
        terminal.note(error.sentence)
    except ClaudeFailure as problem:
        terminal.note(sentence_for(problem))
    if is_mended:
        ended = await run(command, root)
        if ended.has_passed:
            terminal.note(f"{name} passes now that Claude has mended the change.")
            return
    if ended.output.strip():
        terminal.line(ended.output.rstrip())
    how = ended.problem or f"ended with status {ended.status}"
    terminal.note(f"{name} {how}; the change stays as it is written.")


def note_complaints(terminal: Terminal, files: Sequence[FileChange]) -> None:
    """Say what has become worse in the files."""
    for file in files:
        for complaint in file.checked.complaints:
            terminal.note(f"{one_line(file.path, 200)} {complaint}.")
