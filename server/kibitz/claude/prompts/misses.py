"""Why less of a prompt was read from the cache than could have been.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from kibitz.claude.prompts.cache_memory import Outlook
from kibitz.claude.values import Expectation, Started, Usage

# What was expected and did not come: where the endpoint found a difference, that it has no
# cache, or nothing that we know of.
Surprise = Literal[
    "model_changed",
    "tools_changed",
    "system_changed",
    "messages_changed",
    "no_cache",
    "unexplained",
]
SURPRISES: frozenset[str] = frozenset(get_args(Surprise))
# What was known beforehand.
Foreseen = Literal["expired", "rebuilt", "folded", "provisional"]
MissReason = Surprise | Foreseen

# An estimate of a prefix may be off by this share, when the length of the whole prompt is known.
ESTIMATE_TOLERANCE = 0.2
COUNTED_TOLERANCE = 0.01
LEAST_MISSED_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Miss:
    """`tokens` could have been read and were not."""

    reason: MissReason
    tokens: int


def miss(
    outlook: Outlook,
    expectation: Expectation | None,
    usage: Usage,
    *,
    expected_prompt_tokens: int,
    endpoint_caches: bool,
    started: Started | None,
) -> Miss | None:
    """What was missed by a response with that usage; None: nothing.

    `expected_prompt_tokens` is how long the whole prompt was thought to be when `outlook` was
    made; how long it is says how much the estimates in there were off.
    """
    if not usage.prompt_tokens:
        return None
    if not endpoint_caches and not usage.cache_read_tokens:
        return Miss("no_cache", outlook.marked_tokens)
    scale = 1.0
    if not outlook.exactly and expected_prompt_tokens:
        scale = usage.prompt_tokens / expected_prompt_tokens
    expected = round(outlook.read_tokens * scale)
    missed = expected - usage.cache_read_tokens
    tolerance = COUNTED_TOLERANCE if outlook.exactly else ESTIMATE_TOLERANCE
    if missed > max(LEAST_MISSED_TOKENS, expected * tolerance):
        if not usage.cache_write_tokens:
            # What is marked and missing is written anew, wherever markers mean anything.
            return Miss("no_cache", missed)
        return Miss(_difference(started, missed) or "unexplained", missed)
    reason = _foreseen(outlook, expectation)
    if reason is None:
        return None
    whole = outlook.marked_tokens if reason == "folded" else outlook.first_marked_tokens
    # Somebody else may have written it meanwhile.
    missed = round(whole * scale) - usage.cache_read_tokens
    return Miss(reason, missed) if missed > max(LEAST_MISSED_TOKENS, whole * tolerance) else None


def _foreseen(outlook: Outlook, expectation: Expectation | None) -> Foreseen | None:
    if expectation is None:
        return "expired" if outlook.had_entry else None
    if expectation.provisional:
        return "provisional"
    match expectation.step:
        case "first":
            return None
        case "keep":
            return None if expectation.blocks_alive else "expired"
        case "fold" | "return":
            return "folded" if expectation.blocks_alive else "expired"
        case "rebuild":
            return "rebuilt"


def _difference(started: Started | None, missed: int) -> Surprise | None:
    """The endpoint's reason, if it is large enough to be the reason of what was missed: one that
    lies behind what should have been read is how prompts of a line normally differ."""
    if started is None or started.cache_miss_reason is None:
        return None
    tokens = started.cache_missed_tokens
    if tokens is not None and tokens < missed / 2:
        return None
    return cast(Surprise, started.cache_miss_reason)
