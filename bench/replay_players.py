"""Those who play a trace: a policy each, a prefix, a prompt cache and a bill of their own.

The way of a request is the product's: the prefix in `kibitz_context.caching.course`, the policy's
answers, `kibitz.claude.prompts.prompt.build`, the body of the request as it goes over the wire.
Only the cache is the stand-in's, and time is the trace's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

from bench.replay_traces import DAY
from kibitz.actions.task_text import prompt_text
from kibitz.actions.tools import TOOLS
from kibitz.claude.models import catalogue
from kibitz.claude.prompts import prompt as prompts
from kibitz.claude.prompts import wire
from kibitz.claude.prompts.estimate import tool_tokens
from kibitz.claude.values import Prompt
from kibitz.standin import models as standin_models
from kibitz.standin.cache import CacheUse, PromptCache
from kibitz.standin.prompt import PromptBlock, prompt_blocks
from kibitz.upkeep.keep_warm import pinging
from kibitz_context.caching import advance, policy
from kibitz_context.caching import prefix as prefixes
from kibitz_context.caching.course import Lookout, with_prefix, without_prefix
from kibitz_context.caching.policy import Decision, State, Warmth
from kibitz_context.caching.prefix import PrefixRequest
from kibitz_context.layers.changes import since_told
from kibitz_context.layers.log import Entry
from kibitz_context.tokens import CHARACTERS_PER_TOKEN, estimate
from kibitz_context.values import CacheLifetime, Context, Layer, Plan, PrefixId, Prices, Step

KEEP_WARM_DAY_USD = 0.25
ANSWER_TOKENS = 4_000
# The order of magnitude of these prompts, where a price depends on it.
PROMPT_TOKENS = 80_000
RULES_TOKENS = estimate(prompt_text("rules")) + sum(
    tool_tokens(tool, CHARACTERS_PER_TOKEN) for tool in TOOLS
)


@dataclass(frozen=True, slots=True)
class Policy:
    """One row of the table.  `decide` None: nothing is remembered between requests; `is_map`:
    the snapshot is made anew for each request, of the repository and the question as they are;
    `is_retold`: a file that the log told whole is told whole in each of its states."""

    name: str
    decide: Callable[[State], Decision] | None
    pings: bool = False
    is_map: bool = False
    is_retold: bool = False


def fixed(snapshot: CacheLifetime, log: CacheLifetime | None) -> Callable[[State], Decision]:
    """The product's layers with fixed lifetimes: the base is renewed when the entry has expired
    anyway or when the changes do not fit, the log is folded when it has expired."""

    def decide(state: State) -> Decision:
        alive = state.snapshot_lease is not None and state.snapshot_lease.alive(state.now)
        log_alive = state.log_lease is not None and state.log_lease.alive(state.now)
        tail_tokens = sum(entry.tokens for entry in state.tail)
        overfull = state.log_tokens + tail_tokens > state.changes_budget_tokens
        step: Step = "keep"
        if not state.prefix_known:
            step = "first"
        elif state.rebuild is not None and (not alive or overfull):
            step = "rebuild"
        elif state.stale_log_tokens and (not log_alive or overfull):
            step = "fold"
        return Decision(step, snapshot, log, 2 if log else None, "fixed")

    return decide


NO_CACHE = Policy("no cache", None)
FIXED = (
    Policy("one marker, 5 min", fixed("5m", None)),
    Policy("map rebuilt for each request, 5 min", None, is_map=True),
    Policy("always 1 h", fixed("1h", "1h")),
)
KIBITZ = Policy("kibitz", policy.decide, pings=True)

# What `policy.decide` names is another player's while that one asks.
_kibitz_decides = policy.decide


def varied(**changes: Any) -> Callable[[State], Decision]:
    """The product's policy with other answers to one question; a log needs a live snapshot."""

    def decide(state: State) -> Decision:
        decision = _kibitz_decides(state)
        if decision.changes_lifetime is None:
            return decision
        return replace(decision, **changes)

    return decide


