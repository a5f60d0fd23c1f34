"""Claude on Bedrock, Google Cloud and Foundry: real sockets, adapters in front of the stand-in."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kibitz import errors
from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.connection import Connection
from kibitz.claude.models.platforms import TRAITS, Platform
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Event,
    Finished,
    Message,
    Prompt,
    Purpose,
    Started,
    TextDelta,
)
from kibitz.standin import Fault, Reply, StandIn
from support import clouds
from support.clouds import CloudServer, Refusal
from support.standin_fixture import standin

__all__ = ["standin"]

PURPOSE = Purpose("explain", "repository")
PROMPT = Prompt(
    tier="standard",
    model="claude-sonnet-5-5",
    system=(Block("Rules. " * 600, "1h"),),
    messages=(Message("user", (Block("Why?"),)),),
    max_tokens=9_000,
)
KINDS: dict[Platform, type[CloudServer]] = {
    "bedrock": clouds.Bedrock,
    "mantle": clouds.Mantle,
    "vertex": clouds.Vertex,
    "foundry": clouds.Foundry,
}
MESSAGES_PATH = {
    "bedrock": "/model/global.anthropic.claude-sonnet-5-5/invoke-with-response-stream",
    "mantle": "/anthropic/v1/messages",
    "vertex": f"/v1/projects/{clouds.GOOGLE_PROJECT}/locations/global/publishers/anthropic/models/"
    "claude-sonnet-5-5:streamRawPredict",
    "foundry": "/anthropic/v1/messages",
}


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without credentials anywhere, on a machine that is in no cloud."""
    for name in (
        *("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_BEARER_TOKEN_BEDROCK"),
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_FOUNDRY_API_KEY"),
        *("ANTHROPIC_AWS_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "CLOUD_ML_REGION"),
        *("ANTHROPIC_VERTEX_PROJECT_ID", "ANTHROPIC_FOUNDRY_RESOURCE", "GOOGLE_CLOUD_PROJECT"),
        *("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ANTHROPIC_BASE_URL"),
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "HOME": str(tmp_path),
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "AWS_CONFIG_FILE": str(tmp_path / "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "aws-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_GCE_CHECK": "true",
    }.items():
        monkeypatch.setenv(name, value)


def sign_in(
    platform: Platform, server: CloudServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Connection:
    """Credentials as the platform's own tools leave them, and the settings of a user."""
    match platform:
        case "bedrock" | "mantle":
            (folder / "aws-credentials").write_text(
                f"[work]\naws_access_key_id = {clouds.AWS_KEY}\n"
                f"aws_secret_access_key = {clouds.AWS_SECRET}\n"
            )
            (folder / "aws-config").write_text(f"[profile work]\nregion = {clouds.AWS_REGION}\n")
            url = server.url + ("/anthropic" if platform == "mantle" else "")
            return Connection(platform=platform, base_url=url, profile="work", max_retries=0)
        case "vertex":
            account = service_account(f"{server.url}/token")
            (folder / "account.json").write_text(json.dumps(account))
            monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(folder / "account.json"))
            return Connection(
                platform=platform, base_url=f"{server.url}/v1", region="global", max_retries=0
            )
        case "foundry":
            monkeypatch.setenv("ANTHROPIC_FOUNDRY_API_KEY", clouds.AZURE_KEY)
            url = f"{server.url}/anthropic/"
            return Connection(platform=platform, base_url=url, max_retries=0)
    raise ValueError(platform)


def service_account(token_uri: str) -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "type": "service_account",
        "project_id": clouds.GOOGLE_PROJECT,
        "private_key_id": "1",
        "private_key": pem,
        "client_email": "kibitz@team-project.example",
        "token_uri": token_uri,
    }


@contextlib.asynccontextmanager
async def claude_on(
    platform: Platform,
    standin: StandIn,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    **changes: Any,
) -> AsyncIterator[tuple[AnthropicClaude, CloudServer]]:
    async with clouds.cloud(KINDS[platform], standin) as server:
        connection = sign_in(platform, server, folder, monkeypatch)
        claude = AnthropicClaude(replace(connection, **changes))
        try:
            yield claude, server
        finally:
            await claude.aclose()


async def read_all(claude: AnthropicClaude, prompt: Prompt = PROMPT) -> list[Event]:
    return [event async for event in claude.stream(prompt, PURPOSE)]


every_platform = pytest.mark.parametrize("platform", KINDS)


@every_platform
@pytest.mark.parametrize("seed", range(3))
async def test_a_whole_reply(
    platform: Platform,
    seed: int,
    standin: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = "Because of the ☕, and for no other reason.\n" * 3
    standin.enqueue(Reply(said), Reply("Again."))
    async with claude_on(platform, standin, tmp_path, monkeypatch) as (claude, server):
        server.chunks = random.Random(seed)
        first = await read_all(claude)
        second = await read_all(claude)

    assert "".join(event.text for event in first if isinstance(event, TextDelta)) == said
    start, end = first[0], first[-1]
    assert isinstance(start, Started)
    assert start.usage.cache_write_1h_tokens > 500
    assert isinstance(end, Finished)
    assert (end.stop_reason, end.model) == ("end_turn", "claude-sonnet-5-5")
    assert isinstance(second[0], Started)
    assert second[0].usage.cache_read_tokens == start.usage.cache_write_1h_tokens
    for request in server.requests:
        assert request.path == MESSAGES_PATH[platform]
        assert "diagnostics" not in request.body, "it is only known to be taken by Anthropic"
        assert request.body["thinking"] == {"type": "adaptive"}
    assert server.tokens_asked_for == (1 if platform == "vertex" else 0)


@every_platform
async def test_a_prefix_is_written_ahead(
    platform: Platform, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with claude_on(platform, standin, tmp_path, monkeypatch) as (claude, _):
        usage = await claude.warm(PROMPT, Purpose("pre_warm", "repository"))

    assert usage.cache_write_1h_tokens > 500
    assert usage.output_tokens == 0


@every_platform
async def test_tokens_are_counted_where_they_can_be(
    platform: Platform, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with claude_on(platform, standin, tmp_path, monkeypatch) as (claude, server):
        counted = await claude.count_tokens(PROMPT)

    if platform == "bedrock":
        assert counted is None
        assert server.requests == []
    else:
        assert counted is not None
        assert counted > 500


@every_platform
async def test_there_is_no_list_of_models_but_word_of_the_credentials(
    platform: Platform, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with claude_on(platform, standin, tmp_path, monkeypatch) as (claude, server):
        with pytest.raises(ClaudeFailure) as raised:
            await claude.models()

    credentials = raised.value.facts["credentials"]
    assert raised.value.facts["cause"] == "no_list"
    assert (
        credentials
        == {
            "bedrock": "AWS (profile work, shared-credentials-file)",
            "mantle": "AWS (profile work, shared-credentials-file)",
            "vertex": "Google's application default credentials (kibitz@team-project.example)",
            "foundry": "ANTHROPIC_FOUNDRY_API_KEY",
        }[platform]
    )
    for secret in (clouds.AWS_SECRET, clouds.AZURE_KEY, clouds.GOOGLE_TOKEN):
        assert secret not in repr(raised.value.facts)
    assert server.requests == []


@every_platform
async def test_an_error_in_the_stream_is_told(
    platform: Platform, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault.error_event(at=4)
    standin.enqueue(Reply("Never whole.").failing(fault))
    async with claude_on(platform, standin, tmp_path, monkeypatch) as (claude, _):
        with pytest.raises(ClaudeFailure) as raised:
            await read_all(claude)

    expected = "rate_limit" if platform == "bedrock" else "overloaded"
    assert raised.value.kind == expected


@every_platform
async def test_a_refusal_names_the_platform(
    platform: Platform, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with claude_on(platform, standin, tmp_path, monkeypatch) as (claude, server):
        server.refusals = [Refusal(403, {"message": "You don't have access to the model"})]
        with pytest.raises(ClaudeFailure) as raised:
            await read_all(claude)

    assert raised.value.kind == "no_permission"
    sentence = errors.sentence_for(raised.value)
    name = TRAITS[platform].name
    assert sentence.startswith(f'{name} does not let you use "claude-sonnet-5-5" (“You don')
    assert "API key" not in sentence


@every_platform
@pytest.mark.parametrize(
    "message",
    [
        "The security token included in the request is expired",
        "The request signature we calculated does not match the signature you provided.",
        "Bearer token has expired, request a new one",
    ],
)
async def test_credentials_that_have_run_out_are_told_as_such(
    platform: Platform,
    message: str,
    standin: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with claude_on(platform, standin, tmp_path, monkeypatch) as (claude, server):
        server.refusals = [Refusal(403, {"message": message})]
        with pytest.raises(ClaudeFailure) as raised:
            await read_all(claude)

    assert raised.value.kind == "wrong_credentials"
    assert TRAITS[platform].mend in errors.sentence_for(raised.value)


@every_platform
async def test_without_the_extra_its_install_command_is_told(
    platform: Platform, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    missing = TRAITS[platform].modules

    def found(name: str, package: str | None = None) -> Any:
        return None if name in missing else find_spec(name, package)

    async with claude_on(platform, standin, tmp_path, monkeypatch) as (claude, _):
        monkeypatch.delenv("ANTHROPIC_FOUNDRY_API_KEY", raising=False)
        monkeypatch.setattr(importlib.util, "find_spec", found)
        with pytest.raises(ClaudeFailure) as raised:
            await read_all(claude)

    extra = TRAITS[platform].extra
    assert f"`pip install 'kibitz[{extra}]'`" in errors.sentence_for(raised.value)
    assert errors.exit_code_for(raised.value) == 2


@pytest.mark.parametrize(
    ("platform", "changes", "missing"),
    [
        ("bedrock", {"region": None, "profile": None}, "bedrock.region"),
        ("vertex", {"region": None}, "vertex.region"),
        ("foundry", {"base_url": None}, "foundry.resource"),
        ("foundry", {"base_url": None, "resource": "evil.example/x"}, "foundry.resource"),
    ],
)
async def test_a_missing_setting_is_named(
    platform: Platform,
    changes: dict[str, Any],
    missing: str,
    standin: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with claude_on(platform, standin, tmp_path, monkeypatch, **changes) as (claude, _):
        with pytest.raises(ClaudeFailure) as raised:
            await read_all(claude)

    assert f"needs `{missing}` in config.toml, or " in errors.sentence_for(raised.value)


async def test_no_credentials_of_aws(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = {"profile": None, "region": "eu-central-1"}
    async with claude_on("bedrock", standin, tmp_path, monkeypatch, **nothing) as (claude, _):
        with pytest.raises(ClaudeFailure) as raised:
            await read_all(claude)

    assert raised.value.kind == "no_credentials"
    sentence = errors.sentence_for(raised.value)
    assert sentence.startswith("No credentials for Amazon Bedrock can be had; sign in with")


async def test_a_profile_that_is_not_there(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = {"profile": "home"}
    async with claude_on("bedrock", standin, tmp_path, monkeypatch, **absent) as (claude, _):
        with pytest.raises(ClaudeFailure) as raised:
            await read_all(claude)

    assert "(“The config profile (home) could not be found”)" in errors.sentence_for(raised.value)


async def test_no_credentials_of_googles(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with claude_on("vertex", standin, tmp_path, monkeypatch) as (claude, _):
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
        with pytest.raises(ClaudeFailure) as raised:
            await read_all(claude)

    assert "`gcloud auth application-default login`" in errors.sentence_for(raised.value)


async def test_a_token_that_google_refuses(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with claude_on("vertex", standin, tmp_path, monkeypatch) as (claude, server):
        account = tmp_path / "account.json"
        account.write_text(account.read_text().replace("/token", "/nowhere"))
        server.refusals = [Refusal(400, {"error": "invalid_grant"})]
        with pytest.raises(ClaudeFailure) as raised:
            await read_all(claude)

    assert raised.value.kind == "no_credentials"
    assert "invalid_grant" in errors.sentence_for(raised.value)


async def test_a_bearer_key_of_bedrocks_comes_first(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "aws-key")
    key = {"region": clouds.AWS_REGION}
    async with claude_on("bedrock", standin, tmp_path, monkeypatch, **key) as (claude, server):
        assert isinstance((await read_all(claude))[-1], Finished)

    assert server.requests[0].headers["authorization"] == "Bearer aws-key"


async def test_a_command_may_give_the_key(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = {"api_key_command": f"printf {clouds.AZURE_KEY}"}
    async with claude_on("foundry", standin, tmp_path, monkeypatch, **command) as (claude, server):
        monkeypatch.setenv("ANTHROPIC_FOUNDRY_API_KEY", "another")
        assert isinstance((await read_all(claude))[-1], Finished)

    assert server.requests[0].headers["api-key"] == clouds.AZURE_KEY


async def test_a_token_of_entras(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with claude_on("foundry", standin, tmp_path, monkeypatch) as (claude, server):
        monkeypatch.delenv("ANTHROPIC_FOUNDRY_API_KEY")
        # A key of Anthropic's must not travel to somebody else.
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-not-theirs")
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "machine")
        for _ in range(2):
            assert isinstance((await read_all(claude))[-1], Finished)

    assert server.tokens_asked_for == 1
    for request in server.requests:
        assert request.headers["authorization"] == f"Bearer {clouds.AZURE_TOKEN}"
        assert "sk-ant-not-theirs" not in repr(request)


@pytest.mark.parametrize(
    ("platform", "model", "path"),
    [
        ("bedrock", "us.anthropic.claude-sonnet-5-5", "/model/us.anthropic.claude-sonnet-5-5/"),
        (
            "bedrock",
            "claude-haiku-4-5",
            "/model/global.anthropic.claude-haiku-4-5-20251001-v1:0/",
        ),
        ("vertex", "claude-haiku-4-5", "/claude-haiku-4-5%4020251001:"),
    ],
)
async def test_models_have_the_platforms_names(
    platform: Platform,
    model: str,
    path: str,
    standin: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with claude_on(platform, standin, tmp_path, monkeypatch) as (claude, server):
        prompt = replace(PROMPT, model=model)
        events = await read_all(claude, prompt)

    assert path in server.requests[-1].path.replace("@", "%40")
    assert isinstance(events[-1], Finished)
