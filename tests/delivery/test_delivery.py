"""Edits of one region reach the editor, one at a time and verified."""

from __future__ import annotations

import asyncio

import pytest

from kibitz.delivery import Conflict
from kibitz.edits.values import LineEdit
from kibitz_context.lines import split_lines
from support.deliveries import AFTER, BEFORE, EDITS, delivery_in, finish
from support.fake_editor import (
    BLIND,
    HONEST,
    KAKOUNE,
    LIAR,
    NEOVIM,
    PATIENT_NEOVIM,
    SLOW,
    URI,
    VSCODE,
    ZED,
    FakeEditor,
    Manners,
)


@pytest.mark.parametrize("manners", [HONEST, VSCODE, NEOVIM, SLOW, BLIND])
async def test_edits_are_delivered_one_at_a_time(manners: Manners) -> None:
    editor = FakeEditor(BEFORE, manners)
    delivery = delivery_in(editor)

    delivery.write(EDITS[:1])
    delivery.write(EDITS[1:])
    await asyncio.sleep(0)
    assert len(editor.requests) == 1
    assert await finish(editor, delivery) is None

    assert editor.buffer == AFTER
    assert editor.edits_applied == 2
    assert editor.undo_marks == ["start", "continue", "end"]


async def test_held_edits_go_out_as_one() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    delivery = delivery_in(editor, hold=True)

    delivery.write(EDITS[:1])
    delivery.write(EDITS[1:])
    await editor.settle()
    assert editor.buffer == BEFORE
    assert await finish(editor, delivery) is None

    assert (editor.buffer, editor.edits_applied) == (AFTER, 1)


async def test_nothing_to_change_sends_nothing() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    delivery = delivery_in(editor)

    assert await finish(editor, delivery) is None
    assert (editor.buffer, editor.edits_sent, delivery.hunks()) == (BEFORE, 0, [])


async def test_a_stale_edit_is_sent_once_more() -> None:
    editor = FakeEditor(BEFORE, VSCODE)
    delivery = delivery_in(editor)
    delivery.write(EDITS)
    editor.user_changes(0, 0, "# mine\n")  # the editor is ahead when it gets the edit

    assert await finish(editor, delivery) is None
    assert editor.buffer == "# mine\n" + AFTER
    assert (editor.edits_sent, editor.edits_applied) == (2, 1)


async def test_applied_true_without_the_text_is_not_applied() -> None:
    editor = FakeEditor(BEFORE, LIAR)
    delivery = delivery_in(editor)
    delivery.write(EDITS)

    reason = await finish(editor, delivery)

    assert reason is not None
    assert "did not change" in reason
    assert (editor.buffer, editor.edits_sent, delivery.hunks()) == (BEFORE, 2, [])


async def test_restore_brings_the_original_back() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    delivery = delivery_in(editor)
    delivery.write(EDITS)
    await editor.settle()
    assert editor.buffer == AFTER

    restoring = asyncio.ensure_future(delivery.restore())
    await editor.settle()

    assert await restoring
    assert (editor.buffer, delivery.hunks()) == (BEFORE, [])


async def test_halt_lets_the_edit_in_flight_arrive_and_offers_it_for_revert() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    delivery = delivery_in(editor)
    delivery.write(EDITS[:1])
    delivery.write(EDITS[1:])
    halting = asyncio.ensure_future(delivery.halt("you stopped it"))
    await editor.settle(fire_timers=False)
    await halting

    assert editor.edits_applied == 1
    (hunk,) = delivery.hunks()
    assert (hunk.first, hunk.old_lines) == (2, ("def f(x):\n",))
    with pytest.raises(Conflict):
        delivery.write(EDITS[1:])


async def test_closing_the_document_stops_it() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    delivery = delivery_in(editor)
    delivery.write(EDITS)
    delivery.document_closed(URI)

    assert delivery.stopped == "the document was closed"


@pytest.mark.parametrize("manners", [HONEST, VSCODE, NEOVIM, PATIENT_NEOVIM, KAKOUNE, ZED])
@pytest.mark.parametrize("hunk_count", [3, 40])
async def test_an_edit_of_many_hunks_can_be_taken_back_hunk_by_hunk(
    manners: Manners, hunk_count: int
) -> None:
    before = "".join(f"value_{number} = {number}\n" for number in range(2 * hunk_count))
    editor = FakeEditor(before, manners)
    delivery = delivery_in(editor, (0, 2 * hunk_count), hold=True)
    new = [f"changed({number})\n" for number in range(hunk_count)]
    delivery.write([LineEdit(2 * at, 2 * at + 1, (line,)) for at, line in enumerate(new)])

    assert await finish(editor, delivery) is None
    assert (editor.edits_applied, len(delivery.hunks())) == (1, hunk_count)
    restored = split_lines(editor.buffer)
    for hunk in delivery.hunks():
        restored[hunk.first : hunk.stop] = hunk.old_lines
    assert "".join(restored) == before


@pytest.mark.parametrize(
    ("before", "edits", "after"),
    [
        ("a\nb", (LineEdit(2, 2, ("c",)),), "a\nb\nc"),
        ("a\nb", (LineEdit(1, 2, ()),), "a"),
        ("a\nb", (LineEdit(1, 2, ("B",)),), "a\nB"),
        ("a\r\nb", (LineEdit(2, 2, ("c",)),), "a\r\nb\r\nc"),
        ("a\n", (LineEdit(0, 0, ("x\n",)),), "x\na\n"),
        ("", (LineEdit(0, 0, ("x\n", "y\n")),), "x\ny\n"),
        ("a\nb\nc", (LineEdit(0, 1, ()), LineEdit(2, 3, ("C",))), "b\nC"),
    ],
)
async def test_the_end_of_a_text_without_a_final_newline(
    before: str, edits: tuple[LineEdit, ...], after: str
) -> None:
    editor = FakeEditor(before, HONEST)
    delivery = delivery_in(editor, (0, len(split_lines(before))))
    delivery.write(edits)

    assert await finish(editor, delivery) is None
    assert editor.buffer == after
