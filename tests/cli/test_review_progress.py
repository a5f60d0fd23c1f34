"""How far a review of several files is: a bar on a terminal, and nothing that moves elsewhere."""

from __future__ import annotations

import re

from support.command_line import CommandLine
from support.findings import finding, reported


def test_a_bar_counts_the_files_and_goes(commands: CommandLine) -> None:
    for name in ("a.py", "b.py"):
        commands.write(name, "x = eval(input())\n")
        about = {"path": name, "start_line": 1, "end_line": 1, "suggestion": ""}
        commands.standin.when(
            f'path="{name}"', reported(finding(quote="x = eval(input())", **about))
        )
    options = ("review", "--diff", "--set", "review.verify=off")
    screen = commands.show(*options)
    assert screen.code == 0
    written = re.sub(r"\x1b\[[0-9;?]*m", "", screen.written)
    counts = list(dict.fromkeys(re.findall(r"\b([0-2])/2\b", written)))
    assert counts == ["0", "1", "2"]
    assert "━" in written
    # What was found stands there, whole, and no bar after it.
    *_, after = re.split(r"\b2/2\b", written)
    assert "━" not in after
    assert after.rstrip().endswith("kibitz: 2 findings (2 warning)")
    assert "\x1b" not in commands.run(*options, "--no-cache").err
