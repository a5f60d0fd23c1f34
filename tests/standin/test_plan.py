"""Where gates and faults sit between the events of a reply."""

from __future__ import annotations

import pytest

from kibitz.standin import CacheUse, Fault, Gate, Reply, ScriptError, ToolCall, models
from kibitz.standin.events import Envelope, StreamEvent, message_events
from kibitz.standin.generation import generate
from kibitz.standin.plan import Fail, Insert, Send, Step, Wait, plan


def events_of(reply: Reply) -> list[StreamEvent]:
    generated = generate(reply, {"max_tokens": 1_000}, models.MODELS[3], seed="msg_1")
    return list(message_events(Envelope("msg_1", "claude-sonnet-5-5", CacheUse()), generated))


def planned(reply: Reply) -> list[Step]:
    return plan(events_of(reply), reply.holds, reply.faults)


def shown(steps: list[Step]) -> str:
    """The steps in one line: texts of deltas, `|` for a gate, `!` for the end, else the type."""
    words = []
    for step in steps:
        match step:
            case Send(event):
                words.append(event.content or event.type.removeprefix("content_"))
            case Insert(kind):
                words.append(f"({kind})")
            case Wait():
                words.append("|")
            case Fail(fault):
                words.append(f"!{fault.kind}")
    return " ".join(words)


REPLY = Reply(["ab", "cd"])


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (REPLY, "message_start block_start ping ab cd block_stop message_delta message_stop"),
        (
            REPLY.hold_at(0),
            "| message_start block_start ping ab cd block_stop message_delta message_stop",
        ),
        (REPLY.failing(Fault.drop(4)), "message_start block_start ping ab !drop"),
        (REPLY.failing(Fault.drop("a")), "message_start block_start ping a !drop"),
        (REPLY.failing(Fault.drop("ab")), "message_start block_start ping ab !drop"),
        (REPLY.failing(Fault.drop("bc")), "message_start block_start ping ab c !drop"),
        (
            REPLY.hold_at("a").hold_at("abc").failing(Fault.ping("a", 2)),
            "message_start block_start ping a | (ping) (ping) b c | d "
            "block_stop message_delta message_stop",
        ),
        (REPLY.failing(Fault.error_event()), "message_start !error_event"),
        # The gate is first, so that a test can be there to see the fault.
        (REPLY.failing(Fault.stall(3)).hold_at(3), "message_start block_start ping | !stall"),
        (
            REPLY.hold_at(99),
            "message_start block_start ping ab cd block_stop message_delta message_stop |",
        ),
    ],
)
def test_places(reply: Reply, expected: str) -> None:
    assert shown(planned(reply)) == expected


def test_a_split_delta_says_the_same_as_the_whole() -> None:
    whole = "".join(event.content for event in events_of(REPLY))
    steps = planned(REPLY.hold_at("a").hold_at("abc"))
    assert "".join(s.event.content for s in steps if isinstance(s, Send)) == whole


def test_tool_input_can_be_stopped_in_the_middle() -> None:
    reply = Reply(tool_calls=[ToolCall("report", {"findings": ["a", "b"]})]).hold_at('["a"')
    assert '{"findings": ["a" | , "b"]}' in shown(planned(reply))


def test_a_place_that_is_not_there_is_a_mistake_of_the_script() -> None:
    with pytest.raises(ScriptError, match="does not contain 'xyz'"):
        planned(REPLY.hold_at("xyz"))


def test_the_cut_knows_what_it_interrupts() -> None:
    step = planned(REPLY.failing(Fault.cut("ab")))[-1]
    assert isinstance(step, Fail)
    assert step.interrupted is not None
    assert step.interrupted.content == "cd"


def test_a_hold_has_a_gate_of_its_own_or_the_given_one() -> None:
    gate = Gate("mine")
    first, second = REPLY.hold_at(1), REPLY.hold_at(1)
    assert first.holds[0].gate is not second.holds[0].gate
    assert REPLY.hold_at(1, gate).holds[0].gate is gate
