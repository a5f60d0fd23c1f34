"""How large the snapshot of a tier may be."""

from __future__ import annotations

from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts.affordable import affordable_snapshot_tokens
from kibitz.claude.values import Tier
from kibitz.settings import Settings

# The fast tier's model costs several times as much above 100,000 tokens of prompt.  With this
# snapshot and the shares that the other layers have of it, a prompt of the densest text is below
# that.  Higher: layers are cut at the last moment, and the prefix with them.
FAST_SNAPSHOT_TOKENS = 40_000

# Models of Claude's read as much as anybody sets.  Those that run on a desk do not: of their window
# the snapshot takes a share, and leaves the rest to the task and the reply.
SMALL_WINDOW_TOKENS = 100_000
SNAPSHOT_SHARE_OF_A_SMALL_WINDOW = 0.35


def snapshot_tokens(
    settings: Settings, known: Catalogue, tier: Tier, model: str | None = None
) -> int:
    """How large the snapshot of a tier may be: by `context.max_tokens`, by what its model reads,
    and by what one request may cost."""
    model = model or settings.models.of(tier)
    most = [settings.context.max_tokens]
    window = known.context_tokens(model)
    if window is not None and window < SMALL_WINDOW_TOKENS:
        most.append(int(window * SNAPSHOT_SHARE_OF_A_SMALL_WINDOW))
    if tier == "fast":
        most.append(FAST_SNAPSHOT_TOKENS)
    paid = affordable_snapshot_tokens(known, model, tier, settings.budget.request_usd)
    return min(most) if paid is None else min(*most, paid)
