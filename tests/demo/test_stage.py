"""What is shown while things grow, and that nothing of it is left or lost afterwards."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.demo import acts, views
from kibitz.demo.diff import hunks
from kibitz.demo.editor import Diagnostic
from kibitz.demo.script import Script
from kibitz.demo.stage import Stage, console
from support.screen import Screen

WIDTH, HEIGHT = 60, 12
SCRIPT = Script.read()


class Tty(io.StringIO):
    """A terminal, to whom every write is known."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


def moving_stage(monkeypatch: pytest.MonkeyPatch) -> tuple[Stage, Tty]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("kibitz.demo.stage.FRAME_SECONDS", 0.0)
    tty = Tty()
    shown = console(tty, is_terminal=True, has_colours=True)
    shown.size = shown.size._replace(width=WIDTH, height=HEIGHT)  # type: ignore[attr-defined]
    return Stage(shown, moves=True, unhurried=False), tty


def still_stage(columns: int = WIDTH) -> tuple[Stage, io.StringIO]:
    out = io.StringIO()
    shown = console(out, is_terminal=False, has_colours=True)
    shown.width = columns
    return Stage(shown, moves=False, unhurried=False), out


def tell(stage: Stage, text: str, seed: int, *, longest_piece: int = 40) -> None:
    """Let an answer grow on a stage, in pieces of chance."""
    chance = random.Random(seed)
    stage.show("before")
    with stage.growing() as growing:
        growing.status("waiting")
        answer = acts._Answer(growing)
        while text:
            size = chance.randint(1, longest_piece)
            answer.feed(text[:size])
            growing.status(f"{len(text)} to come")
            text = text[size:]
        answer.finish()
    stage.show("after")


@pytest.mark.parametrize("seed", range(5))
def test_an_answer_leaves_what_a_pipe_would_get(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, tty = moving_stage(monkeypatch)
    tell(stage, SCRIPT.explanation, seed)
    screen = Screen(WIDTH, HEIGHT)
    screen.feed(tty.getvalue())

    plain, out = still_stage()
    tell(plain, SCRIPT.explanation, seed)

    assert screen.text + "\n" == out.getvalue()
    assert screen.cursor_is_shown
    assert "waiting" in tty.getvalue(), "something was shown while it grew"


def test_no_frame_shows_a_finished_block_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, tty = moving_stage(monkeypatch)
    words = ["zero", "one", "two", "three", "four"]
    tell(stage, "".join(f"- {word}\n" for word in words) + "\nend\n", seed=1, longest_piece=3)
    screen = Screen(WIDTH, HEIGHT)
    for write in tty.writes:
        screen.feed(write)
        for word in words:
            assert screen.text.count(word) <= 1, screen.text


@given(st.integers(0, 30), st.integers(0, 30))
def test_rows_higher_than_the_terminal_show_their_end(n_first: int, n_then: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        stage, tty = moving_stage(monkeypatch)
        with stage.growing() as growing:
            for count in (n_first, n_then):
                growing.grow("\n".join(f"row {number}" for number in range(count)))
                screen = Screen(WIDTH, HEIGHT)
                screen.feed(tty.getvalue())
                assert count == 0 or f"row {count - 1}" in screen.text
        stage.show("after")
    screen = Screen(WIDTH, HEIGHT)
    screen.feed(tty.getvalue())
    assert screen.text == "after"


def test_an_interrupted_stage_is_left_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, tty = moving_stage(monkeypatch)
    with pytest.raises(KeyboardInterrupt), stage.growing() as growing:
        growing.grow("half of it")
        raise KeyboardInterrupt
    screen = Screen(WIDTH, HEIGHT)
    screen.feed(tty.getvalue())
    assert (screen.text, screen.cursor_is_shown) == ("", True)


def test_without_colours_there_is_no_escape_sequence() -> None:
    out = io.StringIO()
    shown = console(out, is_terminal=True, has_colours=False)
    stage = Stage(shown, moves=shown.is_terminal, unhurried=False)
    assert not stage.moves
    tell(stage, SCRIPT.explanation, seed=0)
    assert "\x1b" not in out.getvalue()
    assert "What it relies on" in out.getvalue()


def rendered(view: object, columns: int = WIDTH) -> str:
    stage, out = still_stage(columns)
    stage.show(view)  # type: ignore[arg-type]
    return out.getvalue()


def test_a_finding_with_its_lines_and_where_the_reply_put_it() -> None:
    lines = ["def f():\n", "    return 1\n", "\n"]
    found = Diagnostic(2, "correctness", 1, 1, "Wrong number\nIt is two.", "    return 2")
    assert rendered(views.finding(found, lines, "a.py", stated_line=9)) == (
        "warning  Wrong number  a.py:2\n"
        "    1   def f():\n"
        "    2 ▌     return 1\n"
        "      +     return 2\n"
        "        It is two.\n"
        "        The reply says line 9 but quotes line 2: there the\n"
        "        finding stands.\n"
    )


def test_a_finding_that_is_where_the_reply_says_so_says_nothing_of_it() -> None:
    found = Diagnostic(1, "correctness", 0, 0, "Wrong", "")
    assert rendered(views.finding(found, ["x = 1\n"], "a.py", stated_line=1)) == (
        "error  Wrong  a.py:1\n    1 ▌ x = 1\n"
    )


def test_escape_sequences_of_others_are_not_shown() -> None:
    found = Diagnostic(1, "", 0, 0, "\x1b[2JWrong\n\x1b]0;title\x07yes", "\x1b[31mred")
    shown = rendered(views.finding(found, ["\x1b[2Jx\n"], "a.py", None))
    assert "\x1b" not in shown
    assert "Wrong" in shown
    diff = rendered(views.diff(hunks(["a\n"], ["\x1b[2Jb\n"])))
    assert diff == "    1 - a\n    1 + b\n"


def test_long_lines_of_a_diff_are_cut_and_not_wrapped() -> None:
    diff = rendered(views.diff(hunks([], ["x" * 100 + "\n"])))
    assert diff == "    1 + " + "x" * (WIDTH - 9) + "…\n"


def test_an_ending_that_does_not_fit_is_parted_where_it_is_joined() -> None:
    assert rendered(views.done("3 findings · a bill"), 40) == "✓ 3 findings · a bill\n"
    assert rendered(views.done("3 findings · a bill"), 18) == "✓ 3 findings\n  a bill\n"
