"""The 25 traps of pygls 2.1: each shown not to catch kibitz.

The text of a test says what stock pygls does.  `Desk` is a server of ours in this process; what
needs a process of its own (pipes, exit codes) is in `test_transport.py` and named here.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from kibitz.protocol import announce
from kibitz.protocol.pygls_mends import MendedServer
from kibitz.protocol.registration import on_command, on_request
from support.desk import Desk, settled
from support.raw_client import KIBITZ_TINY, RawClient, exists
from support.tiny_server import create_server

URI = "file:///repository/a.py"

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
INVALID_REQUEST = -32600
NOT_INITIALIZED = -32002
CANCELLED = -32800


def opened(text: str, **capabilities: Any) -> Desk:
    desk = Desk.initialized(**capabilities)
    item = {"uri": URI, "languageId": "c", "version": 1, "text": text}
    desk.notify("textDocument/didOpen", {"textDocument": item})
    return desk


def change(desk: Desk, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
    where = {
        "start": {"line": start[0], "character": start[1]},
        "end": {"line": end[0], "character": end[1]},
    }
    desk.notify(
        "textDocument/didChange",
        {
            "textDocument": {"uri": URI, "version": 2},
            "contentChanges": [{"range": where, "text": text}],
        },
    )


@pytest.mark.parametrize("separator", "\v\f\x1c\x1d\x1e\x85\u2028\u2029")
async def test_trap_01_lines_end_only_where_lsp_says(separator: str) -> None:
    """pygls splits lines at form feed, U+2028 and others, and then edits the wrong line."""
    desk = opened(f"a{separator}b\nc\n")
    change(desk, (1, 0), (1, 1), "C")
    assert await desk.result("test/text", {"uri": URI}) == f"a{separator}b\nC\n"


async def test_trap_02_a_column_past_the_end_is_the_end() -> None:
    """pygls puts it one character before the end of a last line without a line ending."""
    desk = opened("abc")
    change(desk, (0, 99), (0, 99), "!")
    assert await desk.result("test/text", {"uri": URI}) == "abc!"


async def test_trap_03_a_change_does_not_split_the_whole_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """pygls splits and copies all of it at each change, on the event loop."""
    desk = opened("line\n" * 50_000)
    longest = 0

    def watched(text: str) -> list[str]:
        nonlocal longest
        longest = max(longest, len(text))
        return text.splitlines(keepends=True)

    monkeypatch.setattr("kibitz_context.lines.split_lines", watched)
    for _ in range(100):
        change(desk, (25_000, 0), (25_000, 0), "x")
    assert 0 < longest < 1000


async def test_trap_04_cancelling_a_command_stops_it() -> None:
    """pygls answers "cancelled" and lets the command's handler run on."""
    desk = Desk.initialized()
    running = desk.ask("workspace/executeCommand", {"command": "test.wait"})
    await settled()
    assert await desk.result("test/notes") == ["started"]
    desk.notify("$/cancelRequest", {"id": running})
    assert (await desk.answer(running))["error"]["code"] == CANCELLED
    assert await desk.result("test/notes") == ["started", "cancelled"]


async def test_trap_05_no_handler_takes_the_threads_that_read() -> None:
    """pygls reads stdin through the pool that `thread()` handlers fill."""
    server = create_server()
    with pytest.raises(TypeError, match="event loop"):
        server.thread()
    assert server._thread_pool is None
    async with RawClient.start(KIBITZ_TINY) as client:
        for _ in range(64):
            await client.request("test/blockAThread")
        assert await client.request("test/echo", [1]) == [1]


@pytest.mark.parametrize(
    "params",
    [None, [], 7, {}, {"textDocument": {"uri": URI}}, {"textDocument": 3, "position": []}],
)
async def test_trap_06_wrong_params_are_answered(params: Any) -> None:
    """pygls never answers a request whose params do not parse."""
    desk = Desk.initialized()
    assert await desk.error_code("textDocument/hover", params) == INVALID_PARAMS


