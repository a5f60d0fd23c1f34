"""What a review of several texts is likely to cost, told before any of it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from kibitz.actions.brief import Brief
from kibitz.actions.desk import limits_of
from kibitz.actions.review import review_prompt
from kibitz.actions.scope import whole_lines
from kibitz.actions.values import Order
from kibitz.actions.verify import wants_verifying
from kibitz.bill import dollars
from kibitz.claude.estimate import cold_usage, warm_usage
from kibitz.claude.values import Prompt, Purpose, Usage
from kibitz.cli.workplace import Workplace
from kibitz.errors import EXIT_BUDGET, UserError
from kibitz_context.secrets import redact
from kibitz_context.tokens import CHARACTERS_PER_TOKEN


async def tell_estimate(at: Workplace, orders: Sequence[Order], n_files: int) -> None:
    """Say what the reviews of `orders` will cost together.

    Raises UserError when that is more than a limit leaves: then nothing is to be sent.
    """
    brief = await _brief_of(at, orders[0])
    likely, most = await asyncio.to_thread(
        lambda: (list(_costs(at, brief, orders, LIKELY)), list(_costs(at, brief, orders, MUCH)))
    )
    n_shown = "1 file" if n_files == 1 else f"{n_files:,} files"
    if None in likely or None in most:
        at.terminal.note(f"The review of {n_shown} costs an unknown amount: no price is known.")
        return
    known_usd = [usd for usd in likely if usd is not None]
    most_usd = sum(usd for usd in most if usd is not None)
    at.terminal.note(
        f"The review of {n_shown} costs about {dollars(sum(known_usd))}, or up to "
        f"{dollars(most_usd)} where Claude looks around a lot."
    )
    purpose = Purpose("review", str(brief.context.root), limits=limits_of(brief.settings))
    exceeded = await asyncio.to_thread(
        at.backend.limit_in_the_way, purpose, brief.tier, brief.model, known_usd
    )
    # One that is too dear by itself is asked about when it is its turn.
    if exceeded is not None and exceeded.limit != "request":
        period = "today" if exceeded.limit == "day" else "this month"
        taken_usd = exceeded.spent_usd + exceeded.reserved_usd
        raise UserError(
            f"That is over the {exceeded.limit}'s limit of {dollars(exceeded.limit_usd)} "
            f"({dollars(taken_usd)} is spent or reserved {period}); nothing was sent. Review less "
            f"at a time, or raise `budget.{exceeded.limit}_usd` in config.toml, or for this run "
            f"with --set budget.{exceeded.limit}_usd=USD.",
            EXIT_BUDGET,
        )


async def likely_costs(
    at: Workplace, orders: Sequence[Order]
) -> tuple[list[float | None], float | None]:
    """What the reviews of `orders` are likely to cost in USD, one after the other, and what the
    first would cost if nothing were in the cache; None for an unknown price."""
    brief = await _brief_of(at, orders[0])
    cold = replace(brief, context=replace(brief.context, plan=None))
    return await asyncio.to_thread(
        lambda: (
            list(_costs(at, brief, orders, LIKELY)),
            next(_costs(at, cold, orders[:1], LIKELY)),
        )
    )


async def _brief_of(at: Workplace, first: Order) -> Brief:
    """What all of the prompts have in common, as it would be for `first`."""
    async with aclosing(at.desk.prepare(first)) as preparing:
        with at.progress:
            async for step in preparing:
                at.progress.count(step)
    return await at.desk.brief(first, record=False)


@dataclass(frozen=True, slots=True)
class Course:
    """How a review goes: how often Claude looks around and what that brings, in tokens, how much
    it writes, thinking included, and which share of the files has findings to be checked."""

    rounds: int
    round_tokens: int
    output_tokens: int
    checked_share: float


# Guesses, not measured: an ordinary review, and one that looks around a lot.
LIKELY = Course(1, 3_000, 2_000, 0.5)
MUCH = Course(3, 6_000, 5_000, 1.0)
# What Claude writes to look around once.
ROUND_OUTPUT_TOKENS = 150
# A check shows the code around some findings, and says a line of each.
CHECK_TOKENS = 2_500
CHECK_OUTPUT_TOKENS = 1_000


def _costs(
    at: Workplace, brief: Brief, orders: Sequence[Order], course: Course
) -> Iterator[float | None]:
    """What each review is likely to cost in USD; the first one writes what the others read."""
    known = at.backend.known_models().catalogue
    plan = brief.context.plan
    is_warm = plan is not None and plan.snapshot_alive
    for order in orders:
        prompt = _prompt(at, brief, order)
        first = (warm_usage if is_warm else cold_usage)(prompt, CHARACTERS_PER_TOKEN)
        warm = warm_usage(prompt, CHARACTERS_PER_TOKEN)
        usage = _with_rounds(first, warm.cache_read_tokens, warm.input_tokens, course)
        usd = known.cost_usd(brief.model, usage + Usage(output_tokens=course.output_tokens))
        if usd is not None and wants_verifying(order, at.desk):
            checked = Usage(CHECK_TOKENS, warm.cache_read_tokens)
            usage = _with_rounds(checked, warm.cache_read_tokens, CHECK_TOKENS, course)
            check_usd = known.cost_usd(
                brief.model, usage + Usage(output_tokens=CHECK_OUTPUT_TOKENS)
            )
            usd += course.checked_share * (check_usd or 0.0)
        yield usd
        is_warm = True


def _with_rounds(first: Usage, prefix_tokens: int, task_tokens: int, course: Course) -> Usage:
    """The prompt tokens of a task that looks around: each round reads what those before it have
    left in the cache, and writes what is new, the task itself in the first of them."""
    usage, known, new = first, prefix_tokens, task_tokens
    for _ in range(course.rounds):
        new += course.round_tokens + ROUND_OUTPUT_TOKENS
        usage += Usage(0, known, new, 0, ROUND_OUTPUT_TOKENS)
        known, new = known + new, 0
    return usage


def _prompt(at: Workplace, brief: Brief, order: Order) -> Prompt:
    """A prompt about as long as the one that will be sent, made without looking for context."""
    assert order.document is not None
    first_line, end_line = whole_lines(order.document, order.span)
    about = replace(
        brief,
        order=order,
        text=redact(order.document.text).text,
        secrets=(),
        first_line=first_line,
        end_line=end_line,
    )
    return review_prompt(at.desk, about)
