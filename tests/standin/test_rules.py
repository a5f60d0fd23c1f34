"""Every documented refusal with its text, and next to it what is still accepted."""

from __future__ import annotations

from typing import Any

import pytest

from kibitz.standin import ApiError
from kibitz.standin.rules import CURRENT_VERSION, Accepted, judge

TASK = {"role": "user", "content": "task"}
EPHEMERAL = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
TOOL = {"name": "look", "input_schema": {"type": "object", "additionalProperties": False}}
CALL = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "seen"}
PREFILL = (
    "This model does not support assistant message prefill. "
    "The conversation must end with a user message."
)
ENABLED_REFUSED = (
    '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
    '"output_config.effort" to control thinking behavior.'
)
DISABLED_REFUSED = ENABLED_REFUSED.replace("type.enabled", "type.disabled")


def text(value: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def assistant(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


def body(model: str = "claude-sonnet-5-5", **changes: Any) -> dict[str, Any]:
    request = {"model": model, "max_tokens": 100, "messages": [TASK]} | changes
    return {name: value for name, value in request.items() if value is not ...}


def refusal(request: object, version: str = CURRENT_VERSION, **options: bool) -> tuple[int, str]:
    judgement = judge(request, version, **options)
    assert isinstance(judgement, ApiError), "the request was accepted"
    return judgement.status, judgement.message


def accepted(request: object, version: str = CURRENT_VERSION, **options: bool) -> bool:
    return isinstance(judge(request, version, **options), Accepted)


def test_the_least_request() -> None:
    assert accepted(body())


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        # Shape
        ([], "Input should be an object"),
        (body(max_tokens=...), "max_tokens: Field required"),
        (body(messages=...), "messages: Field required"),
        (body(model=...), "model: Field required"),
        (body(max_tokens="9"), "max_tokens: Input should be a valid integer"),
        (body(max_tokens=True), "max_tokens: Input should be a valid integer"),
        (body(stream=1), "stream: Input should be a valid boolean"),
        (body(prompt="x"), "prompt: Extra inputs are not permitted"),
        (body(messages=["x"]), "messages.0: Input should be an object"),
        (body(messages=[{"content": "x"}]), "messages.0.role: Field required"),
        (
            body(messages=[TASK | {"cache_control": EPHEMERAL}]),
            "messages.0.cache_control: Extra inputs are not permitted",
        ),
        (
            body(stop_sequences=[" \n"]),
            "stop_sequences: each stop sequence must contain non-whitespace",
        ),
        # Limits
        (
            body(max_tokens=128_001),
            "max_tokens: 128001 > 128000, which is the maximum allowed number of output tokens "
            "for claude-sonnet-5-5",
        ),
        (body(max_tokens=-1), "max_tokens: Input should be greater than or equal to 0"),
        (
            body("claude-haiku-4-5", messages=[user(text("x" * 680_004))]),
            "prompt is too long: 200002 tokens > 200000 maximum",
        ),
        # Sampling parameters, even with their default values
        (body(temperature=1.0), "temperature: Extra inputs are not permitted"),
        (body(top_p=1.0), "top_p: Extra inputs are not permitted"),
        (body(top_k=1), "top_k: Extra inputs are not permitted"),
        # Markers
        (
            body(system=[text(cache_control=EPHEMERAL) for _ in range(5)]),
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        ),
        (
            body(system=[text(cache_control=EPHEMERAL) for _ in range(4)], cache_control=EPHEMERAL),
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        ),
        (
            body(messages=[user(*(text() for _ in range(4)), text(cache_control=HOUR))])
            | {"system": [text(cache_control=EPHEMERAL)]},
            "messages.0.content.4.cache_control.ttl: a ttl='1h' cache_control block must not come "
            "after a ttl='5m' cache_control block. Note that blocks are processed in the following "
            "order: `tools`, `system`, `messages`.",
        ),
        (
            body(system=[text(cache_control=HOUR)], tools=[TOOL | {"cache_control": EPHEMERAL}]),
            "system.0.cache_control.ttl: a ttl='1h' cache_control block must not come after a "
            "ttl='5m' cache_control block. Note that blocks are processed in the following order: "
            "`tools`, `system`, `messages`.",
        ),
        (
            body(messages=[user(text("", cache_control=EPHEMERAL))]),
            "messages.0.content.0.text: cache_control cannot be set for empty text blocks",
        ),
        (
            body(
                messages=[
                    TASK,
                    assistant(
                        {
                            "type": "thinking",
                            "thinking": "hm",
                            "signature": "s",
                            "cache_control": EPHEMERAL,
                        },
                        text(),
                    ),
                    TASK,
                ]
            ),
            "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
        ),
        (
            body(system=[text(cache_control={"type": "forever"})]),
            "system.0.cache_control.type: Input should be 'ephemeral'",
        ),
        (
            body(system=[text(cache_control={"type": "ephemeral", "ttl": "1d"})]),
            "system.0.cache_control.ttl: Input should be '5m' or '1h'",
        ),
        (
            body(system=[text(marker=True)]),
            "system.0.marker: Extra inputs are not permitted",
        ),
        (
            body(messages=[user(text(marker=True))]),
            "messages.0.content.0.text.marker: Extra inputs are not permitted",
        ),
        # Messages
        (body(messages=[]), "messages: at least one message is required"),
        (
            body(messages=[assistant(text()), TASK]),
            'messages: first message must use the "user" role',
        ),
        (
            body(messages=[user()]),
            "messages.0: all messages must have non-empty content except for the optional final "
            "assistant message",
        ),
        (body(messages=[user(text(""))]), "messages: text content blocks must be non-empty"),
        (
            body(messages=[user(text(" "))]),
            "messages: text content blocks must contain non-whitespace text",
        ),
        (body(system=[text("")]), "system: text content blocks must be non-empty"),
        (body(messages=[TASK, assistant(text())]), PREFILL),
        (
            body("claude-sonnet-5", messages=[TASK, {"role": "system", "content": "x"}]),
            "role 'system' is not supported on this model",
        ),
        (
            body(messages=[TASK, assistant(CALL), TASK]),
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: "
            "t1. Each `tool_use` block must have a corresponding `tool_result` block in the next "
            "message.",
        ),
        (
            body(messages=[user(RESULT)]),
            "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1. "
            "Each `tool_result` block must have a corresponding `tool_use` block in the previous "
            "message.",
        ),
        # Thinking and effort
        (body("claude-opus-5-5", thinking={"type": "disabled"}), DISABLED_REFUSED),
        (body("claude-fable-5-2", thinking={"type": "disabled"}), DISABLED_REFUSED),
        (body("claude-sonnet-5-5", thinking={"type": "disabled"}), DISABLED_REFUSED),
        (
            body("claude-opus-4-7", thinking={"type": "enabled", "budget_tokens": 2048}),
            ENABLED_REFUSED,
        ),
        (
            body("claude-opus-5-5", thinking={"type": "between_tools"}),
            '"thinking.type.between_tools" is not supported for this model.',
        ),
        (
            body("claude-haiku-4-5", thinking={"type": "adaptive"}),
            "adaptive thinking is not supported on this model",
        ),
        (
            body(thinking={"type": "sometimes"}),
            "thinking: Input tag 'sometimes' found using 'type' does not match any of the expected "
            "tags: 'adaptive', 'between_tools', 'disabled', 'enabled'",
        ),
        (
            body(
                "claude-haiku-5-5",
                thinking={"type": "disabled"},
                output_config={"effort": "xhigh"},
            ),
            "output_config.effort 'xhigh' is not supported when thinking is disabled on this "
            "model. Use effort 'high' or below, or enable thinking.",
        ),
        (
            body("claude-haiku-4-5", output_config={"effort": "low"}),
            "This model does not support the effort parameter.",
        ),
        (
            body("claude-haiku-4-5", thinking={"type": "enabled", "budget_tokens": 1_024}),
            "`max_tokens` must be greater than `thinking.budget_tokens`.",
        ),
        # Tools
        (
            body("claude-opus-5-5", tools=[TOOL], tool_choice={"type": "any"}),
            'tool_choice: type "tool" and "any" are not supported for this model.',
        ),
        (
            body("claude-fable-5-1", tools=[TOOL], tool_choice={"type": "tool", "name": "look"}),
            'tool_choice: type "tool" and "any" are not supported for this model.',
        ),
        (
            body("claude-haiku-5-5", tools=[TOOL], tool_choice={"type": "tool", "name": "hear"}),
            "Tool 'hear' not found in provided tools",
        ),
        (body(tools=[TOOL, TOOL]), "tools: Tool names must be unique."),
        (body(tools=[{"name": "look"}]), "tools.0.custom.input_schema: Field required"),
        (
            body(tools=[TOOL | {"name": "look around"}]),
            "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
        ),
        # Schemas that become a grammar
        (
            body(tools=[TOOL | {"strict": True, "input_schema": {"type": "object"}}]),
            "tools.0.custom: For 'object' type, 'additionalProperties' must be explicitly set to "
            "false",
        ),
        (
            body(
                output_config={
                    "format": {"type": "json_schema", "schema": {"type": "integer", "minimum": 1}}
                }
            ),
            "output_config.format.schema: For 'integer' type, properties minimum are not supported",
        ),
    ],
)
def test_refused(request_body: object, message: str) -> None:
    assert refusal(request_body) == (400, message)


