"""Refactor: a diff that applies, or the change written."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from kibitz.standin import Gate, Reply, Request
from support.command_line import CommandLine
from support.workshop import EXAMPLE

TOTAL = "def total(prices):\n    return sum(prices)\n"


def rewritten(text: str = TOTAL, **options: str) -> Reply:
    return Reply(f"<replacement>\n{text}</replacement>", chunk_size=7, **options)


def git_apply(commands: CommandLine, diff: str, folder: str = ".") -> None:
    subprocess.run(
        ["git", "apply", "-"], cwd=commands.root / folder, input=diff.encode(), check=True
    )


def test_a_change_is_a_diff(commands: CommandLine) -> None:
    commands.standin.enqueue(rewritten())
    outcome = commands.run("refactor", "prices.py:6-10", "use sum")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        "--- a/prices.py\n"
        "+++ b/prices.py\n"
        "@@ -4,10 +4,7 @@\n"
        " \n"
        " \n"
        " def total(prices):\n"
        "-    result = 0\n"
        "-    for price in prices:\n"
        "-        result = result + price\n"
        "-    return result\n"
        "+    return sum(prices)\n"
        " \n"
        " \n"
        " def with_tax(prices):\n"
    )
    assert (commands.root / "prices.py").read_text() == EXAMPLE
    assert "<instruction>\nuse sum\n</instruction>" in commands.task


@pytest.mark.parametrize(
    ("before", "reply", "after"),
    [
        (b"a = 1\r\nb = 2\r\n", "a = 1\nb = 3\n", b"a = 1\r\nb = 3\r\n"),
        (b"a = 1\nb = 2", "a = 1\nb = 3\n", b"a = 1\nb = 3"),
        (b"\xef\xbb\xbfa = 1\nb = 2\n", "a = 3\nb = 2\n", b"\xef\xbb\xbfa = 3\nb = 2\n"),
        (b"\xef\xbb\xbfa = 1\r\nb = 2", "a = 3\nb = 2\n", b"\xef\xbb\xbfa = 3\r\nb = 2"),
    ],
    ids=["crlf", "no final newline", "byte order mark", "all at once"],
)
@pytest.mark.parametrize("writes", [False, True], ids=["applied", "written"])
def test_line_ends_and_marks_stay(
    commands: CommandLine, before: bytes, reply: str, after: bytes, writes: bool
) -> None:
    file = commands.write("src/a b.py", before)
    file.chmod(0o755)
    commands.standin.enqueue(rewritten(reply))
    outcome = commands.run("refactor", "src/a b.py", "three", *(["--write"] if writes else []))
    assert outcome.code == 0
    if writes:
        assert outcome.out == ""
        assert outcome.err == "kibitz: src/a b.py is changed: +1 -1 lines.\n"
        assert file.stat().st_mode & 0o777 == 0o755
    else:
        assert file.read_bytes() == before
        git_apply(commands, outcome.out)
    assert file.read_bytes() == after


def test_git_applies_it_in_a_folder_of_the_repository(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(commands.root / "docs")
    commands.standin.enqueue(rewritten("Prices are in euros.\n"))
    outcome = commands.run("refactor", "notes.md:3", "euros")
    assert outcome.out.startswith("--- a/docs/notes.md\n")
    git_apply(commands, outcome.out, "docs")
    assert (commands.root / "docs/notes.md").read_text() == "# Notes\n\nPrices are in euros.\n"


def test_an_instruction_on_stdin(commands: CommandLine) -> None:
    commands.standin.enqueue(rewritten())
    assert commands.run("refactor", "prices.py:6-10", "-", stdin="use sum\n").code == 0
    assert "<instruction>\nuse sum\n</instruction>" in commands.task


def test_a_text_on_stdin(commands: CommandLine) -> None:
    commands.standin.enqueue(rewritten("b\n"))
    outcome = commands.run("refactor", "-", "rename", stdin="a\n")
    assert outcome.out == "--- a/stdin\n+++ b/stdin\n@@ -1 +1 @@\n-a\n+b\n"


def test_a_comment_says_what_to_change(commands: CommandLine) -> None:
    commands.write("c.py", "x = 1\n# kibitz: name it y\nx = 2\nz = 3\n")
    commands.standin.enqueue(rewritten("y = 2\n"))
    outcome = commands.run("refactor", "c.py:3", "--write")
    assert outcome.code == 0
    assert "<instruction>\nname it y\n</instruction>" in commands.task
    assert (commands.root / "c.py").read_text() == "x = 1\ny = 2\nz = 3\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["prices.py"], "Say what to change: kibitz refactor prices.py INSTRUCTION"),
        (["prices.py", " "], "Nothing was said to change"),
        (["-", "-"], "Stdin cannot be both"),
        (["-", "simplify", "--write"], "What came on stdin cannot be written"),
    ],
)
def test_what_is_missing(commands: CommandLine, arguments: list[str], says: str) -> None:
    outcome = commands.run("refactor", *arguments, stdin="x")
    assert (outcome.code, outcome.out) == (2, "")
    assert says in outcome.err
    assert not commands.asked


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply("I would rather not."), "Claude did not change the code: I would rather not."),
        (Reply(""), "Claude's reply was empty"),
        (rewritten(stop_reason="max_tokens"), "cut off at its token limit"),
        (Reply("<replacement>\nx = 1"), "cannot be used"),
    ],
    ids=["prose", "empty", "cut off", "no closing tag"],
)
@pytest.mark.parametrize("options", [[], ["--write"]])
def test_a_reply_that_cannot_be_used_changes_nothing(
    commands: CommandLine, reply: Reply, says: str, options: list[str]
) -> None:
    commands.standin.enqueue(reply)
    outcome = commands.run("refactor", "prices.py:6-10", "use sum", *options)
    assert (outcome.code, outcome.out) == (3, "")
    assert says in outcome.err
    assert (commands.root / "prices.py").read_text() == EXAMPLE


def test_nothing_to_change(commands: CommandLine) -> None:
    same = "".join(EXAMPLE.splitlines(keepends=True)[5:10])
    commands.standin.enqueue(rewritten(same))
    outcome = commands.run("refactor", "prices.py:6-10", "use sum", "--write")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == "kibitz: There is nothing to change.\n"


def test_a_file_that_changed_meanwhile_is_left_alone(commands: CommandLine) -> None:
    gate = Gate()
    commands.standin.enqueue(rewritten().hold_at("<replacement>", gate))

    def change_when_asked() -> None:
        commands.standin.reached().result()
        commands.write("prices.py", "# the user was here\n")
        gate.release()

    waiting = threading.Thread(target=change_when_asked)
    waiting.start()
    outcome = commands.run("refactor", "prices.py:6-10", "use sum", "--write")
    waiting.join()
    assert outcome.code == 2
    assert "+    return sum(prices)\n" in outcome.out
    assert "prices.py was changed meanwhile and is left as it is" in outcome.err
    assert (commands.root / "prices.py").read_text() == "# the user was here\n"


def test_a_file_that_may_not_be_written_costs_nothing(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kibitz.cli.patch.os.access", lambda path, mode: False)
    outcome = commands.run("refactor", "prices.py:6-10", "use sum", "--write")
    assert (outcome.code, outcome.out) == (2, "")
    file = commands.root / "prices.py"
    assert outcome.err == f"kibitz: {file} may not be written; check its rights.\n"
    assert not commands.asked


def test_secrets_are_not_sent_and_not_lost(commands: CommandLine) -> None:
    key = "sk-ant-api03-" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA" * 2
    commands.write("k.py", f'KEY = "{key}"\nx = 1\n')

    def answer(request: Request) -> Reply:
        region = request.last_user_text.partition("<region")[2].partition(">\n")[2]
        return rewritten(region.partition("</region>")[0].replace("x = 1", "x = 2"))

    commands.standin.when("<region", answer)
    outcome = commands.run("refactor", "k.py", "two", "--write")
    assert outcome.code == 0
    assert key not in str(commands.asked[-1].request.body)
    assert (commands.root / "k.py").read_text() == f'KEY = "{key}"\nx = 2\n'


CHECK = (
    "import pathlib, sys\n"
    'if "sum" not in pathlib.Path("prices.py").read_text(): sys.exit("no sum in here")\n'
)
WRONG = "def total(prices):\n    return 0\n"


def checked(commands: CommandLine, *replies: Reply) -> str:
    """What is said on stderr where a check is named and the change is written."""
    commands.write("check.py", CHECK)
    commands.write("prices.py", EXAMPLE.replace("sum", "total"))
    commands.standin.enqueue(*replies)
    check = f"edit.check={sys.executable} check.py"
    assert commands.run("trust").code == 0
    outcome = commands.run("refactor", "prices.py:6-10", "use sum", "--write", "--set", check)
    assert outcome.code == 0
    return outcome.err


def test_what_was_written_is_checked(commands: CommandLine) -> None:
    said = checked(commands, rewritten())
    assert "check.py` passed." in said
    assert len(commands.standin.journal.messages) == 1


def test_nothing_is_run_in_a_repository_that_is_not_trusted(commands: CommandLine) -> None:
    commands.standin.enqueue(rewritten())
    check = f"edit.check={sys.executable} -c raise"
    outcome = commands.run("refactor", "prices.py:6-10", "use sum", "--write", "--set", check)
    assert outcome.code == 0
    assert "was not run, because it runs what the repository says" in outcome.err
    assert "return sum(prices)" in (commands.root / "prices.py").read_text()


def test_claude_sees_once_what_the_check_says(commands: CommandLine) -> None:
    said = checked(commands, rewritten(WRONG), rewritten())
    assert "check.py` failed; Claude sees what it says." in said
    assert "passes now that Claude has mended the change." in said
    assert "ended with status 1 and said:\nno sum in here\n" in commands.task
    assert (
        '<region path="prices.py" first_line="6">\ndef total(prices):\n    return 0\n</region>'
        in (commands.task)
    )
    assert (commands.root / "prices.py").read_text().count("return sum(prices)") == 1


def test_a_check_that_goes_on_failing_is_shown(commands: CommandLine) -> None:
    said = checked(commands, rewritten(WRONG), Reply("It is meant so."))
    assert "Claude did not change the code: It is meant so." in said
    assert "\nno sum in here\n" in said
    assert "ended with status 1; the change stays as it is written." in said
    assert "return 0" in (commands.root / "prices.py").read_text()


def test_what_does_not_parse_any_more_is_said(commands: CommandLine) -> None:
    commands.standin.enqueue(rewritten("def total(prices:\n    return 0\n"))
    outcome = commands.run("refactor", "prices.py:6-10", "break it")
    assert "prices.py does not parse any more." in outcome.err
