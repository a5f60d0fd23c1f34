"""What is said to Claude and what Claude says, as plain values.

No SDK type leaves `anthropic_client`, and nothing in here can send anything.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from kibitz_context.values import CacheLifetime, Step

__all__ = [
    "Attachment",
    "Block",
    "CacheLifetime",
    "Claude",
    "ClaudeFailure",
    "Event",
    "Expectation",
    "FailureKind",
    "Finished",
    "Limits",
    "MediaType",
    "Message",
    "ModelFacts",
    "Part",
    "Prompt",
    "Purpose",
    "Started",
    "StopReason",
    "TextDelta",
    "Thinking",
    "Tier",
    "Tool",
    "ToolCall",
    "ToolInputDelta",
    "ToolResult",
    "ToolUse",
    "Usage",
    "cannot_warm",
]

Tier = Literal["fast", "standard", "deep"]
StopReason = Literal[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
]


@dataclass(frozen=True, slots=True)
class Block:
    """One text block of a prompt; `marker` asks for a cache entry that ends here."""

    text: str
    marker: CacheLifetime | None = None


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call that Claude made in an earlier turn of the same task."""

    id: str
    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What that call returned; `marker` asks for a cache entry that ends here."""

    tool_use_id: str
    text: str
    is_error: bool = False
    marker: CacheLifetime | None = None


@dataclass(frozen=True, slots=True)
class Thinking:
    """A block of Claude's thinking.  Nobody reads it: it is sent back as it came, before the tool
    calls that it led to, or the endpoint refuses the conversation."""

    block: Mapping[str, Any]


MediaType = Literal["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture or a PDF document in a message of the user's.

    `data` is the file in base64; `most_tokens` is what it may cost at most, since nothing but the
    endpoint can count it.
    """

    media_type: MediaType
    data: str = field(repr=False)
    most_tokens: int


Part = Block | Attachment | ToolUse | ToolResult | Thinking


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["user", "assistant"]
    content: tuple[Part, ...]

    def without_markers(self) -> Message:
        """The same without cache markers: these are each request's own."""
        bare = tuple(
            replace(part, marker=None)
            if isinstance(part, Block | ToolResult) and part.marker is not None
            else part
            for part in self.content
        )
        return replace(self, content=bare)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that Claude may call.  `input_schema` is JSON Schema; its byte order is kept.

    `is_answered` says that its calls are answered and the conversation goes on; the call of any
    other tool is Claude's answer.  Not sent to anybody.
    """

    name: str
    description: str
    input_schema: Mapping[str, Any]
    strict: bool = False
    eager_input_streaming: bool = False
    is_answered: bool = False


@dataclass(frozen=True, slots=True)
class Expectation:
    """What those who laid out a prompt expect of the cache.  Not sent to anybody.

    The first `blocks_alive` blocks of `Prompt.system` should be readable, because an earlier
    request, perhaps of another process, has left an entry behind them.  `step` is what became of
    the prefix before, and `provisional` says that it is not the one that will be used again.
    """

    blocks_alive: int = 0
    step: Step = "first"
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request, complete: everything that is part of the cache key is in here.

    `max_tokens` is a hard limit on the reply, thinking included.  `answer_tool` names the tool
    whose call is the answer, None for an answer in text; it is not sent.  `expectation` is None
    where nobody has planned the prefix.
    """

    tier: Tier
    model: str
    system: tuple[Block, ...]
    messages: tuple[Message, ...]
    max_tokens: int
    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["auto", "none"] = "auto"
    stop_sequences: tuple[str, ...] = ()
    answer_tool: str | None = None
    expectation: Expectation | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one response by class.  What an endpoint does not report is 0."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0

    @property
    def cache_write_tokens(self) -> int:
        return self.cache_write_5m_tokens + self.cache_write_1h_tokens

    @property
    def prompt_tokens(self) -> int:
        """All tokens of the prompt, cached or not."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_5m_tokens + other.cache_write_5m_tokens,
            self.cache_write_1h_tokens + other.cache_write_1h_tokens,
            self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, slots=True)
class Started:
    """The response has begun; its prompt is now readable from the cache.

    `cache_miss_reason` is where the endpoint found this prompt to differ from the one before it
    of the same repository, tier and model, such as "system_changed", and `cache_missed_tokens` how
    much of the one before came after that place; None: nowhere, or it does not say.
    """

    request_id: str | None
    model: str
    usage: Usage
    cache_miss_reason: str | None = None
    cache_missed_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolInputDelta:
    """A fragment of the JSON input of the tool call `id`; the first one may be empty."""

    id: str
    name: str
    partial_json: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A finished tool call.  `input_json` is as it came: it may not parse."""

    id: str
    name: str
    input_json: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The response has ended in the way that the API documents.

    `cost_usd` is None where the model's price is not known.  `stop_detail` is the refusal's
    category or explanation, if the API gave one.  `content` is the whole reply as it is sent back
    when the conversation goes on; the input of a call that does not parse is in it as
    ``{"INVALID_JSON": text}``.
    """

    stop_reason: StopReason
    stop_sequence: str | None
    usage: Usage
    request_id: str | None
    model: str
    cost_usd: float | None = None
    stop_detail: str | None = None
    content: tuple[Part, ...] = field(default=(), repr=False, compare=False)


Event = Started | TextDelta | ToolInputDelta | ToolCall | Finished


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent, in USD; None: no limit.

    `keep_warm_day_usd` is for requests that only keep or make cache entries.
    """

    request_usd: float | None = None
    day_usd: float | None = None
    month_usd: float | None = None
    keep_warm_day_usd: float | None = None

    def lowered_to(self, other: Limits | None) -> Limits:
        """The lower one of each limit."""
        if other is None:
            return self
        return Limits(
            _lower(self.request_usd, other.request_usd),
            _lower(self.day_usd, other.day_usd),
            _lower(self.month_usd, other.month_usd),
            _lower(self.keep_warm_day_usd, other.keep_warm_day_usd),
        )


