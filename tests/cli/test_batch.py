"""`kibitz review --batch`: what is reviewed, what it costs, and what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Fault, Reply, StandIn, ToolCall
from support.command_line import CommandLine
from support.commands_as_processes import KIBITZ, WAIT_SECONDS, started

BATCHES = "/v1/messages/batches"
FAULTY = "def f(x):\n    try:\n        return eval(x)\n    except:\n        return None\n"


@pytest.fixture
def standin_in_thread() -> Iterator[StandIn]:
    """A stand-in whose batches take a minute of its own clock."""
    with StandIn.in_thread(batch_seconds=60) as running:
        yield running


@pytest.fixture
def files(commands: CommandLine) -> list[str]:
    """Files with something to find, among others."""
    names = [f"src/part{number}.py" for number in range(6)]
    for name in names:
        commands.write(name, FAULTY)
    commands.write("logo.png", b"\x89PNG\0\0")
    commands.write("package-lock.json", "{}\n")
    commands.write("empty.py", "\n")
    commands.commit()
    return names


@pytest.fixture
def quick(standin_in_thread: StandIn) -> None:
    """Let time pass at the provider whenever somebody asks after a batch."""
    look = standin_in_thread._api._batches._progress

    def passing(batch: Any) -> None:
        standin_in_thread.clock.advance(40)
        look(batch)

    standin_in_thread._api._batches._progress = passing  # type: ignore[method-assign]


def sent(standin: StandIn) -> list[list[dict[str, Any]]]:
    """The requests of each batch."""
    return [
        exchange.request.body["requests"]
        for exchange in standin.journal.exchanges
        if exchange.request.method == "POST" and exchange.request.path == BATCHES
    ]


def files_sent(standin: StandIn) -> Counter[str]:
    found: Counter[str] = Counter()
    for batch in sent(standin):
        for request in batch:
            text = request["params"]["messages"][-1]["content"][-1]["text"]
            found[text.partition('<region path="')[2].partition('"')[0]] += 1
    return found


@pytest.mark.usefixtures("quick")
def test_a_whole_repository(commands: CommandLine, files: list[str]) -> None:
    outcome = commands.run("review", "--batch", "--fail-on", "error")
    assert outcome.code == 1
    heads = [line.partition(":")[0] for line in outcome.out.splitlines() if line[0] != " "]
    assert heads == sorted(heads)
    assert [name for name in heads if name in files] == [name for name in files for _ in "12"]
    assert files_sent(commands.standin) == Counter([*files, "prices.py", "docs/notes.md"])
    assert "3 files are left out: " in outcome.err
    for reason in ("it is a lock file", "it is binary", "it is empty"):
        assert f"1 because {reason}" in outcome.err
    assert "by batch costs about $" in outcome.err
    assert "findings (6 error" in outcome.last_line
    assert not list((commands.home / "state" / "kibitz" / "batches").iterdir())


@pytest.mark.usefixtures("quick")
def test_the_prompts_are_those_of_a_live_review(commands: CommandLine, files: list[str]) -> None:
    commands.run("review", files[2])
    live = commands.asked[-1].request.body
    commands.standin.journal.clear()
    commands.run("review", "--batch", "src")
    first, rest = sent(commands.standin)
    assert (len(first), len(rest)) == (1, 5)
    (batched,) = (
        each["params"]
        for each in rest
        if files[2] in texts(each["params"]["messages"][-1]["content"])[-1]
    )
    assert batched["tools"] == live["tools"]
    assert texts(batched["system"]) == texts(live["system"])
    (asked,), (shown,) = (texts(body["messages"][0]["content"]) for body in (batched, live))
    assert asked.partition("</region>")[0] == shown.partition("</region>")[0]
    assert "cannot look around" in asked, "nobody answers its calls"
    markers = [b["cache_control"] for b in batched["system"] if "cache_control" in b]
    assert markers
    assert {marker["ttl"] for marker in markers} == {"1h"}
    assert "stream" not in batched


def texts(blocks: list[dict[str, Any]]) -> list[str]:
    return [block["text"] for block in blocks]


@pytest.mark.usefixtures("quick")
def test_the_same_findings_as_live(commands: CommandLine, files: list[str]) -> None:
    live = json.loads(commands.run("review", *files, "--format", "json").out)
    batched = json.loads(commands.run("review", "--batch", "src", "--format", "json").out)
    assert batched["findings"] == live["findings"]
    assert (batched["dropped"], batched["failed"]) == (live["dropped"], [])
    assert 0 < batched["usage"]["cost_usd"] < live["usage"]["cost_usd"]


@pytest.mark.usefixtures("quick")
def test_replies_are_judged_as_live_ones(commands: CommandLine, files: list[str]) -> None:
    absent = {"path": files[0], "severity": "error", "category": "tests", "start_line": 1,
              "end_line": 1, "quote": "never written", "title": "T", "message": "M",
              "suggestion": ""}  # fmt: skip
    call = ToolCall("report_findings", {"findings": [absent]})
    commands.standin.when(files[0], Reply(tool_calls=[call]))
    commands.standin.when(files[1], Reply("It looks fine to me."))
    commands.standin.when(files[2], Reply("", stop_reason="max_tokens"))
    outcome = commands.run("review", "--batch", "src", "--format", "json", "--fail-on", "hint")
    document = json.loads(outcome.out)
    assert outcome.code == 3
    assert [each["reason"] for each in document["dropped"]] == ["quote_not_found"]
    assert [each["path"] for each in document["failed"]] == files[1:3]
    assert "2 files were not reviewed" in outcome.err


@pytest.mark.usefixtures("quick")
def test_what_fails_at_the_provider_is_tried_once_more(
    commands: CommandLine, files: list[str]
) -> None:
    commands.standin.when(files[1], Fault.overloaded(), times=1)
    commands.standin.when(files[2], Fault.expired())
    outcome = commands.run("review", "--batch", "src")
    assert outcome.code == 3
    assert f"{files[2]}: Claude did not come to it within a day." in outcome.err
    assert "1 file was not reviewed" in outcome.err
    counts = files_sent(commands.standin)
    assert [counts[name] for name in files] == [1, 2, 2, 1, 1, 1]


def test_a_run_over_the_limit_sends_nothing(commands: CommandLine, files: list[str]) -> None:
    outcome = commands.run("review", "--batch", "--set", "budget.day_usd=0.05")
    assert (outcome.code, outcome.out) == (4, "")
    assert "may cost up to $" in outcome.last_line
    assert "limit of $0.05" in outcome.last_line
    assert "--set budget.day_usd=USD" in outcome.last_line
    assert not sent(commands.standin)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["prices.py:3"], "reviews whole files"),
        (["-"], "reviews whole files"),
        (["absent.py"], "absent.py does not exist"),
        ([".."], "is in no repository"),
        (["prices.py", ".."], "is not in the repository"),
    ],
)
def test_what_a_batch_cannot_review(commands: CommandLine, arguments: list[str], says: str) -> None:
    outcome = commands.run("review", "--batch", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert says in outcome.err


@pytest.mark.usefixtures("quick")
def test_a_bar_on_a_terminal(commands: CommandLine, files: list[str]) -> None:
    screen = commands.show("review", "--batch", "src", rows=80)
    assert screen.code == 0
    assert "of 6 files" in screen.written
    assert "sent 5 requests" not in screen.written, "the bar says how far it is"
    assert "tokens in (" in screen.written


def test_an_endpoint_without_batches(commands: CommandLine, files: list[str]) -> None:
    commands.standin.when(lambda _: True, Fault.status_code(404), path=BATCHES)
    outcome = commands.run("review", "--batch")
    assert outcome.code == 2
    assert "has no Message Batches; review without --batch" in outcome.err


def batches_at(standin: StandIn, count: int) -> None:
    """Wait until the stand-in has so many batches and the process knows of the last one."""

    def seen() -> list[str]:
        return [
            exchange.request.path
            for exchange in standin.journal.exchanges
            if exchange.request.method == "GET" and exchange.request.path.count("/") == 4
        ]

    journal = standin.journal
    journal._wait(
        lambda: journal.exchanges[-1] if len(set(seen())) >= count else None,
        f"somebody to ask after batch {count}",
    ).result()


@pytest.mark.real
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_killed_in_the_middle_and_taken_up_again(commands: CommandLine, files: list[str]) -> None:
    standin = commands.standin
    with started("review", "--batch", "src") as process:
        batches_at(standin, 1)
        standin.clock.advance(60)
        batches_at(standin, 2)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(WAIT_SECONDS)
    ledger = json.loads(commands.run("usage", "--json").out)
    assert ledger["total"]["requests"] == 6, "what is with Claude is in the ledger"
    over = commands.run("review", "prices.py", "--set", "budget.day_usd=0.2")
    assert over.code == 4, "its reservation is not given up with the process"
    standin.clock.advance(60)
    outcome = commands.run("review", "--batch", "src")
    assert outcome.code == 0
    assert "Continuing the review of 6 files" in outcome.err
    assert "1 are reviewed, 5 are with Claude" in outcome.err
    assert outcome.last_line == "kibitz: 12 findings (6 error, 6 warning)"
    assert files_sent(standin) == Counter(files), "nothing was sent twice"


@pytest.mark.real
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_killed_while_a_batch_is_being_sent(commands: CommandLine, files: list[str]) -> None:
    """The provider has the batch; nobody here has heard of it."""
    standin = commands.standin
    standin.when(lambda r: r.method == "POST", Fault.stall(), times=1, path=BATCHES)
    with started("review", "--batch", "src") as process:
        journal = standin.journal
        journal._wait(
            lambda: next((e for e in journal.exchanges if e.request.method == "POST"), None),
            "a batch",
        ).result()
        os.kill(process.pid, signal.SIGKILL)
        process.wait(WAIT_SECONDS)
    standin.clock.advance(60)
    with started("review", "--batch", "src") as process:
        batches_at(standin, 2)
        standin.clock.advance(60)
        out, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 0, err
    assert b"found a batch that was sent before" in err
    assert out.count(b"error: eval") == 6
    assert files_sent(standin) == Counter(files)


@pytest.mark.real
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_leaves_it_with_claude(commands: CommandLine, files: list[str]) -> None:
    standin = commands.standin
    with started("review", "--batch", "src") as process:
        batches_at(standin, 1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, out) == (130, b"")
    last = err.decode().strip().splitlines()[-1]
    assert "Interrupted; 1 of 6 files are with Claude" in last
    assert "give the same command again" in last
    assert not [e for e in standin.journal.exchanges if e.request.path.endswith("cancel")]


def test_a_batch_that_somebody_cancels(commands: CommandLine, files: list[str]) -> None:
    standin = commands.standin
    with started("review", "--batch", "src", "--format", "json") as process:
        batches_at(standin, 1)
        standin.clock.advance(60)
        batches_at(standin, 2)
        (workspace,) = {batch.workspace for batch in standin._api._batches._batches.values()}
        standin.clock.advance(30)
        for batch_id in list(standin._api._batches._batches):
            standin._api._batches.cancel(batch_id, workspace, standin.base_url)
        out, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 3
    document = json.loads(out)
    assert b"was cancelled at the provider" in err
    assert len(document["findings"]) == 2 * 3, "what was done before is kept"
    assert len(document["failed"]) == 3
    total = json.loads(commands.run("usage", "--json").out)["total"]
    assert total["requests"] == 6
    assert total["cost_usd"] == pytest.approx(document["usage"]["cost_usd"])


def test_one_at_a_time(commands: CommandLine, files: list[str]) -> None:
    with started("review", "--batch", "src"):
        batches_at(commands.standin, 1)
        outcome = commands.run("review", "--batch", "src")
    assert outcome.code == 2
    assert "Another kibitz is at work on this very review" in outcome.err


@pytest.mark.usefixtures("quick")
def test_a_finished_run_begins_anew(commands: CommandLine, files: list[str]) -> None:
    commands.run("review", "--batch", files[0])
    outcome = commands.run("review", "--batch", files[0])
    assert "Continuing" not in outcome.err
    assert files_sent(commands.standin)[files[0]] == 2


def test_another_commit_is_another_run(commands: CommandLine, files: list[str]) -> None:
    with started("review", "--batch", "src") as process:
        batches_at(commands.standin, 1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=WAIT_SECONDS)
    commands.write("src/new.py", FAULTY)
    commands.commit()
    with started("review", "--batch", "src") as process:
        batches_at(commands.standin, 2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=WAIT_SECONDS)
    assert b"Continuing" not in err


def test_the_installed_command(commands: CommandLine, tmp_path: Path) -> None:
    """With the provider that is built in, whose batches take no time."""
    commands.write("src/part.py", FAULTY)
    commands.commit()
    ended = subprocess.run(
        [KIBITZ, "review", "--batch", "src", "--set", "provider=standin"],
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("src/part.py:3: error: eval")
