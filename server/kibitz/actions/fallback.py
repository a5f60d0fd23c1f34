"""Another tier's model in the place of an overloaded one, where the user's settings allow it.

The order is carried out anew for that tier: its prompt has a snapshot and a cache entry of its
own, its worst case is reserved like every other, and the user is told which model answers.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from kibitz.actions.desk import Desk
from kibitz.actions.values import Begun, FellBack, Order, Region, Step
from kibitz.claude.values import ClaudeFailure, FailureKind

Action = Callable[[Order, Desk], AsyncGenerator[Step, None]]


# Where the other model cannot be had either, what was wrong in the first place is told.
_NO_BETTER: frozenset[FailureKind] = frozenset({"overloaded", "rate_limit", "budget", "too_large"})


def falls_back(action: Action) -> Action:
    """An action that is carried out once more for the tier `fallback`, when the model of its own
    tier is overloaded before it has begun to answer.  Yields `FellBack` when the other one has."""

    @functools.wraps(action)
    async def carried_out(order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
        has_begun = False
        try:
            async with aclosing(action(order, desk)) as steps:
                async for step in steps:
                    has_begun = has_begun or isinstance(step, Begun)
                    yield step
            return
        except ClaudeFailure as failure:
            instead = None
            if failure.kind == "overloaded" and not has_begun:
                instead = await asyncio.to_thread(_instead, order, desk, failure)
            if instead is None:
                raise
            overloaded = failure
        again, told = instead
        try:
            async with aclosing(action(again, desk)) as steps:
                async for step in steps:
                    if isinstance(step, Begun) and not has_begun:
                        has_begun = True
                        yield told
                    # The region is the document's, and was told.
                    if not isinstance(step, Region):
                        yield step
        except ClaudeFailure as failure:
            if has_begun or failure.kind not in _NO_BETTER:
                raise
            raise overloaded from failure

    return carried_out


def _instead(order: Order, desk: Desk, failure: ClaudeFailure) -> tuple[Order, FellBack] | None:
    """The order for the tier that answers instead; None where there is none.

    A model that the user has named for this very order is not replaced.
    """
    settings = desk.settings_in(order.root)
    if settings.fallback == "off" or order.model is not None:
        return None
    model = settings.models.of(settings.fallback)
    if failure.model is None or model == failure.model:
        return None
    return replace(order, tier=settings.fallback), FellBack(model, failure.model)
