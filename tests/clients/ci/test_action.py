"""The GitHub Action, run by a runner of workflows.

What takes a process of kibitz for each case is for `make test-real`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from kibitz.standin import Fault, StandIn
from support.commands_as_processes import KIBITZ
from support.findings import finding, reported
from support.sarif_schema import check_sarif
from support.workflow_runner import ACT, CHECKOUT, REPOSITORY, Job, WorkflowRunner
from support.workshop import EXAMPLE, GIT, make_repository

pytestmark = pytest.mark.skipif(not ACT.exists(), reason="act is not made for this platform")

CHANGED = EXAMPLE.replace("RATE = 0.2", "RATE = 0.25").replace("result + price", "result - price")
WRONG = finding(
    severity="error", quote="        result = result - price", title="Subtracts", suggestion=""
)


class Shop:
    """A repository whose branch changes one file, and a runner that works there."""

    def __init__(
        self, folder: Path, standin: StandIn, carried: Sequence[str] = ("clients/ci",)
    ) -> None:
        self.root = make_repository(folder / "shop", {"prices.py": EXAMPLE})
        self.git("remote", "add", "origin", f"https://github.com/{REPOSITORY}")
        self.base = self.git("rev-parse", "HEAD")
        (self.root / "prices.py").write_text(CHANGED)
        self.git("commit", "-q", "-a", "-m", "Subtract")
        home, action = folder / "home", folder / "action"
        home.mkdir()
        # The runner copies all of an action's repository.
        for name in carried:
            (action / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy
            copy(CHECKOUT / name, action / name)
        self.runner = WorkflowRunner(self.root, home, standin.base_url, action)

    def git(self, *arguments: str) -> str:
        command = [*GIT, *arguments]
        ran = subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True)
        return ran.stdout.strip()

    def pull_request(
        self, inputs: Mapping[str, str], *, head: str = REPOSITORY, **options: Any
    ) -> Job:
        payload = {
            "pull_request": {
                "base": {"sha": self.base, "repo": {"full_name": REPOSITORY}},
                "head": {"repo": {"full_name": head}},
            },
            "repository": {"full_name": REPOSITORY},
        }
        event = options.pop("event", "pull_request")
        return self.run(event, payload, inputs, **options)

    def run(
        self, event: str, payload: Mapping[str, Any], inputs: Mapping[str, str], **options: Any
    ) -> Job:
        given = {"command": str(KIBITZ), "settings": "review.verify=off", **inputs}
        return self.runner.run(event, payload, given, **options)


@pytest.fixture
def shop(tmp_path: Path, standin_in_thread: StandIn) -> Shop:
    return Shop(tmp_path, standin_in_thread)


def test_it_is_valid_and_puts_no_value_into_a_command_line() -> None:
    text = (CHECKOUT / "clients/ci/action.yml").read_text()
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions",
         CHECKOUT / "clients/ci/action.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    action = yaml.safe_load(text)
    for step in action["runs"]["steps"]:
        assert "${{" not in step.get("run", ""), "what it stands for would be read by the shell"
        # Everything but the step that asks Claude does without the key.
        if step.get("id") != "review":
            assert step["env"]["ANTHROPIC_API_KEY"] == ""
    used = {name for step in action["runs"]["steps"] for name in action["inputs"]
            if f"inputs.{name}" in yaml.dump(step, width=1_000)}  # fmt: skip
    assert used == set(action["inputs"])


def test_findings_stand_beside_the_lines_and_fail_the_step(
    shop: Shop, standin_in_thread: StandIn
) -> None:
    bogus = finding(quote="never written", title="::error::Bogus")
    elsewhere = finding(start_line=14, end_line=14, quote="    return total(prices) * (1 + RATE)")
    standin_in_thread.enqueue(reported(WRONG, bogus, elsewhere))
    settings = "\nreview.instructions=Be kind.\nreview.verify=off\n"
    job = shop.pull_request({"paths": "prices.py\n", "settings": settings})
    assert not job.succeeded
    place = {"file": "prices.py", "line": "9", "endLine": "9", "title": "Subtracts"}
    assert job.told == (("error", place, "Cents are lost. [correctness]"),)
    assert "kibitz: 1 finding (1 error), 2 dropped" in job.output
    assert "kibitz: 1 finding (1 error), 2 dropped" in job.summary
    assert job.outputs["result"] == "findings"
    (asked,) = standin_in_thread.journal.messages
    assert "9+\t        result = result - price" in asked.request.last_user_text
    assert "Be kind." in asked.request.last_user_text


@pytest.mark.real
def test_sarif_is_uploaded_even_when_findings_fail_the_step(
    shop: Shop, standin_in_thread: StandIn
) -> None:
    # kibitz tells on stderr which file it is at, and a branch may bring a file of any name.
    hostile = "::error::owned.py"
    (shop.root / hostile).write_text("owned = eval(input())\n")
    shop.git("add", "-A")
    shop.git("commit", "-q", "-m", "Hostile")
    quote = "owned = eval(input())"
    found = finding(path=hostile, severity="error", start_line=1, end_line=1, quote=quote)
    standin_in_thread.enqueue(reported(found))
    job = shop.pull_request({"format": "sarif", "paths": hostile, "settings": ""})
    assert not job.succeeded
    assert job.uploaded is not None
    document = json.loads(job.uploaded)
    check_sarif(document)
    (result,) = document["runs"][0]["results"]
    assert result["level"] == "error"
    assert job.seen == "upload-sarif key=[]\n", "nobody else gets the key"
    assert job.told == ()


@pytest.mark.real
def test_below_the_limit_nothing_fails(shop: Shop, standin_in_thread: StandIn) -> None:
    standin_in_thread.enqueue(reported({**WRONG, "severity": "warning"}))
    job = shop.pull_request({"tier": "fast", "diff": f"{shop.base}..HEAD"})
    assert job.succeeded
    assert job.outputs["result"] == "fine"
    assert [kind for kind, _, _ in job.told] == ["warning"]
    assert "haiku" in standin_in_thread.journal.messages[-1].request.body["model"]


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_a_fork_is_not_reviewed_unless_told(
    shop: Shop, standin_in_thread: StandIn, event: str
) -> None:
    job = shop.pull_request({}, head="stranger/shop", event=event)
    assert job.succeeded
    assert job.outputs == {"result": "skipped", "report": ""}
    assert not standin_in_thread.journal.messages
    ((kind, _, sentence),) = job.told
    assert kind == "notice"
    assert sentence.startswith("Pull requests from forks are not reviewed")


@pytest.mark.real
def test_a_fork_that_is_to_be_reviewed_has_no_key(shop: Shop, standin_in_thread: StandIn) -> None:
    job = shop.pull_request({"forks": "review"}, head="stranger/shop", key=None)
    assert job.succeeded
    assert job.outputs["result"] == "skipped"
    assert not standin_in_thread.journal.messages
    standin_in_thread.enqueue(reported())
    job = shop.pull_request({"forks": "review"}, head="stranger/shop")
    assert job.outputs["result"] == "fine"


@pytest.mark.real
def test_no_key_and_a_wrong_input_are_told(shop: Shop, standin_in_thread: StandIn) -> None:
    job = shop.pull_request({}, key=None)
    assert not job.succeeded
    assert job.outputs["result"] == "misconfigured"
    assert "ANTHROPIC_API_KEY" in job.output
    n_asked = len(standin_in_thread.journal.messages)
    job = shop.pull_request({"fail-on": "$(touch owned)"})
    assert job.outputs["result"] == "misconfigured"
    expected = "`fail-on` is one of: error warning info hint never."
    assert job.told == (("error", {"title": "kibitz"}, expected),)
    assert len(standin_in_thread.journal.messages) == n_asked


@pytest.mark.real
def test_a_claude_that_cannot_be_reached_fails_or_warns(
    shop: Shop, standin_in_thread: StandIn
) -> None:
    standin_in_thread.when(lambda _: True, Fault.spend_limit())
    assert not shop.pull_request({}).succeeded
    job = shop.pull_request({"when-unavailable": "warn"})
    assert job.succeeded
    assert job.outputs["result"] == "unavailable"
    assert any("spend limit" in line for line in job.output.splitlines())
    assert any(
        kind == "warning" and text.startswith("The review is not whole")
        for kind, _, text in job.told
    )


@pytest.mark.real
def test_the_budget_is_the_runs(shop: Shop, standin_in_thread: StandIn) -> None:
    job = shop.pull_request({"budget-usd": "0.0001"})
    assert job.outputs["result"] == "unavailable"
    assert not standin_in_thread.journal.messages


@pytest.mark.real
def test_what_was_pushed_is_reviewed(shop: Shop, standin_in_thread: StandIn) -> None:
    (shop.root / "more.py").write_text("more = 1\n")
    shop.git("add", "more.py")
    shop.git("commit", "-q", "-m", "More")
    standin_in_thread.enqueue(reported(), reported())
    job = shop.run("push", {"before": shop.base}, {})
    assert job.outputs["result"] == "fine"
    assert len(standin_in_thread.journal.messages) == 2
    # A branch that was not there before: its last commit.
    standin_in_thread.enqueue(reported())
    job = shop.run("push", {"before": "0" * 40}, {})
    assert job.outputs["result"] == "fine"
    assert "more.py" in standin_in_thread.journal.messages[-1].request.last_user_text


@pytest.mark.real
def test_the_merge_that_is_checked_out_needs_no_more_history(
    shop: Shop, standin_in_thread: StandIn
) -> None:
    shop.git("checkout", "-q", "-b", "merge", shop.base)
    (shop.root / "other.py").write_text("other = 1\n")
    shop.git("add", "other.py")
    shop.git("commit", "-q", "-m", "Meanwhile on main")
    shop.git("merge", "-q", "--no-edit", "main")
    shop.base = "0" * 40  # not fetched
    standin_in_thread.enqueue(reported(WRONG))
    job = shop.pull_request({"fail-on": "never"})
    assert job.outputs["result"] == "fine"
    (asked,) = standin_in_thread.journal.messages
    assert 'path="prices.py"' in asked.request.last_user_text
    # By default the base is checked out for this one: its last merge is nobody's pull request.
    shop.base = shop.git("rev-parse", "HEAD")
    job = shop.pull_request({}, event="pull_request_target")
    assert job.outputs["result"] == "fine"
    assert len(standin_in_thread.journal.messages) == 1


def test_history_that_was_not_fetched_is_told(shop: Shop) -> None:
    shop.base = "0" * 40
    job = shop.pull_request({})
    assert job.outputs["result"] == "misconfigured"
    ((_, _, sentence),) = job.told
    assert "`fetch-depth: 0`" in sentence


@pytest.mark.real
def test_it_installs_itself(tmp_path: Path, standin_in_thread: StandIn) -> None:
    """As it is used: nothing but the action's own repository and a Python."""
    shop = Shop(
        tmp_path,
        standin_in_thread,
        carried=(
            *("clients/ci", "clients/neovim", "clients/zed", "server", "context", "requirements"),
            *("pyproject.toml", "README.md", "LICENSE"),
        ),
    )
    # What a stranger's branch might bring along to be run.
    for name in ("venv", "pip", "kibitz"):
        (shop.root / f"{name}.py").write_text("raise SystemExit('a stranger was run')\n")
    shop.git("add", "-A")
    shop.git("commit", "-q", "-m", "Trap")
    standin_in_thread.enqueue(reported(WRONG))
    job = shop.pull_request(
        {"command": "", "paths": "prices.py"}, environment={"TEST_PYTHON": sys.executable}
    )
    assert "a stranger was run" not in job.output
    assert job.outputs["result"] == "findings"
    assert job.seen == "setup-python key=[]\n"
