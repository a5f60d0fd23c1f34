"""What the API refuses before it does anything, with the documented texts.

Each module here is a set of generators that yield error messages; the first message is the
answer.  A generator may rely on everything that was checked before it.  Texts that no
documentation or report gives word for word are marked "inferred" where they stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kibitz.standin.errors import ApiError, invalid_request, not_found
from kibitz.standin.models import Model, find
from kibitz.standin.prompt import prompt_tokens
from kibitz.standin.rules import markers, messages, sampling, schema, shape, tools

CURRENT_VERSION = "2026-10-21"
VERSIONS = ("2023-06-01", CURRENT_VERSION)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that passed, with the model that it asked for."""

    model: Model


def judge(
    body: object, version: str, *, counting: bool = False, batched: bool = False
) -> Accepted | ApiError:
    """Whether a body may be answered.

    `counting` is count_tokens, which asks for no `max_tokens`; `batched` is a request inside a
    batch, which may neither stream nor pre-warm.
    """
    problem = next(shape.problems(body, counting=counting), None)
    if problem is not None:
        return invalid_request(problem)
    assert isinstance(body, Mapping)
    model = find(body["model"])
    if model is None or model.lifecycle == "retired":
        return not_found(f"model: {body['model']}")
    problem = next(_problems(body, model, version, counting=counting, batched=batched), None)
    return Accepted(model) if problem is None else invalid_request(problem)


def _problems(
    body: Mapping[str, Any], model: Model, version: str, *, counting: bool, batched: bool
) -> Iterator[str]:
    current = version == CURRENT_VERSION
    yield from sampling.parameters(body, model, current=current)
    yield from sampling.limits(body, model)
    yield from tools.problems(body, model)
    yield from schema.problems(body)
    yield from messages.problems(body, model, current=current)
    yield from markers.problems(body)
    yield from sampling.thinking(body, model)
    yield from sampling.effort(body, model)
    yield from sampling.prewarming(body, batched=batched)
    if not counting:
        length = prompt_tokens(body, model)
        if length > model.max_input_tokens:
            yield f"prompt is too long: {length} tokens > {model.max_input_tokens} maximum"
