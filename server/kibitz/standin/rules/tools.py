"""Tool definitions and the choice among them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kibitz.standin.models import Model

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
FORCED = 'tool_choice: type "tool" and "any" are not supported for this model.'


def problems(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    tools = body.get("tools") or []
    for index, tool in enumerate(tools):
        yield from _definition(f"tools.{index}", tool)
    names = [tool["name"] for tool in tools]
    if len(set(names)) < len(names):
        yield "tools: Tool names must be unique."
    yield from _choice(body, model, names)


def _definition(path: str, tool: Mapping[str, Any]) -> Iterator[str]:
    is_custom = tool.get("type") in (None, "custom")
    tagged = f"{path}.custom" if is_custom else path
    if not isinstance(tool.get("name"), str):
        yield f"{tagged}.name: Field required"
    if not is_custom:
        return
    if not _NAME.fullmatch(tool["name"]):
        yield f"{tagged}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
    schema = tool.get("input_schema")
    if not isinstance(schema, dict):
        yield f"{tagged}.input_schema: Field required"
        return
    if schema.get("type") != "object":
        yield f"{tagged}.input_schema.type: Input should be 'object'"


def _choice(body: Mapping[str, Any], model: Model, names: list[str]) -> Iterator[str]:
    choice = body.get("tool_choice")
    if choice is None:
        return
    kind = choice.get("type")
    if kind not in ("auto", "any", "tool", "none"):
        yield (
            f"tool_choice: Input tag '{kind}' found using 'type' does not match any of the "
            "expected tags: 'auto', 'any', 'tool', 'none'"
        )
    if kind not in ("any", "tool"):
        return
    if not model.forced_tool_choice:
        yield FORCED
    if not names:
        yield f"tool_choice.{kind} may only be specified while providing tools."
    if kind == "tool" and choice.get("name") not in names:
        yield f"Tool '{choice.get('name')}' not found in provided tools"
    thinking = (body.get("thinking") or {}).get("type")
    if thinking == "enabled":
        yield "Thinking may not be enabled when tool_choice forces tool use."
