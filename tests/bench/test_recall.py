"""The measure of recall: nothing of the commit itself leaks in, and a seed repeats it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from bench.recall_cases import Case, Clone, cases, clone, recall
from bench.recall_files import Question, questions
from bench.recall_peers import Chunks

from bench import recall_cases, recall_definitions, recall_files, recall_fit
from kibitz_context.ranking.weights import RelatedWeights
from kibitz_context.tokens import estimate
from support.git_folder import git_folder


def opened(argument: str) -> Clone:
    found = clone(argument)
    assert isinstance(found, Clone), found
    return found


def some_history(root: Path) -> Clone:
    made = git_folder(root, {"a.py": "1\n", "b.py": "1\n", "notes.md": "1\n"})
    made.commit({"a.py": "2\n", "b.py": "2\n"}, "Both at once")
    made.commit({"a.py": "3\n", "notes.md": "2\n"}, "One source file only")
    made.commit({"a.py": "4\n", "new.py": "1\n"}, "One of them is new")
    made.commit({"a.py": "5\n", "new.py": "2\n", "package-lock.json": "2\n"}, "With a lock")
    return opened(f"some/name={root}")


def test_a_case_is_a_commit_of_source_files_that_were_there_before(tmp_path: Path) -> None:
    found, n_eligible = cases(some_history(tmp_path), 10, 1)

    assert {case.message: {case.given, *case.wanted} for case in found} == {
        "Both at once": {"a.py", "b.py"},
        "With a lock": {"a.py", "new.py"},
    }
    assert n_eligible == 3
    assert all(case.given not in case.wanted for case in found)


def test_a_seed_gives_the_same_cases_from_a_bare_clone(tmp_path: Path) -> None:
    first = cases(some_history(tmp_path / "work"), 10, 7)
    subprocess.run(
        ["git", "clone", "-q", "--bare", tmp_path / "work", tmp_path / "bare.git"], check=True
    )

    assert cases(opened(f"some/name={tmp_path / 'bare.git'}"), 10, 7) == first


def test_what_is_no_repository_is_said(tmp_path: Path) -> None:
    assert clone(str(tmp_path)) == f"{tmp_path}: no git repository"
    git_folder(tmp_path / "empty")
    assert clone(str(tmp_path / "empty")) == f"{tmp_path / 'empty'}: no commits"


def test_recall_is_the_share_that_is_found_first() -> None:
    assert recall(["a", "b", "c"], ["b", "z"]) == 0.5
    assert recall(["a", "b", "c"], ["c"], first=2) == 0.0


def asked(found: Clone, case: Case, folder: Path) -> Question:
    (question,) = questions(found, [case], folder)
    return question


def test_the_commit_itself_is_not_known(tmp_path: Path) -> None:
    made = git_folder(tmp_path / "work", {"a.py": "x\n"})
    made.commit({"b.py": "y\n"})
    made.commit({"a.py": "shared_name = 1\n", "b.py": "shared_name\n"}, "Share a name")
    found = opened(f"x={tmp_path / 'work'}")
    ((case,), _) = cases(found, 10, 1)

    signals = asked(found, case, tmp_path / "index").signals

    assert signals["co_change"] == {}
    assert signals["similar"] == {}
    assert signals["said_before"] == {}


def test_an_edit_is_the_lines_that_were_and_the_lines_that_came(tmp_path: Path) -> None:
    lines = [f"line {n}\n" for n in range(20)]
    made = git_folder(tmp_path, {"a.py": "".join(lines), "b.py": "1\n"})
    lines[4] = "four\n"
    lines[10:10] = ["new\n", "newer\n"]
    made.commit({"a.py": "".join(lines), "b.py": "2\n"})
    found = opened(f"x={tmp_path}")
    ((drawn,), _) = cases(found, 1, 1)
    case = Case(drawn.commit, drawn.parent, 0, "", "a.py", ("b.py",))

    edit = recall_definitions.edit(found, case)

    assert edit is not None
    assert (edit.start, edit.end, edit.added) == (4, 10, ("four", "new", "newer"))


def test_chunks_fit_the_budget_and_the_best_come_first() -> None:
    chunks = Chunks()
    for number in range(30):
        chunks.add(str(number), f"invoice_{number} = ledger\n" * 30)
    tree = {f"{number}.py": str(number) for number in range(30)}

    text = chunks.packed(tree, {"invoice_7": 1, "ledger": 1}, 800)

    assert text.startswith("7.py:\n")
    assert 400 < estimate(text) <= 800


def test_a_signal_that_tells_gets_the_larger_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall_fit, "STEPS", 40)
    everyone = [f"{n}.py" for n in range(8)]
    asked = [
        Question(
            Case(str(n), "", 0, "", "given.py", (right,)),
            8,
            0.0,
            {
                "co_change": {right: 1.0, everyone[n - 1]: 0.2},
                "near": dict.fromkeys(everyone, 1.0),
            },
            {},
            {},
        )
        for n, right in enumerate(everyone)
    ]

    weights = recall_fit.fitted([asked])

    assert weights.co_change > 1.0 > weights.near
    assert recall_files.measured(asked, weights).fused == 1.0


def test_every_weight_is_fitted() -> None:
    assert set(recall_files.SIGNALS) == set(RelatedWeights.__dataclass_fields__)
    assert set(recall_files.SAID) < set(recall_files.SIGNALS)
    assert recall_cases.LEAST_FILES == 2
