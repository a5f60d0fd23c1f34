"""`PATH[:L1[-L2]]`: which text is meant, and everything that it cannot be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from kibitz.cli.place import Place, has_piped_stdin, parse_place
from kibitz.errors import UserError
from kibitz_context.gate.gate import MAX_TEXT_BYTES
from support.command_line import CommandLine


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("app.py", Place("app.py")),
        ("app.py:3", Place("app.py", 3, 3)),
        ("app.py:3-14", Place("app.py", 3, 14)),
        ("C:\\src\\app.py:3", Place("C:\\src\\app.py", 3, 3)),
        ("-", Place("-")),
        ("-:2-5", Place("-", 2, 5)),
        ("a:b.py", Place("a:b.py")),
        ("app.py:", Place("app.py:")),
        ("app.py:x-y", Place("app.py:x-y")),
        ("app.py:3-", Place("app.py:3-")),
    ],
)
def test_parse_place(text: str, place: Place) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["app.py:0", "app.py:0-3", "app.py:9-3"])
def test_lines_that_cannot_be(text: str) -> None:
    with pytest.raises(UserError):
        parse_place(text)


def test_a_file_may_be_called_like_a_place(commands: CommandLine) -> None:
    commands.write("notes:12", "remember\n")
    assert commands.run("explain", "notes:12").code == 0
    assert "remember" in commands.task


@pytest.mark.parametrize(
    ("place", "lines"),
    [
        ("prices.py:3", ["3\tRATE = 0.2"]),
        ("prices.py:6-7", ["6\tdef total(prices):", "7\t    result = 0"]),
        ("prices.py:14", ["14\t    return total(prices) * (1 + RATE)"]),
    ],
)
def test_the_lines_that_are_meant(commands: CommandLine, place: str, lines: list[str]) -> None:
    assert commands.run("explain", place).code == 0
    region = commands.task.partition('<region path="prices.py"')[2]
    region = region.partition(">\n")[2].partition("</region>")[0]
    assert region.splitlines() == lines


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("prices.py:15", "prices.py has 14 lines; line 15 is past its end."),
        ("prices.py:2-99", "prices.py has 14 lines; line 99 is past its end."),
        ("one.py:2", "one.py has 1 line; line 2 is past its end."),
        ("nothing.py", "nothing.py does not exist."),
        ("nothing.py:3", "nothing.py does not exist."),
        ("empty.py", "empty.py is empty."),
        ("image.png", "image.png is not sent: it is binary."),
        ("latin.py", "latin.py is not sent: it is not UTF-8 text."),
        ("wide.py", "wide.py is not sent: it is UTF-16, not UTF-8."),
        ("large.py", "large.py is not sent: it is larger than 4 MB."),
        (
            "long.py",
            "long.py is too large to be looked at in one go (about 240,000 tokens); name fewer "
            "lines, as long.py:L1-L2.",
        ),
        (".env", ".env is not sent: files called .env hold credentials."),
        ("build/out.py", "build/out.py is not sent: it is ignored by git."),
        ("private/plan.md", "private/plan.md is not sent: it is excluded by .kibitzignore."),
        ("gen/api.py", "gen/api.py is not sent: it is excluded by context.exclude."),
        (".git/config", ".git/config is not sent: it belongs to git itself."),
        ("out.py", "out.py is not sent: it is outside the repository."),
    ],
)
@pytest.mark.parametrize("command", ["explain", "review", "refactor"])
def test_what_cannot_be_sent(
    commands: CommandLine, tmp_path: Path, command: str, place: str, sentence: str
) -> None:
    commands.write("one.py", "x = 1\n")
    commands.write("empty.py", "\n\n")
    commands.write("image.png", b"\x89PNG\r\n\x1a\n\0\0")
    commands.write("latin.py", "naïve = 1\n".encode("latin-1"))
    commands.write("wide.py", "x = 1\n".encode("utf-16"))
    commands.write("large.py", "#" * (MAX_TEXT_BYTES + 1))
    commands.write("long.py", "x = 1\n" * 100_000)
    commands.write(".env", "PASSWORD=hunter22\n")
    commands.write(".gitignore", "build/\n")
    commands.write("build/out.py", "x = 1\n")
    commands.write(".kibitzignore", "private/\n")
    commands.write("private/plan.md", "plan\n")
    commands.write(".kibitz.toml", 'context.exclude = ["gen/"]\n')
    commands.write("gen/api.py", "x = 1\n")
    (tmp_path / "elsewhere.py").write_text("x = 1\n")
    (commands.root / "out.py").symlink_to(tmp_path / "elsewhere.py")

    instruction = ["simplify"] if command == "refactor" else []
    outcome = commands.run(command, place, *instruction)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"kibitz: {sentence}\n"
    assert not commands.standin.journal.exchanges


@pytest.mark.parametrize("command", ["explain", "refactor"])
@pytest.mark.parametrize("place", ["docs", "docs/"])
def test_only_a_review_takes_a_folder(commands: CommandLine, command: str, place: str) -> None:
    instruction = ["simplify"] if command == "refactor" else []
    outcome = commands.run(command, place, *instruction)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"kibitz: {place} is a folder; name a file in it.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
def test_a_named_pipe_is_not_waited_for(commands: CommandLine) -> None:
    os.mkfifo(commands.root / "pipe.py")
    outcome = commands.run("explain", "pipe.py")
    assert (outcome.code, outcome.err) == (
        2,
        "kibitz: pipe.py is not sent: it is not a regular file.\n",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there `-` says it")
def test_what_counts_as_piped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_text("one\ntwo\n")
    inlet, outlet = os.pipe()
    with (
        (tmp_path / "text").open() as file,
        open(inlet) as pipe,  # noqa: PTH123 - of a descriptor
        Path(os.devnull).open() as nothing,
    ):
        for stdin, counts in ((file, True), (pipe, False), (nothing, False)):
            monkeypatch.setattr(sys, "stdin", stdin)
            assert has_piped_stdin(0.0) is counts
        os.write(outlet, b"x")
        monkeypatch.setattr(sys, "stdin", pipe)
        assert has_piped_stdin(0.0)
        os.lseek(file.fileno(), 4, os.SEEK_SET)
        monkeypatch.setattr(sys, "stdin", file)
        assert not has_piped_stdin(0.0), "somebody else is reading it line by line"
        os.close(outlet)


def test_a_name_cannot_write_on_the_terminal(commands: CommandLine) -> None:
    outcome = commands.run("explain", "no\x1b[31mthing\u202e.py")
    assert outcome.err == "kibitz: nothing.py does not exist.\n"


@pytest.mark.parametrize(
    ("stdin", "sentence"),
    [
        (b"", "stdin is empty."),
        (b"  \n", "stdin is empty."),
        (b"a\0b", "What came on stdin is binary; pass text."),
        (b"na\xefve", "What came on stdin is not UTF-8 text; convert it first."),
        (b"#" * (MAX_TEXT_BYTES + 1), "The text on stdin is larger than 4 MB; pass less."),
    ],
)
def test_stdin_that_cannot_be_sent(commands: CommandLine, stdin: bytes, sentence: str) -> None:
    outcome = commands.run("explain", "-", stdin=stdin)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"kibitz: {sentence}\n")
    assert not commands.asked


def test_stdin_past_its_end(commands: CommandLine) -> None:
    outcome = commands.run("explain", "-:3", stdin="a\nb\n")
    assert (outcome.code, outcome.err) == (
        2,
        "kibitz: stdin has 2 lines; line 3 is past its end.\n",
    )


def test_secrets_on_stdin_are_taken_out(commands: CommandLine) -> None:
    key = "sk-ant-api03-" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA" * 2
    assert commands.run("explain", "-", stdin=f'KEY = "{key}"\n').code == 0
    assert key not in str(commands.asked[-1].request.body)


def test_a_loose_file_is_sent_without_its_neighbours(commands: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    folder.mkdir()
    (folder / "a.py").write_text("def mine(): return 1\n")
    (folder / "b.py").write_text("def neighbour(): return 2\n")
    assert commands.run("explain", str(folder / "a.py")).code == 0
    body = str(commands.asked[-1].request.body)
    assert "mine" in body
    assert "neighbour" not in body


def test_a_file_of_another_repository_brings_its_own(commands: CommandLine, tmp_path: Path) -> None:
    from support.workshop import make_repository

    other = make_repository(tmp_path / "other", {"x.py": "X = 1\n", "y.py": "import other_thing\n"})
    assert commands.run("explain", str(other / "x.py")).code == 0
    body = str(commands.asked[-1].request.body)
    assert "other_thing" in body
    assert "with_tax" not in body
