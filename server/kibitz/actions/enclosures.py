"""What a question brings along: the places, pictures and documents that it points at.

Each is read through the gate.  What may not be sent, or is more than the API takes, is a UserError
and nothing is sent: the user has named it, and an answer without it would be another one.
"""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kibitz.actions.task_text import numbered, tagged
from kibitz.claude.values import Attachment, Block, Message, Part
from kibitz.conversation.links import Link
from kibitz.errors import UserError
from kibitz.plain_text import one_line
from kibitz_context.gate.media import Pdf, Picture
from kibitz_context.lines import LineTable
from kibitz_context.values import Allowed, Refused

if TYPE_CHECKING:
    from kibitz_context.gate.gate import Gate

# The API's limits.  A picture is measured as it is encoded, a third larger than its file; a body
# may have 32 MB, of which text needs its share.
MOST_PICTURE_BYTES = 5 * 1024 * 1024 * 3 // 4
MOST_PICTURE_SIDE = 8_000
MOST_PAGES = 100
MOST_BYTES = 18 * 1024 * 1024
# Of one conversation: with more than so many the API takes small pictures only.
MOST_PICTURES = 20

PIXELS_PER_TOKEN = 750
# Larger pictures are scaled down by the API; the newest models see this many tokens of one.
MOST_PICTURE_TOKENS = 5_000
# A page is read as dense text and seen as a picture.
PAGE_TOKENS = 3_000 + 1_600

# All that is quoted in one question.  Higher: a slip of the finger costs a dollar.
MOST_QUOTED_CHARACTERS = 200_000

_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Reader:
    """Where links lead: through `gate`, from the first of `bases` in which there is such a file.
    `overlays` are the unsaved buffers by real path."""

    gate: Gate
    bases: Sequence[Path]
    overlays: Mapping[Path, str]


def enclosed(links: Sequence[Link], reader: Reader) -> list[Part]:
    """What `links` point at, in their order, each behind a line that names it.  Blocking."""
    parts: list[Part] = []
    n_characters = 0
    for link in links:
        path = _found(link.path, reader.bases)
        if link.kind == "attached":
            parts += _attached(link.path, path, reader.gate)
        elif path is not None and not path.is_dir():
            block = _quoted(link, path, reader)
            n_characters += len(block.text)
            parts.append(block)
    if n_characters > MOST_QUOTED_CHARACTERS:
        raise UserError(
            f"The question quotes {n_characters:,} characters of files; name fewer lines, as "
            "`path:10-20`."
        )
    return parts


def must_fit(messages: Sequence[Message]) -> None:
    """Raises UserError where all attachments of a conversation are too many or too large."""
    attached = [
        part for message in messages for part in message.content if isinstance(part, Attachment)
    ]
    n_bytes = sum(len(part.data) * 3 // 4 for part in attached)
    if n_bytes > MOST_BYTES:
        raise UserError(
            f"The attachments of this conversation have {n_bytes / _MEGABYTE:.0f} MB, and the API "
            f"takes {MOST_BYTES // _MEGABYTE} MB; begin a new conversation, or attach less."
        )
    if len(attached) > MOST_PICTURES:
        raise UserError(
            f"This conversation has {len(attached)} attachments, and kibitz sends at most "
            f"{MOST_PICTURES}; begin a new conversation, or attach fewer."
        )


def _found(path: str, bases: Sequence[Path]) -> Path | None:
    try:
        candidates = [base / path for base in bases]
        return next((each for each in candidates if os.path.lexists(each)), None)
    except ValueError:  # a path that no system takes
        return None


def _attached(name: str, path: Path | None, gate: Gate) -> list[Part]:
    shown = one_line(name)
    if path is None:
        raise UserError(f"{shown} does not exist; it was to be attached.")
    media = gate.read_media(path, MOST_BYTES)
    reason = media.reason if isinstance(media, Refused) else _unfit(media)
    if isinstance(media, Refused) or reason is not None:
        raise UserError(f"{shown} is not sent: {reason}.")
    if isinstance(media, Pdf):
        attachment = Attachment(
            "application/pdf", _encoded(media.data), media.n_pages * PAGE_TOKENS
        )
    else:
        tokens = math.ceil(media.width * media.height / PIXELS_PER_TOKEN)
        attachment = Attachment(
            media.media_type, _encoded(media.data), min(tokens, MOST_PICTURE_TOKENS)
        )
    return [Block(f"Attached is {gate.relative(path) or shown}:"), attachment]


def _unfit(media: Picture | Pdf) -> str | None:
    """Why the API would not take it."""
    if isinstance(media, Pdf):
        if media.n_pages > MOST_PAGES:
            return f"it has {media.n_pages} pages, and the API takes {MOST_PAGES}"
        return None
    if len(media.data) > MOST_PICTURE_BYTES:
        return f"a picture may have {MOST_PICTURE_BYTES / _MEGABYTE:.2f} MB"
    if max(media.width, media.height) > MOST_PICTURE_SIDE:
        return (
            f"it has {media.width} × {media.height} pixels, and the API takes "
            f"{MOST_PICTURE_SIDE:,} on a side"
        )
    return None


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _quoted(link: Link, path: Path, reader: Reader) -> Block:
    shown = one_line(link.path)
    overlay = reader.overlays.get(Path(os.path.realpath(path)))
    answer: Allowed | Refused
    answer = reader.gate.read(path) if overlay is None else reader.gate.admit(path, overlay)
    if isinstance(answer, Refused):
        raise UserError(f"{shown} is not sent: {answer.reason}.")
    lines = LineTable(answer.text).lines
    first, last = link.first_line or 1, link.last_line or len(lines)
    if last > len(lines):
        n_lines = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
        raise UserError(f"{shown} has {n_lines}; line {last} is past its end.")
    text = numbered(lines[first - 1 : last], first)
    name = reader.gate.relative(path) or shown
    return Block(tagged("quoted", text, path=name, first_line=first))
