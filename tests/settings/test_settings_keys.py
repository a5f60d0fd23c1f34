"""The table of keys, what is made from it, and that the tree has exactly these keys."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz import settings, settings_keys
from kibitz.settings_keys import KEYS, Key, toml_value
from kibitz.settings_spelling import find, is_credential, is_ours, is_section, nearest

ROOT = Path(__file__).parents[2]
GUARDED = {
    "provider",
    "base_url",
    "headers",
    "proxy",
    "ca_file",
    "api_key_command",
    "bedrock.region",
    "bedrock.profile",
    "vertex.region",
    "vertex.project",
    "foundry.resource",
    "local.model",
    "local.context_tokens",
    "local.threads",
    "fallback",
    "context.keep_warm_day_usd",
    "budget.request_usd",
    "budget.day_usd",
    "budget.month_usd",
    "edit.check",
}


def test_the_documentation_is_made_from_the_table() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "kibitz.settings_docs"], capture_output=True, check=True
    )
    written = (ROOT / "docs" / "settings.md").read_bytes()
    assert printed.stdout == written, "run: python -m kibitz.settings_docs > docs/settings.md"


def test_the_documentation_keeps_its_rows_whole() -> None:
    for key in KEYS:
        assert "\n" not in key.meaning and "|" not in key.meaning
        assert key.meaning.endswith(".")


def test_the_guarded_keys_are_those_of_the_promise() -> None:
    assert {key.name for key in KEYS if key.guarded} == GUARDED
    lowered = {key.name for key in KEYS if key.lowered_only}
    assert lowered == {name for name in GUARDED if name.startswith("budget.")}


def leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for item in dataclasses.fields(tree):
        value, name = getattr(tree, item.name), prefix + item.name
        if dataclasses.is_dataclass(value):
            yield from leaves(value, name + ".")
        elif name == "route":
            yield from ((f"route.{action}", tier) for action, tier in value.items())
        elif name != "completion.trigger_by_language":
            yield name, value


def test_the_tree_has_the_keys_of_the_table_with_their_defaults() -> None:
    assert dict(leaves(settings.DEFAULTS)) == {key.name: key.default for key in KEYS}


def test_the_tree_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.DEFAULTS.audit = "off"  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.DEFAULTS.route["explain"] = "deep"  # type: ignore[index]
    with pytest.raises(TypeError):
        settings.DEFAULTS.headers["a"] = "b"  # type: ignore[index]


def test_a_models_name_is_had_by_its_tier() -> None:
    assert [settings.DEFAULTS.models.of(tier) for tier in ("fast", "standard", "deep")] == [
        "claude-haiku-5-5",
        "claude-sonnet-5-5",
        "claude-opus-5-5",
    ]


@pytest.mark.parametrize(
    ("spelling", "name", "entry"),
    [
        ("base_url", "base_url", ""),
        ("baseUrl", "base_url", ""),
        ("baseURL", "base_url", ""),
        ("BASE_URL", "base_url", ""),
        ("Base-Url", "base_url", ""),
        ("base url", "base_url", ""),
        ("base.url", "base_url", ""),
        ("kibitz.base_url", "base_url", ""),
        ("KIBITZ_BASE_URL", "base_url", ""),
        ("kibitzBaseUrl", "base_url", ""),
        ("kibitz.kibitz.base_url", "base_url", ""),
        ("kibitz/base_url", "base_url", ""),
        ("_base_url_", "base_url", ""),
        ("budget.dayUSD", "budget.day_usd", ""),
        ("KIBITZ_BUDGET_DAY_USD", "budget.day_usd", ""),
        ("contextKeepWarmDayUsd", "context.keep_warm_day_usd", ""),
        ("headers.X-Team", "headers", "X-Team"),
        ("Headers.x.y", "headers", "x.y"),
        ("completion.trigger", "completion.trigger", ""),
        ("completion.trigger.python", "completion.trigger", "python"),
        ("KIBITZ_COMPLETION_TRIGGER_PYTHON", "completion.trigger", "PYTHON"),
        ("completion.trigger.c++", "completion.trigger", "c++"),
    ],
)
def test_a_key_is_found_under_every_spelling(spelling: str, name: str, entry: str) -> None:
    found = find(spelling)
    assert found is not None
    assert (found.key.name, found.entry) == (name, entry)


@pytest.mark.parametrize(
    "spelling",
    [
        "",
        ".",
        "kibitz",
        "base",
        "url",
        "base_url.x",
        "hover",
        "hoover.mode",
        "baѕe_url",  # a Cyrillic letter
        "base_url\u200b",
        "ｂase_url",
        "edit.chec\N{KELVIN SIGN}",
        "models",
        "headersX",
        "a." * 1_000_000,
    ],
)
def test_what_is_no_key_is_not_found(spelling: str) -> None:
    assert find(spelling) is None


@given(st.sampled_from(KEYS), st.data())
def test_any_case_and_any_separators_mean_the_key(key: Key, data: st.DataObject) -> None:
    letters = [
        data.draw(st.sampled_from([character.lower(), character.upper()]))
        if character.isalpha()
        else data.draw(st.sampled_from([".", "_", "-", " ", "", "._"]))
        for character in key.name
    ]
    prefix = data.draw(st.sampled_from(["", "kibitz.", "KIBITZ_", "Kibitz", "kibitz.Kibitz."]))
    found = find(prefix + "".join(letters))
    assert found is not None and found.key is key


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("hover.mdoe", "hover.mode"),
        ("max_tokens", "context.max_tokens"),
        ("maxTokens", "context.max_tokens"),
        ("ttl", "context.ttl"),
        ("modles.fast", "models.fast"),
        ("budget.dayusd_", "budget.day_usd"),
        ("log", "log.level"),
        ("route.explian", "route.explain"),
        ("anthropic_base_url", "base_url"),
        ("qqqq", None),
        ("", None),
        ("x" * 1_000_000, None),
    ],
)
def test_the_nearest_key(spelling: str, name: str | None) -> None:
    key = nearest(spelling)
    assert (key.name if key else None) == name


@pytest.mark.parametrize(
    "spelling",
    [
        "api_key",
        "apiKey",
        "API-KEY",
        "kibitz.apiKey",
        "auth_token",
        "ANTHROPIC_API_KEY",
        "anthropic.apiKey",
        "env.ANTHROPIC_AUTH_TOKEN",
        "token",
        "auth.token",
        "password",
        "proxyPassword",
        "client_secret",
        "credentials.value",
        "KIBITZ_API_KEY",
        "authorization",
        "x-api-key",
    ],
)
def test_credentials_are_known_under_every_spelling(spelling: str) -> None:
    assert is_credential(spelling)


@pytest.mark.parametrize("spelling", [*(key.name for key in KEYS), "context.maxtoken", "tokens"])
def test_other_keys_are_no_credentials(spelling: str) -> None:
    assert not is_credential(spelling)


def test_our_section_is_known() -> None:
    assert is_section("kibitz") and is_section("Kibitz") and is_section("KIBITZ.kibitz")
    assert not is_section("kibitzer-tools") and not is_section("") and not is_section("python")
    assert is_ours("kibitz.base_url") and not is_ours("base_url") and not is_ours("kіbitz")


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_the_example_of_a_key_is_taken(key: Key, tmp_path: Path) -> None:
    file = tmp_path / "kibitz" / "config.toml"
    file.parent.mkdir()
    example = settings_keys.example(key)
    if example is None or example == {}:
        pytest.fail(f"{key.name} has no example")
    file.write_text(f"{key.name} = {toml_value(example)}\n")
    loaded = settings.load(None, None, {}, {"XDG_CONFIG_HOME": str(tmp_path), "HOME": "/home/ada"})
    assert not loaded.problems
    assert loaded.origins == {key.name: str(file)}
