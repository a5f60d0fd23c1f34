"""A settings file, read without trusting it: the project's one comes with the repository."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kibitz.plain_text import one_line

# Larger: somebody else's file, and TOML that takes seconds to parse.  Smaller: long review
# instructions no longer fit.
MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Tables:
    """What a source of settings says; a file also has its text, for the line of a key.

    `tables` is a mapping, or what a client sends in its place.
    """

    tables: Any
    text: str = ""

    def line_of(self, spelling: str) -> int | None:
        """The line, counted from 1, where `spelling` (levels joined with dots) is written.

        Found by reading the lines, as the parser does not tell; None where that fails, for
        instance inside an inline table over several keys.
        """
        table, enclosing = "", None
        for number, line in enumerate(self.text.splitlines(), start=1):
            if header := _HEADER.fullmatch(line):
                table = _bare(header[1]) + "."
            elif assignment := _ASSIGNMENT.match(line):
                path = table + _bare(assignment[1])
                if path == spelling:
                    return number
                if enclosing is None and spelling.startswith(path + "."):
                    enclosing = number
        return enclosing


@dataclass(frozen=True, slots=True)
class Faulty:
    """Why a settings file says nothing, as the end of "FILE …"."""

    reason: str


_NAME = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_PATH = rf"({_NAME}(?:\s*\.\s*{_NAME})*)"
_HEADER = re.compile(rf"\s*\[\[?\s*{_PATH}\s*\]\]?\s*(?:#.*)?")
_ASSIGNMENT = re.compile(rf"\s*{_PATH}\s*=")


def _bare(path: str) -> str:
    return re.sub(r"""\s*\.\s*|["']""", lambda found: "." if "." in found[0] else "", path)


def read_tables(path: Path, *, inside: Path | None = None) -> Tables | Faulty:
    """The tables of the TOML file `path`; empty ones when there is no such file.

    With `inside`, a file that really is outside of that folder (a symbolic link) is not read.
    """
    try:
        real = path.resolve(strict=True)
        if inside is not None and not real.is_relative_to(inside.resolve()):
            return Faulty("is a link out of the repository; it is not read")
        content = _content(real)
    except FileNotFoundError:
        return Faulty("is a link to nothing") if path.is_symlink() else Tables({})
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        reason = getattr(error, "strerror", None) or "it is a loop of links"
        return Faulty(f"cannot be read ({one_line(reason, 80)}); check the file and its rights")
    if isinstance(content, Faulty):
        return content
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Faulty("is not UTF-8; it is ignored until you save it as UTF-8")
    try:
        return Tables(tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        return Faulty(f"is not valid TOML and is ignored: {one_line(str(error), 120)}; mend that")
    except (RecursionError, ValueError):  # nested too deeply; a number with thousands of digits
        return Faulty("is not valid TOML and is ignored: nested too deeply or too long a number")


def _content(path: Path) -> bytes | Faulty:
    """The bytes of a regular file; opening a pipe or a device would wait or have effects."""
    if not stat.S_ISREG(path.stat().st_mode):
        return Faulty("is not a file; it is ignored")
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return Faulty("is not a file; it is ignored")
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        return Faulty(f"is larger than {MOST_BYTES // 1024} KiB; it is ignored")
    return content
