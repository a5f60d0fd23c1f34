"""Somebody who works in a real repository and asks about it, with a clock of their own."""

from __future__ import annotations

from pathlib import Path

from kibitz_context.caching.prefix import PrefixRequest, began
from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import Focus, gather
from kibitz_context.layers.snapshots import build, store_in, wanted
from kibitz_context.ranking.rank import Ranking
from kibitz_context.texts.outline import outline
from kibitz_context.values import Context, Plan, Prices
from support.git_folder import GitFolder

PRICES = Prices(3e-6, 3.75e-6, 6e-6, 3e-7, 1.5e-5)
REQUEST = PrefixRequest("claude-x", PRICES)
MAX_TOKENS = 5_000


class Clock:
    """The time that requests are sent at, in seconds."""

    now = 1_000_000.0


class Editor:
    """Somebody who works in a repository and asks about it."""

    def __init__(self, made: GitFolder, cache: Path | None, request: PrefixRequest = REQUEST):
        self.made = made
        self.cache = cache
        self.request = request
        self.buffers: dict[Path, str] = {}

    def ask(
        self,
        *,
        max_tokens: int = MAX_TOKENS,
        focus: Focus | None = None,
        is_sent: bool = True,
        **rules: list[str],
    ) -> Context:
        repository = Repository.find(self.made.root)
        context = gather(
            repository,
            Gate(repository.root, **rules),
            max_tokens=max_tokens,
            focus=focus,
            overlays=self.buffers,
            cache=self.cache,
            prefix=self.request,
        )
        if is_sent:
            began(context)
        return context

    def prepare(self, max_tokens: int = MAX_TOKENS) -> None:
        """What the indexer does."""
        assert self.cache is not None
        repository = Repository.find(self.made.root)
        store = store_in(self.cache)
        found = wanted(repository, Gate(repository.root), max_tokens, store)
        assert found is not None
        build(
            found,
            store,
            ranking=Ranking({}, {}),
            outline_of=lambda _, text: outline(text),
        )


def plan(context: Context) -> Plan:
    assert context.plan is not None
    return context.plan


def prefix_of(context: Context) -> tuple[str, ...]:
    """What is sent in front of the last marker."""
    return (context.snapshot.text, *plan(context).changes_log)


def grows(before: Context, after: Context) -> bool:
    """Whether `after` begins with all that `before` had in front of its last marker."""
    return prefix_of(after)[: len(prefix_of(before))] == prefix_of(before)
