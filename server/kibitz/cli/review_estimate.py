"""What a review of several texts is likely to cost, told before any of it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from kibitz.actions.brief import Brief
from kibitz.actions.desk import limits_of
from kibitz.actions.review import review_prompt
from kibitz.actions.scope import whole_lines
from kibitz.actions.values import Order
from kibitz.bill import dollars
from kibitz.claude.estimate import cold_usage, warm_usage
from kibitz.claude.values import Prompt, Purpose, Usage
from kibitz.cli.batch_asker import USUAL_REPLY_TOKENS
from kibitz.cli.workplace import Workplace
from kibitz.errors import EXIT_BUDGET, UserError
from kibitz_context.secrets import redact
from kibitz_context.tokens import CHARACTERS_PER_TOKEN


async def tell_estimate(at: Workplace, orders: Sequence[Order], n_files: int) -> None:
    """Say what the reviews of `orders` will cost together.

    Raises UserError when that is more than a limit leaves: then nothing is to be sent.
    """
    first = orders[0]
    async with aclosing(at.desk.prepare(first)) as preparing:
        with at.progress:
            async for step in preparing:
                at.progress.count(step)
    brief = await at.desk.brief(first, record=False)
    costs_usd = await asyncio.to_thread(lambda: list(_costs(at, brief, orders)))
    n_shown = "1 file" if n_files == 1 else f"{n_files:,} files"
    if None in costs_usd:
        at.terminal.note(f"The review of {n_shown} costs an unknown amount: no price is known.")
        return
    known_usd = [usd for usd in costs_usd if usd is not None]
    total_usd = sum(known_usd)
    at.terminal.note(f"The review of {n_shown} costs about {dollars(total_usd)}.")
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


def _costs(at: Workplace, brief: Brief, orders: Sequence[Order]) -> Iterator[float | None]:
    """What each review is likely to cost in USD; the first one writes what the others read."""
    known = at.backend.known_models().catalogue
    plan = brief.context.plan
    is_warm = plan is not None and plan.snapshot_alive
    for order in orders:
        prompt = _prompt(at, brief, order)
        count = warm_usage if is_warm else cold_usage
        usage = count(prompt, CHARACTERS_PER_TOKEN) + Usage(output_tokens=USUAL_REPLY_TOKENS)
        yield known.cost_usd(brief.model, usage)
        is_warm = True


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
