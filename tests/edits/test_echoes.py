"""Lines round the region that the reply repeats: left out, unless they may be meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.edits.echoes import Echoes
from kibitz.edits.hygiene import LineNormalizer
from kibitz_context.lines import split_lines
from support.chunks import chunkings

ABOVE = "import os\n\n\ndef total(prices):\n"
REGION = "    result = 0\n    return result\n"
BELOW = "\n\ndef mean(prices):\n    return total(prices) / len(prices)\n"


def fit(reply: str, above: str = ABOVE, region: str = REGION, below: str = BELOW) -> str:
    """The lines of `reply` that are the region's, the same for every chunking."""
    results: set[str] = set()
    for pieces in chunkings(reply, seeds=5):
        normalizer = LineNormalizer(
            split_lines(region), above=split_lines(above), below=split_lines(below)
        )
        lines = [line for piece in pieces for line in normalizer.feed(piece)]
        results.add("".join(lines + normalizer.finish()))
    (result,) = results
    return result


NEW = "    result = sum(prices)\n    return result\n"


@pytest.mark.parametrize(
    "reply",
    [
        NEW,
        f"def total(prices):\n{NEW}",
        f"\n\ndef total(prices):\n{NEW}",
        f"{ABOVE}{NEW}",
        f"{NEW}\n\ndef mean(prices):\n",
        f"{NEW}{BELOW}",
        f"{ABOVE}{NEW}{BELOW}",
    ],
)
def test_repeated_lines_are_left_out(reply: str) -> None:
    assert fit(reply) == NEW


@pytest.mark.parametrize(
    "reply",
    [
        f"{NEW}\n\n",  # blank lines are below as well, but say nothing
        f"import os\n{NEW}",  # not directly above
        f"def total(price):\n{NEW}",
        f"{NEW}\n\ndef other():\n",
        "",
    ],
)
def test_what_may_be_meant_stays(reply: str) -> None:
    # A head that does not stand above would be re-indented; only what is left out counts here.
    assert len(split_lines(fit(reply))) == len(split_lines(reply))


def test_a_closing_bracket_below_is_left_out() -> None:
    code = {"above": "if (a) {\n", "region": "    b();\n", "below": "}\nrest();\n"}

    assert fit("    c();\n}\n", **code) == "    c();\n"
    assert fit("if (a) {\n    c();\n}\n", **code) == "    c();\n"
    assert fit("    if (x) {\n    }\n    c();\n", **code) == "    if (x) {\n    }\n    c();\n"


def test_what_the_region_begins_or_ends_with_is_its_own() -> None:
    code = {"above": "a = 1\nb = 2\n", "region": "a = 1\nb = 2\n", "below": "a = 1\nb = 2\n"}

    assert fit("a = 1\nb = 2\n", **code) == "a = 1\nb = 2\n"


def test_one_line_at_the_same_depth_may_be_meant() -> None:
    code = {"above": "call()\n", "region": "other()\n", "below": "last()\n"}

    assert fit("call()\nother()\nlast()\n", **code) == "call()\nother()\nlast()\n"


_LINES = st.lists(st.sampled_from(["a", "b", "  a", "  b", "}", ""]), max_size=8)


@given(_LINES, _LINES, _LINES, _LINES)
def test_only_repeated_lines_are_ever_left_out(
    above: list[str], region: list[str], below: list[str], reply: list[str]
) -> None:
    at_once = Echoes(above, region, below)
    one_by_one = Echoes(above, region, below)
    kept = at_once.feed(reply) + at_once.finish()
    kept_singly = [line for each in reply for line in one_by_one.feed([each])]

    assert kept == kept_singly + one_by_one.finish()
    for head in range(len(reply) - len(kept) + 1):
        tail = len(reply) - len(kept) - head
        is_rest = reply[head : len(reply) - tail] == kept
        is_head = above[len(above) - head :] == reply[:head] and head <= len(above)
        is_tail = below[:tail] == reply[len(reply) - tail :]
        if is_rest and is_head and is_tail:
            return
    raise AssertionError((reply, kept))
