"""`kibitz setup`: what an editor is told, printed, or written after it was shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command_line import CommandLine
from support.commands_as_processes import on_terminal

THEIRS = "# mine\n[editor]\n"
ONE = ["--languages", "python"]


def helix_file(commands: CommandLine) -> Path:
    file = commands.home / "config" / "helix" / "languages.toml"
    file.parent.mkdir(parents=True)
    return file


def test_the_editors_are_listed(commands: CommandLine) -> None:
    outcome = commands.run("setup")
    assert outcome.code == 0
    assert "  helix         Helix\n" in outcome.out
    assert not commands.asked


def test_what_to_paste_is_all_that_goes_to_stdout(commands: CommandLine) -> None:
    outcome = commands.run("setup", "helix", *ONE)
    assert outcome.code == 0
    assert outcome.out.startswith('[language-server.kibitz]\ncommand = "kibitz"\n')
    assert str(commands.home / "config" / "helix" / "languages.toml") in outcome.err
    assert not (commands.home / "config" / "helix").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ed"], "no recipe for 'ed'"),
        (["helix", "--languages", "python,klingon"], "'klingon' is none of the known languages"),
        (["kakoune", "--languages", "python"], "takes any language"),
    ],
)
def test_what_cannot_be_set_up(commands: CommandLine, arguments: list[str], told: str) -> None:
    outcome = commands.run("setup", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err


def test_writing_shows_the_change_and_keeps_the_file_as_it_was(commands: CommandLine) -> None:
    file = helix_file(commands)
    file.write_text(THEIRS)
    outcome = commands.run("setup", "helix", *ONE, "--write", "--yes")
    assert outcome.code == 0
    assert '+command = "kibitz"\n' in outcome.out
    assert file.read_text().startswith(THEIRS)
    assert 'command = "kibitz"' in file.read_text()
    assert file.with_name("languages.toml.before-kibitz").read_text() == THEIRS
    again = commands.run("setup", "helix", *ONE, "--write", "--yes")
    assert (again.code, again.out) == (0, "")
    assert "set up already" in again.err


def test_a_second_copy_does_not_replace_the_first(commands: CommandLine) -> None:
    file = helix_file(commands)
    file.write_text(THEIRS)
    commands.run("setup", "helix", *ONE, "--write", "--yes")
    commands.run("setup", "helix", "--languages", "rust", "--write", "--yes")
    assert file.with_name("languages.toml.before-kibitz").read_text() == THEIRS
    assert 'name = "python"' in file.with_name("languages.toml.before-kibitz-2").read_text()
    assert 'name = "python"' not in file.read_text()


def test_nobody_to_ask_means_no(commands: CommandLine) -> None:
    outcome = commands.run("setup", "helix", *ONE, "--write")
    assert outcome.code == 2
    assert '+command = "kibitz"\n' in outcome.out
    assert "`--yes`" in outcome.err
    assert not (commands.home / "config" / "helix").exists()


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("\n", 2)])
def test_the_user_is_asked(commands: CommandLine, typed: str, code: int) -> None:
    screen = on_terminal(["setup", "helix", *ONE, "--write"], answers={"[y/N] ": typed})
    assert screen.code == code
    assert (commands.home / "config" / "helix" / "languages.toml").exists() == (code == 0)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"a = [", "not valid TOML"), (b"\xff\xfe", "not UTF-8"), (b"#" * 5_000_000, "too large")],
)
def test_a_file_that_is_not_understood_is_left_alone(
    commands: CommandLine, content: bytes, why: str
) -> None:
    file = helix_file(commands)
    file.write_bytes(content)
    outcome = commands.run("setup", "helix", *ONE, "--write", "--yes")
    assert outcome.code == 2
    assert why in outcome.err
    assert file.read_bytes() == content


def test_a_link_stays_one(commands: CommandLine, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.toml"
    kept.write_text(THEIRS)
    file = helix_file(commands)
    file.symlink_to(kept)
    assert commands.run("setup", "helix", *ONE, "--write", "--yes").code == 0
    assert file.is_symlink()
    assert "kibitz" in kept.read_text()


def test_several_files_are_one_question(commands: CommandLine) -> None:
    outcome = commands.run("setup", "zed", "--write", "--yes")
    folder = commands.home / "config" / "zed" / "kibitz-extension"
    assert outcome.code == 0
    assert (folder / "src" / "lib.rs").read_text().startswith("//! Starts `kibitz serve`")
    assert '"Python",' in (folder / "extension.toml").read_text()