@pytest.mark.parametrize(
    "request_body",
    [
        body(system=[text(cache_control=HOUR), text(cache_control=EPHEMERAL)]),
        body(system=[text(cache_control=EPHEMERAL) for _ in range(4)]),
        body(system=[text(cache_control=None)]),
        body(cache_control=HOUR),
        body(system=[text(cache_control=EPHEMERAL)], cache_control=EPHEMERAL),
        body(messages=[user(text(cache_control=HOUR))], cache_control=HOUR),
        body(messages=[TASK, assistant(CALL), user(RESULT, text())]),
        body(messages=[TASK, assistant(CALL), user(RESULT | {"content": [text()]})]),
        body("claude-haiku-4-5", messages=[TASK, assistant(text("so"))]),
        body("claude-opus-5", messages=[TASK, {"role": "system", "content": "x"}]),
        body("claude-sonnet-5-5", thinking={"type": "between_tools"}),
        body("claude-haiku-5-5", thinking={"type": "disabled"}, output_config={"effort": "high"}),
        body("claude-opus-4-8", thinking={"type": "disabled"}, output_config={"effort": "max"}),
        body("claude-opus-4-6", thinking={"type": "enabled", "budget_tokens": 1024})
        | {"max_tokens": 2048},
        body("claude-haiku-5-5", tools=[TOOL], tool_choice={"type": "any"}),
        body("claude-opus-5-5", tools=[TOOL], tool_choice={"type": "auto"}),
        body("claude-opus-5-5", tools=[TOOL], tool_choice={"type": "none"}),
        body(tools=[{"type": "web_search_20260209", "name": "web_search"}]),
        body(max_tokens=0),
        body(max_tokens=0, output_config={"effort": "low"}),
        body(temperature=None),
        # A property may well be called "minimum".
        body(
            tools=[
                TOOL
                | {
                    "strict": True,
                    "input_schema": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"minimum": {"type": "integer"}},
                        "required": ["minimum"],
                    },
                }
            ]
        ),
    ],
)
def test_accepted(request_body: object) -> None:
    assert accepted(request_body)


