"""What an endpoint was seen to refuse, and requests without it.

Those who speak the Messages API take different parts of it.  What a request can do without is
left out once it was refused, a model at a time, for gateways ask different servers for different
models.  Thinking and effort belong to the model rather than to the endpoint: see `knowledge`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from kibitz.claude.models.platforms import Platform
from kibitz.claude.values import ClaudeFailure

log = logging.getLogger(__name__)

Part = Literal[
    "ttl", "cache_control", "strict", "eager_input_streaming", "tool_choice", "stop_sequences"
]

# What says that the name of a part is not known at all, which is true of a part by whoever says it.
_UNKNOWN = re.compile(
    r"extra inputs? (?:are|is) not|extra_forbidden|extra fields?|not permitted|not allowed|"
    r"unknown|unrecogni[sz]ed|unexpected",
    re.I,
)
# What may also be said of a value that is wrong here and right elsewhere: Anthropic itself and
# those who serve for it say it of that.
_UNSUPPORTED = re.compile(r"not (?:\w+ )?support|unsupported|not implemented|not available", re.I)
_STATUSES = frozenset({400, 422, 501})


class Refusals:
    """For one endpoint: what each model's requests are to be sent without."""

    def __init__(self) -> None:
        self._refused: dict[str, set[Part]] = {}
        self._sent: dict[str, frozenset[Part]] = {}

    def fitted(self, model: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a request without what was refused."""
        result = dict(arguments)
        for part in sorted(self._refused.get(model, ()), key=_ORDER.index):
            result = _WITHOUT[part](result)
        self._sent[model] = frozenset(part for part in _ORDER if _holds(result, part))
        return result

    def learns(self, failure: ClaudeFailure, model: str, platform: Platform) -> bool:
        """Whether a request was refused for something that it can do without; from now on it is
        left out."""
        if failure.status not in _STATUSES or failure.kind not in ("bad_request", "server_error"):
            return False
        said = failure.message
        speaks_of_values = platform == "compatible" and _UNSUPPORTED.search(said) is not None
        if not speaks_of_values and _UNKNOWN.search(said) is None:
            return False
        refused = self._refused.setdefault(model, set())
        for part in _ORDER:
            named = re.search(rf"\b{part}\b", said) is not None
            if named and part in self._sent.get(model, ()) and part not in refused:
                refused.add(part)
                log.warning("%s is sent without %s: the endpoint refuses it", model, part)
                return True
        return False


# The smaller part first: a refusal of `cache_control.ttl` names both.
_ORDER: tuple[Part, ...] = (
    "ttl",
    "cache_control",
    "strict",
    "eager_input_streaming",
    "tool_choice",
    "stop_sequences",
)


def _holds(value: object, part: Part) -> bool:
    """Whether a part is anywhere in a request outside the schemas of its tools."""
    if isinstance(value, Mapping):
        return part in value or any(
            _holds(inner, part) for key, inner in value.items() if key != "input_schema"
        )
    return isinstance(value, list) and any(_holds(item, part) for item in value)


def _without_key(key: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def cut(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                name: inner if name in ("input_schema", "input") else cut(inner)
                for name, inner in value.items()
                if name != key
            }
        return [cut(item) for item in value] if isinstance(value, list) else value

    return lambda arguments: dict(cut(arguments))


def _without_tool_choice(arguments: dict[str, Any]) -> dict[str, Any]:
    """Without `tool_choice`; where it forbids tools they go, too, unless some were used before."""
    choice = arguments.get("tool_choice", {})
    result = {name: value for name, value in arguments.items() if name != "tool_choice"}
    used = any(
        part.get("type") in ("tool_use", "tool_result")
        for message in arguments["messages"]
        for part in message["content"]
    )
    if choice.get("type") == "none" and not used:
        result.pop("tools", None)
    return result


_WITHOUT: Mapping[Part, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "ttl": _without_key("ttl"),
    "cache_control": _without_key("cache_control"),
    "strict": _without_key("strict"),
    "eager_input_streaming": _without_key("eager_input_streaming"),
    "tool_choice": _without_tool_choice,
    "stop_sequences": _without_key("stop_sequences"),
}
