"""Git, run so that an untrusted repository cannot make it run anything else.

A repository's own configuration can name programs: file-system monitors, hooks, filters, ssh
commands, external diffs.  Every git command of this package is started in here, with all of
them switched off, without a network, a terminal or a lock.  What the output means is none of
this module's business.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from git.cmd import Git

# Longer: a stuck network drive blocks a worker for that long.  Shorter: a first `git status`
# of a very large repository on a cold disk is lost.
TIMEOUT_SECONDS = 60.0

# `GIT_CONFIG_COUNT`, by which settings are overridden below, came with this version.
OLDEST_GIT = (2, 31)

_OVERRIDES: tuple[tuple[str, str], ...] = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("core.pager", "cat"),
    ("core.sshCommand", "false"),
    ("advice.graftFileDeprecated", "false"),
    ("core.askPass", ""),
    ("credential.helper", ""),
    ("diff.external", ""),
    ("diff.ignoreSubmodules", "all"),
    # A file that is not there would end the command.
    ("diff.orderFile", os.devnull),
    ("gpg.program", "false"),
    ("log.showSignature", "false"),
    ("submodule.recurse", "false"),
)

_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    # A partial clone fetches a missing object when it is read, by the repository's own
    # transport settings.  Newer versions obey the first, all versions the second.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_SSH_COMMAND": "false",
    "GIT_ASKPASS": "",
    "GIT_PAGER": "cat",
    "GIT_LITERAL_PATHSPECS": "0",
    # A commit stands for the same files and the same ancestors in every clone.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_EXTERNAL_DIFF": "",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
    "GIT_CONFIG_PARAMETERS": "",
}

# A reader whose git dies at one blob goes on with a new one.  More often than this: older
# versions of git die at every blob that a partial clone lacks, and each costs a process.
MAX_RESTARTS = 64
# Blobs that git may be asked for before their turn.  More: their names would fill the smallest
# pipe there is (4 kB) while git waits for us to read.  Fewer: each is waited for.
MOST_AHEAD = 32


@dataclass(frozen=True, slots=True)
class GitOutput:
    """What one command wrote.  `failure` is None when it succeeded, else git's first line.

    `status` is the process's; some commands answer a question with 1.
    """

    stdout: bytes
    failure: str | None = None
    status: int = 0


@dataclass(frozen=True, slots=True)
class GitFolder:
    """Where a repository is: the work tree's top level and its git directory, real paths.

    All are told to every command, so that variables which the process inherited (from a git
    hook, say) cannot point it at another repository.  `index` is another file than the
    repository's own; None: that one.
    """

    root: Path
    git_dir: Path
    common_dir: Path
    index: Path | None = None

    @property
    def index_file(self) -> Path:
        return self.index or self.git_dir / "index"


@cache
def git_problem() -> str | None:
    """Why git cannot be run on this machine, or None; how old it is, is not asked."""
    if shutil.which("git") is None:
        return "git is not installed"
    try:
        import git  # noqa: F401
    except ImportError as error:
        return f"git cannot be used: {str(error).splitlines()[0]}"
    return None


def too_old() -> str:
    """What is wrong with a git that does not know what `OLDEST_GIT` does."""
    import git

    found = ".".join(map(str, git.Git().version_info))
    return f"git {found} is older than {'.'.join(map(str, OLDEST_GIT))}"


def run_at(start: Path, arguments: Sequence[str]) -> GitOutput:
    """Run ``git ARGUMENTS`` in a folder of which it is not known yet where its repository is."""
    return _run(start, arguments, _environment(None, ()), b"")


def run(
    folder: GitFolder,
    arguments: Sequence[str],
    stdin: bytes = b"",
    overrides: Sequence[tuple[str, str]] = (),
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> GitOutput:
    """Run ``git ARGUMENTS`` at the top level of `folder`; never raises for what git says.

    `overrides` are further settings that win over the repository's own.
    """
    return _run(folder.root, arguments, _environment(folder, overrides), stdin, timeout_seconds)


def decoded(output: bytes) -> str:
    """A path that git wrote.  UTF-8 whatever the locale is, so that it is the same everywhere."""
    return output.decode("utf-8", "surrogateescape")


def encoded(path: str) -> bytes:
    """A path as git takes it: the inverse of `decoded`."""
    return path.encode("utf-8", "surrogateescape")


def filter_overrides(folder: GitFolder) -> tuple[tuple[str, str], ...]:
    """Settings that switch every content filter of the repository off.

    A command that compares the work tree with the index may run a ``clean`` filter, which is
    any program that the configuration names.
    """
    names = run(folder, ["config", "-z", "--name-only", "--get-regexp", r"^filter\."]).stdout
    drivers = {decoded(name).rpartition(".")[0] for name in names.split(b"\0") if b"." in name}
    return tuple(
        (f"{driver}.{key}", value)
        for driver in sorted(drivers)
        if driver.startswith("filter.")
        for key, value in (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
    )


def lines(folder: GitFolder, arguments: Sequence[str], limit: int) -> Iterator[str]:
    r"""The first `limit` ``\0``-terminated records that a command writes, as they come.

    The command is ended when the iterator is closed or the limit is reached, so that a listing
    without bounds costs no more than what is used of it.
    """
    with _started(folder.root, arguments, _environment(folder, ())) as process:
        assert process.stdout is not None
        rest = b""
        while limit > 0 and (chunk := process.stdout.read(1 << 16)):
            *records, rest = (rest + chunk).split(b"\0")
            for record in records[:limit]:
                yield decoded(record)
            limit -= len(records)


def beginning(folder: GitFolder, arguments: Sequence[str], max_bytes: int) -> GitOutput:
    """The first `max_bytes` of what a command writes; the rest is not computed."""
    with _started(folder.root, arguments, _environment(folder, ())) as process:
        assert process.stdout is not None
        stdout = process.stdout.read(max_bytes)
        status = process.wait() if len(stdout) < max_bytes else 0
    return GitOutput(stdout, None if status == 0 else f"git ended with status {status}", status)


class BlobReader:
    """Reads blobs through one ``git cat-file --batch``; a context manager for one thread.

    Who knows which blobs come next says so (`announce`), and git reads them meanwhile; still
    each is read by itself, so that a reader that has enough can stop.  Where git dies at a
    damaged blob, that one has no content and the next is read by another process.
    """

    def __init__(self, folder: GitFolder, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._exits = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._n_restarts = 0
        # What git has been asked and not yet read the answer of, and what it will be asked next.
        self._sent: deque[str] = deque()
        self._announced: deque[str] = deque()

    def __enter__(self) -> BlobReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def announce(self, blob_ids: Iterable[str]) -> None:
        """Say which blobs are read next, in this order.  To read another one is no error."""
        self._announced = deque(blob_ids)

    def read(self, blob_id: str) -> bytes | str:
        """The content of a blob, or the reason why it cannot be had."""
        answer = self._asked(blob_id)
        if answer is None and self._n_restarts < MAX_RESTARTS:
            # Git may have been ended from outside: only a blob that ends it twice is at fault.
            self._restart()
            answer = self._asked(blob_id)
            if answer is None:
                self._restart()
                return _DAMAGED
        return _ENDED if answer is None else answer

    def _asked(self, blob_id: str) -> bytes | str | None:
        """As `read`; None where git ended."""
        if self._sent and self._sent[0] != blob_id:
            # What was announced is not wanted any more.
            self._end()
        if self._process is None:
            started = _started(
                self._folder.root, ["cat-file", "--batch"], _environment(self._folder, ())
            )
            self._process = self._exits.enter_context(started)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            if names := self._due(blob_id):
                stdin.write(names)
                stdin.flush()
        except OSError:
            return None
        self._sent.popleft()
        header = stdout.readline().split()
        if not header:
            return None
        if len(header) != 3:
            return _DAMAGED
        size = int(header[2])
        if header[1] != b"blob" or size > self._max_bytes:
            _skip(stdout, size + 1)
            return "it is too large" if header[1] == b"blob" else "it is no file"
        content = stdout.read(size)
        return content if len(content) == size and stdout.read(1) == b"\n" else None

    def _due(self, blob_id: str) -> bytes:
        """What git is to be told now, before `blob_id` is read."""
        due: list[str] = []
        if not self._sent:
            if self._announced and self._announced[0] == blob_id:
                self._announced.popleft()
            else:
                self._announced.clear()
            due.append(blob_id)
        # Not one by one: each time costs both processes a turn.
        if len(self._sent) <= MOST_AHEAD // 2:
            n_more = min(MOST_AHEAD - len(self._sent) - len(due), len(self._announced))
            due += (self._announced.popleft() for _ in range(n_more))
        self._sent += due
        return "".join(f"{each}\n" for each in due).encode("ascii")

    def _restart(self) -> None:
        self._end()
        self._n_restarts += 1

    def _end(self) -> None:
        self._process = None
        self._sent.clear()
        self._announced.clear()
        self._exits.close()


_DAMAGED = "its content is missing from the repository"
_ENDED = "git ended unexpectedly"


def _skip(stream: IO[bytes], count: int) -> None:
    while count > 0 and (chunk := stream.read(min(count, 1 << 16))):
        count -= len(chunk)


def _environment(folder: GitFolder | None, overrides: Sequence[tuple[str, str]]) -> dict[str, str]:
    environment = dict(_ENVIRONMENT)
    settings = (*_inherited_settings(), *_OVERRIDES, *overrides)
    environment["GIT_CONFIG_COUNT"] = str(len(settings))
    for index, (key, value) in enumerate(settings):
        environment[f"GIT_CONFIG_KEY_{index}"] = key
        environment[f"GIT_CONFIG_VALUE_{index}"] = value
    if folder is not None:
        environment |= {
            "GIT_DIR": str(folder.git_dir),
            "GIT_WORK_TREE": str(folder.root),
            "GIT_COMMON_DIR": str(folder.common_dir),
            "GIT_INDEX_FILE": str(folder.index_file),
            "GIT_OBJECT_DIRECTORY": str(folder.common_dir / "objects"),
        }
    return environment


def _inherited_settings() -> Iterator[tuple[str, str]]:
    """Settings that the user gives to every git in the same way as we do; ours win over them."""
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    for index in range(int(count) if count.isdecimal() and len(count) < 4 else 0):
        key = os.environ.get(f"GIT_CONFIG_KEY_{index}")
        value = os.environ.get(f"GIT_CONFIG_VALUE_{index}")
        if key and value is not None:
            yield key, value


def _run(
    cwd: Path,
    arguments: Sequence[str],
    environment: dict[str, str],
    stdin: bytes,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> GitOutput:
    try:
        process = _popen(cwd, arguments, environment)
    except OSError as error:
        return GitOutput(b"", f"git cannot be started: {error.strerror}", -1)
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        # Its output is not waited for: a child of git's own may hold the pipes open.
        _close_pipes(process)
        return GitOutput(b"", "git took too long", -1)
    if process.returncode:
        first_line = stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        failure = first_line or f"git ended with status {process.returncode}"
        return GitOutput(stdout, failure, process.returncode)
    return GitOutput(stdout)


@contextlib.contextmanager
def _started(
    cwd: Path, arguments: Sequence[str], environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A running command with pipes; it is ended when the block is left."""
    process = _popen(cwd, arguments, environment)
    assert process.stderr is not None
    # Nobody reads the complaints of a running command, but a full pipe would stop it.
    drain = threading.Thread(target=_skip, args=(process.stderr, 1 << 62), daemon=True)
    drain.start()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        drain.join()
        _close_pipes(process)


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            # What was still to be written to a process that has ended is lost.
            with contextlib.suppress(OSError):
                pipe.close()


def _popen(
    cwd: Path, arguments: Sequence[str], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    client = _client(str(cwd))
    command = [client.GIT_PYTHON_GIT_EXECUTABLE or "git", "--no-pager", *arguments]
    handle = client.execute(
        command, istream=subprocess.PIPE, as_process=True, shell=False, env=environment
    )
    process: subprocess.Popen[bytes] | None = handle.proc
    assert process is not None
    # The handle would end the process when it is collected; from here on we end it ourselves.
    handle.proc = None
    return process


def _client(cwd: str) -> Git:
    from git.cmd import Git

    return Git(cwd)
