"""What can go wrong with a request, row by row, and what a user of each action is to hear of it.

The rows of the documentation of errors and of the SDK's behaviour: before the first byte, in the
middle, at the end.  `play` lets one of them happen to one action in a workshop and says what came
of it; the tests check that, and `python -m bench faults` prints it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest

from kibitz.claude import retry
from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.connection import Connection
from kibitz.standin import Exchange, Fault, Reply, ToolCall
from kibitz.standin.prices import cost_usd
from support.findings import finding
from support.raw_client import EditorText
from support.workshop import EXAMPLE, Workshop, cursor, lines

Phase = Literal["before", "middle", "end"]
Answer = Reply | Fault

# Longer than any row may take with the short deadlines that `play` expects to be set.
LONGEST_SECONDS = 20.0
SILENCE_SECONDS = 0.3
FIRST_EVENT_SECONDS = 1.0

TOTAL = lines(6, 10)
NEW_TOTAL = 'def total(prices):\n    """The sum of all prices."""\n    return sum(prices)\n'
COMPLETED = EXAMPLE.replace("return result\n\n", "return result\n# Without taxes.\n")
AFTER = EXAMPLE.replace(
    EXAMPLE[EXAMPLE.index("def total") : EXAMPLE.index("\n\ndef with")], NEW_TOTAL
)
FINDING = finding(suggestion="")
OTHER_FINDING = finding(start_line=7, end_line=7, quote="    result = 0", suggestion="")


@dataclass(frozen=True, slots=True)
class Action:
    """Something a user asks for: its good reply, and a text in the middle of that."""

    name: str
    command: str
    reply: Reply
    middle: str
    after: str = EXAMPLE
    retries: bool = True


EXPLAIN = Action(
    "explain",
    "kibitz.explain",
    Reply(("It adds the prices up.\n\n", "An empty ", "list gives 0.\n")),
    "An empty ",
)


def reply_input() -> dict[str, Any]:
    """The input of the tool call that is the good reply to a review."""
    return {"findings": [FINDING, OTHER_FINDING]}


REVIEW = Action(
    "review",
    "kibitz.review",
    Reply(
        tool_calls=[ToolCall("report_findings", reply_input())],
        chunk_size=60,
    ),
    '"suggestion": ""}',
)
REFACTOR = Action(
    "refactor",
    "kibitz.refactor",
    Reply(("<replacement>\n", *NEW_TOTAL.splitlines(keepends=True), "</replacement>")),
    '"""The sum of all prices."""\n',
    after=AFTER,
)
# Asks once, whatever happens: a completion that comes late is of no use.
COMPLETE = Action(
    "complete",
    "kibitz.complete",
    Reply(("<completion>", "# Without", " taxes.", "</completion>")),
    "# Without",
    after=COMPLETED,
    retries=False,
)
ACTIONS = (EXPLAIN, REVIEW, REFACTOR, COMPLETE)


@dataclass(frozen=True, slots=True)
class Row:
    """One fault.  `answers` makes of an action what the stand-in gives, request by request.

    `told` is what the one message must contain, "" where there is none since all goes well;
    `outcome` is how the ledger's last row ends, and `requests` how many are sent.
    """

    name: str
    phase: Phase
    answers: Callable[[Action], Sequence[Answer]]
    told: str
    outcome: str
    requests: int = 1
    told_of: tuple[tuple[str, str], ...] = ()
    requests_of: tuple[tuple[str, int], ...] = ()

    @property
    def goes_well(self) -> bool:
        return not self.told

    def told_for(self, action: Action) -> str:
        return dict(self.told_of).get(action.name, self.told)

    def requests_for(self, action: Action) -> int:
        n_requests = dict(self.requests_of).get(action.name, self.requests)
        return n_requests if action.retries else 1

    def is_for(self, action: Action) -> bool:
        """Whether it can happen to an action, and to none in another way."""
        return action.retries or not (self.goes_well and self.requests > 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.  `billed_usd` is what the stand-in would put on the bill if every reply
    that began had come to its end, `counted_usd` what is in the ledger."""

    messages: tuple[str, ...]
    end: str
    buffer: str
    diagnostics_before: tuple[Any, ...]
    diagnostics: tuple[Any, ...]
    ledger: tuple[tuple[str, float], ...]
    still_reserved: int
    requests: int = 0
    prompt_usd: float = 0.0
    billed_usd: float = 0.0

    @property
    def counted_usd(self) -> float:
        return sum(cost for _, cost in self.ledger)


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines and pauses as short as a test can bear; nothing else about them is different."""

    def hasty(self: AnthropicClaude, connection: Connection, **more: Any) -> None:
        short = replace(
            connection,
            silence_seconds=SILENCE_SECONDS,
            first_event_seconds=FIRST_EVENT_SECONDS,
        )
        patient(self, short, **more)

    patient = AnthropicClaude.__init__
    monkeypatch.setattr(AnthropicClaude, "__init__", hasty)
    monkeypatch.setattr(retry, "FIRST_DELAY_SECONDS", 0.001)


async def play(shop: Workshop, text: EditorText, action: Action, row: Row) -> Outcome:
    """Let `row` happen to `action`.  Raises TimeoutError when that takes too long."""
    journal = shop.standin.journal
    journal.clear()
    shop.standin.reset_script()
    shop.standin.enqueue(*row.answers(action))
    came = await observe(shop, text, action)
    begun = [each for each in journal.messages if each.message_id]
    return replace(
        came,
        requests=len(journal.messages),
        prompt_usd=sum(_usd(each, 0) for each in begun),
        billed_usd=sum(_usd(each, each.output_tokens) for each in begun),
    )


async def observe(shop: Workshop, text: EditorText, action: Action) -> Outcome:
    """Carry `action` out with whatever Claude there is, on the text as it was."""
    if text.text != EXAMPLE:
        shop.client.type(text, 0, EXAMPLE, removing=len(text.text))
    diagnostics_before = tuple(shop.client.diagnostics(text.uri) or ())
    rows_before, messages_before = len(_rows(shop)), len(shop.client.messages())
    argument: dict[str, Any] = {"range": cursor(11) if action is COMPLETE else TOTAL}
    if action is REFACTOR:
        argument["instruction"] = "Use sum"
    async with asyncio.timeout(LONGEST_SECONDS):
        end = await shop.do(action.command, text, **argument)
    rows = _rows(shop)
    return Outcome(
        messages=tuple(shop.client.messages()[messages_before:]),
        end=end,
        buffer=text.text,
        diagnostics_before=diagnostics_before,
        diagnostics=tuple(shop.client.diagnostics(text.uri) or ()),
        ledger=tuple((outcome, cost or 0.0) for outcome, cost, _ in rows[rows_before:]),
        still_reserved=sum(reserved is not None for _, _, reserved in rows),
    )


def _usd(exchange: Exchange, output_tokens: int) -> float:
    """What an exchange costs by the stand-in's own prices, with so many tokens of reply."""
    return cost_usd(exchange.model or "", exchange.cache_use, output_tokens) or 0.0