async def test_trap_06_an_enum_value_that_is_too_new_is_kept() -> None:
    """pygls fails the whole message for one; LSP says to live with it."""
    seen: list[types.CodeActionParams] = []
    server = MendedServer("kibitz", "0")
    on_request(server, types.TEXT_DOCUMENT_CODE_ACTION, seen.append)
    desk = Desk(lambda: server)
    desk.ask("initialize", {"capabilities": {}})
    place = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}
    diagnostic = {"range": place, "message": "odd", "severity": 9, "tags": [1, 77]}
    context = {"diagnostics": [diagnostic], "triggerKind": 3, "only": ["quickfix", "new.kind"]}
    params = {"textDocument": {"uri": URI}, "range": place, "context": context}
    assert await desk.result("textDocument/codeAction", params) is None
    assert seen[0].context.trigger_kind == 3
    assert seen[0].context.diagnostics[0].severity == 9
    assert seen[0].context.only == ("quickfix", "new.kind")


async def test_trap_07_a_nested_jsonrpc_key_is_just_a_key() -> None:
    """pygls takes any object that has one for a message and loses the request."""
    desk = Desk.initialized()
    payload = {"jsonrpc": "2.0", "id": 1, "method": "exit", "deeper": [{"jsonrpc": "1.0"}]}
    assert await desk.result("test/echo", {"a": payload}) == {"a": payload}
    assert not desk.server.ended.is_set()


async def test_trap_08_a_late_reply_is_no_error() -> None:
    """pygls raises InvalidStateError and shows it when a reply comes after the wait ended."""
    desk = Desk.initialized()
    asked = desk.ask("test/askBriefly", {})
    assert (await desk.answer(asked))["result"] == "gave up"
    (edit,) = desk.requests("workspace/applyEdit")
    sent_before = len(desk.sent)
    desk.say({"jsonrpc": "2.0", "id": edit["id"], "result": {"applied": True}})
    desk.say({"jsonrpc": "2.0", "id": edit["id"], "result": {"applied": True}})
    desk.say({"jsonrpc": "2.0", "id": "kibitz-77", "error": {"code": 1, "message": "late"}})
    desk.say({"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": "no id"}})
    await settled()
    assert len(desk.sent) == sent_before


async def test_trap_08_a_reply_in_the_very_moment_of_giving_up() -> None:
    desk = Desk.initialized()
    for give_up in ("cancel", "close"):
        asked = desk.server.protocol.send_request_async("test/ask")
        if give_up == "cancel":
            asked.cancel()
        else:
            desk.server.protocol.abandon_requests()
        desk.say({"jsonrpc": "2.0", "id": desk.sent[-1]["id"], "result": None})
    assert len(desk.sent) == 2


async def test_trap_09_shutdown_while_a_command_runs() -> None:
    """pygls answers InternalError ("dictionary changed size") and does not shut down."""
    desk = Desk.initialized()
    running = [desk.ask("workspace/executeCommand", {"command": "test.wait"}) for _ in range(3)]
    await settled()
    assert await desk.result("shutdown") is None
    for request in running:
        assert (await desk.answer(request))["error"]["code"] == CANCELLED
    assert desk.server.exit_code == 0


async def test_trap_10_exit_codes() -> None:
    """pygls ends with 0 after `exit` without `shutdown`.  Whole processes: test_transport.py."""
    desk = Desk.initialized()
    desk.notify("exit")
    assert desk.server.ended.is_set()
    assert desk.server.exit_code == 1


async def test_trap_11_a_change_of_a_text_that_is_not_open() -> None:
    """pygls shows the user a KeyError."""
    desk = Desk.initialized()
    change(desk, (0, 0), (0, 0), "x")
    desk.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert await desk.result("test/text", {"uri": URI}) is None
    assert desk.requests("window/showMessage") == []


async def test_trap_12_one_message_for_each_bug(caplog: pytest.LogCaptureFixture) -> None:
    """pygls pops up a message for each failed notification, a storm when typing fails."""
    desk = Desk.initialized()
    for _ in range(50):
        desk.notify("test/failNote")
        desk.notify("textDocument/didOpen", {"wrong": "params"})
    for _ in range(5):
        assert await desk.error_code("test/failLater") == INTERNAL_ERROR
    shown = [one["params"]["message"] for one in desk.requests("window/showMessage")]
    assert len(shown) == 2  # Two distinct bugs: two places that raise.
    assert all("bug" in message and "secret" not in message for message in shown)
    bugs = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(bugs) == 55
    assert all(record.exc_info is not None for record in bugs)


