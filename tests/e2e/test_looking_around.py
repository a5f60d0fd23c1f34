"""Claude looks around before it answers: in every action, within bounds, whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kibitz.actions import rounds
from kibitz.actions.tools import TOOLS
from kibitz.looking import toolbox
from kibitz.looking.definitions import LOOKING
from kibitz.standin import Exchange, Fault, Reply, ToolCall
from support.findings import finding, reported
from support.workshop import EXAMPLE, Workshop, cursor, lines, open_workshop

TOKEN = "ghp_" + "k3Jd82Hs0Qm4Zx7Vb1Nc9Lp5Rt6Yw2Ae8Gf0"
FILES: dict[str, str | bytes] = {
    "prices.py": EXAMPLE,
    "cart.py": "from prices import total\n\n\ndef checkout(cart):\n    return total(cart)\n",
    "settings.py": f'KEY = "{TOKEN}"\n',
    ".env": f"TOKEN={TOKEN}\n",
}
ANSWER = "It adds the prices up.\n"
NEW_RATE = "RATE = 0.25\n"
REPLACEMENT = f"<replacement>\n{NEW_RATE}</replacement>"


def looks(*calls: tuple[str, Any], **options: Any) -> Reply:
    return Reply(
        tool_calls=[ToolCall(name, given) for name, given in calls], thinking="Hm.", **options
    )


READS = looks(("read_file", {"path": "cart.py"}))
ACTIONS: dict[str, Reply] = {
    "explain": Reply(ANSWER),
    "ask": Reply(ANSWER),
    "review": reported(finding(quote="RATE = 0.2", start_line=3, end_line=3)),
    "refactor": Reply(REPLACEMENT),
}


async def do(shop: Workshop, action: str, *replies: Reply, **more: Any) -> str:
    """Carry the action out on the line of the rate; how it ended."""
    shop.standin.enqueue(*replies)
    if not shop.client.texts:
        await shop.open()
    (text,) = shop.client.texts.values()
    instruction = {"instruction": "Why 0.2?"} if action in ("ask", "refactor") else {}
    return str(await shop.do(f"kibitz.{action}", text, range=lines(3, 3), **instruction, **more))


def results_of(exchange: Exchange) -> list[dict[str, Any]]:
    """The results that the last message of a request brings."""
    content = exchange.request.body["messages"][-1]["content"]
    return [block for block in content if block["type"] == "tool_result"]


def reports(shop: Workshop) -> list[str]:
    found = shop.client.notifications("$/progress")
    return [each["value"].get("message") or "" for each in found]


@pytest.mark.parametrize("action", ACTIONS)
async def test_an_action_goes_on_with_what_it_has_seen(
    action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        calls = [("read_file", {"path": "cart.py"}), ("search", {"pattern": "RATE"})]
        message = await do(
            shop, action, looks(*calls), looks(("git_log", {"limit": 1})), ACTIONS[action]
        )

        first, second, third = shop.standin.journal.messages
        assert "4\tdef checkout(cart):" in results_of(second)[0]["content"]
        assert "3\tRATE = 0.2" in results_of(second)[1]["content"]
        assert "Begin" in results_of(third)[0]["content"]
        # The conversation only grows, and every part of the reply is in it.
        sent = [each.request.body["messages"] for each in (first, second, third)]
        assert [[block["type"] for block in turn["content"]] for turn in sent[2][1:]] == [
            ["thinking", "tool_use", "tool_use"],
            ["tool_result", "tool_result"],
            ["thinking", "tool_use"],
            ["tool_result"],
        ]
        assert sent[1][:1] == sent[0]
        assert {"reading cart.py", "searching for RATE", "looking at the history"} <= {
            *reports(shop)
        }
        # One figure for the user, of what all three have cost.
        cost = re.search(r"\$(\d+\.\d+)", message)
        assert cost is not None
        usage = await shop.client.execute("kibitz.usage", {})
        assert usage is not None
        total = sum(each.cost_usd for each in shop.standin.journal.messages)
        assert float(cost[1]) == pytest.approx(total, abs=1e-4)
        (text,) = shop.client.texts.values()
        assert text.text == (
            EXAMPLE.replace("RATE = 0.2\n", NEW_RATE) if action == "refactor" else EXAMPLE
        )
        assert shop.client.messages() == []


async def test_the_tools_are_the_same_for_every_action(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        for action, reply in ACTIONS.items():
            await do(shop, action, reply)

        sent = {json.dumps(each.request.body["tools"]) for each in shop.standin.journal.messages}
        assert len(sent) == 1
        names = [tool["name"] for tool in json.loads(sent.pop())]
        assert names == sorted(names) == [tool.name for tool in TOOLS]
        assert len(names) == len(LOOKING) + 2


async def test_each_round_reads_what_the_one_before_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = {f"file{n}.py": f"value_{n} = {n}\n" * 500 for n in range(4)}
    async with open_workshop(tmp_path, monkeypatch, files={**FILES, **big}) as shop:
        reads = [looks(("read_file", {"path": name})) for name in big]
        await do(shop, "ask", *reads, Reply(ANSWER))

        uses = [each.cache_use for each in shop.standin.journal.messages]
        for before, after in pairwise(uses[1:]):
            assert after.read_tokens == before.read_tokens + before.write_tokens
        assert all(use.input_tokens < 50 for use in uses[1:])
        for exchange in shop.standin.journal.messages:
            assert json.dumps(exchange.request.body).count('"cache_control"') <= 4


BAD_CALLS: Sequence[tuple[str, Any, str]] = [
    ("look", {}, "There is no tool look"),
    ("read_file", '{"path": "a', "not valid JSON"),
    ("read_file", {"path": ".env"}, "hold credentials"),
    ("read_file", {"path": "../../etc/passwd"}, "outside the repository"),
    ("read_file", {"path": "nothing.py"}, "does not exist"),
    ("git_diff", {"base": "--output=x"}, "must be a commit"),
    ("report_findings", {"findings": []}, "is for reviews"),
    ("edit_file", {"path": "prices.py", "edits": []}, "is for tasks of the kind"),
]


@pytest.mark.parametrize(("name", "given", "says"), BAD_CALLS)
async def test_a_bad_call_is_told_to_claude_alone(
    name: str, given: Any, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        message = await do(shop, "explain", looks((name, given)), Reply(ANSWER))

        (result,) = results_of(shop.standin.journal.last)
        assert result["is_error"] is True
        assert says in result["content"]
        assert "Answer shown" in message
        assert shop.client.messages() == []


async def test_a_fault_in_a_tool_is_logged_and_the_answer_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(toolbox, "_work_of", lambda tool: 1 / 0)
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        message = await do(shop, "explain", READS, Reply(ANSWER))

        assert "fault in kibitz" in results_of(shop.standin.journal.last)[0]["content"]
        assert "Answer shown" in message
        faults = [each for each in caplog.records if each.exc_info]
        assert [each.getMessage() for each in faults] == ["the tool read_file failed"]


async def test_no_secret_leaves_or_moves_into_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:

        def rewrite(request: Any) -> Reply:
            (text,) = request.tool_results
            placeholder = re.search(r'KEY = "(\w+)"', text)
            assert placeholder is not None
            return Reply(f'<replacement>\nKEY = "{placeholder[1]}"\n</replacement>')

        shop.standin.enqueue(looks(("read_file", {"path": "settings.py"})), rewrite)
        await do(shop, "refactor")

        for exchange in shop.standin.journal.messages:
            assert TOKEN not in json.dumps(exchange.request.body)
        (text,) = shop.client.texts.values()
        assert TOKEN not in text.text
        assert 'KEY = "REDACTED_' in text.text, "it is seen where something is to be filled in"


async def test_a_huge_result_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = {"huge.py": "value = 1\n" * 8_000}
    async with open_workshop(tmp_path, monkeypatch, files={**FILES, **huge}) as shop:
        calls = [("read_file", {"path": "huge.py"})] * 12
        await do(shop, "ask", looks(*calls), Reply(ANSWER))

        results = results_of(shop.standin.journal.last)
        assert len(results) == 12
        assert [each.get("is_error", False) for each in results] == [False] * 8 + [True] * 4
        assert sum(len(each["content"]) for each in results) < rounds.MOST_CHARACTERS + 2_000


async def test_there_is_a_last_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        shop.standin.when(lambda request: bool(request.tool_names), READS)
        shop.standin.when(lambda request: not request.tool_names, Reply(ANSWER))
        message = await do(shop, "explain")

        asked = shop.standin.journal.messages
        assert len(asked) == rounds.MOST_ROUNDS + 1
        last = asked[-1].request.body
        assert last["tool_choice"] == {"type": "none"}
        assert last["tools"] == asked[0].request.body["tools"]
        assert rounds.NO_MORE in results_of(asked[-1])[0]["content"]
        assert "tool_choice" not in asked[-2].request.body
        assert "Answer shown" in message


async def test_the_last_round_of_a_review_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "MOST_ROUNDS", 2)
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        message = await do(shop, "review", READS, READS, ACTIONS["review"])

        last = shop.standin.journal.last
        assert "tool_choice" not in last.request.body, "the report is a call, too"
        assert rounds.REPORT_NOW in results_of(last)[0]["content"]
        assert last.cache_use.read_tokens > shop.standin.journal.messages[0].cache_use.write_tokens
        assert message.startswith("1 finding")

        shop.standin.enqueue(READS, READS, READS)
        message = await do(shop, "review")
        assert message.startswith("Failed"), "it went on looking around"
        assert len(shop.standin.journal.messages) == 6


@pytest.mark.parametrize("action", ["explain", "review"])
async def test_without_room_there_is_no_looking_around(
    action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "MOST_CHARACTERS", 0)
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        await do(shop, action, ACTIONS[action])

        body = shop.standin.journal.last.request.body
        says = "You cannot look around" in json.dumps(body["messages"])
        assert says == (action == "review")
        assert body.get("tool_choice") == ({"type": "none"} if action == "explain" else None)


async def test_the_room_ends_the_looking_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "MOST_CHARACTERS", 3_600)
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        shop.standin.when(lambda request: bool(request.tool_names), looks(("git_log", {})))
        await do(shop, "explain")

        asked = shop.standin.journal.messages
        assert 2 < len(asked) < rounds.MOST_ROUNDS
        assert asked[-1].request.body["tool_choice"] == {"type": "none"}


async def test_a_small_budget_leaves_room_for_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst case of a later round is never over the limit that the first one was under."""
    huge = {"huge.py": "value = 1\n" * 8_000}
    environment = {"KIBITZ_BUDGET_REQUEST_USD": "0.14"}
    async with open_workshop(
        tmp_path, monkeypatch, files={**FILES, **huge}, environment=environment
    ) as shop:
        read = looks(("read_file", {"path": "huge.py"}))
        shop.standin.when(lambda request: bool(request.tool_names), read)
        shop.standin.when(lambda request: not request.tool_names, Reply(ANSWER))
        message = await do(shop, "explain")

        assert shop.client.messages() == []
        assert 1 < len(shop.standin.journal.messages) < rounds.MOST_ROUNDS
        assert "Answer shown" in message


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_connection_that_drops_in_the_second_round(
    action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        second = ACTIONS[action].failing(Fault.drop(5))
        message = await do(shop, action, READS, second)

        (text,) = shop.client.texts.values()
        assert text.text == EXAMPLE
        assert message.startswith("Failed · "), "the first round was paid for"
        assert len(shop.client.messages()) == 1


async def test_stop_in_the_middle_of_a_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def slow(sight: Any, name: str, input_json: str) -> Any:
        begun.set()
        assert let_go.wait(20)
        sight.check()
        raise AssertionError("somebody still waits")

    monkeypatch.setattr(toolbox, "answer", slow)
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        shop.standin.enqueue(READS)
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=lines(3, 3), instruction="Why?")
        assert await asyncio.to_thread(begun.wait, 20)
        await shop.client.execute("kibitz.stop", {"job": job})
        end = await shop.client.progress_end(job)
        let_go.set()

        assert "Stopped: you stopped it" in end["message"]
        assert text.text == EXAMPLE
        assert len(shop.standin.journal.messages) == 1
        assert shop.client.messages() == []


