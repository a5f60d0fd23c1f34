"""The command line with the providers of a user's settings: from the file to the bill."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Reply, StandIn
from support import clouds
from support.compatible_servers import PROFILES, CompatibleServer
from support.raw_client import KIBITZ_SERVE, clean_environment
from support.standin_fixture import standin
from support.workshop import EXAMPLE, make_repository

__all__ = ["standin"]


class User:
    """Somebody with settings, a repository, and what AWS's own tools have left."""

    def __init__(self, folder: Path, settings: str) -> None:
        self.root = make_repository(folder / "repository", {"prices.py": EXAMPLE})
        home = folder / "home"
        file = home / "config" / "kibitz" / "config.toml"
        file.parent.mkdir(parents=True)
        file.write_text(settings)
        (home / "aws").write_text(
            f"[work]\naws_access_key_id = {clouds.AWS_KEY}\n"
            f"aws_secret_access_key = {clouds.AWS_SECRET}\n"
        )
        self.environment = {
            **clean_environment(home),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "aws"),
            "AWS_CONFIG_FILE": str(home / "none"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        # A key of Anthropic's is nobody else's business.
        self.environment["ANTHROPIC_API_KEY"] = "sk-ant-of-the-user"
        self.environment.pop("ANTHROPIC_BASE_URL", None)

    async def run(self, *arguments: str) -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            KIBITZ_SERVE[0],
            *arguments,
            cwd=self.root,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    async def usage(self) -> dict[str, Any]:
        _, out, _ = await self.run("usage", "--json", "--by", "model")
        (row,) = json.loads(out)["rows"]
        return dict(row)


BEDROCK = """\
provider = "bedrock"
base_url = "{url}"
bedrock.region = "eu-central-1"
bedrock.profile = "work"
"""


@pytest.mark.real  # slow
async def test_bedrock(standin: StandIn, tmp_path: Path) -> None:
    standin.enqueue(Reply("It adds up prices."))
    async with clouds.cloud(clouds.Bedrock, standin) as server:
        user = User(tmp_path, BEDROCK.format(url=server.url))
        code, out, err = await user.run("explain", "prices.py:6-10")
        told = await user.run("doctor")
        usage = await user.usage()

    assert (code, out.strip()) == (0, "It adds up prices."), err
    assert server.requests[0].path.startswith("/model/global.anthropic.claude-sonnet-5-5/")
    assert "sk-ant-of-the-user" not in repr(server.requests)
    assert usage["key"] == "claude-sonnet-5-5"
    assert usage["cost_usd"] > 0
    doctor = " ".join(told[1].split())
    assert told[0] == 0
    assert "ok credentials from AWS (profile work, shared-credentials-file); checked when" in doctor
    assert f"note endpoint Amazon Bedrock at {server.url}; it lists no models" in doctor
    assert clouds.AWS_SECRET not in doctor


@pytest.mark.real  # slow
async def test_a_region_of_bedrocks_has_no_known_price(standin: StandIn, tmp_path: Path) -> None:
    standin.enqueue(Reply("It adds up prices."))
    async with clouds.cloud(clouds.Bedrock, standin) as server:
        settings = BEDROCK + 'models.standard = "us.anthropic.claude-sonnet-5-5"\n'
        user = User(tmp_path, settings.format(url=server.url))
        code, _, err = await user.run("explain", "prices.py:6-10")
        told = await user.run("doctor")

    assert code == 0, err
    assert "the price of us.anthropic.claude-sonnet-5-5 is not known" in err
    line = next(each for each in told[1].splitlines() if "models.standard" in each)
    assert "price unknown" in line
    assert "without a price no budget can limit it" in line


async def test_an_edit_by_a_server_that_does_not_say_where_it_stopped(
    standin: StandIn, tmp_path: Path
) -> None:
    profile = next(each for each in PROFILES if each.name == "vLLM")
    new = "def total(prices):\n    return sum(prices)\n"
    standin.enqueue(Reply(f"<replacement>\n{new}</replacement>"))
    async with clouds.cloud(lambda it: CompatibleServer(it, profile=profile), standin) as server:
        settings = f'provider = "compatible"\nbase_url = "{server.url}"\n'
        settings += 'models.standard = "small-coder"\n'
        user = User(tmp_path, settings)
        code, out, err = await user.run("refactor", "prices.py:6-10", "Use sum()")

    assert code == 0, err
    assert "+    return sum(prices)" in out
    assert "sk-ant-of-the-user" in repr(server.requests), "there it is a user's own choice"


@pytest.mark.real  # slow
async def test_a_small_window_is_known_before_the_first_request(
    standin: StandIn, tmp_path: Path
) -> None:
    standin.enqueue(Reply("It adds up prices."))
    profile = next(each for each in PROFILES if each.name == "llama.cpp")
    async with clouds.cloud(lambda it: CompatibleServer(it, profile=profile), standin) as server:
        settings = f'provider = "compatible"\nbase_url = "{server.url}"\n'
        user = User(tmp_path, settings + 'models.standard = "any-name"\n')
        long = "".join(f"def value_{number}():\n    return {number}\n" for number in range(4_000))
        (user.root / "long.py").write_text(long)
        code, out, err = await user.run("explain", "prices.py:6-10")
        told = await user.run("doctor")

    assert (code, out.strip()) == (0, "It adds up prices."), err
    listing, *messages = server.requests
    assert listing.path == "/v1/models"
    assert len(json.dumps(messages[0].body)) < 8_192 * 4
    assert [tool["name"] for tool in messages[0].body["tools"]] == ["report_findings"]
    line = next(each for each in told[1].splitlines() if "models.standard" in each)
    assert "any-name reads 8,192 tokens" in " ".join(line.split())
