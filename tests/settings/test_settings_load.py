"""The six sources over each other, and everything that may be wrong with one of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz import settings
from kibitz.plain_text import visible
from kibitz.settings import DEFAULTS, log_lines, problems_by_source
from kibitz.settings_files import MOST_BYTES, Tables
from support.settings_sources import load

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes as POSIX knows them")


def test_without_sources_the_defaults_hold() -> None:
    loaded = load()
    assert loaded.settings == DEFAULTS
    assert loaded.problems == ()
    assert loaded.origins == {}


def test_a_later_source_goes_over_an_earlier_one() -> None:
    sources: dict[str, Any] = {
        "user": 'models.fast = "user"',
        "project": 'models.fast = "project"',
        "editor": {"models": {"fast": "editor"}},
        "environ": {"KIBITZ_MODELS_FAST": "environment"},
        "command_line": {"models.fast": "command-line"},
    }
    expected = ["user", "project", "editor", "environment", "command-line"]
    given: dict[str, Any] = {}
    for (name, source), model in zip(sources.items(), expected, strict=True):
        given[name] = source
        loaded = load(**given)
        assert loaded.settings.models.fast == model
        assert loaded.settings.models.deep == "claude-opus-5-5"
        assert loaded.problems == ()
    assert loaded.origins == {"models.fast": "command line"}


def test_every_kind_of_value_in_a_file() -> None:
    loaded = load(
        user="""
provider = "compatible"
base_url = "https://gateway.example.com/v1/messages/"
ca_file = "~/company.pem"
api_key_command = "pass show 'my key'"
headers = {X-Team = "compilers"}
audit = "FULL"

[route]
explain = "deep"

[context]
max_tokens = 100_000
include = "src/"
exclude = ["*.min.js", "dist/"]

[completion.trigger]
default = "auto"
markdown = "off"

[review]
on_save = true
verify = false
instructions = \"\"\"
Look at locks.
And at names.\"\"\"

