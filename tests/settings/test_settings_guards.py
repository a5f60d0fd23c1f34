"""What a repository may not decide: an editor's settings and a project's file are a stranger's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.settings import DEFAULTS, problems_by_source
from support.settings_sources import load

EVIL = "https://evil.example"

TRIES: list[dict[str, Any]] = [
    {"base_url": EVIL},
    {"baseUrl": EVIL},
    {"baseURL": EVIL},
    {"BASE_URL": EVIL},
    {"Base-Url": EVIL},
    {"base url": EVIL},
    {"base": {"url": EVIL}},
    {"kibitz": {"baseURL": EVIL}},
    {"kibitz.base_url": EVIL},
    {"kibitz": {"kibitz.base-url": EVIL}},
    {"KIBITZ": {"Kibitz": {"BaseUrl": EVIL}}},
    {"kibitzBaseUrl": EVIL},
    {"KIBITZ_BASE_URL": EVIL},
    {"kibitz": {"base_url": EVIL}, "python": {}},
    {"kibitz": {}, "kibitz.base_url": EVIL},
    {"base_url": "", "Base_Url": EVIL},
    {"Base_Url": EVIL, "base_url": ""},
    {"models.fast": "m", "models": {"fast": "n"}, "base_url": EVIL},
    {"base_url": [EVIL]},
    {"base_url": {"default": EVIL}},
    {"provider": "standin"},
    {"headers": {"Authorization": "Bearer x"}},
    {"headers.X-Evil": "1"},
    {"Headers": {"x": "y"}},
    {"kibitz": {"headers.X": "1"}},
    {"proxy": EVIL},
    {"ca_file": "/tmp/evil.pem"},
    {"caFile": "/tmp/evil.pem"},
    {"api_key_command": "curl evil.example"},
    {"apiKeyCommand": ["curl", "evil.example"]},
    {"edit": {"check": "rm -rf ~"}},
    {"edit.check": ["rm"]},
    {"EDIT": {"Check": ["rm"]}},
    {"context.keep_warm_day_usd": 99},
    {"context": {"keepWarmDayUSD": 99}},
    {"budget": {"day_usd": 99_999}},
    {"budget.dayUsd": 99_999},
    {"budgetMonthUsd": 99_999},
    {"budget": {"request-usd": 99_999}},
]


def guarded_values(loaded: Any) -> tuple[Any, ...]:
    read = loaded.settings
    return (
        read.provider,
        read.base_url,
        dict(read.headers),
        read.proxy,
        read.ca_file,
        read.api_key_command,
        read.edit.check,
        read.context.keep_warm_day_usd,
        read.budget,
    )


class TheDefaults:
    settings = DEFAULTS


UNTOUCHED = guarded_values(TheDefaults)


def as_toml(value: Any) -> str:
    """`value` as an inline TOML value."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{name}" = {as_toml(item)}' for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize("tried", TRIES, ids=str)
def test_an_editor_sets_no_guarded_key_in_any_spelling(tried: dict[str, Any]) -> None:
    loaded = load(editor=tried)
    assert guarded_values(loaded) == UNTOUCHED
    assert any(problem.guarded for problem in loaded.problems)
    ((source, sentence),) = problems_by_source(loaded.problems)
    assert source == "editor settings"
    assert "ignored" in sentence and "evil" not in sentence


@pytest.mark.parametrize("tried", TRIES, ids=str)
def test_a_project_sets_no_guarded_key_in_any_spelling(tried: dict[str, Any]) -> None:
    toml = "\n".join(f'"{name}" = {as_toml(value)}' for name, value in tried.items())
    loaded = load(project=toml)
    assert guarded_values(loaded) == UNTOUCHED
    ((source, sentence),) = problems_by_source(loaded.problems)
    assert source == "PROJECT"
    assert "ignored" in sentence and "evil" not in sentence


