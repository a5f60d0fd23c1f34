"""Keeping cached prefixes alive across pauses: looking at the clock, and sending the pings.

Whether a ping pays, and when, is the policy's (`kibitz_context.caching.policy.next_ping`); what
is known of a prefix is shared with other processes (`kibitz_context.caching.prefix`).  In here is
the one loop that asks and sends.  A ping sends code, so each is preceded by the question whether
it may (`may_send`), and the pings of a prefix end at the first thing that goes wrong: a cold
prefix costs money, nothing else.

Time is Python's `time`: a machine that slept, or a test, moves it at will.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from kibitz.actions.brief import Brief
from kibitz.actions.desk import limits_of
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts.estimate import prompt_tokens
from kibitz.claude.values import ClaudeFailure, Limits, Prompt, Purpose
from kibitz.errors import UserError
from kibitz_context.caching import prefix as prefixes
from kibitz_context.caching.lease import LIFETIME_SECONDS, PING_MARGIN_SECONDS
from kibitz_context.caching.policy import Ping, Warmth, next_ping
from kibitz_context.caching.prefix_state import PrefixState
from kibitz_context.tokens import CHARACTERS_PER_TOKEN
from kibitz_context.values import Context, Prices

logger = logging.getLogger(__name__)

# How long at most it does not look at the clock while a ping may become due.  Higher: a machine
# that woke up is late by as much; lower: it wakes the machine up for nothing.
LOOK_SECONDS = 5.0

# The rest is for the request itself, and for a look that comes late.
LATEST_SHARE_OF_MARGIN = 0.4

# More prefixes than these are repositories that nobody has asked about for a while.
MOST_PREFIXES = 16


@dataclass(frozen=True, slots=True)
class Kept:
    """One prefix as it was last sent: `context` and the `prompt` that was made of it.

    `prefix_tokens` are rules and snapshot, `log_tokens` the log of changes behind them, in tokens
    of the model.  `limits` are those of the repository; `limits.keep_warm_day_usd` is what all
    pings and pre-warming of a day may cost.
    """

    context: Context
    prompt: Prompt
    limits: Limits
    prices: Prices | None
    prefix_tokens: int
    log_tokens: int

    @property
    def key(self) -> str:
        return self.context.prefix.key if self.context.prefix is not None else ""


def kept(brief: Brief, prompt: Prompt, known_models: Catalogue) -> Kept:
    """The prefix of a request that was sent."""
    chars_per_token = CHARACTERS_PER_TOKEN / brief.tokens_factor

    def tokens(part: Prompt) -> int:
        return prompt_tokens(replace(part, messages=()), chars_per_token)

    to_snapshot = tokens(pinging(prompt, with_changes=False))
    to_log = tokens(pinging(prompt, with_changes=True))
    return Kept(
        brief.context,
        prompt,
        limits_of(brief.settings),
        known_models.prices(prompt.model, prompt_tokens(prompt, chars_per_token)),
        to_snapshot,
        to_log - to_snapshot,
    )


class KeepWarm:
    """The prefixes of one connection.  Touched on the event loop only.

    `warm` sends a prompt for its system blocks alone (`Claude.warm`).  `spent_today_usd` is what
    such requests have cost since midnight in all processes.  `may_send` says whether code of a
    root may be sent unasked, at this moment.  `lateness`, 0 to 1, is how late within a ping's
    margin this process sends: of two editors one is first, and the other sees that it is done.
    """

    def __init__(
        self,
        warm: Callable[[Prompt, Purpose], Awaitable[object]],
        spent_today_usd: Callable[[], Awaitable[float]],
        may_send: Callable[[Path], bool],
        *,
        lateness: float | None = None,
    ) -> None:
        self._warm = warm
        self._spent_today_usd = spent_today_usd
        self._may_send = may_send
        self._lateness = random.random() if lateness is None else lateness  # noqa: S311
        self._kept: dict[str, Kept] = {}
        self._due: dict[str, float] = {}
        self._woken = asyncio.Event()

    def began(self, kept: Kept) -> None:
        """The response to a request with this prefix has begun: from now on it is this one."""
        if kept.context.prefix is None or kept.context.provisional:
            return
        self._forget(kept.key)
        self._kept[kept.key] = kept
        while len(self._kept) > MOST_PREFIXES:
            self._forget(next(iter(self._kept)))
        self._woken.set()

    async def run(self) -> None:
        """Look at the clock until cancelled; sleeps while there is nothing to keep."""
        while True:
            self._woken.clear()
            try:
                seconds = await self.look()
            except Exception:
                # What cannot be looked at now is not looked at for ever: a request brings it back.
                logger.exception("keeping prefixes warm failed")
                self._kept.clear()
                self._due.clear()
                seconds = None
            try:
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def look(self) -> float | None:
        """Send what is due; returns after how many seconds to look again, None: after `began`."""
        for key, kept in list(self._kept.items()):
            if self._due.get(key, 0.0) > time.time():
                continue
            ping = await self._next(kept)
            if ping is not None and ping.at is not None and ping.at <= time.time():
                ping = await self._next(kept) if await self._send(kept, ping) else None
            if self._kept.get(key) is not kept:
                continue  # A request came meanwhile, and with it a newer prefix.
            if ping is None or ping.at is None:
                self._forget(key)
            else:
                self._due[key] = ping.at
        if not self._kept:
            return None
        soonest = min(self._due.get(key, 0.0) for key in self._kept)
        return min(max(soonest - time.time(), 0.0), LOOK_SECONDS)

    async def _next(self, kept: Kept) -> Ping | None:
        """The next ping by the policy; None where nothing may be sent or was sent since."""
        if not self._may_send(kept.context.root):
            return None
        assert kept.context.prefix is not None, "began takes none without"
        spent_today_usd = await self._spent_today_usd()
        state = await asyncio.to_thread(prefixes.state_of, kept.context.prefix)
        if state.generation != kept.context.prefix.generation:
            return None  # Another process has given these bytes up.
        ping = next_ping(
            Warmth(
                now=time.time(),
                prefix_tokens=kept.prefix_tokens,
                snapshot_lease=state.snapshot_lease,
                spent_today_usd=spent_today_usd,
                day_usd=kept.limits.keep_warm_day_usd or 0.0,
                log_tokens=kept.log_tokens,
                log_lease=state.log_lease,
                prices=kept.prices,
                request_times=state.request_times,
                pings_since_request=pings_since_request(state),
            )
        )
        if ping.at is None or state.snapshot_lease is None:
            logger.info("The prefix of %s may lapse: %s", kept.prompt.model, ping.reason)
            return None
        margin = PING_MARGIN_SECONDS[state.snapshot_lease.lifetime]
        return replace(ping, at=ping.at + self._lateness * LATEST_SHARE_OF_MARGIN * margin)

    async def _send(self, kept: Kept, ping: Ping) -> bool:
        """Send a ping; False when nothing was sent or that failed."""
        if not self._may_send(kept.context.root):
            return False
        assert kept.context.plan is not None
        plan = kept.context.plan
        if not ping.with_changes:
            plan = replace(plan, changes_lifetime=None)
        began_at = time.time()
        purpose = Purpose(
            "keep_warm", str(kept.context.root), interactive=False, limits=kept.limits
        )
        try:
            await self._warm(pinging(kept.prompt, with_changes=ping.with_changes), purpose)
        except (ClaudeFailure, UserError) as failure:
            logger.info("A ping for %s failed: %s", kept.prompt.model, failure)
            return False
        context = replace(kept.context, plan=plan)
        await asyncio.to_thread(prefixes.began, context, began_at, asked=False)
        logger.info("A ping keeps the prefix of %s: %s", kept.prompt.model, ping.reason)
        return True

    def _forget(self, key: str) -> None:
        self._kept.pop(key, None)
        self._due.pop(key, None)


def pings_since_request(state: PrefixState) -> int:
    """How many pings all processes together have sent since somebody asked something.

    Told from the lease: each ping came within a lifetime after what kept the entry before it.
    """
    if state.snapshot_lease is None or not state.request_times:
        return 0
    lifetime = LIFETIME_SECONDS[state.snapshot_lease.lifetime]
    kept_seconds = state.snapshot_lease.expires_at - lifetime - state.request_times[-1]
    return max(0, math.ceil(kept_seconds / lifetime))


def pinging(prompt: Prompt, *, with_changes: bool) -> Prompt:
    """`prompt` up to the first marker, which ends the snapshot, or with the changes to the last."""
    marked = [at for at, block in enumerate(prompt.system) if block.marker is not None]
    if not marked:
        return prompt
    end = marked[-1] if with_changes else marked[0]
    return replace(prompt, system=prompt.system[: end + 1])
