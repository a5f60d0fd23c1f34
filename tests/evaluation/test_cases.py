"""Mutations and what they are judged by: text before and after, and the lines that are meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.evaluation.cases import Case, Place
from kibitz.evaluation.figures import Share
from kibitz.evaluation.mutations import Change, applied, are_apart, faults, harmless, place_after
from kibitz.evaluation.verdicts import ReviewFigures, verdict
from kibitz.findings.values import Finding
from kibitz_context.lines import split_lines


def written(text: str, changes: list[Change]) -> list[str]:
    lines = split_lines(text)
    return ["".join(applied(lines, [change])) for change in changes]


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("    if a <= b:", ["    if a < b:"]),
        ("    if a < b:", ["    if a <= b:"]),
        ("    if a == b and c:", ["    if a != b and c:", "    if a == b or c:"]),
        ("    if x is not None:", ["    if x is None:"]),
        ("    return total + 1", ["    return total - 1"]),
        ("    return items[i - 1]", ["    return items[i + 1]"]),
        ("    if not ready:", ["    if ready:"]),
        ("    if (!ready) {", ["    if (ready) {"]),
        ("    done = True", ["    done = False"]),
        ("    await close()", ["    close()"]),
        ("    copy(source, target)", ["    copy(target, source)"]),
        ("    x = 1", []),
        ('    say("a < b and True")  # not == None', []),
        ("    def swap(one, two):", []),
        ("limit = a < b", []),  # in no function
        ("    /* a < b */", []),
    ],
)
def test_faults_of_a_line(line: str, after: list[str]) -> None:
    assert written(line + "\n", list(faults([line + "\n"]))) == [each + "\n" for each in after]


def test_nothing_in_a_string_of_several_lines_is_a_fault() -> None:
    text = 'def f():\n    """True\n    a < b and c\n    """\n    return 1\n'
    assert list(faults(split_lines(text))) == []


def test_a_guard_is_removed() -> None:
    text = "def f(x):\n    y = x\n    if not x:\n        return 0\n    return 1 / x\n"
    removed = [each for each in faults(split_lines(text)) if each.kind == "guard removed"]
    assert written(text, removed) == ["def f(x):\n    y = x\n    return 1 / x\n"]
    assert place_after(removed[0], removed) == (2, 3)
    for no_guard in (
        text.replace("    return 1 / x", "    else:\n        return 1 / x"),
        text.replace("        return 0\n", "        x = 1\n"),
        text.replace("        return 0\n", "        return (\n"),
        text.replace("    y = x\n", ""),
    ):
        kinds = [each.kind for each in faults(split_lines(no_guard))]
        assert "guard removed" not in kinds, no_guard


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("    return a + b", ["    return (a + b)"]),
        ("    return f(a, 'b')", ["    return (f(a, 'b'))"]),
        ("    return a;", ["    return (a);"]),
        ("    total += 2", ["    total = total + 2"]),
        ("    return (a)", []),
        ("    return f(", []),
        ("    return a, (", []),
        ("    self.total += 2", []),
    ],
)
def test_rewritings_that_change_nothing(line: str, after: list[str]) -> None:
    assert written(line + "\n", list(harmless([line + "\n"]))) == [each + "\n" for each in after]


@given(
    st.lists(st.booleans(), min_size=3, max_size=30),
    st.data(),
)
def test_where_a_change_stands_after_the_others(
    is_removed: list[bool], data: st.DataObject
) -> None:
    lines = [f"line {number}\n" for number in range(len(is_removed) * 8)]
    changes = [
        Change(8 * number + 2, 8 * number + 4, () if gone else (f"new {number}\n",) * 2, "k")
        for number, gone in enumerate(is_removed)
    ]
    changes = data.draw(st.permutations(changes))
    made = applied(lines, changes)
    for change in changes:
        first, last = place_after(change, changes)
        if change.lines:
            assert tuple(made[first - 1 : last]) == change.lines
        else:
            assert made[first - 1] == lines[change.start - 1]
            assert made[last - 1] == lines[change.end]
    assert all(are_apart(one, other) for one in changes for other in changes if one != other)


def finding(path: str, start: int, end: int) -> Finding:
    return Finding(path, "error", "c", start, end, "q", "t", "m")


@pytest.mark.parametrize(
    ("path", "start", "end", "is_right"),
    [
        ("a.py", 10, 12, True),
        ("a.py", 9, 9, True),
        ("a.py", 13, 20, True),
        ("a.py", 1, 40, True),
        ("a.py", 8, 8, False),
        ("a.py", 14, 14, False),
        ("b.py", 11, 11, False),
    ],
)
def test_a_finding_is_right_on_or_beside_the_fault(
    path: str, start: int, end: int, is_right: bool
) -> None:
    case = Case("id", "mutation", "c", {}, (Place("a.py", 10, 12),), "what")
    judged = verdict(case, [finding(path, start, end)])
    assert (judged.n_right, judged.n_wrong) == (int(is_right), int(not is_right))


def test_the_figures() -> None:
    def result(kind: str, right: int, wrong: int, usd: float | None = 0.5) -> dict[str, object]:
        return {"kind": kind, "n_right": right, "n_wrong": wrong, "cost_usd": usd, "failed": ""}

    results = [
        result("mutation", 2, 1),
        result("mutation", 0, 1),
        result("fix", 1, 0),
        result("harmless", 0, 2),
        result("harmless", 0, 0),
    ]
    told = ReviewFigures.of("x", results)
    assert (told.found, told.right, told.alarms) == (Share(2, 3), Share(3, 7), Share(1, 2))
    assert told.by_kind == {"mutation": Share(1, 2), "fix": Share(1, 1)}
    assert (told.cost_usd, told.usd_per_fault) == (2.5, 1.25)
    unknown = ReviewFigures.of("x", [*results, result("fix", 0, 0, None)])
    assert (unknown.cost_usd, unknown.usd_per_fault) == (None, None)
    assert ReviewFigures.of("x", []).found.value is None


def test_a_share_says_how_sure_it_is() -> None:
    assert str(Share(0, 0)) == "–"
    assert str(Share(5, 10)) == "50% (24%–76%)"
    low, high = Share(10, 10).range
    assert high == pytest.approx(1.0)
    assert 0.70 < low < 0.75
