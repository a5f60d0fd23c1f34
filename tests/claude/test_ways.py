"""The way to Claude through a company's network: its own authority, its proxies, the system's
trust.  Real sockets, real TLS."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import pytest

from kibitz import errors
from kibitz.claude import faults
from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.anthropic_client.http_client import _trust
from kibitz.claude.connection import Connection
from kibitz.claude.models.catalogue import builtin
from kibitz.claude.values import Block, ClaudeFailure, Finished, Message, Prompt, Purpose
from support.ways import CLAUDE, Company, proxy_to, serving_https
from support.wire_server import WHOLE, serving

PROMPT = Prompt(
    tier="standard",
    model="claude-sonnet-5-5",
    system=(),
    messages=(Message("user", (Block("Why?"),)),),
    max_tokens=100,
)
FAR = f"https://{CLAUDE}"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


async def ask(url: str, **way: Any) -> str:
    """How a reply ended, or the sentence for what was in the way."""
    claude = AnthropicClaude(Connection(base_url=url, api_key="key", max_retries=0, **way))
    try:
        events = [event async for event in claude.stream(PROMPT, Purpose("explain"))]
    except ClaudeFailure as failure:
        return errors.sentence_for(failure)
    finally:
        await claude.aclose()
    assert isinstance(events[-1], Finished)
    return events[-1].stop_reason


async def test_an_authority_that_is_not_trusted_is_told_with_its_setting(company: Company) -> None:
    async with serving_https(company, [WHOLE]) as server:
        sentence = await ask(server.url)

    assert "is not trusted (“" in sentence
    assert "set `ca_file`" in sentence
    assert server.requests == []


async def test_the_companys_authority(company: Company) -> None:
    async with serving_https(company, [WHOLE]) as server:
        assert await ask(server.url, ca_file=str(company.file)) == "end_turn"


async def test_another_authority_is_none(company: Company, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Company(tmp_path / "other")
    async with serving_https(company, [WHOLE]) as server:
        assert "is not trusted" in await ask(server.url, ca_file=str(other.file))


async def test_the_name_counts_as_well(company: Company) -> None:
    async with serving_https(company, [WHOLE]) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        assert "is not trusted" in await ask(url, ca_file=str(company.file))


async def test_what_the_system_trusts_may_be_named_in_the_environment(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(company.file))
    async with serving_https(company, [WHOLE]) as server:
        assert await ask(server.url) == "end_turn"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is so without our help")
@pytest.mark.parametrize("system", ["Darwin", "Windows"])
def test_where_the_system_keeps_trust_it_is_asked(
    system: str, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by a handshake, for which there must be such a system: what is asked is the right one,
    and takes `ca_file` besides."""
    import truststore

    monkeypatch.setattr(platform, "system", lambda: system)
    connection = Connection(ca_file=str(company.file))
    trust = _trust(connection, faults.Asked("", "", builtin()))

    assert isinstance(trust, truststore.SSLContext)


async def test_a_proxy_finds_the_name_and_sees_nothing_else(company: Company) -> None:
    async with serving_https(company, [WHOLE]) as server, proxy_to(server) as proxy:
        way = {"ca_file": str(company.file), "proxy": f"http://127.0.0.1:{proxy.port}"}
        assert await ask(FAR, **way) == "end_turn"

    assert proxy.asked_for == [f"{CLAUDE}:443"]
    assert server.requests[0].headers["host"] == CLAUDE
    assert "proxy-authorization" not in server.requests[0].headers


async def test_a_proxy_with_a_password(company: Company) -> None:
    async with (
        serving_https(company, [WHOLE]) as server,
        proxy_to(server, password="ada:s3cret") as proxy,
    ):
        ca_file = str(company.file)
        right = f"http://ada:s3cret@127.0.0.1:{proxy.port}"
        wrong = f"http://ada:0ther@127.0.0.1:{proxy.port}"
        assert await ask(FAR, ca_file=ca_file, proxy=right) == "end_turn"
        sentence = await ask(FAR, ca_file=ca_file, proxy=wrong)

    assert "does not let us through" in sentence
    assert "`proxy`" in sentence
    assert "0ther" not in sentence
    assert "proxy-authorization" not in server.requests[0].headers


async def test_a_proxy_over_tls(company: Company) -> None:
    async with (
        serving_https(company, [WHOLE]) as server,
        proxy_to(server, company=company) as proxy,
    ):
        way = {"ca_file": str(company.file), "proxy": f"https://127.0.0.1:{proxy.port}"}
        assert await ask(FAR, **way) == "end_turn"

    assert proxy.asked_for == [f"{CLAUDE}:443"]


async def test_a_socks_proxy(company: Company) -> None:
    async with serving_https(company, [WHOLE]) as server, proxy_to(server, socks=True) as proxy:
        way = {"ca_file": str(company.file), "proxy": f"socks5h://127.0.0.1:{proxy.port}"}
        assert await ask(FAR, **way) == "end_turn"

    assert proxy.asked_for == [f"{CLAUDE}:443"]


async def test_a_socks_proxy_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    sentence = await ask(FAR, proxy="socks5://127.0.0.1:9")

    assert sentence.startswith("A SOCKS proxy needs more than is installed")
    assert "`pip install 'kibitz[socks]'`" in sentence


async def test_the_proxy_of_the_environment(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving_https(company, [WHOLE]) as server, proxy_to(server) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert await ask(FAR, ca_file=str(company.file)) == "end_turn"

    assert proxy.asked_for == [f"{CLAUDE}:443"]


async def test_no_proxy_leads_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with serving([WHOLE]) as server:
        assert await ask(server.url) == "end_turn"
        assert await ask(server.url, proxy="http://127.0.0.1:9") == "end_turn"


async def test_a_proxy_that_is_not_there(company: Company) -> None:
    sentence = await ask(FAR, ca_file=str(company.file), proxy="http://127.0.0.1:9")

    assert "refuses the connection" in sentence or "cannot be reached" in sentence
