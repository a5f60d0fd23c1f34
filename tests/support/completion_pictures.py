"""Places and completions as pictures: `▮` is the cursor."""

from __future__ import annotations

from textwrap import dedent

from kibitz.completion.spot import Spot

CURSOR = "▮"


def spot(picture: str, language: str = "python", *, was_invoked: bool = True) -> Spot:
    text = dedent(picture).strip("\n")
    before, _, after = text.partition(CURSOR)
    return Spot(before, after, language, was_invoked=was_invoked)


def accepted(place: Spot, text: str) -> str:
    """The document with the completion in it."""
    return f"{place.before}{text}{CURSOR}{place.after}"


def expected(picture: str) -> str:
    return dedent(picture).strip("\n")