DESIGNS = (
    Policy("bought at first sight", varied(promote_at=1), pings=True),
    Policy("bought at third sight", varied(promote_at=3), pings=True),
    Policy("log for 5 min", varied(changes_lifetime="5m"), pings=True),
    Policy("no log", varied(changes_lifetime=None, promote_at=None), pings=True),
    Policy("no pings", policy.decide),
)
RETOLD = Policy("a new file whole in each state", policy.decide, pings=True, is_retold=True)


@dataclass(slots=True)
class Bill:
    """What was sent: requests, of which `task_tokens` are behind all layers, and pings.

    `kept_shares` is for each request but the first the share of the system blocks' characters
    that it has in common with the one before, from the beginning.
    """

    requests: list[CacheUse] = field(default_factory=list)
    task_tokens: list[int] = field(default_factory=list)
    pings: list[CacheUse] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    kept_shares: list[float] = field(default_factory=list)

    def usd(self, prices: Prices) -> float:
        """The whole input."""
        return sum(cost(use, prices) for use in self.requests) + self.pings_usd(prices)

    def layers_usd(self, prices: Prices) -> float:
        """L0–L2 alone, with the pings that keep them."""
        return self.usd(prices) - sum(self.task_tokens) * prices.input

    def pings_usd(self, prices: Prices) -> float:
        return sum(cost(use, prices) for use in self.pings)

    @property
    def read_share(self) -> float:
        """The share of the input of all requests that came from the cache."""
        total = sum(use.read_tokens + use.write_tokens + use.input_tokens for use in self.requests)
        return sum(use.read_tokens for use in self.requests) / total


def cost(use: CacheUse, prices: Prices) -> float:
    return (
        use.read_tokens * prices.read
        + use.write_5m_tokens * prices.write_5m
        + use.write_1h_tokens * prices.write_1h
        + use.input_tokens * prices.input
    )


