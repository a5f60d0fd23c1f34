"""Review of several files, a folder and a whole repository in an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kibitz.handlers.change_reviews import GO_ON
from support.findings import finding, reported
from support.raw_wire import ResponseError
from support.workshop import EXAMPLE, Workshop, lines, open_workshop

FILES = {
    "prices.py": EXAMPLE,
    "shop/one.py": "one = eval(input())\n",
    "shop/two.py": "two = eval(input())\n",
    ".env": "PASSWORD=hunter2hunter2\n",
}


def smell(path: str) -> Any:
    name = Path(path).stem
    quote = f"{name} = eval(input())"
    return reported(finding(path=path, start_line=1, end_line=1, quote=quote, suggestion=""))


def paths_asked(shop: Workshop) -> list[str]:
    """The files that Claude was shown, in this order."""
    texts = [each.request.last_user_text for each in shop.standin.journal.messages]
    return [text.partition('<region path="')[2].partition('"')[0] for text in texts]


async def test_several_files_open_and_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        text = await shop.open("shop/two.py", "# New\ntwo = eval(input())\n")
        uris = [(shop.root / "shop/one.py").as_uri(), text.uri]
        moved = finding(
            path="shop/two.py", start_line=1, end_line=1, quote="two = eval(input())", suggestion=""
        )
        shop.standin.enqueue(smell("shop/one.py"), reported(moved))
        job = await shop.start("kibitz.review", uris=uris)
        outcome = (await shop.client.progress_end(job))["message"]

        assert outcome.startswith("2 files: 2 findings")
        assert paths_asked(shop) == ["shop/one.py", "shop/two.py"]
        (shown,) = shop.client.diagnostics(uris[0]) or []
        assert shown["range"]["start"]["line"] == 0
        (shown,) = shop.client.diagnostics(text.uri) or []
        assert shown["range"]["start"]["line"] == 1, "as it is in the editor"
        told = [each.get("message", "") for each in shop.client.progress(job)]
        first = next(n for n, each in enumerate(told) if each.startswith("The review of 2 files"))
        assert not any("tokens" in each for each in told[:first]), "before anything is sent"


@pytest.mark.parametrize(
    ("folder", "paths"),
    [("shop", ["shop/one.py", "shop/two.py"]), (".", ["prices.py", "shop/one.py", "shop/two.py"])],
)
async def test_a_folder_is_what_git_tracks_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, paths: list[str]
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        (shop.root / "shop/untracked.py").write_text("x = 1\n")
        shop.standin.enqueue(*(reported() for _ in paths))
        outcome = await shop.do("kibitz.review", uri=(shop.root / folder).as_uri())
        assert outcome.startswith(f"{len(paths)} files: no findings")
        assert sorted(paths_asked(shop)) == paths


@pytest.mark.parametrize("pick", [0, None])
async def test_what_is_dear_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pick: int | None
) -> None:
    many = {f"m{number}.py": f"x{number} = 1\n" * 10 for number in range(24)}
    async with open_workshop(tmp_path, monkeypatch, profile="vscode", files=many) as shop:
        shop.client.pick = pick
        shop.standin.enqueue(*(reported() for _ in many))
        outcome = await shop.do("kibitz.review", uri=shop.root.as_uri())
        (asked,) = shop.client.notifications("window/showMessageRequest")
        assert asked["message"].startswith("The review of 24 files costs about $")
        assert [each["title"] for each in asked["actions"]] == [GO_ON, "Cancel"]
        if pick == 0:
            assert outcome.startswith("24 files: no findings")
            assert len(shop.standin.journal.messages) == 24
        else:
            assert outcome == "Nothing was sent, as you decided"
            assert not shop.standin.journal.messages


async def test_what_cannot_be_reviewed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        gone = (shop.root / "gone.py").as_uri()
        for given in ({"uris": [gone]}, {"uri": gone}, {"uris": ["untitled:1"]}):
            with pytest.raises(ResponseError, match="that there are"):
                await shop.client.execute("kibitz.review", given)
        one = (shop.root / "shop/one.py").as_uri()
        with pytest.raises(ResponseError, match="open"):
            await shop.client.execute("kibitz.review", {"uris": [one], "range": lines(1, 1)})
        outcome = await shop.do("kibitz.review", uri=(shop.root / ".env").as_uri())
        assert outcome == "Failed"
        assert any("is not sent" in each for each in shop.client.messages())
        assert not shop.standin.journal.messages
