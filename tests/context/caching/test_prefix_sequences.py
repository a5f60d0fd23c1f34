"""Long random sessions: what was sent stays sent, and what is told is so.

A developer edits, saves, commits, switches branches, pulls, stashes, leaves for lunch; after each
step a request is made.  Whatever happened, the bytes of the request before go on unless the policy
has given them up and says why, and the layers, read back, are the work tree.

Longer sessions: set ``SESSION_STEPS=400`` and ``SESSION_SEEDS=3,4``.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from kibitz_context.caching import prefix as prefixes
from kibitz_context.caching.prefix import PrefixRequest
from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import gather
from kibitz_context.values import CacheLifetime, Context, Prices
from support.context_reader import as_read
from support.git_folder import GitFolder, git_folder

N_STEPS = int(os.environ.get("SESSION_STEPS", "40"))
SEEDS = [int(seed) for seed in os.environ.get("SESSION_SEEDS", "1,2").split(",")]
PRICES = Prices(input=2e-6, write_5m=2.5e-6, write_1h=4e-6, read=1e-7, output=1e-5)
MAX_TOKENS = 20_000
LIFETIME_SECONDS: dict[CacheLifetime, int] = {"5m": 300, "1h": 3_600}


@dataclass
class Cache:
    """The prompt cache at the other end, as far as it is needed to tell a true expectation."""

    expires: dict[tuple[str, ...], tuple[float, CacheLifetime]] = field(default_factory=dict)

    def is_alive(self, blocks: tuple[str, ...], now: float) -> bool:
        return blocks in self.expires and now < self.expires[blocks][0]

    def take(self, context: Context, now: float) -> None:
        """A request with the prefix of `context` has begun."""
        plan = context.plan
        assert plan is not None
        marked: list[tuple[tuple[str, ...], CacheLifetime | None]] = [
            ((context.snapshot.text,), plan.snapshot_lifetime)
        ]
        if plan.changes_log:
            marked.append(((context.snapshot.text, *plan.changes_log), plan.changes_lifetime))
        for blocks, lifetime in marked:
            if lifetime is None:
                continue
            # What is read keeps the lifetime it was written with.
            if self.is_alive(blocks, now):
                lifetime = self.expires[blocks][1]
            self.expires[blocks] = (now + LIFETIME_SECONDS[lifetime], lifetime)


class Session:
    """A developer at work in a clone, a colleague in another one, and a clock of their own."""

    def __init__(self, folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chance = random.Random(seed)
        self.now = 1_800_000_000.0
        monkeypatch.setattr(time, "time", lambda: self.now)
        colleague = git_folder(folder / "colleague", self._files())
        colleague.git("clone", "-q", "--bare", ".", "../origin.git")
        colleague.git("remote", "add", "origin", "../origin.git")
        colleague.git("fetch", "-q")
        colleague.git("branch", "-q", "-u", "origin/main")
        colleague.git("clone", "-q", "../origin.git", "../clone")
        self.colleague, self.clone = colleague, GitFolder(folder / "clone")
        self.repository = Repository.find(self.clone.root)
        self.gate = Gate(self.clone.root)
        self.store = folder / "store"
        self.buffers: dict[Path, str] = {}
        self.unsaved: set[Path] = set()
        self.cache = Cache()
        self.sent: Context | None = None
        self.n = 0

    # -- what happens ---------------------------------------------------------------------------

    def _files(self) -> dict[str, str | bytes]:
        return {
            f"{folder}m{n}.py": "".join(f"value_{line} = {n * line}\n" for line in range(30))
            for n in range(4)
            for folder in ("", "pkg/")
        } | {".gitignore": "*.log\n", "AGENTS.md": "Be brief.\n"}

    def _text(self, before: str) -> str:
        self.n += 1
        lines = before.split("\n")
        at = self.chance.randrange(len(lines))
        lines[at : at + self.chance.randrange(3)] = [f"edit_{self.n} = {self.chance.random()}"]
        return "\n".join(lines).rstrip("\n") + "\n"

    def _some_path(self) -> str:
        listed = self._listed()
        paths = [path for path in listed if path.endswith(".py") and self._file(path).is_file()]
        return self.chance.choice(paths)

    def _listed(self) -> list[str]:
        """What git tracks or would."""
        return self.clone.git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split(
            "\0"
        )

    def _new_path(self) -> str:
        return f"pkg/new{self.chance.randrange(3)}.py"

    def _new_text(self) -> str:
        return self._text("".join(f"new_{line} = {self.n}\n" for line in range(25)))

    def _file(self, path: str) -> Path:
        return self.clone.root / path

    def _tried(self, *arguments: str) -> None:
        """Git may refuse: a developer sees that and goes on."""
        try:
            self.clone.git(*arguments)
        except AssertionError:
            for way_out in ("merge", "rebase", "cherry-pick"):
                try:
                    self.clone.git(way_out, "--abort")
                except AssertionError:
                    continue

    def edit(self) -> None:
        path = self._some_path()
        self.clone.write({path: self._text(self._file(path).read_text())})

    def type(self) -> None:
        file = self._file(self._some_path())
        self.buffers[file] = self._text(self.buffers.get(file, file.read_text()))

    def save(self) -> None:
        for file, text in self.buffers.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.buffers.clear()
        self.unsaved.clear()

    def touch(self) -> None:
        os.utime(self._file(self._some_path()), (self.now, self.now))

    def save_unchanged(self) -> None:
        file = self._file(self._some_path())
        file.write_bytes(file.read_bytes())

    def take_back(self) -> None:
        self._tried("checkout", "-q", "--", self._some_path())

    def add_file(self) -> None:
        self.clone.write({self._new_path(): self._new_text()})

    def begin_file(self) -> None:
        """A new file that is not on the disk yet."""
        file = self._file(self._new_path())
        if not file.exists():
            self.buffers[file] = self._new_text()
            self.unsaved.add(file)

    def work_on_new(self) -> None:
        """Go on with what is new, in the editor or on the disk."""
        files = [self._file(path) for path in self._listed() if path.startswith("pkg/new")]
        files = [file for file in (*files, *self.unsaved) if file.exists() or file in self.unsaved]
        if not files:
            self.add_file()
            return
        file = self.chance.choice(files)
        if file in self.buffers or self.chance.random() < 0.5:
            before = self.buffers.get(file) or file.read_text()
            self.buffers[file] = self._text(before)
        else:
            file.write_text(self._text(file.read_text()))

    def ignored_file(self) -> None:
        self.clone.write({"noise.log": f"{self.n}\n"})

    def remove_file(self) -> None:
        self._file(self._some_path()).unlink()

    def rename_file(self) -> None:
        path = self._some_path()
        self._tried("mv", path, f"{path[:-3]}_{self.n}.py")

    def commit(self) -> None:
        self.clone.commit()

    def amend(self) -> None:
        self.clone.git("add", "-A")
        self._tried("commit", "-q", "--amend", "--no-edit", "--allow-empty")

    def switch(self) -> None:
        branch = self.chance.choice(["one", "two", "main"])
        self._tried("switch", "-q", branch)

    def branch(self) -> None:
        self._tried("switch", "-q", "-c", self.chance.choice(["one", "two"]))

    def stash(self) -> None:
        self._tried("stash", "-q", "--include-untracked")

    def pop(self) -> None:
        self._tried("stash", "pop", "-q")

    def merge(self) -> None:
        self._tried("merge", "-q", "--no-edit", self.chance.choice(["one", "two", "main"]))

    def conflict(self) -> None:
        """A merge that may stop in the middle, and stays there until the next step."""
        try:
            self.clone.git("merge", "-q", "--no-edit", "origin/main")
        except AssertionError:
            return

    def out_of_conflict(self) -> None:
        self._tried("merge", "--abort")

    def colleague_pushes(self) -> None:
        path = self.chance.choice(["m0.py", "pkg/m1.py", f"theirs{self.chance.randrange(3)}.py"])
        file = self.colleague.root / path
        before = file.read_text() if file.exists() else "theirs = 1\n"
        self.colleague.commit({path: self._text(before)})
        self.colleague.git("push", "-q", "origin", "HEAD:main")

    def pull(self) -> None:
        self._tried("pull", "-q", "--rebase=false", "--no-edit", "origin", "main")

    def fetch(self) -> None:
        self._tried("fetch", "-q")

    def rebase(self) -> None:
        self._tried("rebase", "-q", "origin/main")

    def reset(self) -> None:
        self._tried("reset", "-q", "--hard", "HEAD~1")

    def tidy(self) -> None:
        self._tried("gc", "-q")

    def nothing(self) -> None:
        """Another question about the same state."""

    EVENTS: tuple[tuple[Callable[[Session], None], int], ...] = (
        *((edit, 8), (type, 6), (save, 6), (nothing, 8), (commit, 5), (add_file, 2), (touch, 2)),
        *((begin_file, 2), (work_on_new, 8)),
        *((save_unchanged, 2), (take_back, 2), (ignored_file, 1), (remove_file, 2)),
        *((rename_file, 1), (amend, 1), (switch, 4), (branch, 1), (stash, 2), (pop, 2)),
        *((merge, 1), (conflict, 1), (out_of_conflict, 1), (colleague_pushes, 3), (pull, 2)),
        *((fetch, 2), (rebase, 1), (reset, 1), (tidy, 1)),
    )

    def step(self) -> str:
        events = [event for event, _ in self.EVENTS]
        (event,) = self.chance.choices(events, [weight for _, weight in self.EVENTS])
        event(self)
        # Buffers of files that are gone are closed, as an editor's user would.
        self.unsaved = {file for file in self.unsaved if not file.exists()}
        self.buffers = {
            file: text
            for file, text in self.buffers.items()
            if file.exists() or file in self.unsaved
        }
        self.now += self.chance.choice([3, 20, 20, 100, 290, 400, 900, 3_500, 5_000, 9_000])
        return event.__name__

    # -- a request, and what must be true of it -------------------------------------------------

    def request(self, *, record: bool = True) -> Context:
        asked = PrefixRequest("a-model", prices=PRICES, record=record)
        return gather(
            self.repository,
            self.gate,
            max_tokens=MAX_TOKENS,
            overlays=self.buffers,
            prefix=asked,
        )

    def truth(self) -> dict[str, str]:
        """The files as they are: buffers before the disk, without what is ignored."""
        paths = {path for path in self._listed() if path and self._file(path).is_file()}
        texts = {path: self._file(path).read_text() for path in paths}
        for file, text in self.buffers.items():
            texts[file.relative_to(self.clone.root).as_posix()] = text
        return texts

    def ask(self, after: str) -> str:
        """Make a request and check it against everything that is known; gives the step."""
        before = self.sent
        preview = self.request(record=False)
        context = self.request()
        plan = context.plan
        assert plan is not None
        assert replace(preview, prefix=context.prefix) == context, "what is shown is what is sent"
        assert "".join((*plan.changes_log, plan.changes_tail)) == context.changes.text
        assert as_read(context) == self.truth(), after

        blocks = (context.snapshot.text, *plan.changes_log)
        if before is not None:
            assert before.plan is not None
            sent = (before.snapshot.text, *before.plan.changes_log)
            if blocks[: len(sent)] != sent:
                assert plan.step in ("fold", "return", "rebuild"), after
                assert plan.reason, after
            if plan.step in ("fold", "return"):
                assert blocks[0] == sent[0], after
            if plan.step == "return":
                assert plan.log_blocks_alive, after
            if plan.step == "keep":
                assert blocks[: len(sent)] == sent, after
        # A snapshot that was sent once before, for another commit, may be there unexpectedly.
        is_alive = self.cache.is_alive(blocks[:1], self.now)
        assert plan.snapshot_alive == is_alive or plan.step == "rebuild", after
        assert is_alive or not plan.snapshot_alive, after
        if plan.log_blocks_alive:
            assert self.cache.is_alive(blocks[: 1 + plan.log_blocks_alive], self.now), after
        self.cache.take(context, self.now)
        prefixes.began(context)
        self.sent = context
        return plan.step


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_sent_stays_unless_the_policy_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    session = Session(tmp_path, seed, monkeypatch)
    assert session.ask("the beginning") == "first"
    steps = [session.ask(f"step {number}: {session.step()}") for number in range(N_STEPS)]
    assert steps.count("keep") > len(steps) / 2
