"""Every message gets what JSON-RPC and LSP promise it, and each request exactly one answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from kibitz.protocol.pygls_mends import ConnectionClosed, MendedServer, RequestFailed
from kibitz.protocol.registration import on_command, on_notification, on_request
from support.desk import Desk, settled

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
CANCELLED = -32800
REQUEST_FAILED = -32803


def errors(desk: Desk) -> list[tuple[Any, int]]:
    """The id and code of each error that was sent, in order."""
    return [(one["id"], one["error"]["code"]) for one in desk.sent if "error" in one]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b"\xff\xfe\xfd", b'{"a": ' + b"[" * 100_000, b"9" * 5000 + b"x"],
)
async def test_what_is_not_json_is_a_parse_error(body: bytes) -> None:
    desk = Desk.initialized()
    desk.server.protocol.receive(body)
    assert errors(desk) == [(None, PARSE_ERROR)]
    assert await desk.result("test/echo", [1]) == [1]


@pytest.mark.parametrize(
    ("message", "answered_id"),
    [
        (7, None),
        ("text", None),
        (None, None),
        ({}, None),
        ({"jsonrpc": "2.0"}, None),
        ({"jsonrpc": "1.0", "id": 5, "method": "test/echo"}, 5),
        ({"id": 5, "method": "test/echo"}, 5),
        ({"jsonrpc": "2.0", "id": 5}, 5),
        ({"jsonrpc": "2.0", "id": 5, "method": 3}, 5),
        ({"jsonrpc": "2.0", "id": None, "method": "test/echo"}, None),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "test/echo"}, None),
        ({"jsonrpc": "2.0", "id": True, "method": "test/echo"}, None),
        ({"jsonrpc": "2.0", "id": {"a": 1}, "method": "test/echo"}, None),
        ([], None),
        ([3], None),
        ([{"jsonrpc": "2.0", "method": "test/failNote"}], None),
        ([{"jsonrpc": "2.0", "id": 5, "method": "test/echo"}], 5),
    ],
)
async def test_json_that_is_no_message_is_an_invalid_request(
    message: Any, answered_id: Any
) -> None:
    desk = Desk.initialized()
    desk.say(message)
    assert errors(desk) == [(answered_id, INVALID_REQUEST)]
    assert await desk.result("test/echo", [1]) == [1]


async def test_each_request_of_a_batch_is_refused() -> None:
    desk = Desk.initialized()
    batch = [{"jsonrpc": "2.0", "id": id, "method": "test/echo"} for id in (7, "seven")]
    desk.say(
        [*batch, {"jsonrpc": "2.0", "method": "exit"}, {"jsonrpc": "2.0", "id": 1, "result": 2}]
    )
    assert errors(desk) == [(7, INVALID_REQUEST), ("seven", INVALID_REQUEST)]
    assert not desk.server.ended.is_set()


async def test_unknown_methods() -> None:
    desk = Desk.initialized()
    for method in ("no/such", "$/noSuch", "x" * 10_000, ""):
        assert await desk.error_code(method) == METHOD_NOT_FOUND
        desk.notify(method)
    assert len(desk.sent) == 4
    assert max(len(str(one)) for one in desk.sent) < 300


@pytest.mark.parametrize("id", [0, -1, 2**60, "", "0", "kibitz-1", "ü"])
async def test_ids_come_back_as_they_are(id: int | str) -> None:
    desk = Desk.initialized()
    answer = await desk.answer(desk.ask("test/echo", {"a": 1}, id=id))
    assert answer == {"jsonrpc": "2.0", "id": id, "result": {"a": 1}}


async def test_an_id_that_is_still_being_answered() -> None:
    desk = Desk.initialized()
    desk.ask("test/wait", {"seconds": 0}, id=5)
    desk.ask("test/echo", [1], id=5)
    desk.ask("test/echo", [2], id="5")
    await desk.until(lambda: any(one.get("result") == "waited" for one in desk.sent))
    assert errors(desk) == [(5, INVALID_REQUEST)]
    assert Counter(one["id"] for one in desk.sent) == {5: 2, "5": 1}


async def test_null_results_are_there() -> None:
    desk = Desk.initialized()
    answer = await desk.answer(desk.ask("textDocument/hover", _hover({"line": 0, "character": 0})))
    assert answer == {"jsonrpc": "2.0", "id": 2, "result": None}


@pytest.mark.parametrize(
    "params", [None, {}, {"id": None}, {"id": 99}, {"id": [1]}, {"id": True}, [], 5, "x"]
)
async def test_a_cancel_of_nothing_does_nothing(params: Any) -> None:
    desk = Desk.initialized()
    desk.ask("test/wait", {"seconds": 0}, id=1)
    desk.notify("$/cancelRequest", params)
    answer = await desk.answer(1)
    assert answer["result"] == "waited"


async def test_a_cancelled_request_is_answered_once() -> None:
    desk = Desk.initialized()
    desk.ask("test/wait", {}, id=0)
    await settled()
    for _ in range(3):
        desk.notify("$/cancelRequest", {"id": 0})
    assert (await desk.answer(0))["error"]["code"] == CANCELLED
    desk.notify("$/cancelRequest", {"id": 0})
    await settled()
    assert len(desk.sent) == 1


async def test_notifications_before_initialize_are_passed_over() -> None:
    desk = Desk()
    item = {"uri": "file:///a", "languageId": "c", "version": 1, "text": "early"}
    desk.notify("textDocument/didOpen", {"textDocument": item})
    desk.ask("initialize", {"capabilities": {}})
    assert await desk.result("test/text", {"uri": "file:///a"}) is None


@pytest.mark.parametrize("params", [None, [], 3, "x"])
async def test_initialize_without_an_object_can_be_said_again(params: Any) -> None:
    desk = Desk()
    assert await desk.error_code("initialize", params) == INVALID_PARAMS
    assert "capabilities" in await desk.result("initialize", {"capabilities": {}})


async def test_a_second_initialize_changes_nothing() -> None:
    desk = Desk.initialized(general={"positionEncodings": ["utf-8"]})
    assert (
        await desk.error_code("initialize", {"processId": 5, "capabilities": {}}) == INVALID_REQUEST
    )
    assert desk.server.position_encoding == "utf-8"
    assert desk.server.process_id is None


async def test_a_bug_in_preparing_the_session_does_not_cost_the_answer() -> None:
    server = MendedServer("kibitz", "0")
    on_request(server, "initialize", lambda params: 1 / 0)
    desk = Desk(lambda: server)
    assert "capabilities" in await desk.result("initialize", {"capabilities": {}})
    assert len(desk.requests("window/showMessage")) == 1


async def test_errors_that_a_handler_means() -> None:
    server = MendedServer("kibitz", "0")

    def refuse(params: Any) -> None:
        raise RequestFailed("There is nothing to explain here.")

    async def refuse_later(name: str, arguments: list[Any]) -> None:
        raise RequestFailed("Not now.", data={"retry": True})

    on_request(server, "test/refuse", refuse)
    on_command(server, ["refuse"], refuse_later)
    desk = Desk(lambda: server)
    desk.ask("initialize", {"capabilities": {}}, id="first")
    answer = await desk.answer(desk.ask("test/refuse"))
    assert answer["error"] == {
        "code": REQUEST_FAILED,
        "message": "There is nothing to explain here.",
    }
    answer = await desk.answer(desk.ask("workspace/executeCommand", {"command": "refuse"}))
    assert answer["error"]["data"] == {"retry": True}
    assert desk.requests("window/showMessage") == []


async def test_a_notification_that_awaits_runs_and_is_stopped_at_the_end() -> None:
    server = MendedServer("kibitz", "0")
    seen: list[str] = []

    async def note(params: Any) -> None:
        try:
            seen.append("started")
            await asyncio.sleep(3600)
        finally:
            seen.append("stopped")

    on_notification(server, "test/note", note)
    desk = Desk(lambda: server)
    desk.ask("initialize", {"capabilities": {}})
    desk.notify("test/note")
    await settled()
    assert seen == ["started"]
    await server.close()
    assert seen == ["started", "stopped"]


async def test_a_bug_in_a_notification_that_awaits_is_told() -> None:
    server = MendedServer("kibitz", "0")

    async def note(params: Any) -> None:
        raise RuntimeError

    on_notification(server, "test/note", note)
    desk = Desk(lambda: server)
    desk.ask("initialize", {"capabilities": {}})
    desk.notify("test/note")
    await settled()
    assert len(desk.requests("window/showMessage")) == 1


async def test_replies_become_lsprotocols_types() -> None:
    desk = Desk.initialized()
    asking = asyncio.ensure_future(
        desk.server.workspace_configuration_async(
            types.ConfigurationParams([types.ConfigurationItem(section="kibitz")])
        )
    )
    await settled()
    (request,) = desk.requests("workspace/configuration")
    assert request["params"] == {"items": [{"section": "kibitz"}]}
    desk.say({"jsonrpc": "2.0", "id": request["id"], "result": [{"budget": {"day_usd": 1}}]})
    assert list(await asking) == [{"budget": {"day_usd": 1}}]


@pytest.mark.parametrize(
    "reply",
    [
        {"error": {"code": -32603, "message": "no"}},
        {"error": {"code": "odd"}},
        {"error": "text"},
        {"result": {"failureReason": "odd"}},
        {"result": [True]},
        {"result": None},
        {},
    ],
)
async def test_replies_that_fail_or_are_odd_end_the_wait(reply: dict[str, Any]) -> None:
    desk = Desk.initialized()
    edit = types.ApplyWorkspaceEditParams(types.WorkspaceEdit())
    asking = asyncio.ensure_future(desk.server.workspace_apply_edit_async(edit))
    await settled()
    (request,) = desk.requests("workspace/applyEdit")
    desk.say({"jsonrpc": "2.0", "id": request["id"], **reply})
    with pytest.raises(JsonRpcException):
        await asking


async def test_a_reply_without_jsonrpc_or_result_still_counts() -> None:
    desk = Desk.initialized()
    asking = asyncio.ensure_future(
        desk.server.window_work_done_progress_create_async(types.WorkDoneProgressCreateParams("t"))
    )
    await settled()
    (request,) = desk.requests("window/workDoneProgress/create")
    desk.say({"id": request["id"]})
    assert await asking is None
    assert errors(desk) == []


async def test_waiting_for_a_client_that_is_gone_ends() -> None:
    desk = Desk.initialized()
    edit = types.ApplyWorkspaceEditParams(types.WorkspaceEdit())
    asking = asyncio.ensure_future(desk.server.workspace_apply_edit_async(edit))
    await settled()
    await desk.server.close()
    with pytest.raises(ConnectionClosed):
        await asking
    await desk.server.protocol.disconnect()
    with pytest.raises(ConnectionClosed):
        await desk.server.workspace_apply_edit_async(edit)


async def test_closing_waits_for_everything_once_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("kibitz.protocol.pygls_mends.CLOSE_DEADLINE_SECONDS", 0.05)
    server = MendedServer("kibitz", "0")
    closed: list[str] = []

    async def quick() -> None:
        await asyncio.sleep(0)
        closed.append("quick")

    async def broken() -> None:
        raise RuntimeError("broken")

    async def endless() -> None:
        await asyncio.sleep(3600)

    for callback in (quick, broken, endless):
        server.on_close(callback)
    desk = Desk(lambda: server)
    desk.ask("initialize", {"capabilities": {}})
    desk.ask("shutdown")
    desk.notify("exit")
    await asyncio.gather(server.close(), server.close())
    await server.protocol.disconnect()
    assert closed == ["quick"]
    assert "still running" in caplog.text
    assert "broken" in caplog.text
    assert [one["result"] for one in desk.sent if one.get("id") == 2] == [None]


async def test_hover_over_a_range() -> None:
    server = MendedServer("kibitz", "0")
    seen: list[Any] = []
    on_request(server, "textDocument/hover", lambda params: seen.append(params.position))
    desk = Desk(lambda: server)
    desk.ask("initialize", {"capabilities": {}})
    start, end = {"line": 1, "character": 2}, {"line": 3, "character": 4}
    await desk.result("textDocument/hover", _hover({"start": start, "end": end}))
    await desk.result("textDocument/hover", _hover(start))
    place, other = types.Position(1, 2), types.Position(3, 4)
    assert seen == [types.Range(place, other), place]
    assert await desk.error_code("textDocument/hover", _hover({"start": start})) == INVALID_PARAMS


async def test_half_a_surrogate_pair_comes_back() -> None:
    desk = Desk.initialized()
    assert await desk.result("test/echo", {"a": "\ud83d"}) == {"a": "\ud83d"}


def test_methods_that_the_protocol_answers_itself_cannot_be_registered() -> None:
    server = MendedServer("kibitz", "0")
    for method in ("shutdown", "exit", "$/cancelRequest", "workspace/executeCommand"):
        with pytest.raises(ValueError, match="answered by the protocol"):
            on_request(server, method, lambda params: None)
    on_request(server, "test/one", lambda params: None)
    with pytest.raises(ValueError, match="already"):
        on_request(server, "test/one", lambda params: None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["2.0", "test/echo", "exit"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "uri"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=8))
@settings(max_examples=60, deadline=None)
def test_whatever_is_said_the_next_request_is_answered(messages: list[Any]) -> None:
    async def talk() -> None:
        desk = Desk.initialized()
        for message in messages:
            if isinstance(message, dict) and message.get("method") == "exit":
                continue
            desk.say(message)
        answer = await desk.answer(desk.ask("test/echo", ["alive"], id="probe"))
        assert answer["result"] == ["alive"]

    asyncio.run(talk())


def _hover(position: Any) -> dict[str, Any]:
    return {"textDocument": {"uri": "file:///a.py"}, "position": position}
