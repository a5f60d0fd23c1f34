"""Everything that the server answers, on one screen.  What happens then is in `handlers`."""

from __future__ import annotations

import os
from collections.abc import Mapping

from lsprotocol import types

from kibitz import __version__
from kibitz.backend import Backend
from kibitz.claude.values import Claude
from kibitz.handlers import (
    answers,
    code_actions,
    code_lenses,
    documents,
    lifecycle,
    watched_files,
)
from kibitz.handlers.commands import Commands
from kibitz.handlers.completions import Completions
from kibitz.handlers.connection import Connection
from kibitz.handlers.hover import Hovers
from kibitz.jobs import Jobs
from kibitz.protocol import announce
from kibitz.protocol.editor import LspEditor
from kibitz.protocol.pygls_mends import MendedServer
from kibitz.protocol.registration import on_command, on_notification, on_request
from kibitz.session import Session
from kibitz.settings import load


def create_server(
    claude: Claude | None = None,
    *,
    command_line: Mapping[str, str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> MendedServer:
    """The server of one client.

    `claude` replaces the one that the user's settings say; `command_line` holds the settings
    given with `--set`.
    """
    server = MendedServer(announce.NAME, __version__)
    session = Session(Jobs(lambda job, error: server.report_bug(error, job.kind)))
    own_settings = load(None, None, command_line or {}, environ).settings
    backend = Backend(own_settings, environ, claude=claude)
    editor = LspEditor(server, session)
    connection = Connection(server, session, editor, backend, command_line or {}, environ)
    commands = Commands(connection)
    completions = Completions(connection)

    def request(method: str, handler: object) -> None:
        on_request(server, method, lambda params: handler(connection, params))  # type: ignore[operator]

    def notification(method: str, handler: object) -> None:
        on_notification(server, method, lambda params: handler(connection, params))  # type: ignore[operator]

    # The connection.
    request(types.INITIALIZE, lifecycle.initialize)
    notification(types.INITIALIZED, lifecycle.initialized)
    notification(types.WORKSPACE_DID_CHANGE_CONFIGURATION, lifecycle.did_change_configuration)
    notification(
        types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, lifecycle.did_change_workspace_folders
    )

    # Documents: applied while the message is read, so that everything after sees them.
    notification(types.TEXT_DOCUMENT_DID_OPEN, documents.did_open)
    notification(types.TEXT_DOCUMENT_DID_CHANGE, documents.did_change)
    notification(types.TEXT_DOCUMENT_DID_CLOSE, documents.did_close)
    notification(types.TEXT_DOCUMENT_DID_SAVE, watched_files.did_save)
    notification(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, watched_files.did_change)
    session.documents.follow(lambda event: documents.text_moved(connection, event))

    # Answered at once, from what is known; of these only a hover may ask Claude, where the user
    # has said so.
    request(types.TEXT_DOCUMENT_CODE_ACTION, code_actions.answer)
    request(types.TEXT_DOCUMENT_CODE_LENS, code_lenses.answer)
    on_request(server, types.TEXT_DOCUMENT_HOVER, Hovers(connection).answer)
    request(types.WORKSPACE_TEXT_DOCUMENT_CONTENT, answers.answer)

    # Answered from memory, or after Claude was asked.
    on_request(server, types.TEXT_DOCUMENT_INLINE_COMPLETION, completions.inline)
    on_request(server, types.TEXT_DOCUMENT_COMPLETION, completions.listed)
    on_command(server, completions.names, completions.run)

    # Commands start jobs and answer with their ids.
    on_command(server, commands.names, commands.run)
    on_notification(server, types.WINDOW_WORK_DONE_PROGRESS_CANCEL, commands.cancel_progress)

    server.on_close(connection.aclose)
    return server
