"""What the server does unasked: prepares, watches, writes ahead and keeps warm — and sends nothing
of what nobody trusts."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from kibitz.handlers import attendance
from kibitz.standin import Exchange, Fault, Reply
from kibitz.upkeep import attendant, keep_warm
from support.workshop import EXAMPLE, GIT, Workshop, open_workshop

TABLE = "".join(f"ROW_{n} = {n * n}\n" for n in range(900))
FILES: dict[str, str | bytes] = {"prices.py": EXAMPLE, "table.py": TABLE}
MINUTE = 60.0


def git(folder: Path, *arguments: str) -> None:
    subprocess.run([*GIT, *arguments], cwd=folder, check=True, capture_output=True)


class Time:
    """Python's `time.time`, and the stand-in's, moved by hand on top of the real one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.ahead)

    def pass_by(self, shop: Workshop, seconds: float) -> None:
        self.ahead += seconds
        shop.standin.clock.advance(seconds)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attendance, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(attendant, "GATHERING_SECONDS", 0.01)
    monkeypatch.setattr(keep_warm, "LOOK_SECONDS", 0.02)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """What each look at the clock came to; None: there is nothing to keep warm."""
    found: list[float | None] = []
    look = keep_warm.KeepWarm.look

    async def noted(self: keep_warm.KeepWarm) -> float | None:
        found.append(await look(self))
        return found[-1]

    monkeypatch.setattr(keep_warm.KeepWarm, "look", noted)
    return found


async def until_given_up(looks: list[float | None]) -> None:
    """Wait until the server keeps nothing warm any more."""
    async with asyncio.timeout(30):
        while not looks or looks[-1] is not None:
            await asyncio.sleep(0.01)


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def prepared(shop: Workshop) -> int:
    """How many snapshots lie ready."""
    file = shop.home / "cache" / "kibitz" / "context" / "snapshots.sqlite"
    if not file.exists():
        return 0
    connection = sqlite3.connect(file)
    try:
        return int(connection.execute("SELECT COUNT(*) FROM snapshots").fetchone()[0])
    except sqlite3.OperationalError:  # The tables are not there yet.
        return 0
    finally:
        connection.close()


async def until_prepared(shop: Workshop, count: int) -> None:
    async with asyncio.timeout(60):
        while prepared(shop) < count:
            await asyncio.sleep(0.05)


def warming(shop: Workshop) -> list[Exchange]:
    """The requests without a reply."""
    return [each for each in shop.standin.journal.messages if each.request.body["max_tokens"] == 0]


async def ask(shop: Workshop, **argument: Any) -> Exchange:
    shop.standin.enqueue(Reply("Because.\n"))
    await shop.do("kibitz.ask", instruction="Why?", **argument)
    return shop.standin.journal.last


async def test_opening_a_file_prepares_its_repository_and_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES, prepares_elsewhere=True) as shop:
        await shop.open()
        await until_prepared(shop, 1)
        assert not shop.standin.journal.exchanges
        text = next(iter(shop.client.texts.values()))
        shop.standin.enqueue(Reply("It sums.\n"))
        await shop.do("kibitz.explain", text)
        system = shop.standin.journal.last.request.body["system"]
        assert "ROW_899" in system[1]["text"]


@pytest.mark.parametrize("profile", ["honest", "neovim"])
async def test_a_new_commit_is_prepared_before_anybody_asks(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(
        tmp_path, monkeypatch, profile=profile, files=FILES, prepares_elsewhere=True
    ) as shop:
        await shop.open()
        await until_prepared(shop, 1)
        async with asyncio.timeout(60):
            while prepared(shop) < 2:
                # Again and again: nothing says when the system has begun to watch.
                (shop.root / "new.py").write_text(f"NEW = {time.monotonic()}\n")
                git(shop.root, "add", "-A")
                git(shop.root, "commit", "-qm", "More")
                if profile == "honest":
                    changes = [{"uri": (shop.root / ".git" / "HEAD").as_uri(), "type": 2}]
                    shop.client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
                await asyncio.sleep(0.3)
        assert not shop.standin.journal.exchanges


async def test_a_client_that_watches_is_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="vscode") as shop:
        asked = await shop.client.wait_until(
            lambda: shop.client.notifications("client/registerCapability"), "the registration"
        )
        (registration,) = asked[0]["registrations"]
        assert registration["method"] == "workspace/didChangeWatchedFiles"
        globs = [each["globPattern"] for each in registration["registerOptions"]["watchers"]]
        assert globs[0] == "**/*"
        assert any(".kibitz.toml" in glob and ".kibitzignore" in glob for glob in globs)
        assert any(".git/" in glob and "HEAD" in glob for glob in globs)


async def test_a_client_that_cannot_watch_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="neovim") as shop:
        await shop.open()
        await until_prepared(shop, 1)
        assert not shop.client.notifications("client/registerCapability")


@pytest.mark.parametrize("profile", ["honest", "neovim"])
async def test_a_project_file_is_read_when_it_is_written(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile=profile) as shop:
        await shop.open()
        await until_prepared(shop, 1)
        file = shop.root / ".kibitz.toml"
        async with asyncio.timeout(60):
            while not any("base_url" in message for message in shop.client.messages()):
                file.write_text('base_url = "https://elsewhere.example"\n')
                if profile == "honest":
                    changes = [{"uri": file.as_uri(), "type": 1}]
                    shop.client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
                await asyncio.sleep(0.3)


