"""What an endpoint says of its models, and what it was seen to refuse.

The Models API knows limits, capabilities and when a model retires; it knows no prices and no cache
minimum.  What it says is laid over the built-in catalogue, and under what the user says.
Nothing here asks or reads a file.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kibitz.claude.models.catalogue import TIER_EFFORT, Catalogue
from kibitz.claude.models.known_model import (
    KnownModel,
    Lifecycle,
    Parameter,
    ThinkingOff,
    ThinkingType,
    canonical_id,
    line_of,
)
from kibitz.claude.values import ModelFacts

# How old what was learnt may be before the endpoint is asked again.  Lower: a request more for
# every command; higher: a model's retirement is told late.
STALE_SECONDS = 24 * 3600.0

_THINKING_TYPES: tuple[ThinkingType, ...] = ("adaptive", "disabled", "between_tools")


@dataclass(frozen=True, slots=True)
class LearntModel:
    """What an endpoint says of one model; None where it does not say.

    `thinking` are the types that it takes, `effort` whether it takes all that tiers send.
    """

    id: str
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    thinking: frozenset[ThinkingType] | None = None
    effort: bool | None = None
    lifecycle: Lifecycle | None = None
    retires: datetime.date | None = None

    @classmethod
    def of(cls, facts: ModelFacts) -> LearntModel:
        """What is of use in an answer of the Models API, each thing only in the shape that is
        documented."""
        return cls(
            facts.id,
            _positive(facts.max_input_tokens),
            _positive(facts.max_output_tokens),
            _thinking_types(facts.capabilities),
            _effort(facts.capabilities),
            _lifecycle(facts.lifecycle),
            _date(facts.retires_at),
        )

    @property
    def says_something(self) -> bool:
        return any(getattr(self, each.name) is not None for each in dataclasses.fields(self)[1:])


@dataclass(frozen=True, slots=True)
class Learnt:
    """What one endpoint has taught: its list of models, newest first, as of `at` (seconds since
    1970; None: never asked), and by model what it refused although nobody had said so."""

    at: float | None = None
    models: tuple[LearntModel, ...] = ()
    refused: Mapping[str, frozenset[Parameter]] = field(
        default_factory=dict[str, "frozenset[Parameter]"]
    )

    def is_stale(self, now: float) -> bool:
        # A clock that was set back must not keep it for years.
        return self.at is None or not 0 <= now - self.at < STALE_SECONDS

    def listed(self, models: Sequence[ModelFacts], now: float) -> Learnt:
        """After the endpoint has listed its models.  What it says of a model now is newer than
        what it refused before."""
        learnt = tuple(LearntModel.of(facts) for facts in models)
        said = {canonical_id(each.id) for each in learnt if each.thinking is not None}
        kept = {model: what for model, what in self.refused.items() if model not in said}
        return Learnt(now, learnt, kept)

    def refusing(self, model: str, parameter: Parameter) -> Learnt:
        """After the endpoint has refused a parameter for a model."""
        id_ = canonical_id(model)
        refused = self.refused.get(id_, frozenset()) | {parameter}
        return dataclasses.replace(self, refused={**self.refused, id_: refused})

    def laid_over(self, known: Catalogue) -> Catalogue:
        """`known` as this endpoint says it is; what it does not say stays."""
        entries: dict[str, KnownModel] = {}
        for each in self.models:
            if not each.says_something:
                continue
            # A dated id is another spelling of a model; the first one in the list is the newest.
            id_ = each.id if each.id in known.models else canonical_id(each.id)
            if id_ not in entries:
                base = known.find(each.id)
                entry = _known(each, id_) if base is None else _corrected(base, each)
                if entry.lifecycle != "active" and known.successor(id_) is None:
                    entry = dataclasses.replace(entry, successor=self._newest_like(id_))
                entries[id_] = entry
        return known.with_models(entries) if entries else known

    def without_refused(self, known: Catalogue) -> Catalogue:
        """`known` without the parameters that were refused.  To be laid on last: neither the
        endpoint's list nor the user makes it take them."""
        entries: dict[str, KnownModel] = {}
        for model, refused in self.refused.items():
            for id_, entry in known.models.items():
                if canonical_id(id_) == model:
                    entries[id_] = dataclasses.replace(entry, refuses=refused)
        return known.with_models(entries) if entries else known

    def _newest_like(self, model: str) -> str | None:
        line = line_of(model)
        return next(
            (
                canonical_id(each.id)
                for each in self.models
                if each.lifecycle == "active" and line is not None and line_of(each.id) == line
            ),
            None,
        )


def _known(learnt: LearntModel, id_: str) -> KnownModel:
    """A model that the catalogue does not have: it thinks, as the newer ones do, unless told
    not to."""
    return _corrected(KnownModel(id_), learnt)


def _corrected(base: KnownModel, learnt: LearntModel) -> KnownModel:
    changes: dict[str, Any] = {
        name: value
        for name, value in (
            ("context_tokens", learnt.context_tokens),
            ("max_output_tokens", learnt.max_output_tokens),
            ("effort", learnt.effort),
            ("lifecycle", learnt.lifecycle),
            ("retires", learnt.retires),
        )
        if value is not None
    }
    if learnt.thinking is not None:
        changes["adaptive"] = "adaptive" in learnt.thinking
        changes["thinking_off"] = _thinking_off(base, learnt.thinking)
    return dataclasses.replace(base, **changes)


def _thinking_off(base: KnownModel, types: frozenset[ThinkingType]) -> ThinkingOff:
    """How thinking is switched off, when these types are taken.

    Whether a model thinks unless asked to is not said: of those that the catalogue knows, it says
    so; others do if they can think as they see fit.
    """
    is_known = base.context_tokens is not None or bool(base.prices)
    if is_known and (base.thinking_off in types or base.thinking_off == "omit"):
        return base.thinking_off
    ways: tuple[ThinkingOff, ...] = ("disabled", "between_tools")
    way = next((each for each in ways if each in types), None)
    return way or ("impossible" if "adaptive" in types else "omit")


def _positive(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if is_count and isinstance(value, int) else None


def _supported(capability: object) -> bool | None:
    supported = capability.get("supported") if isinstance(capability, Mapping) else None
    return supported if isinstance(supported, bool) else None


def _thinking_types(capabilities: Mapping[str, Any]) -> frozenset[ThinkingType] | None:
    thinking = capabilities.get("thinking")
    types = thinking.get("types") if isinstance(thinking, Mapping) else None
    if not isinstance(types, Mapping):
        return None
    return frozenset(kind for kind in _THINKING_TYPES if _supported(types.get(kind)))


def _effort(capabilities: Mapping[str, Any]) -> bool | None:
    effort = capabilities.get("effort")
    supported = _supported(effort)
    if not supported or not isinstance(effort, Mapping):
        return supported
    # A level that is not mentioned is taken like the others.
    return all(_supported(effort.get(level)) is not False for level in TIER_EFFORT.values())


def _lifecycle(value: object) -> Lifecycle | None:
    match value:
        case "active" | "deprecated" | "retired":
            return value
        case _:
            return None


def _date(value: object) -> datetime.date | None:
    try:
        return datetime.datetime.fromisoformat(value).date() if isinstance(value, str) else None
    except ValueError:
        return None
