"""The order of the snapshot: what each weight does, and the same digits everywhere."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.files.repository import TrackedFile
from kibitz_context.indexing.history import History, PastCommit
from kibitz_context.ranking import rank
from kibitz_context.ranking.graph import Edges, Graph
from kibitz_context.ranking.rank import page_rank, snapshot_ranking
from kibitz_context.ranking.weights import SnapshotWeights
from kibitz_context.texts.mentions import Mentions
from kibitz_context.texts.symbols import Definition, Symbols
from support.mentioning import mentions_of

WEIGHTS = SnapshotWeights()


def file(defines: str = "", uses: str = "", imports: tuple[str, ...] = ()) -> Symbols:
    return Symbols(
        "python",
        tuple(
            Definition(name, "function", place, place + 1, place + 1, 0)
            for place, name in enumerate(defines.split())
        ),
        tuple((name, 1) for name in sorted(uses.split())),
        imports,
    )


def order(
    files: dict[str, Symbols],
    weights: SnapshotWeights = WEIGHTS,
    changes: dict[str, int] | None = None,
    sizes: dict[str, int] | None = None,
) -> list[str]:
    tracked = [TrackedFile(path, path, (sizes or {}).get(path, 1_000)) for path in files]
    past = tuple(
        PastCommit(f"{path} {time}", (path,), ())
        for path, times in (changes or {}).items()
        for time in range(times)
    )
    return snapshot_ranking(tracked, mentions_of(files), History("x", past), weights).best_first()


# --- each weight, on and off -------------------------------------------------------------------


def test_reference() -> None:
    files = {"a.py": file(uses="load"), "b.py": file(uses="load"), "z.py": file("load")}
    assert order(files)[0] == "z.py"
    assert order(files, replace(WEIGHTS, reference=0.0)) == ["a.py", "b.py", "z.py"]


def test_imports() -> None:
    files = {"a.py": file(imports=("z",)), "b.py": file(), "z.py": file()}
    assert order(files)[0] == "z.py"
    assert order(files, replace(WEIGHTS, imports=0.0)) == ["a.py", "b.py", "z.py"]


def test_aside_start() -> None:
    files = {
        "a.py": file(),
        "b.py": file(),
        "lone.py": file("lone"),
        "tests/test_x.py": file(uses="lone"),
    }
    assert order(files)[0] == "lone.py"
    assert order(files, replace(WEIGHTS, aside_start=0.0)) == [
        "a.py",
        "b.py",
        "lone.py",
        "tests/test_x.py",
    ]


def test_often_changed() -> None:
    files = {"a.py": file(), "b.py": file()}
    assert order(files, changes={"a.py": 1, "b.py": 40}) == ["b.py", "a.py"]
    never = replace(WEIGHTS, often_changed=0.0)
    assert order(files, never, changes={"a.py": 1, "b.py": 40}) == ["a.py", "b.py"]


def test_size() -> None:
    files = {"a.py": file(), "b.py": file()}
    assert order(files, sizes={"a.py": 90_000}) == ["b.py", "a.py"]
    assert order(files, replace(WEIGHTS, size=0.0), sizes={"a.py": 90_000}) == ["a.py", "b.py"]


# --- the ranking as a whole --------------------------------------------------------------------


def test_every_file_has_a_score_and_a_step() -> None:
    tracked = [TrackedFile("b.md", "1", 5), TrackedFile("a.py", "2", None)]
    past = (PastCommit("x", ("a.py", "gone.py"), ()),)
    found = snapshot_ranking(tracked, {}, History("x", past))
    assert sorted(found.scores) == ["a.py", "b.md"]
    assert found.often_changed == {"a.py": 1, "b.md": 0}


def test_no_files_have_no_ranking() -> None:
    assert snapshot_ranking([], {}, History()).scores == {}


@given(st.lists(st.lists(st.tuples(st.integers(0, 9), st.floats(0.1, 9)), max_size=6), max_size=10))
def test_a_reader_is_always_somewhere(drawn: list[list[tuple[int, float]]]) -> None:
    count = len(drawn)
    edges = tuple(
        Edges.of({target % count: weight for target, weight in found}.items()) for found in drawn
    )
    ranks = page_rank(Graph(tuple(map(str, range(count))), edges), [1.0] * count, 0.85)
    assert sum(ranks) == pytest.approx(count)
    assert all(each > 0 for each in ranks)


def test_without_a_place_to_start_all_are_equal() -> None:
    assert page_rank(Graph(("a", "b"), (Edges.of(()), Edges.of(()))), [0.0, 0.0], 0.85) == [
        1.0,
        1.0,
    ]


def a_repository(seed: int = 3, count: int = 60) -> tuple[list[TrackedFile], dict[str, Mentions]]:
    chance = random.Random(seed)
    names = [f"name{n}" for n in range(3 * count)]
    symbols = {
        str(n): file(
            " ".join(chance.sample(names, 4)),
            " ".join(chance.sample(names, 25)),
            (str(chance.randint(0, count)),),
        )
        for n in range(count)
    }
    files = [TrackedFile(f"d{n % 7}/{n}.py", str(n), 500 * (n % 50)) for n in range(count)]
    return files, mentions_of(symbols)


def test_the_order_of_the_files_does_not_matter() -> None:
    files, mentions = a_repository()
    first = snapshot_ranking(files, mentions, History())
    random.Random(1).shuffle(files)
    again = snapshot_ranking(files, dict(reversed(mentions.items())), History())
    assert (again.scores, list(again.scores)) == (first.scores, list(first.scores))


_PROGRAM = """
import sys; sys.path[:0] = {folders!r}
from test_rank import a_repository
from kibitz_context.indexing.history import History
from kibitz_context.ranking.rank import snapshot_ranking
print(sorted(snapshot_ranking(*a_repository(), History()).scores.items()))
"""


def test_another_hash_seed_gives_the_same_digits() -> None:
    here = Path(__file__).resolve()
    program = _PROGRAM.format(folders=[str(here.parent), str(here.parents[2])])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed, locale in (("1", "C"), ("2", "C.UTF-8"), ("3", "C"))
    }
    assert len(outputs) == 1
    assert (
        repr(rank.snapshot_ranking(*a_repository(), History()).scores["d0/0.py"]) in outputs.pop()
    )


def test_the_digits_are_pinned() -> None:
    """Another Python or another processor must not give others: prompts would differ."""
    files, mentions = a_repository(seed=5, count=12)
    found = snapshot_ranking(files, mentions, History())
    assert [(path, found.scores[path]) for path in found.best_first()[:4]] == [
        ("d3/3.py", 1.178728),
        ("d0/0.py", 1.043336),
        ("d1/1.py", 1.042228),
        ("d2/2.py", 0.952208),
    ]
