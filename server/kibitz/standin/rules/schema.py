"""JSON schemas that are compiled into a grammar: strict tools and ``output_config.format``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MAXIMUM_STRICT_TOOLS = 20
MAXIMUM_OPTIONAL_PARAMETERS = 24
MAXIMUM_UNION_PARAMETERS = 16

_UNSUPPORTED: dict[str, tuple[str, ...]] = {
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems"),
}


def problems(body: Mapping[str, Any]) -> Iterator[str]:
    strict = [
        (f"tools.{index}.custom", tool["input_schema"])
        for index, tool in enumerate(body.get("tools") or ())
        if tool.get("strict")
    ]
    if len(strict) > MAXIMUM_STRICT_TOOLS:
        # The limits are documented, the texts of these three are inferred.
        yield f"tools: at most {MAXIMUM_STRICT_TOOLS} tools may be strict, found {len(strict)}"
    yield from _format((body.get("output_config") or {}).get("format"))
    declared = (body.get("output_config") or {}).get("format")
    if declared is not None:
        strict.append(("output_config.format.schema", declared["schema"]))
    for path, schema in strict:
        yield from _schema(path, schema)
    objects = [node for _, schema in strict for node in _nodes(schema)]
    optional = sum(
        len(set(node.get("properties") or ()) - set(node.get("required") or ())) for node in objects
    )
    if optional > MAXIMUM_OPTIONAL_PARAMETERS:
        yield f"Schemas contain {optional} optional parameters > {MAXIMUM_OPTIONAL_PARAMETERS}."
    unions = sum(1 for node in objects if "anyOf" in node or isinstance(node.get("type"), list))
    if unions > MAXIMUM_UNION_PARAMETERS:
        yield f"Schemas contain {unions} union parameters > {MAXIMUM_UNION_PARAMETERS}."


def _format(declared: Any) -> Iterator[str]:
    if declared is None:
        return
    if not isinstance(declared, dict) or declared.get("type") != "json_schema":
        yield "output_config.format.type: Input should be 'json_schema'"
    if not isinstance(declared.get("schema"), dict):
        yield "output_config.format.schema: Field required"


def _schema(path: str, schema: Mapping[str, Any]) -> Iterator[str]:
    for node in _nodes(schema):
        kind = node.get("type")
        if kind == "object" and node.get("additionalProperties") is not False:
            yield (
                f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false"
            )
        if not isinstance(kind, str):
            continue
        refused = [name for name in _UNSUPPORTED.get(kind, ()) if name in node]
        if refused:
            yield f"{path}: For '{kind}' type, properties {', '.join(refused)} are not supported"
        if kind == "array" and node.get("minItems", 0) not in (0, 1):
            yield f"{path}: For 'array' type, 'minItems' values other than 0 or 1 are not supported"


def _nodes(schema: Any) -> Iterator[Mapping[str, Any]]:
    """The schema and every schema inside it.  A name such as "minimum" may also be a property."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in ("properties", "$defs", "definitions"):
        for inner in (schema.get(keyword) or {}).values():
            yield from _nodes(inner)
    for inner in schema.get("anyOf") or ():
        yield from _nodes(inner)
    yield from _nodes(schema.get("items"))