@dataclass(slots=True)
class Player:
    """A policy at one model's prices."""

    policy: Policy
    model: str
    session: str
    bill: Bill = field(default_factory=Bill)
    _cache: PromptCache = field(default_factory=PromptCache)
    _spent_usd: dict[int, float] = field(default_factory=dict)
    _last: tuple[Context, Prompt] | None = None
    _last_text: str = ""

    @property
    def prices(self) -> Prices:
        prices = catalogue.builtin().prices(self.model, PROMPT_TOKENS)
        assert prices is not None
        return prices

    @property
    def key(self) -> str:
        return f"{self.session} {self.policy.name} {self.model}"

    def ask(self, lookout: Lookout, task: Layer, words: str, map_of: str, now: float) -> None:
        """Send a request about what `lookout` shows; `map_of` names what a map depends on."""
        context = replace(self._context(lookout, now), task=task)
        if self.policy.is_map:
            made = f"<map {map_of}>\n{context.snapshot.text}"
            context = replace(
                context,
                snapshot=Layer("snapshot", made, estimate(made)),
                changes=Layer("changes", "", 0),
                plan=Plan(snapshot_lifetime="5m", changes_lifetime=None),
            )
        prompt = prompts.build(
            context,
            rules=prompt_text("rules"),
            task_blocks=(words,),
            tier="standard",
            model=self.model,
            max_tokens=ANSWER_TOKENS,
            tools=TOOLS,
        )
        blocks = self._blocks(prompt)
        self.bill.requests.append(self._send(blocks, now))
        layers_end = max(block.tokens for block in blocks if block.layer != "messages")
        self.bill.task_tokens.append(blocks[-1].tokens - layers_end)
        self.bill.steps.append(context.plan.step if context.plan is not None else "first")
        text = "".join(block.text for block in prompt.system)
        if self._last is not None:
            kept = _common_prefix(self._last_text, text)
            self.bill.kept_shares.append(kept / len(self._last_text))
        prefixes.began(context, now)
        self._last, self._last_text = (context, prompt), text

    def wait(self, since: float, until: float, awake: Sequence[tuple[float, float]]) -> None:
        """Send the pings of a pause, as far as the machine is awake."""
        if not self.policy.pings or self._last is None:
            return
        context, prompt = self._last
        assert context.prefix is not None
        now, sent = since, 0
        while True:
            state = prefixes.state_of(context.prefix)
            day = int(now // DAY)
            log = sum(map(estimate, context.plan.changes_log)) if context.plan else 0
            factor = catalogue.builtin().tokens_factor(self.model)
            ping = policy.next_ping(
                Warmth(
                    now=now,
                    prefix_tokens=round((RULES_TOKENS + context.snapshot.tokens) * factor),
                    snapshot_lease=state.snapshot_lease,
                    spent_today_usd=self._spent_usd.get(day, 0.0),
                    day_usd=KEEP_WARM_DAY_USD,
                    log_tokens=round(log * factor),
                    log_lease=state.log_lease,
                    prices=self.prices,
                    request_times=state.request_times,
                    pings_since_request=sent,
                )
            )
            if ping.at is None:
                return
            due = _when_awake(max(ping.at, now), awake)
            if due is None or due >= until:
                return
            if due > now:
                now = due
                continue
            warming = prompts.warming(pinging(prompt, with_changes=ping.with_changes))
            assert warming is not None, "what is kept warm has a marker"
            use = self._send(self._blocks(warming), now)
            self.bill.pings.append(use)
            self._spent_usd[day] = self._spent_usd.get(day, 0.0) + cost(use, self.prices)
            plan = context.plan
            if plan is not None and not ping.with_changes:
                plan = replace(plan, changes_lifetime=None)
            prefixes.began(replace(context, plan=plan), now, asked=False)
            sent += 1

    def _context(self, lookout: Lookout, now: float) -> Context:
        if self.policy.decide is None:
            course = without_prefix(lookout.preferred)
        else:
            request = PrefixRequest(
                self.model,
                prices=self.prices,
                tokens_factor=catalogue.builtin().tokens_factor(self.model),
                rules_tokens=RULES_TOKENS,
                keep_warm=self.policy.pings,
            )
            with (
                mock.patch("time.time", lambda: now),
                mock.patch.object(policy, "decide", self.policy.decide),
                mock.patch.object(advance, "since_told", self._since_told),
            ):
                store, prefix = prefixes.store_in(None), PrefixId(self.key, 0)
                course = with_prefix(lookout, request, store, prefix, store.get(self.key))
        view, plan = course.view, course.advanced.plan
        text = "".join((*plan.changes_log, plan.changes_tail))
        return Context(
            view.sources.repository.root,
            view.base.commit,
            view.snapshot.layer,
            Layer("changes", text, estimate(text)),
            Layer("task", "", 0),
            plan=plan
            if course.is_planned
            else replace(plan, snapshot_lifetime=None, changes_lifetime=None),
            prefix=course.prefix,
        )

    def _since_told(self, whole: Entry, told: str) -> tuple[Entry, ...] | None:
        return None if self.policy.is_retold else since_told(whole, told)

    def _blocks(self, prompt: Prompt) -> tuple[PromptBlock, ...]:
        options = catalogue.builtin().request_options(prompt.model, prompt.tier)
        model = standin_models.find(self.model)
        assert model is not None
        return prompt_blocks(wire.arguments(prompt, options), model)

    def _send(self, blocks: tuple[PromptBlock, ...], now: float) -> CacheUse:
        minimum = catalogue.builtin().cache_minimum_tokens(self.model)
        lookup = self._cache.begin("workspace", blocks, minimum, now)
        lookup.publish()
        return lookup.use


def _when_awake(moment: float, awake: Sequence[tuple[float, float]]) -> float | None:
    """The first moment from then on at which the machine is awake."""
    return next((max(moment, since) for since, until in awake if moment < until), None)


def _common_prefix(first: str, second: str) -> int:
    """How many characters two texts have in common from their beginning."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