[budget]
day_usd = 3
"""
    )
    assert loaded.problems == ()
    read = loaded.settings
    assert read.provider == "compatible"
    assert read.base_url == "https://gateway.example.com"
    assert read.ca_file == "/home/ada/company.pem"
    assert read.api_key_command == ("pass", "show", "my key")
    assert read.headers == {"X-Team": "compilers"}
    assert read.audit == "full"
    assert read.route["explain"] == "deep" and read.route["hover"] == "fast"
    assert read.context.max_tokens == 100_000
    assert read.context.include == ("src/",)
    assert read.context.exclude == ("*.min.js", "dist/")
    assert read.completion.trigger == "auto"
    assert read.completion.trigger_for("markdown") == "off"
    assert read.completion.trigger_for("python") == "auto"
    assert read.review.on_save is True
    assert read.review.verify == "off"
    assert read.review.instructions == "Look at locks.\nAnd at names."
    assert read.budget.day_usd == 3.0


def test_every_kind_of_value_in_the_environment() -> None:
    loaded = load(
        environ={
            "KIBITZ_PROVIDER": "standin",
            "KIBITZ_BASE_URL": "http://127.0.0.1:8080",
            "KIBITZ_HEADERS": '{"X-Team": "compilers"}',
            "KIBITZ_API_KEY_COMMAND": '["pass", "show"]',
            "KIBITZ_EDIT_CHECK": "make 'quick check'",
            "KIBITZ_CONTEXT_EXCLUDE": "*.min.js, dist/",
            "KIBITZ_CONTEXT_INCLUDE": '["a,b"]',
            "KIBITZ_CONTEXT_MAX_TOKENS": "1000",
            "KIBITZ_REVIEW_ON_SAVE": "Yes",
            "KIBITZ_COMPLETION_TRIGGER_PYTHON": "auto",
            "KIBITZ_COMPLETION_TRIGGER": "off",
            "KIBITZ_HOVER_MODE": "",
            "ANTHROPIC_BASE_URL": "http://not.ours",
            "ANTHROPIC_API_KEY": "sk-ant-not-ours",
        }
    )
    assert loaded.problems == ()
    read = loaded.settings
    assert (read.provider, read.base_url) == ("standin", "http://127.0.0.1:8080")
    assert read.headers == {"X-Team": "compilers"}
    assert read.api_key_command == ("pass", "show")
    assert read.edit.check == ("make", "quick check")
    assert read.context.exclude == ("*.min.js", "dist/")
    assert read.context.include == ("a,b",)
    assert read.context.max_tokens == 1000
    assert read.review.on_save is True
    assert read.completion.trigger == "off"
    assert dict(read.completion.trigger_by_language) == {"PYTHON": "auto"}
    assert read.hover.mode == "kept"


@pytest.mark.parametrize(
    "editor",
    [
        {"hover": {"mode": "ask"}},
        {"hover.mode": "ask"},
        {"hoverMode": "ask"},
        {"kibitz": {"hover": {"mode": "ask"}}},
        {"kibitz": {"hover.mode": "ask"}},
        {"kibitz.hover.mode": "ask"},
        {"kibitz.hover": {"mode": "ask"}},
        {"Kibitz": {"kibitz": {"HOVER": {"Mode": "ASK"}}}},
        [{"hover": {"mode": "ask"}}],
        [["hover", [["mode", "ask"]]]],
        [["hover.mode", "ask"]],
        {"kibitz": {"hover": {"mode": "ask"}}, "python": {"hover": {"mode": 3}}, "a": 1},
        {"kibitz.hover.mode": "ask", "kibitz": {}},
        {"hover": {"mode": "ask"}, "completion": [], "headers": {}, "provider": None},
    ],
)
def test_an_editor_may_nest_as_it_likes(editor: Any) -> None:
    loaded = load(editor=editor)
    assert loaded.settings.hover.mode == "ask"
    assert loaded.problems == ()


@pytest.mark.parametrize("editor", [None, {}, [], {"kibitz": {}}, {"kibitz": None}])
def test_an_editor_without_settings_is_fine(editor: Any) -> None:
    loaded = load(editor=editor)
    assert loaded.settings == DEFAULTS
    assert loaded.problems == ()


@pytest.mark.parametrize("editor", ["text", 3, True, [1, 2, 3], [[1]], 1.5])
def test_settings_that_are_no_table_are_told(editor: Any) -> None:
    (problem,) = load(editor=editor).problems
    assert problem.sentence == "editor settings: not a table of settings."


def test_a_language_of_its_own() -> None:
    loaded = load(
        user='completion.trigger = {default = "off", ruby = "auto"}',
        project='completion.trigger.python = "auto"',
    )
    assert dict(loaded.settings.completion.trigger_by_language) == {
        "ruby": "auto",
        "python": "auto",
    }
    assert loaded.settings.completion.trigger == "off"


def test_one_value_for_all_languages_is_meant_for_all() -> None:
    loaded = load(
        user='completion.trigger = {ruby = "auto"}', environ={"KIBITZ_COMPLETION_TRIGGER": "off"}
    )
    assert loaded.settings.completion.trigger_for("ruby") == "off"


def test_a_language_counts_whatever_the_order() -> None:
    editor = {"completion.trigger.python": "auto", "completion.trigger": "off"}
    assert load(editor=editor).settings.completion.trigger_for("python") == "auto"


def test_headers_are_merged_by_name_without_case() -> None:
    loaded = load(
        user='headers = {X-Team = "a", X-Other = "b"}',
        environ={"KIBITZ_HEADERS": '{"x-team": "c"}'},
    )
    assert loaded.settings.headers == {"X-Other": "b", "x-team": "c"}


def test_exclusions_add_up() -> None:
    loaded = load(
        user='context.exclude = ["a"]',
        project="context.exclude = []",
        editor={"context": {"exclude": ["b", "a"]}},
        command_line={"context.exclude": "c"},
    )
    assert loaded.settings.context.exclude == ("a", "b", "c")


def test_headers_and_proxy_stay_out_of_the_representation() -> None:
    loaded = load(user='headers = {A = "hush-1"}\nproxy = "http://u:hush-2@proxy:1"')
    assert loaded.settings.headers and loaded.settings.proxy
    assert "hush" not in repr(loaded)


WRONG = [
    ("hover.mode = 3", "must be one of"),
    ('hover.mode = "sometimes"', "not `sometimes`"),
    ("hover.mode = true", "one of `kept`, `ask`, `off`"),
    ("hover.mode = {a = 1}", "one of"),
    ("context.max_tokens = -1", "whole number from 0 to 2000000"),
    ("context.max_tokens = 2.5", "whole number"),
    ("context.max_tokens = true", "whole number"),
    ('context.max_tokens = "60000"', "whole number"),
    ("context.max_tokens = 99999999999999999999999999999999", "whole number"),
    ("context.max_tokens = inf", "whole number"),
    ("budget.day_usd = nan", "a number from 0"),
    ("budget.day_usd = -0.01", "a number from 0"),
    ("budget.day_usd = inf", "a number from 0"),
    ("budget.day_usd = 2026-01-01", "a number from 0"),
    ('review.on_save = "true"', "`true` or `false`"),
    ("review.on_save = 1", "`true` or `false`"),
    ("context.include = [1]", "a list of texts"),
    ('context.include = ["a\\u0000b"]', "a list of texts"),
    ("context.include = {}", "a list of texts"),
    ("models.fast = 5", "a text"),
    ('models.fast = "two words"', "without spaces"),
    ('models.fast = "\\u001b[31m"', "without control characters"),
    ('base_url = "gateway.example.com"', "a URL"),
    ('base_url = "file:///etc/passwd"', "a URL"),
    ('base_url = "https://"', "a URL"),
    ('base_url = "https://host:port"', "a URL"),
    ('base_url = "https://user:hush@host"', "no password"),
    ('proxy = "proxy"', "a URL"),
    ('ca_file = "relative.pem"', "absolute path"),
    ("headers = 3", "a table of texts"),
    ("headers = {A = 3}", "each one line of ASCII"),
    ('headers = {A = "a\\r\\nB: b"}', "each one line of ASCII"),
    ('headers = {"A B" = "a"}', "an HTTP header"),
    ('headers = {"A:" = "a"}', "an HTTP header"),
    ('api_key_command = "pass \'show"', "quotation mark"),
    ("api_key_command = [1]", "a command"),
    ('completion.trigger = {python = "maybe"}', "not `maybe`"),
    ("review.instructions = 1", "a text"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_value_that_does_not_hold_is_told_and_left_out(text: str, said: str) -> None:
    loaded = load(user=text)
    assert loaded.settings == DEFAULTS
    (problem,) = loaded.problems
    assert problem.source == "USER"
    assert said in problem.sentence
    assert problem.sentence.startswith("USER, line 1: `")
    assert "hush" not in problem.sentence
    assert not problem.guarded
    assert problem.sentence.isprintable()


def test_a_wrong_value_leaves_the_lower_one() -> None:
    loaded = load(user='hover.mode = "off"', project='hover.mode = "loud"')
    assert loaded.settings.hover.mode == "off"


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        (
            {"project": '[hover]\n\nmode = "loud"'},
            "PROJECT, line 3: `hover.mode` is ignored, because it must be one of `kept`, `ask`, "
            '`off`, not `loud`; write for example `hover.mode = "kept"`.',
        ),
        (
            {"editor": {"hover": {"mode": 1}}},
            "editor settings: `hover.mode` is ignored, because it must be one of `kept`, `ask`, "
            '`off`; write for example `"kibitz.hover.mode": "kept"`.',
        ),
        (
            {"environ": {"KIBITZ_CONTEXT_MAX_TOKENS": "many"}},
            "environment: `context.max_tokens` is ignored, because it must be a whole number "
            "from 0 to 2000000; write for example `KIBITZ_CONTEXT_MAX_TOKENS=60000`.",
        ),
        (
            {"command_line": {"edit.check": "'"}},
            "command line: `edit.check` is ignored, because it must be a command: a text, or a "
            "list of its words; a quotation mark in it is not closed; write for example "
            '`--set edit.check=\'["make", "check"]\'`.',
        ),
        (
            {"project": "edit = 3"},
            "PROJECT, line 1: there is no setting `edit`; did you mean `edit.streaming`?",
        ),
        (
            {"project": "[context]\nmax_tokens = 1\nttls = 1"},
            "PROJECT, line 3: there is no setting `context.ttls`; did you mean `context.ttl`?",
        ),
        (
            {"environ": {"KIBITZ_QQQQ": "1"}},
            "environment: there is no setting `KIBITZ_QQQQ`; see docs/settings.md.",
        ),
        (
            {"project": 'hoverMode = "ask"\n[hover]\nmode = "off"'},
            "PROJECT, line 3: `hover.mode` is set more than once; remove all but one.",
        ),
    ],
)
def test_a_problem_says_where_and_what_instead(sources: dict[str, Any], sentence: str) -> None:
    assert [problem.sentence for problem in load(**sources).problems] == [sentence]
    assert log_lines(load(**sources).problems) == [sentence]
    assert problems_by_source(load(**sources).problems) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hover.mode = ", "is not valid TOML and is ignored: Invalid value (at end of document)"),
        ("a = 1\nb = [", "is not valid TOML"),
        ("a = 1\na = 2", "is not valid TOML"),
        (b"\xff\xfea = 1", "is not UTF-8"),
        ("x = " + "[" * 20_000, "is not valid TOML"),
        ("x = " + "9" * 20_000, "is not valid TOML"),
        ("# " + "x" * MOST_BYTES, "is larger than 64 KiB"),
        ("a\x1b[31m = 1", "is not valid TOML"),
    ],
)
@pytest.mark.parametrize("which", ["user", "project"])
def test_a_broken_file_is_told_and_ignored(which: str, content: str | bytes, said: str) -> None:
    sources: dict[str, Any] = {which: content}
    loaded = load(**sources)
    assert loaded.settings == DEFAULTS
    (problem,) = loaded.problems
    assert said in problem.sentence
    assert problem.sentence.startswith(which.upper())
    assert problem.sentence.isprintable()


@pytest.mark.parametrize("text", ["\ufeff", "# only a comment", "", "\r\n\r\n"])
def test_an_empty_file_is_fine(text: str) -> None:
    assert load(project=text + '\r\nhover.mode = "ask"\r\n').settings.hover.mode == "ask"


def project(root: Path) -> settings.Loaded:
    return settings.load(root, None, {}, {"XDG_CONFIG_HOME": "/nowhere"})


@posix
def test_a_link_out_of_the_project_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    (tmp_path / "outside.toml").write_text('hover.mode = "ask"')
    (root / ".kibitz.toml").symlink_to("../outside.toml")
    loaded = project(root)
    assert loaded.settings == DEFAULTS
    assert "is a link out of the repository" in loaded.problems[0].sentence


@posix
def test_a_link_inside_the_project_is_read(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "kibitz.toml").write_text('hover.mode = "ask"')
    (tmp_path / ".kibitz.toml").symlink_to("real/kibitz.toml")
    (tmp_path / "by-link").symlink_to(tmp_path)
    assert project(tmp_path).settings.hover.mode == "ask"
    assert project(tmp_path / "by-link").settings.hover.mode == "ask"


@posix
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda file: file.mkdir(), "is not a file"),
        (lambda file: os.mkfifo(file), "is not a file"),
        (lambda file: file.symlink_to("missing"), "is a link to nothing"),
        (lambda file: file.symlink_to(".kibitz.toml"), "cannot be read"),
    ],
)
def test_what_is_no_file_is_told(tmp_path: Path, make: Any, said: str) -> None:
    make(tmp_path / ".kibitz.toml")
    loaded = project(tmp_path)
    assert loaded.settings == DEFAULTS
    assert said in loaded.problems[0].sentence


def test_a_file_without_the_right_to_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".kibitz.toml").touch()

    def refuse(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    loaded = project(tmp_path)
    assert loaded.settings == DEFAULTS
    assert "cannot be read (Permission denied)" in loaded.problems[0].sentence


def test_a_flood_of_unknown_keys_stays_small() -> None:
    loaded = load(editor={f"unknown-{number}": number for number in range(100_000)})
    assert len(loaded.problems) < 30
    assert "no more than 1000 settings" in loaded.problems[0].sentence
    assert "980 more settings" in loaded.problems[-1].sentence


def test_deep_nesting_ends() -> None:
    nested: dict[str, Any] = {"mode": "ask"}
    for _ in range(5_000):
        nested = {"hover": nested}
    loaded = load(editor=nested)
    assert loaded.settings == DEFAULTS
    assert len(loaded.problems) == 1


def test_names_of_a_repository_cannot_steer_the_terminal() -> None:
    loaded = load(editor={"\x1b[2Jevil`key\u202e\n" + "x" * 500: 1})
    (problem,) = loaded.problems
    assert problem.sentence.isprintable()
    assert len(problem.sentence) < 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
key_names = st.sampled_from(
    ["kibitz", "hover", "mode", "base_url", "headers", "budget.day_usd", "route"]
)


@given(
    st.dictionaries(st.text() | key_names, json_values | st.dictionaries(key_names, json_values))
)
def test_no_editor_settings_raise(editor: dict[str, Any]) -> None:
    loaded = settings.load(None, editor, {}, {"XDG_CONFIG_HOME": "/nowhere"})
    for problem in loaded.problems:
        assert problem.sentence.encode()
        assert problem.sentence == visible(problem.sentence)
        assert "\n" not in problem.sentence


@given(st.text() | st.sampled_from([text for text, _ in WRONG]))
def test_no_file_raises(text: str) -> None:
    load(project=text.encode(errors="surrogatepass"))


@pytest.mark.parametrize(
    ("text", "spelling", "line"),
    [
        ("a = 1", "a", 1),
        ("\na.b = 1", "a.b", 2),
        ("[a]\nb = 1", "a.b", 2),
        ("[a.b]\n# c = 1\nc = 1", "a.b.c", 3),
        ("[ a . 'b' ]\n\"c\" = 1", "a.b.c", 2),
        ("a = { b = 1 }", "a.b", 1),
        ("[a]\nx = 1\n[b]\nx = 2", "b.x", 4),
        ("a = 1", "b", None),
    ],
)
def test_the_line_of_a_key(text: str, spelling: str, line: int | None) -> None:
    assert Tables({}, text).line_of(spelling) == line
