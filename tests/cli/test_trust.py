"""Trust: a repository is trusted as a whole, and no longer when it is taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.trust import Trust
from support.command_line import CommandLine


def trusted(commands: CommandLine) -> tuple[Path, ...]:
    return Trust.load(commands.home / "state" / "kibitz" / "trust.toml").roots()


def test_granted_and_taken_back(commands: CommandLine) -> None:
    outcome = commands.run("trust")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{commands.root} is trusted.\n", "")
    assert trusted(commands) == (commands.root,)
    assert commands.run("trust", "--revoke").out == f"{commands.root} is trusted no longer.\n"
    assert trusted(commands) == ()
    assert commands.run("trust", "--revoke").out == f"{commands.root} was not trusted.\n"


def test_a_folder_means_its_repository(commands: CommandLine) -> None:
    assert commands.run("trust", "docs").out == f"{commands.root} is trusted.\n"


@pytest.mark.parametrize(
    ("folder", "what"), [("nowhere", "does not exist"), ("prices.py", "is not a folder")]
)
def test_what_is_no_folder(commands: CommandLine, folder: str, what: str) -> None:
    outcome = commands.run("trust", folder)
    assert (outcome.code, outcome.out) == (2, "")
    assert what in outcome.err
    assert trusted(commands) == ()


def test_a_damaged_file_is_told(commands: CommandLine) -> None:
    file = commands.home / "state" / "kibitz" / "trust.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[trusted\n")
    outcome = commands.run("trust")
    assert (outcome.code, outcome.out) == (2, "")
    assert "is damaged" in outcome.err
