"""Secrets come back where their placeholders stand."""

from __future__ import annotations

from kibitz.edits.secrets import restore
from kibitz_context.gate.secrets import redact

KEY = ("REDACTED_ABCDEFGHJKLM____", "sk-1234567890abcdefghijkl")


def test_every_placeholder_is_replaced() -> None:
    text = f'a = "{KEY[0]}"\nb = "{KEY[0]}"\n'

    assert restore(text, [KEY]) == f'a = "{KEY[1]}"\nb = "{KEY[1]}"\n'
    assert restore("nothing here", [KEY]) == "nothing here"
    assert restore(text, []) == text


def test_a_placeholder_that_lost_filling_is_still_known() -> None:
    assert restore('a = "REDACTED_ABCDEFGHJKLM_"', [KEY]) == f'a = "{KEY[1]}"'
    assert restore("REDACTED_ABCDEFGHJKLM______", [KEY]) == f"{KEY[1]}__"


def test_a_short_placeholder_is_only_itself() -> None:
    assert restore("R_AB____ R_AB", [("R_AB_", "ab!cd")]) == "ab!cd___ R_AB"


def test_the_longest_name_wins_and_secrets_are_not_read_again() -> None:
    long = ("REDACTED_ABCDEFGH", "first REDACTED_ABCD")
    short = ("REDACTED_ABCD", "second")

    assert restore("REDACTED_ABCDEFGH REDACTED_ABCD", [short, long]) == (
        "first REDACTED_ABCD second"
    )


def test_what_was_redacted_comes_back_whole() -> None:
    text = (
        'AWS = "AKIAIOSFODNN7REALKEY"\n'
        'password = "correct-horse-battery-staple-91"\n'
        "-----BEGIN RSA PRIVATE KEY-----\n"
        "MIIEowIBAAKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gun\n"
        "-----END RSA PRIVATE KEY-----\n"
    )
    allowed = redact(text)

    assert allowed.text != text
    assert restore(allowed.text, allowed.secrets) == text
