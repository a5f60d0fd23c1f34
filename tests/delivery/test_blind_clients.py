"""Clients that do not compare versions: what they put over the user's text is put back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from kibitz.edits.values import LineEdit
from kibitz_context.lines import Encoding, split_lines
from support.deliveries import AFTER, BEFORE, EDITS, QUICK, delivery_in, finish
from support.fake_editor import BLIND, KAKOUNE, ZED, FakeEditor, Manners


@pytest.mark.parametrize("kind", [KAKOUNE, BLIND])
async def test_what_a_version_blind_client_overwrites_is_put_back(kind: Manners) -> None:
    editor = FakeEditor(BEFORE, kind)
    delivery = delivery_in(editor)
    delivery.write(EDITS)
    editor.user_changes(0, 0, "# mine 1\n# mine 2\n# mine 3\n")
    editor.handle_request()
    assert "print" in editor.buffer
    assert "# mine 3" not in editor.buffer

    reason = await finish(editor, delivery)

    assert reason is not None
    assert "it was taken back" in reason
    assert editor.buffer == "# mine 1\n# mine 2\n# mine 3\n" + BEFORE


async def test_so_it_is_where_a_client_takes_the_first_version_for_none() -> None:
    editor = FakeEditor(BEFORE, BLIND)
    first_is_none = replace(QUICK, least_compared_version=editor.version + 1)
    delivery = delivery_in(editor, profile=first_is_none)
    delivery.write(EDITS[:1])
    editor.user_changes(0, 0, "# mine 1\n# mine 2\n# mine 3\n")
    editor.handle_request()
    assert "# mine 3" not in editor.buffer

    reason = await finish(editor, delivery)

    assert reason is not None
    assert "it was taken back" in reason
    assert editor.buffer == "# mine 1\n# mine 2\n# mine 3\n" + BEFORE


async def test_what_a_blind_client_overwrites_while_it_is_mended_is_put_back_too() -> None:
    editor = FakeEditor("a", KAKOUNE)
    delivery = delivery_in(editor, (0, 1))
    editor.user_changes(0, 0, "first ")
    delivery.write([LineEdit(0, 0, ("a\n",))])
    editor.handle_request()
    for word in ("second ", "third ", "fourth "):
        editor.user_changes(0, 0, word)

    reason = await finish(editor, delivery)

    assert reason is not None
    assert "it was taken back" in reason
    assert editor.buffer == "fourth third second a\nfirst a"


async def test_what_is_typed_in_an_edit_that_went_astray_stays_and_what_it_replaced_too() -> None:
    editor = FakeEditor("a\nb\na\n", KAKOUNE)
    delivery = delivery_in(editor, (0, 3))
    editor.user_changes(0, 0, "first ")
    delivery.write([LineEdit(0, 1, ("c\n",)), LineEdit(1, 2, ())])
    editor.handle_request()
    while editor.messages:
        editor.deliver_message()
    await asyncio.sleep(0)
    editor.user_changes(0, 0, "second ")  # while it is being mended
    editor.handle_request()

    reason = await finish(editor, delivery)

    assert reason is not None
    assert "it was taken back" in reason
    assert split_lines(editor.buffer) == ["second c\n", "first a\n", "b\n", "a\n"]


@pytest.mark.parametrize("manners", [KAKOUNE, ZED])
async def test_a_client_that_refuses_nothing_gets_no_edit_twice(manners: Manners) -> None:
    editor = FakeEditor(BEFORE, manners)
    delivery = delivery_in(editor)
    delivery.write(EDITS)
    await asyncio.sleep(0)
    editor.handle_request()
    echo = editor.messages.pop()
    if manners is ZED:  # answers last
        echo, editor.messages = editor.messages.pop(), [echo]
    await editor.settle()

    assert delivery.stopped is not None
    assert "did not change" in delivery.stopped
    echo()
    assert (editor.buffer, editor.edits_sent) == (AFTER, 1)


async def test_what_resembles_the_edit_before_the_answer_is_the_users() -> None:
    editor = FakeEditor("above\na\na\nbelow\n", KAKOUNE)
    delivery = delivery_in(editor, (1, 3))
    editor.user_changes(0, 0, "mine\n")
    place = editor.buffer.index("a\na\n") + 1
    editor.user_changes(place, place, "bc\n")  # "a", "a" → "abc", "", "a": like the edit and "abc"
    typed = editor.buffer
    delivery.write([LineEdit(0, 0, ("\n",)), LineEdit(1, 2, ())])
    editor.handle_request()  # one line too high, and over "abc"
    assert "abc" not in editor.buffer

    reason = await finish(editor, delivery)

    assert reason is not None
    assert "it was taken back" in reason
    assert editor.buffer == typed


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("typed", ["\U0001f600", "é\U0001f600é", "\u2028\n"])
async def test_an_edit_that_went_astray_is_known_in_each_encoding_of_columns(
    encoding: Encoding, typed: str
) -> None:
    editor = FakeEditor("ab\nc", KAKOUNE, encoding)
    delivery = delivery_in(editor, (0, 2))
    delivery.write([LineEdit(1, 2, ())])  # from behind "ab": a column that counts
    editor.user_changes(0, 0, typed)
    editor.handle_request()

    reason = await finish(editor, delivery)

    assert reason is not None
    assert "it was taken back" in reason
    assert editor.buffer == typed + "ab\nc"


async def test_what_goes_astray_while_it_is_mended_does_not_hinder_the_mending() -> None:
    editor = FakeEditor("above\na\na\nbelow\n", KAKOUNE)
    delivery = delivery_in(editor, (1, 3))
    delivery.write([LineEdit(1, 1, ("\n", "b\n"))])
    editor.user_changes(0, 0, "mine\n")
    editor.handle_request()  # one line too high
    while len(editor.messages) > 1:
        editor.deliver_message()
    await asyncio.sleep(0)
    editor.deliver_message()  # and is to be mended
    editor.user_changes(0, 0, "too\n")
    editor.handle_request()  # one line too high again
    assert editor.buffer == "too\nmine\nb\na\na\nbelow\n"

    reason = await finish(editor, delivery)

    assert reason is not None
    assert "it was taken back" in reason
    assert editor.buffer == "too\nmine\nabove\na\na\nbelow\n"


async def test_a_line_of_the_users_that_is_put_elsewhere_and_typed_in_stays_and_comes_back() -> (
    None
):
    editor = FakeEditor("above\nbelow\n", KAKOUNE)
    delivery = delivery_in(editor, (1, 1))

    async def hear_all() -> None:
        while editor.messages:
            editor.deliver_message()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    delivery.write([LineEdit(0, 0, ("word = a\n",))])
    editor.user_changes(0, 0, "mine\n")
    editor.handle_request()  # one line too high
    await hear_all()
    place = editor.buffer.index(" = a")
    editor.user_changes(place, place, "s")
    editor.handle_request()  # which takes it back, and the "s" with it
    await hear_all()
    editor.user_changes(0, 0, "too\n")
    editor.handle_request()  # which puts "words = a" back, one line too high
    place = editor.buffer.index(" = a")
    editor.user_changes(place, place, "!")

    reason = await finish(editor, delivery)

    assert reason is not None
    assert "it was taken back" in reason
    assert editor.buffer == "too\nwords! = a\nmine\nwords = a\nabove\nbelow\n"
