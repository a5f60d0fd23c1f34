"""How the model is to generate: limits, thinking, effort, and the parameters that are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kibitz.standin.models import ALL_EFFORTS, EFFORTS_WITHOUT_THINKING, Model

SAMPLING_PARAMETERS = ("temperature", "top_p", "top_k")
LEAST_THINKING_BUDGET = 1_024
_USE_EFFORT = (
    'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
)


def parameters(body: Mapping[str, Any], model: Model, *, current: bool) -> Iterator[str]:
    """Temperature and its like: gone from the current version, and from newer models anyway."""
    for name in SAMPLING_PARAMETERS:
        if body.get(name) is None:
            continue
        if current:
            yield f"{name}: Extra inputs are not permitted"
        if not model.sampling_parameters:
            yield f"`{name}` is deprecated for this model."
    temperature = body.get("temperature")
    if temperature is not None and not 0 <= temperature <= 1:
        yield "temperature: range: 0..1"


def limits(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    max_tokens = body.get("max_tokens")
    if max_tokens is not None and max_tokens < 0:
        yield "max_tokens: Input should be greater than or equal to 0"
    if max_tokens is not None and max_tokens > model.max_tokens:
        yield (
            f"max_tokens: {max_tokens} > {model.max_tokens}, which is the maximum allowed number "
            f"of output tokens for {model.id}"
        )
    speed = body.get("speed")
    if speed not in (None, "standard", "fast"):
        yield "speed: Input should be 'standard' or 'fast'"
    if speed == "fast" and not model.fast:
        # Inferred: the set of models is documented, the text is not.
        yield "speed: 'fast' is not supported on this model"


def thinking(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    config = body.get("thinking")
    if config is None:
        return
    kind = config.get("type")
    if kind not in ("adaptive", "between_tools", "disabled", "enabled"):
        yield (
            f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected "
            "tags: 'adaptive', 'between_tools', 'disabled', 'enabled'"
        )
    if kind not in model.thinking_types:
        yield _unsupported_thinking(kind)
    if config.get("display") not in (None, "summarized", "omitted"):
        yield f"thinking.{kind}.display: Input should be 'summarized' or 'omitted'"
    if kind == "enabled":
        budget = config.get("budget_tokens")
        if not isinstance(budget, int):
            yield "thinking.enabled.budget_tokens: Field required"
        elif budget < LEAST_THINKING_BUDGET:
            yield (
                "thinking.enabled.budget_tokens: Input should be greater than or equal to "
                f"{LEAST_THINKING_BUDGET}"
            )
        # A pre-warming request (`max_tokens: 0`) is refused for its thinking elsewhere.
        elif 0 < body.get("max_tokens", 0) <= budget:
            yield "`max_tokens` must be greater than `thinking.budget_tokens`."


def _unsupported_thinking(kind: str) -> str:
    if kind == "adaptive":
        return "adaptive thinking is not supported on this model"
    refusal = f'"thinking.type.{kind}" is not supported for this model.'
    return refusal if kind == "between_tools" else f"{refusal} {_USE_EFFORT}"


def effort(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    level = (body.get("output_config") or {}).get("effort")
    if level is None:
        return
    if level not in ALL_EFFORTS:
        yield f"output_config.effort: Input should be {_one_of(ALL_EFFORTS)}"
    if not model.efforts:
        yield "This model does not support the effort parameter."
    if level not in model.efforts:
        # Inferred: which levels a model has is documented, the text is not.
        yield f"output_config.effort '{level}' is not supported on this model."
    kind = (body.get("thinking") or {}).get("type")
    off = kind in ("disabled", "between_tools")
    if off and model.limits_effort_without_thinking and level not in EFFORTS_WITHOUT_THINKING:
        yield (
            f"output_config.effort '{level}' is not supported when thinking is disabled on this "
            "model. Use effort 'high' or below, or enable thinking."
        )


def prewarming(body: Mapping[str, Any], *, batched: bool) -> Iterator[str]:
    """``max_tokens: 0`` fills the cache and does nothing else.  These texts are inferred."""
    if batched and body.get("stream"):
        yield "stream: streaming is not supported in batches"
    if batched and body.get("speed"):
        yield "speed: not supported in batches"
    if body.get("max_tokens") != 0:
        return
    if batched:
        yield "max_tokens: 0 is not supported in batches"
    if body.get("stream"):
        yield "max_tokens: 0 is not supported with stream"
    if (body.get("thinking") or {}).get("type") == "enabled":
        yield "max_tokens: 0 is not supported with thinking.type.enabled"
    if (body.get("output_config") or {}).get("format"):
        yield "max_tokens: 0 is not supported with output_config.format"
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        yield "max_tokens: 0 is not supported with a tool_choice that forces tool use"


def _one_of(values: tuple[str, ...]) -> str:
    quoted = [f"'{value}'" for value in values]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"
