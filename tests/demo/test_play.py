"""What surrounds the acts: environments, the offer of the live demo, the picture."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kibitz.claude.values import ClaudeFailure
from kibitz.demo import live
from kibitz.demo.play import scripted_environment
from kibitz.demo.sample import Sample, lay_out
from kibitz.errors import UserError
from kibitz.standin import Fault, StandIn
from support.workshop import use_private_folders


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sample:
    use_private_folders(monkeypatch, tmp_path / "home")
    return lay_out(tmp_path / "fairshare", os.environ)


def test_nothing_of_the_users_reaches_the_scripted_demo(tmp_path: Path) -> None:
    environ = {
        "PATH": "/bin",
        "LANG": "de_DE.UTF-8",
        "HOME": "/home/ana",
        "ANTHROPIC_API_KEY": "secret",
        "ANTHROPIC_CUSTOM_HEADERS": "x: secret",
        "KIBITZ_BASE_URL": "https://example.com",
        "XDG_CONFIG_HOME": "/home/ana/.config",
        "GIT_DIR": "/home/ana/src/.git",
        "https_proxy": "http://proxy",
        "HTTP_PROXY": "http://proxy",
    }
    made = scripted_environment(environ, tmp_path, "http://127.0.0.1:1")
    assert made.pop("PATH") == "/bin"
    assert made.pop("LANG") == "de_DE.UTF-8"
    assert made == {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
        "ANTHROPIC_API_KEY": "no-key-at-all",
        "NO_PROXY": "127.0.0.1",
    }


async def test_the_offer_is_an_upper_bound_of_three_requests(
    sample: Sample, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", standin.base_url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
    offer = await live.offer(sample, {}, os.environ)
    assert offer.models == ("claude-sonnet-5-5",)
    # Three times the sample, uncached, and three replies of the greatest length.
    assert offer.worst_usd is not None
    assert 0.05 < offer.worst_usd < 1.5
    assert standin.journal.messages == [], "nothing of the sample is sent"

    dearer = await live.offer(sample, {"models.standard": "claude-opus-5-5"}, os.environ)
    assert dearer.worst_usd is not None
    assert dearer.worst_usd > offer.worst_usd
    capped = await live.offer(sample, {"budget.request_usd": "0.01"}, os.environ)
    assert capped.worst_usd == pytest.approx(0.03)
    unknown = await live.offer(sample, {"models.standard": "my-model"}, os.environ)
    assert unknown.worst_usd is None


async def test_a_gateway_without_a_list_of_models_is_no_obstacle(
    sample: Sample, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.when(lambda request: True, Fault.status_code(404), path="/v1/models")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", standin.base_url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
    assert (await live.offer(sample, {}, os.environ)).worst_usd is not None


async def test_no_offer_without_credentials(sample: Sample) -> None:
    with pytest.raises(ClaudeFailure, match="no_credentials"):
        await live.offer(sample, {}, os.environ)


async def test_no_offer_when_the_settings_say_stand_in(sample: Sample) -> None:
    with pytest.raises(UserError, match="nobody could be asked"):
        await live.offer(sample, {"provider": "standin"}, os.environ)
