"""A small server on kibitz's protocol: what the tests of the protocol run in a process.

`python tests/support/tiny_server.py [--tcp HOST:PORT | --ws HOST:PORT]`.  It keeps documents in
our own text model and answers a few made-up methods that make each promise observable.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kibitz import front

if TYPE_CHECKING:
    from kibitz.protocol.pygls_mends import MendedServer


def create_server() -> MendedServer:
    """A server with made-up methods; the imports are here so that `front` can be quick."""
    from lsprotocol import types

    from kibitz.protocol import announce, from_lsp
    from kibitz.protocol.pygls_mends import MendedServer
    from kibitz.protocol.registration import on_command, on_notification, on_request
    from kibitz_context.lines import TextModel

    server = MendedServer(announce.NAME, "0")
    texts: dict[str, TextModel] = {}
    notes: list[str] = []

    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        texts[params.text_document.uri] = TextModel(params.text_document.text)

    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        model = texts.get(params.text_document.uri)
        if model is None:
            return
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                start = from_lsp.position(change.range.start)
                end = from_lsp.position(change.range.end)
                model.replace(start, end, change.text, server.position_encoding)
            else:
                model.replace_all(change.text)

    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        texts.pop(params.text_document.uri, None)

    def text(params: dict[str, Any]) -> str | None:
        model = texts.get(params["uri"])
        return model.snapshot().text if model is not None else None

    def text_later(params: dict[str, Any]) -> Awaitable[str]:
        snapshot = texts[params["uri"]].snapshot()

        async def later() -> str:
            await asyncio.sleep(0.05)
            return snapshot.text

        return later()

    async def wait(params: dict[str, Any]) -> str:
        notes.append("started")
        try:
            await asyncio.sleep(params.get("seconds", 3600))
        except asyncio.CancelledError:
            notes.append("cancelled")
            raise
        return "waited"

    def fail(params: Any) -> None:
        raise RuntimeError("a secret in an exception")

    async def fail_later(params: Any) -> None:
        raise RuntimeError("a secret in an exception")

    async def ask(params: dict[str, Any]) -> Any:
        return await server.protocol.send_request_async(params["method"], params["params"])

    async def ask_briefly(params: dict[str, Any]) -> str:
        edit = types.ApplyWorkspaceEditParams(types.WorkspaceEdit())
        try:
            await asyncio.wait_for(server.workspace_apply_edit_async(edit), 0.02)
        except TimeoutError:
            return "gave up"
        return "answered"

    def burst(params: dict[str, Any]) -> None:
        for number in range(params["count"]):
            server.protocol.notify("test/burst", {"number": number, "fill": "x" * params["size"]})

    def burst_of_edits(params: dict[str, Any]) -> Awaitable[int]:
        edit = types.ApplyWorkspaceEditParams(types.WorkspaceEdit())
        asked = [server.workspace_apply_edit_async(edit) for _ in range(params["count"])]

        async def count() -> int:
            return len(await asyncio.gather(*asked))

        return count()

    def unsendable(params: Any) -> object:
        return object()

    async def run(name: str, arguments: list[Any]) -> Any:
        if name == "test.wait":
            return await wait({})
        return {"name": name, "arguments": arguments}

    async def closed() -> None:
        await asyncio.sleep(0)
        if marker := os.environ.get("KIBITZ_TEST_CLOSED"):
            Path(marker).write_text("closed")
        if os.environ.get("KIBITZ_TEST_CLOSE_HANGS"):
            await asyncio.sleep(3600)

    def block_a_thread(params: Any) -> None:
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)

    server.on_close(closed)
    on_notification(server, types.TEXT_DOCUMENT_DID_OPEN, did_open)
    on_notification(server, types.TEXT_DOCUMENT_DID_CHANGE, did_change)
    on_notification(server, types.TEXT_DOCUMENT_DID_CLOSE, did_close)
    on_notification(server, "test/failNote", fail)
    on_request(server, types.TEXT_DOCUMENT_HOVER, lambda params: None)
    on_request(server, "test/text", text)
    on_request(server, "test/textLater", text_later)
    on_request(server, "test/wait", wait)
    on_request(server, "test/notes", lambda params: notes)
    on_request(server, "test/echo", lambda params: params)
    on_request(server, "test/fail", fail)
    on_request(server, "test/failLater", fail_later)
    on_request(server, "test/ask", ask)
    on_request(server, "test/askBriefly", ask_briefly)
    on_request(server, "test/burst", burst)
    on_request(server, "test/burstOfEdits", burst_of_edits)
    on_request(server, "test/unsendable", unsendable)
    on_request(server, "test/print", lambda params: print("stray"))
    on_request(server, "test/touch", lambda params: Path(params["path"]).touch())
    on_request(server, "test/readStdin", lambda params: sys.stdin.read())
    on_request(server, "test/blockAThread", block_a_thread)
    on_command(server, ["test.echo", "test.wait"], run)
    return server


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--tcp", address]:
            sys.exit(front.serve_tcp(address, create_server))
        case ["--ws", address]:
            sys.exit(front.serve_ws(address, create_server))
        case _:
            sys.exit(front.serve_stdio(create_server))
