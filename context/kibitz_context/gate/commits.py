"""Who changed what, when and why: facts about commits, and none of their content.

Messages have their secrets replaced and their mail addresses taken out; lines of files are told
by their numbers.  Whether a path may be named at all is the caller's to ask of the gate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from kibitz_context.files import git_commands
from kibitz_context.files.git_commands import GitFolder
from kibitz_context.gate.secrets import redact

# Longer: somebody waits for it.  Shorter: the history of one file of a large repository, for
# which git looks at every commit, is not told.
TIMEOUT_SECONDS = 10.0

# A longer message is a generated one.
MAX_MESSAGE_CHARACTERS = 4_000

_MAIL = re.compile(r"\s*<?[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}>?")
_NOT_COMMITTED = re.compile(r"0{40}(?:0{24})?")
_HEADER = re.compile(r"([0-9a-f]{40}(?:[0-9a-f]{24})?) (\d+) (\d+) (\d+)")
_COMMIT = re.compile(rb"\n?\x01([0-9a-f]{40}(?:[0-9a-f]{24})?)")


class CommitsProblem(Exception):
    """Git has no answer; the text says why, in a few words."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit.  `date` is the author's day, ``2026-01-31``; `author` is a name.

    `paths` are those that it changed, of a merge none.
    """

    id: str
    author: str
    date: str
    message: str
    paths: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Blamed:
    """The commit that the lines from `first` to `last` come from, 1-based and inclusive.

    `commit` is None for lines that are not committed yet.
    """

    first: int
    last: int
    commit: Commit | None


def log(folder: GitFolder, limit: int, path: str | None = None) -> tuple[Commit, ...]:
    """The last `limit` commits that led to what is checked out, newest first; with `path` (a file
    or a folder) those that changed it.

    Raises CommitsProblem.
    """
    output = git_commands.run(
        folder,
        [
            *("log", "-z", "--name-only", "--no-renames", "--no-relative", "--no-color"),
            *("--no-notes", "--no-show-signature", "--no-ext-diff", "--no-textconv"),
            *("--encoding=UTF-8", "--date=format:%Y-%m-%d", f"--max-count={limit}"),
            *("--format=%x01%H%x00%an%x00%ad%x00%B%x00", "--end-of-options", "HEAD"),
            *(["--", f":(top,literal){path}"] if path is not None else ["--"]),
        ],
        overrides=[("log.showRoot", "true"), ("log.mailmap", "false"), ("log.follow", "false")],
        timeout_seconds=TIMEOUT_SECONDS,
    )
    if output.failure is not None:
        raise CommitsProblem(_said(output.failure))
    fields = output.stdout.split(b"\0")
    found: list[Commit] = []
    at = 0
    while at + 3 < len(fields):
        head = _COMMIT.fullmatch(fields[at])
        if head is None:
            at += 1
            continue
        author, date, message = (_text(field) for field in fields[at + 1 : at + 4])
        at += 4
        first = at
        while at < len(fields) and not _COMMIT.fullmatch(fields[at]):
            at += 1
        paths = (field.removeprefix(b"\n") for field in fields[first:at])
        found.append(
            Commit(
                head[1].decode("ascii"),
                without_mail(author),
                date,
                _message(message),
                tuple(git_commands.decoded(each) for each in paths if each),
            )
        )
    return tuple(found)


def blame(
    folder: GitFolder, path: str, content: bytes, first: int, last: int
) -> tuple[Blamed, ...]:
    r"""Where the lines of `content`, which `path` has now, come from; in their order.

    Lines end with ``\n``.  Only what is committed is asked; what differs from it is told as not
    committed yet.  Raises CommitsProblem.
    """
    output = git_commands.run(
        folder,
        [
            *("blame", "--incremental", "--no-textconv", "--root", "--encoding=UTF-8"),
            # A list of commits to be skipped may be any file.
            "--no-ignore-revs-file",
            *("-L", f"{first},{last}", "--contents", "-", "--", path),
        ],
        stdin=content,
        overrides=[("blame.coloring", "none"), *git_commands.filter_overrides(folder)],
        timeout_seconds=TIMEOUT_SECONDS,
    )
    if output.failure is not None:
        raise CommitsProblem(_said(output.failure))
    facts: dict[str, dict[str, str]] = {}
    places: list[tuple[int, int, str]] = []
    current = ""
    for line in _text(output.stdout).split("\n"):
        head = _HEADER.fullmatch(line)
        if head is not None:
            current = head[1]
            start = int(head[3])
            places.append((start, start + int(head[4]) - 1, current))
        else:
            key, _, value = line.partition(" ")
            facts.setdefault(current, {}).setdefault(key, value)
    return tuple(
        Blamed(start, end, _blamed(id_, facts.get(id_, {}))) for start, end, id_ in sorted(places)
    )


def without_mail(text: str) -> str:
    """`text` without mail addresses."""
    return _MAIL.sub("", text) if "@" in text else text


def _blamed(id_: str, facts: Mapping[str, str]) -> Commit | None:
    if _NOT_COMMITTED.fullmatch(id_):
        return None
    date = _day(facts.get("author-time", ""), facts.get("author-tz", ""))
    return Commit(
        id_, without_mail(facts.get("author", "")), date, _message(facts.get("summary", ""))
    )


def _day(seconds: str, zone: str) -> str:
    """The author's day of a time as git writes it."""
    try:
        hours, minutes = int(zone[:3]), int(f"{zone[:1]}{zone[3:]}")
        offset = timezone(timedelta(hours=hours, minutes=minutes))
        return datetime.fromtimestamp(int(seconds), UTC).astimezone(offset).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return ""


def _message(text: str) -> str:
    # Cut before secrets are looked for: half of one at the end is not one any more, so the cut
    # falls between lines.
    text = text.strip("\n")
    if len(text) > MAX_MESSAGE_CHARACTERS:
        text = text[:MAX_MESSAGE_CHARACTERS].rpartition("\n")[0] or ""
    return without_mail(redact(text).text).rstrip()


def _text(field: bytes) -> str:
    return field.decode("utf-8", "replace")


def _said(failure: str) -> str:
    """Git's own words without its prefix; they may quote what it was given, and nothing else."""
    return failure.removeprefix("fatal: ").removeprefix("error: ")
