"""A repository as it is now, seen from one base: the snapshot, and what differs from it.

Knows where a snapshot's text comes from: built here and remembered, or, where there is a cache
folder, built by the indexer and read; until then there is a provisional one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kibitz_context.caching.advance import Ground
from kibitz_context.gate.baseline import Baseline, Sources, baseline
from kibitz_context.layers import changes, snapshot, snapshots
from kibitz_context.layers.changes import Changes, Listed, changes_budget
from kibitz_context.layers.snapshot import Snapshot
from kibitz_context.remembered import Remembered

MAX_REMEMBERED_SNAPSHOTS = 6


@dataclass(frozen=True)
class View:
    """What is to be seen from the base of `sources`; looked at when it is asked for.

    `buffers` tells the open buffers that may be sent, by path.  `kept` is the snapshot of a
    folder at an earlier moment, of which `sources` are then; None: the folder's as it is now, or
    a commit's.
    """

    sources: Sources
    buffers: Callable[[View], Mapping[str, str]]
    max_tokens: int
    cache: Path | None
    kept: Snapshot | None = None

    @property
    def base(self) -> Baseline:
        return self.sources.base

    @cached_property
    def listed(self) -> Listed:
        if self.kept is not None:
            return changes.listed_since(self.base, self._folder_now)
        return changes.listed(self.sources.repository, self.base.commit)

    @cached_property
    def _folder_now(self) -> Baseline:
        return baseline(self.sources.repository, None) if self.kept is not None else self.base

    def is_listed(self, path: str) -> bool:
        """Whether git tracks `path` or has just listed it as not ignored."""
        if self.base.commit is None:
            return path in self._folder_now.by_path
        # A set of fifty thousand paths would be milliseconds in which no event loop is served, and
        # as many whenever garbage is looked for.
        if path in self.base.by_path and path not in self.listed.forgotten:
            return True
        return path in self._new_paths

    @cached_property
    def _new_paths(self) -> AbstractSet[str]:
        changed = {each.path for each in self.listed.changed if each.kind != "deleted"}
        return changed | set(self.listed.untracked)

    @cached_property
    def hidden(self) -> frozenset[str]:
        """Files of the base that have since been told to be forgotten and ignored: private."""
        if self.kept is not None:
            gone = self.base.by_path.keys() - self._folder_now.by_path.keys()
            root = self.sources.gate.root
            return frozenset(path for path in gone if os.path.lexists(root / path))
        return changes.hidden(self.sources.repository, self.base, self.listed)

    @cached_property
    def snapshot_key(self) -> str:
        return snapshots.snapshot_key(
            self.sources.repository, self.sources.gate, self.base, self.hidden, self.max_tokens
        )

    @cached_property
    def prepared(self) -> Snapshot | None:
        """The whole snapshot, as far as it can be had without building it elsewhere."""
        if self.kept is not None:
            return self.kept
        if self.cache is None or self.base.commit is None:
            return self._remembered(self.snapshot_key, is_whole=True)
        known = _snapshots.get((self.cache, self.snapshot_key))
        if known is None:
            known = snapshots.store_in(self.cache).get(self.snapshot_key)
            # One that lacks something is to be replaced as soon as that is there.
            if known is not None and not known.lacking:
                _snapshots.put((self.cache, self.snapshot_key), known)
        return known

    @property
    def provisional(self) -> bool:
        return self.prepared is None

    @cached_property
    def snapshot(self) -> Snapshot:
        if self.prepared is not None:
            return self.prepared
        return self._remembered(self.provisional_key, is_whole=False)

    @property
    def shown_key(self) -> str:
        """Names the bytes of `snapshot`: a folder's are those of the moment, and so are those of a
        commit of which this clone lacks something."""
        if self.base.commit is not None and self.provisional:
            return self.provisional_key
        if self.base.commit is None or self.snapshot.lacking:
            return f"{self.snapshot_key}-{self.snapshot.layer.sha256}"
        return self.snapshot_key

    def keep(self) -> None:
        """See to it that what is shown of a folder can be shown again."""
        if self.base.commit is None and self.kept is None:
            snapshots.store_in(self.cache).put(self.shown_key, self.snapshot)

    @property
    def provisional_key(self) -> str:
        return f"{self.snapshot_key}-provisional"

    @cached_property
    def overlays(self) -> Mapping[str, str]:
        """The open buffers that may be sent, by path."""
        return self.buffers(self)

    @cached_property
    def changes(self) -> Changes:
        return changes.found(
            self.listed,
            self.sources,
            self.overlays,
            self.hidden,
            changes_budget(self.max_tokens),
        )

    @property
    def _shown_base_paths(self) -> AbstractSet[str]:
        paths = self.base.by_path.keys()
        return paths - self.hidden if self.hidden else paths

    @cached_property
    def ground(self) -> Ground:
        gate = self.sources.gate
        return Ground(
            base=self.base.commit,
            snapshot_key=self.shown_key,
            snapshot_digest=self.snapshot.layer.sha256,
            snapshot_tokens=self.snapshot.layer.tokens,
            entries=self.changes.entries,
            in_hand=self.overlays.keys(),
            untellable=tuple(
                each.path for each in self.changes.omitted if gate.name_refusal(each.path) is None
            ),
            base_paths=self._shown_base_paths,
            shown_paths={
                use.path for use in self.snapshot.layer.files if use.form in ("full", "outline")
            },
            budget_tokens=changes_budget(self.max_tokens),
        )

    def _remembered(self, key: str, *, is_whole: bool) -> Snapshot:
        """A snapshot that is built here; remembered for a commit, a folder's is made anew."""
        if self.base.commit is None:
            return snapshot.build(self.sources, self.hidden, self.max_tokens)
        make = snapshot.build if is_whole else snapshot.build_provisional
        return _snapshots.get_or_make(
            (self.cache, key), lambda: make(self.sources, self.hidden, self.max_tokens)
        )


_snapshots: Remembered[tuple[Path | None, str], Snapshot] = Remembered(MAX_REMEMBERED_SNAPSHOTS)