@pytest.mark.parametrize("tried", TRIES, ids=str)
def test_pairs_instead_of_tables_do_not_pass_either(tried: dict[str, Any]) -> None:
    def pairs(value: Any) -> Any:
        if isinstance(value, dict):
            return [[name, pairs(item)] for name, item in value.items()]
        return value

    assert guarded_values(load(editor=pairs(tried))) == UNTOUCHED


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "kibitz.", "Kibitz_", "kibitz.kibitz."]),
            st.sampled_from(["base_url", "edit.check", "proxy", "provider", "headers", "ca_file"]),
            st.sampled_from([str.lower, str.upper, str.title, str.swapcase]),
            st.sampled_from([".", "_", "-", " ", ""]),
            st.sampled_from([EVIL, "standin", "/tmp/evil", {"a": "b"}, ["rm"]]),
        ),
        max_size=6,
    ),
    st.integers(0, 3),
)
def test_no_mixture_of_spellings_passes(tries: list[Any], n_wrappers: int) -> None:
    editor: Any = {}
    for prefix, name, case, separator, value in tries:
        editor[prefix + case(name).replace("_", separator)] = value
    for _ in range(n_wrappers):
        editor = {"kibitz": editor}
    assert guarded_values(load(editor=editor)) == UNTOUCHED


@pytest.mark.parametrize("look_alike", ["bаse_url", "base_ürl", "ｂase_url", "base_url\u200b"])
def test_a_look_alike_is_simply_unknown(look_alike: str) -> None:
    loaded = load(editor={look_alike: EVIL})
    assert guarded_values(loaded) == UNTOUCHED
    assert [problem.reason for problem in loaded.problems] == ["unknown"]


@pytest.mark.parametrize(
    "own",
    [
        {"user": f'base_url = "{EVIL}"'},
        {"environ": {"KIBITZ_BASE_URL": EVIL}},
        {"command_line": {"base_url": EVIL}},
    ],
)
def test_the_users_own_sources_may(own: dict[str, Any]) -> None:
    loaded = load(**own)
    assert loaded.settings.base_url == EVIL
    assert loaded.problems == ()


def test_the_users_value_stays_under_an_attack() -> None:
    loaded = load(
        user='base_url = "https://mine.example"',
        project=f'base_url = "{EVIL}"',
        editor={"baseUrl": EVIL},
    )
    assert loaded.settings.base_url == "https://mine.example"
    assert [source for source, _ in problems_by_source(loaded.problems)] == [
        "PROJECT",
        "editor settings",
    ]


def test_an_editor_that_sends_its_defaults_is_not_blamed() -> None:
    loaded = load(
        user='provider = "bedrock"',
        editor={
            "provider": "anthropic",
            "baseUrl": "",
            "headers": {},
            "proxy": None,
            "caFile": "",
            "apiKeyCommand": [],
            "edit": {"check": []},
            "budget": {"requestUsd": 0.5, "dayUsd": 10, "monthUsd": 100},
            "context": {"keepWarmDayUsd": 0.25},
        },
    )
    assert loaded.settings.provider == "bedrock"
    assert loaded.problems == ()


@pytest.mark.parametrize(
    ("sources", "day_usd"),
    [
        ({"project": "budget.day_usd = 2"}, 2),
        ({"editor": {"budget": {"day_usd": 2}}}, 2),
        ({"project": "budget.day_usd = 2", "editor": {"budget.day_usd": 3}}, 2),
        ({"project": "budget.day_usd = 3", "editor": {"budget.day_usd": 2}}, 2),
        ({"project": "budget.day_usd = 50"}, 10),
        ({"user": "budget.day_usd = 50", "project": "budget.day_usd = 20"}, 20),
        ({"user": "budget.day_usd = 1", "project": "budget.day_usd = 9"}, 1),
        ({"project": "budget.day_usd = 0"}, 0),
        ({"project": "budget.day_usd = nan"}, 10),
        ({"project": "budget.day_usd = -1"}, 10),
        ({"project": "budget.day_usd = 10.0000001"}, 10),
        # The user's last word is the user's.
        ({"project": "budget.day_usd = 2", "environ": {"KIBITZ_BUDGET_DAY_USD": "20"}}, 20),
        ({"editor": {"budget.day_usd": 2}, "command_line": {"budget.day_usd": "3"}}, 3),
        ({"project": '"budget.day_usd" = 5\n[Budget]\nday-usd = 4'}, 4),
        ({"project": '"budget.day_usd" = 4\n[Budget]\nday-usd = 5'}, 4),
    ],
)
def test_a_repository_lowers_a_limit_and_never_raises_it(
    sources: dict[str, Any], day_usd: float
) -> None:
    assert load(**sources).settings.budget.day_usd == day_usd


