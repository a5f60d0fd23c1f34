"""What a conversation is told of a repository that goes on changing."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from kibitz.conversation.news import AS_TOLD, NEWS, RESTORED, News, Told, news
from kibitz_context.values import Context, Layer, Place, Plan, Statement

LONG = 10_000  # tokens of turns


HUNK = re.compile(
    r'<diff path="([^"]+)"( against="told")?>\n@@ (\d+)-(\d+) @@\n(.*?)\n</diff>', re.DOTALL
)
WHOLE = re.compile(r'<file path="([^"]+)">\n(.*?)\n</file>', re.DOTALL)


def entry(path: str, text: str, first: int = 1, last: int = 9, against: str = "") -> str:
    opening = f'<diff path="{path}"{against}>'
    return f"<changes>\n{opening}\n@@ {first}-{last} @@\n{text}\n</diff>\n</changes>\n"


def whole(path: str, text: str) -> str:
    return f'<changes>\n<file path="{path}">\n{text}\n</file>\n</changes>\n'


def statements(text: str) -> tuple[Statement, ...]:
    """What a part of the changes says; here a state is called as it is written."""
    files = [Statement(Place(path), state) for path, state in WHOLE.findall(text)]
    hunks = [
        Statement(Place(path, (int(first) - 1, int(last)), bool(against)), state)
        for path, against, first, last, state in HUNK.findall(text)
    ]
    return (*files, *hunks)


def context(*log: str, tail: str = "", snapshot: str = "Snapshot.", alive: int = 0) -> Context:
    def layer(name: str, text: str) -> Layer:
        return Layer(name, text, len(text) // 3)  # type: ignore[arg-type]

    plan = Plan(
        changes_log=log,
        changes_tail=tail,
        log_statements=tuple(map(statements, log)),
        tail_statements=statements(tail),
        log_blocks_alive=alive,
    )
    text = "".join((*log, tail))
    return Context(
        Path("/r"), "c", layer("snapshot", snapshot), layer("changes", text), layer("task", ""),
        plan=plan,
    )  # fmt: skip


def system(found: News) -> tuple[tuple[str, ...], str]:
    plan = found.context.plan
    assert plan is not None
    return plan.changes_log, plan.changes_tail


A, B = entry("a.py", "+1"), entry("b.py", "+2")


def test_the_first_question_is_on_the_repository_as_it_is() -> None:
    now = context(A, tail=B)
    found = news(None, now, 0)
    assert (found.context, found.text, found.begins_anew) == (now, "", False)


def test_without_a_change_there_is_no_news() -> None:
    first = news(None, context(A, tail=B), 0)
    second = news(first.told, context(A, tail=B), LONG)
    assert (second.text, second.begins_anew) == ("", False)
    assert system(second) == ((A,), B)
    assert second.told == first.told


def test_news_are_told_once_and_the_system_blocks_stay() -> None:
    first = news(None, context(A), 0)
    second = news(first.told, context(A, B, tail=entry("c.py", "+3")), LONG)
    assert second.text.startswith(NEWS)
    assert B in second.text
    assert '"c.py"' in second.text
    assert A not in second.text
    assert system(second) == ((A,), "")

    third = news(second.told, context(A, B, tail=entry("c.py", "+3")), LONG)
    assert third.text == ""
    fourth = news(third.told, context(A, B, tail=entry("c.py", "+4")), LONG)
    assert "+4" in fourth.text
    assert B not in fourth.text
    assert system(fourth) == ((A,), "")


def test_what_is_as_before_again_is_told() -> None:
    first = news(None, context(tail=A + B), 0)
    second = news(first.told, context(tail=B), LONG)
    assert f"{RESTORED}\na.py\n" in second.text
    assert "b.py" in second.text
    assert news(second.told, context(tail=B), LONG).text == ""


def test_of_a_file_that_differs_elsewhere_the_lines_are_named() -> None:
    above, below = entry("a.py", "+1", 1, 3), entry("a.py", "+9", 20, 24)
    first = news(None, context(tail=above + below), 0)
    second = news(first.told, context(tail=below), LONG)
    assert f"{RESTORED}\na.py, lines 1-3\n" in second.text
    typed_on = entry("a.py", "+2", 2, 6)
    third = news(second.told, context(tail=typed_on), LONG)
    assert f"{RESTORED}\na.py, lines 20-24\n" in third.text, "of the others there is newer"
    fourth = news(third.told, context(), LONG)
    assert f"{RESTORED}\na.py\n" in fourth.text


def test_lines_of_the_log_that_hold_again_cannot_be_said() -> None:
    """The tail took the place of what the log had told, and is gone; newer lines do not say so."""
    logged, over_it = entry("a.py", "+1", 1, 6), entry("a.py", "+2", 4, 9)
    told = news(None, context(logged, tail=over_it), 0).told
    assert news(told, context(logged, tail=entry("a.py", "+3", 8, 12)), LONG).begins_anew
    assert not news(told, context(logged, tail=entry("a.py", "+3", 6, 12)), LONG).begins_anew


def test_of_a_file_that_was_told_whole_only_what_has_become_of_it_is_news() -> None:
    told = ' against="told"'
    above, below = entry("n.py", "+1", 1, 3, told), entry("n.py", "+9", 20, 24, told)
    first = news(None, context(whole("n.py", "new")), 0)
    second = news(first.told, context(whole("n.py", "new"), tail=above + below), LONG)
    assert not second.begins_anew
    assert above + below in second.text
    third = news(second.told, context(whole("n.py", "new"), tail=below), LONG)
    assert f"{AS_TOLD}\nn.py, lines 1-3\n" in third.text
    assert RESTORED not in third.text
    stored = Told.from_json(json.loads(json.dumps(dataclasses.asdict(third.told))))
    assert stored == third.told
    fourth = news(stored, context(whole("n.py", "new"), whole("n.py", "newer")), LONG)
    assert whole("n.py", "newer") in fourth.text
    assert AS_TOLD not in fourth.text, "it is told as it is"
    assert fourth.told.holding == (Statement(Place("n.py"), "newer"),)
    gone = news(third.told, context(whole("n.py", "new"), tail=A), LONG)
    assert f"{AS_TOLD}\nn.py, lines 20-24\n" in gone.text
    deleted = news(told_of_whole_and(below), context(), LONG)
    assert f"{RESTORED}\nn.py\n" in deleted.text, "there is none, as there was none before"
    assert AS_TOLD not in deleted.text


def told_of_whole_and(hunks: str) -> Told:
    """What a conversation knows that was told a new file in its turns alone."""
    told = news(None, context(tail=A), 0).told
    return news(told, context(whole("n.py", "new"), tail=hunks), LONG).told


def test_what_was_told_whole_in_between_is_not_what_hunks_are_of() -> None:
    """A reader would take them for hunks of the text that was told last."""
    logged = whole("n.py", "new")
    told = news(None, context(logged), 0).told
    told = news(told, context(logged, tail=whole("n.py", "quite another")), LONG).told
    hunk = entry("n.py", "+1", 1, 3, ' against="told"')
    assert news(told, context(logged, tail=hunk), LONG).begins_anew


def test_what_moves_into_the_log_is_no_loss() -> None:
    first = news(None, context(tail=A), 0)
    second = news(first.told, context(A), LONG)
    assert A in second.text
    assert RESTORED not in second.text


def test_what_cannot_be_said_on_top_begins_anew() -> None:
    told = news(None, context(A, B), 0).told
    for now in (
        context(A, B, snapshot="Another."),
        context(B, A),  # the log was folded
        context(A),
    ):
        found = news(told, now, LONG)
        assert (found.context, found.text, found.begins_anew) == (now, "", True)
        assert found.told == news(None, now, 0).told

    # The log had told a.py before the tail did, and holds again.
    tail_over_log = news(None, context(A, tail=entry("a.py", "+9")), 0).told
    assert news(tail_over_log, context(A), LONG).begins_anew


def test_a_log_that_only_turns_have_told_may_be_written_anew() -> None:
    told = news(None, context(tail=A), 0).told
    told = news(told, context(A, B), LONG).told
    found = news(told, context(B), LONG)
    assert not found.begins_anew
    assert system(found) == ((), A)
    assert B in found.text
    assert f"{RESTORED}\na.py\n" in found.text
    assert news(found.told, context(B), LONG).text == ""
    unplanned = dataclasses.replace(context(B), plan=None)
    assert news(told, unplanned, LONG).begins_anew, "what it says cannot be told"


def test_news_longer_than_the_conversation_begin_it_anew() -> None:
    told = news(None, context(A), 0).told
    long = entry("b.py", "+2\n" * 1_000)
    assert news(told, context(A, long), 100).begins_anew
    assert not news(told, context(A, long), LONG).begins_anew


def test_a_log_that_has_grown_is_counted_on_only_as_far_as_it_is_sent() -> None:
    told = news(None, context(A), 0).told
    for alive, expected in ((1, 1), (2, 0)):
        plan = news(told, context(A, B, alive=alive), LONG).context.plan
        assert plan is not None
        assert plan.log_blocks_alive == expected
