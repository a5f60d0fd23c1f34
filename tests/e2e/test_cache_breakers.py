"""What is known to break a prompt cache does not break this one.

Between two requests something happens that is none of the prefix's business; the second request
must read every token that the first has left behind, and write none.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from kibitz import paths
from kibitz.claude.spending.ledger import Ledger
from support.cached_work import Work, at_work, given_up, lost, snapshot_of


@pytest.fixture(autouse=True)
def same_zone_afterwards() -> Iterator[None]:
    """For `another_day`: the zone is the process's, and other tests run in it.

    Ends after `monkeypatch`, which has put the variable back by then.
    """
    yield
    time.tzset()


# --- what happens between two requests ---------------------------------------------------------


async def another_day(work: Work) -> None:
    """Three days later by every clock that Python knows, and in another zone."""
    really = time.time
    work.monkeypatch.setattr(time, "time", lambda: really() + 3 * 86_400)
    work.monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()


async def another_locale(work: Work) -> None:
    for name in ("LANG", "LC_ALL", "LANGUAGE"):
        work.monkeypatch.setenv(name, "tr_TR.UTF-8")


async def log_level(work: Work) -> None:
    work.client.settings["kibitz"] = {"log": {"level": "debug"}}
    work.client.notify("workspace/didChangeConfiguration", {"settings": None})


async def settings_that_select_nothing(work: Work) -> None:
    work.client.settings["kibitz"] = {
        "hover": {"mode": "off"},
        "review": {"min_severity": "error", "instructions": "Look at names."},
        "edit": {"streaming": "final"},
        "completion": {"trigger": "off"},
        # Not `request_usd`: the snapshot is no larger than one request may pay for.
        "budget": {"day_usd": 9.0},
    }
    work.client.notify("workspace/didChangeConfiguration", {"settings": None})


async def a_user_file(work: Work) -> None:
    folder = work.shop.home / "config/kibitz"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text('[log]\nlevel = "warning"\n')


async def trust(work: Work) -> None:
    await work.client.execute("kibitz.trust", {})


async def a_file_saved_unchanged(work: Work) -> None:
    file = work.shop.root / "shop.py"
    file.write_bytes(file.read_bytes())
    os.utime(file, (1, 1))
    work.client.save(work.text)
    work.tell_of("shop.py", "prices.py")


async def an_untracked_file(work: Work) -> None:
    work.write("notes.py", "NOTE = 1\n")


async def an_ignored_file(work: Work) -> None:
    work.write("noise.log", "noise\n")


async def a_staged_file(work: Work) -> None:
    work.git.git("add", "notes.py")


async def an_unsaved_change(work: Work) -> None:
    work.client.type(work.text, 0, "# unsaved\n")


async def another_branch(work: Work) -> None:
    work.git.git("switch", "-q", "-c", "other")
    work.git.commit({"shop.py": "from prices import total\n"})
    work.tell_of("shop.py")


async def the_branch_from_before(work: Work) -> None:
    work.git.git("switch", "-q", "main")
    work.tell_of("shop.py")


async def a_detached_head(work: Work) -> None:
    work.git.git("checkout", "-q", "--detach")


async def no_detached_head(work: Work) -> None:
    work.git.git("switch", "-q", "main")


async def line_ending_settings(work: Work) -> None:
    work.git.git("config", "core.autocrlf", "true")
    for name in ("shop.py", "README.md"):
        (work.shop.root / name).unlink()
        work.git.git("checkout", "-q", "--", name)
        assert b"\r\n" in (work.shop.root / name).read_bytes()
    work.tell_of("shop.py", "README.md")


async def line_ending_attributes(work: Work) -> None:
    work.write(".gitattributes", "*.py text eol=crlf\n")


async def settings_of_git(work: Work) -> None:
    for key, value in {
        "core.quotePath": "true",
        "diff.noprefix": "true",
        "core.abbrev": "5",
    }.items():
        work.git.git("config", key, value)


async def an_own_commit(work: Work) -> None:
    work.git.commit({"mine.py": "MINE = 1\n"})


async def an_amended_commit(work: Work) -> None:
    work.git.git("commit", "-q", "--amend", "-m", "Better words")


async def a_colleague_s_commit_fetched(work: Work) -> None:
    work.colleague.commit({"theirs.py": "THEIRS = 1\n"})
    work.colleague.git("push", "-q", "origin", "HEAD:main")
    work.git.git("fetch", "-q")


async def a_colleague_s_commit_pulled(work: Work) -> None:
    work.git.git("pull", "-q", "--rebase=false", "--no-edit")
    work.tell_of("theirs.py")


async def a_rebase(work: Work) -> None:
    work.colleague.git("pull", "-q", "--rebase=false")
    work.colleague.commit({"more.py": "MORE = 1\n"})
    work.colleague.git("push", "-q", "origin", "HEAD:main")
    work.write("shop.py", "# to be stashed\n")
    work.git.git("stash", "-q", "--include-untracked")
    work.git.git("pull", "-q", "--rebase")


async def a_stash_popped(work: Work) -> None:
    work.git.git("stash", "pop", "-q")


async def objects_packed_anew(work: Work) -> None:
    work.git.git("gc", "-q", "--prune=now")
    work.git.git("commit-graph", "write", "--reachable")


async def a_new_index(work: Work) -> None:
    (work.shop.root / ".git/index").unlink()
    work.git.git("reset", "-q")


async def other_rights(work: Work) -> None:
    (work.shop.root / "shop.py").chmod(0o600)


BETWEEN: tuple[Callable[[Work], Awaitable[None]], ...] = (
    another_day,
    another_locale,
    log_level,
    settings_that_select_nothing,
    a_user_file,
    trust,
    a_file_saved_unchanged,
    other_rights,
    settings_of_git,
    line_ending_settings,
    an_ignored_file,
    an_untracked_file,
    a_staged_file,
    a_detached_head,
    no_detached_head,
    another_branch,
    the_branch_from_before,
    an_unsaved_change,
    an_own_commit,
    an_amended_commit,
    a_colleague_s_commit_fetched,
    a_colleague_s_commit_pulled,
    a_rebase,
    a_stash_popped,
    objects_packed_anew,
    a_new_index,
    line_ending_attributes,
)


async def test_nothing_that_happens_between_two_requests_breaks_the_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kibitz")
    async with at_work(tmp_path, monkeypatch) as work:
        before = await work.begin()
        assert before.cache_use.read_tokens > 0
        assert before.cache_use.write_tokens == 0
        snapshot = snapshot_of(before)
        broken: dict[str, str] = {}
        for happens in BETWEEN:
            await happens(work)
            # Twice: what was only seen once is not bought yet.
            for _ in range(2):
                now = await work.ask()
                if (what := lost(before, now)) is not None:
                    broken[happens.__name__] = what
                before = now
        assert broken == {}
        assert snapshot_of(before) == snapshot
        assert not given_up(caplog)


async def test_the_log_says_why_a_prefix_does_not_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kibitz")
    async with at_work(tmp_path, monkeypatch) as work:
        before = await work.begin()
        caplog.clear()
        work.write(".kibitzignore", "windows.py\n")
        now = await work.ask()
        assert lost(before, now) is not None
        assert "A = 1" in snapshot_of(before)
        assert "A = 1" not in snapshot_of(now)
        assert "def checkout" in snapshot_of(now), "it is the whole one at once"
        assert given_up(caplog) == [
            "the snapshot is written anew (standard tier): what may be sent has changed, or how it "
            "is shown"
        ]
        report = Ledger(paths.ledger_file(os.environ)).cache_report()
        assert "rebuilt" in [reason for reason, _, _ in report.misses]
        assert report.unexplained == ()
