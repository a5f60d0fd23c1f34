"""The outline of a request: which fields there are, which must be there, of what kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_FIELDS: dict[str, tuple[type, ...]] = {
    "cache_control": (dict,),
    "container": (str, dict),
    "context_management": (dict,),
    "diagnostics": (dict,),
    "inference_geo": (str,),
    "max_tokens": (int,),
    "messages": (list,),
    "metadata": (dict,),
    "model": (str,),
    "output_config": (dict,),
    "service_tier": (str,),
    "speed": (str,),
    "stop_sequences": (list,),
    "stream": (bool,),
    "system": (str, list),
    "temperature": (int, float),
    "thinking": (dict,),
    "tool_choice": (dict,),
    "tools": (list,),
    "top_k": (int,),
    "top_p": (int, float),
    "user_profile_id": (str,),
}
_KINDS = {
    bool: "boolean",
    dict: "dictionary",
    float: "number",
    int: "integer",
    list: "list",
    str: "string",
}


def problems(body: object, *, counting: bool) -> Iterator[str]:
    if not isinstance(body, dict):
        yield "Input should be an object"
        return
    for name in ("model", "messages") if counting else ("model", "max_tokens", "messages"):
        if body.get(name) is None:
            yield f"{name}: Field required"
    for name, value in body.items():
        yield from _field(name, value)
    for name in ("system", "tools", "messages"):
        yield from _objects(name, body.get(name))
    for index, message in enumerate(body["messages"]):
        yield from _message(f"messages.{index}", message)
    for index, sequence in enumerate(body.get("stop_sequences") or ()):
        if not isinstance(sequence, str):
            yield f"stop_sequences.{index}: Input should be a valid string"
        if not sequence.strip():
            yield "stop_sequences: each stop sequence must contain non-whitespace"


def _field(name: str, value: Any) -> Iterator[str]:
    kinds = _FIELDS.get(name)
    if kinds is None:
        yield f"{name}: Extra inputs are not permitted"
        return
    if value is None:
        return
    # Python counts True as an integer; the API does not.
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        yield f"{name}: Input should be a valid {_KINDS[kinds[0]]}"


def _objects(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                yield f"{path}.{index}: Input should be an object"


def _message(path: str, message: dict[str, Any]) -> Iterator[str]:
    for name in ("role", "content"):
        if name not in message:
            yield f"{path}.{name}: Field required"
    for name in message:
        if name not in ("role", "content"):
            yield f"{path}.{name}: Extra inputs are not permitted"
    if message["role"] not in ("user", "assistant", "system"):
        yield f"{path}.role: Input should be 'user' or 'assistant'"
    content = message["content"]
    if not isinstance(content, (str, list)):
        yield f"{path}.content: Input should be a valid string or list"
    yield from _objects(f"{path}.content", content)
