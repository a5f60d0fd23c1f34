"""Every built-in model does what the newest does, and the endpoint never refuses what it is sent.

The stand-in knows what each model takes from a table of its own and refuses what the API refuses.
"""

from __future__ import annotations

import json

import pytest

from kibitz.claude.models.catalogue import builtin
from kibitz.standin import Reply
from support.command_line import CommandLine

MODELS = tuple(builtin().models)
FINDINGS = {
    "findings": [
        {
            "path": "prices.py",
            "severity": "warning",
            "category": "style",
            "start_line": 6,
            "end_line": 6,
            "quote": "def total(prices):",
            "title": "No types",
            "message": "Say what goes in.",
            "suggestion": "",
        }
    ]
}
ANSWERS = {
    "explain": Reply("It adds the prices up."),
    "review": Reply(json.dumps(FINDINGS)),
    "refactor": Reply("<replacement>\nRATE = 0.3\n</replacement>"),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("action", ANSWERS)
def test_every_model_serves_every_action(commands: CommandLine, model: str, action: str) -> None:
    commands.standin.enqueue(ANSWERS[action])
    place = {"refactor": ["prices.py:3", "a higher rate"]}.get(action, ["prices.py"])
    outcome = commands.run(action, *place, "--model", model, "--yes")
    assert outcome.code == 0, outcome.err
    (exchange,) = commands.asked
    assert exchange.status == 200
    assert exchange.request.body["model"] == model
    says = {"explain": "adds the prices up", "review": "No types", "refactor": "+RATE = 0.3"}
    assert says[action] in outcome.out
    usage = json.loads(commands.run("usage", "--by", "model", "--json").out)
    (row,) = usage["rows"]
    assert row["cost_usd"] == pytest.approx(exchange.cost_usd), "by the price list of the stand-in"


@pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-sonnet-4-6", "claude-haiku-4-5"])
@pytest.mark.parametrize("tier", ["fast", "standard", "deep"])
def test_older_models_serve_every_tier(commands: CommandLine, model: str, tier: str) -> None:
    routed = ["--set", f"models.{tier}={model}", "--set", f"route.explain={tier}"]
    for _ in range(2):
        assert commands.run("explain", "prices.py", *routed).code == 0
    assert [exchange.status for exchange in commands.asked] == [200, 200]
    assert {exchange.request.body["model"] for exchange in commands.asked} == {model}
