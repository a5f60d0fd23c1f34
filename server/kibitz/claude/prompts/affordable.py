"""How much of a repository a request may carry, so that its cold price stays within a limit.

The first request of a tier writes its whole snapshot into the cache.  Where that alone would cost
more than one request may, a smaller snapshot is better than a question before every answer.
"""

from __future__ import annotations

from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts.estimate import PESSIMISTIC_CHARS_PER_TOKEN
from kibitz.claude.values import Tier
from kibitz_context.tokens import CHARACTERS_PER_TOKEN

# What an answer needs beside its thinking.  Higher: smaller snapshots; lower: answers that the
# limit cuts off.
ANSWER_TOKENS = 4_096

# The rest of a prompt is changes, the task and tools.
SHARE_OF_THE_SNAPSHOT = 0.75

# What an estimated token of a snapshot is of a whole prompt of dense text.
_PART_OF_A_WORST_PROMPT = SHARE_OF_THE_SNAPSHOT * PESSIMISTIC_CHARS_PER_TOKEN / CHARACTERS_PER_TOKEN

# With less of the repository than this an answer is not worth its price: the user is asked.
LEAST_SNAPSHOT_TOKENS = 16_000

# So that a price that changes a little does not make another snapshot.
STEP_TOKENS = 2_000


def affordable_snapshot_tokens(
    known: Catalogue, model: str, tier: Tier, limit_usd: float
) -> int | None:
    """The largest snapshot, in estimated tokens, of which a request in its worst case costs no more
    than `limit_usd`: nothing of it cached, its text dense, its answer and half of what thinking
    may take.  None where no price is known."""
    prompt_tokens = affordable_prompt_tokens(known, model, tier, limit_usd)
    if prompt_tokens is None:
        return None
    tokens = int(SHARE_OF_THE_SNAPSHOT * prompt_tokens) // STEP_TOKENS * STEP_TOKENS
    return max(tokens, LEAST_SNAPSHOT_TOKENS)


def affordable_prompt_tokens(
    known: Catalogue, model: str, tier: Tier, limit_usd: float
) -> int | None:
    """The same of a whole prompt: what of it is changes is cut to that."""
    price = known.prices(model)
    if price is None or price.write_1h <= 0:
        return None
    left_usd = limit_usd - _reply_tokens(known, model, tier) * price.output
    tokens = left_usd / price.write_1h * PESSIMISTIC_CHARS_PER_TOKEN / CHARACTERS_PER_TOKEN
    return max(int(tokens), int(LEAST_SNAPSHOT_TOKENS / SHARE_OF_THE_SNAPSHOT))


def cold_usd(known: Catalogue, model: str, tier: Tier, snapshot_tokens: int) -> float | None:
    """What `budget.request_usd` has to be for a snapshot of that size; None without a price."""
    price = known.prices(model)
    if price is None:
        return None
    prompt_tokens = (snapshot_tokens + STEP_TOKENS) / _PART_OF_A_WORST_PROMPT
    return prompt_tokens * price.write_1h + _reply_tokens(known, model, tier) * price.output


def _reply_tokens(known: Catalogue, model: str, tier: Tier) -> float:
    return ANSWER_TOKENS + known.request_options(model, tier).thinking_allowance_tokens / 2
