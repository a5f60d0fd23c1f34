"""Where the tests of a file belong: as the repository does it, or by the language's custom."""

from __future__ import annotations

import pytest

from kibitz.test_layout.places import is_test, place_of_tests

MIRRORED = """
    src/shop/cart.py src/shop/prices.py src/shop/api/views.py src/shop/api/urls.py
    src/shop/util/text.py tests/test_cart.py tests/api/test_views.py
"""
MODULES = """
    core/src/main/java/a/Cart.java core/src/test/java/a/CartTest.java
    web/src/main/java/a/b/View.java web/src/main/java/a/b/Form.java
    web/src/test/java/a/b/ViewTest.java
"""
BESIDE = "app/cart.ts app/cart.spec.ts app/prices.ts app/list/row.tsx"
FOLDERS = "app/cart.js app/__tests__/cart.test.js lib/prices.js lib/deep/row.js"


@pytest.mark.parametrize(
    ("path", "paths", "place"),
    [
        # A test of the same module is where more of them belong.
        ("src/shop/cart.py", MIRRORED, "tests/test_cart.py"),
        ("src/shop/api/views.py", MIRRORED, "tests/api/test_views.py"),
        # Without one, what other tests do is done again.
        ("src/shop/prices.py", MIRRORED, "tests/test_prices.py"),
        ("src/shop/api/urls.py", MIRRORED, "tests/api/test_urls.py"),
        ("src/shop/util/text.py", MIRRORED, "tests/util/test_text.py"),
        ("web/src/main/java/a/b/Form.java", MODULES, "web/src/test/java/a/b/FormTest.java"),
        ("app/prices.ts", BESIDE, "app/prices.spec.ts"),
        ("app/list/row.tsx", BESIDE, "app/list/row.spec.tsx"),
        ("lib/prices.js", FOLDERS, "lib/__tests__/prices.test.js"),
        ("lib/deep/row.js", FOLDERS, "lib/deep/__tests__/row.test.js"),
        ("a/b/c.py", "a/b/c.py a/b/d.py tests/d_test.py", "tests/c_test.py"),
        ("a/e/c.py", "a/e/c.py a/b/d.py tests/d_test.py", "tests/c_test.py"),
        ("a/x.py", "a/x.py tests/unit/test_all_of_it.py", "tests/unit/test_x.py"),
        ("shop/models.py", "shop/models.py shop/tests.py", "shop/tests.py"),
        ("lib/a/cart.rb", "lib/a/cart.rb lib/b.rb test/b_test.rb", "test/a/cart_test.rb"),
        # Where there are no tests at all, the language's custom.
        ("prices.py", "prices.py", "tests/test_prices.py"),
        ("src/shop/prices.py", "src/shop/prices.py", "tests/test_prices.py"),
        ("shop/api/views.py", "shop/api/views.py", "tests/api/test_views.py"),
        ("shop/api/__init__.py", "shop/api/__init__.py", "tests/api/test_api.py"),
        ("src/row.tsx", "src/row.tsx", "src/row.test.tsx"),
        ("src/list/index.ts", "src/list/index.ts", "src/list/list.test.ts"),
        ("pkg/cart.go", "pkg/cart.go", "pkg/cart_test.go"),
        ("m/src/main/java/a/C.java", "m/src/main/java/a/C.java", "m/src/test/java/a/CTest.java"),
        ("src/main/kotlin/a/C.kt", "", "src/test/kotlin/a/CTest.kt"),
        ("lib/a/cart.rb", "lib/a/cart.rb", "spec/a/cart_spec.rb"),
        ("src/Shop/Cart.php", "", "tests/Shop/CartTest.php"),
        ("lib/shop/cart.ex", "", "test/shop/cart_test.exs"),
        ("Sources/Shop/Cart.swift", "", "Tests/Shop/CartTests.swift"),
        ("bin/deploy.sh", "", "test/deploy.bats"),
    ],
)
def test_the_file_that_tests_belong_into(path: str, paths: str, place: str) -> None:
    found = place_of_tests(path, paths.split())
    assert found is not None
    assert found.path == place
    assert found.exists is (place in paths.split())
    # What was made is found again.
    again = place_of_tests(path, [*paths.split(), path, place])
    assert again is not None
    assert (again.path, again.exists) == (place, True)


def test_a_file_with_a_name_that_many_have_is_nobodys_example() -> None:
    # Of which of the two the tests are, nobody can tell, and so not what they say of others.
    paths = "a/one/views.py a/two/views.py tests/test_views.py a/one/deep/forms.py"
    found = place_of_tests("a/one/deep/forms.py", paths.split())
    assert found is not None
    assert found.path == "tests/test_forms.py"
    assert not found.exists


def test_the_test_of_a_namesake_elsewhere_is_left_alone() -> None:
    paths = "a/one/views.py a/two/views.py tests/one/test_views.py tests/one/test_x.py a/one/x.py"
    found = place_of_tests("a/two/views.py", paths.split())
    assert found is not None
    assert (found.path, found.exists) == ("tests/two/test_views.py", False)


def test_rust_has_its_tests_inside_unless_the_repository_has_them_elsewhere() -> None:
    inside = place_of_tests("src/cart.rs", ["src/cart.rs", "src/row.rs"])
    assert inside is not None
    assert (inside.path, inside.is_inside, inside.exists) == ("src/cart.rs", True, True)
    paths = ["src/cart.rs", "src/row.rs", "tests/row.rs"]
    elsewhere = place_of_tests("src/cart.rs", paths)
    assert elsewhere is not None
    assert (elsewhere.path, elsewhere.is_inside) == ("tests/cart.rs", False)
    has_some = place_of_tests("src/cart.rs", paths, "#[cfg(test)]\nmod tests {}\n")
    assert has_some is not None
    assert has_some.is_inside


@pytest.mark.parametrize(
    ("path", "paths", "example"),
    [
        ("src/shop/api/urls.py", MIRRORED, "tests/api/test_views.py"),
        ("src/shop/prices.py", MIRRORED, "tests/test_cart.py"),
        ("src/shop/cart.py", MIRRORED, "tests/test_cart.py"),
        ("web/src/main/java/a/b/Form.java", MODULES, "web/src/test/java/a/b/ViewTest.java"),
        ("prices.py", "prices.py a_test.go", None),
    ],
)
def test_the_example_is_the_nearest_test(path: str, paths: str, example: str | None) -> None:
    found = place_of_tests(path, paths.split())
    assert found is not None
    assert found.example == example


@pytest.mark.parametrize("path", ["README.md", "Makefile", "data.json", ""])
def test_what_is_no_code_has_no_tests(path: str) -> None:
    assert place_of_tests(path, [path, "tests/test_x.py"]) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/test_a.py", True),
        ("tests/support/desk.py", True),
        ("a_test.go", True),
        ("web/a.spec.tsx", True),
        ("src/test/java/ATest.java", True),
        ("tests/a.rs", True),
        ("src/testing.py", False),
        ("latest.py", False),
        ("test.md", False),
    ],
)
def test_what_is_a_test_itself(path: str, expected: bool) -> None:
    assert is_test(path) is expected
