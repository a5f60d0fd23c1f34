"""`kibitz refactor`: a change of some lines as told, printed as a diff or written."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from functools import partial
from typing import Any

from kibitz.actions.mend import mending
from kibitz.actions.refactor import refactor
from kibitz.actions.scope import comment_above
from kibitz.actions.values import Changed, Order, Region
from kibitz.cli import patch
from kibitz.cli.arguments import Common, Parser
from kibitz.cli.edit_check import check
from kibitz.cli.place import STDIN, Source, parse_place, stdin_text
from kibitz.cli.shown_diff import show_diff
from kibitz.cli.terminal import Terminal
from kibitz.cli.workplace import Workplace, work
from kibitz.edits.check import checked
from kibitz.edits.values import LineEdit, apply_line_edits
from kibitz.errors import EXIT_USAGE, UserError
from kibitz_context.document import Document
from kibitz_context.files.repository import Repository
from kibitz_context.lines import Span


def run(arguments: list[str]) -> int:
    parser = Parser(
        "refactor",
        "Change a file, or some of its lines, as told; print the change as a diff.",
        examples=(
            'kibitz refactor src/app.py:10-42 "use a dataclass"',
            'kibitz refactor src/app.py:10-42 "use a dataclass" | git apply',
            'kibitz refactor src/app.py "add type annotations" --write',
            'kibitz refactor src/app.py "rename Shop to Store everywhere" --files | git apply',
        ),
    )
    parser.add_argument(
        "place", metavar="PATH[:L1[-L2]]", help="a file, with lines from L1 to L2; - is stdin"
    )
    parser.add_argument(
        "instruction",
        metavar="INSTRUCTION",
        nargs="?",
        help="what to change; - reads it from stdin; without one, the `kibitz: …` comment at the "
        "first line or above it",
    )
    parser.add_argument(
        "--write", action="store_true", help="write the change into the file instead of printing it"
    )
    parser.add_argument(
        "--files",
        action="store_true",
        help="let the change reach other files of the repository too, new ones included",
    )
    parser.add_model()
    parser.add_verbose()
    options = parser.parse_args(arguments)
    place = parse_place(options.place)
    if place.is_stdin and options.write:
        parser.error("what came on stdin cannot be written; leave --write out")
    if place.is_stdin and options.files:
        parser.error("what came on stdin has no other files beside it; leave --files out")
    if place.is_stdin and options.instruction == STDIN:
        parser.error("stdin cannot be both the text and the instruction")

    def begin(at: Workplace) -> Coroutine[Any, Any, int]:
        source = at.source(place)
        if options.write:
            patch.must_be_writable(source.path)
        instruction, span = _instruction(source, options.instruction)
        order = Order(
            "refactor", source.start, source.document, span, instruction, model=at.common.model
        )
        if options.files:
            from kibitz.cli.refactor_files import refactor_files

            return refactor_files(at, order, writes=options.write)
        return _refactor(at, source, order, writes=options.write)

    return work(Common.of(options), place.start, begin)


async def _refactor(at: Workplace, source: Source, order: Order, *, writes: bool) -> int:
    with at.progress:
        text, region = await _changed(at, order)
        await _note_complaints(at, source, text)
        code = _deliver(at.terminal, source, text, writes=writes)
        if writes and not code and text != source.document.text:
            await check(at, order.root, partial(_mend, at, source, order, text, region))
        return code


async def _mend(
    at: Workplace, source: Source, order: Order, text: str, region: Span, failure: str
) -> bool:
    """Have Claude mend what was written; returns whether it changed anything."""
    document = Document(source.document.uri, source.path, text)
    mended, _ = await _changed(at, mending(order, failure, document, region, {}))
    if mended == text:
        return False
    try:
        patch.write(source.path, source.encoded(text), source.encoded(mended))
    except patch.Conflict:
        raise UserError(
            f"{source.shown} was changed meanwhile; what Claude mended is not written."
        ) from None
    await _note_complaints(at, source, mended)
    return True


async def _note_complaints(at: Workplace, source: Source, text: str) -> None:
    """Say what has become worse in the file."""
    before = source.document.text
    if source.document.path is not None and text != before:
        name = source.document.path.name
        found = await asyncio.to_thread(checked, name, before, text, at.desk.syntax_faults)
        for complaint in found.complaints:
            at.terminal.note(f"{source.shown} {complaint}.")


def _instruction(source: Source, given: str | None) -> tuple[str, Span | None]:
    """What to change, and the lines it is about: a comment that says it is one of them."""
    if given is not None:
        instruction = stdin_text() if given == STDIN else given
        if not instruction.strip():
            raise UserError("Nothing was said to change; give an instruction.")
        return instruction, source.span
    table = source.document.lines
    found = comment_above(table.lines, source.first_line)
    if found is None:
        raise UserError(
            f"Say what to change: kibitz refactor {source.shown} INSTRUCTION, or write a "
            "`kibitz: …` comment above the code."
        )
    line, instruction = found
    if source.span is None:
        return instruction, None
    return instruction, Span(min(table.starts[line], source.span.start), source.span.end)


async def _changed(at: Workplace, order: Order) -> tuple[str, Span]:
    """The whole document after the change, and the region in it.  Raises what the action raises."""
    assert order.document is not None
    region: Region | None = None
    edits: list[LineEdit] = []
    async with aclosing(at.steps(refactor(order, at.desk))) as steps:
        async for step in steps:
            match step:
                case Region():
                    region = step
                case Changed(more):
                    edits += more
                case _:
                    pass
    assert region is not None, "a refactoring says what it is about"
    lines = order.document.lines.lines
    end = region.first_line + len(region.lines)
    changed = apply_line_edits(list(region.lines), edits)
    above, within = "".join(lines[: region.first_line]), "".join(changed)
    span = Span(len(above), len(above) + len(within))
    return "".join([above, within, *lines[end:]]), span


def _deliver(terminal: Terminal, source: Source, text: str, *, writes: bool) -> int:
    old, new = source.data, source.encoded(text)
    if old == new:
        terminal.note("There is nothing to change.")
        return 0
    diff = patch.unified_diff(_path_in_diff(source), old.decode(), new.decode())
    if not writes:
        show_diff(terminal, diff)
        return 0
    try:
        patch.write(source.path, old, new)
    except patch.Conflict:
        # Claude was paid for this: it is printed rather than lost.
        show_diff(terminal, diff)
        terminal.note(
            f"{source.shown} was changed meanwhile and is left as it is; the change is printed."
        )
        return EXIT_USAGE
    added, removed = patch.n_changed_lines(diff)
    terminal.note(f"{source.shown} is changed: +{added} -{removed} lines.")
    return 0


def _path_in_diff(source: Source) -> str:
    """The file's path from the top of its repository, from where `git apply` reads it."""
    if source.document.path is None:
        return source.shown
    root = Repository.find(source.start).root
    real = source.path.resolve()
    return real.relative_to(root).as_posix() if real.is_relative_to(root) else real.name
