"""Which files belong to one: each signal alone, each weight on and off, and all together."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from kibitz_context.indexing.history import History
from kibitz_context.ranking.relevance import all_signals, related_files
from kibitz_context.ranking.signals import Query
from kibitz_context.ranking.tree import Tree
from kibitz_context.ranking.weights import RelatedWeights
from kibitz_context.texts.symbols import symbols
from kibitz_context.texts.words import search_words
from support.histories import commits
from support.memory_index import MemoryIndex

WEIGHTS = RelatedWeights()
NO_WEIGHTS = RelatedWeights(**{field.name: 0.0 for field in fields(RelatedWeights)})


def related(
    path: str,
    files: dict[str, str],
    history: History | None = None,
    instruction: str = "",
    weights: RelatedWeights = WEIGHTS,
) -> list[str]:
    index, tree = MemoryIndex(files), Tree({each: each for each in files})
    text = files.get(path, "")
    query = Query(
        path,
        symbols(path, text),
        search_words(text, len(files), index.frequencies),
        instruction,
    )
    found = related_files(query, index, tree, history or History(), 20, weights)
    return [each.path for each in found]


def only(name: str) -> RelatedWeights:
    return replace(NO_WEIGHTS, **{name: 1.0})


# --- each weight: alone it puts one file first, and at 0 that file is not first any more ---------

# What is given, the files, the history, what was said, and the file that the weight is for.
CASES: dict[str, tuple[str, dict[str, str], History, str, str]] = {
    "defines": (
        "a.py",
        {"a.py": "load_frame()\n", "b.py": "x = 1\n", "z.py": "def load_frame(): ...\n"},
        History(),
        "",
        "z.py",
    ),
    "uses": (
        "a.py",
        {"a.py": "def load_frame(): ...\n", "b.py": "x = 1\n", "z.py": "load_frame()\n"},
        History(),
        "",
        "z.py",
    ),
    "imports": (
        "a.py",
        {"a.py": "import zebra\n", "b.py": "x = 1\n", "zebra.py": "y = 2\n"},
        History(),
        "",
        "zebra.py",
    ),
    "imported_by": (
        "shop/wire.py",
        {
            "shop/wire.py": "x = 1\n",
            "shop/__init__.py": "",
            "shop/b.py": "y = 1\n",
            "shop/zebra.py": "from shop import wire\nimport shop.wire\n",
        },
        commits(("shop/b.py",), ("shop/zebra.py",)),
        "",
        "shop/zebra.py",
    ),
    "co_change": (
        "a.py",
        {"a.py": "x\n", "b.py": "y\n", "z.py": "z\n"},
        commits(("b.py", "c.py"), ("a.py", "z.py"), ("a.py", "z.py")),
        "",
        "z.py",
    ),
    "few_change": (
        "a.py",
        {"a.py": "x\n", "b.py": "y\n", "z.py": "z\n"},
        commits(("b.py", "c.py"), ("a.py", "z.py"), ("a.py", "z.py")),
        "",
        "z.py",
    ),
    "few_first": (
        "a.py",
        {"a.py": "x\n", "b.py": "y\n", "z.py": "z\n"},
        commits(("b.py", "c.py"), ("a.py", "z.py"), ("a.py", "z.py")),
        "",
        "z.py",
    ),
    "newest_change": (
        "a.py",
        {"a.py": "x\n", "b.py": "y\n", "z.py": "z\n"},
        commits(("b.py", "c.py"), ("a.py", "z.py"), ("a.py", "z.py")),
        "",
        "z.py",
    ),
    "small_change": (
        "a.py",
        {"a.py": "x\n", "b.py": "y\n", "z.py": "z\n"},
        commits(("b.py", "c.py"), ("a.py", "z.py"), ("a.py", "z.py")),
        "",
        "z.py",
    ),
    "two_steps": (
        "a.py",
        {"a.py": "x\n", "b.py": "y\n", "m.py": "m\n", "z.py": "z\n"},
        commits(("b.py", "c.py"), ("m.py", "z.py"), ("a.py", "m.py")),
        "",
        "z.py",
    ),
    "test_pair": (
        "src/frame.py",
        {"src/frame.py": "x\n", "src/beside.py": "y\n", "tests/test_frame.py": "z\n"},
        commits(("src/beside.py",)),
        "",
        "tests/test_frame.py",
    ),
    "similar": (
        "a.py",
        {
            "a.py": "invoice_total = ledger_total\n",
            "b.py": "packet\n",
            "z.py": "ledger_total = 1\ninvoice_total = 2\n",
        },
        History(),
        "",
        "z.py",
    ),
    "similar_first": (
        "a.py",
        {
            "a.py": "invoice_total = ledger_total\n",
            "b.py": "packet\n",
            "z.py": "ledger_total = 1\ninvoice_total = 2\n",
        },
        History(),
        "",
        "z.py",
    ),
    "near": (
        "deep/down/a.py",
        {"deep/down/a.py": "x\n", "b.py": "y\n", "deep/down/z.py": "z\n"},
        commits(("b.py", "deep/down/z.py")),
        "",
        "deep/down/z.py",
    ),
    "recent": (
        "a.py",
        {"a.py": "x\n", "b.py": "y\n", "z.py": "z\n"},
        commits(("z.py",), *[("o.py",)] * 9, ("b.py",)),
        "",
        "z.py",
    ),
    "recent_first": (
        "a.py",
        {"a.py": "x\n", "b.py": "y\n", "z.py": "z\n"},
        commits(("z.py",), *[("o.py",)] * 9, ("b.py",)),
        "",
        "z.py",
    ),
    "said": (
        "a.py",
        {"a.py": "x\n", "b.py": "packet\n", "z.py": "settle = invoice\n"},
        History(),
        "Settle each invoice",
        "z.py",
    ),
    "said_first": (
        "a.py",
        {"a.py": "x\n", "b.py": "packet\n", "z.py": "settle = invoice\n"},
        History(),
        "Settle each invoice",
        "z.py",
    ),
    "said_path": (
        "a.py",
        {"a.py": "x\n", "b.py": "y\n", "invoices/settle.py": "z\n"},
        commits(("b.py",)),
        "Settle each invoice",
        "invoices/settle.py",
    ),
    "said_name": (
        "a.py",
        {"a.py": "x\n", "b.py": "packet = 1\n", "z.py": "def settle_all(): ...\n"},
        commits(("b.py",)),
        "Let settle_all stop",
        "z.py",
    ),
    "said_before": (
        "a.py",
        {"a.py": "x\n", "b.py": "y\n", "z.py": "z\n"},
        commits(*[("b.py",)] * 12, ("z.py",), messages=(*[""] * 12, "Settle each invoice")),
        "Settle the invoice twice",
        "z.py",
    ),
}


def test_every_weight_is_pinned() -> None:
    assert set(CASES) == {field.name for field in fields(RelatedWeights)}


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_weight_alone_puts_its_file_first(name: str) -> None:
    path, files, history, instruction, expected = CASES[name]
    assert related(path, files, history, instruction, only(name))[0] == expected


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_weight_raises_its_file_and_without_it_the_other_leads(name: str) -> None:
    """Against another file that something weak speaks for, the weight decides."""
    path, files, history, instruction, expected = CASES[name]
    rival = next(each for each in files if each not in (path, expected))
    rest = replace(NO_WEIGHTS, **{name: 1.0})
    with_weight = _scores(path, files, history, instruction, rest)
    without = _scores(path, files, history, instruction, replace(rest, **{name: 0.0}))
    assert with_weight.get(expected, 0.0) > with_weight.get(rival, 0.0)
    assert without.get(expected, 0.0) == without.get(rival, 0.0) == 0.0


def _scores(
    path: str, files: dict[str, str], history: History, instruction: str, weights: RelatedWeights
) -> dict[str, float]:
    index, tree = MemoryIndex(files), Tree({each: each for each in files})
    query = Query(
        path,
        symbols(path, files[path]),
        search_words(files[path], len(files), index.frequencies),
        instruction,
    )
    found = related_files(query, index, tree, history, 20, weights)
    return {each.path: each.score for each in found}


# --- together ----------------------------------------------------------------------------------


def test_the_file_itself_is_never_related_and_every_signal_is_on_one_scale() -> None:
    for path, files, history, instruction, _ in CASES.values():
        index, tree = MemoryIndex(files), Tree({each: each for each in files})
        query = Query(path, symbols(path, files[path]), (), instruction)
        for name, signal in all_signals(query, index, tree, history, WEIGHTS).items():
            assert path not in signal, name
            assert all(0 < value <= 1 for value in signal.values()), name


def test_two_signals_beat_one_that_is_as_strong() -> None:
    files = {
        "shop/frame.py": "def load_frame(): ...\n",
        "shop/one.py": "x\n",
        "tests/test_frame.py": "load_frame()\n",
    }
    history = commits(("shop/frame.py", "shop/one.py"), ("shop/frame.py", "tests/test_frame.py"))
    assert related("shop/frame.py", files, history)[0] == "tests/test_frame.py"


def test_what_is_at_other_commits_only_is_not_found() -> None:
    index = MemoryIndex({"a.py": "load_frame()\n", "old.py": "def load_frame(): ...\n"})
    tree = Tree({"a.py": "a.py"})
    query = Query("a.py", symbols("a.py", "load_frame()\n"), ("load_frame",))
    history = commits(("a.py", "old.py"))
    assert related_files(query, index, tree, history, 9) == []


def test_without_anything_there_is_nothing() -> None:
    assert related_files(Query(), MemoryIndex(), Tree({}), History(), 9) == []


def test_an_unsaved_new_file_has_relations_too() -> None:
    files = {"b.py": "def load_frame(): ...\n"}
    index, tree = MemoryIndex(files), Tree({"b.py": "b.py"})
    query = Query("new.py", symbols("new.py", "load_frame()\n"))
    (found,) = related_files(query, index, tree, History(), 9)
    assert found.path == "b.py"
    assert found.signals["defines"] == 1.0


def test_one_content_at_two_paths_is_two_files() -> None:
    index = MemoryIndex()
    index.add("blob", "b.py", "def load_frame(): ...\n")
    tree = Tree({"b.py": "blob", "c.py": "blob"})
    query = Query("a.py", symbols("a.py", "load_frame()\n"))
    found = related_files(query, index, tree, History(), 9)
    assert [each.path for each in found] == ["b.py", "c.py"]


def test_old_and_large_commits_count_less() -> None:
    files = dict.fromkeys(("a.py", "new.py", "old.py", "large.py"), "x\n")
    history = commits(
        ("a.py", "new.py"),
        ("a.py", "large.py", *(f"{n}.py" for n in range(30))),
        *[("o.py",)] * 60,
        ("a.py", "old.py"),
    )
    order = related("a.py", files, history, weights=only("co_change"))
    assert order == ["new.py", "old.py", "large.py"]


def test_a_name_that_only_holds_the_other_is_not_made_sure_by_being_the_only_one() -> None:
    files = {"src/walk.py": "x\n", "tests/test_walk_links.py": "y\n"}
    index, tree = MemoryIndex(files), Tree({each: each for each in files})
    query = Query("src/walk.py", symbols("src/walk.py", "x\n"))
    found = all_signals(query, index, tree, History(), WEIGHTS)["test_pair"]
    assert found == {"tests/test_walk_links.py": 0.5}