@pytest.mark.parametrize("method", ["test/fail", "test/failLater"])
async def test_trap_13_no_traceback_leaves_the_server(method: str) -> None:
    """pygls puts the traceback, with its paths, into `error.data`."""
    desk = Desk.initialized()
    answer = await desk.answer(desk.ask(method))
    assert answer["error"]["code"] == INTERNAL_ERROR
    assert answer["error"].keys() == {"code", "message"}
    assert "secret" not in str(desk.sent)
    assert ".py" not in answer["error"]["message"]


async def test_trap_14_what_is_said_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """pygls logs each message it sends, and all of `initialize`, at INFO."""
    caplog.set_level(logging.INFO)
    desk = Desk()
    options = {"apiKey": "sk-private"}
    desk.ask("initialize", {"capabilities": {}, "initializationOptions": options})
    item = {"uri": URI, "languageId": "c", "version": 1, "text": "private code"}
    desk.notify("textDocument/didOpen", {"textDocument": item})
    assert await desk.result("test/text", {"uri": URI}) == "private code"
    assert await desk.error_code("textDocument/hover", {"position": "private"}) == INVALID_PARAMS
    desk.server.protocol.receive(b"private { not JSON")
    desk.say(["private"])
    assert "private" not in caplog.text


async def test_trap_15_a_client_that_does_not_read_stops_nothing(tmp_path: Path) -> None:
    """pygls writes from the event loop: a full pipe stops it, and a burst dead-locks it.

    The client here reads nothing until the server has sent far more than a pipe holds, and has
    then still taken and carried out another request.
    """
    carried_out = tmp_path / "carried out"
    async with RawClient.start(KIBITZ_TINY) as client:
        client.pause_reading()
        burst = client.ask("test/burst", {"count": 1000, "size": 10_000})
        edits = client.ask("test/burstOfEdits", {"count": 1000})
        touch = client.ask("test/touch", {"path": str(carried_out)})
        await exists(carried_out)
        client.resume_reading()
        assert await client.answer(burst) is None
        assert await client.answer(edits) == 1000
        assert await client.answer(touch) is None
        assert len(client.notifications("test/burst")) == 1000


async def test_trap_16_what_is_advertised_is_said_in_one_place() -> None:
    """pygls leaves out textDocumentContent and others, depending on how handlers were added."""
    content = {"workspace": {"textDocumentContent": {"dynamicRegistration": False}}}
    params = {"processId": None, "rootUri": None, "capabilities": content}
    desk = Desk()
    result = await desk.result("initialize", params)
    assert result == announce.initialize_result(params)
    assert result["capabilities"]["workspace"]["textDocumentContent"] == {"schemes": ["kibitz"]}
    with pytest.raises(TypeError, match="registration"):
        desk.server.feature("textDocument/rename")


@pytest.mark.parametrize("arguments", [[], [1], [{"uri": URI}, 2, [None]], None])
async def test_trap_17_arguments_of_commands_arrive_as_they_are(arguments: Any) -> None:
    """pygls counts and converts them by the handler's signature, and knows no defaults."""
    desk = Desk.initialized()
    params = {"command": "test.echo", "arguments": arguments}
    expected = {"name": "test.echo", "arguments": arguments or []}
    assert await desk.result("workspace/executeCommand", params) == expected


async def test_trap_17_no_arguments_at_all() -> None:
    desk = Desk.initialized()
    found = await desk.result("workspace/executeCommand", {"command": "test.echo"})
    assert found == {"name": "test.echo", "arguments": []}


@pytest.mark.parametrize(
    "params",
    [{"command": "no.such"}, {"command": 3}, {}, None, {"command": "test.echo", "arguments": 5}],
)
async def test_trap_17_wrong_commands_are_told(params: Any) -> None:
    desk = Desk.initialized()
    assert await desk.error_code("workspace/executeCommand", params) == INVALID_PARAMS