def _rows(shop: Workshop) -> list[tuple[str, float | None, float | None]]:
    file = shop.home / "state" / "kibitz" / "ledger.sqlite"
    if not file.exists():
        return []
    connection = sqlite3.connect(file)
    try:
        return connection.execute(
            "SELECT outcome, cost_usd, reserved_usd FROM requests ORDER BY id"
        ).fetchall()
    finally:
        connection.close()


def _always(*answers: Answer) -> Callable[[Action], Sequence[Answer]]:
    return lambda _: answers


def _failing(fault: Callable[[str], Fault]) -> Callable[[Action], Sequence[Answer]]:
    """The good reply with a fault in its middle."""
    return lambda action: [action.reply.failing(fault(action.middle))]


def _ending(stop_reason: str, times: int = 1) -> Callable[[Action], Sequence[Answer]]:
    return lambda action: [replace(action.reply, stop_reason=stop_reason)] * times


def _status(
    status: int, told: str, outcome: str, *, tries: int = 1, name: str = "", **more: Any
) -> Row:
    fault = Fault.status_code(status, **more)
    return Row(name or f"HTTP {status}", "before", _always(*[fault] * tries), told, outcome, tries)


# A place behind the last event but so many: see `Fault.at`.
BEFORE_MESSAGE_DELTA, BEFORE_MESSAGE_STOP = -2, -1


