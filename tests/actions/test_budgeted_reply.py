"""A reply gets less room before a request is refused for what it might cost."""

from __future__ import annotations

from pathlib import Path

from kibitz.claude.models import catalogue
from kibitz.claude.prompts.estimate import worst_usage
from kibitz.claude.prompts.prompt import build, within_budget
from kibitz.claude.values import Prompt
from kibitz_context.values import Context, Layer

MODEL = "claude-sonnet-5-5"


def prompt_of(characters: int, max_tokens: int) -> Prompt:
    text = "x" * characters
    context = Context(
        Path("/r"), None, Layer("snapshot", text, 0), Layer("changes", "", 0), Layer("task", "", 0)
    )
    return build(
        context,
        rules="r",
        task_blocks=("why?",),
        tier="standard",
        model=MODEL,
        max_tokens=max_tokens,
    )


def worst_usd(prompt: Prompt) -> float:
    cost = catalogue.builtin().cost_usd(MODEL, worst_usage(prompt))
    assert cost is not None
    return cost


def test_a_reply_that_fits_keeps_its_room() -> None:
    prompt = prompt_of(10_000, 4096)

    assert within_budget(prompt, 0.5, 1024) == prompt


def test_a_reply_gets_what_the_limit_leaves() -> None:
    prompt = prompt_of(180_000, 16_000)
    assert worst_usd(prompt) > 0.5

    smaller = within_budget(prompt, 0.5, 1024)

    assert smaller.max_tokens < prompt.max_tokens
    assert 0.499 < worst_usd(smaller) <= 0.5


def test_a_prompt_that_leaves_too_little_is_left_for_the_budget_to_refuse() -> None:
    prompt = prompt_of(240_000, 16_000)

    assert within_budget(prompt, 0.5, 1024) == prompt
