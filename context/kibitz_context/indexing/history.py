"""What the commits before one commit have changed: how often each file, and which files together.

Knows git's log and nothing of what a file holds.  A history is a function of the commit alone:
the newest `MAX_COMMITS` of its ancestors that are no merges, whatever the configuration, the
replacements or the grafts of a clone say.  A shallow clone has what it has, and says so.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kibitz_context.database import Database
from kibitz_context.files import git_commands
from kibitz_context.files.git_commands import GitFolder
from kibitz_context.files.repository import Repository
from kibitz_context.remembered import Remembered

FILE_NAME = "history.sqlite"

# More: what was changed together ten years ago is not any more, and a first look takes longer
# (a third of a second for these).  Fewer: files that change once a year have no history.
MAX_COMMITS = 4_000
# A commit of more files is a sweep (a new formatter, a year in every header): it says of each
# file that it is there, and of no two that they belong together.
MAX_FILES_OF_A_CHANGE = 64
# Of a message only what it is about is looked at, not the discussion below.
MAX_MESSAGE_CHARACTERS = 400
MAX_MESSAGE_WORDS = 24

MAX_REMEMBERED_HISTORIES = 8
# What the file of the cache may hold: some ten repositories.
_MAX_STORED_COMMITS = 48_000
_VERSION = 2

_logger = logging.getLogger(__name__)

_LETTERS = re.compile(r"[A-Za-z][a-z]+|[A-Z]+(?![a-z])")
# Addresses, and the lines below a message that say who has signed or reviewed it.
_NOT_SAID = re.compile(r"https?://\S+|^[A-Z][A-Za-z]+(?:-[A-Za-z]+)+: .*", re.MULTILINE)
_COMMIT = re.compile(rb"\x01([0-9a-f]{40}|[0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class PastCommit:
    """One commit: the files it changed, sorted, and the words of its message, sorted.

    `paths` is empty for a sweep, see `MAX_FILES_OF_A_CHANGE`.  `moves` are (old, new) paths of
    files that were moved as they were; the new ones are among `paths`.
    """

    commit: str
    paths: tuple[str, ...]
    words: tuple[str, ...]
    moves: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class History:
    """The commits that led to `commit`, the newest first.

    A file that was moved is known by its newest name throughout.  `problem` says in one sentence
    why there are fewer commits than there could be, if so.
    """

    commit: str | None = None
    commits: tuple[PastCommit, ...] = ()
    problem: str | None = None

    @cached_property
    def changes(self) -> Mapping[str, int]:
        """How many of the commits changed a path."""
        return Counter(path for past in self.commits for path in past.paths)

    def often_changed(self, path: str) -> int:
        """How often `path` changes, in steps so coarse that one more commit seldom matters.

        0: never; 1: up to 3 times; 2: up to 15; 3: up to 63; and so on by fours.
        """
        return (self.changes.get(path, 0).bit_length() + 1) // 2

    @cached_property
    def by_path(self) -> Mapping[str, tuple[int, ...]]:
        """The commits that changed a path, as places in `commits`, the newest first."""
        places: dict[str, list[int]] = defaultdict(list)
        for place, past in enumerate(self.commits):
            for path in past.paths:
                places[path].append(place)
        return {path: tuple(found) for path, found in places.items()}

    @cached_property
    def by_word(self) -> Mapping[str, tuple[int, ...]]:
        """The commits whose message has a word, as places in `commits`, the newest first."""
        places: dict[str, list[int]] = defaultdict(list)
        for place, past in enumerate(self.commits):
            for word in past.words:
                places[word].append(place)
        return {word: tuple(found) for word, found in places.items()}


def message_words(message: str) -> tuple[str, ...]:
    """The words of a commit's message or of an instruction, in lower case, sorted.

    Names are taken apart (``readConfig``: read, config) and plurals made singular, so that a
    sentence and the names that it speaks of have words in common.
    """
    words: dict[str, None] = {}
    said = _NOT_SAID.sub(" ", message[:MAX_MESSAGE_CHARACTERS])
    for match in _LETTERS.finditer(said):
        word = match[0].lower()
        if len(word) > 2 and word not in _COMMON:
            words[word[:-1] if len(word) > 4 and word[-1] == "s" and word[-2] != "s" else word] = (
                None
            )
            if len(words) >= MAX_MESSAGE_WORDS:
                break
    return tuple(sorted(words))


_COMMON_NAMES = (
    "add adds added all also and any are avoid because been but can change changed changes check "
    "code did didn does doesn don fix fixed fixes fixing for from has have implement implemented "
    "improve into isn issue its make merge minor more move moved new not now off one only other "
    "out over refactor remove removed rename renamed should signed some support than that the "
    "their them then there these they this update updated updates use used uses using via was "
    "were when where which will with won work would wouldn you"
)
_COMMON = frozenset(_COMMON_NAMES.split())


def history(repository: Repository, commit: str | None, file: Path | None = None) -> History:
    """The history before and of `commit`; an empty one without git or without commits.

    `file` is where commits are kept from one process to the next (made when it is not there,
    made anew when it is damaged; None: not kept).  What a commit changed never changes, so only
    commits that were not seen before are asked about.
    """
    if repository.git is None or commit is None:
        return History(None, (), repository.problem if repository.git is None else None)
    key = (repository.git.common_dir, commit, repository.is_shallow)
    git = repository.git
    return _remembered.get_or_make(key, lambda: _read(git, commit, file))


_remembered: Remembered[tuple[Path, str, bool], History] = Remembered(MAX_REMEMBERED_HISTORIES)


def _read(folder: GitFolder, commit: str, file: Path | None) -> History:
    wanted, problem = _ancestors(folder, commit)
    store = _Store(file) if file is not None else None
    found = store.read(wanted) if store is not None else {}
    missing = [each for each in wanted if each not in found]
    if missing:
        asked = _ask(folder, missing)
        if store is not None:
            store.add(asked)
        found.update((past.commit, past) for past in asked)
    commits = tuple(found[each] for each in wanted if each in found)
    if len(commits) < len(wanted):
        problem = problem or "the clone lacks what some commits changed"
    return History(commit, tuple(_by_newest_names(commits)), problem)


def _by_newest_names(commits: Iterable[PastCommit]) -> Iterator[PastCommit]:
    """`commits`, the newest first, with each path as the file is called at the end."""
    newest: dict[str, str] = {}
    for past in commits:
        names = {newest.get(path, path) for path in past.paths} if newest else past.paths
        yield PastCommit(past.commit, tuple(sorted(names)), past.words, past.moves)
        # All at once: two files may have changed places.
        newest.update({old: newest.get(new, new) for old, new in past.moves})


def _ancestors(folder: GitFolder, commit: str) -> tuple[list[str], str | None]:
    """The commits to look at, the newest first, and what is wrong with the list."""
    output = git_commands.run(
        folder,
        [
            *("rev-list", "--no-merges", "--parents", f"--max-count={MAX_COMMITS}"),
            *("--end-of-options", commit),
        ],
    )
    lines = [line.split() for line in output.stdout.decode("ascii", "replace").split("\n") if line]
    if output.failure:
        return [line[0] for line in lines], f"git says: {output.failure}"
    is_shallow = git_commands.run(folder, ["rev-parse", "--is-shallow-repository"]).stdout
    if is_shallow.strip() != b"true":
        return [line[0] for line in lines], None
    # The oldest commits of a shallow clone have lost their parents: each seems to have made
    # every file there is.
    with_parents = [line[0] for line in lines if len(line) > 1]
    return with_parents, "the clone is shallow: what older commits changed is not known"


def _ask(folder: GitFolder, commits: Sequence[str]) -> list[PastCommit]:
    if not commits:
        return []
    output = git_commands.run(
        folder,
        [
            *("log", "--no-walk=unsorted", "--stdin", "-z"),
            # Moves of unchanged files only: they are seen by their ids, without any content.
            *("--name-status", "-M100%", "--no-relative", "--no-color", "--no-notes"),
            *("--no-show-signature", "--encoding=UTF-8", "--format=%x01%H%x00%B%x00"),
        ],
        stdin="".join(f"{each}\n" for each in commits).encode("ascii"),
        overrides=[("log.showRoot", "true")],
    )
    found: list[PastCommit] = []
    fields = output.stdout.split(b"\0")
    at = 0
    while at < len(fields):
        head = _COMMIT.match(fields[at])
        if head is None or at + 1 >= len(fields):
            at += 1
            continue
        message = fields[at + 1].decode("utf-8", "replace")
        at += 2
        first = at
        while at < len(fields) and not _COMMIT.match(fields[at]):
            at += 1
        paths, moves = _changed(fields[first:at])
        if len(paths) > MAX_FILES_OF_A_CHANGE:
            paths = ()
        commit = head[1].decode("ascii")
        found.append(PastCommit(commit, paths, message_words(message), moves))
    if output.failure:
        # What git wrote last may be half of a commit.
        found = found[:-1]
    return found


def _changed(fields: Sequence[bytes]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The paths that one commit changed, and those it moved: fields of ``--name-status -z``."""
    paths: set[str] = set()
    moves: list[tuple[str, str]] = []
    rest = iter(fields)
    for field in rest:
        # Git ends the format with a terminator, and begins the list with a line feed.
        status = field.removeprefix(b"\n")
        if not status:
            continue
        path = git_commands.decoded(next(rest, b""))
        if status.startswith(b"R"):
            new = git_commands.decoded(next(rest, b""))
            moves.append((path, new))
            path = new
        paths.add(path)
    return tuple(sorted(paths)), tuple(sorted(moves))