@pytest.mark.parametrize(
    "changes",
    [
        {"stream": True},
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "string"}}}},
        {"tools": [TOOL], "tool_choice": {"type": "any"}},
    ],
)
def test_prewarming_goes_with_little_else(changes: dict[str, Any]) -> None:
    warm = body("claude-haiku-5-5", max_tokens=0)
    assert accepted(warm)
    status, message = refusal(warm | changes)
    assert status == 400
    assert message.startswith("max_tokens: 0 is not supported with ")


def test_prewarming_does_not_go_with_a_thinking_budget() -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    assert refusal(body("claude-haiku-4-5", max_tokens=0, thinking=thinking)) == (
        400,
        "max_tokens: 0 is not supported with thinking.type.enabled",
    )


def test_a_batch_neither_streams_nor_prewarms() -> None:
    assert accepted(body(), batched=True)
    assert refusal(body(stream=True), batched=True)[0] == 400
    assert refusal(body(max_tokens=0), batched=True)[0] == 400


@pytest.mark.parametrize("model", ["claude-unheard-of", "claude-3-7-sonnet-20250219"])
def test_models_that_are_not_there(model: str) -> None:
    assert refusal(body(model)) == (404, f"model: {model}")


def test_the_older_version_still_takes_sampling_parameters_on_older_models() -> None:
    older = "2023-06-01"
    assert accepted(body("claude-sonnet-4-6", temperature=0.5), older)
    assert refusal(body("claude-sonnet-4-6", temperature=2), older) == (
        400,
        "temperature: range: 0..1",
    )
    assert refusal(body("claude-sonnet-5", temperature=0.5), older) == (
        400,
        "`temperature` is deprecated for this model.",
    )


def test_counting_needs_no_max_tokens() -> None:
    assert accepted(body(max_tokens=...), counting=True)
