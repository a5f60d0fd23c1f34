"""A change of one region as a change of its whole file: for a file that nobody can watch.

Where no editor has the file open there is nothing to stream into, so all edits come at the end.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from kibitz.actions.desk import Desk
from kibitz.actions.refactor import refactor
from kibitz.actions.values import Changed, FilesChanged, Order, Region, Step
from kibitz.edits.check import checked
from kibitz.edits.file_changes import FileChange
from kibitz.edits.passages import Replacement, applied
from kibitz.edits.protected import protection
from kibitz.edits.region import TextChange, text_changes
from kibitz.edits.values import LineEdit, coalesced
from kibitz_context.document import Document


async def refactor_one_file(order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
    """As `refactor`, but yields one `FilesChanged` at its end, with nothing in it when there is
    nothing to change.  The order's document has a path."""
    document = order.document
    assert document is not None
    assert document.path is not None
    first_line, edits = 0, list[LineEdit]()
    async with aclosing(refactor(order, desk)) as steps:
        async for step in steps:
            match step:
                case Region():
                    first_line = step.first_line
                case Changed(more):
                    edits += more
                case _:
                    yield step
    in_document = [
        LineEdit(edit.start + first_line, edit.end + first_line, edit.lines)
        for edit in coalesced(edits)
    ]
    changes = text_changes(document, first_line, in_document)
    change = await asyncio.to_thread(_change, order, desk, document, document.path, changes)
    yield FilesChanged((change,) if change.after != document.text else ())


def _change(
    order: Order, desk: Desk, document: Document, file: Path, changes: Sequence[TextChange]
) -> FileChange:
    root = desk.repository(order.root, order.folders).root
    real = Path(os.path.realpath(file))
    path = real.relative_to(root).as_posix() if real.is_relative_to(root) else real.name
    replacements = tuple(Replacement(change.span, change.text) for change in changes)
    after = applied(document.text, replacements)
    found = checked(path, document.text, after, desk.syntax_faults)
    return FileChange(path, real, document.text, after, replacements, found, protection(path))
