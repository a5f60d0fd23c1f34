"""What is written to a terminal: colours where they are wanted, and nothing that a model sends."""

from __future__ import annotations

import re

from kibitz.standin import Reply
from support.command_line import CommandLine

ANSWER = "# Total\n\nAdds **all** prices.\n\n- one\n- two\n\n```python\nreturn 1\n```\n\nThe end."


def test_a_block_that_is_higher_than_the_terminal(commands: CommandLine) -> None:
    lines = "".join(f"line_{number}()\n" for number in range(60))
    commands.standin.enqueue(Reply(f"```python\n{lines}```\n", chunk_size=40))
    screen = commands.show("explain", "prices.py", rows=10)
    assert screen.code == 0
    *_, after = screen.written.rpartition("\x1b[?25h")
    printed = [line for line in after.splitlines() if "line_" in line]
    assert len(printed) == 60, "all of it stands there at the end, once"


def test_without_colours(commands: CommandLine) -> None:
    commands.set("NO_COLOR", "1")
    for arguments in (["explain", "prices.py"], ["review", "prices.py"], ["usage"]):
        screen = commands.show(*arguments)
        assert screen.code == 0
        assert "m" not in {sequence[-1] for sequence in escape_sequences(screen.written)}, arguments


def test_colours(commands: CommandLine) -> None:
    commands.standin.enqueue(Reply("<replacement>\nx = 2\n</replacement>"))
    commands.write("a.py", "x = 1\n")
    screen = commands.show("refactor", "a.py", "two")
    assert "\x1b[31m-x = 1\x1b[0m" in screen.written
    assert "\x1b[32m+x = 2\x1b[0m" in screen.written


def test_usage_is_drawn(commands: CommandLine) -> None:
    commands.run("explain", "prices.py")
    screen = commands.show("usage")
    assert "█████" in screen.written
    assert " of $10.00, this month $" in screen.written


def test_findings_and_the_bill(commands: CommandLine) -> None:
    screen = commands.show("review", "prices.py")
    *_, bill, closing = screen.written.rstrip().splitlines()
    assert " tokens in (0% from cache), " in bill
    assert closing == "kibitz: 1 finding (1 hint)"


def test_a_plain_terminal_gets_plain_text(commands: CommandLine) -> None:
    commands.set("TERM", "dumb")
    commands.standin.enqueue(Reply(ANSWER))
    screen = commands.show("explain", "prices.py")
    assert "\x1b" not in screen.written
    assert "Adds **all** prices." in screen.written


def test_a_model_cannot_write_on_the_terminal(commands: CommandLine) -> None:
    hostile = "a\x1b]0;title\x07b\x1b[2J\u202ec [link](https://evil.example) `\x9b31m`"
    commands.standin.enqueue(
        Reply(hostile, chunk_size=1), Reply(f"<replacement>\n# {hostile}\n</replacement>")
    )
    commands.write("a.py", "x = 1\n")
    for arguments in (["explain", "a.py"], ["refactor", "a.py", "worse"]):
        screen = commands.show(*arguments)
        assert screen.code == 0
        for sequence in ("\x1b]", "\x1b[2J", "\u202e", "\x9b"):
            assert sequence not in screen.written
        assert "https://evil.example" in screen.written, "where a link leads can be seen"


def escape_sequences(written: str) -> list[str]:
    """The control sequences in what was written."""
    return re.findall(r"\x1b\[[0-?]*[ -/]*[@-~]", written)
