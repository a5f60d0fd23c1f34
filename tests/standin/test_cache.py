"""The prompt cache against the documented vectors.  Time is a number here, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.standin import CacheUse, PromptBlock, PromptCache
from kibitz.standin.prompt import Lifetime

MINIMUM = 512
TOKENS_PER_BLOCK = 1_000


def blocks(
    *digests: str, markers: dict[int, Lifetime], tokens: int = TOKENS_PER_BLOCK
) -> list[PromptBlock]:
    """A prompt of equally long blocks.  `markers` counts from 1, as the documentation does."""
    return [
        PromptBlock("messages", f"block {n}", "/".join(digests[:n]), n * tokens, n, markers.get(n))
        for n in range(1, len(digests) + 1)
    ]


def turn(count: int, *marked: int, lifetime: Lifetime = "5m") -> list[PromptBlock]:
    """The first `count` blocks of one growing conversation, marked at these positions."""
    return blocks(*map(str, range(1, count + 1)), markers=dict.fromkeys(marked, lifetime))


def ask(
    cache: PromptCache,
    prompt: Sequence[PromptBlock],
    now: float = 0.0,
    scope: str = "ours",
    minimum: int = MINIMUM,
) -> CacheUse:
    """One request whose response begins at once."""
    lookup = cache.begin(scope, prompt, minimum, now)
    lookup.publish()
    return lookup.use


def test_documented_vectors_of_the_look_back() -> None:
    cache = PromptCache()
    assert ask(cache, turn(10, 10)) == CacheUse(write_5m_tokens=10_000)
    assert ask(cache, turn(15, 15)) == CacheUse(read_tokens=10_000, write_5m_tokens=5_000)
    # 35 looks back as far as 16; the entry at 15 is one position too far away.
    assert ask(cache, turn(35, 35)) == CacheUse(write_5m_tokens=35_000)


def test_a_second_marker_gets_a_window_of_its_own() -> None:
    cache = PromptCache()
    ask(cache, turn(10, 10))
    ask(cache, turn(15, 15))
    assert ask(cache, turn(35, 15, 35)) == CacheUse(read_tokens=15_000, write_5m_tokens=20_000)


@pytest.mark.parametrize(("length", "hits"), [(29, True), (30, False)])
def test_the_window_has_twenty_positions_with_its_own(length: int, hits: bool) -> None:
    cache = PromptCache()
    ask(cache, turn(10, 10))
    assert (ask(cache, turn(length, length)).read_tokens == 10_000) is hits


def test_entries_are_written_at_markers_only() -> None:
    cache = PromptCache()
    ask(cache, turn(10, 10))
    assert ask(cache, turn(9, 9)).read_tokens == 0


def test_another_text_in_the_prefix_misses() -> None:
    cache = PromptCache()
    ask(cache, blocks("a", "b", markers={2: "5m"}))
    assert ask(cache, blocks("x", "b", markers={2: "5m"})).read_tokens == 0


def test_tokens_after_the_last_marker_are_plain_input() -> None:
    cache = PromptCache()
    assert ask(cache, turn(3, 2)) == CacheUse(write_5m_tokens=2_000, input_tokens=1_000)
    assert ask(cache, turn(3, 2)) == CacheUse(read_tokens=2_000, input_tokens=1_000)


def test_billing_positions_with_both_lifetimes() -> None:
    cache = PromptCache()
    mixed: dict[int, Lifetime] = {2: "1h", 3: "5m"}
    assert ask(cache, blocks("a", "b", "c", "d", markers=mixed)) == CacheUse(
        write_1h_tokens=2_000, write_5m_tokens=1_000, input_tokens=1_000
    )
    # A is the hour's entry at 2, nothing of the hour is after it, C is at 3.
    assert ask(cache, blocks("a", "b", "X", "d", markers=mixed)) == CacheUse(
        read_tokens=2_000, write_5m_tokens=1_000, input_tokens=1_000
    )


@pytest.mark.parametrize(("lifetime", "seconds"), [("5m", 300), ("1h", 3_600)])
def test_an_entry_lives_from_the_start_of_the_request(lifetime: Lifetime, seconds: int) -> None:
    cache = PromptCache()
    lookup = cache.begin("ours", turn(2, 2, lifetime=lifetime), MINIMUM, now=0.0)
    # The first byte came late; the clock has been running since the request did.
    lookup.publish()
    early, late = PromptCache(), PromptCache()
    for copy in (early, late):
        ask(copy, turn(2, 2, lifetime=lifetime), now=0.0)
    assert ask(early, turn(2, 2), now=seconds - 1).read_tokens == 2_000
    assert ask(late, turn(2, 2), now=seconds).read_tokens == 0


def test_a_read_refreshes_for_the_lifetime_it_was_written_with() -> None:
    cache = PromptCache()
    ask(cache, turn(2, 2), now=0)
    for now in (299, 598, 897):
        assert ask(cache, turn(2, 2, lifetime="1h"), now=now).read_tokens == 2_000
    # The marker asked for an hour, but the entry is one of five minutes.
    assert ask(cache, turn(2, 2), now=897 + 300).read_tokens == 0


def test_a_marked_prefix_below_the_hit_is_refreshed_with_it() -> None:
    cache = PromptCache()
    ask(cache, turn(3, 1, 3), now=0)
    ask(cache, turn(3, 1, 3), now=200)
    assert ask(cache, turn(1, 1), now=400).read_tokens == 1_000


def test_an_unmarked_prefix_below_the_hit_is_not() -> None:
    cache = PromptCache()
    ask(cache, turn(3, 1, 3), now=0)
    ask(cache, turn(3, 3), now=200)
    assert ask(cache, turn(1, 1), now=400).read_tokens == 0


def test_nothing_can_be_read_before_the_first_byte() -> None:
    cache = PromptCache()
    first = cache.begin("ours", turn(2, 2), MINIMUM, now=0)
    second = cache.begin("ours", turn(2, 2), MINIMUM, now=0)
    assert first.use == second.use == CacheUse(write_5m_tokens=2_000)
    first.publish()
    assert ask(cache, turn(2, 2)).read_tokens == 2_000


def test_a_request_without_a_first_byte_leaves_nothing() -> None:
    cache = PromptCache()
    cache.begin("ours", turn(2, 2), MINIMUM, now=0)
    assert ask(cache, turn(2, 2)).read_tokens == 0


def test_scopes_do_not_see_each_other() -> None:
    cache = PromptCache()
    ask(cache, turn(2, 2), scope="ours")
    assert ask(cache, turn(2, 2), scope="theirs").read_tokens == 0


def test_below_the_minimum_nothing_is_cached_and_nothing_is_said() -> None:
    cache = PromptCache()
    short = blocks("a", markers={1: "5m"}, tokens=MINIMUM - 1)
    assert ask(cache, short) == ask(cache, short) == CacheUse(input_tokens=MINIMUM - 1)
    enough = blocks("a", markers={1: "5m"}, tokens=MINIMUM)
    assert ask(cache, enough) == CacheUse(write_5m_tokens=MINIMUM)
    assert ask(cache, enough) == CacheUse(read_tokens=MINIMUM)


def test_a_run_counts_as_one_position_but_every_block_of_it_is_looked_at() -> None:
    def conversation(calls: int) -> list[PromptBlock]:
        run = [
            PromptBlock("messages", f"call {n}", f"call {n}", 2_000 + n * 10, 2, None)
            for n in range(1, calls + 1)
        ]
        question = PromptBlock("messages", "question", "question", 2_000, 1, "5m")
        last = PromptBlock("messages", "last", f"last {calls}", 9_000, 3, "5m")
        return [question, *run, last]

    cache = PromptCache()
    ask(cache, [conversation(0)[0]])
    # Thirty calls stand between; as positions they are one.
    assert ask(cache, conversation(30)).read_tokens == 2_000


def test_no_markers_and_no_blocks() -> None:
    cache = PromptCache()
    assert ask(cache, turn(2)) == CacheUse(input_tokens=2_000)
    assert ask(cache, []) == CacheUse()


prompts = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from([None, "5m", "1h"])), min_size=1, max_size=30
)


@given(st.lists(st.tuples(prompts, st.integers(0, 400)), max_size=8))
def test_every_token_is_billed_once(requests: list[tuple[list[tuple[str, Lifetime]], int]]) -> None:
    """Whatever was asked before, the four classes add up, and a repeat reads all it marked."""
    cache, now = PromptCache(), 0
    for request, pause in requests:
        now += pause
        marked: dict[int, Lifetime] = {n: m for n, (_, m) in enumerate(request, 1) if m}
        prompt = blocks(*(text for text, _ in request), markers=marked)
        use = ask(cache, prompt, now=now)
        assert use.read_tokens + use.write_tokens + use.input_tokens == prompt[-1].tokens
        assert min(use.read_tokens, use.write_5m_tokens, use.write_1h_tokens) >= 0
        again = ask(cache, prompt, now=now)
        assert again.write_tokens == 0
        assert again.read_tokens == max(marked, default=0) * TOKENS_PER_BLOCK
