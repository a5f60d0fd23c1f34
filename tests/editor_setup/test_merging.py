"""A piece of configuration in a file that is there already: text before → text after."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.editor_setup.languages import languages
from kibitz.editor_setup.merging import Refusal, marks, merged
from kibitz.editor_setup.recipes import Piece, recipe

LISP = Piece("emacs", "elisp", "lines", "(ours)\n")
KEYS = Piece("coc", "json", "keys", '{"languageserver": {"kibitz": {"command": "kibitz"}}}')
WHOLE = Piece("vim", "vim", "whole", "ours\n")
BEGIN, END = marks("elisp")


def helix() -> Piece:
    found = recipe("helix")
    assert found is not None
    return found.pieces(languages()[:2])[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, f"{BEGIN}\n(ours)\n{END}\n"),
        ("", f"{BEGIN}\n(ours)\n{END}\n"),
        ("(theirs)\n", f"(theirs)\n\n{BEGIN}\n(ours)\n{END}\n"),
        ("(theirs)", f"(theirs)\n\n{BEGIN}\n(ours)\n{END}\n"),
        (
            f"(theirs)\n  {BEGIN}\n(older)\n(more)\n{END}  \n(below)\n",
            f"(theirs)\n{BEGIN}\n(ours)\n{END}\n(below)\n",
        ),
    ],
)
def test_lines_go_between_their_marks(before: str | None, after: str) -> None:
    assert merged(before, LISP) == after


@given(st.text(st.sampled_from("ab;\r\n ")))
def test_twice_is_once(before: str) -> None:
    once = merged(before, LISP)
    assert once.startswith(before)
    assert merged(once, LISP) == once


@pytest.mark.parametrize("damaged", [BEGIN, END, f"{END}\n{BEGIN}", f"{BEGIN}\n{BEGIN}\n{END}"])
def test_marks_that_are_no_pair_are_left_alone(damaged: str) -> None:
    with pytest.raises(Refusal, match="no longer a pair"):
        merged(damaged, LISP)


def test_keys_go_into_the_object() -> None:
    before = '{\n    "a": 1,\n    "languageserver": {"other": {"command": "x"}}\n}\n'
    after = merged(before, KEYS)
    assert json.loads(after) == {
        "a": 1,
        "languageserver": {"other": {"command": "x"}, "kibitz": {"command": "kibitz"}},
    }
    assert after.splitlines()[1] == '    "a": 1,'
    assert merged(after, KEYS) == after


@pytest.mark.parametrize(
    ("before", "why"),
    [('{\n  // mine\n  "a": 1\n}', "comments"), ("{", "valid JSON"), ("[1]", "object")],
)
def test_json_that_would_lose_something_is_left_alone(before: str, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        merged(before, KEYS)


def test_a_whole_file_is_replaced() -> None:
    assert merged("anything\n", WHOLE) == merged(None, WHOLE) == "ours\n"


def test_a_users_table_of_the_same_language_is_not_repeated() -> None:
    before = '[[language]]\nname = "rust"\nauto-format = true\n'
    with pytest.raises(Refusal, match=r"already sets up rust: add kibitz"):
        merged(before, helix())
    other = '[[language]]\nname = "nix"\nauto-format = true\n'
    data = tomllib.loads(merged(other, helix()))
    assert [row["name"] for row in data["language"]] == ["nix", "python", "rust"]


@pytest.mark.parametrize(
    ("before", "why"),
    [("a = [", "not valid TOML"), ('[language-server.kibitz]\ncommand = "x"\n', "already says")],
)
def test_toml_that_would_break_is_left_alone(before: str, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        merged(before, helix())
