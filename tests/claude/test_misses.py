"""Whether something was missed, where only an estimate says what should have come."""

from __future__ import annotations

import pytest

from kibitz.claude.prompts.cache_memory import Outlook
from kibitz.claude.prompts.misses import Miss, miss
from kibitz.claude.values import Expectation, Started, Usage

KEPT = Expectation(blocks_alive=2, step="keep")


def outlook(read: int = 60_000, *, exactly: bool = False, marked: int = 60_000) -> Outlook:
    return Outlook(read, marked, marked, exactly, exactly, had_entry=False, to_write=frozenset())


def missed(
    given: Outlook, usage: Usage, expectation: Expectation | None = KEPT, **more: object
) -> Miss | None:
    arguments: dict[str, object] = {
        "expected_prompt_tokens": 65_000,
        "endpoint_caches": True,
        "started": None,
    }
    return miss(given, expectation, usage, **{**arguments, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.5, 0.8, 1.0, 1.3, 2.0])
def test_an_estimate_that_is_off_is_no_miss(share: float) -> None:
    """The whole prompt has other tokens than we thought, and so has the part that is read."""
    read = round(60_000 * share)
    usage = Usage(input_tokens=round(5_000 * share), cache_read_tokens=read)
    assert missed(outlook(), usage) is None


def test_a_part_that_is_missing_is_seen_all_the_same() -> None:
    usage = Usage(input_tokens=5_000, cache_read_tokens=30_000, cache_write_1h_tokens=30_000)
    assert missed(outlook(), usage) == Miss("unexplained", 30_000)


def test_what_was_counted_is_taken_at_its_word() -> None:
    usage = Usage(input_tokens=5_000, cache_read_tokens=59_000, cache_write_5m_tokens=1_000)
    assert missed(outlook(), usage) is None
    assert missed(outlook(exactly=True), usage) == Miss("unexplained", 1_000)


def test_more_than_expected_is_no_miss() -> None:
    usage = Usage(input_tokens=5_000, cache_read_tokens=60_000)
    assert missed(outlook(read=0), usage, Expectation(0, "rebuild")) is None


def test_a_request_that_never_began_has_missed_nothing() -> None:
    assert missed(outlook(), Usage()) is None


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [(None, "tools_changed"), (60_000, "tools_changed"), (100, "unexplained")],
)
def test_a_difference_explains_what_is_behind_it(tokens: int | None, reason: str) -> None:
    started = Started("r", "m", Usage(), "tools_changed", tokens)
    usage = Usage(input_tokens=5_000, cache_write_1h_tokens=60_000)
    assert missed(outlook(exactly=True), usage, started=started) == Miss(reason, 60_000)  # type: ignore[arg-type]
