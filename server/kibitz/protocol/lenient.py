"""What clients send that lsprotocol's types refuse, and how it is read all the same.

LSP asks both sides to live with values that they do not know yet.  lsprotocol's converter fails
the whole message for one unknown enum value; and `initialize` must not fail at all once it has
been answered.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import cattrs
from cattrs.errors import BaseValidationError
from lsprotocol import types
from pygls.protocol import default_converter

logger = logging.getLogger(__name__)

#: What cattrs and lsprotocol's hooks raise for a value that is not what its type says.
BAD_VALUE = (
    BaseValidationError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
)


@cache
def converter() -> cattrs.Converter:
    """lsprotocol's converter, which keeps an unknown value of an enum as the plain value.

    One for every connection of the process: it knows nothing of a client, and to make one, and
    what it makes of the types that it meets, takes longer than all else in a new connection.
    """
    made: cattrs.Converter = default_converter()  # type: ignore[no-untyped-call]
    for kind in vars(types).values():
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            made.register_structure_hook(kind, _member_or_value)
            # Such a value goes back to the client as it came, with a diagnostic for one.
            made.register_unstructure_hook(kind, _plain_value)
    return made


def _member_or_value(value: Any, kind: type[enum.Enum]) -> Any:
    try:
        return kind(value)
    except ValueError:
        if type(value) in (str, int) and issubclass(kind, type(value)):
            return value
        raise


def _plain_value(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def what_is_wrong(error: Exception) -> str:
    """Where params are not what they should be, in a few words that repeat no content."""
    if isinstance(error, BaseValidationError):
        return "; ".join(cattrs.transform_error(error)[:3])
    return "they are not an object of the right shape"


def params(convert: cattrs.Converter, raw: Any, params_type: type[Any]) -> Any:
    """`raw` as `params_type`; raises one of `BAD_VALUE`.

    The position of a hover may be a range (rust-analyzer's extension); it is kept as a `Range`.
    """
    position = raw.get("position") if isinstance(raw, dict) else None
    if params_type is types.HoverParams and isinstance(position, dict) and "start" in position:
        found = convert.structure({**raw, "position": position["start"]}, params_type)
        found.position = convert.structure(position, types.Range)
        return found
    return convert.structure(raw, params_type)


def initialize_params(convert: cattrs.Converter, raw: dict[str, Any]) -> types.InitializeParams:
    """The params of `initialize`, without the parts that are not what they should be."""
    required: dict[str, Any] = {"processId": None, "rootUri": None, "capabilities": {}}
    try:
        return convert.structure({**required, **raw}, types.InitializeParams)
    except BAD_VALUE as error:
        logger.warning("Parts of `initialize` are left out: %s", what_is_wrong(error))

    def fits(part: dict[str, Any]) -> bool:
        try:
            convert.structure({**required, **part}, types.InitializeParams)
        except BAD_VALUE:
            return False
        return True

    return convert.structure({**required, **_what_fits(raw, fits)}, types.InitializeParams)


def _what_fits(raw: dict[str, Any], fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """As much of `raw` as fits: a part that does not is looked through for parts that do."""
    kept: dict[str, Any] = {}
    for key, value in raw.items():
        if fits({**kept, key: value}):
            kept[key] = value
        elif isinstance(value, dict) and fits({**kept, key: {}}):
            kept[key] = _what_fits(value, partial(_fits_at, fits, dict(kept), key))
    return kept


def _fits_at(
    fits: Callable[[dict[str, Any]], bool], around: dict[str, Any], key: str, part: Any
) -> bool:
    return fits({**around, key: part})
