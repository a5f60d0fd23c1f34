"""What platforms call models, whose prices are known there, and which endpoint settings name."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz import endpoint, models_file
from kibitz.claude.models.platforms import Platform, body_for, wire_model
from kibitz.claude.values import Usage
from kibitz.errors import UserError
from kibitz.settings import Settings, load

USAGE = Usage(input_tokens=1_000_000)


def settings(**values: object) -> Settings:
    loaded = load(None, None, values, {})
    assert loaded.problems == ()
    return loaded.settings


@pytest.mark.parametrize(
    ("platform", "model", "name"),
    [
        ("anthropic", "claude-sonnet-5-5", "claude-sonnet-5-5"),
        ("compatible", "claude-sonnet-5-5", "claude-sonnet-5-5"),
        ("foundry", "claude-sonnet-5-5", "claude-sonnet-5-5"),
        ("foundry", "my-deployment", "my-deployment"),
        ("bedrock", "claude-haiku-5-5", "global.anthropic.claude-haiku-5-5"),
        ("bedrock", "claude-haiku-4-5", "global.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("bedrock", "claude-haiku-4-5-20251001", "global.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("bedrock", "eu.anthropic.claude-opus-5-5", "eu.anthropic.claude-opus-5-5"),
        (
            "bedrock",
            "arn:aws:bedrock:eu-central-1:1:application-inference-profile/a1",
            "arn:aws:bedrock:eu-central-1:1:application-inference-profile/a1",
        ),
        ("mantle", "claude-opus-5-5", "anthropic.claude-opus-5-5"),
        ("mantle", "claude-haiku-4-5-20251001", "anthropic.claude-haiku-4-5"),
        ("vertex", "claude-opus-5-5", "claude-opus-5-5"),
        ("vertex", "claude-haiku-4-5", "claude-haiku-4-5@20251001"),
        ("vertex", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5@20250929"),
    ],
)
def test_names_of_models(platform: Platform, model: str, name: str) -> None:
    assert wire_model(platform, model) == name
    assert wire_model(platform, name) == name


def test_models_with_an_old_version_are_asked_in_the_old_version() -> None:
    old = {"anthropic_version": "bedrock-2023-05-31"}
    assert body_for("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0") == old
    assert body_for("bedrock", "global.anthropic.claude-haiku-5-5") == {}
    assert body_for("vertex", "claude-haiku-4-5@20251001") == {}


@pytest.mark.parametrize(
    ("chosen", "environ", "model", "usd"),
    [
        ({"provider": "anthropic"}, {}, "claude-sonnet-5-5", 2.0),
        ({"provider": "bedrock"}, {}, "claude-sonnet-5-5", 2.0),
        ({"provider": "bedrock"}, {}, "global.anthropic.claude-sonnet-5-5", 2.0),
        # A region charges more, and nobody here knows how much.
        ({"provider": "bedrock"}, {}, "us.anthropic.claude-sonnet-5-5", None),
        ({"provider": "bedrock"}, {}, "eu.anthropic.claude-sonnet-9", None),
        (
            {"provider": "bedrock", "base_url": "https://bedrock-mantle.eu-central-1.api.aws/a"},
            {},
            "claude-sonnet-5-5",
            None,
        ),
        ({"provider": "vertex", "vertex.region": "global"}, {}, "claude-sonnet-5-5", 2.0),
        ({"provider": "vertex"}, {"CLOUD_ML_REGION": "global"}, "claude-sonnet-5-5", 2.0),
        ({"provider": "vertex", "vertex.region": "europe-west1"}, {}, "claude-sonnet-5-5", None),
        ({"provider": "foundry"}, {}, "claude-sonnet-5-5", None),
        ({"provider": "compatible"}, {}, "claude-sonnet-5-5", None),
    ],
)
def test_prices_hold_where_they_are_known_to_be_the_same(
    chosen: dict[str, object], environ: dict[str, str], model: str, usd: float | None
) -> None:
    user = settings(**chosen)
    known = models_file.load(
        user.provider, environ, priced_ids=endpoint.priced_ids(user, environ)
    ).catalogue

    cost_usd = known.cost_usd(model, USAGE)
    assert cost_usd == (pytest.approx(usd) if usd is not None else None)
    # What a model takes is known all the same.
    assert known.context_tokens("claude-sonnet-5-5") == 1_000_000


def test_the_user_may_say_what_a_region_charges(tmp_path: Path) -> None:
    folder = tmp_path / "kibitz"
    folder.mkdir()
    (folder / "models.toml").write_text(
        '[[model]]\nid = "us.anthropic.claude-sonnet-5-5"\nprice = [{ input = 2.2, output = 11.0, '
        "write_5m = 2.75, write_1h = 4.4, read = 0.11 }]\n"
        '[[model]]\nid = "eu.anthropic.claude-sonnet-5-5"\nmax_output = 1000\n'
    )
    user = settings(provider="bedrock")
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    loaded = models_file.load("bedrock", environ, priced_ids=endpoint.priced_ids(user, environ))

    assert loaded.problems == ()
    known = loaded.catalogue
    assert known.cost_usd("us.anthropic.claude-sonnet-5-5", USAGE) == pytest.approx(2.2)
    assert known.cost_usd("eu.anthropic.claude-sonnet-5-5", USAGE) is None
    assert known.cost_usd("claude-sonnet-5-5", USAGE) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("chosen", "environ", "platform"),
    [
        ({}, {}, "anthropic"),
        ({"provider": "bedrock"}, {}, "bedrock"),
        (
            {"provider": "bedrock"},
            {"ANTHROPIC_BEDROCK_MANTLE_BASE_URL": "https://bedrock-mantle.x.api.aws/anthropic"},
            "mantle",
        ),
        (
            {"provider": "bedrock", "base_url": "https://vpce-1.bedrock-runtime.eu.amazonaws.com"},
            {"ANTHROPIC_BEDROCK_MANTLE_BASE_URL": "https://bedrock-mantle.x.api.aws/anthropic"},
            "bedrock",
        ),
        (
            {
                "provider": "bedrock",
                "base_url": "https://vpce-1.bedrock-mantle.eu.api.aws/anthropic",
            },
            {},
            "mantle",
        ),
        ({"provider": "vertex"}, {}, "vertex"),
        ({"provider": "local"}, {}, "compatible"),
    ],
)
def test_the_platform_of_settings(
    chosen: dict[str, object], environ: dict[str, str], platform: Platform
) -> None:
    assert endpoint.platform_of(settings(**chosen), environ) == platform


def test_settings_become_a_connection() -> None:
    chosen = {
        "provider": "bedrock",
        "bedrock.region": "eu-central-1",
        "bedrock.profile": "work",
        "vertex.region": "global",
        "proxy": "http://proxy.example:3128",
    }
    made = endpoint.connection(settings(**chosen), {})
    assert (made.platform, made.region, made.profile) == ("bedrock", "eu-central-1", "work")
    chosen["provider"] = "vertex"
    assert endpoint.connection(settings(**chosen), {}).region == "global"
    with pytest.raises(UserError, match="needs `base_url`"):
        endpoint.connection(settings(provider="compatible"), {})


def test_all_tiers_have_the_one_local_model_unless_the_user_says_otherwise() -> None:
    chosen = {"provider": "local", "local.model": "/models/My Coder.gguf"}
    models = settings(**chosen).models
    assert (models.fast, models.standard, models.deep) == ("My-Coder",) * 3
    assert settings(**chosen, **{"models.deep": "other"}).models.deep == "other"
    assert settings(**{"local.model": "/models/a.gguf"}).models.fast == "claude-haiku-5-5"
