"""Scripts as JSON, for the process and for test suites in other languages.

    {"replies": [{"text": "first"}, {"faults": [{"kind": "rate_limited", "retry_after": 3}]}],
     "rules": [{"when": "some words of the request", "reply": {"text": "second"}, "times": 1}]}

A reply has the fields of `Reply`, and ``hold_at`` for a gate.  A fault's ``kind`` is the name of a
function of `Fault`, its other fields are that function's arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kibitz.standin.reply import Fault, Reply, ToolCall

_FAULTS: dict[str, Callable[..., Fault]] = {
    "status_code": Fault.status_code,
    "rate_limited": Fault.rate_limited,
    "spend_limit": Fault.spend_limit,
    "overloaded": Fault.overloaded,
    "expired": Fault.expired,
    "html": Fault.html,
    "empty": Fault.empty,
    "wrong_encoding": Fault.wrong_encoding,
    "drop": Fault.drop,
    "cut": Fault.cut,
    "early_end": Fault.early_end,
    "stall": Fault.stall,
    "error_event": Fault.error_event,
    "malformed": Fault.malformed,
    "ping": Fault.ping,
    "unknown_event": Fault.unknown_event,
    "small_chunks": Fault.small_chunks,
}
_PLAIN_FIELDS: dict[str, tuple[type, ...]] = {
    "text": (str, list),
    "thinking": (str,),
    "stop_reason": (str,),
    "stop_details": (dict,),
    "chunk_size": (int,),
    "chunk_seed": (int,),
    "pace_seconds": (int, float),
    "pings": (bool,),
    "output_tokens": (int,),
    "diagnosis_pending": (bool,),
}


class ScriptFileError(ValueError):
    """A script that cannot be read; the text says where it is wrong."""


@dataclass(frozen=True, slots=True)
class Rule:
    when: str
    reply: Reply
    times: int | None


@dataclass(frozen=True, slots=True)
class ScriptFile:
    replies: tuple[Reply, ...]
    rules: tuple[Rule, ...]


def read_script(data: object) -> ScriptFile:
    """A script from parsed JSON.  Raises ScriptFileError, saying where it is wrong."""
    script = _fields(data, "script", {"replies": (list,), "rules": (list,)})
    replies = tuple(
        _reply(item, f"replies[{index}]") for index, item in enumerate(script.get("replies", ()))
    )
    rules = tuple(
        _rule(item, f"rules[{index}]") for index, item in enumerate(script.get("rules", ()))
    )
    return ScriptFile(replies, rules)


def _rule(data: object, path: str) -> Rule:
    fields = _fields(data, path, {"when": (str,), "reply": (dict,), "times": (int,)})
    for name in ("when", "reply"):
        if name not in fields:
            raise ScriptFileError(f"{path}.{name} is missing")
    return Rule(fields["when"], _reply(fields["reply"], f"{path}.reply"), fields.get("times"))


def _reply(data: object, path: str) -> Reply:
    known = {**_PLAIN_FIELDS, "tool_calls": (list,), "faults": (list,), "hold_at": (int, str)}
    fields = _fields(data, path, known)
    calls = [
        _tool_call(item, f"{path}.tool_calls[{index}]")
        for index, item in enumerate(fields.pop("tool_calls", ()))
    ]
    faults = [
        _fault(item, f"{path}.faults[{index}]")
        for index, item in enumerate(fields.pop("faults", ()))
    ]
    place = fields.pop("hold_at", None)
    reply = Reply(tool_calls=calls, faults=faults, **fields)
    return reply if place is None else reply.hold_at(place)


def _tool_call(data: object, path: str) -> ToolCall:
    fields = _fields(data, path, {"name": (str,), "input": (dict, str), "id": (str,)})
    if "name" not in fields:
        raise ScriptFileError(f"{path}.name is missing")
    return ToolCall(fields["name"], fields.get("input", {}), fields.get("id"))


def _fault(data: object, path: str) -> Fault:
    if not isinstance(data, dict) or data.get("kind") not in _FAULTS:
        raise ScriptFileError(f"{path}.kind is none of {', '.join(_FAULTS)}")
    make = _FAULTS[data["kind"]]
    arguments = {name: value for name, value in data.items() if name != "kind"}
    try:
        bound = inspect.signature(make).bind(**arguments)
    except TypeError as problem:
        raise ScriptFileError(f"{path}: {problem}") from None
    return make(*bound.args, **bound.kwargs)


def _fields(data: object, path: str, known: dict[str, tuple[type, ...]]) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ScriptFileError(f"{path} is no object")
    for name, value in data.items():
        if name not in known:
            raise ScriptFileError(f"{path}.{name} is not known; there are {', '.join(known)}")
        if not isinstance(value, known[name]):
            raise ScriptFileError(f"{path}.{name} has the wrong type")
    return dict(data)
