"""Whatever is called, and however: an answer in text, and never a crash."""

from __future__ import annotations

import json
import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.claude.models.catalogue import builtin
from kibitz.claude.values import Tool
from kibitz.looking import read_file, toolbox
from kibitz.looking.arguments import Arguments, Stopped, Unusable, shape
from kibitz.looking.definitions import LOOKING, READ_FILE
from looking.conftest import Looker

FROM_PRODUCT = {
    "read_file": ["path", "start_line", "end_line"],
    "search": ["pattern", "glob"],
    "symbol": ["name"],
    "git_log": ["path", "limit"],
    "git_diff": ["base", "path"],
    "git_blame": ["path", "start_line", "end_line"],
}


def test_the_tools_are_those_that_are_promised() -> None:
    assert {tool.name: list(tool.input_schema["properties"]) for tool in LOOKING} == FROM_PRODUCT
    assert all(tool.strict and tool.is_answered for tool in LOOKING)


@pytest.mark.parametrize("tool", LOOKING, ids=lambda tool: tool.name)
def test_each_tool_has_a_module_and_words(tool: Tool) -> None:
    assert callable(toolbox._work_of(tool))
    assert not toolbox.words(tool.name, "{").startswith("calling")


@pytest.mark.parametrize(
    ("name", "input_json", "says"),
    [
        ("look", "{}", "There is no tool look for this; there are git_blame"),
        ("edit_file", "{}", "There is no tool edit_file"),
        ("read_file", '{"path": "a', "not valid JSON"),
        ("read_file", "[" * 100_000, "not valid JSON"),
        ("read_file", '["a.py"]', "must be one JSON object"),
        ("read_file", "null", "must be one JSON object"),
        ("read_file", "{}", "read_file needs path"),
        ("read_file", '{"path": null}', "read_file needs path"),
        ("read_file", '{"path": 3}', "path must be a text"),
        ("read_file", '{"path": "a\\u0000b"}', "path holds control characters"),
        ("read_file", '{"path": "\\ud800"}', "path is not valid Unicode"),
        ("read_file", '{"path": "docs/notes.md", "end_lin": 3}', "did you mean end_line?"),
        ("read_file", '{"path": "docs/notes.md", "start_line": "x"}', "whole number"),
        ("read_file", '{"path": "docs/notes.md", "start_line": 0}', "whole number"),
        ("read_file", '{"path": "docs/notes.md", "start_line": true}', "whole number"),
        ("read_file", '{"path": "docs/notes.md", "start_line": 1e400}', "whole number"),
        ("search", '{"pattern": ""}', "pattern is empty"),
        ("search", '{"pattern": "' + "a" * 3_000 + '"}', "longer than"),
        ("symbol", '{"name": "  "}', "must be one name"),
        ("git_log", '{"limit": -1}', "whole number"),
    ],
)
def test_a_bad_call_gets_one_sentence(look: Looker, name: str, input_json: str, says: str) -> None:
    result = toolbox.answer(look.sight, name, input_json)

    assert result.is_error
    assert result.outcome == "refused"
    assert says in result.text
    assert "\n" not in result.text


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_input_is_taken_or_refused(text: str) -> None:
    try:
        arguments = Arguments(READ_FILE, text)
        arguments.text("path")
        arguments.lines(10)
    except Unusable as unusable:
        assert unusable.sentence
    assert isinstance(shape(text), tuple)


def test_a_fault_of_ours_is_told_and_logged_once(
    look: Looker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(sight: object, arguments: object) -> None:
        raise KeyError("oh")

    monkeypatch.setattr(read_file, "read_file", broken)
    with caplog.at_level(logging.DEBUG):
        result = look.call("read_file", path="docs/notes.md")

    assert (result.outcome, result.is_error) == ("failed", True)
    assert "fault in kibitz" in result.text
    (record,) = (each for each in caplog.records if each.levelno >= logging.WARNING)
    assert record.exc_info is not None
    assert "docs/notes.md" not in record.getMessage()


def test_nobody_answers_when_nobody_waits(look: Looker) -> None:
    stopped = threading.Event()
    stopped.set()
    sight = type(look.sight)(**{**vars(look.sight), "should_stop": stopped.is_set})

    with pytest.raises(Stopped):
        toolbox.answer(sight, "search", '{"pattern": "x"}')


def test_the_record_holds_sizes_and_no_words(look: Looker) -> None:
    result = look.call("search", pattern="secret plan", glob="*.py")

    assert result.arguments == (("pattern", "11 characters"), ("glob", "4 characters"))
    assert "secret" not in repr(result.arguments)
    assert shape('{"path": "a", "start_line": 3, "x": [1]}') == (
        ("path", "1 characters"),
        ("start_line", "3"),
        ("x", "list"),
    )


@pytest.mark.parametrize(
    ("name", "input_json", "said"),
    [
        ("read_file", '{"path": "src/a.py"}', "reading src/a.py"),
        (
            "search",
            '{"pattern": "d \\u001b[31mx", "glob": "*.py"}',
            "searching for d x in *.py",
        ),
        ("symbol", '{"name": "total"}', "looking up total"),
        ("git_log", "{}", "looking at the history"),
        ("git_log", '{"path": "a"}', "looking at the history of a"),
        ("git_diff", '{"base": "v1"}', "comparing files with v1"),
        ("git_blame", '{"path": "a"}', "looking up who changed a"),
        ("nonsense\n", "[", "calling nonsense"),
    ],
)
def test_a_call_in_words(name: str, input_json: str, said: str) -> None:
    assert toolbox.words(name, input_json) == said


def test_the_tools_take_no_more_room_than_they_must() -> None:
    """They stand in front of every prompt; 1 500 tokens are a cent in five hundred requests."""
    from kibitz.claude.prompts.estimate import tool_tokens

    chars_per_token = builtin().chars_per_token("claude-sonnet-5-5")
    assert sum(tool_tokens(tool, chars_per_token) for tool in LOOKING) < 1_600
