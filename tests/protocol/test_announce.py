"""What kibitz says of itself to each client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lsprotocol import types

from kibitz import __version__
from kibitz.protocol import announce, lenient
from support.desk import Desk
from support.raw_client import Profile


def params_of(profile: str) -> dict[str, Any]:
    loaded = Profile.load(profile)
    return {
        "processId": None,
        "clientInfo": loaded.client_info,
        "rootUri": None,
        "capabilities": loaded.capabilities,
    }


@pytest.mark.parametrize("profile", Profile.names())
async def test_the_server_answers_the_replay_exactly_so(profile: str) -> None:
    params = params_of(profile)
    assert await Desk().result("initialize", params) == announce.initialize_result(params)


@pytest.mark.parametrize("profile", Profile.names())
def test_it_is_what_lsprotocol_takes_for_an_initialize_result(profile: str) -> None:
    result = announce.initialize_result(params_of(profile))
    typed = lenient.converter().structure(result, types.InitializeResult)
    assert typed.server_info == types.ServerInfo("kibitz", __version__)
    assert typed.capabilities.text_document_sync == types.TextDocumentSyncOptions(
        open_close=True,
        change=types.TextDocumentSyncKind.Incremental,
        save=types.SaveOptions(include_text=False),
    )
    document = params_of(profile)["capabilities"].get("textDocument", {})
    is_inline, is_listed = "inlineCompletion" in document, "completion" in document
    assert (typed.capabilities.inline_completion_provider is not None) is is_inline
    assert (typed.capabilities.completion_provider is not None) is (is_listed and not is_inline)
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    ("profile", "encoding", "has_content"),
    [
        ("vscode", "utf-16", True),
        ("neovim", "utf-8", False),
        ("helix", "utf-8", False),
        ("eglot", "utf-32", False),
        ("zed", "utf-16", False),
        ("kakoune", "utf-8", False),
        ("bare", "utf-16", False),
    ],
)
def test_encoding_and_virtual_documents(profile: str, encoding: str, has_content: bool) -> None:
    capabilities = announce.initialize_result(params_of(profile))["capabilities"]
    assert capabilities["positionEncoding"] == encoding
    assert ("textDocumentContent" in capabilities["workspace"]) == has_content


def test_code_action_kinds_go_only_to_who_knows_literals() -> None:
    def provider(profile: str) -> Any:
        return announce.initialize_result(params_of(profile))["capabilities"]["codeActionProvider"]

    assert provider("bare") is True
    assert provider("helix") == {
        "codeActionKinds": [
            "quickfix.kibitz",
            "refactor.rewrite.kibitz",
            "source.kibitz.ask",
            "source.kibitz.explain",
            "source.kibitz.review",
            "source.kibitz.send",
        ],
        "resolveProvider": False,
    }


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["utf-7", "utf-32", "utf-16"], "utf-32"),
        (["utf-7"], "utf-16"),
        ([], "utf-16"),
        ("utf-8", "utf-16"),
        ([None, ["utf-8"], {"a": 1}, "utf-8"], "utf-8"),
    ],
)
async def test_the_first_encoding_that_both_know(offered: Any, chosen: str) -> None:
    desk = Desk()
    capabilities = {"general": {"positionEncodings": offered}}
    result = await desk.result("initialize", {"capabilities": capabilities})
    assert result["capabilities"]["positionEncoding"] == chosen
    assert desk.server.position_encoding == chosen


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"capabilities": None},
        {"capabilities": []},
        {"capabilities": {"general": [], "workspace": 3, "textDocument": {"codeAction": True}}},
        {"capabilities": {"workspace": {"workspaceEdit": {"failureHandling": "hope"}}}},
        {"processId": "none", "workspaceFolders": {"uri": 1}, "clientInfo": {"name": 3}},
    ],
)
async def test_odd_params_are_answered_and_what_is_sound_in_them_is_kept(params: Any) -> None:
    desk = Desk()
    params = {"rootUri": "file:///kept", **params}
    seen: list[types.InitializeParams] = []
    desk.server.protocol.request_handlers["initialize"] = seen.append
    assert await desk.result("initialize", params) == announce.initialize_result(params)
    assert seen[0].root_uri == "file:///kept"
    assert await desk.result("test/echo", [1]) == [1]


def test_one_odd_capability_costs_only_itself() -> None:
    raw = {
        "processId": 12,
        "capabilities": {
            "workspace": {"applyEdit": True, "configuration": {"not": "a bool"}, "codeLens": 3},
            "window": {"workDoneProgress": True},
        },
    }
    params = lenient.initialize_params(lenient.converter(), raw)
    workspace = params.capabilities.workspace
    assert workspace is not None
    assert workspace.apply_edit is True
    assert workspace.code_lens is None
    assert params.capabilities.window == types.WindowClientCapabilities(work_done_progress=True)
    assert params.process_id == 12