async def test_a_trusted_prefix_is_kept_warm_and_says_what_that_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: Time
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        text = await shop.open()
        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        first = await ask(shop)
        marked = [block for block in first.request.body["system"] if "cache_control" in block]
        assert marked[0]["cache_control"]["ttl"] == "1h"
        moment.pass_by(shop, 59 * MINUTE)
        async with asyncio.timeout(30):
            while not warming(shop):
                await asyncio.sleep(0.02)
        (ping,) = warming(shop)
        body = ping.request.body
        assert body["system"] == first.request.body["system"][: len(body["system"])]
        assert body["system"][-1] == marked[0]
        assert body["tools"] == first.request.body["tools"]
        assert ping.cache_use.read_tokens > 0
        assert ping.cache_use.write_5m_tokens + ping.cache_use.write_1h_tokens == 0
        moment.pass_by(shop, 50 * MINUTE)
        last = await ask(shop)
        assert last.cache_use.read_tokens >= ping.cache_use.read_tokens, "109 minutes later"


async def test_nothing_is_sent_of_what_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: Time, looks: list[float | None]
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        await shop.open()
        await ask(shop)
        moment.pass_by(shop, 59 * MINUTE)
        await until_given_up(looks)
        assert not warming(shop)


@pytest.mark.parametrize("how", ["setting", "revoked", "cap"])
async def test_keep_warm_can_be_ended(
    how: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: Time,
    looks: list[float | None],
) -> None:
    environment = {"KIBITZ_CONTEXT_KEEP_WARM_DAY_USD": "0"} if how == "cap" else {}
    async with open_workshop(tmp_path, monkeypatch, files=FILES, environment=environment) as shop:
        text = await shop.open()
        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        await ask(shop)
        if how == "setting":
            (shop.root / ".kibitz.toml").write_text('context.keep_warm = "off"\n')
        elif how == "revoked":
            await shop.client.execute("kibitz.trust", {"uri": text.uri, "revoke": True})
        moment.pass_by(shop, 59 * MINUTE)
        await until_given_up(looks)
        assert not warming(shop)


async def test_after_repeated_failures_nothing_is_sent_unasked_until_an_answer_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: Time, looks: list[float | None]
) -> None:
    shows = {"experimental": {"kibitz": {"status": True}}}
    async with open_workshop(tmp_path, monkeypatch, files=FILES, capabilities=shows) as shop:
        text = await shop.open()
        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        await ask(shop)
        moment.pass_by(shop, 57 * MINUTE)
        shop.standin.enqueue(*[Fault.rate_limited(3600)] * 3)
        for _ in range(3):
            assert (await shop.do("kibitz.ask", instruction="Why?")).startswith("Failed")
        before = shop.client.messages()
        assert not any("pause" in message for message in before)

        moment.pass_by(shop, 2 * MINUTE)
        await until_given_up(looks)
        # What the server has said by then may still be on its way.
        await shop.client.wait_until(
            lambda: len(shop.client.messages()) > len(before), "a message about the pause"
        )
        (pauses,) = shop.client.messages()[len(before) :]
        assert "Automatic features of kibitz pause" in pauses
        assert "allows no more requests" in pauses
        assert not warming(shop)
        await shop.client.wait_until(
            lambda: shop.client.notifications("kibitz/status")[-1]["pausedUntil"], "the pause"
        )

        await ask(shop)
        *_, back = shop.client.messages()
        assert "are back" in back
        await shop.client.wait_until(
            lambda: shop.client.notifications("kibitz/status")[-1]["pausedUntil"] is None, "its end"
        )


async def test_a_later_git_init_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        folder = tmp_path / "plain"
        folder.mkdir()
        (folder / "a.py").write_text("A = 1\n")
        (folder / "b.py").write_text("B = 2\n")
        uri = (folder / "a.py").as_uri()
        text = await shop.client.open(uri, "A = 1\n")
        await ask(shop, uri=text.uri)
        for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "Begin")):
            git(folder, *command)
        last = await ask(shop, uri=text.uri)
        assert any("B = 2" in block["text"] for block in last.request.body["system"])


def texts_sent(exchange: Exchange) -> list[str]:
    """Every text of a request in the order in which the cache sees it; a tool is a line."""
    body = exchange.request.body
    blocks = (*body["system"], *body["messages"][0]["content"])
    tools = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in body["tools"])
    return [tools, *(block["text"] for block in blocks)]


async def test_what_would_be_sent_is_shown_to_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="neovim", files=FILES) as shop:
        text = await shop.open()
        other = await shop.open("table.py")

        async def shown_and_sent() -> tuple[str, Exchange]:
            n_sent = len(shop.standin.journal.messages)
            await shop.do("kibitz.showContext", text)
            shown = shop.client.notifications("window/showDocument")[-1]
            page = Path(shown["uri"].removeprefix("file://")).read_text()
            assert len(shop.standin.journal.messages) == n_sent, "nothing is sent"
            shop.standin.enqueue(Reply("It sums.\n"))
            await shop.do("kibitz.explain", text)
            return page, shop.standin.journal.last

        plans: list[str] = []
        for step in range(6):
            page, exchange = await shown_and_sent()
            sent = texts_sent(exchange)
            place = 0
            for each in sent:
                place = page.index(each, place) + len(each)
            # No other text is in between: a fence opens before each, and there are as many.
            assert len(re.findall(r"^`{3,}text$", page, re.MULTILINE)) == len(sent)
            marked = sum("cache_control" in b for b in exchange.request.body["system"])
            assert page.count("cache marker") == marked
            assert "expected now" in page
            plans.append(page.partition("- plan: ")[2].partition(",")[0].partition("\n")[0])
            if step == 0:
                shop.client.type(other, 0, "# not saved\n")
            elif step == 2:
                (shop.root / "new.py").write_text("NEW = 1\n")
            elif step == 4:
                shop.client.type(text, 0, "# typed\n")
        assert plans == ["first", *["keep"] * 5]
        assert sum("not saved" in each for each in sent) == 1
        assert sum("NEW = 1" in each for each in sent) == 1
