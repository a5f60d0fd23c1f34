"""A repository, and an editor that asks about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_context.caching import policy
from kibitz_context.caching.policy import Decision
from support.asking_editor import Clock, Editor
from support.git_folder import GitFolder, git_folder
from support.prefix_files import FILES


@pytest.fixture
def made(tmp_path: Path) -> GitFolder:
    return git_folder(tmp_path / "root", FILES)


@pytest.fixture
def editor(made: GitFolder, tmp_path: Path, clock: Clock) -> Editor:
    editor = Editor(made, tmp_path / "cache")
    editor.prepare()
    return editor


@pytest.fixture
def keeps_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that gives nothing up by itself and buys at the second sighting."""

    def decide(state: policy.State) -> Decision:
        return Decision("keep" if state.prefix_known else "first", "1h", "5m", 2, "as before")

    monkeypatch.setattr(policy, "decide", decide)


@pytest.fixture
def offers(monkeypatch: pytest.MonkeyPatch) -> list[policy.Rebuild | None]:
    """A policy that takes whatever newer base it is offered: what each request offered it."""
    offers: list[policy.Rebuild | None] = []

    def decide(state: policy.State) -> Decision:
        offers.append(state.rebuild)
        step = "rebuild" if state.rebuild else "keep" if state.prefix_known else "first"
        return Decision(step, "1h", "5m", 2, "a newer base")  # type: ignore[arg-type]

    monkeypatch.setattr(policy, "decide", decide)
    return offers
