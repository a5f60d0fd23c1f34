"""The texts of the demo's editor, held against a second way of applying edits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.demo.buffer import BadEdit, Buffer
from kibitz_context.lines import Position, TextModel
from support.editor_text import EditorText

PATH = Path("/somewhere/a.py")
TEXTS = st.text(st.sampled_from("ab é€😀\n"), max_size=30)


def edit(start: tuple[int, int], end: tuple[int, int], text: str) -> dict[str, Any]:
    places = {"start": start, "end": end}
    return {
        "range": {
            side: {"line": line, "character": column} for side, (line, column) in places.items()
        },
        "newText": text,
    }


def test_edits_of_one_request_refer_to_the_text_before_any_of_them() -> None:
    buffer = Buffer(PATH, "one\ntwo\nthree\n", "utf-16")
    buffer.apply([edit((0, 0), (1, 0), ""), edit((2, 0), (2, 5), "3"), edit((3, 0), (3, 0), "4\n")])
    assert (buffer.text, buffer.version) == ("two\n3\n4\n", 2)


def test_insertions_at_one_place_stay_in_their_order() -> None:
    buffer = Buffer(PATH, "end", "utf-16")
    buffer.apply([edit((0, 0), (0, 0), "first "), edit((0, 0), (0, 0), "second ")])
    assert buffer.text == "first second end"


def test_columns_are_counted_in_the_agreed_encoding() -> None:
    buffer = Buffer(PATH, "😀x", "utf-16")
    buffer.apply([edit((0, 2), (0, 3), "y")])
    assert buffer.text == "😀y"


def test_edits_that_overlap_change_nothing() -> None:
    buffer = Buffer(PATH, "abc", "utf-16")
    with pytest.raises(BadEdit):
        buffer.apply([edit((0, 0), (0, 2), "x"), edit((0, 1), (0, 3), "y")])
    assert (buffer.text, buffer.version) == ("abc", 1)


@given(TEXTS, st.data())
def test_the_server_is_told_what_was_done(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=6)))
    pretended = EditorText("file:///a", text, "python")
    edits = [
        {"range": pretended.range(start, end), "newText": data.draw(TEXTS)}
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    buffer = Buffer(PATH, text, "utf-16")
    server = TextModel(text)

    for change in buffer.apply(edits):
        start, end = (
            Position(change["range"][side]["line"], change["range"][side]["character"])
            for side in ("start", "end")
        )
        server.replace(start, end, change["text"], "utf-16")
    pretended.apply(edits, None)

    assert buffer.text == server.snapshot().text == pretended.text