def _at_end(fault: Callable[[int], Fault], place: int) -> Callable[[Action], Sequence[Answer]]:
    return lambda action: [action.reply.failing(fault(n_events(action) + place))]


def n_events(action: Action) -> int:
    """How many events the stand-in makes of the good reply."""
    match action.name:
        case "review":
            call = action.reply.tool_calls[0]
            n_deltas = 1 + -(-len(call.input_json) // action.reply.chunk_size)  # one is empty
        case "refactor" | "complete":
            n_deltas = len(action.reply.text) - 1  # the last one is the stop sequence
        case _:
            n_deltas = len(action.reply.text)
    # message_start, content_block_start, ping; content_block_stop, message_delta, message_stop
    return 3 + n_deltas + 3


UNKNOWN_DELTA = '{"type":"content_block_delta","index":0,"delta":{"type":"hint_delta","hint":1}}'
BROKE = "broke off in the middle"
INCOMPLETE = "The reply ended before it was complete"

ROWS: tuple[Row, ...] = (
    _status(400, "does not take the request", "bad_request"),
    _status(401, "does not accept the API key", "wrong_credentials"),
    _status(402, "has no credit left", "no_credit"),
    _status(403, "has no permission", "no_permission"),
    _status(404, "does not know", "unknown_model"),
    _status(408, "did not answer in time", "timeout", tries=3),
    _status(409, "failed (HTTP 409)", "server_error", tries=3),
    _status(412, "does not take the request", "bad_request"),
    _status(413, "too large", "too_large"),
    _status(422, "does not take the request", "bad_request"),
    _status(429, "allows no more requests", "rate_limit", tries=3, name="429, no retry-after"),
    Row(
        "429, retry-after 60", "before", _always(Fault.rate_limited(60)), "60 seconds", "rate_limit"
    ),
    Row(
        "429 twice, retry-after 0",
        "before",
        lambda action: [Fault.rate_limited(0), Fault.rate_limited(0), action.reply],
        "",
        "finished",
        3,
    ),
    Row("429, spend limit", "before", _always(Fault.spend_limit()), "spend limit", "spend_limit"),
    _status(431, "does not take the request", "bad_request"),
    _status(499, "failed (HTTP 499)", "server_error", tries=3),
    _status(500, "failed (HTTP 500)", "server_error", tries=3),
    _status(501, "failed (HTTP 501)", "server_error", tries=3),
    _status(503, "failed (HTTP 503)", "server_error", tries=3),
    _status(504, "did not answer in time", "timeout", tries=3),
    _status(529, "is overloaded", "overloaded", tries=3),
    _status(
        529,
        "is overloaded",
        "overloaded",
        name="529, x-should-retry false",
        headers={"x-should-retry": "false"},
    ),
    Row(
        "529 once",
        "before",
        lambda action: [Fault.overloaded(), action.reply],
        "",
        "finished",
        2,
    ),
    Row(
        "502 as HTML",
        "before",
        _always(*[Fault.html()] * 3),
        "failed (HTTP 502)",
        "server_error",
        3,
    ),
    Row("413 as HTML", "before", _always(Fault.html(413)), "too large", "too_large"),
    Row("200 as HTML", "before", _always(Fault.html(200)), "sign-in page", "not_an_api"),
    Row("200, empty", "before", _always(Fault.empty()), "not as the Messages API", "not_an_api"),
    Row(
        "200, not compressed as it says",
        "before",
        _always(Fault.wrong_encoding()),
        "not as the Messages API",
        "not_an_api",
    ),
    Row(
        "reset",
        "before",
        lambda action: [action.reply.failing(Fault.drop(0))] * 3,
        "cannot be reached",
        "network",
        3,
    ),
    Row(
        "reset once",
        "before",
        lambda action: [action.reply.failing(Fault.drop(0)), action.reply],
        "",
        "finished",
        2,
    ),
    Row(
        "silence",
        "before",
        lambda action: [action.reply.failing(Fault.stall(0))],
        "did not answer in time",
        "timeout",
    ),
    Row(
        "pings, then silence",
        "before",
        lambda action: [action.reply.failing(Fault.ping(0, count=5), Fault.stall(0))],
        "did not answer in time",
        "timeout",
    ),
    Row(
        "pings, then the end",
        "before",
        lambda action: [action.reply.failing(Fault.ping(0, count=5), Fault.early_end(0))] * 3,
        "cannot be reached",
        "network",
        3,
    ),
    Row(
        "error event",
        "before",
        lambda action: [action.reply.failing(Fault.error_event(0))] * 3,
        "is overloaded",
        "overloaded",
        3,
    ),
    Row(
        "error event, overloaded",
        "middle",
        _failing(Fault.error_event),
        "is overloaded",
        "overloaded",
    ),
    Row(
        "error event, api_error",
        "middle",
        _failing(lambda at: Fault.error_event(at, "api_error", "Internal server error")),
        "Internal server error",
        "server_error",
    ),
    Row(
        "error event, rate limit",
        "middle",
        _failing(lambda at: Fault.error_event(at, "rate_limit_error", "Slow down")),
        "allows no more requests",
        "rate_limit",
    ),
    Row("end of stream", "middle", _failing(Fault.early_end), BROKE, "dropped"),
    Row("reset", "middle", _failing(Fault.drop), BROKE, "dropped"),
    Row("cut in an event", "middle", _failing(Fault.cut), BROKE, "dropped"),
    Row("silence", "middle", _failing(Fault.stall), "fell silent", "dropped"),
    Row(
        "pings, then silence",
        "middle",
        lambda action: [
            action.reply.failing(Fault.ping(action.middle, count=5), Fault.stall(action.middle))
        ],
        "fell silent",
        "dropped",
    ),
    Row("data that is no JSON", "middle", _failing(Fault.malformed), "arrived damaged", "dropped"),
    Row(
        "data that is no object",
        "middle",
        _failing(lambda at: Fault.malformed(at, "[1]")),
        "not as the Messages API",
        "not_an_api",
    ),
    Row(
        "error event that says nothing",
        "middle",
        _failing(lambda at: Fault.unknown_event(at, "error")),
        "failed; try again",
        "server_error",
    ),
    Row(
        "unknown delta",
        "middle",
        _failing(lambda at: Fault.malformed(at, UNKNOWN_DELTA)),
        "",
        "finished",
    ),
    Row("unknown event", "middle", _failing(Fault.unknown_event), "", "finished"),
    Row("30 pings", "middle", _failing(lambda at: Fault.ping(at, count=30)), "", "finished"),
    Row("chunks of a byte", "middle", _failing(lambda _: Fault.small_chunks(1)), "", "finished"),
    Row(
        "no message_delta",
        "end",
        _at_end(Fault.early_end, BEFORE_MESSAGE_DELTA),
        BROKE,
        "dropped",
    ),
    Row("no message_stop", "end", _at_end(Fault.early_end, BEFORE_MESSAGE_STOP), BROKE, "dropped"),
    Row("reset", "end", _at_end(Fault.drop, BEFORE_MESSAGE_STOP), BROKE, "dropped"),
    Row("silence", "end", _at_end(Fault.stall, BEFORE_MESSAGE_STOP), "fell silent", "dropped"),
    Row(
        "error event",
        "end",
        _at_end(Fault.error_event, BEFORE_MESSAGE_STOP),
        "is overloaded",
        "overloaded",
    ),
    Row("refusal", "end", _ending("refusal"), "Claude refused to answer", "finished"),
    Row(
        "refusal at once",
        "end",
        _always(Reply.refusal(explanation="not this")),
        "not this",
        "finished",
    ),
    Row(
        "max_tokens",
        "end",
        _ending("max_tokens", 2),
        "cut off at its token limit",
        "finished",
        told_of=(("complete", "nothing to add"),),
        requests_of=(("explain", 2),),
    ),
    Row("pause_turn", "end", _ending("pause_turn"), INCOMPLETE, "finished"),
    Row(
        "context window exceeded",
        "end",
        _ending("model_context_window_exceeded"),
        "context window is full",
        "finished",
    ),
    Row("a stop reason of the future", "end", _ending("a_new_reason"), "“a_new_reason”", "dropped"),
    Row(
        "nothing said",
        "end",
        _always(Reply("")),
        "empty",
        "finished",
        told_of=(("review", "no findings that could be read"), ("complete", "nothing to add")),
    ),
    Row("nothing wrong", "end", lambda action: [action.reply], "", "finished"),
)
