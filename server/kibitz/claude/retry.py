"""Whether a failed request is sent again, and when.

Only what happened before the first event gets here: a reply that has begun is never repeated.
"""

from __future__ import annotations

import random

from kibitz.claude.connection import Connection
from kibitz.claude.values import ClaudeFailure, Purpose

FIRST_DELAY_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 8.0

_RETRIED = frozenset({"rate_limit", "overloaded", "server_error", "network"})
# A completion that comes late is of no use, so these actions ask once.
_NEVER_RETRIED_ACTIONS = frozenset({"complete"})
# A name that does not resolve, a bad certificate, a host that has not answered for long already.
_NOT_MENDED_BY_WAITING = frozenset({"dns", "tls", "proxy", "base_url", "connect_timeout"})


def delay_seconds(
    failure: ClaudeFailure, retries: int, purpose: Purpose, connection: Connection
) -> float | None:
    """How long to wait before asking again after `retries` retries; None: the failure is final.

    What the endpoint asks for is obeyed, unless it is longer than anybody should wait unasked:
    then the user is told instead.
    """
    if failure.kind not in _RETRIED or retries >= connection.max_retries:
        return None
    if purpose.action in _NEVER_RETRIED_ACTIONS:
        return None
    if failure.facts.get("final") or failure.facts.get("cause") in _NOT_MENDED_BY_WAITING:
        return None
    if failure.retry_after_seconds is not None:
        longest = (
            connection.longest_interactive_wait_seconds
            if purpose.interactive
            else connection.longest_wait_seconds
        )
        return failure.retry_after_seconds if failure.retry_after_seconds <= longest else None
    backoff: float = min(FIRST_DELAY_SECONDS * 2**retries, LONGEST_BACKOFF_SECONDS)
    return backoff * random.uniform(0.75, 1.0)  # noqa: S311 - only spreads the load
