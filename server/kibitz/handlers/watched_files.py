"""Changed files that the client tells of: asking for that, and passing it on."""

from __future__ import annotations

import asyncio
import logging

from lsprotocol import types

from kibitz.handlers import reviews
from kibitz.handlers.connection import Connection
from kibitz.protocol import from_lsp

logger = logging.getLogger(__name__)

# What `upkeep.file_changes` makes something of; not from there, as this is needed before anything
# of it is.  Names that begin with a dot are named: clients disagree on whether `*` means them.
GLOBS = (
    "**/*",
    "**/{.kibitz.toml,.kibitzignore,.gitignore,.gitattributes}",
    "**/.git/{HEAD,FETCH_HEAD,packed-refs,logs/HEAD}",
)

REGISTRATION_ID = "kibitz-watched-files"


async def register(connection: Connection) -> None:
    """Ask a client that can to tell of changed files; one that refuses leaves it to us.

    Many tell their settings right after the greeting, which comes here twice then.
    """
    session = connection.session
    if not session.client.watched_files or session.client_watches or session.asks_to_watch:
        return
    watchers = [types.FileSystemWatcher(glob) for glob in GLOBS]
    registration = types.Registration(
        REGISTRATION_ID,
        types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
        types.DidChangeWatchedFilesRegistrationOptions(watchers),
    )
    session.asks_to_watch = True
    try:
        await connection.server.client_register_capability_async(
            types.RegistrationParams([registration])
        )
    except asyncio.CancelledError:
        raise
    except Exception:  # noqa: BLE001 - we watch by ourselves then
        logger.info("the editor does not watch files for us")
        return
    finally:
        session.asks_to_watch = False
    session.client_watches = True


def did_change(connection: Connection, params: types.DidChangeWatchedFilesParams) -> None:
    paths = (from_lsp.path(event.uri) for event in params.changes)
    connection.attendance.files_changed([str(path) for path in paths if path is not None])


def did_save(connection: Connection, params: types.DidSaveTextDocumentParams) -> None:
    """Every client tells of this, also one that watches nothing."""
    uri = params.text_document.uri
    path = from_lsp.path(uri)
    if path is not None:
        connection.attendance.files_changed([str(path)])
    reviews.remember(connection, uri)
    if connection.preferences.settings_of(path).review.on_save:
        from kibitz.handlers import review_on_save

        review_on_save.saved(connection, uri)
