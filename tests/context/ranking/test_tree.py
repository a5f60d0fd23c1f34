"""What paths alone tell: which files belong together by name, and what a file is called after."""

from __future__ import annotations

import pytest

from kibitz_context.ranking.tree import Tree, is_test, nearness, stem


@pytest.mark.parametrize(
    ("path", "partners"),
    [
        ("src/http_server.py", {"tests/test_http_server.py": 1.0}),
        ("tests/test_http_server.py", {"src/http_server.py": 1.0}),
        ("src/HttpServer.java", {"test/HttpServerTest.java": 1.0}),
        ("pkg/tree.go", {"pkg/tree_test.go": 1.0}),
        ("app/list.ts", {"app/list.spec.ts": 1.0}),
        ("src/array.c", {"src/array.h": 0.6}),
        ("src/walk.py", {"tests/test_walk_links.py": 0.5}),
        ("src/shop/__init__.py", {"tests/test_shop.py": 1.0}),
        ("README.md", {}),
    ],
)
def test_partners_by_name(path: str, partners: dict[str, float]) -> None:
    others = dict.fromkeys((path, *partners, "src/else.py", "tests/test_else_where.py"), "")
    assert Tree(others).partners(path) == partners


def test_crates_do_not_belong_together_because_each_has_a_root() -> None:
    tree = Tree(dict.fromkeys(("a/src/lib.rs", "a/src/main.rs", "b/src/lib.rs", "src/lib.rs"), ""))
    assert tree.partners("a/src/lib.rs") == {"a/src/main.rs": 0.6}
    assert tree.partners("src/lib.rs") == {}


def test_names_of_files_by_words() -> None:
    assert stem("tests/test_http_server.py") == ("http", "server")
    assert stem("src/HTTPServerTest.java") == ("http", "server")
    assert stem("src/filter/mod.rs") == ("filter",)
    assert stem("tests/test.py") == ("test",)
    assert stem("crates/shop/src/lib.rs") == stem("crates/shop/src/main.rs") == ("shop",)
    assert stem("src/main/java/shop/index.ts") == ("shop",)
    assert stem("src/lib.rs") == stem("lib.rs") == ()
    assert (is_test("tests/x.py"), is_test("src/x.py")) == (True, False)


def test_nearness_is_by_folders() -> None:
    assert nearness("a/b/x.py", "a/b/y.py") == 1.0
    assert nearness("a/b/x.py", "a/y.py") > nearness("a/b/x.py", "y.py") > 0
    assert nearness("x.py", "a/b/c/d/y.py") == nearness("a/b/c/d/y.py", "x.py")
