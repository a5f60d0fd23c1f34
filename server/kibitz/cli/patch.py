"""A change of a file as a unified diff that `git apply` takes, and the same change written.

Lines end at ``\\n`` alone, as git sees them: a carriage return belongs to the line before it.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kibitz.errors import UserError
from kibitz.plain_text import one_line

CONTEXT_LINES = 3
NO_FINAL_NEWLINE = "\\ No newline at end of file\n"

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_MUST_BE_QUOTED = re.compile(r'[\x00-\x1f\x7f"\\]')


def unified_diff(path: str, old: str | None, new: str) -> str:
    """The change from `old` to `new` of the file `path`; "" when there is none.

    `path` is relative to the folder in which the diff will be applied, with ``/``; an `old` of
    None is a file that there is not yet.
    """
    old_name = _name(f"a/{path}") if old is not None else "/dev/null"
    names = (old_name, _name(f"b/{path}"))
    return "".join(_diff_lines(names, _LINE.findall(old or ""), _LINE.findall(new)))


def _diff_lines(names: tuple[str, str], old: list[str], new: list[str]) -> Iterator[str]:
    lines = difflib.unified_diff(old, new, *names, n=CONTEXT_LINES, lineterm="\n")
    for line in lines:
        yield line
        if not line.endswith("\n"):
            yield "\n" + NO_FINAL_NEWLINE


def _name(path: str) -> str:
    """A name as git writes it: quoted where it must be, and a blank in it ends with a tab."""
    if _MUST_BE_QUOTED.search(path):
        return '"' + _MUST_BE_QUOTED.sub(lambda found: _escaped(found[0]), path) + '"'
    return path + "\t" if " " in path else path


def _escaped(character: str) -> str:
    return f"\\{character}" if character in '"\\' else f"\\{ord(character):03o}"


def n_changed_lines(diff: str) -> tuple[int, int]:
    """How many lines a diff adds and removes."""
    lines = diff.split("\n")[2:]
    return sum(line[:1] == "+" for line in lines), sum(line[:1] == "-" for line in lines)


def must_be_writable(path: Path) -> None:
    """Raises UserError when `path` could not be written; better asked before Claude is paid."""
    real = path.resolve()
    if not os.access(real, os.W_OK) or not os.access(real.parent, os.W_OK):
        raise UserError(f"{one_line(str(path), 300)} may not be written; check its rights.")


class Conflict(Exception):
    """The file is no longer what the change was made from; nothing was written."""


def write(path: Path, old: bytes, new: bytes) -> None:
    """Replace the content of `path`, whole or not at all; its mode stays.

    Raises Conflict when the file no longer holds `old`, UserError when it cannot be written.
    """
    real = path.resolve()  # through a link, which stays one
    try:
        status = real.stat()
        descriptor, temporary = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name[:40]}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(new)
                file.flush()
                os.fsync(file.fileno())
            _take_over(Path(temporary), status)
            if real.read_bytes() != old:
                raise Conflict
            Path(temporary).replace(real)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except FileNotFoundError as error:
        raise Conflict from error
    except OSError as error:
        raise UserError(
            f"{one_line(str(path), 300)} cannot be written ({error.strerror}); nothing was changed."
        ) from error


def create(path: Path, content: bytes) -> None:
    """Make the file `path`, whole or not at all, with the folders around it.

    Raises Conflict when there is one by now, UserError when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        try:
            os.close(descriptor)
            Path(temporary).write_bytes(content)
            mask = os.umask(0)
            os.umask(mask)
            Path(temporary).chmod(0o666 & ~mask)
            if os.path.lexists(path):
                raise Conflict
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(
            f"{one_line(str(path), 300)} cannot be written ({error.strerror}); nothing was changed."
        ) from error


def _take_over(path: Path, status: os.stat_result) -> None:
    """Give `path` the mode of the file that it replaces, and its owner where that is allowed."""
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):
            os.chown(path, status.st_uid, status.st_gid)
    path.chmod(stat.S_IMODE(status.st_mode))
