"""Whatever somebody does, the prefix only grows, and what is told is the truth."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kibitz_context.values import Context
from support.asking_editor import (
    Clock,
    Editor,
    grows,
    plan,
)
from support.context_reader import as_read
from support.git_folder import GitFolder, git_folder
from support.prefix_files import FILES, truth

PATHS = ["a.py", "b.py", "d/c.py", "new.py"]
TEXTS = ["", "x = 1\n", FILES["a.py"] + "more\n", FILES["a.py"].replace("a = 1\n", "a = 5\n", 1)]
_path = st.sampled_from(PATHS)
_text = st.sampled_from(TEXTS)
_moves = st.lists(
    st.one_of(
        st.tuples(st.just("save"), _path, _text),
        st.tuples(st.just("type"), _path, _text),
        st.tuples(st.just("close"), _path, st.none()),
        st.tuples(st.just("delete"), _path, st.none()),
        st.tuples(st.just("commit"), st.none(), st.none()),
        st.tuples(st.just("switch"), st.sampled_from(["main", "other"]), st.none()),
        st.tuples(st.just("revert"), st.none(), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([10, 400, 4_000]), st.none()),
        st.tuples(st.just("ask"), st.none(), st.none()),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_moves)
def test_whatever_somebody_does(moves: list[tuple[str, object, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr("time.time", lambda: clock.now)
        made = git_folder(Path(folder) / "root", FILES)
        made.git("branch", "other")
        editor = Editor(made, Path(folder) / "cache")
        editor.prepare()
        before: Context | None = None
        for kind, what, text in (*moves, ("ask", None, None)):
            act(editor, clock, kind, what, text)
            editor.prepare()
            after = editor.ask()
            assert as_read(after) == truth(editor)
            if before is not None and plan(after).step == "keep":
                assert grows(before, after)
            assert plan(after).reason
            before = after
            clock.now += 1


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_moves)
def test_whatever_somebody_does_in_a_folder(moves: list[tuple[str, object, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr("time.time", lambda: clock.now)
        made = GitFolder(Path(folder) / "root")
        made.write(FILES)
        editor = Editor(made, Path(folder) / "cache")
        before: Context | None = None
        for kind, what, text in (*moves, ("ask", None, None)):
            if kind not in ("commit", "switch", "revert"):
                act(editor, clock, kind, what, text)
            after = editor.ask()
            assert as_read(after) == truth(editor)
            if before is not None and plan(after).step == "keep":
                assert grows(before, after)
            before = after
            clock.now += 1


def act(editor: Editor, clock: Clock, kind: str, what: object, text: object) -> None:
    made = editor.made
    if kind == "save":
        made.write({str(what): str(text)})
    elif kind == "type":
        editor.buffers[made.root / str(what)] = str(text)
    elif kind == "close":
        editor.buffers.pop(made.root / str(what), None)
    elif kind == "delete":
        (made.root / str(what)).unlink(missing_ok=True)
    elif kind == "commit":
        made.commit()
    elif kind == "switch":
        made.git("switch", "-q", "--discard-changes", str(what))
    elif kind == "revert":
        made.git("checkout", "-q", ".")
    elif kind == "wait":
        assert isinstance(what, int)
        clock.now += what
