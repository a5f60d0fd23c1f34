"""A client that can is asked to tell of changed files."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.server import create_server
from support.desk import Desk, settled


async def test_a_client_that_has_not_answered_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    desk = Desk(create_server)
    can = {"configuration": True, "didChangeWatchedFiles": {"dynamicRegistration": True}}
    params = {"processId": None, "rootUri": None, "capabilities": {"workspace": can}}
    await desk.result("initialize", params)

    async def answer_settings(count: int, settings: object) -> None:
        await desk.until(lambda: len(desk.requests("workspace/configuration")) == count)
        asked = desk.requests("workspace/configuration")[-1]
        desk.say({"jsonrpc": "2.0", "id": asked["id"], "result": [settings]})

    desk.notify("initialized", {})
    await answer_settings(1, {})
    await desk.until(lambda: bool(desk.requests("client/registerCapability")))
    desk.notify("workspace/didChangeConfiguration", {"settings": None})
    # What is wrong with settings is told right before the client would be asked.
    await answer_settings(2, {"base_url": "http://example.invalid"})
    await desk.until(lambda: bool(desk.requests("window/showMessage")))
    await settled()

    assert len(desk.requests("client/registerCapability")) == 1
    await desk.server.close()
