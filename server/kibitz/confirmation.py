"""Asking the user whether one request may cost more than `budget.request_usd`: in which words.

How they are asked is the editor's or the terminal's business.  A yes raises that limit for this one
request; those of the day and the month hold all the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kibitz.bill import at_most
from kibitz.claude.spending.budget import Exceeded
from kibitz.claude.values import Purpose

NO = "Cancel"

# Whether to send it; None where there is nobody to ask, and the limit says no.
Confirm = Callable[["Question"], Awaitable[bool | None]]


@dataclass(frozen=True, slots=True)
class Question:
    """A request that may cost up to `needed_usd`, where one may cost `limit_usd`."""

    action: str
    needed_usd: float
    limit_usd: float

    @classmethod
    def about(cls, purpose: Purpose, exceeded: Exceeded) -> Question:
        return cls(purpose.action, exceeded.needed_usd, exceeded.limit_usd)

    @property
    def words(self) -> str:
        return (
            f"This request ({self.action}) may cost up to {at_most(self.needed_usd)}, and one "
            f"request may cost {at_most(self.limit_usd)} (`budget.request_usd`)."
        )

    @property
    def yes(self) -> str:
        return f"Send for up to {at_most(self.needed_usd)}"