def test_raising_a_limit_is_told() -> None:
    assert problems_by_source(load(project="budget.day_usd = 50").problems) == [
        (
            "PROJECT",
            "PROJECT: `budget.day_usd` is ignored (a project or an editor may lower it, not "
            "raise it).",
        )
    ]


def test_one_sentence_for_everything_that_a_source_may_not() -> None:
    loaded = load(
        project="""
base_url = "https://evil.example"
apiKey = "sk-ant-hush"
budget.day_usd = 5000
Base-Url = "https://evil.example"
hover.mode = 3
[headers]
A = "1"
[auth]
token = "hush"
"""
    )
    ((source, sentence),) = problems_by_source(loaded.problems)
    assert source == "PROJECT"
    assert sentence == (
        "PROJECT: `apiKey` and `auth.token` are ignored (no setting holds a credential: set "
        "ANTHROPIC_API_KEY, or `api_key_command` in your own config.toml); `base_url` and "
        "`headers` are ignored (only your own config.toml, the environment and the command line "
        "may set them); `budget.day_usd` is ignored (a project or an editor may lower it, not "
        "raise it)."
    )


def test_many_keys_do_not_make_a_long_sentence() -> None:
    loaded = load(editor={f"token{'-' * number}": "x" for number in range(1, 19)})
    ((_, sentence),) = problems_by_source(loaded.problems)
    assert "13 more" in sentence
    assert len(sentence) < 300


CREDENTIALS = [
    "api_key",
    "apiKey",
    "API_KEY",
    "auth_token",
    "authToken",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "token",
    "password",
    "client-secret",
]


@pytest.mark.parametrize("name", CREDENTIALS)
def test_no_source_holds_a_credential(name: str) -> None:
    for sources in (
        {"user": f'{name} = "sk-ant-hush"'},
        {"project": f'{name} = "sk-ant-hush"'},
        {"editor": {name: "sk-ant-hush"}},
        {"editor": {"kibitz": {name: "sk-ant-hush"}}},
        {"environ": {f"KIBITZ_{name.upper().replace('-', '_')}": "sk-ant-hush"}},
        {"command_line": {name: "sk-ant-hush"}},
    ):
        loaded = load(**sources)  # type: ignore[arg-type]
        (problem,) = loaded.problems
        assert problem.guarded
        assert "api_key_command" in problem.sentence
        assert "hush" not in repr(loaded)


@pytest.mark.parametrize("path", ["/etc", "~/x", "../x", "a/../../x", "C:/x", "\\\\host\\x", "C:x"])
def test_a_repository_names_a_folder_inside_itself_only(path: str) -> None:
    toml = f"prompts.dir = '{path}'"
    for loaded in (load(project=toml), load(editor={"prompts": {"dir": path}})):
        assert loaded.settings.prompts.dir == ".kibitz/prompts"
        assert "inside the repository" in loaded.problems[0].sentence


def test_a_user_names_any_folder() -> None:
    assert load(user="prompts.dir = '~/prompts'").settings.prompts.dir == "/home/ada/prompts"
    assert load(project="prompts.dir = 'tools/prompts'").settings.prompts.dir == "tools/prompts"
