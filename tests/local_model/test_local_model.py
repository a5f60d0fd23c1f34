"""A local model's process: started once, when it is needed; crashed, stuck, broken; ended.

The process is one of ours that answers as the stand-in; see tests/clients/local_model for a real
model.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from kibitz import endpoint, errors
from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.values import (
    Block,
    Claude,
    ClaudeFailure,
    Finished,
    Message,
    Prompt,
    Purpose,
    cannot_warm,
)
from kibitz.local_model import LocalModel
from kibitz.local_model import claude as local_claude

TESTS = Path(__file__).parents[1]
MODULE = "support.model_process"
PROMPT = Prompt(
    tier="standard",
    model="claude-haiku-4-5",
    system=(Block("Rules.", "5m"),),
    messages=(Message("user", (Block("Why?"),)),),
    max_tokens=50,
)


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_claude, "_MODULE", MODULE)
    monkeypatch.setattr(local_claude, "_BINDING", "json")
    monkeypatch.setattr(local_claude, "_TELLING_SECONDS", 0.05)
    monkeypatch.setenv("PYTHONPATH", str(TESTS))


def model_file(folder: Path, name: str = "good") -> Path:
    """A file with the head of a model that says nothing of itself."""
    file = folder / f"{name}.gguf"
    file.write_bytes(b"GGUF" + (3).to_bytes(4, "little") + bytes(16))
    return file


@contextlib.asynccontextmanager
async def local_model(path: Path | None) -> AsyncIterator[LocalModel]:
    def connect(address: str, key: str) -> Claude:
        return AnthropicClaude(endpoint.local_connection(address, key))

    model = LocalModel(str(path) if path else None, connect, context_tokens=4_096, threads=3)
    try:
        yield model
    finally:
        await model.aclose()
    assert processes() == []


def processes() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if MODULE in each.cmdline()]


async def ask(model: LocalModel) -> str:
    """How a reply ended, or the sentence for why there is none."""
    try:
        events = [event async for event in model.stream(PROMPT, Purpose("ask"))]
    except ClaudeFailure as failure:
        return errors.sentence_for(failure)
    assert isinstance(events[-1], Finished)
    return events[-1].stop_reason


async def test_it_is_started_once_by_whoever_comes_first(tmp_path: Path) -> None:
    async with local_model(model_file(tmp_path)) as model:
        assert await model.count_tokens(PROMPT) is None
        assert (await model.models())[0].id == "good"
        assert processes() == []
        assert await asyncio.gather(*[ask(model) for _ in range(3)]) == ["end_turn"] * 3
        assert len(processes()) == 1
        assert await model.count_tokens(PROMPT) is not None
        assert [words async for words in model.get_ready()] == []


async def test_loading_is_told(tmp_path: Path) -> None:
    async with local_model(model_file(tmp_path)) as model:
        words = [words async for words in model.get_ready()]

    assert words[0] == "Loading good, 0.0 GB … 0 s"


async def test_who_leaves_while_it_loads_leaves_it_to_the_others(tmp_path: Path) -> None:
    async with local_model(model_file(tmp_path)) as model:
        leaving, staying = asyncio.create_task(ask(model)), asyncio.create_task(ask(model))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == "end_turn"
        assert leaving.cancelled()


async def test_after_a_crash_it_is_started_again(tmp_path: Path) -> None:
    async with local_model(model_file(tmp_path)) as model:
        assert await ask(model) == "end_turn"
        (first,) = processes()
        first.kill()
        first.wait(10)
        assert await ask(model) == "end_turn"
        (second,) = processes()
        assert second.pid != first.pid


async def test_what_cannot_be_loaded_is_told_each_time_and_tried_each_time(tmp_path: Path) -> None:
    async with local_model(model_file(tmp_path, "broken")) as model:
        for _ in range(2):
            assert await ask(model) == (
                "The local model cannot be loaded (“tensor 'blk.0' is out of bounds”); check "
                "`local.model`, or lower `local.context_tokens`."
            )
        assert [words async for words in model.get_ready()][:1] != []


async def test_a_process_that_dies_while_it_loads(tmp_path: Path) -> None:
    async with local_model(model_file(tmp_path, "dying")) as model:
        assert "cannot be loaded (“it ended with status 3”)" in await ask(model)


async def test_closing_does_not_wait_for_a_load_without_end(tmp_path: Path) -> None:
    async with local_model(model_file(tmp_path, "endless")) as model:
        asking = asyncio.create_task(ask(model))
        async with contextlib.aclosing(model.get_ready()) as waiting:
            async for _ in waiting:
                if processes():
                    break
    assert "shutting down" in await asking
    with pytest.raises(ClaudeFailure):
        async for _ in model.stream(PROMPT, Purpose("ask")):
            pass


async def test_there_is_nothing_to_keep_warm(tmp_path: Path) -> None:
    async with local_model(model_file(tmp_path)) as model:
        with pytest.raises(ClaudeFailure) as raised:
            await model.warm(PROMPT, Purpose("keep_warm"))
        assert cannot_warm(raised.value)
        assert processes() == []


async def test_a_file_that_is_not_there_and_one_that_is_not_named(tmp_path: Path) -> None:
    async with local_model(tmp_path / "none.gguf") as model:
        sentence = "The file that `local.model` names does not exist; set it in config.toml."
        assert await ask(model) == sentence
    async with local_model(None) as model:
        assert await ask(model) == "The provider needs `local.model` in config.toml."


async def test_without_the_extra_its_install_command_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_claude, "_BINDING", "no_such_binding")
    async with local_model(model_file(tmp_path)) as model:
        assert "`pip install 'kibitz[local]'`" in await ask(model)
        with pytest.raises(ClaudeFailure):
            await model.models()
