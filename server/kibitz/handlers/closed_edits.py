"""Edits of a file that no editor has open: read through the gate, changed by one final edit."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pygls.exceptions import JsonRpcException

from kibitz.actions.change_files import change_files
from kibitz.actions.fallback import Action
from kibitz.actions.one_file import refactor_one_file
from kibitz.actions.write_tests import write_tests
from kibitz.errors import UserError
from kibitz.handlers import file_edits
from kibitz.handlers.arguments import Arguments
from kibitz.handlers.connection import Connection
from kibitz.handlers.orders import meant_span, order_of, read_closed, wish_of_comment
from kibitz.jobs import Job


async def run(
    connection: Connection, job: Job, path: Path, given: Arguments, action: str, instruction: str
) -> None:
    """The body of a job that carries out `action` on the file `path`.

    Reading it may ask git, so that what is wrong with the arguments is only known in here.
    """
    async with connection.reported(job) as report:
        assert given.uri is not None
        document = await asyncio.to_thread(read_closed, connection, path, given.uri)
        try:
            span = meant_span(connection, document, given)
        except JsonRpcException as error:
            raise UserError(f"{error.message}.") from error
        if not instruction.strip() and action == "refactor":
            wish = wish_of_comment(document, span)
            if wish is None:
                raise UserError("Say what to change: give an `instruction`.")
            instruction, span = wish
        order = order_of(connection, action, document, span, instruction, given)
        steps = _action(connection, action, given)(order, connection.desk)
        await file_edits.carry_out(connection, job, report, steps, order)


def _action(connection: Connection, action: str, given: Arguments) -> Action:
    if action == "test":
        return write_tests(may_create=connection.session.client.creates_files)
    return change_files if given.files else refactor_one_file
