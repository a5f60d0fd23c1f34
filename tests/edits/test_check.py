"""What is said of a file after an edit, and which files are asked about."""

from __future__ import annotations

import pytest

from kibitz.edits.check import complaints
from kibitz.edits.protected import protection

GOOD = "def f(a):\n    if a:\n        return 1\n    return 2\n"


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
        ("a.py", "", "def (:\n", ("does not parse any more",)),
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
    ],
)
def test_what_has_become_worse(path: str, before: str, after: str, said: tuple[str, ...]) -> None:
    assert complaints(path, before, after) == said


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
