"""What the stand-in knows of each model: limits, thinking, effort, cache minimum, lifecycle.

This table is the stand-in's own and must stay so.  kibitz has another one in
`kibitz.claude.models.catalogue`; a stand-in that shared tables with the code under test could not
witness against it.  As of 2026-11-21.  What the documentation does not state is marked
"inferred".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

ThinkingType = Literal["adaptive", "between_tools", "disabled", "enabled"]

NEW_TOKENIZER = 2.5
"""Characters per token, models from Opus 4.7 on."""
OLD_TOKENIZER = 3.4

ALL_EFFORTS = ("low", "medium", "high", "xhigh", "max")
NO_XHIGH = ("low", "medium", "high", "max")
EFFORTS_WITHOUT_THINKING = ("low", "medium", "high")
"""What may be asked for with thinking off, on models that limit it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model.  `id` is what responses carry; `aliases` may be asked for as well."""

    id: str
    display_name: str
    line: Literal["haiku", "sonnet", "opus", "fable", "mythos"]
    created_at: str
    minimum_cacheable_tokens: int
    thinking_types: tuple[ThinkingType, ...]
    default_thinking: Literal["adaptive", "disabled"]
    efforts: tuple[str, ...] = ALL_EFFORTS
    default_effort: str = "high"
    limits_effort_without_thinking: bool = False
    chars_per_token: float = NEW_TOKENIZER
    max_input_tokens: int = 1_000_000
    max_tokens: int = 128_000
    aliases: tuple[str, ...] = ()
    forced_tool_choice: bool = True
    prefill: bool = False
    system_messages: bool = False
    sampling_parameters: bool = False
    fast: bool = False
    omits_thinking: bool = True
    lifecycle: Literal["active", "deprecated", "retired"] = "active"
    deprecated_at: str | None = None
    retires_at: str | None = None

    def thinks(self, thinking_type: str | None) -> bool:
        """Whether a request with this `thinking.type` (None: not given) may think."""
        return (thinking_type or self.default_thinking) in ("adaptive", "enabled")


def find(model_id: str) -> Model | None:
    """The model of that id or alias, retired ones included."""
    return _BY_NAME.get(model_id)


def served() -> tuple[Model, ...]:
    """The models that still answer, newest first."""
    return tuple(model for model in MODELS if model.lifecycle != "retired")


def info(model: Model) -> dict[str, Any]:
    """The model as the Models API describes it."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.display_name,
        "line": model.line,
        "lifecycle": model.lifecycle,
        "created_at": model.created_at,
        "deprecated_at": model.deprecated_at,
        "retires_at": model.retires_at,
        "max_input_tokens": model.max_input_tokens,
        "max_tokens": model.max_tokens,
        "capabilities": _capabilities(model),
    }


def _capabilities(model: Model) -> dict[str, Any]:
    yes, no = {"supported": True}, {"supported": False}
    effort = {level: yes if level in model.efforts else no for level in ALL_EFFORTS}
    thinking = {
        kind: yes if kind in model.thinking_types else no
        for kind in ("adaptive", "between_tools", "disabled", "enabled")
    }
    return {
        "batch": yes,
        "citations": yes,
        "code_execution": yes,
        "context_management": {
            "supported": True,
            "clear_thinking_20251015": yes,
            "clear_tool_uses_20250919": yes,
            "compact_20260112": yes,
        },
        "effort": {"supported": bool(model.efforts), **effort},
        "image_input": yes,
        "pdf_input": yes,
        "server_tools": {"supported": True, "code_execution": yes, "web_search": yes},
        "structured_outputs": yes,
        "thinking": {"supported": True, "types": thinking},
    }


def _fable_or_mythos(line: Literal["fable", "mythos"], version: str, created_at: str) -> Model:
    return Model(
        id=f"claude-{line}-{version.replace('.', '-')}",
        display_name=f"Claude {line.capitalize()} {version}",
        line=line,
        created_at=created_at,
        # The figure for 5.2 is inferred from 5.1.
        minimum_cacheable_tokens=512,
        thinking_types=("adaptive",),
        default_thinking="adaptive",
        forced_tool_choice=version == "5",
        system_messages=True,
        fast=(line, version) == ("fable", "5.2"),
    )


def _older_opus(version: str, created_at: str, minimum_cacheable_tokens: int) -> Model:
    first = version == "4.6"
    return Model(
        id=f"claude-opus-{version.replace('.', '-')}",
        display_name=f"Claude Opus {version}",
        line="opus",
        created_at=created_at,
        minimum_cacheable_tokens=minimum_cacheable_tokens,
        # `disabled` says what is already so and is accepted.
        thinking_types=("adaptive", "disabled", "enabled") if first else ("adaptive", "disabled"),
        default_thinking="disabled",
        efforts=NO_XHIGH if first else ALL_EFFORTS,
        chars_per_token=OLD_TOKENIZER if first else NEW_TOKENIZER,
        system_messages=version == "4.8",
        sampling_parameters=first,
        fast=version == "4.8",
        omits_thinking=not first,
    )


