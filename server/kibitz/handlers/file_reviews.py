"""Review of files and folders, open or not: what there is to be looked at in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from kibitz.actions.preparing import gate_of
from kibitz.actions.review_choice import Choice
from kibitz.actions.values import Order
from kibitz.errors import UserError
from kibitz.handlers.change_reviews import run_reviews
from kibitz.handlers.connection import Connection
from kibitz.handlers.orders import read_closed
from kibitz.jobs import Job
from kibitz.plain_text import one_line
from kibitz_context.document import Document

KIND = "review files"


def title_of(places: Sequence[Path]) -> str:
    """What a job that reviews `places` is called."""
    if len(places) == 1:
        return f"Review {one_line(places[0].name, 80)}"
    return f"Review {len(places):,} files and folders"


async def run_file_reviews(
    connection: Connection, job: Job, order: Order, places: Sequence[Path]
) -> None:
    """The body of a job that reviews `places`: files, and what git tracks in folders.  The
    instruction, tier and model of `order` hold for every file, its buffers for what is open."""
    await run_reviews(
        connection,
        job,
        lambda: list(_orders(connection, order, places)),
        "there is nothing in it that could be reviewed",
    )


def _orders(connection: Connection, order: Order, places: Sequence[Path]) -> Iterator[Order]:
    """An order for each file.  Reads files: not for the event loop."""
    for path in dict.fromkeys(
        each for place in places for each in _files(connection, order, place)
    ):
        text = order.overlays.get(path)
        document = (
            read_closed(connection, path, path.as_uri())
            if text is None
            else Document(path.as_uri(), path, text)
        )
        yield replace(order, root=connection.session.start_of(path), document=document)


def _files(connection: Connection, order: Order, place: Path) -> Iterator[Path]:
    """The file itself, or those of a folder, by their real paths."""
    real = place.resolve()
    if not real.is_dir():
        yield real
        return
    repository = connection.desk.repository(real, order.folders)
    if not repository.has_git:
        raise UserError(
            f"{one_line(real.name, 80)} is a folder in no repository, so what belongs to it is not "
            "known; review its files."
        )
    gate = gate_of(repository.root, connection.desk.settings_in(repository.root).context)
    below = real.relative_to(repository.root).as_posix()
    choice = Choice(repository, gate, () if below == "." else (below,))
    yield from (repository.root / path for path, _ in choice.texts())
