"""`edit.check` after an edit: the user's own command runs, and Claude may mend its edit once.

The edit stands by then, and can be kept or reverted whatever comes of the check.  What the command
says is shown where it fails in the end; to Claude it goes like any other text, through the gate
and within the budget.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kibitz import errors
from kibitz.actions.values import Noted, Order
from kibitz.claude.values import ClaudeFailure
from kibitz.delivery import Conflict
from kibitz.edit_check import workplace
from kibitz.edit_check.command import Ended, failure, run, shown
from kibitz.handlers import answers
from kibitz.handlers.connection import Connection, Report
from kibitz.jobs import Job
from kibitz.plain_text import one_line

if TYPE_CHECKING:
    from kibitz_context.files.repository import Repository

T = TypeVar("T")

# Given what the check has said; carries out the mend and gives its outcome, "" when nothing was
# changed.  May raise what an action or a delivery raises.
Mend = Callable[[str], Awaitable[str]]

_TOO_LARGE = (
    "was not run: not all files are saved, and the repository is too large to copy; save them "
    "before you edit"
)


async def check(connection: Connection, job: Job, report: Report, order: Order, mend: Mend) -> None:
    """Run the user's check of what `order` has led to, if there is one, and add how it went to the
    report's outcome.  Takes one call of `mend` at most."""
    assert order.document is not None, "an edit has a document"
    command = connection.preferences.settings_of(order.document.path).edit.check
    if not command or order.document.path is None:
        return
    name = shown(command)
    repository = await asyncio.to_thread(connection.desk.repository, order.root, order.folders)
    if repository.only is not None:
        return  # A file without a repository: there is nothing to run a check in.
    if not await asyncio.to_thread(connection.preferences.is_trusted, repository.root):
        report.outcome += f" · {name} was not run: trust this repository first (kibitz trust)"
        return
    report.tell(Noted(f"Running {name}"))
    ended = await _run(connection, command, repository)
    if ended.status is None or ended.has_passed:
        report.outcome += f" · {name} {ended.problem or 'passed'}"
        return
    report.tell(Noted(f"{name} failed; Claude sees what it says"))
    before = report.outcome
    try:
        mended = await mend(failure(command, ended))
        why_not = "Claude changed nothing"
    except errors.UserError as error:
        mended, why_not = "", error.sentence
    except ClaudeFailure as problem:
        mended, why_not = "", errors.sentence_for(problem)
    except Conflict as conflict:
        mended, why_not = "", f"Claude's mend was stopped: {conflict.sentence}"
    report.outcome = before
    if mended:
        report.tell(Noted(f"Running {name} again"))
        ended = await _run(connection, command, repository)
        if ended.has_passed:
            report.outcome += f" · {name} failed, Claude mended it ({mended}), and now it passes"
            return
        how = ended.problem or "fails"
        report.outcome += f" · {name} {how}, also after Claude's mend ({mended})"
    else:
        report.outcome += f" · {name} fails: {one_line(why_not, 240).rstrip('.')}"
    await answers.show_page(connection, job, f"{name} after {job.title}", _page(name, ended))


async def _run(connection: Connection, command: tuple[str, ...], repository: Repository) -> Ended:
    """Run the check on what stands in the editor: in the repository if all of that is saved."""
    root = repository.root
    overlays = connection.session.documents.overlays()
    texts = await asyncio.to_thread(workplace.unsaved, overlays, root)
    if not texts:
        return await run(command, root)
    with ExitStack() as closing:
        try:
            copy = await _copied(repository, texts, closing)
        except workplace.TooLarge:
            return Ended(None, problem=_TOO_LARGE)
        except OSError as error:
            reason = error.strerror or "the disk refused"
            return Ended(None, problem=f"was not run: no copy of the repository: {reason}")
        try:
            ended = await run(command, copy)
        finally:
            # Not in this thread, which is the server's; it comes to its end whoever waits.
            await asyncio.shield(_in_thread(closing.close))
    # Nobody else knows where that was.
    output = ended.output.replace(f"{copy}/", "").replace(str(copy), ".")
    return Ended(ended.status, output, ended.problem)


async def _copied(repository: Repository, texts: dict[Path, str], closing: ExitStack) -> Path:
    stopped = threading.Event()

    def copied() -> Path:
        files = [each.path for each in repository.tracked()] + [*repository.untracked()]
        copy = workplace.copied(repository.root, files, texts, stopped.is_set)
        return closing.enter_context(copy)

    copying = _in_thread(copied)
    try:
        return await asyncio.shield(copying)
    except asyncio.CancelledError:
        # A thread cannot be cancelled, and what it has made is to be taken away.
        stopped.set()
        await asyncio.wait([copying])
        if copying.exception() is None:
            await _in_thread(closing.close)
        raise


def _in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Do something that blocks, and that is done to its end when nobody waits for it any more."""
    return asyncio.get_running_loop().run_in_executor(None, work)


def _page(name: str, ended: Ended) -> str:
    """What the user is shown, as Markdown."""
    how = ended.problem or f"ended with status {ended.status}"
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", ended.output)), default=0))
    return f"{name} {how}.\n\n{fence}text\n{ended.output.rstrip() or '(no output)'}\n{fence}\n"
