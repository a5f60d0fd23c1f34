"""Two edits of one text take turns, whatever the editor thinks of versions."""

from __future__ import annotations

import asyncio

import pytest

from kibitz.delivery import Conflict, Delivery
from kibitz.edits.values import LineEdit
from kibitz.turns import Turns
from kibitz_context.lines import split_lines
from support.deliveries import QUICK
from support.fake_editor import BLIND, HONEST, NEOVIM, SLOW, URI, VSCODE, FakeEditor, Manners

BEFORE = "a\nb\nc\nd\n"


async def test_who_waits_is_called_in_order_and_a_turn_is_kept_until_it_is_given_back() -> None:
    turns, called = Turns(), list[str]()
    assert turns.take("x", 1, lambda: called.append("1"))
    assert turns.take("x", 1, lambda: called.append("1"))
    assert turns.take("y", 2, lambda: called.append("2"))
    for who in (2, 3, 4):
        assert not turns.take("x", who, lambda who=who: called.append(str(who)))  # type: ignore[misc]

    turns.give_back("x", 3)  # does not want it any more
    turns.give_back("x", 5)  # never did
    assert called == []
    turns.give_back("x", 1)
    assert called == []
    await asyncio.sleep(0)

    assert called == ["2", "4"]
    assert turns.take("x", 4, lambda: None)


def two_deliveries(editor: FakeEditor) -> list[Delivery]:
    turns = Turns()
    lines = split_lines(editor.buffer)
    made = [Delivery(editor, QUICK, URI, first, lines[first:][:1], turns=turns) for first in (0, 2)]
    for delivery in made:
        editor.watch(delivery)
    return made


@pytest.mark.parametrize("manners", [HONEST, VSCODE, NEOVIM, SLOW, BLIND])
async def test_two_edits_of_one_text(manners: Manners) -> None:
    editor = FakeEditor(BEFORE, manners)
    upper, lower = two_deliveries(editor)
    upper.write([LineEdit(0, 1, ("A\n", "AA\n"))])
    lower.write([LineEdit(0, 1, ("C\n",))])
    lower.write([LineEdit(1, 1, ("CC\n",))])
    upper.write([LineEdit(1, 1, ("AAA\n",))])
    await asyncio.sleep(0)
    assert len(editor.requests) == 1

    ending = asyncio.gather(upper.finish(), lower.finish())
    await editor.settle()
    await asyncio.wait_for(ending, 1)

    assert editor.buffer == "A\nAA\nAAA\nb\nC\nCC\nd\n"
    assert editor.edits_sent == editor.edits_applied


async def test_one_that_stops_lets_the_other_go_on_and_one_that_is_taken_back_waits() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    upper, lower = two_deliveries(editor)
    lower.write([LineEdit(0, 1, ("C\n",))])
    await editor.settle()
    upper.write([LineEdit(0, 1, ("A\n",))])
    await asyncio.sleep(0)
    restoring = asyncio.ensure_future(lower.restore())
    await asyncio.sleep(0)
    assert len(editor.requests) == 1

    editor.user_changes(0, 2, "")
    await editor.settle()

    assert await asyncio.wait_for(restoring, 1)
    with pytest.raises(Conflict):
        await upper.finish()
    assert editor.buffer == "b\nc\nd\n"
