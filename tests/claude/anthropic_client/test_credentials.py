"""Where the key comes from, and what is wrong with it."""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path

import pytest
import trustme

from kibitz.claude.anthropic_client.http_client import _trust
from kibitz.claude.connection import Connection, api_key_from_command
from kibitz.claude.faults import Asked
from kibitz.claude.models.catalogue import builtin
from kibitz.claude.values import (
    ClaudeFailure,
)
from support.anthropic_client import (
    PROMPT,
    PURPOSE,
    claude_at,
    failure_of,
    read_all,
    reply_to,
    words,
)
from support.wire_server import (
    WHOLE,
    error_response,
    response,
    serving,
)


class TestCredentials:
    async def test_none_for_anthropic_itself_fails_before_anything_is_sent(self) -> None:
        async with claude_at(None, api_key=None) as (claude, _):
            with pytest.raises(ClaudeFailure) as caught:
                await anext(claude.stream(PROMPT, PURPOSE))
        assert caught.value.kind == "no_credentials"
        assert caught.value.endpoint == "https://api.anthropic.com"

    async def test_none_for_an_endpoint_of_ones_own_is_tried(self) -> None:
        events, failure, _, server = await reply_to([WHOLE], api_key=None)
        assert failure is None
        assert words(events) == "Hello"
        assert not {"authorization", "x-api-key"} & server.requests[0].headers.keys()
        answer = error_response(401, "authentication_error")
        assert (await failure_of([answer], api_key=None)).kind == "no_credentials"

    async def test_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "from-environment")
        async with serving([WHOLE]) as server:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            async with claude_at(None, api_key=None) as (claude, _):
                assert words(await read_all(claude)) == "Hello"
        headers = server.requests[0].headers
        assert headers["authorization"] == "Bearer from-environment"
        assert headers["x-api-key"] == "from-environment"

    async def test_headers_of_the_user_come_instead_of_ours(self) -> None:
        _, failure, _, server = await reply_to(
            [WHOLE], headers={"Authorization": "Bearer gateway", "X-Team": "a"}
        )
        assert failure is None
        headers = server.requests[0].headers
        assert (headers["authorization"], headers["x-team"]) == ("Bearer gateway", "a")
        assert "x-api-key" not in headers

    async def test_key_with_a_line_break_is_not_sent_and_not_shown(self) -> None:
        failure = await failure_of([WHOLE], api_key="sk-secret\n")
        assert (failure.kind, failure.facts["cause"]) == ("wrong_credentials", "malformed_key")
        assert "secret" not in repr(failure.facts) + str(failure)

    async def test_command_runs_once_and_its_key_is_sent(self, tmp_path: Path) -> None:
        log = tmp_path / "runs"
        command = f"sh -c 'echo run >> {log}; echo key-from-command; echo more'"
        async with (
            serving([WHOLE]) as server,
            claude_at(server.url, api_key=None, api_key_command=command) as (claude, _),
            asyncio.TaskGroup() as tasks,
        ):
            for _ in range(3):
                tasks.create_task(read_all(claude))
        assert log.read_text() == "run\n"
        assert server.requests[0].headers["authorization"] == "Bearer key-from-command"

    async def test_after_a_401_the_command_is_asked_once_more(self, tmp_path: Path) -> None:
        counter = tmp_path / "runs"
        command = f"sh -c 'echo x >> {counter}; wc -l < {counter}'"
        refused = error_response(401, "authentication_error")
        events, failure, _, server = await reply_to(
            [refused], [WHOLE], api_key=None, api_key_command=command
        )
        assert failure is None
        assert words(events) == "Hello"
        sent = [request.headers["authorization"] for request in server.requests]
        assert sent == ["Bearer 1", "Bearer 2"]
        failure = await failure_of([refused], api_key=None, api_key_command=command)
        assert failure.kind == "wrong_credentials"

    async def test_command_does_not_read_our_input(self) -> None:
        """Our standard input is the editor's side of the conversation."""
        read_end, write_end = os.pipe()
        os.write(write_end, b"Content-Length: 1\n")
        ours = os.dup(0)
        os.dup2(read_end, 0)
        try:
            key = await api_key_from_command(["sh", "-c", "read line && echo $line || echo none"])
        finally:
            os.dup2(ours, 0)
            for descriptor in (read_end, write_end, ours):
                os.close(descriptor)
        assert key == "none"

    @pytest.mark.parametrize(
        ("command", "cause"),
        [
            ("false", "command_failed"),
            ("true", "command_no_output"),
            ("/no/such/program --x", "command_not_started"),
            ("unbalanced 'quote", "command_unreadable"),
        ],
    )
    async def test_command_that_gives_no_key(self, command: str, cause: str) -> None:
        failure = await failure_of([WHOLE], api_key=None, api_key_command=command)
        assert (failure.kind, failure.facts["cause"]) == ("no_credentials", cause)

    async def test_redirect_is_not_followed(self) -> None:
        async with serving([WHOLE]) as thief:
            away = response(307, "", "text/plain", {"location": f"{thief.url}/v1/messages"})
            failure = await failure_of([away])
        assert failure.kind == "not_an_api"
        assert failure.facts["redirected_to"] == thief.url
        assert thief.requests == []

    async def test_trailing_version_of_the_base_url_is_left_out(self) -> None:
        async with serving([WHOLE]) as server, claude_at(server.url + "/v1/") as (claude, _):
            assert words(await read_all(claude)) == "Hello"
        assert server.requests[0].path == "/v1/messages"

    async def test_proxy(self) -> None:
        async with (
            serving([WHOLE]) as proxy,
            claude_at("http://far.invalid", proxy=proxy.url) as (claude, _),
        ):
            assert words(await read_all(claude)) == "Hello"
        assert proxy.requests[0].path == "http://far.invalid/v1/messages"

    async def test_secrets_are_not_in_the_representation(self) -> None:
        connection = Connection(
            headers={"X": "s3cret"}, proxy="http://u:s3cret@p", api_key="s3cret"
        )
        assert "s3cret" not in repr(connection)

    async def test_ca_file_that_is_missing(self, tmp_path: Path) -> None:
        failure = await failure_of([WHOLE], ca_file=str(tmp_path / "none.pem"))
        assert (failure.kind, failure.facts["cause"]) == ("network", "ca_file")

    def test_certificates_are_read_once_until_others_are_meant(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def trusted(connection: Connection) -> ssl.SSLContext:
            return _trust(connection, Asked("m", "", builtin()))

        file = _authority(tmp_path / "authority.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        first = trusted(Connection())
        assert trusted(Connection()) is first
        assert len(first.get_ca_certs()) == 1
        with_one_more = trusted(Connection(ca_file=str(_authority(tmp_path / "own.pem"))))
        assert (len(with_one_more.get_ca_certs()), len(first.get_ca_certs())) == (2, 1)

        _authority(file)
        os.utime(file, ns=(0, 0))
        assert trusted(Connection()).get_ca_certs() != first.get_ca_certs()


def _authority(file: Path) -> Path:
    trustme.CA().cert_pem.write_to_path(file)
    return file
