"""What one reported finding must hold, field by field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.findings.element import MESSAGE_MAX_CHARS, TITLE_MAX_CHARS, check
from kibitz.findings.values import Dropped, Finding

GOOD: dict[str, object] = {
    "path": "src/app.py",
    "severity": "error",
    "category": "correctness",
    "start_line": 3,
    "end_line": 4,
    "quote": "x = 1",
    "title": "Wrong",
    "message": "It is wrong.",
    "suggestion": "x = 2",
}


def checked(default_path: str = "", **fields: object) -> Finding:
    result = check(GOOD | fields, default_path)
    assert isinstance(result, Finding), result
    return result


def reason(default_path: str = "", **fields: object) -> str:
    result = check(GOOD | fields, default_path)
    assert isinstance(result, Dropped), result
    assert result.reason == "malformed"
    return result.detail


@pytest.mark.parametrize("given_severity", ["error", "Error", "ERROR", " error "])
def test_severities_are_compared_without_case(given_severity: str) -> None:
    assert checked(severity=given_severity).severity == "error"


@pytest.mark.parametrize("given_severity", ["", "critical", "warn", 1, None])
def test_other_severities_are_not_guessed(given_severity: object) -> None:
    assert reason(severity=given_severity).startswith("severity")


@pytest.mark.parametrize("line", [3, 3.0, "3", " 3 "])
def test_a_line_number_in_any_clothes(line: object) -> None:
    assert checked(start_line=line).start_line == 3


@pytest.mark.parametrize("line", [0, -1, 3.5, "3a", "", True, None, [3], 10**400, float("inf")])
def test_what_is_no_line_number(line: object) -> None:
    assert reason(start_line=line) == "start_line is not a line number"


def test_the_end_is_never_before_the_start() -> None:
    assert checked(start_line=3, end_line=1).end_line == 3
    assert checked(start_line=3, end_line=None).end_line == 3
    assert reason(end_line="x") == "end_line is not a line number"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/app.py", "src/app.py"),
        ("./src/app.py", "src/app.py"),
        ("src\\app.py", "src/app.py"),
        ("src//./app.py", "src/app.py"),
        ("a..b/..c.py", "a..b/..c.py"),
        (" src/app.py ", "src/app.py"),
        ("", "here.py"),
        (None, "here.py"),
        ("  ", "here.py"),
    ],
)
def test_paths_are_relative_with_forward_slashes(path: object, expected: str) -> None:
    assert checked("here.py", path=path).path == expected


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "\\etc\\passwd",
        "//host/share/x",
        "\\\\host\\share\\x",
        "C:\\x.py",
        "c:x.py",
        "../x.py",
        "src/../../x.py",
        "src\\..\\x.py",
        "..",
        ".",
        "a\0b",
        "a\nb",
        "a\x1b[2Jb",
        "a\ud800b",
        5,
        ["x"],
    ],
)
def test_paths_that_lead_elsewhere(path: object) -> None:
    assert reason("here.py", path=path).startswith("path")


def test_a_path_must_be_known() -> None:
    assert reason(path="") == "path is missing"


def test_a_default_path_is_taken_as_it_is() -> None:
    # The caller's own path may have any form: a file outside of any repository has no other.
    assert checked("/tmp/x.py", path="").path == "/tmp/x.py"
    assert checked("/tmp/x.py", path="/tmp/x.py").path == "/tmp/x.py"


def test_a_title_is_one_safe_line() -> None:
    assert checked(title="  two\n\twords ").title == "two words"
    assert checked(title="a\x1b[31mred\x07\u202e\u200b\U000e0041b").title == "aredb"
    assert checked(title="a\ud83d").title == "a\ufffd"
    assert len(checked(title="x" * 500).title) == TITLE_MAX_CHARS
    assert reason(title=" \n") == "title is empty"
    assert reason(title=None) == "title is not a text"


def test_a_message_keeps_its_lines() -> None:
    assert checked(message="a\r\nb\rc\td\x1b\n").message == "a\nb\nc\td"
    assert checked(message="a\n\x1b[1mb\x1b[0m\u2066").message == "a\nb"
    assert len(checked(message="x" * 20_000).message) == MESSAGE_MAX_CHARS
    assert reason(message="") == "message is empty"


def test_a_category_may_be_missing() -> None:
    assert checked(category=None).category == "general"
    assert checked(category=" ").category == "general"
    assert checked(category="Error\nhandling").category == "error handling"


def test_quote_and_suggestion_are_verbatim() -> None:
    assert checked(quote="\tx = '\x1b' ").quote == "\tx = '\x1b' "
    assert checked(suggestion="\tx = '\x1b'\n").suggestion == "\tx = '\x1b'\n"
    assert checked(suggestion=None).suggestion == ""
    assert reason(quote=None) == "quote is not a text"
    assert reason(suggestion=5) == "suggestion is not a text"
    assert reason(suggestion="a\ud800").startswith("suggestion")


def test_a_dropped_finding_keeps_its_title() -> None:
    result = check(GOOD | {"severity": "x", "title": "a\x07b\n"}, "")

    assert isinstance(result, Dropped)
    assert result.title == "ab"


_ANYTHING = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, _ANYTHING)))
def test_whatever_a_field_holds_the_result_is_safe_to_send(fields: dict[str, object]) -> None:
    result = check(GOOD | fields, "here.py")
    texts = (
        [result.title]
        if isinstance(result, Dropped)
        else [result.path, result.category, result.quote, result.title, result.message]
    )
    for text in texts:
        text.encode("utf-8")
    if isinstance(result, Finding):
        assert 1 <= result.start_line <= result.end_line


@pytest.mark.parametrize(
    ("written", "category"),
    [
        ("correctness", "correctness"),
        ("Error-Handling", "error handling"),
        ("error_handling", "error handling"),
        ("api", "API"),
        ("Testing", "tests"),
        ("bug", "correctness"),
        ("Licensing", "Licensing"),
        ("", "general"),
    ],
)
def test_a_category_is_called_as_the_contract_calls_it(written: str, category: str) -> None:
    assert checked(category=written).category == category
