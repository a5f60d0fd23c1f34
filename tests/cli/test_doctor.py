"""Doctor: one line a check, what to do about it, and the exit code of the worst."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from kibitz.claude.models import catalogue
from kibitz.cli import context_checks, doctor
from kibitz.standin import Fault, StandIn
from support.command_line import CommandLine, Outcome

SUBJECTS = [
    "version",
    "settings",
    "files",
    "credentials",
    "endpoint",
    "models.fast",
    "models.standard",
    "models.deep",
    "routes",
    "prices",
    "editor",
    "repository",
    "index",
    "trust",
    "keep-warm",
    "budget",
]


def line_of(outcome: Outcome, subject: str) -> str:
    """The line about `subject`, verdict first."""
    (line,) = [line for line in outcome.out.splitlines() if line.split()[1] == subject]
    return " ".join(line.split())


def test_one_line_a_check(commands: CommandLine) -> None:
    outcome = commands.run("doctor")
    assert (outcome.code, outcome.err) == (0, "")
    assert [line.split()[1] for line in outcome.out.splitlines()] == SUBJECTS
    assert line_of(outcome, "credentials") == "ok credentials from ANTHROPIC_API_KEY"
    assert f"{commands.standin.base_url} answers in " in line_of(outcome, "endpoint")
    assert line_of(outcome, "models.standard") == (
        "ok models.standard claude-sonnet-5-5 reads 1,000,000 tokens, writes 128,000; caches "
        "prompts from 512 tokens on; $2 in and $10 out per million tokens"
    )
    assert f"{commands.root} at " in line_of(outcome, "repository")
    assert line_of(outcome, "trust").endswith("`kibitz trust` lets them")
    assert "$0.0000 of $10.00 today" in line_of(outcome, "budget")
    assert not commands.asked, "nothing is spent"


def test_trust_is_seen(commands: CommandLine) -> None:
    commands.run("trust")
    assert line_of(commands.run("doctor"), "trust").startswith("ok trust automatic features may")


def test_no_secret_is_printed(commands: CommandLine) -> None:
    commands.write_settings(
        'headers = { Authorization = "Bearer very-secret-1234" }\nproxy = "http://u:pw@[::1"\n'
    )
    commands.set("ANTHROPIC_BASE_URL", commands.standin.base_url.replace("//", "//user:hidden@"))
    outcome = commands.run("doctor")
    for secret in ("very-secret-1234", "u:pw", "hidden", "sk-ant-api03"):
        assert secret not in outcome.out + outcome.err


def test_without_credentials(commands: CommandLine) -> None:
    commands.set("ANTHROPIC_API_KEY", None)
    commands.set("ANTHROPIC_BASE_URL", None)
    outcome = commands.run("doctor")
    assert outcome.code == 2
    assert line_of(outcome, "credentials").startswith("fault credentials There is no API key")
    assert line_of(outcome, "models.standard").startswith("ok"), "known without asking"


def test_a_key_that_is_not_accepted(commands: CommandLine) -> None:
    with StandIn.in_thread(accepted_keys=["another"]) as strict:
        commands.set("ANTHROPIC_BASE_URL", address := strict.base_url)
        outcome = commands.run("doctor")
    assert outcome.code == 2
    assert "does not accept the API key" in line_of(outcome, "credentials")
    assert line_of(outcome, "endpoint").startswith(f"ok endpoint {address} answers")


@pytest.mark.parametrize(
    ("settings", "subject", "says"),
    [
        ('models.deep = "claude-opus-55"\n', "models.deep", "set `models.deep` to claude-opus-5-5"),
        ("audit = 3\n", "settings", "`audit` is ignored, because it must be one of"),
        ('modle.fast = "x"\n', "settings", "did you mean `models.fast`?"),
        ("audit = \n", "settings", "is not valid TOML"),
        ('provider = "vertex"\n', "credentials", "needs `vertex.region` in config.toml"),
        ('provider = "foundry"\n', "credentials", "needs `foundry.resource` in config.toml"),
        ('provider = "local"\n', "local", "needs `local.model` in config.toml"),
        (
            'provider = "local"\nlocal.model = "/nowhere.gguf"\n',
            "local",
            "The file that `local.model` names does not exist",
        ),
        ('base_url = "ftp//nowhere"\n', "settings", "`base_url` is ignored"),
        ('ca_file = "/nowhere.pem"\n', "endpoint", "`ca_file`"),
        ("context.max_tokens = 1500000\n", "models.fast", "lower it below what the model reads"),
    ],
)
def test_a_faulty_configuration(
    commands: CommandLine, settings: str, subject: str, says: str
) -> None:
    commands.write_settings(settings)
    outcome = commands.run("doctor")
    assert outcome.code == 2
    assert line_of(outcome, subject).startswith(f"fault {subject} ")
    assert says in line_of(outcome, subject)


def test_a_project_that_sets_too_much(commands: CommandLine) -> None:
    commands.write(".kibitz.toml", 'base_url = "https://evil.example"\n')
    outcome = commands.run("doctor")
    assert outcome.code == 2
    assert "`base_url` is ignored" in line_of(outcome, "settings")


def test_nobody_listens(commands: CommandLine) -> None:
    commands.set("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    outcome = commands.run("doctor")
    assert outcome.code == 3
    assert "127.0.0.1:9 refuses the connection" in line_of(outcome, "endpoint")
    assert line_of(outcome, "credentials").startswith("note credentials from ANTHROPIC_API_KEY")


def test_an_endpoint_that_never_answers(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "ENDPOINT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        commands.set("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        outcome = commands.run("doctor")
    assert outcome.code == 3
    assert "did not answer in time" in line_of(outcome, "endpoint")


def test_an_endpoint_without_a_list_of_models(commands: CommandLine) -> None:
    commands.standin.when(lambda request: True, Fault.status_code(404), path="/v1/models")
    outcome = commands.run("doctor")
    assert outcome.code == 0
    assert line_of(outcome, "endpoint").endswith("answers, but has no list of models")


def test_an_endpoint_that_is_no_api(commands: CommandLine) -> None:
    commands.standin.when(lambda request: True, Fault.html(200), path="/v1/models")
    outcome = commands.run("doctor")
    assert outcome.code == 3
    assert "not as the Messages API does" in line_of(outcome, "endpoint")


def test_a_budget_that_is_used_up(commands: CommandLine) -> None:
    commands.run("explain", "prices.py")
    outcome = commands.run("doctor", "--set", "budget.day_usd=0.0001")
    assert outcome.code == 4
    assert "it is used up: wait for the next day, or raise" in line_of(outcome, "budget")


def test_a_limit_that_leaves_no_room_for_the_snapshot(commands: CommandLine) -> None:
    outcome = commands.run("doctor", "--set", "context.max_tokens=400000")
    assert outcome.code == 0
    assert line_of(outcome, "budget").startswith("note budget ")
    assert "the standard tier's snapshot has " in line_of(outcome, "budget")
    assert "tokens instead of 400,000, since one request may cost no more" in outcome.out
    (mend,) = re.findall(r"with `budget.request_usd` at \$([0-9.]+) it has all", outcome.out)
    settings = ("--set", "context.max_tokens=400000", "--set", f"budget.request_usd={mend}")
    assert line_of(commands.run("doctor", *settings), "budget").startswith("ok budget")


def test_without_a_repository(
    commands: CommandLine, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("plain"))
    outcome = commands.run("doctor")
    assert outcome.code == 0
    assert "(no git repository; `git init` helps)" in line_of(outcome, "repository")
    assert ", no commit (no git repository)\n" in commands.run("context").out


def test_a_repository_of_somebody_else_s(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git asks nothing about it, and another `git init` would not help."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    line = line_of(commands.run("doctor"), "repository")
    assert "dubious ownership" in line
    assert f"`git config --global --add safe.directory {commands.root}` helps" in line
    assert "git init" not in line
    assert "dubious ownership" in commands.run("context").out.partition("\n")[0]


def test_an_unusable_state_folder(commands: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    commands.set("XDG_STATE_HOME", str(tmp_path / "file"))
    outcome = commands.run("doctor")
    assert outcome.code == 2
    assert line_of(outcome, "files").startswith("fault files ")


def test_the_editor_around_it(commands: CommandLine) -> None:
    commands.set("NVIM", "/run/nvim.sock")
    assert "in neovim, whose client is known" in line_of(commands.run("doctor"), "editor")


def test_how_old_the_prices_are(commands: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    as_of = catalogue.builtin().as_of
    assert f"models and prices as of {as_of}" in line_of(commands.run("doctor"), "prices")
    monkeypatch.setattr(context_checks, "OLDEST_PRICES_DAYS", -100_000)
    line = line_of(commands.run("doctor"), "prices")
    assert line.startswith("note prices")
    assert "models.toml can say what holds" in line


def test_an_index_that_is_not_there(commands: CommandLine) -> None:
    line = line_of(commands.run("doctor"), "index")
    assert line.startswith("note index this repository is not indexed yet")
    assert not (commands.home / "cache" / "kibitz" / "context").exists(), "it only looks"


def test_what_was_sent_is_seen(commands: CommandLine) -> None:
    commands.write("table.py", "".join(f"ROW_{n} = {n * n}\n" for n in range(400)))
    commands.commit()
    commands.run("context")
    assert line_of(commands.run("doctor"), "index").startswith("ok index the snapshot is prepared")
    commands.run("explain", "prices.py")
    outcome = commands.run("doctor")
    assert line_of(outcome, "index").startswith("ok index the snapshot is that of commit ")
    assert line_of(outcome, "keep-warm").startswith("note keep-warm $0.0000 of $0.25 today; the ")
    assert "should be in the cache until" in line_of(outcome, "keep-warm")
    commands.run("trust")
    assert line_of(commands.run("doctor"), "keep-warm").startswith("ok keep-warm $0.0000 of $0.25")


def test_keep_warm_can_be_off(commands: CommandLine) -> None:
    commands.write_settings('context.keep_warm = "off"\n')
    assert line_of(commands.run("doctor"), "keep-warm") == (
        "ok keep-warm off, by `context.keep_warm`"
    )


def test_which_tier_serves_what(commands: CommandLine) -> None:
    commands.write_settings('route.review = "deep"\n')
    line = line_of(commands.run("doctor"), "routes")
    assert line.startswith("ok routes fast: complete, hover; standard: ask, document, explain, ")
    assert line.endswith("deep: review; 3 snapshots are kept in the cache, one a tier")


def test_a_model_that_retires_is_named_with_its_successor(commands: CommandLine) -> None:
    outcome = commands.run("doctor", "--set", "models.deep=claude-sonnet-4-5")
    assert outcome.code == 0
    assert line_of(outcome, "models.deep").startswith("note models.deep claude-sonnet-4-5 reads ")
    assert "retired" in line_of(outcome, "models.deep")
    assert line_of(outcome, "models.deep").endswith("; set `models.deep` to claude-sonnet-5-5")


def test_an_older_model_is_no_fault(commands: CommandLine) -> None:
    outcome = commands.run("doctor", "--set", "models.fast=claude-haiku-4-5")
    assert line_of(outcome, "models.fast").startswith(
        "ok models.fast claude-haiku-4-5 reads 200,000"
    )
    assert line_of(outcome, "models.fast").endswith("; newer: claude-haiku-5-5")


def test_what_a_user_says_of_a_model_holds(commands: CommandLine) -> None:
    file = commands.home / "config" / "kibitz" / "models.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[[model]]\nid = "claude-sonnet-5-5"\ncontext = 150_000\n')
    assert "reads 150,000 tokens" in line_of(commands.run("doctor"), "models.standard")


def test_what_is_wrong_in_models_toml(commands: CommandLine) -> None:
    file = commands.home / "config" / "kibitz" / "models.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[[model]]\nid = "a"\nprise = 1\n[[model]]\nid = "b"\ncontext = "x"\n')
    outcome = commands.run("doctor")
    assert outcome.code == 2
    faults = [line for line in outcome.out.splitlines() if line.split()[1] == "models.toml"]
    assert len(faults) == 2
    assert "a: 'prise' is not a key of a model; the entry is ignored." in faults[0]
