"""Pictures and PDF documents in a prompt: on the wire, in the estimate and in the cache's key."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from kibitz.claude.models.catalogue import builtin
from kibitz.claude.prompts import wire
from kibitz.claude.prompts.estimate import cold_usage, part_tokens, worst_usage
from kibitz.claude.prompts.prefixes import prefixes
from kibitz.claude.values import Attachment, Block, MediaType, Message, Prompt
from kibitz.standin.models import find
from kibitz.standin.prompt import prompt_blocks
from kibitz.standin.rules import Accepted, judge

MODEL = "claude-sonnet-5-5"
OPTIONS = builtin().request_options(MODEL, "standard")
LONG = "def f(): ...\n" * 400


def attachment(media_type: MediaType = "image/png", data: bytes = b"\x89PNG") -> Attachment:
    return Attachment(media_type, base64.b64encode(data).decode(), 1_500)


def prompt_with(*parts: Attachment | Block) -> Prompt:
    return Prompt(
        "standard",
        MODEL,
        (Block(LONG, "1h"),),
        (
            Message("user", (Block("First?", "5m"),)),
            Message("assistant", (Block("Yes."),)),
            Message("user", (*parts, Block("And this?", "5m"))),
        ),
        1_000,
    )


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [("image/png", "image"), ("image/webp", "image"), ("application/pdf", "document")],
)
def test_on_the_wire(media_type: MediaType, kind: str) -> None:
    sent = json.loads(json.dumps(wire.arguments(prompt_with(attachment(media_type)), OPTIONS)))
    first, second = sent["messages"][-1]["content"]
    assert first == {
        "type": kind,
        "source": {"type": "base64", "media_type": media_type, "data": "iVBORw=="},
    }
    assert second["text"] == "And this?"
    assert isinstance(judge(sent, "2026-10-21"), Accepted)


def test_the_order_of_parts_is_kept() -> None:
    parts = [Block("a.png"), attachment(data=b"a"), Block("b.png"), attachment(data=b"b")]
    sent = wire.arguments(prompt_with(*parts), OPTIONS)["messages"][-1]["content"]
    assert [part["type"] for part in sent] == ["text", "image", "text", "image", "text"]


def test_the_worst_case_holds_them() -> None:
    without, with_two = prompt_with(), prompt_with(attachment(), attachment("application/pdf"))
    assert part_tokens(attachment(), 2.0) == part_tokens(attachment(), 3.0) == 1_500
    grown = worst_usage(with_two).prompt_tokens - worst_usage(without).prompt_tokens
    assert grown == 3_000
    assert cold_usage(with_two, 3.0).cache_write_5m_tokens > 3_000


def test_names_of_prefixes_are_as_the_cache_sees_them() -> None:
    """A picture anywhere in the messages is part of every key behind the system blocks."""
    prompts = [
        prompt_with(),
        prompt_with(attachment()),
        prompt_with(attachment(data=b"other")),
        prompt_with(attachment("application/pdf")),
        prompt_with(replace(attachment(), most_tokens=2)),
    ]

    def same(names: list[object]) -> list[list[bool]]:
        return [[one == other for other in names] for one in names]

    for number in (0, 1, -1):
        ours = [prefixes(prompt, OPTIONS)[number].name for prompt in prompts]
        theirs = [
            prompt_blocks(wire.arguments(prompt, OPTIONS), find(MODEL))[number].digest
            for prompt in prompts
        ]
        assert same([*ours]) == same([*theirs]), number
