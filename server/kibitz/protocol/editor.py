"""The editor at the other end: edits, messages and documents that it is asked to show.

Each method is one thing that the protocol can do, with the answer as a plain value.  A client
that lacks the thing, fails or never answers is an ordinary outcome, not an exception.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from lsprotocol import types

from kibitz.delivery import Answer, Undo
from kibitz.edits.region import TextChange
from kibitz.plain_text import visible
from kibitz.protocol import extensions, to_lsp
from kibitz.protocol.pygls_mends import MendedServer
from kibitz.session import Session
from kibitz_context.document import Document
from kibitz_context.lines import Encoding

logger = logging.getLogger(__name__)

MessageLevel = Literal["error", "warning", "info"]

_LEVELS = {
    "error": types.MessageType.Error,
    "warning": types.MessageType.Warning,
    "info": types.MessageType.Info,
}


class LspEditor:
    """The client of one connection, as the rest of the server sees it."""

    def __init__(self, server: MendedServer, session: Session) -> None:
        self._server = server
        self._session = session

    # -- what a delivery needs (`kibitz.delivery.Editor`) --------------------------------------

    @property
    def encoding(self) -> Encoding:
        return self._session.client.encoding

    def document(self, uri: str) -> Document | None:
        return self._session.documents.get(uri)

    def send_edit(
        self, document: Document, changes: Sequence[TextChange], undo: Undo
    ) -> asyncio.Future[Answer]:
        """Ask for `changes` of exactly that version; the future holds what the client says."""
        client = self._session.client
        loop = asyncio.get_running_loop()
        said: asyncio.Future[Answer] = loop.create_future()
        if not changes and not client.plugin_edits:
            said.set_result(Answer(applied=True))
            return said
        least_version = client.profile.least_edit_version
        if document.version is not None and document.version < least_version:
            document = replace(document, version=least_version)
        versioned = client.versioned_edits or client.plugin_edits
        edit = to_lsp.workspace_edit(document, changes, client.encoding, versioned=versioned)
        answer: asyncio.Future[Any]
        if client.plugin_edits:
            answer = self._server.protocol.send_request_async(
                extensions.APPLY_EDIT, {"edit": edit, "undo": undo}
            )
        else:
            # No label: Neovim shows a long one in a prompt that blocks the editor.
            answer = self._server.protocol.send_request_async(
                types.WORKSPACE_APPLY_EDIT, types.ApplyWorkspaceEditParams(edit)
            )

        _tell_answer(answer, lambda told: None if said.done() else said.set_result(told))
        return said

    def send_files(self, parts: Sequence[to_lsp.FilePart]) -> asyncio.Future[bool]:
        """Ask for one edit of several files; the future holds what the client says.

        It may take as long as the user does, where the client lets them confirm it.
        """
        client = self._session.client
        said: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        edit = to_lsp.edit_of_files(parts, client.encoding, annotated=client.annotated_edits)
        params = types.ApplyWorkspaceEditParams(edit)
        answer = self._server.protocol.send_request_async(types.WORKSPACE_APPLY_EDIT, params)
        _tell_answer(answer, lambda told: None if said.done() else said.set_result(told.applied))
        return said

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        return asyncio.get_running_loop().call_later(seconds, callback).cancel

    # -- messages ------------------------------------------------------------------------------

    def tell(self, sentence: str, level: MessageLevel = "info") -> None:
        """Show one sentence to the user; it may quote a model, a file or an endpoint."""
        self._server.window_show_message(types.ShowMessageParams(_LEVELS[level], visible(sentence)))

    async def choose(self, question: str, choices: Sequence[str]) -> str | None:
        """Let the user pick one of `choices`; None when they do not, or the client cannot."""
        client = self._session.client
        if not client.show_message_request:
            return None
        try:
            answer = await self._server.window_show_message_request_async(
                types.ShowMessageRequestParams(
                    types.MessageType.Info,
                    question,
                    [types.MessageActionItem(choice) for choice in choices],
                )
            )
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - a client that cannot ask is an ordinary outcome
            logger.info("the editor could not show a question")
            return None
        title = getattr(answer, "title", None)
        return title if title in choices else None

    async def show_document(self, uri: str, *, external: bool = False) -> bool:
        """Open a document in the editor; False when it could not."""
        if not self._session.client.show_document:
            return False
        try:
            answer = await self._server.window_show_document_async(
                types.ShowDocumentParams(uri, external=external, take_focus=False)
            )
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - the caller has another way
            logger.info("the editor could not show a document")
            return False
        return bool(getattr(answer, "success", False))

    async def show_file(self, path: Path) -> bool:
        return await self.show_document(path.as_uri())

    def refresh_virtual_document(self, uri: str) -> None:
        """Tell the client that the text of a `kibitz:` document is new."""
        self._server.workspace_text_document_content_refresh(
            types.TextDocumentContentRefreshParams(uri)
        )

    # -- what is shown in the text -------------------------------------------------------------

    def publish_diagnostics(
        self, uri: str, version: int | None, diagnostics: list[types.Diagnostic]
    ) -> None:
        self._server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(
                uri,
                diagnostics,
                version if self._session.client.diagnostic_version else None,
            )
        )

    def refresh_code_lenses(self) -> None:
        if self._session.client.code_lens_refresh:
            self._server.workspace_code_lens_refresh(None)

    # -- our extensions ------------------------------------------------------------------------

    def stream(self, params: extensions.StreamParams) -> None:
        self._server.protocol.notify(extensions.STREAM, params)

    def status(self, params: extensions.StatusParams) -> None:
        self._server.protocol.notify(extensions.STATUS, params)


def _tell_answer(answer: asyncio.Future[Any], tell: Callable[[Answer], None]) -> None:
    """Call `tell` with what the client says of an edit; an error says that it was not applied."""

    def answered(future: asyncio.Future[Any]) -> None:
        if future.cancelled() or future.exception() is not None:
            logger.info("the editor answered an edit with an error")
            tell(Answer(applied=False))
        else:
            said = future.result()
            tell(Answer(extensions.says(said, "applied"), extensions.says(said, "hidden")))

    answer.add_done_callback(answered)
