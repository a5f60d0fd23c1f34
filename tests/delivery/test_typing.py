"""What the user types, pastes and undoes while edits come stays, and the edits go round it."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from kibitz.delivery import Conflict
from kibitz.edits.offers import Offer
from kibitz.edits.values import LineEdit
from kibitz_context.lines import split_lines
from support.deliveries import AFTER, BEFORE, CAREFUL, EDITS, delivery_in, finish
from support.fake_editor import EGLOT, HONEST, NEOVIM, SLOW, VSCODE, FakeEditor, Manners


@pytest.mark.parametrize("line", [2, 5])
async def test_typing_at_the_border_may_be_told_together_with_the_edit(line: int) -> None:
    editor = FakeEditor(BEFORE, NEOVIM)
    delivery = delivery_in(editor)
    delivery.write(EDITS[:1])
    editor.handle_request()
    place = len("".join(split_lines(editor.buffer)[:line]))
    editor.user_changes(place, place, "# mine\n")
    editor.tell_together()
    delivery.write(EDITS[1:])

    assert await finish(editor, delivery) is None
    expected = split_lines(AFTER)
    expected.insert(2 if line == 2 else 4, "# mine\n")
    assert editor.buffer == "".join(expected)


async def test_an_undo_that_is_told_together_with_the_edit_stops_it() -> None:
    editor = FakeEditor(BEFORE, NEOVIM)
    delivery = delivery_in(editor)
    delivery.write(EDITS[:1])
    editor.handle_request()
    written, original = EDITS[0].lines[0], "def f(x):\n"
    start = editor.buffer.index(written)
    editor.user_changes(start, start + len(written), original)
    editor.tell_together()

    assert await finish(editor, delivery) == "you took the change back"
    assert (editor.buffer, editor.edits_sent) == (BEFORE, 1)


async def test_a_user_above_and_below_moves_the_region() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    delivery = delivery_in(editor)
    delivery.write(EDITS[:1])
    editor.user_changes(0, 0, "# mine\n")
    editor.user_changes(len(editor.buffer), len(editor.buffer), "# too\n")
    delivery.write(EDITS[1:])

    assert await finish(editor, delivery) is None
    assert editor.buffer == "# mine\n" + AFTER + "# too\n"


@pytest.mark.parametrize("manners", CAREFUL)
async def test_edits_go_round_what_the_user_types_in_the_region(manners: Manners) -> None:
    editor = FakeEditor(BEFORE, manners)
    delivery = delivery_in(editor)
    delivery.write(EDITS[:1])
    await editor.settle()
    place = editor.buffer.index("    return y")
    editor.user_changes(place, place, "    # me\n")
    delivery.write([LineEdit(1, 2, ("    y = 2 * x\n",))])

    assert await finish(editor, delivery) is None
    assert editor.buffer == BEFORE.replace("def f(x):", "def f(x: int) -> int:").replace(
        "    y = x\n", "    y = 2 * x\n    # me\n"
    )
    assert delivery.offers() == []


@pytest.mark.parametrize("manners", CAREFUL)
async def test_claudes_version_of_lines_that_the_user_changed_is_offered(
    manners: Manners,
) -> None:
    editor = FakeEditor(BEFORE, manners)
    delivery = delivery_in(editor)
    place = editor.buffer.index("x\n    return")
    editor.user_changes(place, place, "3 * ")
    await editor.settle()
    delivery.write(EDITS)

    assert await finish(editor, delivery) is None
    assert editor.buffer == BEFORE.replace("def f(x):", "def f(x: int) -> int:").replace(
        "y = x", "y = 3 * x"
    )
    assert delivery.offers() == [Offer(3, 5, ("    return x\n",))]


@pytest.mark.parametrize("manners", CAREFUL)
async def test_text_that_is_put_over_the_region_stops_it(
    manners: Manners,
) -> None:
    editor = FakeEditor(BEFORE, manners)
    delivery = delivery_in(editor)
    delivery.write(EDITS[:1])
    await editor.settle()
    start, end = editor.buffer.index("    y = x"), editor.buffer.index("\nprint")
    editor.user_changes(start, end, "    pass\n")
    await editor.settle()

    assert await finish(editor, delivery) == "you changed the same lines"
    with pytest.raises(Conflict):
        delivery.write(EDITS[1:])
    assert editor.buffer == AFTER.replace("    return x\n", "    pass\n")
    assert [hunk.first for hunk in delivery.hunks()] == [2]


async def test_what_has_come_when_the_region_is_lost_is_offered() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    delivery = delivery_in(editor, hold=True)
    delivery.write(EDITS)
    editor.user_changes(0, len(editor.buffer), "another\ntext\n")
    await editor.settle()

    assert await finish(editor, delivery) == "you changed the same lines"
    assert editor.buffer == "another\ntext\n"
    (offer,) = delivery.offers()
    assert offer.lines == (*EDITS[0].lines, *EDITS[1].lines)


async def test_a_change_that_is_told_as_one_with_the_edit_is_told_apart() -> None:
    editor = FakeEditor(BEFORE, dataclasses.replace(EGLOT, tells_whole_text=True))
    delivery = delivery_in(editor)
    delivery.write(EDITS[:1])
    await asyncio.sleep(0)
    editor.handle_request()
    editor.user_changes(0, 0, "# mine\n")
    place = editor.buffer.index("    return y")
    editor.user_changes(place, place, "    # mine\n")
    delivery.write(EDITS[1:])

    assert await finish(editor, delivery) is None
    assert editor.edits_applied == 1
    assert editor.buffer == "# mine\n" + BEFORE.replace("f(x):", "f(x: int) -> int:").replace(
        "    return", "    # mine\n    return"
    )
    assert delivery.offers() == [Offer(4, 7, ("    return x\n",))]


async def test_an_edit_that_is_all_held_sends_nothing() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    delivery = delivery_in(editor)
    place = editor.buffer.index("def")
    editor.user_changes(place, place, "async ")
    await editor.settle()
    delivery.write(EDITS[:1])

    assert await finish(editor, delivery) is None
    assert editor.edits_sent == 0
    assert delivery.offers() == [Offer(2, 3, EDITS[0].lines)]


@pytest.mark.parametrize(
    ("before", "typed", "edits", "after"),
    [
        ("a\nb", "\nmine", (LineEdit(1, 2, ("B",)),), "a\nB\nmine"),
        ("a\nb", "\n", (LineEdit(1, 2, ("B",)),), "a\nB\n"),
        ("a\nb", "\nmine", (LineEdit(2, 2, ("c",)),), "a\nb\nc\nmine"),
        ("a\nb", "\nmine", (LineEdit(1, 2, ()),), "a\nmine"),
    ],
)
async def test_what_is_typed_behind_a_last_line_without_an_end_stays_apart(
    before: str, typed: str, edits: tuple[LineEdit, ...], after: str
) -> None:
    editor = FakeEditor(before, HONEST)
    delivery = delivery_in(editor, (0, 2))
    editor.user_changes(len(before), len(before), typed)
    await editor.settle()
    delivery.write(edits)

    assert await finish(editor, delivery) is None
    assert editor.buffer == after


async def test_a_user_undo_of_our_text_stops_it() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    delivery = delivery_in(editor)
    delivery.write(EDITS[:1])
    await editor.settle()
    start = editor.buffer.index("def f(x: int)")
    editor.user_changes(start, start + len("def f(x: int) -> int:\n"), "def f(x):\n")
    await editor.settle()

    with pytest.raises(Conflict):
        delivery.write(EDITS[1:])
    assert editor.buffer == BEFORE


@pytest.mark.parametrize("manners", [HONEST, VSCODE, NEOVIM])
async def test_only_the_words_that_change_are_replaced_and_their_undo_stops_it(
    manners: Manners,
) -> None:
    editor = FakeEditor(BEFORE, manners)
    delivery = delivery_in(editor)
    changed = "    yes = x if x else 0\n"
    delivery.write([LineEdit(1, 2, (changed,))])
    await asyncio.sleep(0)
    ((_, ranges, _),) = editor.requests
    assert [text for _, _, text in ranges] == ["yes", " if x else 0"]
    await editor.settle()
    assert editor.buffer == BEFORE.replace("    y = x\n", changed)
    assert [hunk.new_lines for hunk in delivery.hunks()] == [(changed,)]

    editor.undo()
    await editor.settle()

    assert delivery.conflict == "you took the change back"
    assert editor.buffer == BEFORE


async def test_typing_between_the_echo_and_a_late_answer_is_the_users() -> None:
    editor = FakeEditor(BEFORE, SLOW)
    delivery = delivery_in(editor)
    delivery.write(EDITS[:1])
    await asyncio.sleep(0)
    editor.handle_request()
    editor.deliver_message()  # the echo
    place = editor.buffer.index("def f")
    editor.user_changes(place, place, "async ")
    editor.deliver_message()
    delivery.write(EDITS[1:])

    assert await finish(editor, delivery) is None
    assert editor.buffer == AFTER.replace("def", "async def")


async def test_a_user_undo_while_the_edit_is_in_flight_waits_for_it() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    delivery = delivery_in(editor)
    reasons: list[str] = []
    delivery.on_stop = reasons.append
    delivery.write(EDITS[:1])
    await editor.settle()
    delivery.write(EDITS[1:])
    await asyncio.sleep(0)
    assert len(editor.requests) == 1
    editor.undo()
    editor.deliver_message()
    assert (reasons, delivery.stopped) == (["you took the change back"], None)

    assert await finish(editor, delivery) == "you took the change back"
    assert (editor.buffer, delivery.offers()) == (BEFORE, [])
    assert reasons == ["you took the change back"]


@pytest.mark.parametrize("manners", [HONEST, VSCODE, NEOVIM])
async def test_a_user_who_types_faster_elsewhere_delays_the_edit_and_does_not_stop_it(
    manners: Manners,
) -> None:
    editor = FakeEditor(BEFORE, manners)
    delivery = delivery_in(editor)
    delivery.write(EDITS)
    await asyncio.sleep(0)
    for number in range(4):
        editor.user_changes(0, 0, f"# {number}\n")
        editor.handle_request()  # stale by now
        while editor.messages:
            editor.deliver_message()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if editor.timers:
            editor.fire_timer()
        await asyncio.sleep(0)

    assert await finish(editor, delivery) is None
    assert editor.buffer == "# 3\n# 2\n# 1\n# 0\n" + AFTER
    assert editor.edits_applied == 1
