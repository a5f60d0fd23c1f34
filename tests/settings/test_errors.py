from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from kibitz.claude.values import ClaudeFailure, FailureKind, StopReason
from kibitz.errors import UserError, exit_code_for, sentence_for, sentence_for_stop

KINDS: tuple[FailureKind, ...] = get_args(FailureKind)
ENDPOINT = "https://user:password@api.example.com:8443/secret?token=1"

# What to do follows the semicolon, and begins with the deed.
MEND = re.compile(
    r"; (?:add|ask|check|lower|mend|raise|rephrase|run|select|set|sign in|start|try again|wait"
    r"|write)\b"
)


def failure(kind: FailureKind, message: str = "", **more: Any) -> ClaudeFailure:
    return ClaudeFailure(kind, message, endpoint=ENDPOINT, **more)


def check_sentence(sentence: str) -> None:
    assert MEND.search(sentence), sentence
    assert sentence.endswith("."), sentence
    # One sentence: no full stop, question or exclamation mark inside of it.
    assert not re.search(r"[.!?] [A-Z]", sentence), sentence
    assert sentence.isprintable(), sentence
    assert len(sentence) < 500, sentence
    assert "password" not in sentence and "secret" not in sentence, sentence


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("message", ["", "what the endpoint says.", "x" * 5_000])
def test_every_failure_has_one_sentence_that_says_what_to_do(
    kind: FailureKind, message: str
) -> None:
    check_sentence(sentence_for(failure(kind, message)))
    check_sentence(
        sentence_for(
            failure(
                kind,
                message,
                retry_after_seconds=float("nan"),
                status=503,
                request_id="req_1",
                model="claude-sonnet-5-5",
                facts={"limit_usd": "no number", "successor": 3, "cause": None, "tokens": "many"},
            )
        )
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_endpoint_says_cannot_steer_the_terminal(kind: FailureKind) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07first line\nsecond \u202eline"
    sentence = sentence_for(
        failure(kind, hostile, request_id=hostile, model=hostile, facts={"nearest": hostile})
    )
    check_sentence(sentence)
    assert "owned" not in sentence


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        (failure("no_credentials"), ["ANTHROPIC_API_KEY", "`api_key_command`", "kibitz doctor"]),
        (
            failure("no_credentials", facts={"cause": "command_not_started", "command": "pass"}),
            ["`api_key_command` (`pass`) could not be started"],
        ),
        (
            failure("no_credentials", facts={"cause": "command_failed", "exit_code": 4}),
            ["ended with exit code 4"],
        ),
        (failure("wrong_credentials", "invalid x-api-key"), ["“invalid x-api-key”"]),
        (failure("no_permission", model="claude-fable-5-2"), ['"claude-fable-5-2"']),
        (failure("rate_limit", retry_after_seconds=30.2), ["try again in 31 seconds."]),
        (failure("rate_limit", retry_after_seconds=1), ["try again in 1 second."]),
        (failure("rate_limit", retry_after_seconds=130), ["try again in 3 minutes."]),
        (failure("rate_limit", retry_after_seconds=3 * 3600), ["try again in 3 hours."]),
        (failure("rate_limit", retry_after_seconds=float("inf")), ["try again later."]),
        (failure("rate_limit", retry_after_seconds=-5), ["try again later."]),
        (failure("overloaded"), ["try again in a minute", "`models.standard`"]),
        (
            failure("unknown_model", model="claude-2", facts={"successor": "claude-sonnet-5-5"}),
            ['"claude-2" is no longer served', 'set `models.standard` to "claude-sonnet-5-5".'],
        ),
        (
            failure("unknown_model", model="sonet", facts={"nearest": "sonnet", "tier": "deep"}),
            ['does not know "sonet"', 'set `models.deep` to "sonnet".'],
        ),
        (
            failure(
                "unknown_model",
                model="sonet",
                facts={"nearest": ("sonnet", "opus"), "setting": "--model", "tier": "deep"},
            ),
            ['set `--model` to "sonnet".'],
        ),
        (failure("network"), ["api.example.com:8443 cannot be reached"]),
        (failure("network", facts={"cause": "dns"}), ["api.example.com:8443 cannot be resolved"]),
        (failure("network", facts={"cause": "tls"}), ["`ca_file`"]),
        (
            failure("not_an_api", status=302, facts={"redirected_to": "https://portal.example"}),
            ["on to portal.example"],
        ),
        (failure("not_an_api", status=502), ["(HTTP 502)", "`base_url`"]),
        (failure("server_error", status=500, request_id="req_011"), ["(request req_011)"]),
        (
            failure("too_large", facts={"tokens": 210_000, "maximum": 200_000}),
            ["210,000 tokens, and 200,000 are allowed"],
        ),
        (
            failure(
                "budget",
                facts={
                    "limit": "day",
                    "limit_usd": 10.0,
                    "spent_usd": 9.5,
                    "reserved_usd": 0.25,
                    "needed_usd": 0.4,
                },
            ),
            [
                "the day's limit of $10.00",
                "$9.50 is spent today",
                "$0.25 is reserved",
                "up to $0.40",
                "; wait until running requests have ended, or raise `budget.day_usd`",
            ],
        ),
        (
            failure("budget", facts={"limit": "month", "limit_usd": 100, "spent_usd": 99.5}),
            ["the month's limit of $100.00 ($99.50 is spent this month); wait for the next month"],
        ),
        (
            failure(
                "budget",
                facts={"limit": "ledger", "path": "/x/ledger.sqlite", "error": "disk full"},
            ),
            ["“disk full”", "; check the rights and the disk of /x/ledger.sqlite."],
        ),
        (
            failure("budget", facts={"limit": "request", "limit_usd": 0.5, "needed_usd": 0.7}),
            ["limit of $0.50 for one", "raise `budget.request_usd`"],
        ),
    ],
)
def test_the_sentence_names_what_is_known(failed: ClaudeFailure, said: list[str]) -> None:
    sentence = sentence_for(failed)
    check_sentence(sentence)
    for part in said:
        assert part in sentence


def test_an_address_that_is_none_is_no_trouble() -> None:
    for endpoint in (None, "", "no address", "http://[broken"):
        assert "the endpoint" in sentence_for(ClaudeFailure("timeout", endpoint=endpoint))


@pytest.mark.parametrize("stop_reason", get_args(StopReason))
def test_every_stop_has_a_sentence(stop_reason: StopReason) -> None:
    check_sentence(sentence_for_stop(stop_reason))
    check_sentence(sentence_for_stop(stop_reason, "\x1b[31mcyber\n"))


def test_a_refusal_says_why() -> None:
    assert "“cyber”" in sentence_for_stop("refusal", "\x1b[31mcyber\n")
    assert "`context.max_tokens`" in sentence_for_stop("model_context_window_exceeded")
    assert "cut off" in sentence_for_stop("max_tokens")


def test_exit_codes() -> None:
    codes = {kind: exit_code_for(ClaudeFailure(kind)) for kind in KINDS}
    assert codes.pop("no_credentials") == 2
    assert codes.pop("budget") == 4
    assert set(codes.values()) == {3}


def test_a_user_error_is_its_sentence() -> None:
    assert str(UserError("Choose a file.")) == UserError("Choose a file.").sentence
    assert UserError("Choose a file.").exit_code == 2