class _Store:
    """Commits in a SQLite file, for any number of processes.

    Whatever goes wrong with it costs the time of asking git again, and nothing else.
    """

    def __init__(self, file: Path) -> None:
        self._database = Database(file, _SCHEMA, _VERSION)

    def read(self, commits: Sequence[str]) -> dict[str, PastCommit]:
        found: dict[str, PastCommit] = {}
        try:
            with self._database.reading() as connection:
                for start in range(0, len(commits), _BATCH):
                    batch = commits[start : start + _BATCH]
                    marks = ",".join("?" * len(batch))
                    rows = connection.execute(
                        f"SELECT id, paths, words, moves FROM past WHERE id IN ({marks})", batch
                    )
                    for commit, paths, words, moves in rows:
                        names = iter(_split(moves))
                        found[commit] = PastCommit(
                            commit,
                            _split(paths),
                            _split(words),
                            tuple(zip(names, names, strict=False)),
                        )
        except (sqlite3.Error, OSError) as error:
            _logger.debug("stored history is not used: %s", error)
            return {}
        return found

    def add(self, commits: Iterable[PastCommit]) -> None:
        rows = [
            (
                past.commit,
                _joined(past.paths),
                _joined(past.words),
                _joined([path for move in past.moves for path in move]),
            )
            for past in commits
        ]
        try:
            with self._database.transaction() as connection:
                connection.executemany(
                    "INSERT OR IGNORE INTO past (id, paths, words, moves) VALUES (?, ?, ?, ?)", rows
                )
                connection.execute(
                    "DELETE FROM past WHERE number <= (SELECT max(number) FROM past) - ?",
                    (_MAX_STORED_COMMITS,),
                )
        except (sqlite3.Error, OSError) as error:
            _logger.debug("history is not stored: %s", error)


# SQLite takes at least 999 parameters in one statement, everywhere.
_BATCH = 900


_SCHEMA = """
CREATE TABLE past (number INTEGER PRIMARY KEY, id TEXT UNIQUE, paths BLOB, words BLOB, moves BLOB)
"""


def _joined(texts: Sequence[str]) -> bytes:
    # Paths may hold bytes that are no text, but never a zero.
    return git_commands.encoded("\0".join(texts))


def _split(stored: bytes) -> tuple[str, ...]:
    return tuple(git_commands.decoded(stored).split("\0")) if stored else ()
