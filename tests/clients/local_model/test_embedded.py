"""The provider `local`: a real model, in a process that kibitz starts and ends by itself."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from kibitz import endpoint, errors
from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.values import (
    Block,
    Claude,
    ClaudeFailure,
    Event,
    Finished,
    Message,
    Prompt,
    Purpose,
    TextDelta,
)
from kibitz.local_model import LocalModel
from support.llama_server import model_file
from support.raw_client import KIBITZ_SERVE, RawClient, clean_environment
from support.workshop import EXAMPLE, cursor, make_repository, merge

pytestmark = pytest.mark.real

LONGEST_SECONDS = 500.0
PROMPT = Prompt(
    tier="standard",
    model="SmolLM2-135M-Instruct.Q4_1",
    system=(Block("You are terse."),),
    messages=(Message("user", (Block("Say hello."),)),),
    max_tokens=12,
)
SETTINGS = """\
provider = "local"
local.model = "{model}"
local.context_tokens = 4096
local.threads = 1
"""


class Embedded:
    """A local model and where it was found to listen."""

    def __init__(self, path: Path | str, context_tokens: int = 1024) -> None:
        self.addresses: list[tuple[str, str]] = []
        self.model = LocalModel(str(path), self._connect, context_tokens=context_tokens, threads=1)

    def _connect(self, address: str, key: str) -> Claude:
        self.addresses.append((address, key))
        return AnthropicClaude(endpoint.local_connection(address, key))

    async def ask(self) -> list[Event]:
        return [event async for event in self.model.stream(PROMPT, Purpose("ask"))]

    @staticmethod
    def processes() -> list[psutil.Process]:
        return serving(psutil.Process())


def serving(parent: psutil.Process) -> list[psutil.Process]:
    """The processes that serve a model for `parent`."""
    return [each for each in parent.children() if "kibitz.local_model.serve" in each.cmdline()]


@contextlib.asynccontextmanager
async def embedded(path: Path | str | None = None) -> AsyncIterator[Embedded]:
    local = Embedded(path or model_file())
    try:
        yield local
    finally:
        await local.model.aclose()
    assert local.processes() == []


async def test_it_answers_and_ends_with_us() -> None:
    async with embedded() as local:
        assert local.processes() == [], "it is started when it is first asked"
        assert await local.model.count_tokens(PROMPT) is None
        words = [word async for word in local.model.get_ready()]
        events = await local.ask()
        counted = await local.model.count_tokens(PROMPT)

        assert words[0].startswith("Loading SmolLM2-135M-Instruct.Q4_1, 0.1 GB … 0 s")
        assert any(isinstance(event, TextDelta) for event in events)
        assert isinstance(events[-1], Finished)
        assert events[-1].model == "SmolLM2-135M-Instruct.Q4_1"
        assert events[-1].usage.prompt_tokens == counted
        assert len(local.processes()) == 1
        (facts,) = await local.model.models()
        assert (facts.id, facts.max_input_tokens) == (PROMPT.model, 1024)


async def test_it_listens_to_nobody_else() -> None:
    async with embedded() as local:
        await local.ask()
        ((address, key),) = local.addresses
        (process,) = local.processes()

        assert address.startswith("http://127.0.0.1:")
        assert key not in " ".join(process.cmdline())
        for path in ("/v1/models", "/v1/messages", "/slots", "/props"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(address + path, data=b"{}" if "mess" in path else None)
            refused.value.close()
            assert refused.value.code in (401, 501)


async def test_after_a_crash_it_is_started_again() -> None:
    async with embedded() as local:
        await local.ask()
        (process,) = local.processes()
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        events = await local.ask()

        assert isinstance(events[-1], Finished)
        assert len(local.addresses) == 2
        assert local.addresses[0] != local.addresses[1]


async def test_a_crash_in_the_middle_of_a_reply_is_a_drop() -> None:
    async with embedded() as local:
        with pytest.raises(ClaudeFailure) as raised:
            async for event in local.model.stream(PROMPT, Purpose("ask")):
                if isinstance(event, TextDelta):
                    for process in local.processes():
                        process.kill()

    assert raised.value.kind == "dropped"


async def test_closing_while_it_loads_ends_it() -> None:
    async with embedded() as local:
        waiting = local.model.get_ready()
        assert await anext(waiting)
        await waiting.aclose()


async def test_a_file_that_cannot_be_loaded(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(model_file().read_bytes()[: 3 * 1024 * 1024])
    async with embedded(broken) as local:
        with pytest.raises(ClaudeFailure) as raised:
            await local.ask()

    sentence = errors.sentence_for(raised.value)
    assert sentence.startswith("The local model cannot be loaded (“")
    assert "`local.model`" in sentence


async def test_an_editor_is_shown_the_loading_and_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("support.raw_wire.TIMEOUT_SECONDS", LONGEST_SECONDS)
    root = make_repository(tmp_path / "repository", {"prices.py": EXAMPLE})
    async with RawClient.start(root=root, environment=user(tmp_path), initialize=False) as client:
        merge(client.profile.capabilities, {"experimental": {"kibitz": {"stream": True}}})
        await client.initialize()
        text = await client.open("prices.py", EXAMPLE)
        answer = await client.execute("kibitz.explain", {"uri": text.uri, "range": cursor(8)})
        # A processor that has other things to do, too, would take minutes for all of it.
        await client.wait_until(lambda: len(deltas(client)) > 3)
        await client.execute("kibitz.stop", {"job": answer["job"]})
        await client.progress_end(answer["job"])
        reports = [value.get("message", "") for value in client.progress(answer["job"])]
        assert client.process is not None
        models = serving(psutil.Process(client.process.pid))
        assert len(models) == 1
        await client.close()

    assert any(report.startswith("Loading SmolLM2-135M-Instruct.Q4_1") for report in reports)
    _, alive = psutil.wait_procs(models, 10)
    assert alive == [], "it ends with the server"


def deltas(client: RawClient) -> list[Any]:
    return [piece for piece in client.notifications("kibitz/stream") if piece["state"] == "delta"]


def test_doctor_and_the_command_line(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "repository", {"prices.py": EXAMPLE})
    environment = user(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [KIBITZ_SERVE[0], *arguments],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
        )

    told = " ".join(run("doctor").stdout.split())
    answer = run("explain", "prices.py:6-10")

    assert "ok local SmolLM2-135M-Instruct.Q4_1, 0.1 GB, reads 4,096 of 8,192 tokens with 1" in told
    assert "models.fast SmolLM2-135M-Instruct.Q4_1 reads 4,096 tokens" in told
    assert len(answer.stdout.split()) > 3, answer.stderr


def user(folder: Path) -> dict[str, str]:
    """The environment of a user whose Claude is the model; proxies do not get in the way."""
    settings = folder / "home" / "config" / "kibitz" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(SETTINGS.format(model=model_file()))
    nowhere = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    return {**clean_environment(folder / "home"), **nowhere, "PATH": os.environ["PATH"]}
