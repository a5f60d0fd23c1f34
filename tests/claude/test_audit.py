"""Records of requests: what is in them, what never is, and that nobody waits for them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.auditing.audit import Audit, AuditedClaude, AuditLevel
from kibitz.claude.auditing.audit_file import AuditFile
from kibitz.claude.auditing.audit_prompt import NotAPrompt, differences, prompt_of, written
from kibitz.claude.connection import Connection
from kibitz.claude.models import catalogue
from kibitz.claude.prompts import wire
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Message,
    Prompt,
    Purpose,
    Started,
    Tool,
    ToolResult,
    ToolUse,
)
from kibitz.standin import Fault, Reply, StandIn, ToolCall

MODEL = "claude-sonnet-5-5"
KEY = "sk-ant-api03-a-key-that-nobody-may-see"
SECRET_WORDS = "the words of the prompt"
PURPOSE = Purpose("review", "/shop")
TOOL = Tool("read_file", "Reads.", {"type": "object", "properties": {}})
PROMPT = Prompt(
    "standard",
    MODEL,
    (Block("The rules. " * 300, "1h"),),
    (
        Message("user", (Block(SECRET_WORDS),)),
        Message("assistant", (Block("I look."), ToolUse("t1", "read_file", {"path": "a.py"}))),
        Message("user", (ToolResult("t1", "x = 1\n" * 10), Block("Go on."))),
    ),
    500,
    tools=(TOOL,),
    stop_sequences=("</answer>",),
)


class Kept:
    """An audited Claude over the stand-in, and what it has recorded."""

    def __init__(self, folder: Path, standin: StandIn, level: AuditLevel) -> None:
        connection = Connection(base_url=standin.base_url, api_key=KEY)
        self.file = AuditFile(folder / "audit")
        self.told: list[str] = []
        audit = Audit(self.file, level, catalogue.builtin, self.told.append)
        self.claude = AuditedClaude(AnthropicClaude(connection), audit)

    async def ask(self, prompt: Prompt = PROMPT) -> None:
        async with contextlib.aclosing(self.claude.stream(prompt, PURPOSE)) as events:
            async for _ in events:
                pass

    async def records(self) -> list[dict[str, Any]]:
        await self.claude.aclose()
        return list(self.file.records())


async def test_a_record_of_a_request(standin: StandIn, tmp_path: Path) -> None:
    call = ToolCall("read_file", {"path": "b.py"})
    standin.enqueue(Reply("Let me see.", tool_calls=[call]))
    kept = Kept(tmp_path, standin, "metadata")
    await kept.ask()
    (record,) = await kept.records()
    sent = standin.journal.last
    assert {name: record[name] for name in ("repository", "action", "tier", "model")} == {
        "repository": "/shop",
        "action": "review",
        "tier": "standard",
        "model": MODEL,
    }
    assert record["usage"]["cache_write_1h_tokens"] == sent.cache_use.write_1h_tokens > 0
    assert record["usage"]["output_tokens"] == sent.output_tokens
    assert record["cost_usd"] == pytest.approx(sent.cost_usd)
    assert (record["stop_reason"], record["outcome"]) == ("tool_use", "finished")
    assert record["request_id"] == sent.request_id
    assert record["total_seconds"] >= record["first_token_seconds"] >= 0
    assert record["tool_calls"] == [{"name": "read_file", "bytes": len('{"path": "b.py"}')}]
    assert record["tool_results"] == [{"name": "read_file", "bytes": 60, "is_error": False}]
    assert not {"request", "reply"} & set(record)
    text = json.dumps(record)
    assert SECRET_WORDS not in text
    assert "Let me see" not in text


async def test_bodies_are_kept_as_they_were_sent(standin: StandIn, tmp_path: Path) -> None:
    standin.enqueue(Fault.overloaded(), Reply("Fine.", tool_calls=[ToolCall("read_file", {})]))
    kept = Kept(tmp_path, standin, "full")
    await kept.ask()
    (record,) = await kept.records()
    assert record["request"] == standin.journal.last.request.body
    assert record["reply"]["text"] == "Fine."
    assert [call["input_json"] for call in record["reply"]["tool_calls"]] == ["{}"]
    (path,) = kept.file.folder.iterdir()
    assert KEY not in path.read_text("utf-8")
    assert "authorization" not in path.read_text("utf-8").lower()


async def test_two_requests_at_once_keep_their_own_bodies(standin: StandIn, tmp_path: Path) -> None:
    kept = Kept(tmp_path, standin, "full")
    import asyncio
    import dataclasses

    prompts = [
        dataclasses.replace(PROMPT, messages=(Message("user", (Block(f"Question {n}?"),)),))
        for n in range(5)
    ]
    await asyncio.gather(*map(kept.ask, prompts))
    asked = {
        record["request"]["messages"][0]["content"][0]["text"] for record in await kept.records()
    }
    assert asked == {f"Question {n}?" for n in range(5)}


@pytest.mark.parametrize("level", ["metadata", "full"])
async def test_a_failure_is_recorded(standin: StandIn, tmp_path: Path, level: AuditLevel) -> None:
    standin.enqueue(Fault.status_code(401))
    kept = Kept(tmp_path, standin, level)
    with pytest.raises(ClaudeFailure):
        await kept.ask()
    (record,) = await kept.records()
    assert (record["outcome"], record["failure"]["status"]) == ("wrong_credentials", 401)


async def test_what_a_broken_reply_cost_is_recorded(standin: StandIn, tmp_path: Path) -> None:
    standin.enqueue(Reply("It begins well and breaks off").failing(Fault.drop("well")))
    kept = Kept(tmp_path, standin, "metadata")
    with pytest.raises(ClaudeFailure):
        await kept.ask()
    (record,) = await kept.records()
    assert record["outcome"] == "dropped"
    assert record["usage"]["cache_write_1h_tokens"] > 0


async def test_a_stopped_request_is_recorded(standin: StandIn, tmp_path: Path) -> None:
    standin.enqueue(Reply("Some words"))
    kept = Kept(tmp_path, standin, "full")
    async with contextlib.aclosing(kept.claude.stream(PROMPT, PURPOSE)) as events:
        async for event in events:
            if not isinstance(event, Started):
                break
    (record,) = await kept.records()
    assert record["outcome"] == "cancelled"
    assert record["request"]["model"] == MODEL


async def test_what_closing_ends_is_recorded(standin: StandIn, tmp_path: Path) -> None:
    standin.enqueue(Reply("Some words").hold_at("Some"))
    kept = Kept(tmp_path, standin, "metadata")
    async with contextlib.aclosing(kept.claude.stream(PROMPT, PURPOSE)) as events:
        await anext(events)
        await kept.claude.aclose()
    standin.release()
    assert [record["outcome"] for record in kept.file.records()] == ["cancelled"]


async def test_warming_is_recorded(standin: StandIn, tmp_path: Path) -> None:
    kept = Kept(tmp_path, standin, "full")
    await kept.claude.warm(PROMPT, Purpose("pre_warm", "/shop"))
    (record,) = await kept.records()
    assert (record["action"], record["request"]["max_tokens"]) == ("pre_warm", 0)


async def test_an_audit_that_cannot_be_written_is_told_once(
    standin: StandIn, tmp_path: Path
) -> None:
    (tmp_path / "audit").write_text("in the way")
    kept = Kept(tmp_path, standin, "metadata")
    for _ in range(3):
        await kept.ask()
    await kept.claude.aclose()
    (sentence,) = kept.told
    assert "set `audit` to off" in sentence


def test_a_body_becomes_its_prompt_again() -> None:
    known = catalogue.builtin()
    body = json.loads(json.dumps(wire.arguments(PROMPT, known.request_options(MODEL, "standard"))))
    again = prompt_of({**body, "diagnostics": {"previous_message_id": None}}, "standard")
    assert again == PROMPT
    assert differences(body, again, known) == []
    assert differences({**body, "output_config": {"effort": "max"}}, again, known) == [
        "output_config"
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "user", "content": [{"type": "new"}]}]},
        {"messages": None},
        {"tools": [{"name": "web_search", "type": "web_search_1"}]},
        {"system": "as a string"},
    ],
)
def test_a_body_that_is_none_of_ours(change: dict[str, Any]) -> None:
    body = wire.arguments(PROMPT, catalogue.builtin().request_options(MODEL, "standard"))
    with pytest.raises(NotAPrompt):
        prompt_of({**body, **change}, "standard")


def test_a_reply_as_text() -> None:
    reply = {"text": "Look:\n", "tool_calls": [{"name": "edit", "input_json": '{"a": [1]}'}]}
    assert written(reply) == 'Look:\n[edit]\n{\n  "a": [\n    1\n  ]\n}\n'
    assert written({"text": "", "tool_calls": [{"name": "edit", "input_json": '{"a'}]}) == (
        '[edit]\n{"a\n'
    )
