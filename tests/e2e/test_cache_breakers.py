"""What is known to break a prompt cache does not break this one.

A server, an editor, a repository and a stand-in whose prompt cache says what it would have read.
Between two requests something happens that is none of the prefix's business; the second request
must read every token that the first has left behind, and write none.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kibitz import paths
from kibitz.claude.ledger import Ledger
from kibitz.standin import Exchange, PromptBlock, Reply, StandIn
from kibitz.standin.prompt import prompt_blocks
from support.git_folder import GitFolder, git_folder
from support.raw_client import RawClient, clean_environment
from support.workshop import EXAMPLE, Workshop, cursor, lines, open_workshop

ANSWER = "It adds the prices up.\n"

FILES: dict[str, str | bytes] = {
    "prices.py": EXAMPLE,
    "shop.py": "from prices import total\n\n\ndef checkout(cart):\n    return total(cart)\n" * 20,
    "README.md": "# A shop\n",
    ".gitignore": "*.log\n",
    "windows.py": "A = 1\r\nB = 2\r\n",
}


def blocks_of(exchange: Exchange) -> list[str]:
    """What is in front of the last marker, block by block, and what else is part of the key."""
    body = exchange.request.body
    marked = [number for number, block in enumerate(body["system"]) if "cache_control" in block]
    cached = body["system"][: marked[-1] + 1] if marked else []
    key = {name: body.get(name) for name in ("model", "tools", "thinking", "output_config")}
    return [json.dumps(key), *(block["text"] for block in cached)]


def snapshot_of(exchange: Exchange) -> str:
    (found,) = (
        block["text"]
        for block in exchange.request.body["system"]
        if block["text"].startswith("<repository>")
    )
    return str(found)


class Work:
    """Somebody at work in a clone: requests, and what happens between them."""

    def __init__(self, shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shop = shop
        self.client = shop.client
        self.git = GitFolder(shop.root)
        self.monkeypatch = monkeypatch
        self.git.git("clone", "-q", "--bare", ".", "../origin.git")
        self.git.git("remote", "add", "origin", "../origin.git")
        self.git.git("fetch", "-q")
        self.git.git("branch", "-q", "-u", "origin/main")
        self.git.git("remote", "set-head", "origin", "main")
        self.colleague = GitFolder(shop.root.parent / "colleague")
        self.git.git("clone", "-q", "../origin.git", "../colleague")

    async def ask(self, command: str = "kibitz.explain", **argument: Any) -> Exchange:
        """One request, answered; the stand-in's own account of it."""
        text = argument.pop("text", self.text)
        if command == "kibitz.explain":
            argument.setdefault("range", cursor(8))
        self.shop.standin.enqueue(Reply(ANSWER))
        await self.shop.do(command, text, **argument)
        self.shop.standin.reset_script()
        return self.shop.standin.journal.last

    async def begin(self) -> Exchange:
        """Open a file and ask until there is a prefix that lasts; the last request."""
        self.text = await self.shop.open()
        seen = await self.ask()
        while "def checkout" not in snapshot_of(seen):
            seen = await self.ask()
        return await self.ask()

    def tell_of(self, *names: str) -> None:
        """What an editor's watcher tells of files that have changed."""
        changes = [{"uri": (self.shop.root / name).as_uri(), "type": 2} for name in names]
        self.client.notify("workspace/didChangeWatchedFiles", {"changes": changes})

    def write(self, name: str, text: str) -> None:
        self.git.write({name: text})
        self.tell_of(name)


@contextlib.asynccontextmanager
async def at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> AsyncIterator[Work]:
    async with open_workshop(tmp_path, monkeypatch, files=FILES, **options) as shop:
        yield Work(shop, monkeypatch)


def lost(before: Exchange, now: Exchange) -> str | None:
    """What of the prefix of `before` could not be read by `now`; None: nothing."""
    sent, seen = blocks_of(before), blocks_of(now)
    if seen[: len(sent)] != sent:
        place = next((n for n, (a, b) in enumerate(zip(sent, seen, strict=False)) if a != b), None)
        return f"other bytes in block {place} of {len(sent)}"
    left = before.cache_use.read_tokens + before.cache_use.write_tokens
    if now.cache_use.read_tokens < left:
        return f"{now.cache_use.read_tokens} of {left} tokens were read"
    return None


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


