"""What a review of several texts is likely to cost, told before any of it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from kibitz.actions.brief import Brief
from kibitz.actions.desk import Desk, limits_of
from kibitz.actions.review import review_prompt
from kibitz.actions.review_experience import Experience, Experiences
from kibitz.actions.scope import whole_lines
from kibitz.actions.values import Order
from kibitz.actions.verify import wants_verifying
from kibitz.bill import dollars
from kibitz.claude.prompts.estimate import cold_usage, warm_usage
from kibitz.claude.spending.budget import Exceeded
from kibitz.claude.values import Prompt, Purpose, Tier, Usage
from kibitz.errors import EXIT_BUDGET, UserError
from kibitz_context.gate.secrets import redact
from kibitz_context.tokens import CHARACTERS_PER_TOKEN

LimitInTheWay = Callable[[Purpose, Tier, str, Sequence[float]], Exceeded | None]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What reviews of `n_files` files will cost: `by_rule_usd` each and `most_by_rule_usd` all of
    them by rules alone, None for an unknown price, and how earlier ones have gone beside that."""

    n_files: int
    brief: Brief
    by_rule_usd: tuple[float, ...] | None
    most_by_rule_usd: float
    experiences: Experiences
    experience: Experience | None

    @property
    def likely_usd(self) -> float:
        """What all of them are likely to cost; 0 for an unknown price."""
        return sum(self._each_usd())

    def sentence(self) -> str:
        """For the user."""
        n_shown = "1 file" if self.n_files == 1 else f"{self.n_files:,} files"
        if self.by_rule_usd is None:
            return f"The review of {n_shown} costs an unknown amount: no price is known."
        most_usd, when = self.most_by_rule_usd, "where Claude looks around a lot"
        if self.experience is not None:
            most_usd = sum(self.by_rule_usd) * self.experience.most
            when = f"by how your last {self.experience.n_reviews} went"
        return (
            f"The review of {n_shown} costs about {dollars(self.likely_usd)}, or up to "
            f"{dollars(most_usd)} {when}."
        )

    async def must_fit(self, limit_in_the_way: LimitInTheWay) -> None:
        """Raises UserError when what is likely is more than a limit leaves: then nothing is to be
        sent."""
        brief = self.brief
        purpose = Purpose("review", str(brief.context.root), limits=limits_of(brief.settings))
        exceeded = await asyncio.to_thread(
            limit_in_the_way, purpose, brief.tier, brief.model, self._each_usd()
        )
        # One that is too dear by itself is asked about when it is its turn.
        if exceeded is not None and exceeded.limit != "request":
            period = "today" if exceeded.limit == "day" else "this month"
            taken_usd = exceeded.spent_usd + exceeded.reserved_usd
            raise UserError(
                f"That is over the {exceeded.limit}'s limit of {dollars(exceeded.limit_usd)} "
                f"({dollars(taken_usd)} is spent or reserved {period}); nothing was sent. Review "
                f"less at a time, or raise `budget.{exceeded.limit}_usd` in config.toml, or for "
                f"one run in the terminal with --set budget.{exceeded.limit}_usd=USD.",
                EXIT_BUDGET,
            )

    async def compare(self, spent_usd: float | None) -> None:
        """The reviews have come to their end, for `spent_usd`."""
        if spent_usd is not None and self.by_rule_usd is not None:
            await asyncio.to_thread(self.experiences.add, sum(self.by_rule_usd), spent_usd)

    def _each_usd(self) -> list[float]:
        usual = self.experience.usual if self.experience is not None else 1.0
        return [usd * usual for usd in self.by_rule_usd or ()]


async def estimate_reviews(
    desk: Desk, brief: Brief, orders: Sequence[Order], experiences: Experiences
) -> Estimate:
    """What the reviews of `orders` will cost together; `brief` is that of the first."""

    def made() -> Estimate:
        likely = list(_costs(desk, brief, orders, LIKELY))
        most = list(_costs(desk, brief, orders, MUCH))
        known_usd = tuple(usd for usd in likely if usd is not None)
        return Estimate(
            len({order.document.uri for order in orders if order.document is not None}),
            brief,
            known_usd if len(known_usd) == len(likely) else None,
            sum(usd or 0.0 for usd in most),
            experiences,
            experiences.known(),
        )

    return await asyncio.to_thread(made)


async def likely_costs(
    desk: Desk, brief: Brief, orders: Sequence[Order]
) -> tuple[list[float | None], float | None]:
    """What the reviews of `orders` are likely to cost in USD, one after the other, and what the
    first would cost if nothing were in the cache; None for an unknown price.  `brief` is that of
    the first."""
    cold = replace(brief, context=replace(brief.context, plan=None))
    return await asyncio.to_thread(
        lambda: (
            list(_costs(desk, brief, orders, LIKELY)),
            next(_costs(desk, cold, orders[:1], LIKELY)),
        )
    )


@dataclass(frozen=True, slots=True)
class Course:
    """How a review goes: how often Claude looks around and what that brings, in tokens, how much
    it writes, thinking included, and which share of the files has findings to be checked."""

    rounds: int
    round_tokens: int
    output_tokens: int
    checked_share: float


# An ordinary review and one that looks around a lot, until the user's own have shown what they
# come to (`review_experience`).  What a round brings is measured, over files of six repositories in
# four languages: a part of a file 0.7 thousand tokens on average, a search 0.5, a symbol 1.1, a
# log 0.8, a whole file 3; so two or three calls, or twice as many.  How often Claude looks and how
# much it writes is assumed.
LIKELY = Course(1, 3_000, 2_000, 0.5)
MUCH = Course(3, 6_000, 5_000, 1.0)
# What Claude writes to look around once.
ROUND_OUTPUT_TOKENS = 150
# A check shows the code around some findings, and says a line of each.
CHECK_TOKENS = 2_500
CHECK_OUTPUT_TOKENS = 1_000


def _costs(
    desk: Desk, brief: Brief, orders: Sequence[Order], course: Course
) -> Iterator[float | None]:
    """What each review is likely to cost in USD; the first one writes what the others read."""
    known = desk.known_models()
    plan = brief.context.plan
    is_warm = plan is not None and plan.snapshot_alive
    for order in orders:
        prompt = _prompt(desk, brief, order)
        first = (warm_usage if is_warm else cold_usage)(prompt, CHARACTERS_PER_TOKEN)
        warm = warm_usage(prompt, CHARACTERS_PER_TOKEN)
        usage = _with_rounds(first, warm.cache_read_tokens, warm.input_tokens, course)
        usd = known.cost_usd(brief.model, usage + Usage(output_tokens=course.output_tokens))
        if usd is not None and wants_verifying(order, desk):
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


def _prompt(desk: Desk, brief: Brief, order: Order) -> Prompt:
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
    return review_prompt(desk, about)
