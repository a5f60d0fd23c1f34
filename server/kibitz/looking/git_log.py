"""`git_log`: the newest commits, or those that changed a file or a folder."""

from __future__ import annotations

from kibitz.looking.answers import MAX_CHARACTERS, fitting
from kibitz.looking.arguments import Arguments, Unusable
from kibitz.looking.sight import Sight
from kibitz.plain_text import visible
from kibitz_context import markup
from kibitz_context.gate import commits
from kibitz_context.gate.commits import Commit, CommitsProblem

COMMITS = 10
MAX_COMMITS = 50
MAX_PATHS = 12
SHOWN_ID = 12


def git_log(sight: Sight, arguments: Arguments) -> str:
    path = sight.place(arguments.text("path"))
    limit = min(arguments.number("limit", COMMITS), MAX_COMMITS)
    try:
        found = commits.log(sight.git, limit, path or None)
    except CommitsProblem as problem:
        raise Unusable(f"git has no answer: {problem}.") from None
    if not found:
        return f"No commit has changed {path}." if path else "There are no commits yet."
    blocks, count = fitting([_told(sight, each) for each in found], MAX_CHARACTERS)
    text = markup.block("excerpt", "\n".join(blocks), commits=str(count))
    if count < len(found):
        text += f"{len(found) - count} older commits are not shown.\n"
    return text


def _told(sight: Sight, commit: Commit) -> str:
    head = f"{commit.id[:SHOWN_ID]} {commit.date} {visible(commit.author)}"
    message = "".join(f"    {line}\n" for line in visible(commit.message).split("\n") if line)
    named = [markup.quoted(path) for path in commit.paths if sight.may_name(path)]
    changed = ", ".join(named[:MAX_PATHS])
    if len(named) > MAX_PATHS:
        changed += f" and {len(named) - MAX_PATHS} more"
    return f"{head}\n{message}" + (f"  changed: {changed}\n" if changed else "")