def given_up(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of prefixes that were given up."""
    messages = [record.getMessage() for record in caplog.records]
    return [message for message in messages if " (standard tier): " in message]


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


async def test_every_action_of_a_tier_has_the_same_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_work(tmp_path, monkeypatch) as work:
        before = await work.begin()
        other = await work.shop.open("shop.py")
        broken: dict[str, str] = {}
        for command, argument in {
            "kibitz.explain": {"text": other, "range": cursor(4)},
            "kibitz.ask": {"instruction": "Who uses this?"},
            "kibitz.review": {},
            "kibitz.refactor": {"instruction": "Shorten it.", "range": lines(6, 10)},
            "kibitz.document": {"range": lines(6, 10)},
        }.items():
            # There are changes to review, and they stay as they are.
            work.write("new.py", "NEW = 1\n")
            now = await work.ask(command, **argument)
            if (what := lost(before, now)) is not None:
                broken[command] = what
            before = now
        assert broken == {}
        assert (
            len({repr(each.request.body["tools"]) for each in work.shop.standin.journal.messages})
            == 1
        )


async def test_of_requests_that_begin_at_once_one_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_work(tmp_path, monkeypatch) as work:
        await work.begin()
        really = time.time
        monkeypatch.setattr(time, "time", lambda: really() + 2 * 3_600)
        work.shop.standin.clock.advance(2 * 3_600)
        work.shop.standin.journal.clear()
        work.shop.standin.enqueue(Reply(ANSWER).hold_at(0), *[Reply(ANSWER)] * 2)
        start = work.shop.start
        jobs = [await start("kibitz.explain", work.text, range=cursor(8))]
        await work.shop.standin.reached()
        # An explanation would take the first one's place; these do not.
        jobs.append(await start("kibitz.review", work.text))
        jobs.append(await start("kibitz.document", work.text, range=lines(13, 14)))
        for job in jobs[1:]:
            # They are ready to be sent, and would be now if nothing held them.
            await work.client.wait_until(
                lambda job=job: any(
                    "reads about" in v.get("message", "") for v in work.client.progress(job)
                ),
                "a request that is ready",
            )
        work.shop.standin.release()
        for job in jobs:
            await work.client.progress_end(job)
        uses = [each.cache_use for each in work.shop.standin.journal.messages]
        assert [use.write_tokens > 0 for use in uses] == [True, False, False]
        assert uses[1].read_tokens == uses[2].read_tokens == uses[0].write_tokens


async def test_an_hour_that_is_taken_for_five_minutes_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some gateways keep for the shorter time whatever they are asked, and say so in figures."""

    def shortened(*arguments: Any, **options: Any) -> list[PromptBlock]:
        blocks = prompt_blocks(*arguments, **options)
        return [replace(each, marker="5m") if each.marker else each for each in blocks]

    environment = {"KIBITZ_CONTEXT_TTL": "1h"}
    async with at_work(tmp_path, monkeypatch, environment=environment) as work:
        monkeypatch.setattr("kibitz.standin.answer.prompt_blocks", shortened)
        await work.begin()
        assert any(
            "'ttl': '1h'" in repr(each.request.body) for each in work.shop.standin.journal.messages
        )
        for _ in range(2):
            really = time.time
            monkeypatch.setattr(time, "time", lambda really=really: really() + 360)
            work.shop.standin.clock.advance(360)
            last = await work.ask()
            assert last.cache_use.read_tokens == 0
            assert (await work.ask()).cache_use.write_tokens == 0
        report = Ledger(paths.ledger_file(os.environ)).cache_report()
        assert report.unexplained == ()
        assert "expired" in [reason for reason, _, _ in report.misses]


# --- processes ---------------------------------------------------------------------------------


@pytest.mark.real  # slow
async def test_a_server_that_is_started_again_and_a_second_editor_read_what_was_written(
    tmp_path: Path,
) -> None:
    made = git_folder(tmp_path / "repository", FILES)
    home = tmp_path / "home"
    home.mkdir()
    async with StandIn() as standin:

        def environment(seed: int, **more: str) -> dict[str, str]:
            return {
                **clean_environment(home),
                "ANTHROPIC_API_KEY": "sk-test",
                "ANTHROPIC_BASE_URL": standin.base_url,
                "PYTHONHASHSEED": str(seed),
                **more,
            }

        async def ask(client: RawClient) -> Exchange:
            uri = (made.root / "prices.py").as_uri()
            if uri not in client.texts:
                await client.open("prices.py", EXAMPLE)
            standin.enqueue(Reply(ANSWER))
            argument = {"uri": uri, "range": cursor(8)}
            answer = await client.execute("kibitz.explain", argument)
            await client.progress_end(answer["job"])
            return standin.journal.last

        async with RawClient.start(root=made.root, environment=environment(1)) as client:
            first = await ask(client)
            while "def checkout" not in snapshot_of(first):
                first = await ask(client)
            first = await ask(client)
        elsewhere = {"LC_ALL": "C", "TZ": "Asia/Kolkata", "PYTHONUTF8": "1", "COLUMNS": "20"}
        async with (
            RawClient.start(root=made.root, environment=environment(2, **elsewhere)) as again,
            RawClient.start(
                profile="neovim", root=made.root, environment=environment(3)
            ) as second_editor,
        ):
            for client in (again, second_editor, again):
                now = await ask(client)
                assert lost(first, now) is None
                assert now.cache_use.write_tokens == 0
