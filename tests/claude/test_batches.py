"""Results of batches, from the wire to the events that a stream would have had."""

from __future__ import annotations

import pytest

from kibitz.claude.batching.batches import read_batch, read_result
from kibitz.claude.reply import MalformedReplyError
from kibitz.claude.values import Finished, TextDelta, ToolCall, ToolInputDelta

MODEL = "claude-sonnet-5-5"
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": [
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "text", "text": "Look: "},
        {"type": "tool_use", "id": "t1", "name": "report_findings", "input": {"findings": []}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 5, "cache_read_input_tokens": 7},
}


def test_a_result_is_read_as_the_stream_would_be() -> None:
    line = {"custom_id": "a", "result": {"type": "succeeded", "message": MESSAGE}}
    result = read_result(line)
    assert result.events[1:-1] == (
        TextDelta("Look: "),
        ToolInputDelta("t1", "report_findings", '{"findings": []}'),
        ToolCall("t1", "report_findings", '{"findings": []}'),
    )
    assert isinstance(result.finished, Finished)
    assert (result.finished.stop_reason, result.message_id) == ("tool_use", "msg_1")
    assert (result.usage.cache_read_tokens, result.usage.output_tokens) == (7, 5)


def test_a_message_without_a_good_end_is_none() -> None:
    message = {**MESSAGE, "stop_reason": None}
    cut = read_result({"custom_id": "a", "result": {"type": "succeeded", "message": message}})
    assert (cut.kind, cut.error) == ("errored", "incomplete")


@pytest.mark.parametrize(
    "line",
    [
        None,
        [],
        {"custom_id": "a"},
        {"custom_id": 3, "result": {}},
        {"custom_id": "a", "result": {"type": "new"}},
        {"custom_id": "a", "result": {"type": "succeeded"}},
    ],
)
def test_what_is_no_result(line: object) -> None:
    with pytest.raises(MalformedReplyError):
        read_result(line)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Later."}}, True),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}, False),
        ({"type": "api_error"}, True),
        (None, True),
    ],
)
def test_which_errors_another_try_may_mend(error: object, again: bool) -> None:
    result = read_result({"custom_id": "a", "result": {"type": "errored", "error": error}})
    assert result.may_be_sent_again is again


def test_a_batch_is_as_large_as_its_counts() -> None:
    counts = {"processing": 0, "succeeded": 3, "errored": 1, "canceled": 2, "expired": 0}
    batch = read_batch({"id": "b", "processing_status": "ended", "request_counts": counts})
    assert (batch.state, batch.total, batch.succeeded) == ("ended", 6, 3)
    with pytest.raises(MalformedReplyError):
        read_batch({"id": "b", "processing_status": "asleep"})
