"""What runs by itself pauses after repeated failures; what a user asks for is always sent."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.claude.breaker import (
    FAILURES_TO_PAUSE,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    RELATED_SECONDS,
    Breaker,
)
from kibitz.claude.guarded import GuardedClaude
from kibitz.claude.values import (
    ClaudeFailure,
    Event,
    FailureKind,
    Finished,
    ModelFacts,
    Prompt,
    Purpose,
    Started,
    Usage,
)

SONNET, HAIKU = "claude-sonnet-5-5", "claude-haiku-5-5"
USER = Purpose("explain")
UNASKED = Purpose("keep_warm", interactive=False)
A_PAUSE = FIRST_PAUSE_SECONDS * 1.2 + 1


class Moment:
    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Moment:
    moment = Moment()
    monkeypatch.setattr(time, "time", moment)
    return moment


def fail(
    breaker: Breaker,
    kind: FailureKind = "overloaded",
    model: str = SONNET,
    purpose: Purpose = USER,
    **details: Any,
) -> None:
    failure = ClaudeFailure(kind, model=model, endpoint="https://api.example.com", **details)
    with contextlib.suppress(ClaudeFailure), breaker.attempt(model, purpose):
        raise failure


def succeed(breaker: Breaker, model: str = SONNET, purpose: Purpose = USER) -> None:
    with breaker.attempt(model, purpose) as attempt:
        attempt.succeeded()


def refusal(breaker: Breaker, model: str = SONNET) -> ClaudeFailure | None:
    """What an automatic request is refused with at this moment; it is given up again."""
    try:
        with breaker.attempt(model, UNASKED):
            return None
    except ClaudeFailure as failure:
        return failure


def paused(breaker: Breaker, model: str = SONNET) -> bool:
    return refusal(breaker, model) is not None


@pytest.mark.usefixtures("moment")
class TestPausing:
    def test_repeated_failures_pause_what_nobody_asked_for(self, moment: Moment) -> None:
        breaker = Breaker()
        for _ in range(FAILURES_TO_PAUSE):
            assert not paused(breaker)
            fail(breaker)
        refused = refusal(breaker)
        assert refused is not None
        assert refused.kind == "paused"
        assert refused.facts["because"] == "overloaded"
        assert refused.facts["until"] == pytest.approx(moment.now + FIRST_PAUSE_SECONDS, rel=0.2)
        assert (refused.model, refused.endpoint) == (SONNET, "https://api.example.com")

    def test_a_user_is_never_refused(self) -> None:
        breaker = Breaker()
        for _ in range(20):
            fail(breaker, "network")
        succeed(breaker)
        assert not paused(breaker)

    def test_a_success_starts_the_count_anew(self) -> None:
        breaker = Breaker()
        for _ in range(5):
            for _ in range(FAILURES_TO_PAUSE - 1):
                fail(breaker)
            succeed(breaker)
        assert not paused(breaker)

    def test_failures_far_apart_have_nothing_to_do_with_each_other(self, moment: Moment) -> None:
        breaker = Breaker()
        for _ in range(10):
            fail(breaker, "network")
            moment.now += RELATED_SECONDS + 1
        assert not paused(breaker)

    def test_a_fault_of_a_model_is_that_models_alone(self) -> None:
        breaker = Breaker()
        for _ in range(FAILURES_TO_PAUSE):
            fail(breaker, "overloaded", SONNET)
        assert paused(breaker, SONNET)
        assert not paused(breaker, HAIKU)

    @pytest.mark.parametrize("kind", ["network", "timeout", "server_error", "dropped"])
    def test_a_fault_of_the_endpoint_is_every_models(self, kind: FailureKind) -> None:
        breaker = Breaker()
        for model in (SONNET, HAIKU, SONNET):
            fail(breaker, kind, model)
        assert paused(breaker, "claude-opus-5-5")

    @pytest.mark.parametrize(
        "kind", ["wrong_credentials", "no_credit", "spend_limit", "no_credentials"]
    )
    def test_what_somebody_has_to_mend_pauses_at_once_and_for_longer(
        self, kind: FailureKind, moment: Moment
    ) -> None:
        breaker = Breaker()
        fail(breaker, kind)
        assert paused(breaker, HAIKU)
        moment.now += LONGEST_PAUSE_SECONDS - 1
        assert paused(breaker, HAIKU)

    @pytest.mark.parametrize("kind", ["budget", "too_large", "bad_request", "paused"])
    def test_what_is_no_fault_of_the_other_side_does_not_count(self, kind: FailureKind) -> None:
        breaker = Breaker()
        for _ in range(20):
            fail(breaker, kind)
        assert not paused(breaker)

    def test_shutting_down_is_no_fault(self) -> None:
        breaker = Breaker()
        for _ in range(20):
            fail(breaker, "dropped", facts={"cause": "shut_down"})
        assert not paused(breaker)

    def test_a_model_that_is_overloaded_shows_that_the_endpoint_is_there(self) -> None:
        breaker = Breaker()
        for _ in range(FAILURES_TO_PAUSE):
            fail(breaker, "network")
        fail(breaker, "overloaded", SONNET)
        assert not paused(breaker, HAIKU)

    def test_what_the_endpoint_asks_for_is_obeyed(self, moment: Moment) -> None:
        breaker = Breaker()
        for _ in range(FAILURES_TO_PAUSE):
            fail(breaker, "rate_limit", retry_after_seconds=1_000.0)
        moment.now += 999
        assert paused(breaker)
        moment.now += 2
        assert not paused(breaker)


@pytest.mark.usefixtures("moment")
class TestComingBack:
    def trip(self, breaker: Breaker) -> None:
        for _ in range(FAILURES_TO_PAUSE):
            fail(breaker)

    def test_after_the_pause_one_request_tries(self, moment: Moment) -> None:
        breaker = Breaker()
        self.trip(breaker)
        moment.now += A_PAUSE
        with breaker.attempt(SONNET, UNASKED) as probe:
            assert paused(breaker), "one at a time"
            probe.succeeded()
        assert not paused(breaker)
        assert breaker.paused_until is None

    def test_a_probe_that_fails_makes_the_pause_longer(self, moment: Moment) -> None:
        breaker = Breaker()
        self.trip(breaker)
        lengths = []
        for _ in range(8):
            assert breaker.paused_until is not None
            lengths.append(breaker.paused_until - moment.now)
            moment.now = breaker.paused_until + 1
            fail(breaker, purpose=UNASKED)
        assert lengths[1] > 1.5 * lengths[0]
        assert max(lengths) <= LONGEST_PAUSE_SECONDS * 1.2

    def test_a_probe_that_is_given_up_leaves_the_place_to_another(self, moment: Moment) -> None:
        breaker = Breaker()
        self.trip(breaker)
        moment.now += A_PAUSE
        with pytest.raises(RuntimeError), breaker.attempt(SONNET, UNASKED):
            raise RuntimeError
        assert not paused(breaker)

    def test_a_user_who_gets_an_answer_ends_the_pause(self) -> None:
        breaker = Breaker()
        self.trip(breaker)
        succeed(breaker)
        assert not paused(breaker)

    def test_a_user_who_tries_again_and_again_does_not_make_it_longer(self, moment: Moment) -> None:
        breaker = Breaker()
        self.trip(breaker)
        until = breaker.paused_until
        for _ in range(10):
            moment.now += 1
            fail(breaker)
        assert breaker.paused_until == until

    def test_a_clock_that_was_set_back_does_not_make_it_longer(self, moment: Moment) -> None:
        breaker = Breaker()
        self.trip(breaker)
        moment.now -= 86_400
        assert not paused(breaker)


@pytest.mark.usefixtures("moment")
class TestTelling:
    def test_once_when_it_begins_to_matter_and_once_when_it_is_over(self, moment: Moment) -> None:
        breaker = Breaker()
        told: list[ClaudeFailure | None] = []
        breaker.follow(told.append)
        for _ in range(FAILURES_TO_PAUSE):
            fail(breaker)
        assert told == [], "nothing was refused yet"
        for _ in range(5):
            assert paused(breaker)
        moment.now += A_PAUSE
        fail(breaker, purpose=UNASKED)
        assert paused(breaker)
        assert [each and each.kind for each in told] == ["paused"]
        succeed(breaker)
        succeed(breaker)
        assert [each and each.kind for each in told] == ["paused", None]

    def test_nothing_where_nothing_was_refused(self) -> None:
        breaker = Breaker()
        told: list[ClaudeFailure | None] = []
        breaker.follow(told.append)
        for _ in range(FAILURES_TO_PAUSE):
            fail(breaker)
        succeed(breaker)
        assert told == []

    def test_not_back_while_another_circuit_is_open(self) -> None:
        breaker = Breaker()
        told: list[ClaudeFailure | None] = []
        breaker.follow(told.append)
        for model in (SONNET, HAIKU):
            for _ in range(FAILURES_TO_PAUSE):
                fail(breaker, model=model)
        assert paused(breaker)
        succeed(breaker, SONNET)
        assert len(told) == 1
        succeed(breaker, HAIKU)
        assert told[1:] == [None]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["succeed", "overloaded", "network", "spend_limit", "give up"]),
        st.sampled_from([SONNET, HAIKU]),
        st.booleans(),
        st.sampled_from([0.0, 1.0, 40.0, 2_000.0]),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_happens_users_pass_and_every_pause_ends(
    steps: list[tuple[Any, str, bool, float]],
) -> None:
    moment = Moment()
    told: list[ClaudeFailure | None] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", moment)
        breaker = Breaker()
        breaker.follow(told.append)
        for what, model, by_user, seconds in steps:
            moment.now += seconds
            try:
                with breaker.attempt(model, USER if by_user else UNASKED) as attempt:
                    if what == "succeed":
                        attempt.succeeded()
                    elif what != "give up":
                        raise ClaudeFailure(what)
            except ClaudeFailure as failure:
                assert failure.kind == what or (failure.kind == "paused" and not by_user)
        moment.now += LONGEST_PAUSE_SECONDS * 1.2 + 1
        assert not paused(breaker, SONNET)
        assert not paused(breaker, HAIKU)
    # Paused and back take turns.
    assert [each is None for each in told] == [bool(n % 2) for n in range(len(told))]


class _Claude:
    """Answers, or fails as it is told to."""

    def __init__(self) -> None:
        self.failure: ClaudeFailure | None = None
        self.requests = 0

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        self.requests += 1
        yield Started(None, prompt.model, Usage())
        if self.failure is not None:
            raise self.failure
        yield Finished("end_turn", None, Usage(1), None, prompt.model)

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        self.requests += 1
        if self.failure is not None:
            raise self.failure
        return Usage(cache_read_tokens=1)

    async def count_tokens(self, prompt: Prompt) -> int | None:
        return None

    async def models(self) -> tuple[ModelFacts, ...]:
        return ()

    async def aclose(self) -> None:
        pass


PROMPT = Prompt("standard", SONNET, (), (), 10)


async def test_requests_that_are_refused_are_not_sent(moment: Moment) -> None:
    below = _Claude()
    claude = GuardedClaude(below, Breaker())

    async def ask() -> list[Event]:
        return [event async for event in claude.stream(PROMPT, USER)]

    below.failure = ClaudeFailure("server_error")
    for _ in range(FAILURES_TO_PAUSE):
        with pytest.raises(ClaudeFailure):
            await ask()
    sent = below.requests
    for _ in range(4):
        with pytest.raises(ClaudeFailure) as caught:
            await claude.warm(PROMPT, UNASKED)
        assert caught.value.kind == "paused"
    assert below.requests == sent
    moment.now += A_PAUSE
    with pytest.raises(ClaudeFailure):
        await claude.warm(PROMPT, UNASKED)
    assert below.requests == sent + 1, "one probe"
    below.failure = None
    assert len(await ask()) == 2
    assert (await claude.warm(PROMPT, UNASKED)).cache_read_tokens == 1


async def test_a_stream_that_is_left_says_nothing() -> None:
    below = _Claude()
    breaker = Breaker()
    claude = GuardedClaude(below, breaker)
    for _ in range(FAILURES_TO_PAUSE - 1):
        fail(breaker)
    stream = claude.stream(PROMPT, USER)
    await anext(stream)
    await stream.aclose()
    fail(breaker)
    assert paused(breaker)
