"""Who refers to whom, and the reader who follows it: the same whatever the order."""

from __future__ import annotations

import random

import pytest

from kibitz_context.ranking import graph
from kibitz_context.ranking.graph import Edges, Graph
from kibitz_context.texts.symbols import Definition, Symbols
from support.mentioning import mentions_of


def file(
    defines: str = "", uses: str | dict[str, int] = "", imports: tuple[str, ...] = ()
) -> Symbols:
    """Symbols of a file that has the names in `defines` and uses those in `uses`."""
    counts = uses if isinstance(uses, dict) else dict.fromkeys(uses.split(), 1)
    return Symbols(
        "python",
        tuple(
            Definition(name, "function", place, place + 1, place + 1, 0)
            for place, name in enumerate(defines.split())
        ),
        tuple(sorted(counts.items())),
        imports,
    )


def edges(files: dict[str, Symbols], import_weight: float = 2.0) -> dict[tuple[str, str], float]:
    made = graph.references(list(files), mentions_of(files), import_weight)
    return {
        (made.paths[start], made.paths[end]): weight
        for start, found in enumerate(made.edges)
        for end, weight in zip(found.targets, found.weights, strict=True)
    }


def test_a_file_refers_to_those_that_define_what_it_uses() -> None:
    assert edges(
        {
            "a.py": file(uses={"load": 1, "save": 4, "print": 9}),
            "b.py": file("load"),
            "c.py": file("save"),
        }
    ) == {("a.py", "b.py"): 1.0, ("a.py", "c.py"): 2.0}


def test_a_name_with_two_homes_counts_half_for_each() -> None:
    found = edges({"a.py": file(uses="load"), "b.py": file("load"), "c.py": file("load")})
    assert found == {("a.py", "b.py"): 0.5, ("a.py", "c.py"): 0.5}


def test_a_name_that_everybody_has_says_nothing() -> None:
    many = {f"{n}.py": file("main") for n in range(graph.MAX_DEFINING_FILES + 1)}
    assert edges({"a.py": file(uses="main"), **many}) == {}


def test_a_name_that_the_file_defines_itself_is_its_own() -> None:
    assert edges({"a.py": file("load", uses="load"), "b.py": file("load")}) == {}


def test_an_import_is_a_reference_too() -> None:
    files = {"a.py": file(imports=("b", "os")), "b.py": file()}
    assert edges(files) == {("a.py", "b.py"): 2.0}
    assert edges(files, import_weight=0) == {}


def test_of_a_file_that_refers_to_everything_the_most_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph, "MAX_EDGES_OF_A_FILE", 2)
    files = {f"{name}.py": file(name) for name in ("one", "two", "three")}
    found = edges({"a.py": file(uses={"one": 1, "two": 4, "three": 2}), **files})
    assert set(found) == {("a.py", "two.py"), ("a.py", "three.py")}


def test_files_without_symbols_are_there_without_edges() -> None:
    assert graph.references(["b.py", "a.py"], {}, 1.0) == Graph(
        ("a.py", "b.py"), (Edges.of(()), Edges.of(()))
    )


def test_the_order_in_which_files_are_given_does_not_matter() -> None:
    chance = random.Random(1)
    names = [f"name{n}" for n in range(60)]
    files = {
        f"{n}.py": file(
            " ".join(chance.sample(names, 5)),
            {name: chance.randint(1, 5) for name in chance.sample(names, 20)},
            (str(chance.randint(0, 29)),),
        )
        for n in range(30)
    }
    first = graph.references(list(files), mentions_of(files), 2.0)
    for _ in range(5):
        shuffled = list(files.items())
        chance.shuffle(shuffled)
        again = graph.references([path for path, _ in shuffled], mentions_of(dict(shuffled)), 2.0)
        assert again == first
