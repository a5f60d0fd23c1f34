"""`git_blame`: which commit each line of a file comes from."""

from __future__ import annotations

from kibitz.edits.secrets import restore
from kibitz.looking.answers import numbered, quoted_file
from kibitz.looking.arguments import Arguments, Unusable
from kibitz.looking.git_log import SHOWN_ID
from kibitz.looking.sight import Sight
from kibitz.plain_text import one_line
from kibitz_context.gate import commits
from kibitz_context.gate.commits import Commit, CommitsProblem
from kibitz_context.lines import split_lines

# More are seldom what is asked about, and each group of lines has a head of its own.
MAX_LINES = 200


def git_blame(sight: Sight, arguments: Arguments) -> str:
    git = sight.git
    path, allowed = sight.text(arguments.text("path"))
    lines = split_lines(allowed.text)
    if not lines:
        return f"{path} is empty."
    if any(line.endswith("\r") for line in lines):
        raise Unusable(f"{path} has line endings that git does not count.")
    start, end = arguments.lines(len(lines))
    last = min(end, start + MAX_LINES - 1)
    # Git compares what was written, and nothing of that leaves the machine.
    content = restore(allowed.text, allowed.secrets).encode("utf-8", "surrogatepass")
    try:
        found = commits.blame(git, path, content, start, last)
    except CommitsProblem as problem:
        raise Unusable(f"git has no answer: {problem}.") from None
    parts: list[str] = []
    before: Commit | str | None = ""
    for each in found:
        if each.commit != before:
            parts.append(_head(each.commit))
            before = each.commit
        parts += numbered(lines[each.first - 1 : each.last], each.first)
    text = quoted_file(path, "".join(parts), lines=f"{start}-{last} of {len(lines)}")
    if last < end:
        text += f"The answer ends at line {last}.\n"
    return text


def _head(commit: Commit | None) -> str:
    if commit is None:
        return "-- not committed yet\n"
    author, summary = one_line(commit.author, 60), one_line(commit.summary, 120)
    return f"-- {commit.id[:SHOWN_ID]} {commit.date} {author}: {summary}\n"
