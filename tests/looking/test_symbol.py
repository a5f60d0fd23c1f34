"""`symbol`: definitions and uses as they are now, with an index and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.looking import ripgrep
from kibitz_context import indexer
from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate
from kibitz_context.indexing import index
from looking.conftest import TOKEN, Looker


@pytest.fixture(params=["indexed", "not indexed", "no ripgrep"])
def looking(
    request: pytest.FixtureRequest, look: Looker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Looker:
    if request.param == "indexed":
        look.cache = tmp_path / "cache"
        repository = Repository.find(look.made.root)
        wanted = indexer.Request.of(repository, Gate(repository.root), 20_000)
        assert indexer.prepare(wanted, cache_folder=look.cache).problem is None
        assert index.index_of(repository, look.cache).count()
    elif request.param == "no ripgrep":
        monkeypatch.setattr(ripgrep, "executable", lambda root: None)
    return look


def test_where_it_is_defined_and_used(looking: Looker) -> None:
    text = looking.ok("symbol", name="total")

    assert text.startswith("total is defined in 2 places:\n")
    assert '<excerpt path="shop/prices.py" defines="function" lines="4-5">' in text
    assert '<excerpt path="shop/cart.py" defines="method" lines="5-6">' in text
    _, _, uses = text.partition("total stands on ")
    assert "1\tfrom shop.prices import total\n" in uses
    assert "6\t        return total(self.prices)\n" in uses


@pytest.mark.parametrize("name", ["Cart.total", "Cart::total", "shop.cart.Cart.total()"])
def test_a_method_of_a_class(looking: Looker, name: str) -> None:
    text = looking.ok("symbol", name=name)
    assert "total is defined in 1 place:" in text
    assert "def total(self)" in text.partition("total stands on")[0]


def test_the_texts_are_those_of_now(looking: Looker) -> None:
    looking.made.write({"new.py": "def fresh(): ...\n", "shop/prices.py": "def sum_up(): ...\n"})
    looking.type("shop/cart.py", "def in_buffer():\n    fresh()\n")

    assert '"new.py" defines="function"' in looking.ok("symbol", name="fresh")
    assert "2\t    fresh()" in looking.ok("symbol", name="fresh")
    assert '"shop/prices.py" defines' in looking.ok("symbol", name="sum_up")
    assert '"shop/cart.py" defines' in looking.ok("symbol", name="in_buffer")
    assert "neither defined nor used" in looking.ok("symbol", name="Cart")


def test_only_whole_names_count(looking: Looker) -> None:
    looking.made.write({"more.py": "subtotal = totals = 1\nx.total_of\n"})
    assert "more.py" not in looking.ok("symbol", name="total")


def test_secrets_and_what_may_not_be_read(looking: Looker) -> None:
    looking.exclude = ("docs/",)
    result = looking.call("symbol", name="KEY")

    assert TOKEN not in result.text
    assert "REDACTED_" in result.text
    assert "neither" in looking.ok("symbol", name="TOKEN"), "it stands in .env alone"


def test_many_uses_are_counted(looking: Looker) -> None:
    looking.made.write({f"use{n:02}.py": "common()\n" * 20 for n in range(30)})
    looking.made.write({"a.py": "def common(): ...\n"})
    text = looking.ok("symbol", name="common")

    assert "stands on 600 other lines in 30 files" in text
    assert "540 more lines are not shown." in text
    assert len(text) < 16_000


def test_a_name_with_signs_of_a_pattern(looking: Looker) -> None:
    assert "neither" in looking.ok("symbol", name="a+b")
    looking.made.write({"a.js": "const $total = 1; use($total)\n"})
    assert "$total" in looking.ok("symbol", name="$total")
