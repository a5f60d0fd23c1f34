"""Clients that leave requests unanswered, or throw away what they have read behind an answer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from kibitz.protocol import progress
from kibitz.server import create_server
from kibitz.standin import Reply
from support.workshop import Workshop, open_workshop


def accepts_tokens_later(shop: Workshop) -> asyncio.Event:
    """The client accepts a token for progress only once the event is set."""
    accepts = asyncio.Event()

    async def accept(_params: Any) -> None:
        await accepts.wait()

    shop.client.request_handlers["window/workDoneProgress/create"] = accept
    return accepts


async def test_work_does_not_wait_for_a_token_to_be_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "CREATE_SECONDS", 0.05)
    async with open_workshop(tmp_path, monkeypatch) as shop:
        accepts = accepts_tokens_later(shop)
        shop.standin.enqueue(Reply("It adds."))
        text = await shop.open()
        await shop.start("kibitz.explain", text)
        told = await shop.client.wait_until(
            lambda: [said for said in shop.client.messages() if "Answer shown" in said]
        )
        assert len(told) == 1
        assert "$" in told[0]
        assert not shop.client.notifications("$/progress")
        # Accepted too late: still nothing is shown.
        accepts.set()
        await shop.client.hover(text, {"line": 0, "character": 0})
        assert not shop.client.notifications("$/progress")


async def test_a_token_that_is_accepted_late_begins_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "CREATE_SECONDS", 0.05)
    async with open_workshop(tmp_path, monkeypatch) as shop:
        accepts = accepts_tokens_later(shop)
        shop.standin.enqueue(Reply("It adds. And returns.", chunk_size=3).hold_at("adds"))
        text = await shop.open()
        job = await shop.start("kibitz.explain", text)
        await shop.standin.reached()
        accepts.set()
        await shop.client.wait_until(lambda: shop.client.notifications("$/progress"))
        shop.standin.release()
        await shop.client.progress_end(job)
        kinds = [said["value"]["kind"] for said in shop.client.notifications("$/progress")]
        assert (kinds[0], kinds[-1]) == ("begin", "end")
        assert kinds.count("begin") == kinds.count("end") == 1
        assert not [said for said in shop.client.messages() if "Answer shown" in said]


@pytest.mark.parametrize(
    ("info", "rests"),
    [
        ({"name": "emacs"}, 0.05),
        ({"name": "Eglot"}, 0.05),
        # An eglot that is older than the protocol's field for a name.
        (None, 0.05),
        ({"name": "Neovim"}, 0.0),
        ({"name": "Visual Studio Code"}, 0.0),
    ],
)
async def test_after_an_answer_nothing_is_sent_for_a_while(
    info: dict[str, str] | None, rests: float
) -> None:
    happened: list[object] = []
    protocol = create_server().protocol
    protocol.connect(lambda body: happened.append(json.loads(body).get("id")), happened.append)

    def ask(id: int, method: str, params: Any) -> None:
        message = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        protocol.receive(json.dumps(message).encode())

    ask(1, "initialize", {"capabilities": {}, "clientInfo": info, "processId": None})
    ask(2, "no/such", {})
    protocol.notify("window/logMessage", {"type": 4, "message": "x"})
    answers = [1, rests, 2, rests] if rests else [1, 2]
    assert happened == [*answers, None]
