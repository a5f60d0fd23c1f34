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
# An endpoint that says itself that it was too slow says so at once; one that was silent for as
# long as we wait has had its time.
_RETRIED_TIMEOUTS = frozenset({408, 504})
# A completion that comes late is of no use, so these actions ask once.
_NEVER_RETRIED_ACTIONS = frozenset({"complete"})
# Only the user can mend these, whatever the endpoint says.
_NEVER_RETRIED_KINDS = frozenset({"spend_limit", "no_credit", "budget"})
# A name that does not resolve, a bad certificate, a host that has not answered for long already.
_NOT_MENDED_BY_WAITING = frozenset({"dns", "tls", "proxy", "base_url", "connect_timeout"})


def delay_seconds(
    failure: ClaudeFailure,
    retries: int,
    purpose: Purpose,
    connection: Connection,
    *,
    tried_seconds: float = 0.0,
) -> float | None:
    """How long to wait before asking again after `retries` retries; None: the failure is final.

    What the endpoint asks for is obeyed, unless it is longer than anybody should wait unasked:
    then the user is told instead.  `tried_seconds` is how long the request has been tried.
    """
    if retries >= connection.max_retries or purpose.action in _NEVER_RETRIED_ACTIONS:
        return None
    if not _may_succeed(failure):
        return None
    longest = (
        connection.longest_interactive_wait_seconds
        if purpose.interactive
        else connection.longest_wait_seconds
    )
    delay: float = failure.retry_after_seconds or 0.0
    if failure.retry_after_seconds is None:
        backoff = min(FIRST_DELAY_SECONDS * 2**retries, LONGEST_BACKOFF_SECONDS)
        delay = backoff * random.uniform(0.75, 1.0)  # noqa: S311 - only spreads the load
    if delay > longest or tried_seconds + delay > connection.tries_seconds:
        return None
    return delay


def _may_succeed(failure: ClaudeFailure) -> bool:
    """Whether the same request may get another answer."""
    if failure.kind in _NEVER_RETRIED_KINDS:
        return False
    final = failure.facts.get("final")  # The endpoint's own word, if it has given one.
    if final is not None:
        return final is False
    if failure.facts.get("cause") in _NOT_MENDED_BY_WAITING:
        return False
    return failure.kind in _RETRIED or (
        failure.kind == "timeout" and failure.status in _RETRIED_TIMEOUTS
    )
