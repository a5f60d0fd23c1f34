"""When edits go out, and how those of a stream become one undo step where our plugin helps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from kibitz.delivery import Conflict, Delivery
from kibitz.edits.values import LineEdit
from kibitz.profiles import PLAIN, Profile, with_plugin
from kibitz.turns import Turns
from kibitz_context.lines import split_lines
from support.fake_editor import HONEST, PLUGIN, URI, FakeEditor

BEFORE = "a\nb\nc\nd\ne\n"
WITH_PLUGIN = with_plugin(PLAIN)


def delivery_in(
    editor: FakeEditor,
    profile: Profile,
    region: tuple[int, int] = (0, 5),
    turns: Turns | None = None,
) -> Delivery:
    lines = split_lines(editor.buffer)[region[0] : region[1]]
    delivery = Delivery(editor, profile, URI, region[0], lines, turns=turns)
    editor.watch(delivery)
    return delivery


async def let(editor: FakeEditor, seconds: float = 0.0) -> None:
    """Let the editor work for so long; timers ring when their time has come."""
    editor.seconds += seconds
    await editor.settle(fire_timers=False)
    if seconds:
        for _ in range(len(editor.timers)):
            editor.fire_timer()
            await editor.settle(fire_timers=False)


async def finished(editor: FakeEditor, delivery: Delivery) -> None:
    ending = asyncio.ensure_future(delivery.finish())
    await editor.settle()
    await asyncio.wait_for(ending, 1)


def intervals(editor: FakeEditor) -> list[float]:
    """What was waited for between edits, in seconds; not for echoes."""
    return [seconds for seconds in editor.waits if seconds != PLAIN.echo_seconds]


def one_of(new: Sequence[str], at: int = 1) -> list[LineEdit]:
    return [LineEdit(at, at, tuple(new))]


async def test_a_plain_client_gets_each_hunk_when_it_is_finished_and_two_a_second() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    delivery = delivery_in(editor, PLAIN)

    delivery.write([LineEdit(0, 1, ("A\n",))])
    await let(editor)
    assert editor.buffer == "A\nb\nc\nd\ne\n"
    delivery.write([LineEdit(2, 3, ("C\n",))])
    await let(editor)
    assert editor.buffer == "A\nb\nc\nd\ne\n", "the second one waits"
    assert intervals(editor) == [0.5]
    await let(editor, 0.5)

    assert editor.buffer == "A\nb\nC\nd\ne\n"


async def test_the_first_line_of_an_unfinished_hunk_stands_after_one_interval() -> None:
    editor = FakeEditor(BEFORE, HONEST)
    delivery = delivery_in(editor, PLAIN)

    delivery.write(one_of(["new 1\n"]), in_hunk=True)
    await let(editor)
    assert (editor.buffer, intervals(editor)) == (BEFORE, [0.5])
    await let(editor, 0.5)
    assert editor.buffer == "a\nnew 1\nb\nc\nd\ne\n"

    delivery.write(one_of([f"new {number}\n" for number in range(2, 20)]), in_hunk=True)
    await let(editor, 0.5)
    assert editor.edits_sent == 1, "what follows is one step"
    delivery.write([LineEdit(1, 2, ())])
    await let(editor, 0.5)
    assert editor.edits_sent == 2
    await finished(editor, delivery)
    written = "".join(f"new {number}\n" for number in range(1, 20))
    assert editor.buffer == f"a\n{written}c\nd\ne\n"


async def test_a_plugin_gets_lines_as_fast_as_it_tells_of_them() -> None:
    editor = FakeEditor(BEFORE, PLUGIN)
    delivery = delivery_in(editor, WITH_PLUGIN)

    delivery.write(one_of(["new 1\n"]), in_hunk=True)
    await let(editor, 0.15)
    assert editor.buffer == "a\nnew 1\nb\nc\nd\ne\n"
    delivery.write(one_of(["new 2\n"]), in_hunk=True)
    await let(editor, 0.15)
    assert editor.buffer == "a\nnew 1\nnew 2\nb\nc\nd\ne\n"
    assert set(intervals(editor)) == {0.15}

    delivery.write(one_of(["new 3\n"]), in_hunk=True)
    await asyncio.sleep(0)
    editor.fire_timer()
    editor.seconds += 0.1  # which it needs to tell of it
    await editor.settle(fire_timers=False)
    delivery.write(one_of(["new 4\n"]), in_hunk=True)
    await let(editor, 0.15)
    assert intervals(editor)[-1] == pytest.approx(0.3)


async def test_edits_of_a_stream_are_one_undo_step_of_a_plugin() -> None:
    editor = FakeEditor(BEFORE, PLUGIN)
    delivery = delivery_in(editor, WITH_PLUGIN)
    for at in range(4):
        delivery.write([LineEdit(at, at + 1, (f"new {at}\n",))])
        await let(editor, 0.5)
    await finished(editor, delivery)
    assert editor.undo_marks == ["start", "continue", "continue", "continue", "end"]

    editor.undo()

    assert (editor.buffer, editor.undo_steps) == (BEFORE, [])


async def test_an_edit_that_was_refused_does_not_begin_the_step() -> None:
    editor = FakeEditor(BEFORE, PLUGIN)
    delivery = delivery_in(editor, WITH_PLUGIN)
    delivery.write([LineEdit(2, 3, ("C\n",))])
    editor.user_changes(0, 0, "mine\n")  # the edit in flight is of an older text

    await finished(editor, delivery)

    assert editor.undo_marks == ["start", "start", "end"]
    assert editor.buffer == "mine\na\nb\nC\nd\ne\n"


async def test_two_streams_in_one_document_do_not_share_a_step() -> None:
    editor = FakeEditor(BEFORE, PLUGIN)
    turns = Turns()
    upper = delivery_in(editor, WITH_PLUGIN, (0, 2), turns)
    lower = delivery_in(editor, WITH_PLUGIN, (3, 5), turns)
    for delivery, line in ((upper, "A\n"), (upper, "B\n"), (lower, "D\n"), (upper, "C\n")):
        at = 0 if line in ("A\n", "D\n") else 1
        delivery.write([LineEdit(at, at, (line,))])
        await let(editor, 0.5)

    assert editor.undo_marks == ["start", "continue", "start", "start"]


@pytest.mark.parametrize("how", ["finish", "stop", "undo", "restore", "close"])
async def test_every_way_a_stream_ends_ends_its_step_once(how: str) -> None:
    editor = FakeEditor(BEFORE, PLUGIN)
    delivery = delivery_in(editor, WITH_PLUGIN)
    delivery.write([LineEdit(1, 2, ("changed\n",))])
    await let(editor)

    if how == "finish":
        await finished(editor, delivery)
    elif how == "stop":
        await delivery.halt("you stopped it")
    elif how == "undo":
        editor.undo()
        await editor.settle()
        with pytest.raises(Conflict):
            await delivery.finish()
        await delivery.halt("you took it back")
    elif how == "restore":
        restoring = asyncio.ensure_future(delivery.restore())
        await editor.settle()
        assert await restoring
    else:
        editor.close()
        await editor.settle()
        delivery.document_closed(URI)

    assert editor.undo_marks.count("end") == (0 if how == "close" else 1)
    assert editor.undo_marks[-1] == ("start" if how == "close" else "end")


async def test_a_stream_that_wrote_nothing_has_no_step_to_end() -> None:
    editor = FakeEditor(BEFORE, PLUGIN)
    delivery = delivery_in(editor, WITH_PLUGIN)

    await finished(editor, delivery)

    assert editor.undo_marks == []


async def test_a_document_that_nobody_sees_gets_the_rest_as_one_edit() -> None:
    editor = FakeEditor(BEFORE, PLUGIN, is_hidden=True)
    delivery = delivery_in(editor, WITH_PLUGIN)
    for at in range(4):
        delivery.write([LineEdit(at, at + 1, (f"new {at}\n",))])
        await let(editor, 0.5)
    assert editor.buffer == "new 0\nb\nc\nd\ne\n"

    await finished(editor, delivery)

    assert editor.buffer == "new 0\nnew 1\nnew 2\nnew 3\ne\n"
    assert editor.edits_sent == 2
