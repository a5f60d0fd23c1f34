"""Servers of others that speak the Messages API, as each of them does, in front of the stand-in.

A profile says what a server is known to do otherwise; where it comes from is in the comment.  The
servers themselves are not here, except for llama.cpp: see `tests/clients/local_model`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from kibitz.standin.http import HttpResponse
from support.clouds import CloudServer, Refusal, Seen

MODEL = "small-coder"


@dataclass(frozen=True)
class Profile:
    """`refuses` are the parts that a request may not hold, each with status and body; `says_stops`
    is how an end at a stop sequence is told: as the API does, in the field alone, or not."""

    name: str
    owner: str
    models: Mapping[str, Any] = field(default_factory=dict)
    counts: bool = True
    says_stops: str = "as the API"
    usage: tuple[str, ...] = ("input_tokens", "output_tokens")
    refuses: tuple[tuple[str, int, Mapping[str, Any]], ...] = ()
    #: What a request for no token comes to: a token, or a refusal.
    generates_at_zero: bool = True


def error(message: str, **more: Any) -> Mapping[str, Any]:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message, **more}}


PROFILES = (
    # Run: llama.cpp b11549.
    Profile(
        "llama.cpp",
        "llamacpp",
        models={"meta": {"n_ctx": 8192, "n_ctx_train": 32768}},
        says_stops="in its field",
        usage=("input_tokens", "output_tokens", "cache_read_input_tokens"),
        refuses=(
            (
                "tools",
                500,
                {"error": {"code": 500, "message": "tools param requires --jinja flag"}},
            ),
        ),
    ),
    # From its documentation and its source: no counting, no cache, no reported stops.
    Profile(
        "Ollama",
        "library",
        counts=False,
        says_stops="not",
        refuses=(("tools", 400, error(f'"{MODEL}" does not support tools')),),
    ),
    # From its documentation, which says little.
    Profile(
        "LM Studio",
        "organization_owner",
        models={"max_context_length": 16384},
        counts=False,
    ),
    # From its source: stops are ends of turn, requests are checked by a schema.
    Profile(
        "vLLM",
        "vllm",
        models={"max_model_len": 32768},
        says_stops="not",
        generates_at_zero=False,
        refuses=(
            (
                "eager_input_streaming",
                422,
                {
                    "detail": [
                        {
                            "type": "extra_forbidden",
                            "loc": ["body", "tools", 0, "eager_input_streaming"],
                            "msg": "Extra inputs are not permitted",
                        }
                    ]
                },
            ),
            (
                "tools",
                400,
                error('"auto" tool choice requires --enable-auto-tool-choice to be set'),
            ),
        ),
    ),
    # From its issues: each provider behind it refuses something else.
    Profile(
        "LiteLLM",
        "openai",
        refuses=(
            (
                "ttl",
                400,
                error("system.0.cache_control.ttl: Extra inputs are not permitted"),
            ),
            ("strict", 400, {"error": {"message": "tools.0.strict: unknown field", "code": "400"}}),
            (
                "cache_control",
                400,
                {"error": "cache_control is not supported by this provider"},
            ),
            (
                "tool_choice",
                400,
                error("openai does not support parameters: ['tool_choice'], unsupported"),
            ),
        ),
    ),
    # One that knows neither stop sequences nor how to say where it ended.
    Profile(
        "a proxy of somebody's",
        "me",
        counts=False,
        usage=(),
        refuses=(("stop_sequences", 400, {"message": "unexpected property stop_sequences"}),),
    ),
)


@dataclass
class CompatibleServer(CloudServer):
    profile: Profile = PROFILES[0]

    def translated(self, seen: Seen) -> tuple[str, dict[str, Any]]:
        profile = self.profile
        if seen.path == "/v1/models":
            entry = {"id": MODEL, "object": "model", "owned_by": profile.owner, **profile.models}
            raise Refusal(200, {"object": "list", "data": [entry]})
        if seen.path == "/v1/messages/count_tokens" and not profile.counts:
            raise Refusal(404, {"error": "404 page not found"})
        for part, status, body in profile.refuses:
            if holds(seen.body, part):
                raise Refusal(status, body)
        if seen.body.get("max_tokens") == 0:
            if not profile.generates_at_zero:
                raise Refusal(400, error("max_tokens: Input should be greater than 0"))
            seen.body["max_tokens"] = 1
        seen.body.pop("diagnostics", None)
        return seen.path, {**seen.body, "model": "claude-haiku-4-5"}

    async def stream(self, answer: httpx2.Response, response: HttpResponse) -> None:
        response.start(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        async for line in answer.aiter_lines():
            if not line.startswith("data: "):
                continue
            data = json.loads(line.removeprefix("data: "))
            if data["type"] == "ping":
                continue
            self._retell(data)
            await response.write(f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode())
        await response.write(b"", last=True)

    def _retell(self, data: dict[str, Any]) -> None:
        """What the server says in the place of what the API does."""
        where = data.get("message", data)
        if "usage" in where:
            where["usage"] = {
                name: count for name, count in where["usage"].items() if name in self.profile.usage
            }
            if not where["usage"]:
                del where["usage"]
        delta = data.get("delta", {})
        if delta.get("stop_reason") == "stop_sequence" and self.profile.says_stops != "as the API":
            delta["stop_reason"] = "end_turn"
            if self.profile.says_stops == "not":
                delta["stop_sequence"] = None


def holds(value: object, part: str) -> bool:
    if isinstance(value, dict):
        return part in value or any(
            holds(inner, part) for name, inner in value.items() if name != "input_schema"
        )
    return isinstance(value, list) and any(holds(item, part) for item in value)
