"""Edits of one region reach the editor, verified; the user's text is never lost."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from kibitz.delivery import Conflict, Delivery
from kibitz.edits.offers import Offer
from kibitz.edits.values import LineEdit
from kibitz.profiles import PLAIN
from kibitz_context.lines import split_lines
from support.fake_editor import (
    BLIND,
    EGLOT,
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

QUICK = dataclasses.replace(
    PLAIN, shortest_interval_seconds=0.0, longest_interval_seconds=0.0, held_lines=0
)

CAREFUL = [HONEST, VSCODE, NEOVIM, PATIENT_NEOVIM, EGLOT, ZED]

BEFORE = "import os\n\ndef f(x):\n    y = x\n    return y\n\nprint(f(1))\n"
REGION = (2, 5)
EDITS = (LineEdit(0, 1, ("def f(x: int) -> int:\n",)), LineEdit(1, 3, ("    return x\n",)))
AFTER = "import os\n\ndef f(x: int) -> int:\n    return x\n\nprint(f(1))\n"


def delivery_in(editor: FakeEditor, region: tuple[int, int] = REGION, **options: bool) -> Delivery:
    lines = split_lines(editor.buffer)[region[0] : region[1]]
    manners = editor.manners
    profile = QUICK
    if not manners.checks_version:
        versions = "transformed" if manners.transforms else "ignored"
        profile = dataclasses.replace(QUICK, versions=versions)
    delivery = Delivery(editor, profile, URI, region[0], lines, **options)
    editor.watch(delivery)
    return delivery


async def finish(editor: FakeEditor, delivery: Delivery) -> str | None:
    """Let everything happen; returns why the delivery stopped, None when it did not."""
    ending = asyncio.ensure_future(delivery.finish())
    await editor.settle()
    try:
        await asyncio.wait_for(ending, 1)
    except Conflict as conflict:
        return conflict.sentence
    return None


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


async def test_a_stale_edit_is_sent_once_more() -> None:
    editor = FakeEditor(BEFORE, VSCODE)
    delivery = delivery_in(editor)
    delivery.write(EDITS)
    editor.user_changes(0, 0, "# mine\n")  # the editor is ahead when it gets the edit

    assert await finish(editor, delivery) is None
    assert editor.buffer == "# mine\n" + AFTER
    assert (editor.edits_sent, editor.edits_applied) == (2, 1)


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


async def test_applied_true_without_the_text_is_not_applied() -> None:
    editor = FakeEditor(BEFORE, LIAR)
    delivery = delivery_in(editor)
    delivery.write(EDITS)

    reason = await finish(editor, delivery)

    assert reason is not None
    assert "did not change" in reason
    assert (editor.buffer, editor.edits_sent, delivery.hunks()) == (BEFORE, 2, [])


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
