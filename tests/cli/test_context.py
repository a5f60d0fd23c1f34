"""Context: what it shows is what is sent."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest

from kibitz.claude.models import catalogue
from kibitz.claude.values import Usage
from support.command_line import CommandLine


def shown(commands: CommandLine, *arguments: str) -> dict[str, Any]:
    outcome = commands.run("context", *arguments, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    document: dict[str, Any] = json.loads(outcome.out)
    return document


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("context", "command"),
    [
        (["prices.py:6-10"], ["explain", "prices.py:6-10"]),
        (["--question", "Why?"], ["ask", "Why?"]),
    ],
)
def test_it_is_what_is_sent(commands: CommandLine, context: list[str], command: list[str]) -> None:
    commands.write("prices.py", (commands.root / "prices.py").read_text() + "\n\nX = 1\n")
    document = shown(commands, *context)
    assert not commands.standin.journal.exchanges, "nothing is sent"
    printed = commands.run("context", *context, "--print").out
    commands.run(*command)

    body = commands.asked[-1].request.body
    sent = [block["text"] for block in body["system"]]
    sent.append("".join(block["text"] for block in body["messages"][0]["content"]))
    assert [layer["name"] for layer in document["layers"]] == [
        "rules",
        "snapshot",
        "changes",
        "task",
    ]
    assert [layer["sha256"] for layer in document["layers"]] == [sha256(text) for text in sent]
    blocks = [*body["system"], *body["messages"][0]["content"]]
    *tools, rest = printed.split("\n", len(body["tools"]))
    assert [json.loads(line) for line in tools] == document["tools"] == body["tools"]
    assert [list(tool) for tool in document["tools"]] == [list(tool) for tool in body["tools"]]
    assert rest == "\n".join(block["text"] for block in blocks) + "\n"
    tokens = sum(layer["tokens"] for layer in document["layers"])
    use = commands.asked[-1].cache_use
    assert tokens == pytest.approx(use.input_tokens + use.read_tokens + use.write_tokens, rel=0.1)
    assert document["model"] == body["model"]
    assert document["tier"] == "standard"


def test_the_files_of_each_layer(commands: CommandLine) -> None:
    commands.write("new.py", "import prices\n\nprint(prices.with_tax([1]))\n")
    commands.write(".kibitzignore", "docs/\n")
    document = shown(commands, "new.py")
    files = {layer["name"]: layer["files"] for layer in document["layers"]}
    assert [each["path"] for each in files["snapshot"]] == ["prices.py"]
    assert set(files["snapshot"][0]) == {"path", "tokens", "form", "score"}
    assert "new.py" in [each["path"] for each in files["changes"]]
    assert {"path": "docs/notes.md", "reason": "it is excluded by .kibitzignore"} in document[
        "omitted"
    ]
    scores = [each["score"] for each in files["task"]]
    assert scores == sorted(scores, reverse=True)
    assert len(document["commit"]) == 40


def test_the_price_is_that_of_the_request(commands: CommandLine) -> None:
    commands.write("table.py", "".join(f"ROW_{n} = {n * n}\n" for n in range(4_000)))
    commands.commit()
    cost = shown(commands, "prices.py")["cost"]
    assert 0 < cost["warm_usd"] < cost["cold_usd"]
    for name in ("cold_usd", "warm_usd"):
        commands.run("explain", "prices.py")
        use = commands.asked[-1].cache_use
        billed = catalogue.cost_usd(
            "claude-sonnet-5-5",
            Usage(use.input_tokens, use.read_tokens, use.write_5m_tokens, use.write_1h_tokens),
        )
        assert billed is not None
        # The stand-in counts tokens in its own way.
        assert cost[name] == pytest.approx(billed, rel=0.1)


def test_an_unknown_price(commands: CommandLine) -> None:
    document = shown(commands, "--set", "models.standard=some-llama")
    assert document["cost"] == {"cold_usd": None, "warm_usd": None}
    outcome = commands.run("context", "--set", "models.standard=some-llama")
    assert "price unknown for this model" in outcome.out


def test_without_a_repository(
    commands: CommandLine, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("plain")
    (folder / "a.py").write_text("x = 1\n")
    monkeypatch.chdir(folder)
    document = shown(commands, "a.py")
    assert document["commit"] is None


def test_for_people(commands: CommandLine) -> None:
    commands.write(".kibitzignore", "docs/\n")
    out = commands.run("context", "prices.py:6-10").out
    assert "claude-sonnet-5-5 (standard tier), as of commit " in out
    assert "\nrules " in out
    assert re.search(r"\ntools, counted with the rules: .*\breport_findings\b", out)
    assert re.search(r"\nsnapshot: \d+ whole\b", out)
    assert "\n  prices.py (full, " in out
    assert "\n  it is excluded by .kibitzignore: docs/notes.md\n" in out
    assert " cold, $" in out
    assert not commands.standin.journal.exchanges


def test_a_file_that_may_not_be_sent(commands: CommandLine) -> None:
    commands.write(".env", "PASSWORD=hunter22\n")
    outcome = commands.run("context", ".env")
    assert (outcome.code, outcome.out) == (2, "")
    assert ".env is not sent" in outcome.err


def test_the_plan_is_explained(commands: CommandLine) -> None:
    commands.write("table.py", "".join(f"ROW_{n} = {n * n}\n" for n in range(2_000)))
    commands.commit()
    before = shown(commands, "prices.py")
    assert before["plan"]["step"] == "first"
    assert before["plan"]["expected"]["cache_read_tokens"] == 0
    assert before == shown(commands, "prices.py"), "looking changes nothing"
    commands.run("explain", "prices.py")
    plan = shown(commands, "prices.py")["plan"]
    assert (plan["step"], plan["snapshot_alive"], plan["provisional"]) == ("keep", True, False)
    assert plan["reason"]
    assert plan["snapshot_lifetime"] in ("5m", "1h")
    assert plan["expected"]["cache_read_tokens"] > 1_000
    assert plan["expected"]["cost_usd"] < before["plan"]["expected"]["cost_usd"] / 2
    out = commands.run("context", "prices.py").out
    assert f"plan: keep, {plan['reason']}" in out
    assert "should be in the cache now" in out
    commands.run("explain", "prices.py")
    use = commands.asked[-1].cache_use
    assert use.read_tokens > 0
    assert use.write_5m_tokens + use.write_1h_tokens == 0


def test_what_has_changed_since_stands_in_blocks(commands: CommandLine) -> None:
    commands.write("table.py", "".join(f"ROW_{n} = {n * n}\n" for n in range(2_000)))
    commands.commit()
    commands.write("prices.py", (commands.root / "prices.py").read_text() + "\nX = 1\n")
    for _ in range(4):
        commands.run("explain", "prices.py")
    plan = shown(commands, "prices.py")["plan"]
    assert plan["log_blocks"] >= 1, "it has held still for some requests"
    commands.write("prices.py", (commands.root / "prices.py").read_text() + "\nY = 1\n")
    document = shown(commands, "prices.py")
    changes = next(layer for layer in document["layers"] if layer["name"] == "changes")
    assert changes["tokens"] > 0
    commands.run("explain", "prices.py")
    sent = [block["text"] for block in commands.asked[-1].request.body["system"]]
    assert sha256("".join(sent[2:])) == changes["sha256"]
    assert "+Y = 1" in sent[-1]
