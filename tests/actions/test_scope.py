"""Which lines a cursor means."""

from __future__ import annotations

import pytest

from kibitz.actions.scope import comment_above, comment_instruction, definition_around
from kibitz_context.lines import split_lines


def check_scope(marked: str) -> None:
    """The cursor is at ``▮``; the expected lines stand between lines ``>>>`` and ``<<<``."""
    lines = [line for line in split_lines(marked) if line.strip() not in (">>>", "<<<")]
    plain = [line.replace("▮", "") for line in lines]
    cursor = next(number for number, line in enumerate(lines) if "▮" in line)
    marks = split_lines(marked)
    first = next(number for number, line in enumerate(marks) if line.strip() == ">>>")
    last = next(number for number, line in enumerate(marks) if line.strip() == "<<<") - 1

    assert definition_around(plain, cursor) == (first, last)


@pytest.mark.parametrize(
    "marked",
    [
        "import os\n\n>>>\ndef f(x):\n    y = ▮x\n\n    return y\n<<<\n\ndef g():\n    pass\n",
        ">>>\ndef ▮f(x):\n    return x\n<<<\n",
        "class A:\n    x = 1\n>>>\n    @property\n    def f(self):\n        return ▮1\n<<<\n"
        "\n    def g(self): ...\n",
        "class A:\n>>>\n    @prop▮erty\n    def f(self):\n        return 1\n<<<\n",
        ">>>\ndef f(\n    x: int,\n) -> int:\n    return ▮x\n<<<\n\nprint(1)\n",
        ">>>\nfunc Add(a int, b int) int {\n\tif a > b {\n\t\treturn ▮a\n\t}\n\treturn a + b\n}\n"
        "<<<\n\nvar x = 1\n",
        "#include <x.h>\n\n>>>\nstatic int add(int a, int b) {\n    return a ▮+ b;\n}\n<<<\n",
        "x = 1\n\n>>>\na = ▮2\nb = 3\n<<<\n\nc = 4\n",
        "x = 1\n>>>\n▮\n<<<\ny = 2\n",
        ">>>\nclass A:\n    x▮ = 1\n\n    def f(self):\n        return 1\n<<<\n",
        # What closes a signature or a block encloses nothing, and neither does a bracket alone.
        "x = 1\n\n>>>\ndef f(\n    x: int,\n) -> int:\n    y = x\n\n    return ▮y\n<<<\n",
        ">>>\nclass A {\n    void f() {\n        g();\n    }\n\n    int ▮x;\n}\n<<<\n",
        ">>>\nclass A\n{\n    int x;\n\n    int ▮y;\n}\n<<<\n",
        "class A {\n>>>\n    ~A() {\n        g();\n\n        h▮();\n    }\n<<<\n};\n",
        # Neither does a definition that ends above.
        "def f():\n    pass\n\n>>>\nx▮ = 1\n<<<\n",
        # Between two methods nobody means the whole class.
        "class A:\n    def f(self):\n        pass\n>>>\n▮\n<<<\n    def g(self): ...\n",
        "class A {\n    void f() {\n    }\n\n>>>\n    // Mor▮e\n<<<\n\n    int x;\n}\n",
    ],
)
def test_the_definition_around_the_cursor(marked: str) -> None:
    check_scope(marked)


def test_no_lines_and_lines_past_the_end() -> None:
    assert definition_around([], 3) == (0, 0)
    assert definition_around(["a\n"], 99) == (0, 1)


@pytest.mark.parametrize(
    ("line", "instruction"),
    [
        ("# kibitz: use a set\n", "use a set"),
        ("    // Kibitz: rename to `total`\r\n", "rename to `total`"),
        ("/* kibitz: inline this */", "inline this"),
        ("<!-- kibitz: shorter -->", "shorter"),
        ("-- kibitz: join instead\n", "join instead"),
        ("{/* kibitz: a list */}\n", "a list"),
        (" * kibitz: say why\n", "say why"),
        ("/// kibitz: an example\r\n", "an example"),
        ("//! kibitz: shorter\n", "shorter"),
        ("{# kibitz: a macro #}\n", "a macro"),
        ("<%# kibitz: a helper %>\n", "a helper"),
        ("(* kibitz: fold *)\n", "fold"),
        ("! kibitz: vectorise\n", "vectorise"),
        (":: kibitz: quote it\r\n", "quote it"),
        ("REM kibitz: quote it\r\n", "quote it"),
        ("; kibitz: a macro\n", "a macro"),
        ("# kibitz: as in C#\n", "as in C#"),
        ("# kibitz:\n", None),
        ("/* kibitz: */\n", None),
        ("kibitz: not a comment\n", None),
        ("# ask kibitz: no\n", None),
    ],
)
def test_comment_instruction(line: str, instruction: str | None) -> None:
    assert comment_instruction(line) == instruction


def test_a_comment_of_blanks_takes_no_time() -> None:
    blanks = " " * 1_000_000
    assert comment_instruction(f"# kibitz: a{blanks}b{blanks}\n") == f"a{blanks}b"


def test_comment_above_the_selection_or_on_its_first_line() -> None:
    lines = ["# kibitz: faster\n", "def f(): ...\n", "x = 1\n"]

    assert comment_above(lines, 1) == (0, "faster")
    assert comment_above(lines, 0) == (0, "faster")
    assert comment_above(lines, 2) is None