# Newest first, as the Models API lists them.  A creation date at the epoch means "not known".
MODELS: tuple[Model, ...] = (
    _fable_or_mythos("fable", "5.2", "2026-11-09T00:00:00Z"),
    _fable_or_mythos("mythos", "5.2", "2026-11-09T00:00:00Z"),
    Model(
        id="claude-haiku-5-5",
        display_name="Claude Haiku 5.5",
        line="haiku",
        created_at="2026-10-07T00:00:00Z",
        minimum_cacheable_tokens=512,
        thinking_types=("adaptive", "disabled"),
        default_thinking="adaptive",
        default_effort="medium",
        limits_effort_without_thinking=True,
        # Not mentioned among the breaking changes of this model, so inferred to be allowed.
        forced_tool_choice=True,
    ),
    Model(
        id="claude-sonnet-5-5",
        display_name="Claude Sonnet 5.5",
        line="sonnet",
        created_at="2026-09-28T00:00:00Z",
        minimum_cacheable_tokens=512,
        thinking_types=("adaptive", "between_tools"),
        default_thinking="adaptive",
        limits_effort_without_thinking=True,
        forced_tool_choice=False,
        system_messages=True,
    ),
    Model(
        id="claude-opus-5-5",
        display_name="Claude Opus 5.5",
        line="opus",
        created_at="2026-09-22T00:00:00Z",
        minimum_cacheable_tokens=512,
        thinking_types=("adaptive",),
        default_thinking="adaptive",
        default_effort="medium",
        forced_tool_choice=False,
        # Inferred from Opus 5.
        system_messages=True,
        fast=True,
    ),
    _fable_or_mythos("fable", "5.1", "2026-09-01T00:00:00Z"),
    _fable_or_mythos("mythos", "5.1", "2026-09-01T00:00:00Z"),
    Model(
        id="claude-opus-5",
        display_name="Claude Opus 5",
        line="opus",
        created_at="2026-07-24T00:00:00Z",
        minimum_cacheable_tokens=512,
        thinking_types=("adaptive", "disabled"),
        default_thinking="adaptive",
        limits_effort_without_thinking=True,
        system_messages=True,
        fast=True,
    ),
    Model(
        id="claude-sonnet-5",
        display_name="Claude Sonnet 5",
        line="sonnet",
        created_at="2026-06-30T00:00:00Z",
        minimum_cacheable_tokens=1_024,
        thinking_types=("adaptive", "disabled"),
        default_thinking="adaptive",
    ),
    _fable_or_mythos("fable", "5", "2026-06-09T00:00:00Z"),
    _fable_or_mythos("mythos", "5", "2026-06-09T00:00:00Z"),
    _older_opus("4.8", "1970-01-01T00:00:00Z", 1_024),
    _older_opus("4.7", "2026-04-16T00:00:00Z", 2_048),
    Model(
        id="claude-sonnet-4-6",
        display_name="Claude Sonnet 4.6",
        line="sonnet",
        created_at="2026-02-17T00:00:00Z",
        minimum_cacheable_tokens=1_024,
        thinking_types=("adaptive", "disabled", "enabled"),
        default_thinking="disabled",
        efforts=NO_XHIGH,
        chars_per_token=OLD_TOKENIZER,
        max_tokens=64_000,
        sampling_parameters=True,
        omits_thinking=False,
    ),
    _older_opus("4.6", "2026-02-05T00:00:00Z", 4_096),
    Model(
        id="claude-opus-4-5-20251101",
        display_name="Claude Opus 4.5",
        line="opus",
        created_at="2025-11-24T00:00:00Z",
        minimum_cacheable_tokens=4_096,
        thinking_types=("disabled", "enabled"),
        default_thinking="disabled",
        efforts=("low", "medium", "high"),
        chars_per_token=OLD_TOKENIZER,
        max_input_tokens=200_000,
        max_tokens=64_000,
        aliases=("claude-opus-4-5",),
        prefill=True,
        sampling_parameters=True,
        omits_thinking=False,
    ),
    Model(
        id="claude-haiku-4-5-20251001",
        display_name="Claude Haiku 4.5",
        line="haiku",
        created_at="2025-10-15T00:00:00Z",
        minimum_cacheable_tokens=4_096,
        thinking_types=("disabled", "enabled"),
        default_thinking="disabled",
        efforts=(),
        chars_per_token=OLD_TOKENIZER,
        max_input_tokens=200_000,
        max_tokens=64_000,
        aliases=("claude-haiku-4-5",),
        prefill=True,
        sampling_parameters=True,
        omits_thinking=False,
    ),
    Model(
        id="claude-sonnet-4-5-20250929",
        display_name="Claude Sonnet 4.5",
        line="sonnet",
        created_at="2025-09-29T00:00:00Z",
        minimum_cacheable_tokens=1_024,
        thinking_types=("disabled", "enabled"),
        default_thinking="disabled",
        efforts=(),
        chars_per_token=OLD_TOKENIZER,
        max_input_tokens=200_000,
        max_tokens=64_000,
        aliases=("claude-sonnet-4-5",),
        prefill=True,
        sampling_parameters=True,
        omits_thinking=False,
        lifecycle="deprecated",
        # The day of the announcement is not known; the day of retirement is.
        deprecated_at="2026-08-31T00:00:00Z",
        retires_at="2026-11-30T00:00:00Z",
    ),
    Model(
        id="claude-3-7-sonnet-20250219",
        display_name="Claude Sonnet 3.7",
        line="sonnet",
        created_at="2025-02-24T00:00:00Z",
        minimum_cacheable_tokens=1_024,
        thinking_types=("disabled", "enabled"),
        default_thinking="disabled",
        efforts=(),
        chars_per_token=OLD_TOKENIZER,
        max_input_tokens=200_000,
        max_tokens=64_000,
        aliases=("claude-3-7-sonnet-latest",),
        prefill=True,
        sampling_parameters=True,
        omits_thinking=False,
        lifecycle="retired",
        deprecated_at="2025-10-28T00:00:00Z",
        retires_at="2026-02-19T00:00:00Z",
    ),
)

_BY_NAME = {name: model for model in MODELS for name in (model.id, *model.aliases)}
