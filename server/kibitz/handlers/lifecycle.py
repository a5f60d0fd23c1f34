"""The beginning of a connection: who the client is, its folders, its settings."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from lsprotocol import types

from kibitz import seen_clients
from kibitz.handlers import watched_files
from kibitz.handlers.connection import Connection
from kibitz.profiles import profile_for, with_plugin
from kibitz.protocol import from_lsp
from kibitz.session import Client

logger = logging.getLogger(__name__)

SETTINGS_SECTION = "kibitz"

# A client that is busy with its own start may take some seconds; one that has lost the question
# never answers, and what comes behind it would never happen.
SETTINGS_SECONDS = 30.0


def initialize(connection: Connection, params: types.InitializeParams) -> None:
    """Take what the client says of itself; quick, and without reading a file."""
    session = connection.session
    session.client = client_of(params, connection.server.position_encoding)
    connection.server.protocol.rest_after_answer_seconds = (
        session.client.profile.rest_after_answer_seconds
    )
    folders = [folder.uri for folder in params.workspace_folders or []]
    if not folders and params.root_uri:
        folders = [params.root_uri]
    session.folders = [path for uri in folders if (path := from_lsp.path(uri)) is not None]
    if params.initialization_options is not None:
        session.editor_settings = params.initialization_options


def initialized(connection: Connection, _params: Any) -> None:
    """Ask for the settings and tell what is wrong with them, in the background."""

    async def prepare() -> None:
        said = connection.server.protocol.client_said
        await asyncio.to_thread(seen_clients.remember, said, connection.environ)
        await _ask_for_settings(connection)
        await asyncio.to_thread(connection.preferences.settings_of, None)
        connection.preferences.tell_problems()
        await watched_files.register(connection)

    connection.session.jobs.in_background(prepare(), "reading the settings")


def did_change_configuration(
    connection: Connection, params: types.DidChangeConfigurationParams
) -> None:
    """Take new settings: those that came along, or what the client answers when it is asked."""
    if params.settings is not None:
        connection.session.editor_settings = params.settings
    connection.preferences.forget()
    initialized(connection, None)


def did_change_workspace_folders(
    connection: Connection, params: types.DidChangeWorkspaceFoldersParams
) -> None:
    folders = connection.session.folders
    for removed in params.event.removed:
        path = from_lsp.path(removed.uri)
        if path in folders:
            folders.remove(path)
    for added in params.event.added:
        path = from_lsp.path(added.uri)
        if path is not None and path not in folders:
            folders.append(path)


async def _ask_for_settings(connection: Connection) -> None:
    if not connection.session.client.configuration:
        return
    try:
        async with asyncio.timeout(SETTINGS_SECONDS):
            answer = await connection.server.workspace_configuration_async(
                types.ConfigurationParams([types.ConfigurationItem(section=SETTINGS_SECTION)])
            )
    except asyncio.CancelledError:
        raise
    except Exception:  # noqa: BLE001 - the settings that came with `initialize` hold
        logger.info("the editor did not answer which settings it has")
        return
    if answer and answer[0] is not None:
        connection.session.editor_settings = answer[0]
        connection.preferences.forget()


def client_of(params: types.InitializeParams, encoding: Any) -> Client:
    """The client's capabilities as plain facts, corrected by what is known of that client."""
    capabilities = params.capabilities
    workspace = capabilities.workspace
    window = capabilities.window
    document = capabilities.text_document
    info = params.client_info
    profile = profile_for(info.name if info else None)
    edits = workspace.workspace_edit if workspace else None
    ours = _experimental(capabilities.experimental)
    plugin_edits = ours.get("applyEdit") is True

    versioned = bool(edits and edits.document_changes)
    resources = (edits.resource_operations if edits else None) or ()
    shows = bool(window and window.show_document and window.show_document.support)
    hover_formats = (document.hover.content_format if document and document.hover else None) or []
    refresh = workspace.code_lens if workspace else None
    watched = workspace.did_change_watched_files if workspace else None
    publish = document.publish_diagnostics if document else None
    return Client(
        name=info.name if info else "",
        version=(info.version or "") if info else "",
        encoding=encoding,
        profile=with_plugin(profile) if plugin_edits else profile,
        progress=bool(window and window.work_done_progress),
        show_document=shows if profile.shows_documents is None else profile.shows_documents,
        show_message_request=bool(window and window.show_message) and profile.asks_messages,
        apply_edit=bool(workspace and workspace.apply_edit),
        creates_files=types.ResourceOperationKind.Create in resources,
        annotated_edits=profile.confirms_edits and bool(edits and edits.change_annotation_support),
        versioned_edits=versioned if profile.versioned_edits is None else profile.versioned_edits,
        code_lens=bool(document and document.code_lens),
        code_lens_refresh=bool(refresh and refresh.refresh_support),
        configuration=bool(workspace and workspace.configuration),
        watched_files=bool(watched and watched.dynamic_registration),
        text_document_content=bool(workspace and workspace.text_document_content),
        markdown_hover=not hover_formats or types.MarkupKind.Markdown in hover_formats,
        diagnostic_version=bool(publish and publish.version_support),
        inline_completion=bool(document and document.inline_completion),
        stream=ours.get("stream") is True,
        status=ours.get("status") is True,
        plugin_edits=plugin_edits,
    )


def _experimental(value: Any) -> dict[str, Any]:
    """What the client announces of our extensions, in lsprotocol's object or plain JSON."""
    if value is not None and not isinstance(value, dict):
        value = getattr(value, "__dict__", None) or getattr(value, "_asdict", dict)()
    ours = value.get(SETTINGS_SECTION) if isinstance(value, dict) else None
    if ours is not None and not isinstance(ours, dict):
        ours = getattr(ours, "_asdict", dict)()
    return ours if isinstance(ours, dict) else {}