def _lower(one: float | None, other: float | None) -> float | None:
    return min((limit for limit in (one, other) if limit is not None), default=None)


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why a request is made: what the ledger keeps of it.  Never code, never a question.

    `limits` are those of the repository, which may be lower than the user's.  `interactive` says
    that somebody has asked for it and waits: a request that runs by itself may be told to wait
    longer, and is refused while the endpoint is in trouble.
    """

    action: str
    repository: str = ""
    session: str = ""
    interactive: bool = True
    limits: Limits | None = None


FailureKind = Literal[
    "no_credentials",
    "wrong_credentials",
    "no_permission",
    "no_credit",
    "spend_limit",
    "rate_limit",
    "overloaded",
    "unknown_model",
    "bad_request",
    "too_large",
    "network",
    "timeout",
    "dropped",
    "not_an_api",
    "server_error",
    "budget",
    "paused",
]


class ClaudeFailure(Exception):
    """A request that did not come to its end.  `errors.sentence_for` turns it into words.

    `message` is the endpoint's own text, shortened and free of control characters (may be "").
    `retry_after_seconds` is what the endpoint asked for, if it did.  `usage` is what it had
    reported of a reply that broke off, and so will put on the bill; None: nothing had begun.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str = "",
        *,
        retry_after_seconds: float | None = None,
        status: int | None = None,
        request_id: str | None = None,
        model: str | None = None,
        endpoint: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind: FailureKind = kind
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.status = status
        self.request_id = request_id
        self.model = model
        self.endpoint = endpoint
        self.facts: Mapping[str, Any] = facts or {}
        self.usage: Usage | None = None


def cannot_warm(failure: ClaudeFailure) -> bool:
    """Whether `Claude.warm` has failed for good: the endpoint cannot do it."""
    return failure.facts.get("reason") == "no_warming"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the Models API says of one model; None where the endpoint does not say."""

    id: str
    display_name: str | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    lifecycle: str | None = None
    retires_at: str | None = None
    capabilities: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Claude(Protocol):
    """Something that answers prompts: the SDK, or a stand-in in a test."""

    def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        """The events of one response, ending with exactly one `Finished`.

        Raises ClaudeFailure when the response does not come to its end.  Closing the
        iterator (``contextlib.aclosing``) or cancelling the task closes the connection, so
        that no further token is paid for.
        """
        ...

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        """Read or write the cache entries of `prompt`'s system blocks, and nothing else.

        Its messages, and what follows the last marker, are left out.  `purpose.action` is
        "keep_warm" or "pre_warm".  A prompt without a marker in its system blocks sends nothing
        and gives a usage of nothing.  Raises ClaudeFailure; after one of which `cannot_warm` is
        true it is of no use to try again.
        """
        ...

    async def count_tokens(self, prompt: Prompt) -> int | None:
        """How long the prompt is by the endpoint's own count, which is free of charge; None where
        the endpoint does not count.  Raises ClaudeFailure."""
        ...

    async def models(self) -> tuple[ModelFacts, ...]:
        """The models of the endpoint, newest first.  Raises ClaudeFailure."""
        ...

    async def aclose(self) -> None: ...
