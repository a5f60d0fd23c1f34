"""The demo's editor, with servers that are not as good as ours."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from kibitz.demo.editor import Edited, Editor, Happening, Reported, Said
from kibitz.errors import UserError

ACTING = Path(__file__).with_name("acting_server.py")
RUN = {"command": {"command": "kibitz.explain", "arguments": [{}]}}


def started(root: Path, behaviour: str) -> AbstractAsyncContextManager[Editor]:
    uri = (root / "a.py").as_uri()
    return Editor.started([sys.executable, str(ACTING), behaviour, uri], root, {})


async def happenings(editor: Editor) -> list[Happening]:
    """All that happens until the job has ended."""
    return [each async for each in editor.until_end(await editor.choose(RUN))]


async def seen(editor: Editor) -> Any:
    """What the acting server saw, which it sends as an answer."""
    return next(
        json.loads(each.text) for each in await happenings(editor) if isinstance(each, Said)
    )


async def test_edits_are_applied_to_the_version_they_are_made_for(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print()\n")
    async with started(tmp_path, "edits") as editor:
        buffer = await editor.open(tmp_path / "a.py")
        good, stale, overlapping = await seen(editor)
    assert good["answer"] == {"applied": True}
    assert [change["textDocument"]["version"] for change in good["changes"]] == [2]
    assert stale["answer"]["applied"] is False
    assert overlapping["answer"]["applied"] is False
    assert (buffer.text, buffer.version) == ("# new\nprint()\n", 2)


async def test_each_edit_is_told_with_the_text_before_and_after(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print()\n")
    async with started(tmp_path, "edits") as editor:
        buffer = await editor.open(tmp_path / "a.py")
        told = [each for each in await happenings(editor) if isinstance(each, Edited)]
    assert told == [Edited(buffer.uri, "print()\n", "# new\nprint()\n", 2)]


async def test_an_edit_of_a_text_that_is_not_open_is_refused(tmp_path: Path) -> None:
    async with started(tmp_path, "edits") as editor:
        answers = [each["answer"]["applied"] for each in await seen(editor)]
    assert answers == [False, False, False]


async def test_a_request_that_it_does_not_know_is_answered_with_an_error(tmp_path: Path) -> None:
    async with started(tmp_path, "asks") as editor:
        answer = await seen(editor)
    assert (answer["id"], answer["error"]["code"]) == (9, -32601)


async def test_the_end_of_the_job_comes_last(tmp_path: Path) -> None:
    async with started(tmp_path, "ends well") as editor:
        assert await happenings(editor) == [Reported("job", "ended", ended=True)]


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ("dies", "The server ended in the middle of the demo."),
        ("talks nonsense", "The server ended in the middle of the demo."),
        ("fails", "Out of credit."),
        ("ends badly", "The server ended with exit code 5 instead of 0."),
    ],
)
async def test_what_goes_wrong_is_one_sentence(
    tmp_path: Path, behaviour: str, sentence: str
) -> None:
    with pytest.raises(UserError) as failed:
        async with started(tmp_path, behaviour) as editor:
            await happenings(editor)
    assert failed.value.sentence == sentence
    assert failed.value.exit_code != 0


async def test_a_refused_request_names_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print()\n")
    with pytest.raises(UserError, match=r"refused textDocument/codeAction: not today"):
        async with started(tmp_path, "refuses") as editor:
            buffer = await editor.open(tmp_path / "a.py")
            await editor.menu(buffer, 0, 1, "source")


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be started"):
        async with Editor.started([str(tmp_path / "nothing")], tmp_path, {}):
            pass


async def test_a_server_that_ends_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ended instead of answering initialize"):
        async with Editor.started([sys.executable, "-c", ""], tmp_path, {}):
            pass
