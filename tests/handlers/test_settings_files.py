"""A settings file that is changed holds from the next request on, whoever watches files or not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kibitz.handlers.preferences import project_root
from kibitz.standin import Reply
from support.workshop import GIT, open_workshop


async def test_a_changed_project_file_holds_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="bare") as shop:
        shop.standin.enqueue(Reply("One.\n"), Reply("Two.\n"), Reply("Three.\n"))
        text = await shop.open()
        models = []
        for content in (None, '[models]\nstandard = "claude-opus-5-5"\n', ""):
            if content is not None:
                (shop.root / ".kibitz.toml").write_text(content)
            await shop.start("kibitz.explain", text)
            seen = len(models) + 1
            await shop.client.wait_until(
                lambda seen=seen: len(shop.standin.journal.messages) >= seen, "the request"
            )
            models.append(shop.standin.journal.messages[-1].request.body["model"])
            await shop.client.wait_until(
                lambda seen=seen: len(shop.client.messages()) >= seen, "the answer"
            )
        assert models == ["claude-sonnet-5-5", "claude-opus-5-5", "claude-sonnet-5-5"]


def test_the_root_is_the_one_of_this_moment(tmp_path: Path) -> None:
    folder = tmp_path / "project" / "src"
    folder.mkdir(parents=True)
    assert project_root(folder) == folder
    (tmp_path / "project" / ".kibitz.toml").write_text("")
    assert project_root(folder) == tmp_path / "project"
    subprocess.run([*GIT, "init", "-q"], cwd=folder, check=True)
    assert project_root(folder) == folder
