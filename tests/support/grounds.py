"""The pure steps of the changes layer in tests: what there is to tell, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from kibitz_context import markup
from kibitz_context.caching.advance import Advanced, Ground
from kibitz_context.caching.policy import Decision
from kibitz_context.layers.changes import Now, entries_of
from kibitz_context.tokens import estimate
from kibitz_context.values import Context, Layer, Step
from support.context_reader import as_read

#: A file of some length.
BODY = "".join(f"line {number}\n" for number in range(60))


def ground(
    base: Mapping[str, str],
    now: Mapping[str, str],
    *,
    commit: str = "c1",
    untellable: tuple[str, ...] = (),
    budget: int = 10_000,
    most: int | None = None,
    in_hand: tuple[str, ...] = (),
) -> Ground:
    """What there is to tell of files that were `base` and are `now`."""
    entries = []
    for path in sorted({*base, *now} - set(untellable)):
        if base.get(path) != now.get(path):
            kind: Literal["modified", "untracked"] = "modified" if path in base else "untracked"
            entries += entries_of(Now(path, kind, now.get(path)), base.get(path))
    return Ground(
        commit, f"key of {commit}", repr(sorted(base.items())), 1_000, tuple(entries), untellable,
        base.keys(), base.keys(), budget, most, frozenset(in_hand),
    )  # fmt: skip


def decided(step: Step, promote_at: int | None = 2) -> Decision:
    return Decision(step, "1h", "5m", promote_at, "because")


def read(base: Mapping[str, str], advanced: Advanced) -> dict[str, str]:
    """The files as the layers tell them."""
    blocks = [markup.block("file", text, path=path) for path, text in sorted(base.items())]
    snapshot = markup.layer("snapshot", markup.section("repository", blocks))
    text = "".join((*advanced.plan.changes_log, advanced.plan.changes_tail))
    changes = Layer("changes", text, estimate(text))
    return as_read(Context(Path("/r"), "c1", snapshot, changes, Layer("task", "", 0)))
