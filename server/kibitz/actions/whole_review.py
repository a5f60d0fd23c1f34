"""A review with all that belongs to it: what is known already, what was dismissed, and the check.

What is known of a text that has not changed is not asked again, neither the review nor the check
of what it has found.  Where it is kept is others' business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Set
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from kibitz.actions.desk import Desk
from kibitz.actions.review import review
from kibitz.actions.values import FellBack, Found, NotKept, Order, Step, Verified
from kibitz.actions.verify import after_fallback, verify, wants_verifying
from kibitz.claude.values import ClaudeFailure
from kibitz.dismissals import Dismissals
from kibitz.errors import UserError
from kibitz.findings.fingerprint import fingerprint
from kibitz.findings.values import Dropped, Finding


@dataclass(frozen=True, slots=True)
class Known:
    """What a whole review has come to, and whether its findings have been checked."""

    steps: tuple[Found | NotKept, ...]
    is_verified: bool = False


class Memory(Protocol):
    """Findings of earlier reviews.  Both methods may block."""

    def recall(self, order: Order, model: str) -> Known | None:
        """What the same review came to; None when it was never made."""
        ...

    def keep(self, order: Order, model: str, known: Known) -> None:
        """Keep what a whole review by `model` came to."""
        ...


@dataclass(frozen=True, slots=True)
class Ended:
    """A review has come to its end.  `failure` says why it is not whole; `from_memory` that
    nothing was asked for it."""

    failure: UserError | ClaudeFailure | None = None
    from_memory: bool = False


async def whole_review(
    order: Order, desk: Desk, memory: Memory | None = None, dismissals: Dismissals | None = None
) -> AsyncGenerator[Step | Ended, None]:
    """Review `order` and have its findings checked where that is wanted; last comes `Ended`.

    Findings that were dismissed are yielded as not kept, and are not checked.  Raises UserError
    and ClaudeFailure for a review that is not whole.
    """
    dismissed = await asyncio.to_thread(_dismissed, order, desk, dismissals)
    model, known = "", None
    if memory is not None:
        model = await asyncio.to_thread(desk.model_for, order)
        known = await asyncio.to_thread(memory.recall, order, model)
    answers, was_asked, is_own = order, known is None, True
    if known is not None:
        for kept in known.steps:
            yield _unless_dismissed(kept, order, dismissed)
    else:
        said: list[Found | NotKept] = []
        async with aclosing(review(order, desk)) as steps:
            async for step in steps:
                if isinstance(step, FellBack):
                    is_own = False
                    answers = await asyncio.to_thread(after_fallback, order, desk)
                elif isinstance(step, Found | NotKept):
                    said.append(step)
                    yield _unless_dismissed(step, order, dismissed)
                    continue
                yield step
        known = Known(tuple(said))
        if memory is not None and is_own:
            # Before it is checked: it is paid for, whatever becomes of the check.
            await asyncio.to_thread(memory.keep, order, model, known)
    shown = (_unless_dismissed(step, order, dismissed) for step in known.steps)
    found = [step.finding for step in shown if isinstance(step, Found)]
    if found and not known.is_verified and await asyncio.to_thread(wants_verifying, order, desk):
        was_asked = True
        async with aclosing(verify(answers, desk, found)) as steps:
            async for step in steps:
                if isinstance(step, Verified):
                    known = _after(known, step)
                yield step
        if memory is not None and is_own and known.is_verified:
            await asyncio.to_thread(memory.keep, order, model, known)
    yield Ended(from_memory=not was_asked)


async def review_steps(
    order: Order, desk: Desk, dismissals: Dismissals | None = None
) -> AsyncGenerator[Step, None]:
    """As `whole_review`, of a text that is to be reviewed again whatever is known of it."""
    async with aclosing(whole_review(order, desk, None, dismissals)) as steps:
        async for step in steps:
            if not isinstance(step, Ended):
                yield step


def refuted(finding: Finding, reason: str) -> Dropped:
    """What becomes of a finding that does not stand."""
    return Dropped("refuted", finding.title, f"line {finding.start_line}: {reason}")


def _after(known: Known, verified: Verified) -> Known:
    """What is known after a check.  What it had no room for is not asked about again either."""
    why = dict(verified.refuted)
    steps: list[Found | NotKept] = []
    for step in known.steps:
        reason = why.get(step.finding) if isinstance(step, Found) else None
        if isinstance(step, Found) and reason is not None:
            steps.append(NotKept(refuted(step.finding, reason)))
        else:
            steps.append(step)
    return Known(tuple(steps), is_verified=True)


def _dismissed(order: Order, desk: Desk, dismissals: Dismissals | None) -> Set[str]:
    """The fingerprints that were dismissed in the repository of `order`."""
    if dismissals is None:
        return frozenset()
    return dismissals.of(desk.repository(order.root, order.folders).root)


def _unless_dismissed(step: Found | NotKept, order: Order, dismissed: Set[str]) -> Found | NotKept:
    if not dismissed or isinstance(step, NotKept) or order.document is None:
        return step
    finding = step.finding
    if fingerprint(finding, order.document.lines.lines) not in dismissed:
        return step
    return NotKept(Dropped("dismissed", finding.title, f"line {finding.start_line}"))
