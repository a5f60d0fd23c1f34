"""What is shown of a completion: the place, the reply, and the text after it was accepted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.completion import filters
from kibitz.completion.filters import FILTERS, polished
from kibitz.completion.spot import Spot
from support.completion_pictures import accepted, expected, spot

CASES: dict[str, tuple[filters.Filter, str, str, str]] = {
    "a fence is taken off": (
        filters.without_wrapping,
        "total = ▮",
        "```python\nsum(prices)\n```",
        "total = sum(prices)▮",
    ),
    "words before a fence go with it": (
        filters.without_wrapping,
        "total = ▮",
        "Here is the completion:\n```python\nsum(prices)\n```\nIt adds them.",
        "total = sum(prices)▮",
    ),
    "a sentence is no code": (
        filters.without_wrapping,
        "def f():\n    ▮",
        "Sure, I can complete that for you.",
        "def f():\n    ▮",
    ),
    "indentation in front of the cursor is not said twice": (
        filters.with_a_seam,
        "def f():\n    ▮",
        "    return 1\n    # end",
        "def f():\n    return 1\n    # end▮",
    ),
    "a line break in front of the cursor's line goes": (
        filters.with_a_seam,
        "def f():\n    ▮",
        "\n    return 1",
        "def f():\n    return 1▮",
    ),
    "a space is not doubled": (
        filters.with_a_seam,
        "x = ▮",
        " 1",
        "x = 1▮",
    ),
    "a keyword is not glued to the next word": (
        filters.with_a_seam,
        "value = 1\nreturn▮",
        "value",
        "value = 1\nreturn value▮",
    ),
    "but a longer word that there is may be ended": (
        filters.with_a_seam,
        "importlib = 1\nimport▮",
        "lib",
        "importlib = 1\nimportlib▮",
    ),
    "the beginning of the line is not said again": (
        filters.without_prefix,
        "    total = sum(▮",
        "total = sum(prices)",
        "    total = sum(prices)▮",
    ),
    "nor are lines above it": (
        filters.without_prefix,
        "def area(w, h):\n    size = w * h\n    ▮",
        "def area(w, h):\n    size = w * h\n    return size",
        "def area(w, h):\n    size = w * h\n    return size▮",
    ),
    "a short beginning may come again": (
        filters.without_prefix,
        "x▮",
        "x1 = 2",
        "xx1 = 2▮",
    ),
    "the bracket behind the cursor is not doubled": (
        filters.without_rest_of_line,
        "print(▮)",
        "total)",
        "print(total▮)",
    ),
    "a bracket that the text opened stays": (
        filters.without_rest_of_line,
        "print(▮)",
        "len(names)",
        "print(len(names)▮)",
    ),
    "of two only the one that the line closes goes": (
        filters.without_rest_of_line,
        "print(▮)",
        "len(names))",
        "print(len(names)▮)",
    ),
    "quotes and what follows them are not doubled": (
        filters.without_rest_of_line,
        "open(▮, 'r') as file:",
        "path, 'r') as file:",
        "open(path▮, 'r') as file:",
    ),
    "nor is a semicolon": (
        filters.without_rest_of_line,
        "x = ▮;",
        "1;",
        "x = 1▮;",
    ),
    "a line below is not doubled": (
        filters.without_lines_below,
        "a = 1\n▮\nprint(a + b)",
        "b = 2\nprint(a + b)",
        "a = 1\nb = 2▮\nprint(a + b)",
    ),
    "nor is the brace that closes the block": (
        filters.without_lines_below,
        "if (a) {\n    ▮\n}",
        "return b;\n}",
        "if (a) {\n    return b;▮\n}",
    ),
    "a brace of its own stays": (
        filters.without_lines_below,
        "void f() {\n    ▮\n}",
        "if (a) {\n        return;\n    }",
        "void f() {\n    if (a) {\n        return;\n    }▮\n}",
    ),
    "a line that comes again and again comes once": (
        filters.without_repetition,
        "▮",
        "x += 1\nx += 1\nx += 1\nx += 1",
        "x += 1▮",
    ),
    "so does a block": (
        filters.without_repetition,
        "▮",
        "if a:\n    print(a)\nif a:\n    print(a)\nif a:",
        "if a:\n    print(a)▮",
    ),
    "and a phrase within a line": (
        filters.without_repetition,
        "x = ▮",
        "a or b or a or b or a or b or a or b or a or b",
        "x = a or b or▮",
    ),
    "a ruler is no phrase": (
        filters.without_repetition,
        "# ▮",
        "-" * 60,
        "# " + "-" * 60 + "▮",
    ),
    "what was opened nowhere is not closed": (
        filters.with_own_brackets,
        "x = ▮",
        "f(1))",
        "x = f(1)▮",
    ),
    "what the line opened may be": (
        filters.with_own_brackets,
        "x = f(▮",
        "g(1))",
        "x = f(g(1))▮",
    ),
    "what the text behind closes is not closed again": (
        filters.with_own_brackets,
        "x = f(▮\n)",
        "g(1))",
        "x = f(g(1)▮\n)",
    ),
    "brackets in strings do not count": (
        filters.with_own_brackets,
        "x = ▮",
        '":)" + y',
        'x = ":)" + y▮',
    ),
    "lost indentation comes back": (
        filters.indented,
        "class A:\n    def f(self):\n        ▮",
        "if self.x:\n    return 1\nreturn 2",
        "class A:\n    def f(self):\n        if self.x:\n            return 1\n        return 2▮",
    ),
    "what has it is left alone": (
        filters.indented,
        "def f(x):\n    ▮",
        "if x:\n        return 1\n    return 2",
        "def f(x):\n    if x:\n        return 1\n    return 2▮",
    ),
    "spaces become tabs where tabs are used": (
        filters.indented,
        "func f() {\n\t▮",
        "if x {\n        return\n    }",
        "func f() {\n\tif x {\n\t\treturn\n\t}▮",
    ),
    "the next function is another scope": (
        filters.in_scope,
        "def f(x):\n    ▮",
        "return x\n\n\ndef g(y):\n    return y",
        "def f(x):\n    return x▮",
    ),
    "behind the head of a block comes the block": (
        filters.in_scope,
        "def f(x):▮\n",
        "\n    return x\nprint(f(1))",
        "def f(x):\n    return x▮\n",
    ),
    "an else belongs to its if": (
        filters.in_scope,
        "if x:▮",
        "\n    a()\nelse:\n    b()\nc()",
        "if x:\n    a()\nelse:\n    b()▮",
    ),
    "what stands below already is nothing new": (
        filters.worth_showing,
        "▮\nreturn total",
        "return total",
        "▮\nreturn total",
    ),
    "blanks are nothing": (filters.worth_showing, "x▮", "   \n", "x▮"),
    "a fence that is not closed is taken off as well": (
        filters.without_wrapping,
        "total = ▮",
        "```python\nsum(prices)",
        "total = sum(prices)▮",
    ),
    "of more indentation than there is the rest stays": (
        filters.with_a_seam,
        "values = (\n    ▮\n)",
        "        1,",
        "values = (\n        1,▮\n)",
    ),
    "of less there is none": (
        filters.with_a_seam,
        "def f():\n    ▮",
        "  return 1",
        "def f():\n    return 1▮",
    ),
    "three letters of the line are a beginning": (
        filters.without_prefix,
        "    row▮",
        "row.total",
        "    row.total▮",
    ),
    "a bracket that the line closes anyway goes": (
        filters.without_rest_of_line,
        "print(▮)",
        "total)",
        "print(total▮)",
    ),
    "two short lines below are no accident": (
        filters.without_lines_below,
        "▮\na\nb",
        "x = 1\na\nb",
        "x = 1▮\na\nb",
    ),
    "nor is one of five letters": (
        filters.without_lines_below,
        "▮\nstop!",
        "x = 1\nstop!",
        "x = 1▮\nstop!",
    ),
    "a block that comes again to the end is said once": (
        filters.without_repetition,
        "▮",
        "first(a)\nsecond(b)\nfirst(a)\nsecond(b)",
        "first(a)\nsecond(b)▮",
    ),
    "blanks at the end of several lines are nothing": (
        filters.worth_showing,
        "▮",
        "x = 1\ny = 2  ",
        "x = 1\ny = 2▮",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_filter(name: str) -> None:
    mend, picture, reply, after = CASES[name]
    place = spot(picture)
    assert accepted(place, mend(reply, place)) == expected(after)


@pytest.mark.parametrize("name", CASES)
def test_all_filters_agree_with_the_one(name: str) -> None:
    _, picture, reply, after = CASES[name]
    place = spot(picture)
    assert accepted(place, polished(reply, place)) == expected(after)


@pytest.mark.parametrize(
    ("picture", "reply"),
    [
        ("def f(x):\n    ▮", "if x:\n        return 1\n    return 2"),
        ("x = [▮]", "1, 2, 3"),
        ("const f = (a) => ▮;", "a.map((b) => b + 1)"),
        ("    for (▮)", "let i = 0; i < n; i++"),
        ("items.▮", "sort(key=lambda item: item[0])"),
        ("fn main() {\n    ▮\n}", 'println!("hello");'),
    ],
)
def test_a_good_completion_is_shown_as_it_is(picture: str, reply: str) -> None:
    assert polished(reply, spot(picture)) == reply


@pytest.mark.parametrize(
    ("mend", "picture", "reply", "language"),
    [
        (filters.without_wrapping, "▮", "Sure, this is a letter.", "markdown"),
        (filters.without_wrapping, "▮", 'TEXT = """\n```\ncode\n```\n"""', "python"),
        (filters.without_wrapping, "# ▮", "here is why", "python"),
        (filters.without_prefix, "}\n▮", "}\nx = 1", "javascript"),
        (filters.without_lines_below, "▮\npass", "if a:\n    pass", "python"),
        (filters.without_repetition, "▮", "a\nb\na\nb\nc", "python"),
        (filters.indented, "    f(▮", "1,\n)", "python"),
        (filters.with_a_seam, "▮", "\nx = 1", "python"),
        (filters.without_prefix, "total += price\n▮", "total += price", "python"),
        (filters.without_prefix, "})\n▮", "})\nnext()", "javascript"),
        (filters.without_lines_below, "▮\nstop", "x = 1\nstop", "python"),
        (filters.without_lines_below, "▮\n}", "if (x) {\n    y()\n}", "javascript"),
        (filters.without_lines_below, "    ▮\n}", "y()\n  }", "javascript"),
        (filters.indented, "▮\n\tx()", "f()\n\tg()", "go"),
        (filters.worth_showing, "x▮", "= ", "python"),
        (filters.worth_showing, "▮\nx = 1", "x", "python"),
    ],
)
def test_what_only_looks_like_a_fault_stays(
    mend: filters.Filter, picture: str, reply: str, language: str
) -> None:
    place = Spot(*picture.split("▮"), language, was_invoked=True)
    assert mend(reply, place) == reply


@pytest.mark.parametrize("picture", ["def f():\n\treturn\n▮", "▮\ndef f():\n\treturn"])
def test_a_file_with_tabs_gets_tabs_wherever_they_are(picture: str) -> None:
    assert filters.indented("def g():\n    return", spot(picture)) == "def g():\n\treturn"


def test_a_line_in_the_middle_gets_one_line() -> None:
    assert polished("a,\n    b,\n)", spot("call(▮)")) == "a,"


@given(st.text("ab(){}[] \n\t:;'x`", max_size=60), st.text("ab() \n\t:x", max_size=40))
def test_filters_end_and_only_ever_shorten_or_indent(reply: str, before: str) -> None:
    place = Spot(before, "", "python")
    text = polished(reply, place)
    visible = "".join(text.split())
    # Every visible character of what is shown was in the reply, in this order.
    letters = iter("".join(reply.split()))
    assert all(char in letters for char in visible)


def test_every_filter_has_a_picture() -> None:
    assert {case[0] for case in CASES.values()} == set(FILTERS)
