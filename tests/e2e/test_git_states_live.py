"""A server that runs while git changes under it: each request shows the files as they are.

The layers of what is sent are read back as Claude would read them, and compared with the disk and
the editor's buffer.  `tests/context/files/git_states` has the same of each state by itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kibitz.standin import Exchange, Reply
from support.context_reader import as_read
from support.git_folder import GitFolder
from support.workshop import Workshop, open_workshop

A = "".join(f"line_{number} = {number}\n" for number in range(40))
FILES: dict[str, str | bytes] = {
    "a.py": A,
    "b.py": "b = 2\n",
    "d/c.py": "c = 3\n",
    "d/deep/e.py": "e = 5\n",
    "open.py": "saved = True\n",
    ".gitignore": "*.log\n",
}
TYPED = "unsaved = saved = True\n"


class Work:
    """A work tree, and what of it is to be shown.

    `withheld` are files that are there and may not be sent; `unseen` are texts of files that are
    not on the disk, but in what git has checked out.
    """

    def __init__(self, shop: Workshop) -> None:
        self.shop = shop
        self.root = shop.root
        self.repository = GitFolder(shop.root)
        self.git = self.repository.git
        self.aside = shop.root.parent / "aside"
        self.withheld: set[str] = set()
        self.unseen: dict[str, str] = {}

    def fails(self, *arguments: str) -> None:
        with pytest.raises(AssertionError):
            self.git(*arguments)

    async def shown(self) -> dict[str, str]:
        """The files as the next request shows them."""
        self.shop.standin.enqueue(Reply("Because.\n"))
        await self.shop.do("kibitz.ask", instruction="Why?")
        return as_sent(self.shop.standin.journal.last)

    def there(self) -> dict[str, str]:
        """The files as they are; what is typed wins."""
        not_ours = tuple(f"{git.parent}/" for git in self.root.glob("*/.git"))
        git = f"{self.root / '.git'}/"
        files = [
            file
            for file in self.root.rglob("*")
            if file.is_file() and file.name != ".git" and not str(file).startswith((git, *not_ours))
        ]
        found = {
            file.relative_to(self.root).as_posix(): file.read_bytes().decode().replace("\r\n", "\n")
            for file in files
        }
        for name in self.withheld:
            found.pop(name, None)
        return {**found, **self.unseen, "open.py": TYPED}


def as_sent(exchange: Exchange) -> dict[str, str]:
    blocks = [block["text"] for block in exchange.request.body["system"][1:]]
    has_snapshot = bool(blocks) and blocks[0].startswith("<repository>")
    layers: Any = SimpleNamespace(
        snapshot=SimpleNamespace(text=blocks[0] if has_snapshot else ""),
        changes=SimpleNamespace(text="".join(blocks[has_snapshot:])),
    )
    return as_read(layers)


# --- what happens between two requests ---------------------------------------------------------


def another_branch(work: Work) -> None:
    work.git("switch", "-q", "-c", "other")
    text = A.replace("= 3\n", "= 30\n")
    work.repository.commit({"a.py": text, "new.py": "new = 1\n", "open.py": "theirs = 1\n"})


def back_on_main(work: Work) -> None:
    work.git("switch", "-q", "main")


def committed(work: Work) -> None:
    work.repository.commit({"b.py": "b = 21\n", "a.py": A.replace("= 3\n", "= 33\n")})


def stashed(work: Work) -> None:
    work.repository.write({"b.py": "b = 20\n", "d/new.py": "n = 1\n"})
    work.git("stash", "-q", "--include-untracked")


def popped(work: Work) -> None:
    work.git("stash", "pop", "-q")


def merge_stopped(work: Work) -> None:
    work.fails("merge", "other")
    assert "<<<<<<<" in (work.root / "a.py").read_text()


def merge_given_up(work: Work) -> None:
    work.git("reset", "-q", "--hard")


def rebase_stopped(work: Work) -> None:
    work.git("switch", "-q", "other")
    work.fails("rebase", "main")
    assert "<<<<<<<" in (work.root / "a.py").read_text()


def rebase_given_up(work: Work) -> None:
    work.git("rebase", "--abort")


def detached(work: Work) -> None:
    work.git("checkout", "-q", "--detach", "main~1")


def a_sparse_checkout(work: Work) -> None:
    work.git("switch", "-q", "main")
    work.git("sparse-checkout", "set", "--cone", "--sparse-index")
    assert not (work.root / "d/c.py").exists()
    work.unseen = {"d/c.py": "c = 3\n", "d/deep/e.py": "e = 5\n"}


def a_whole_checkout(work: Work) -> None:
    work.git("sparse-checkout", "disable")
    work.unseen = {}


def an_index_gone(work: Work) -> None:
    (work.root / ".git/index").unlink()


def an_index_again(work: Work) -> None:
    work.git("reset", "-q")


def a_file_gone(work: Work) -> None:
    (work.root / "d/c.py").unlink()


def a_damaged_head(work: Work) -> None:
    shutil.copy(work.root / ".git/HEAD", work.aside)
    (work.root / ".git/HEAD").write_text("nonsense\n")


def a_mended_head(work: Work) -> None:
    shutil.move(work.aside, work.root / ".git/HEAD")


def line_endings(work: Work) -> None:
    work.git("config", "core.autocrlf", "true")
    (work.root / "b.py").write_bytes((work.root / "b.py").read_bytes().replace(b"\n", b"\r\n"))


def no_repository(work: Work) -> None:
    shutil.move(work.root / ".git", work.aside)


def the_repository_again(work: Work) -> None:
    shutil.move(work.aside, work.root / ".git")


def declared_bare(work: Work) -> None:
    work.git("config", "core.bare", "true")


def not_bare(work: Work) -> None:
    work.git("config", "core.bare", "false")


def a_submodule(work: Work) -> None:
    work.git("clone", "-q", ".", "sub")
    work.git("add", "sub")
    work.git("commit", "-q", "-m", "sub")


def packed(work: Work) -> None:
    work.git("gc", "-q", "--prune=now")


def withheld_by_kibitzignore(work: Work) -> None:
    work.repository.write({".kibitzignore": "b.py\n"})
    work.withheld.add("b.py")


def forgotten_and_ignored(work: Work) -> None:
    work.git("rm", "-q", "--cached", "d/deep/e.py")
    work.repository.write({".gitignore": "*.log\ne.py\n"})
    work.withheld.add("d/deep/e.py")


def everything_allowed(work: Work) -> None:
    (work.root / ".kibitzignore").unlink()
    work.repository.write({".gitignore": "*.log\n"})
    work.withheld.clear()


def no_commit_yet(work: Work) -> None:
    work.git("reset", "-q", "--hard")
    work.git("switch", "-q", "--orphan", "empty")
    work.repository.write({"first.py": "first = 1\n", "a.py": "a = 1\n"})


def a_first_commit(work: Work) -> None:
    work.repository.commit()


def a_shallow_clone(work: Work) -> None:
    work.git("clone", "-q", "--depth=1", f"file://{work.root}", str(work.aside))
    shutil.rmtree(work.root / ".git")
    shutil.move(work.aside / ".git", work.root / ".git")
    shutil.rmtree(work.aside)


def a_linked_work_tree(work: Work) -> None:
    shutil.move(work.root / ".git", work.aside)
    linked = work.root.parent / "linked"
    work.git(f"--git-dir={work.aside}", "worktree", "add", "-q", "--no-checkout", str(linked))
    shutil.move(linked / ".git", work.root / ".git")
    GitFolder(work.aside).git("worktree", "repair", str(work.root))
    work.git("reset", "-q")


STATES: tuple[Callable[[Work], None], ...] = (
    another_branch,
    back_on_main,
    committed,
    stashed,
    popped,
    merge_given_up,
    merge_stopped,
    merge_given_up,
    rebase_stopped,
    rebase_given_up,
    detached,
    a_sparse_checkout,
    a_whole_checkout,
    an_index_gone,
    an_index_again,
    a_file_gone,
    a_damaged_head,
    a_mended_head,
    line_endings,
    no_repository,
    the_repository_again,
    declared_bare,
    not_bare,
    a_submodule,
    packed,
    withheld_by_kibitzignore,
    forgotten_and_ignored,
    everything_allowed,
    no_commit_yet,
    a_first_commit,
    back_on_main,
    a_shallow_clone,
    a_linked_work_tree,
)


@pytest.mark.parametrize(
    "profile",
    [
        # Tells of what has changed.
        "honest",
        # Tells of nothing: the server watches the folders itself.
        pytest.param("neovim", marks=pytest.mark.real),
    ],
)
async def test_whatever_git_does_the_files_are_shown_as_they_are(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile=profile, files=FILES) as shop:
        work = Work(shop)
        text = await shop.open("open.py")
        shop.client.type(text, 0, "unsaved = ")
        assert await work.shown() == work.there()
        wrong: dict[str, dict[str, tuple[str | None, str | None]]] = {}
        for happens in STATES:
            before = work.there()
            happens(work)
            now = work.there()
            if profile == "honest":
                paths = {path for path in {**before, **now} if before.get(path) != now.get(path)}
                uris = [(work.root / path).as_uri() for path in sorted({*paths, ".git/HEAD"})]
                changes = [{"uri": uri, "type": 2} for uri in uris]
                shop.client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
            # Twice: what has held still is told in another place.
            for _ in range(2):
                shown = await work.shown()
                if shown != now:
                    wrong[happens.__name__] = {
                        path: (shown.get(path), now.get(path))
                        for path in {**shown, **now}
                        if shown.get(path) != now.get(path)
                    }
        assert wrong == {}
        assert not shop.client.messages(), "nobody was bothered"