async def test_trap_18_a_request_cancelled_before_it_ran_never_runs() -> None:
    """pygls executes a queue of requests that were cancelled long ago."""
    desk = Desk.initialized()
    waiting = [desk.ask("test/wait") for _ in range(5)]
    for request in waiting:
        desk.notify("$/cancelRequest", {"id": request})
    for request in waiting:
        assert (await desk.answer(request))["error"]["code"] == CANCELLED
    assert await desk.result("test/notes") == []


async def test_trap_19_pygls_progress_keeps_no_token() -> None:
    """pygls keeps every progress token for ever; kibitz's own progress does not use it."""
    desk = Desk.initialized()
    desk.notify("window/workDoneProgress/cancel", {"token": "job-1"})
    assert await desk.result("test/echo", [1]) == [1]
    assert desk.server.work_done_progress.tokens == {}


async def test_trap_20_pygls_reads_no_file() -> None:
    """pygls reads an unopened file from disk at each look at its text; it has no texts here."""
    desk = opened("text")
    with pytest.raises(RuntimeError):
        _ = desk.server.workspace


async def test_trap_21_a_handler_sees_the_text_of_its_own_moment() -> None:
    """pygls starts an async handler after later changes were applied."""
    desk = opened("one\n")
    asked = desk.ask("test/textLater", {"uri": URI})
    change(desk, (0, 0), (0, 3), "two")
    assert (await desk.answer(asked))["result"] == "one\n"
    assert await desk.result("test/text", {"uri": URI}) == "two\n"


async def test_trap_22_requests_at_the_wrong_time_are_answered() -> None:
    """pygls serves them before `initialize`, and never answers them after `shutdown`."""
    desk = Desk()
    assert await desk.error_code("test/echo", [1]) == NOT_INITIALIZED
    assert await desk.error_code("shutdown") == NOT_INITIALIZED
    desk.ask("initialize", {"capabilities": {}})
    assert await desk.error_code("initialize", {"capabilities": {}}) == INVALID_REQUEST
    assert await desk.result("shutdown") is None
    assert await desk.error_code("test/echo", [1]) == INVALID_REQUEST
    assert await desk.error_code("shutdown") == INVALID_REQUEST
    assert await desk.error_code("initialize", {"capabilities": {}}) == INVALID_REQUEST


async def test_trap_23_a_server_for_each_connection_and_none_left_behind() -> None:
    """pygls has one protocol for all connections, and its caches keep each one for ever.

    The connections themselves: test_network.py.
    """
    desk = Desk.initialized()
    other = Desk.initialized()
    assert await desk.result("shutdown") is None
    assert await other.result("test/echo", [1]) == [1]
    gone = weakref.ref(desk.server.protocol)
    del desk
    await settled()
    gc.collect()
    assert gone() is None


async def test_trap_24_the_clients_process_is_watched() -> None:
    """pygls does nothing with `processId`.  The watching itself: test_transport.py."""
    desk = Desk()
    desk.ask("initialize", {"processId": 4711, "capabilities": {}})
    assert desk.server.process_id == 4711


def test_trap_25_nothing_slow_is_imported_before_the_answer() -> None:
    """Importing pygls takes longer than all the rest; the front answers without it."""
    code = "import sys, kibitz.front; print(*sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(found.stdout.split())
    slow = {"asyncio", "pygls", "lsprotocol", "attrs", "cattrs", "anthropic", "git", "rich"}
    slow |= {"dataclasses", "typing", "pathlib", "logging", "inspect", "subprocess"}
    assert loaded & slow == set()
    assert "json" in loaded


async def test_an_answer_that_cannot_be_sent_is_still_an_answer() -> None:
    desk = Desk.initialized()
    assert await desk.error_code("test/unsendable") == INTERNAL_ERROR


async def test_a_task_that_outlives_the_cancel_is_answered_by_what_it_gives() -> None:
    server = MendedServer("kibitz", "0")

    async def stubborn(name: str, arguments: list[Any]) -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return "finished all the same"
        return "slept"

    on_command(server, ["stubborn"], stubborn)
    desk = Desk(lambda: server)
    desk.ask("initialize", {"capabilities": {}}, id="first")
    running = desk.ask("workspace/executeCommand", {"command": "stubborn"})
    await settled()
    desk.notify("$/cancelRequest", {"id": running})
    assert (await desk.answer(running))["result"] == "finished all the same"
