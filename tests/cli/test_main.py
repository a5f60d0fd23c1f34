"""The menu, help, and what becomes of mistakes and faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz import __version__
from kibitz.cli import explain, main
from kibitz.standin import Fault
from support.command_line import CommandLine


def test_version(commands: CommandLine) -> None:
    assert commands.run("--version").out == f"kibitz {__version__}\n"


def test_help_is_a_result_and_names_every_command(commands: CommandLine) -> None:
    outcome = commands.run("--help")
    assert (outcome.code, outcome.err) == (0, "")
    for name in main.COMMANDS:
        assert f"\n  {name} " in outcome.out


def test_without_a_command_the_help_is_a_complaint(commands: CommandLine) -> None:
    outcome = commands.run()
    assert (outcome.code, outcome.out) == (2, "")
    assert "usage: kibitz COMMAND" in outcome.err


@pytest.mark.parametrize("name", [name for name in main.COMMANDS if name != "serve"])
def test_each_command_has_help_with_examples(commands: CommandLine, name: str) -> None:
    outcome = commands.run(name, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"usage: kibitz {name}" in outcome.out
    assert f"\n  kibitz {name}" in outcome.out
    # The parts of an evaluation have options of their own.
    part = commands.run("eval", "review", "--help") if name == "eval" else outcome
    assert "--set KEY=VALUE" in part.out
    assert commands.run("help", name).out == outcome.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["explian", "x.py"], "There is no command 'explian'; did you mean `kibitz explain`?"),
        (["frobnicate"], "There is no command 'frobnicate'; see `kibitz --help`."),
        (["explain"], "The following arguments are required: PATH[:L1[-L2]]; see"),
        (["explain", "prices.py", "--colour"], "Unrecognized arguments: --colour; see"),
        (["explain", "prices.py", "--set", "audit"], "Argument --set: 'audit' is not KEY=VALUE"),
        (["ask", "why", "--max-tokens", "0"], "'0' is not a whole number above 0"),
        (["review", "prices.py", "--fail-on", "bad"], "'bad' is none of error, warning"),
        (["usage", "--by", "hour"], "invalid choice: 'hour'"),
        (["explain", "prices.py", "--set", "modles.fast=x"], "did you mean `models.fast`?"),
        (["explain", "prices.py", "--set", "audit=loud"], "`audit` is ignored, because"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(
    commands: CommandLine, arguments: list[str], sentence: str
) -> None:
    outcome = commands.run(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert sentence in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith("kibitz: ")
    assert not commands.asked


def test_faulty_settings_are_told_and_do_not_stop_the_work(commands: CommandLine) -> None:
    commands.write(".kibitz.toml", 'base_url = "https://evil.example"\nhovre.mode = "ask"\n')
    outcome = commands.run("explain", "prices.py")
    assert outcome.code == 0
    assert "`base_url` is ignored" in outcome.err
    assert "did you mean `hover.mode`?" in outcome.err
    assert len(commands.asked) == 1


def test_settings_of_the_command_line_win(commands: CommandLine) -> None:
    commands.write_settings('models.standard = "claude-opus-5-5"\n')
    commands.run("explain", "prices.py")
    commands.run("explain", "prices.py", "--set", "models.standard=claude-haiku-5-5")
    models = [exchange.request.model for exchange in commands.asked]
    assert models == ["claude-opus-5-5", "claude-haiku-5-5"]


def test_a_fault_is_one_log_entry_and_one_sentence(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(text: str) -> None:
        raise LookupError("secret-looking detail")

    monkeypatch.setattr(explain, "parse_place", broken)
    outcome = commands.run("explain", "prices.py")
    assert (outcome.code, outcome.out) == (70, "")
    log = commands.home / "state" / "kibitz" / "kibitz.log"
    assert outcome.err == (
        f"kibitz: There is a fault in kibitz (LookupError); please report it with the last entry "
        f"of {log}.\n"
    )
    (entry,) = log.read_text("utf-8").splitlines()
    assert "LookupError" in entry
    assert "cli/explain.py:" in entry
    assert "secret-looking" not in entry


def test_a_warning_of_the_log_is_a_note(commands: CommandLine) -> None:
    commands.set("ANTHROPIC_BASE_URL", f"{commands.standin.base_url}/v1")
    outcome = commands.run("explain", "prices.py")
    assert outcome.code == 0
    assert 'kibitz: base_url ends in "/v1"' in outcome.err


def test_a_log_level_shows_the_log(commands: CommandLine) -> None:
    commands.standin.enqueue(Fault.status_code(400, "no"))
    outcome = commands.run("explain", "prices.py", "--log-level", "info")
    assert " INFO kibitz.cli: Claude failed: bad_request" in outcome.err


def test_an_unusable_state_folder_is_told(commands: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    commands.set("XDG_STATE_HOME", str(tmp_path / "file"))
    outcome = commands.run("explain", "prices.py")
    assert (outcome.code, outcome.out) == (2, "")
    assert "kibitz keeps its files there" in outcome.err
    assert not commands.asked
