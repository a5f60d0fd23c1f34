"""The hooks for pre-commit, run by pre-commit: at a commit and at a push, as a user has them."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from kibitz.standin import StandIn
from support.commands_as_processes import KIBITZ
from support.findings import finding, reported
from support.workflow_runner import CHECKOUT
from support.workshop import EXAMPLE, GIT, make_repository

PRE_COMMIT = Path(sysconfig.get_path("scripts")) / "pre-commit"
MANIFEST = CHECKOUT / ".pre-commit-hooks.yaml"

CHANGED = EXAMPLE.replace("result + price", "result - price")
WRONG = finding(
    severity="error", quote="        result = result - price", title="Subtracts", suggestion=""
)


class Shop:
    """A repository whose commits pass a hook of ours."""

    def __init__(self, folder: Path, base_url: str, key: str = "sk-test") -> None:
        self.root = make_repository(folder / "shop", {"prices.py": EXAMPLE, "a.py": "a = 1\n"})
        self.hooks = folder / "hooks"
        home = folder / "home"
        self._environment = {
            "PATH": os.pathsep.join((str(KIBITZ.parent), os.environ["PATH"])),
            "HOME": str(home),
            **{f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "STATE")},
            "XDG_CACHE_HOME": str(home / "cache"),
            "PRE_COMMIT_HOME": str(folder / "pre-commit"),
            "ANTHROPIC_BASE_URL": base_url,
            "ANTHROPIC_API_KEY": key,
            "GIT_CONFIG_GLOBAL": os.devnull,
            # What pip reads besides: where packages are looked up here.
            **{name: text for name, text in os.environ.items() if name.startswith("PIP_")},
        }

    def use(self, hook: str, config: Mapping[str, object], kind: str = "pre-commit") -> None:
        """Have pre-commit run `hook` of the repository with our manifest."""
        make_repository(
            self.hooks, {".pre-commit-hooks.yaml": MANIFEST.read_text(), "README": "x\n"}
        )
        self.configure(self.hooks, hook, config, kind)

    def configure(
        self, hooks: Path, hook: str, config: Mapping[str, object], kind: str = "pre-commit"
    ) -> None:
        revision = subprocess.run(
            [*GIT, "rev-parse", "HEAD"], cwd=hooks, check=True, capture_output=True, text=True
        ).stdout.strip()
        repository = {"repo": str(hooks), "rev": revision, "hooks": [{"id": hook, **config}]}
        path = self.root / ".pre-commit-config.yaml"
        path.write_text(yaml.safe_dump({"repos": [repository]}))
        self.git("add", ".pre-commit-config.yaml")
        self.git("commit", "-q", "--no-verify", "-m", "Hooks")
        self._run(str(PRE_COMMIT), "install", "--hook-type", kind)

    def git(self, *arguments: str) -> str:
        ran = self._run(*GIT, *arguments)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def commit(self, *arguments: str) -> tuple[bool, str]:
        """Whether git made the commit, and all that was said."""
        ran = self._run(*GIT, "commit", "-m", "Change", *arguments)
        return ran.returncode == 0, ran.stdout + ran.stderr

    def push(self) -> tuple[bool, str]:
        ran = self._run(*GIT, "push", "-q", "origin", "HEAD")
        return ran.returncode == 0, ran.stdout + ran.stderr

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.root,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,  # a guard: pip may have to fetch everything
        )


# The kibitz of the tests, instead of one that pre-commit installs from the hook's repository.
INSTALLED = {"language": "system"}


def test_the_manifest_is_valid() -> None:
    ran = subprocess.run(
        [PRE_COMMIT, "validate-manifest", MANIFEST], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout


def test_a_commit_is_stopped_by_what_is_found_in_it(
    tmp_path: Path, standin_in_thread: StandIn
) -> None:
    shop = Shop(tmp_path, standin_in_thread.base_url)
    shop.use("kibitz-review", INSTALLED)
    (shop.root / "prices.py").write_text(CHANGED)
    # `git commit -a` stages in an index of its own, which only the hook is told of.
    standin_in_thread.enqueue(reported(WRONG))
    was_made, said = shop.commit("-a")
    assert not was_made
    assert "prices.py:9: error: Subtracts [correctness]" in said


@pytest.mark.real
def test_what_is_below_the_limit_is_told_and_committed(
    tmp_path: Path, standin_in_thread: StandIn
) -> None:
    shop = Shop(tmp_path, standin_in_thread.base_url)
    shop.use("kibitz-review", {**INSTALLED, "files": r"^prices\.py$"})
    (shop.root / "prices.py").write_text(CHANGED)
    (shop.root / "a.py").write_text("a = 2\n")
    shop.git("add", "a.py", "prices.py")
    (shop.root / "prices.py").write_text("not_staged = 1\n")
    standin_in_thread.enqueue(reported({**WRONG, "severity": "warning"}))
    was_made, said = shop.commit()
    assert was_made, said
    assert "prices.py:9: warning: Subtracts [correctness]" in said
    asked = standin_in_thread.journal.messages
    assert all("not_staged" not in each.request.last_user_text for each in asked)
    assert 'path="a.py"' not in asked[0].request.last_user_text, "`files` narrows it"
    assert (shop.root / "prices.py").read_text() == "not_staged = 1\n"


@pytest.mark.real
def test_a_push_is_stopped_by_what_the_branch_has_added(
    tmp_path: Path, standin_in_thread: StandIn
) -> None:
    shop = Shop(tmp_path, standin_in_thread.base_url)
    shop.use("kibitz-review-branch", INSTALLED, "pre-push")
    subprocess.run([*GIT, "init", "-q", "--bare", str(tmp_path / "bare")], check=True)
    shop.git("remote", "add", "origin", str(tmp_path / "bare"))
    shop.git("checkout", "-q", "-b", "topic")
    (shop.root / "prices.py").write_text(CHANGED)
    shop.git("commit", "-q", "-a", "-m", "Subtract")
    (shop.root / "prices.py").write_text("not_committed = 1\n")
    standin_in_thread.enqueue(reported(WRONG))
    was_pushed, said = shop.push()
    assert not was_pushed
    assert "prices.py:9: error: Subtracts [correctness]" in said
    (first, *_) = standin_in_thread.journal.messages
    assert "not_committed" not in first.request.last_user_text


@pytest.mark.real
def test_pre_commit_installs_it(tmp_path: Path, standin_in_thread: StandIn) -> None:
    """As a user has it: pre-commit clones the repository and makes an environment of its own."""
    carried = ("server", "context", "clients/neovim", "clients/zed")
    carried += ("pyproject.toml", "README.md", "LICENSE")
    paths = [path for name in carried for path in (CHECKOUT / name, *(CHECKOUT / name).rglob("*"))]
    files = {
        path.relative_to(CHECKOUT).as_posix(): path.read_bytes()
        for path in paths
        if path.is_file() and path.suffix != ".pyc"
    }
    shop = Shop(tmp_path, standin_in_thread.base_url)
    hooks = make_repository(
        tmp_path / "kibitz", {**files, ".pre-commit-hooks.yaml": MANIFEST.read_bytes()}
    )
    shop.configure(hooks, "kibitz-review", {"args": ["--fail-on=warning"]})
    (shop.root / "prices.py").write_text(CHANGED)
    standin_in_thread.enqueue(reported({**WRONG, "severity": "warning"}))
    was_made, said = shop.commit("-a")
    assert not was_made
    assert "prices.py:9: warning: Subtracts [correctness]" in said
