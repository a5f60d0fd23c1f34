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
from kibitz.cli.review_experience import Experiences
from kibitz.cli.workplace import Workplace
from kibitz.errors import EXIT_BUDGET, UserError
from kibitz_context.secrets import redact
from kibitz_context.tokens import CHARACTERS_PER_TOKEN


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What was foreseen of a review by rules alone, to be compared with what comes of it."""

    usd: float
    experiences: Experiences

    async def compare(self, spent_usd: float | None) -> None:
        """The review has come to its end, for `spent_usd`."""
        if spent_usd is not None:
            await asyncio.to_thread(self.experiences.add, self.usd, spent_usd)


async def tell_estimate(at: Workplace, orders: Sequence[Order], n_files: int) -> Foreseen | None:
    """Say what the reviews of `orders` will cost together, as earlier ones have gone; None for an
    unknown price.

    Raises UserError when that is more than a limit leaves: then nothing is to be sent.
    """
    brief = await _brief_of(at, orders[0])
    likely, most = await asyncio.to_thread(
        lambda: (list(_costs(at, brief, orders, LIKELY)), list(_costs(at, brief, orders, MUCH)))
    )
    n_shown = "1 file" if n_files == 1 else f"{n_files:,} files"
    if None in likely or None in most:
        at.terminal.note(f"The review of {n_shown} costs an unknown amount: no price is known.")
        return None
    by_rule_usd = [usd for usd in likely if usd is not None]
    foreseen = Foreseen(sum(by_rule_usd), Experiences(at.backend.settings, brief))
    experience = await asyncio.to_thread(foreseen.experiences.known)
    if experience is None:
        usual = 1.0
        most_usd = sum(usd for usd in most if usd is not None)
        when = "where Claude looks around a lot"
    else:
        usual = experience.usual
        most_usd = foreseen.usd * experience.most
        when = f"by how your last {experience.n_reviews} went"
    known_usd = [usd * usual for usd in by_rule_usd]
    at.terminal.note(
        f"The review of {n_shown} costs about {dollars(sum(known_usd))}, or up to "
        f"{dollars(most_usd)} {when}."
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
    return foreseen


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
