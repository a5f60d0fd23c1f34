"""What is said of a file after an edit, and which files are asked about."""

from __future__ import annotations

import pytest

from kibitz.edits.check import Checked, checked
from kibitz.edits.protected import protection
from kibitz_context.texts.syntax_faults import syntax_faults

GOOD = "def f(a):\n    if a:\n        return 1\n    return 2\n"
LONG = GOOD * 3
NARROW = "def g(a):\n  if a:\n    return 1\n  for b in a:\n      b()\n"


@pytest.mark.parametrize(
    ("path", "before", "after", "said"),
    [
        ("a.py", GOOD, GOOD.replace("return 2", "return 3"), ()),
        (
            "a.py",
            GOOD,
            GOOD.replace("return 2", "return ("),
            ("does not parse any more",),
        ),
        ("a.py", GOOD.replace("(a)", "(a"), GOOD.replace("(a)", "(b"), ()),
        ("a.py", "", "def (:\n", ("does not parse",)),
        ("a.txt", GOOD, GOOD.replace("return 2", "return ("), ()),
        (
            "a.py",
            GOOD,
            GOOD.replace("        return 1", "\treturn 1"),
            ("is indented with spaces, and new lines are with tabs",),
        ),
        (
            "a.go",
            "func f() {\n\ta()\n\tb()\n\tc()\n}\n",
            "func f() {\n\ta()\n    b()\n\tc()\n}\n",
            ("is indented with tabs, and new lines are with spaces",),
        ),
        ("a.txt", "\ta\n  b\n\tc\n", "\ta\n  b\n\tc\n  d\n", ()),
        ("a.py", LONG, LONG + NARROW, ("is indented by 4 spaces, and new lines are not",)),
        # What is lined up with a bracket above it is no other style.
        ("a.py", LONG, LONG + "x = f(1,\n      2)\n" + GOOD, ()),
        ("a.py", GOOD, GOOD + NARROW, ()),
    ],
)
def test_what_has_become_worse(path: str, before: str, after: str, said: tuple[str, ...]) -> None:
    assert checked(path, before, after, syntax_faults).complaints == said


@pytest.mark.parametrize(
    ("before", "after", "parses"),
    [(0, 0, True), (2, 1, True), (1, 2, False), (None, 0, True), (None, 1, None), (0, None, None)],
)
def test_whether_a_file_still_parses(
    before: int | None, after: int | None, parses: bool | None
) -> None:
    faults = {"before": before, "after": after}
    found = checked("a.py", "before", "after", lambda _, text: faults[text])
    assert found == Checked(parses, ("does not parse any more",) if parses is False else ())


@pytest.mark.parametrize(
    "path",
    [
        ".git/hooks/pre-commit",
        ".GitHub/workflows/ci.yml",
        "sub/.vscode/tasks.json",
        "CLAUDE.md",
        "web/package-lock.json",
        ".envrc",
        "a.code-workspace",
    ],
)
def test_files_that_are_asked_about(path: str) -> None:
    assert protection(path) is not None


@pytest.mark.parametrize("path", ["src/app.py", "github/a.py", "docs/claude.md.txt", ""])
def test_files_that_are_not(path: str) -> None:
    assert protection(path) is None
