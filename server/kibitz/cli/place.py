"""`PATH[:L1[-L2]]`: what the user points at, and the text that stands there.

A file is read as it is on the disk, byte order mark and line ends included, so that it can be
written back; whether its text may be sent was asked of the gate before.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from kibitz.actions.review_choice import MOST_CHARACTERS
from kibitz.errors import UserError
from kibitz.plain_text import one_line
from kibitz_context.document import Document
from kibitz_context.gate.gate import MAX_TEXT_BYTES, Gate
from kibitz_context.lines import Span
from kibitz_context.tokens import CHARACTERS_PER_TOKEN
from kibitz_context.values import Refused

STDIN = "-"
BOM = b"\xef\xbb\xbf"

_PLACE = re.compile(r"(?P<path>.+):(?P<first>[0-9]{1,9})(?:-(?P<last>[0-9]{1,9}))?", re.DOTALL)
# The server gets the language from the editor; here only one matters: in Markdown a fence is text.
_MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdx"})


@dataclass(frozen=True, slots=True)
class Place:
    """`path` is as the user wrote it, ``-`` for stdin.  Lines count from 1, both included; None
    for a whole file.
    """

    path: str
    first_line: int | None = None
    last_line: int | None = None

    @property
    def is_stdin(self) -> bool:
        return self.path == STDIN

    @property
    def start(self) -> Path:
        """Where to look for the repository: the file, or the current folder for stdin."""
        return Path.cwd() if self.is_stdin else absolute(self.path)


def parse_place(text: str) -> Place:
    """The place that `text` names.  Raises UserError for lines that cannot be."""
    found = _PLACE.fullmatch(text)
    # A file may really be called "notes:12".
    if found is None or os.path.lexists(text):
        return Place(text)
    first = int(found["first"])
    last = int(found["last"]) if found["last"] else first
    if first < 1:
        raise UserError(f"Lines are counted from 1, and {shown(text)} begins at 0.")
    if last < first:
        raise UserError(f"{shown(text)} ends before it begins; write the smaller line first.")
    return Place(found["path"], first, last)


@dataclass(frozen=True)
class Source:
    """A text that was pointed at.  `start` is where to look for its repository; `data` are the
    bytes it was read from.
    """

    shown: str
    start: Path
    document: Document
    span: Span | None
    data: bytes

    @property
    def path(self) -> Path:
        """The file; there must be one."""
        assert self.document.path is not None
        return self.document.path

    @property
    def has_bom(self) -> bool:
        return self.data.startswith(BOM)

    @property
    def first_line(self) -> int:
        """The first line pointed at, from 0."""
        return self.document.lines.line_at(self.span.start) if self.span is not None else 0

    def encoded(self, text: str) -> bytes:
        """`text` as the bytes that would stand in the file."""
        return (BOM if self.has_bom else b"") + text.encode()


def read_source(place: Place, gate: Gate, start: Path) -> Source:
    """The file at `place`.  Raises UserError when it cannot be read or may not be sent."""
    name = shown(place.path)
    if not os.path.lexists(place.path):
        raise UserError(f"{name} does not exist.")
    if Path(place.path).is_dir():
        raise UserError(f"{name} is a folder; name a file in it.")
    path = absolute(place.path)
    answer = gate.read(path)
    if isinstance(answer, Refused):
        raise UserError(f"{name} is not sent: {answer.reason}.")
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{name} was changed while it was read; try again.") from error
    language = "markdown" if path.suffix.lower() in _MARKDOWN_SUFFIXES else ""
    document = Document(path.as_uri(), path, text, language=language)
    return Source(name, start, document, span_of(place, document), data)


def read_stdin(place: Place, start: Path) -> Source:
    """The text on stdin, as a document that is not saved anywhere.  Raises UserError."""
    text = stdin_text()
    document = Document("untitled:stdin", None, text)
    return Source("stdin", start, document, span_of(place, document), text.encode())


def stdin_text() -> str:
    """All of stdin.  Raises UserError when it is not text, or too much of it."""
    if sys.stdin.isatty():
        end = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"
        sys.stderr.write(f"kibitz: reading from the terminal; end with {end}.\n")
        sys.stderr.flush()
    data = sys.stdin.buffer.read(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise UserError(
            f"The text on stdin is larger than {MAX_TEXT_BYTES // (1024 * 1024)} MB; pass less."
        )
    if b"\0" in data:
        raise UserError("What came on stdin is binary; pass text.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError("What came on stdin is not UTF-8 text; convert it first.") from None


def span_of(place: Place, document: Document) -> Span | None:
    """The lines of `place` in `document`; None for all.

    Raises UserError where there is nothing, not enough, or far too much.
    """
    name = "stdin" if place.is_stdin else shown(place.path)
    if not document.text.strip():
        raise UserError(f"{name} is empty.")
    if place.first_line is None or place.last_line is None:
        _must_not_be_huge(name, len(document.text))
        return None
    n_lines = len(document.lines.lines)
    if place.last_line > n_lines:
        lines = "1 line" if n_lines == 1 else f"{n_lines} lines"
        raise UserError(f"{name} has {lines}; line {place.last_line} is past its end.")
    starts = document.lines.starts
    end = starts[place.last_line] if place.last_line < len(starts) else len(document.text)
    span = Span(starts[place.first_line - 1], end)
    _must_not_be_huge(name, span.end - span.start)
    return span


def _must_not_be_huge(name: str, n_characters: int) -> None:
    if n_characters > MOST_CHARACTERS:
        n_tokens = round(n_characters / CHARACTERS_PER_TOKEN, -3)
        raise UserError(
            f"{name} is too large to be looked at in one go (about {n_tokens:,.0f} tokens); name "
            f"fewer lines, as {name}:L1-L2."
        )


def has_piped_stdin(wait_seconds: float) -> bool:
    """Whether text was piped or redirected to this process without being asked for.

    A pipe counts when something comes within `wait_seconds`: programs are often started with a
    pipe that nobody writes to and nobody closes.  A file counts from its beginning: one that has
    been read from is a list that a shell loop works through.
    """
    if sys.platform == "win32":  # where a pipe cannot be waited for; there `-` says it
        return False
    import select

    try:
        descriptor = sys.stdin.fileno()
        facts = os.fstat(descriptor)
        if stat.S_ISREG(facts.st_mode):
            return facts.st_size > 0 and os.lseek(descriptor, 0, os.SEEK_CUR) == 0
        if not stat.S_ISFIFO(facts.st_mode):
            return False
        return bool(select.select([descriptor], [], [], wait_seconds)[0])
    except (OSError, ValueError, AttributeError):  # closed, or something that is no file
        return False


def absolute(path: str) -> Path:
    """`path` made absolute, links and all else as the user wrote them."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps ".."


def shown(path: str) -> str:
    """A path as it may be shown on a terminal."""
    return one_line(path, 300)
