"""The repository of a made-up working day as a real one on the disk, in step with the world."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.replay_traces import Action, Save, Trace
from bench.replay_world import Blocks, Made, World


@dataclass(frozen=True, slots=True)
class Scene:
    """The working tree at an action: `overlays` are the unsaved buffers."""

    action: Action
    text: str
    overlays: dict[Path, str]
    now: dict[str, Blocks]
    head: Made


@dataclass(slots=True)
class Replica:
    """A clone in `root` in which a trace is played.

    All commits of the trace are made beforehand, so that playing moves branches only.
    """

    root: Path
    trace: Trace
    _hashes: dict[int, str] = field(default_factory=dict)
    _shown: tuple[str, int, int] = ("", -1, -1)

    def scenes(self) -> Iterator[Scene]:
        """The repository stands on the disk as described until the next one is asked for."""
        self._make_commits()
        world = World()
        self._follow(world)
        for event in self.trace.events:
            if isinstance(event, Save):
                self._write(world.buffers)
            world.play(event)
            self._follow(world)
            if isinstance(event, Action):
                yield self._scene(world, event)

    def _scene(self, world: World, event: Action) -> Scene:
        overlays = {self.root / path: "".join(blocks) for path, blocks in world.buffers.items()}
        now = world.now()
        return Scene(event, "".join(now[event.path]), overlays, now, world.head)

    def _follow(self, world: World) -> None:
        """Check out what the world has checked out, and show what it knows of main."""
        shown = (world.branch, world.head.number, world.main.number)
        if shown == self._shown:
            return
        head, main = self._hashes[world.head.number], self._hashes[world.main.number]
        if shown[2] != self._shown[2]:
            self._git("update-ref", "refs/remotes/origin/main", main)
        if shown[:2] != self._shown[:2]:
            self._git("checkout", "-q", "-f", "-B", world.branch, head)
        self._shown = shown

    def _write(self, texts: dict[str, Blocks]) -> None:
        for path, blocks in texts.items():
            (self.root / path).write_text("".join(blocks), encoding="utf-8", newline="")

    def _make_commits(self) -> None:
        world = World()
        for event in self.trace.events:
            world.play(event)
        self._git("init", "-q", "-b", "main")
        for key, value in (("user.name", "a"), ("user.email", "a@example.org"), ("gc.auto", "0")):
            self._git("config", key, value)
        marks = self.root / ".git" / "made"
        self._git(
            "fast-import",
            "--quiet",
            f"--export-marks={marks}",
            said="".join(_imported(commit) for commit in world.commits),
        )
        for line in marks.read_text().splitlines():
            mark, digest = line.split()
            self._hashes[int(mark[1:]) - 1] = digest
        self._git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")

    def _git(self, *arguments: str, said: str | None = None) -> None:
        subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            input=said.encode() if said is not None else None,
            check=True,
            capture_output=True,
        )


def _imported(commit: Made) -> str:
    """A commit in the language of `git fast-import`; marks count from one."""
    when = 1_700_000_000 + 60 * commit.number
    parts = [
        f"commit refs/made/{commit.number}\nmark :{commit.number + 1}\n"
        f"committer a <a@example.org> {when} +0000\ndata 1\n.\n"
    ]
    parent = commit.parent
    if parent is not None:
        parts.append(f"from :{parent.number + 1}\n")
    for path, blocks in commit.tree.items():
        if parent is None or parent.tree.get(path) is not blocks:
            text = "".join(blocks)
            parts.append(f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n")
    return "".join((*parts, "\n"))
