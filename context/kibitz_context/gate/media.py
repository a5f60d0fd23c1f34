"""What a file that is no text shows itself to be: a picture, or a PDF document.

Only the first bytes and the structure say so, never a name.  Nothing is decoded, and nothing here
reads a file or knows what anybody may send.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Literal

from kibitz_context.values import Refused

PictureType = Literal["image/png", "image/jpeg", "image/gif", "image/webp"]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture; `width` and `height` are in pixels."""

    media_type: PictureType
    width: int
    height: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pdf:
    """A PDF document."""

    n_pages: int
    data: bytes = field(repr=False)


Media = Picture | Pdf

# A reader takes the header of a PDF for one when it is not quite at the beginning.
_PDF_HEADER_BYTES = 1024

_NEITHER = Refused("it is neither a PNG, JPEG, GIF or WebP picture nor a PDF document")


def media_of(data: bytes) -> Media | Refused:
    """What `data` is; refuses what is neither, and what is too damaged to say how large it is."""
    media_type = _picture_type(data)
    if media_type is not None:
        return _picture(media_type, data)
    return _pdf(data) if b"%PDF-" in data[:_PDF_HEADER_BYTES] else _NEITHER


def _picture_type(data: bytes) -> PictureType | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def _picture(media_type: PictureType, data: bytes) -> Picture | Refused:
    import imagesize  # only when somebody sends a picture

    try:
        width, height = imagesize.get(io.BytesIO(data))
    except Exception:  # noqa: BLE001 - whatever a damaged file makes of its reader
        width = height = -1
    if width <= 0 or height <= 0:
        return Refused("it is a damaged picture")
    return Picture(media_type, int(width), int(height), data)


def _pdf(data: bytes) -> Pdf | Refused:
    import pypdf  # only when somebody sends a document

    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            return Refused("it is protected by a password")
        n_pages = len(reader.pages)
    except Exception:  # noqa: BLE001 - whatever a damaged file makes of its reader
        n_pages = 0
    if n_pages <= 0:
        return Refused("it is a damaged PDF document")
    return Pdf(n_pages, data)
