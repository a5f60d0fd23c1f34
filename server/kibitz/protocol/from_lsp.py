"""From the protocol's values to ours: positions, spans, texts and the paths behind URIs.

Called by module (`from_lsp.span(…)`), so that a reader sees where the border is crossed.  What
a client sends is taken as it comes: a range outside the text is clamped, a URI that is no file
has no path.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from lsprotocol import types

from kibitz_context.lines import Encoding, LineTable, Position, Span

#: A notebook cell of VS Code: the path is the notebook's, the fragment names the cell.
_CELL_SCHEME = "vscode-notebook-cell"

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


def position(found: types.Position) -> Position:
    """The same place; columns stay in the units of the agreed encoding."""
    return Position(found.line, found.character)


def span(table: LineTable, found: types.Range | types.Position, encoding: Encoding) -> Span:
    """The offsets of a range, or of a position (an empty span), clamped into the text."""
    if isinstance(found, types.Position):
        return table.span(position(found), position(found), encoding)
    return table.span(position(found.start), position(found.end), encoding)


def plain_span(table: LineTable, found: Any, encoding: Encoding) -> Span | None:
    """The offsets of a range that came as plain JSON (in a command); None when it is none."""
    match found:
        case {
            "start": {"line": int(first), "character": int(first_column)},
            "end": {"line": int(last), "character": int(last_column)},
        }:
            start, end = Position(first, first_column), Position(last, last_column)
            return table.span(start, end, encoding)
    return None


def text(received: str) -> str:
    """`received` without halves of surrogate pairs, which no encoding can hold.

    Each becomes U+FFFD, which is as long in every position encoding.
    """
    return _HALF_A_PAIR.sub("\ufffd", received)


def is_cell(uri: str) -> bool:
    """Whether a document is a cell of a notebook."""
    return uri.partition(":")[0] == _CELL_SCHEME


def path(uri: str) -> Path | None:
    """The file that `uri` names; None for anything that is not a file (``untitled:``, a cell)."""
    name = _file_name(uri, is_windows=os.name == "nt")
    return Path(name) if name is not None else None


def governing_path(uri: str) -> Path | None:
    """The file whose place decides about the document: itself, or the notebook of a cell.

    It says which repository, which exclusions and which trust apply.  None for a document that
    was never saved.
    """
    if uri.partition(":")[0] == _CELL_SCHEME:
        uri = "file" + uri[len(_CELL_SCHEME) :]
    return path(uri)


def _file_name(uri: str, *, is_windows: bool) -> str | None:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme != "file":
        return None
    raw = unquote_to_bytes(parts.path)
    host = parts.netloc.lower()
    if not raw.startswith(b"/") or b"\0" in raw:
        return None
    if not is_windows:
        # A file of another machine is not ours to read, whatever is at that path here.
        return os.fsdecode(raw) if host in ("", "localhost") else None
    name = raw.decode("utf-8", "replace").replace("/", "\\")
    if host not in ("", "localhost"):
        return rf"\\{host}{name}"
    drive = re.match(r"\\([A-Za-z]):", name)
    if drive is None:
        return name
    # Clients spell the drive in either case; one spelling keeps one document one document.
    return f"{drive[1].upper()}:{name[3:] or chr(92)}"