async def test_an_edit_that_is_begun_and_thought_over_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        half = looks(
            ("read_file", {"path": "cart.py"}), text="<replacement>\nRATE = 0.5\nMORE = 1\n"
        )
        await do(shop, "refactor", half, Reply(REPLACEMENT))

        (text,) = shop.client.texts.values()
        assert text.text == EXAMPLE
        assert len(shop.standin.journal.messages) == 1, "no tool ran, and nothing more was asked"
        (sentence,) = shop.client.messages()
        assert "wanted to look around instead" in sentence


async def test_words_before_a_look_do_not_run_into_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="neovim", files=FILES) as shop:
        first = looks(("read_file", {"path": "cart.py"}), text="Let me look.")
        await do(shop, "explain", first, Reply(ANSWER))

        (shown,) = shop.client.notifications("window/showDocument")
        page = Path(shown["uri"].removeprefix("file://")).read_text()
        assert page.endswith(f"Let me look.\n\n{ANSWER}")


async def test_words_before_a_look_are_no_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        first = looks(("read_file", {"path": "cart.py"}), text="Let me look at < this.\n")
        await do(shop, "refactor", first, Reply(REPLACEMENT))

        (text,) = shop.client.texts.values()
        assert text.text == EXAMPLE.replace("RATE = 0.2\n", NEW_RATE)


async def test_unsaved_text_is_what_claude_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        await shop.open()
        other = await shop.client.open("cart.py", str(FILES["cart.py"]))
        shop.client.type(other, 0, "# unsaved\n")
        shop.standin.enqueue(READS, Reply(ANSWER))
        text = shop.client.texts[(shop.root / "prices.py").as_uri()]
        await shop.do("kibitz.explain", text, range=cursor(3))

        assert "1\t# unsaved\n" in results_of(shop.standin.journal.last)[0]["content"]
