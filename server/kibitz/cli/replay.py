"""`kibitz replay`: a recorded request again, and how the reply differs from the recorded one."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import os
from collections.abc import Mapping
from typing import Any

from kibitz.backend import Backend
from kibitz.bill import bill
from kibitz.claude.auditing.audit_prompt import NotAPrompt, differences, prompt_of, written
from kibitz.claude.values import (
    Claude,
    Finished,
    Prompt,
    Purpose,
    TextDelta,
    ToolCall,
)
from kibitz.cli import logbook
from kibitz.cli.arguments import Common, Parser
from kibitz.cli.audit import find
from kibitz.cli.terminal import Terminal
from kibitz.cli.workplace import EXIT_INTERRUPTED
from kibitz.errors import UserError, sentence_for_stop
from kibitz.plain_text import one_line, visible
from kibitz.settings import load


def run(arguments: list[str]) -> int:
    parser = Parser(
        "replay",
        "Send a recorded request again, and show in what the reply differs from the recorded one.",
        examples=("kibitz replay 19ab12f0c3d-4e5f6a", "kibitz replay 19ab12 --live"),
        more='Only requests that were recorded with `audit = "full"` can be sent again.\n'
        "Without --live the stand-in answers, which costs nothing and says that it is scripted.\n",
    )
    parser.add_argument("id", metavar="ID", help="the record, as `kibitz audit` lists it")
    parser.add_argument(
        "--live", action="store_true", help="ask Claude, within the budget, and pay for it"
    )
    options = parser.parse_args(arguments)
    common = Common.of(options)
    terminal = Terminal.here()
    record = find(options.id)
    body = record.get("request")
    if not isinstance(body, Mapping):
        raise UserError(_why_no_body(record))
    try:
        prompt = prompt_of(body, str(record.get("tier")))
    except NotAPrompt as problem:
        raise UserError(
            f"The recorded request cannot be sent again ({one_line(str(problem), 120)})."
        ) from problem
    settings = load(None, None, common.settings, os.environ).settings
    logbook.begin(
        common.log_level or settings.log.level, terminal, on_stderr=common.log_level is not None
    )
    backend = Backend(settings, os.environ)
    for name in differences(body, prompt, backend.known_models().catalogue):
        terminal.note(f"`{name}` is not sent as it was recorded: what the model takes is another.")
    purpose = Purpose(str(record.get("action") or "replay"), str(record.get("repository") or ""))
    try:
        replied = asyncio.run(_ask(backend, prompt, purpose, is_live=options.live))
    except KeyboardInterrupt:
        terminal.note("Stopped.")
        return EXIT_INTERRUPTED
    _show(terminal, record, *replied, is_live=options.live)
    return 0


def _why_no_body(record: Mapping[str, Any]) -> str:
    if record.get("batch"):
        return (
            "Of a request in a batch only the reply is kept, so it cannot be sent again; review "
            "the file without --batch."
        )
    return (
        'The record has no body, so it cannot be sent again; set `audit` to "full" in config.toml '
        "to keep the bodies of requests from now on."
    )


async def _ask(
    backend: Backend, prompt: Prompt, purpose: Purpose, *, is_live: bool
) -> tuple[dict[str, Any], Finished]:
    """The reply, as a record has it, and its end."""
    async with contextlib.AsyncExitStack() as cleanup:
        cleanup.push_async_callback(backend.aclose)
        claude: Claude = backend
        if not is_live:
            # Not through the ledger: nothing is paid for, and nothing is to look as if it was.
            from kibitz.claude.anthropic_client import AnthropicClaude
            from kibitz.claude.connection import Connection
            from kibitz.standin import StandIn

            standin = await cleanup.enter_async_context(StandIn())
            claude = AnthropicClaude(Connection(base_url=standin.base_url, api_key="stand-in"))
            cleanup.push_async_callback(claude.aclose)
        async with contextlib.aclosing(claude.stream(prompt, purpose)) as stream:
            events = [event async for event in stream]
    finished = events[-1]
    assert isinstance(finished, Finished), "a stream ends with Finished or raises"
    reply = {
        "text": "".join(event.text for event in events if isinstance(event, TextDelta)),
        "tool_calls": [
            {"name": event.name, "input_json": event.input_json}
            for event in events
            if isinstance(event, ToolCall)
        ],
    }
    return reply, finished


def _show(
    terminal: Terminal,
    record: Mapping[str, Any],
    reply: Mapping[str, Any],
    finished: Finished,
    *,
    is_live: bool,
) -> None:
    now = visible(written(reply))
    terminal.write(now)
    who = one_line(finished.model, 60) if is_live else "the stand-in"
    terminal.line(f"{who}: {bill(finished.usage, finished.cost_usd if is_live else 0.0)}")
    if finished.stop_reason not in ("end_turn", "stop_sequence", "tool_use"):
        terminal.note(sentence_for_stop(finished.stop_reason, finished.stop_detail))
    recorded = record.get("reply")
    if not isinstance(recorded, Mapping):
        terminal.note("No reply was recorded to compare it with.")
        return
    before = visible(written(recorded))
    difference = difflib.unified_diff(
        before.splitlines(keepends=True), now.splitlines(keepends=True), "recorded", "now"
    )
    changed = "".join(difference)
    if not changed:
        terminal.note("The reply is the same as the recorded one.")
        return
    matcher = difflib.SequenceMatcher(None, before.splitlines(), now.splitlines(), autojunk=False)
    terminal.note(
        f"The reply differs from the recorded one ({matcher.ratio():.0%} of the lines are alike):"
    )
    terminal.write("\n" + changed)
