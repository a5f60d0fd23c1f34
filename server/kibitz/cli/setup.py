"""`kibitz setup`: what to tell an editor so that it starts kibitz, printed or written."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from kibitz.cli import patch
from kibitz.cli.arguments import Parser
from kibitz.cli.terminal import Terminal
from kibitz.editor_setup.languages import Language, languages, named
from kibitz.editor_setup.merging import Refusal, merged
from kibitz.editor_setup.places import place_of
from kibitz.editor_setup.recipes import RECIPES, Piece, Recipe, recipe
from kibitz.errors import EXIT_USAGE, UserError
from kibitz.plain_text import one_line, visible

MAX_BYTES = 4 * 1024 * 1024  # of an editor's settings; a larger file is something else


@dataclass(frozen=True, slots=True)
class _Change:
    """What a file is to become; `old` is None where there is none yet."""

    path: Path
    old: bytes | None
    new: bytes


def run(arguments: list[str]) -> int:
    parser = Parser(
        "setup",
        "Print what an editor's configuration needs for kibitz, or write it there.",
        examples=(
            "kibitz setup helix --languages python,rust >> ~/.config/helix/languages.toml",
            "kibitz setup helix --write",
            "kibitz setup eglot",
        ),
        more="Nothing is written without `--write`, and then only after the change was shown and\n"
        "confirmed; the file as it was is kept beside it.\n",
    )
    parser.add_argument(
        "editor", metavar="EDITOR", nargs="?", help="one of those that `kibitz setup` lists"
    )
    parser.add_argument("--write", action="store_true", help="write it, after asking")
    parser.add_argument("--yes", action="store_true", help="with --write: do not ask")
    parser.add_argument(
        "--languages",
        metavar="A,B",
        help="only these, for an editor that has to be told each of them",
    )
    options = parser.parse_args(arguments)
    terminal = Terminal.here()
    if options.editor is None:
        terminal.write(_list())
        return 0
    found = recipe(options.editor)
    if found is None:
        raise UserError(
            f"There is no recipe for {one_line(options.editor, 40)!r}; `kibitz setup` lists them."
        )
    pieces = found.pieces(_wanted(found, options.languages))
    if options.write:
        return _write(terminal, found, pieces, is_confirmed=options.yes)
    _print(terminal, found, pieces)
    return 0


def _list() -> str:
    rows = "".join(f"  {each.name:<14}{each.title}\n" for each in RECIPES)
    return f"{rows}\n`kibitz setup EDITOR` prints what to paste, with `--write` it is written.\n"


def _wanted(found: Recipe, asked: str | None) -> tuple[Language, ...]:
    if asked is None:
        return languages()
    if found.has_wildcard:
        raise UserError(f"{found.title} takes any language; leave `--languages` out.")
    wanted = []
    for name in asked.split(","):
        language = named(name)
        if language is None:
            known = ", ".join(each.id for each in languages())
            raise UserError(f"{one_line(name, 40)!r} is none of the known languages: {known}.")
        wanted.append(language)
    return tuple(wanted)


def _print(terminal: Terminal, found: Recipe, pieces: tuple[Piece, ...]) -> None:
    if found.needs:
        terminal.line(f"needs: {found.needs}")
    for piece in pieces:
        terminal.line(f"into:  {place_of(piece.place, os.environ)}")
        terminal.write(piece.text)
    if found.then:
        terminal.line(f"then:  {found.then}")


def _write(
    terminal: Terminal, found: Recipe, pieces: tuple[Piece, ...], *, is_confirmed: bool
) -> int:
    changes = [change for piece in pieces if (change := _change(piece)) is not None]
    if not changes:
        terminal.line(f"{found.title} is set up already; nothing was changed.")
        return 0
    for change in changes:
        old = change.old.decode() if change.old is not None else None
        name = str(change.path).lstrip("/")
        terminal.write(visible(patch.unified_diff(name, old, change.new.decode())))
    if not (is_confirmed or _confirmed(terminal, changes)):
        terminal.line("Nothing was written.")
        return EXIT_USAGE
    for change in changes:
        kept = _put(change)
        aside = f"; as it was: {kept}" if kept is not None else ""
        terminal.line(f"wrote {change.path}{aside}")
    if found.needs:
        terminal.line(f"needs: {found.needs}")
    if found.then:
        terminal.line(f"then:  {found.then}")
    return 0


def _change(piece: Piece) -> _Change | None:
    """What the piece changes in its file, None when it stands there already."""
    path = place_of(piece.place, os.environ)
    try:
        old = None
        if path.exists():
            if path.stat().st_size > MAX_BYTES:
                raise Refusal("it is too large for a configuration")
            old = path.read_bytes()
        text = None if old is None else old.decode()
        new = merged(text, piece).encode()
    except Refusal as refusal:
        raise UserError(
            f"{one_line(str(path), 300)} was left alone: {one_line(refusal.sentence, 400)}. Paste "
            "what `kibitz setup` prints without `--write`."
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{one_line(str(path), 300)} was left alone: it is not UTF-8.") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UserError(f"{one_line(str(path), 300)} cannot be read ({why}).") from None
    if old is not None and piece.way == "keys" and _same_json(old, new):
        return None
    return None if new == old else _Change(path, old, new)


def _same_json(old: bytes, new: bytes) -> bool:
    import json

    return bool(json.loads(old or b"{}") == json.loads(new))


def _confirmed(terminal: Terminal, changes: list[_Change]) -> bool:
    if not (terminal.err_is_terminal and sys.stdin is not None and sys.stdin.isatty()):
        terminal.note("nobody is here to confirm the change; `--yes` writes it without asking")
        return False
    what = "this file" if len(changes) == 1 else f"these {len(changes)} files"
    with terminal.asking(f"Write {what}? [y/N] "):
        answer = sys.stdin.readline()
    return answer.strip().lower() in ("y", "yes")


def _put(change: _Change) -> Path | None:
    """Write the file; gives where its content was kept, None for a new file."""
    try:
        if change.old is None:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            with change.path.open("xb") as file:
                file.write(change.new)
            return None
        kept = _aside(change.path)
        shutil.copy2(change.path, kept)
        patch.write(change.path, change.old, change.new)
    except patch.Conflict:
        raise UserError(f"{change.path} was changed meanwhile; run it again.") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UserError(f"{one_line(str(change.path), 300)} cannot be written ({why}).") from None
    return kept


def _aside(path: Path) -> Path:
    """A name beside `path` that is free."""
    number, kept = 1, path.with_name(f"{path.name}.before-kibitz")
    while kept.exists():
        number += 1
        kept = path.with_name(f"{path.name}.before-kibitz-{number}")
    return kept
