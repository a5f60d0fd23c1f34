"""What is said when nobody scripted anything: one plausible answer for each contract."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.findings.verdicts import read_verdicts
from kibitz.standin import Reply, Request, respond
from kibitz.standin.responder import verdicts
from kibitz.standin.smells import smells
from kibitz.standin.task import Region, read_task

PYTHON = """\
def load(path, seen=[]):
    try:
        return open(path).read()
    except:
        return None
"""


def region(text: str, path: str = "src/load.py", first_line: int = 1) -> str:
    return f'<region path="{path}" first_line="{first_line}">\n{text}</region>'


def numbered(text: str, first_line: int) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(f"{number}\t{line}" for number, line in enumerate(lines, first_line))


def task(action: str, *parts: str) -> str:
    return "\n".join([f'<task action="{action}">', *parts, "</task>"])


def reply_to(text: str, *, tools: tuple[str, ...] = (), stop: tuple[str, ...] = ()) -> Reply:
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
        "tools": [{"name": name} for name in tools],
        "stop_sequences": list(stop),
    }
    return respond(Request("POST", "/v1/messages", body=body))


def replaced(code: str, path: str = "src/load.py", instruction: str = "Say what it does") -> str:
    text = task("refactor", region(code, path), f"<instruction>\n{instruction}\n</instruction>")
    reply = str(reply_to(text, stop=("</replacement>",)).text)
    return reply.removeprefix("<replacement>\n").removesuffix("</replacement>")


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (
            "a.py",
            "def f():\n    return 1\n",
            'def f():\n    """Say what it does (scripted)"""\n    return 1\n',
        ),
        (
            "a.py",
            "@cached\ndef f(\n    a,\n):\n    return a\n",
            '@cached\ndef f(\n    a,\n):\n    """Say what it does (scripted)"""\n    return a\n',
        ),
        (
            "a.py",
            '    def f():\n        """There is one."""\n',
            '    # Say what it does (scripted)\n    def f():\n        """There is one."""\n',
        ),
        ("a.py", "def f(): pass\n", "# Say what it does (scripted)\ndef f(): pass\n"),
        ("a.py", "\n    x = 1\n", "\n    # Say what it does (scripted)\n    x = 1\n"),
        ("a.ts", "\tlet x = 1\n", "\t// Say what it does (scripted)\n\tlet x = 1\n"),
        ("a.lua", "local x = 1\n", "-- Say what it does (scripted)\nlocal x = 1\n"),
        ("a.py", "", "# Say what it does (scripted)\n"),
    ],
)
def test_a_region_comes_back_with_one_line_more(path: str, before: str, after: str) -> None:
    assert replaced(before, path) == after


@given(st.text(st.sampled_from("ab \t\f\u2028\r\n:\"'#") | st.sampled_from("def")))
def test_every_other_line_is_kept_to_the_byte(code: str) -> None:
    whole = code if code.endswith("\n") or not code else code + "\n"
    lines = replaced(whole).split("\n")
    added = next(index for index, line in enumerate(lines) if "(scripted)" in line)
    del lines[added]
    assert "\n".join(lines) == whole


def test_without_a_region_it_says_so() -> None:
    reply = reply_to(task("refactor"), stop=("</replacement>",))
    assert "no region" in str(reply.text)


def test_a_review_reports_what_is_there() -> None:
    text = task("review", region(numbered(PYTHON, 11), first_line=11))
    reply = reply_to(text, tools=("report_findings",))
    (call,) = reply.tool_calls
    findings = json.loads(call.input_json)["findings"]
    assert [(f["severity"], f["start_line"], f["quote"]) for f in findings] == [
        ("error", 11, "def load(path, seen=[]):"),
        ("warning", 13, "        return open(path).read()"),
        ("warning", 14, "    except:"),
    ]
    assert findings[2]["suggestion"] == "    except Exception:"
    assert {f["path"] for f in findings} == {"src/load.py"}


def test_a_review_without_the_tool_is_json_in_the_text() -> None:
    text = str(reply_to(task("review", region(PYTHON))).text)
    findings = json.loads(text.removeprefix("```json\n").removesuffix("```\n"))["findings"]
    assert len(findings) == 3


def test_clean_code_gets_one_remark() -> None:
    (remark,) = smells(["", "x = 1"], "a.py")
    assert (remark.line_index, remark.severity, remark.quote) == (1, "hint", "x = 1")


def test_a_review_does_not_drown_anybody() -> None:
    assert len(smells(["# TODO"] * 9, "a.py")) == 5


def test_an_explanation_says_what_it_is_and_what_it_is_about() -> None:
    text = task("explain", region(numbered(PYTHON, 11), first_line=11))
    said = str(reply_to(text, tools=("report_findings",)).text)
    assert said.startswith("## About `src/load.py`\n")
    assert "scripted reply of the stand-in" in said
    assert "Lines 11 to 15 of `src/load.py` define:\n\n- `load` on line 11" in said


def test_a_question_is_repeated() -> None:
    said = str(reply_to(task("ask", "<question>\nWhy  so\nslow?\n</question>")).text)
    assert "You asked: “Why so slow?”" in said


def test_a_completion_is_a_comment_in_the_language() -> None:
    text = task("complete", '<file path="a.sql">')
    reply = reply_to(text, stop=("</completion>",))
    assert reply.text == "<completion>-- a scripted completion of the stand-in</completion>"


def test_results_of_tools_end_the_looking_around() -> None:
    body = {
        "messages": [
            {"role": "user", "content": task("ask")},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "x"}]},
            {"role": "user", "content": [{"type": "tool_result", "content": "found"}]},
        ]
    }
    reply = respond(Request("POST", "/v1/messages", body=body))
    assert not reply.tool_calls
    assert "Thank you" in str(reply.text)


def test_what_an_excerpt_quotes_is_not_the_task() -> None:
    excerpt = region("quoted\n", "other.py") + "\n" + task("review", "nothing")
    read = read_task(excerpt + "\n" + task("explain", region("meant\n", "a.py", 3)))
    assert (read.action, read.regions) == ("explain", (Region("a.py", 3, "meant\n"),))


def test_a_region_may_contain_its_own_tag() -> None:
    code = "<region>\n</region>\n"
    text = f'<region-0a1b path="a&quot;b.xml" first_line="2">\n{code}</region-0a1b>'
    assert read_task(task("explain", text)).regions == (Region('a"b.xml', 2, code),)


def test_numbers_in_front_are_taken_off_only_where_all_lines_have_them() -> None:
    (read,) = read_task(task("explain", region("1\ta\n3\tb\n"))).regions
    assert read.text == "1\ta\n3\tb\n"
    (read,) = read_task(task("review", region("1\ta\n2+\tb\n"))).regions
    assert read.text == "a\nb\n", "in the review of a change those of changed lines are marked"


def test_a_check_of_findings_refutes_those_that_name_no_fault() -> None:
    said = verdicts(
        '<finding number="1" lines="1-1">\nNothing stands out\nWhy.\n</finding>\n'
        '<finding number="2" lines="2-2">\nBare except\nWhy.\n</finding>'
    )
    assert read_verdicts(said, 2) == {1: "It names no fault. (Scripted verdict of the stand-in.)"}
