"""Which failures are tried again, after how long, and which are told at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.claude.connection import Connection
from kibitz.claude.retry import LONGEST_BACKOFF_SECONDS, delay_seconds
from kibitz.claude.values import ClaudeFailure, FailureKind, Purpose

CONNECTION = Connection()
USER = Purpose("explain")
UNASKED = Purpose("keep_warm", interactive=False)


def delay(
    kind: FailureKind,
    *,
    retries: int = 0,
    purpose: Purpose = USER,
    tried_seconds: float = 0.0,
    **details: Any,
) -> float | None:
    failure = ClaudeFailure(kind, **details)
    return delay_seconds(failure, retries, purpose, CONNECTION, tried_seconds=tried_seconds)


@pytest.mark.parametrize("kind", ["rate_limit", "overloaded", "server_error", "network"])
def test_what_may_pass_by_itself_is_tried_twice_more(kind: FailureKind) -> None:
    first, second = delay(kind), delay(kind, retries=1)
    assert first is not None
    assert second is not None
    assert 0.3 < first <= 0.5 < second <= 1.0
    assert delay(kind, retries=2) is None


@pytest.mark.parametrize(
    "kind",
    [
        "no_credentials",
        "wrong_credentials",
        "no_permission",
        "no_credit",
        "spend_limit",
        "unknown_model",
        "bad_request",
        "too_large",
        "timeout",
        "dropped",
        "not_an_api",
        "budget",
    ],
)
def test_what_stays_as_it_is_is_told(kind: FailureKind) -> None:
    assert delay(kind) is None


@pytest.mark.parametrize("status", [408, 504])
def test_an_endpoint_that_calls_itself_too_slow_is_asked_again(status: int) -> None:
    assert delay("timeout", status=status) is not None


@pytest.mark.parametrize(
    ("purpose", "seconds", "expected"),
    [(USER, 10.0, 10.0), (USER, 10.5, None), (UNASKED, 60.0, 60.0), (UNASKED, 61.0, None)],
)
def test_what_the_endpoint_asks_for_is_awaited_up_to_a_limit_of_the_route(
    purpose: Purpose, seconds: float, expected: float | None
) -> None:
    assert delay("rate_limit", purpose=purpose, retry_after_seconds=seconds) == expected


def test_a_completion_asks_once() -> None:
    completion = Purpose("complete")
    assert delay("overloaded", purpose=completion) is None
    assert delay("network", purpose=completion, retry_after_seconds=0.0) is None


@pytest.mark.parametrize("cause", ["dns", "tls", "proxy", "base_url", "connect_timeout"])
def test_what_waiting_does_not_mend_is_told(cause: str) -> None:
    assert delay("network", facts={"cause": cause}) is None


def test_the_word_of_the_endpoint_counts() -> None:
    assert delay("overloaded", facts={"final": True}) is None
    assert delay("bad_request", facts={"final": False}) is not None
    assert delay("spend_limit", facts={"final": False}) is None


def test_all_tries_together_have_a_deadline() -> None:
    assert delay("network", tried_seconds=CONNECTION.tries_seconds) is None


@given(retries=st.integers(0, 1), seconds=st.floats(0, 200), tried=st.floats(0, 500))
def test_nobody_waits_longer_than_the_route_allows(
    retries: int, seconds: float, tried: float
) -> None:
    for purpose, longest in ((USER, 10.0), (UNASKED, 60.0)):
        for asked in (None, seconds):
            waited = delay(
                "rate_limit",
                retries=retries,
                purpose=purpose,
                tried_seconds=tried,
                retry_after_seconds=asked,
            )
            if waited is not None:
                assert waited <= max(longest, LONGEST_BACKOFF_SECONDS)
                assert tried + waited <= CONNECTION.tries_seconds
