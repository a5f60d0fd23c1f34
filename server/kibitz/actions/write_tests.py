"""Write tests: for some lines of a file, in the file where this repository would have them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from kibitz.actions.brief import Brief
from kibitz.actions.change_files import FilesTask, files_changed
from kibitz.actions.desk import Desk
from kibitz.actions.fallback import Action, falls_back
from kibitz.actions.task_text import prompt_text, tagged
from kibitz.actions.values import Noted, Order, Step
from kibitz.errors import UserError
from kibitz.looking.arguments import Unusable
from kibitz.plain_text import one_line
from kibitz.test_layout.frameworks import MANIFESTS, framework
from kibitz.test_layout.places import Place, is_test, place_of_tests
from kibitz_context.lines import split_lines

if TYPE_CHECKING:
    from kibitz.looking.sight import Sight

# Of the file that is extended all that Claude needs to change it; of an example enough to see how
# it is done.  What is longer it can read by itself.
MOST_CHARACTERS_TO_EXTEND = 40_000
MOST_CHARACTERS_OF_AN_EXAMPLE = 8_000


def write_tests(*, may_create: bool) -> Action:
    """The action; `may_create` is whether a file that does not exist yet can be made.

    It yields one `FilesChanged` at its end, as `change_files` does.  Raises UserError before
    anything is sent where no tests can be written.
    """

    @falls_back
    async def carried_out(order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
        place: Place | None = None

        def task(brief: Brief, sight: Sight) -> FilesTask:
            nonlocal place
            place = _place(brief, sight, may_create=may_create)
            return _task(brief, sight, place)

        async with aclosing(files_changed(order, desk, task)) as steps:
            is_told = False
            async for step in steps:
                if place is not None and not is_told:
                    is_told = True
                    new = "" if place.exists else ", a new file"
                    yield Noted(f"Tests belong into {one_line(place.path, 120)}{new}")
                yield step

    return carried_out


def _place(brief: Brief, sight: Sight, *, may_create: bool) -> Place:
    """Where the tests go.  Raises UserError where there is no such place."""
    shown = one_line(brief.path, 120)
    if is_test(brief.path):
        raise UserError(f"{shown} holds tests itself; write tests from the code that they test.")
    place = place_of_tests(brief.path, sight.readable, brief.text)
    if place is None:
        raise UserError(f"kibitz does not know how {shown} is tested; use Refactor and say it.")
    if not place.exists and not may_create:
        raise UserError(
            f"The tests belong into {one_line(place.path, 120)}, a new file, which this editor "
            "does not let a server make: make it, empty, and try again."
        )
    return place


def _task(brief: Brief, sight: Sight, place: Place) -> FilesTask:
    shown = _shown_tests(sight, place)
    written_with = framework(place.language, shown, _manifests(brief, sight, place.language))
    said = [f"tests of {brief.path}: {_where(place)}"]
    if written_with is not None:
        said.append(f"framework: {written_with}")
    material = [tagged("place", "\n".join(said))]
    if place.example is not None and shown and not place.is_inside:
        tag = "tests" if place.exists else "example"
        most = MOST_CHARACTERS_TO_EXTEND if place.exists else MOST_CHARACTERS_OF_AN_EXAMPLE
        material.append(tagged(tag, _shortened(shown, most), path=place.example))
    wish = brief.order.instruction
    instruction = "\n\n".join(part for part in (prompt_text("test"), wish) if part)
    return FilesTask(
        instruction,
        "\n".join(material),
        untouched=frozenset() if place.is_inside else frozenset({brief.path}),
    )


def _where(place: Place) -> str:
    if place.is_inside:
        return "in the file itself, in its module of tests; make one where there is none"
    return f"{place.path}, which {'exists' if place.exists else 'does not exist yet'}"


def _shown_tests(sight: Sight, place: Place) -> str:
    """The text of the test that is extended or taken after, "" where it may not be read."""
    if place.example is None:
        return ""
    return _text(sight, place.example)


def _manifests(brief: Brief, sight: Sight, language: str) -> str:
    """The manifests of the nearest folder above the code that has any."""
    readable = frozenset(sight.readable)
    for folder in PurePosixPath(brief.path).parents:
        names = [(folder / name).as_posix() for name in MANIFESTS.get(language, ())]
        texts = [f"{name}\n{_text(sight, name)}" for name in names if name in readable]
        if texts:
            return "\n".join(texts)
    return ""


def _text(sight: Sight, path: str) -> str:
    with contextlib.suppress(Unusable):
        return sight.text(path)[1].text
    return ""


def _shortened(text: str, most: int) -> str:
    """The first lines of `text`; says where it ends before its end."""
    if len(text) <= most:
        return text
    kept: list[str] = []
    room = most
    for line in split_lines(text):
        room -= len(line)
        if room < 0:
            break
        kept.append(line)
    return "".join(kept) + "… (more follows; read it before you change it)\n"
