"""Writing the cache entry of a repository's snapshot before anybody has asked anything.

Whether that pays is the policy's to say (`kibitz_context.caching.policy.prewarm`), from how often a
question followed when the repository was opened.  Whether it may, is the caller's: this sends
code.  It is one request, with no reply, and what goes wrong with it goes wrong silently.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kibitz.actions.answer import answer_prompt
from kibitz.actions.desk import limits_of
from kibitz.actions.values import Order
from kibitz.claude.values import ClaudeFailure, Purpose, Tier
from kibitz.errors import UserError
from kibitz.upkeep.keep_warm import pinging
from kibitz_context.caching import prefix as prefixes
from kibitz_context.caching.policy import Opening, Prewarm, prewarm
from kibitz_context.caching.prefix_state import PrefixState
from kibitz_context.values import PrefixId, Prices

if TYPE_CHECKING:
    from kibitz.actions.desk import Desk
    from kibitz.backend import Backend
    from kibitz.settings import Settings
    from kibitz_context.files.repository import Repository

logger = logging.getLogger(__name__)

# The tier whose prefix most actions share.
_TIER: Tier = "standard"


@dataclass(frozen=True, slots=True)
class Opened:
    """A repository that an editor has opened, and what was known of its prefix before that."""

    repository: Repository
    settings: Settings
    before: PrefixState
    tokens_factor: float
    prices: Prices | None


def opened(repository: Repository, desk: Desk, settings: Settings, backend: Backend) -> Opened:
    """Remember that a repository was opened.  Sends nothing; blocking."""
    subject = desk.subject(repository, _TIER)
    model = settings.models.of(_TIER)
    key = prefixes.prefix_key(subject.gate, model, subject.max_tokens)
    before = prefixes.opened(PrefixId(key, 0, desk.cache))
    prices = desk.known_models().prices(model)
    return Opened(repository, settings, before, backend.tokens_factor(model), prices)


async def pre_warm(at: Opened, desk: Desk, backend: Backend) -> bool:
    """Write the entry if the policy says so; whether it was written."""
    decision = plan(at, await backend.warming_spent_today_usd())
    if decision.lifetime is None:
        logger.info("No entry is written ahead: %s", decision.reason)
        return False
    brief = await desk.brief(Order("ask", at.repository.root, instruction=".", tier=_TIER))
    if brief.context.provisional or brief.context.plan is None:
        return False
    layout = replace(brief.context.plan, snapshot_lifetime=decision.lifetime, changes_lifetime=None)
    context = replace(brief.context, plan=layout)
    prompt = pinging(answer_prompt(desk, replace(brief, context=context)), with_changes=False)
    began_at = time.time()
    purpose = Purpose(
        "pre_warm", str(context.root), interactive=False, limits=limits_of(at.settings)
    )
    try:
        await backend.warm(prompt, purpose)
    except (ClaudeFailure, UserError) as failure:
        logger.info("No entry could be written ahead: %s", failure)
        return False
    await asyncio.to_thread(prefixes.began, context, began_at, asked=False)
    logger.info("The entry of a snapshot was written ahead: %s", decision.reason)
    return True


def plan(at: Opened, spent_today_usd: float) -> Prewarm:
    """What the policy says."""
    context = at.settings.context
    return prewarm(
        Opening(
            now=time.time(),
            prefix_tokens=round(at.before.snapshot_tokens * at.tokens_factor),
            snapshot_lease=at.before.snapshot_lease,
            spent_today_usd=spent_today_usd,
            day_usd=context.keep_warm_day_usd,
            prices=at.prices,
            ttl=context.ttl,
            request_times=at.before.request_times,
            open_times=at.before.open_times,
            enabled=context.keep_warm == "auto",
        )
    )
