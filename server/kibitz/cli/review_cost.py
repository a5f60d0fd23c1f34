"""What the reviews of a command are likely to cost, found out and told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import aclosing

from kibitz import paths
from kibitz.actions import review_estimate
from kibitz.actions.brief import Brief
from kibitz.actions.review_estimate import Estimate, estimate_reviews
from kibitz.actions.review_experience import Experiences
from kibitz.actions.values import Order
from kibitz.cli.workplace import Workplace


async def tell_estimate(at: Workplace, orders: Sequence[Order]) -> Estimate:
    """Say what the reviews of `orders` will cost together.

    Raises UserError when that is more than a limit leaves: then nothing is to be sent.
    """
    brief = await _brief_of(at, orders[0])
    experiences = Experiences(paths.estimates_folder(os.environ), brief)
    estimate = await estimate_reviews(at.desk, brief, orders, experiences)
    at.terminal.note(estimate.sentence())
    await estimate.must_fit(at.backend.limit_in_the_way)
    return estimate


async def likely_costs(
    at: Workplace, orders: Sequence[Order]
) -> tuple[list[float | None], float | None]:
    """See `review_estimate.likely_costs`."""
    return await review_estimate.likely_costs(at.desk, await _brief_of(at, orders[0]), orders)


async def _brief_of(at: Workplace, first: Order) -> Brief:
    """What all of the prompts have in common, as it would be for `first`."""
    async with aclosing(at.desk.prepare(first)) as preparing:
        with at.progress:
            async for step in preparing:
                at.progress.count(step)
    return await at.desk.brief(first, record=False)
