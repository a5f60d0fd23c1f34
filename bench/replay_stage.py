"""The stage: a trace is played in a real repository, and all players ask at each action."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from bench.replay_git import Replica, Scene
from bench.replay_players import Player
from bench.replay_session import Seen, Session
from bench.replay_traces import Trace
from kibitz_context.buffers import allowed_buffers
from kibitz_context.caching import view
from kibitz_context.caching.course import Lookout
from kibitz_context.files.repository import Repository
from kibitz_context.gate.baseline import bases, opened
from kibitz_context.gate.gate import Gate
from kibitz_context.layers import task
from kibitz_context.layers.changes import changes_budget
from kibitz_context.lines import Span
from kibitz_context.remembered import Remembered
from kibitz_context.values import Focus, Layer

MAX_TOKENS = 60_000
SELECTED_CHARACTERS = 800
QUESTION = "What happens here when the limit is 0, and what do callers rely on?"


def play(trace: Trace, players: Sequence[Player], folder: Path) -> Session:
    """Play the whole trace in an empty folder; the players' bills tell what it cost them."""
    # Each player has its base, and none is to pay in time for the others'.
    with mock.patch.object(view, "_snapshots", Remembered(200)):
        return _played(trace, players, folder)


def _played(trace: Trace, players: Sequence[Player], folder: Path) -> Session:
    session = Session(trace)
    replica = Replica(folder, trace)
    repository: Repository | None = None
    last_at: float | None = None
    for scene in replica.scenes():
        repository = repository or Repository.find(folder)
        now = scene.action.at
        if last_at is not None:
            for player in players:
                player.wait(last_at, now, trace.awake)
        _ask_all(players, scene, repository)
        session.seen.append(Seen(now, scene.head, scene.now))
        last_at = now
    return session


def _ask_all(players: Sequence[Player], scene: Scene, repository: Repository) -> None:
    gate, text = Gate(repository.root), scene.text
    middle = len(text) // 2
    focus = Focus(scene.action.path, text, Span(middle, middle + SELECTED_CHARACTERS))
    found = bases(repository, changes_budget(MAX_TOKENS), repository.head())
    with opened(repository, gate, lambda: None) as sources:
        lookout = Lookout(
            sources,
            found,
            lambda seen: allowed_buffers(seen, scene.overlays, focus, {}),
            MAX_TOKENS,
            None,
        )
        # The same task for everybody: what is compared is how the layers are kept.
        shown = _task(lookout, focus)
        words = f"<region>\n{text[middle : middle + SELECTED_CHARACTERS]}\n</region>\n{QUESTION}"
        changed = sorted(
            path for path, blocks in scene.now.items() if blocks is not scene.head.tree.get(path)
        )
        state = [scene.head.number, *((path, scene.now[path]) for path in changed)]
        map_of = hashlib.sha256(repr((state, focus.path)).encode()).hexdigest()
        for player in players:
            player.ask(lookout, shown, words, map_of, scene.action.at)


def _task(lookout: Lookout, focus: Focus) -> Layer:
    seen = lookout.preferred
    told = {entry.path: entry.form for entry in seen.changes.entries}
    layer, _ = task.build(
        seen.sources,
        task.Seen(seen.snapshot.whole, told, seen.changes.texts),
        focus,
        QUESTION,
        MAX_TOKENS,
    )
    return layer
