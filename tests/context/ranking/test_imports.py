"""An import names files by the end of their paths, in any common language."""

from __future__ import annotations

import pytest

from kibitz_context.ranking.imports import Imports, importers

PYTHON = (
    "src/shop/__init__.py",
    "src/shop/config.py",
    "src/shop/json.py",
    "src/shop/wire/__init__.py",
    "src/shop/wire/frame.py",
    "tests/test_config.py",
    "setup.py",
)
SCRIPT = ("app/main.ts", "app/util.ts", "app/parts/index.tsx", "app/parts/list.jsx", "lib/util.ts")
RUST = ("src/main.rs", "src/walk.rs", "src/filter/mod.rs", "src/filter/size.rs")
GO = ("go.mod", "gin.go", "render/json.go", "render/json_test.go", "render/xml.go")
JAVA = ("core/src/main/java/org/shop/Cart.java", "core/src/test/java/org/shop/CartTest.java")
C = ("src/main.c", "src/list.h", "include/wire/frame.h")


@pytest.mark.parametrize(
    ("paths", "importer", "written", "found"),
    [
        # Python
        (PYTHON, "tests/test_config.py", "shop.config", ("src/shop/config.py",)),
        (PYTHON, "tests/test_config.py", "shop.config.Reader", ("src/shop/config.py",)),
        (PYTHON, "tests/test_config.py", "shop", ("src/shop/__init__.py",)),
        (PYTHON, "src/shop/config.py", ".json", ("src/shop/json.py",)),
        (PYTHON, "src/shop/config.py", ".wire", ("src/shop/wire/__init__.py",)),
        (PYTHON, "src/shop/wire/frame.py", "..config", ("src/shop/config.py",)),
        (PYTHON, "src/shop/wire/frame.py", "..config.Reader", ("src/shop/config.py",)),
        (PYTHON, "src/shop/wire/frame.py", ".", ("src/shop/wire/__init__.py",)),
        (PYTHON, "src/shop/config.py", ".....far", ()),
        (PYTHON, "src/shop/config.py", "shop.json", ("src/shop/json.py",)),
        (PYTHON, "tests/test_config.py", "test_other", ()),
        (("tests/run.py", "tests/tools.py"), "tests/run.py", "tools", ("tests/tools.py",)),
        # A library is not the file that happens to have its name.
        (PYTHON, "tests/test_config.py", "json", ()),
        (PYTHON, "src/shop/config.py", "json", ()),
        (PYTHON, "tests/test_config.py", "os.path", ()),
        # TypeScript and JavaScript
        (SCRIPT, "app/main.ts", "./util", ("app/util.ts",)),
        (SCRIPT, "app/main.ts", "./util.js", ("app/util.ts",)),
        (SCRIPT, "app/main.ts", "./parts", ("app/parts/index.tsx",)),
        (SCRIPT, "app/main.ts", "./parts/list.jsx", ("app/parts/list.jsx",)),
        (SCRIPT, "app/parts/index.tsx", "../util", ("app/util.ts",)),
        (SCRIPT, "app/main.ts", "../../../../etc/passwd", ()),
        (SCRIPT, "app/main.ts", "react", ()),
        # Rust
        (RUST, "src/main.rs", "crate::walk", ("src/walk.rs",)),
        (RUST, "src/main.rs", "crate::filter::SizeFilter", ("src/filter/mod.rs",)),
        (RUST, "src/main.rs", "walk", ("src/walk.rs",)),
        (RUST, "src/filter/size.rs", "super::SizeFilter", ("src/filter/mod.rs",)),
        (RUST, "src/filter/size.rs", "crate::walk::{spawn, Walker}", ("src/walk.rs",)),
        (RUST, "src/filter/size.rs", "crate::Options", ("src/main.rs",)),
        (RUST, "src/main.rs", "std::path::Path", ()),
        (RUST, "src/filter/size.rs", "std::walk::Walker", ()),
        # Go
        (GO, "gin.go", "github.com/gin-gonic/gin/render", ("render/json.go", "render/xml.go")),
        (GO, "gin.go", "net/http", ()),
        # Java
        (JAVA, JAVA[1], "org.shop.Cart", JAVA[:1]),
        (JAVA, JAVA[1], "java.util.List", ()),
        # C
        (C, "src/main.c", "list.h", ("src/list.h",)),
        (C, "src/main.c", "wire/frame.h", ("include/wire/frame.h",)),
        (C, "src/main.c", "stdio.h", ()),
    ],
)
def test_what_is_imported(
    paths: tuple[str, ...], importer: str, written: str, found: tuple[str, ...]
) -> None:
    assert Imports(paths).resolve(importer, [written]) == found


def test_a_file_does_not_import_itself() -> None:
    assert Imports(PYTHON).resolve("src/shop/config.py", ["shop.config", ".config"]) == ()


def test_of_two_files_of_one_name_the_nearer_is_meant() -> None:
    paths = ("a/util/list.py", "b/util/list.py", "b/main.py")
    assert Imports(paths).resolve("b/main.py", ["util.list"]) == ("b/util/list.py",)


def test_a_name_that_could_be_any_of_many_says_nothing() -> None:
    paths = [f"{folder}/util/list.py" for folder in "cdefgh"]
    assert Imports(paths).resolve("main.py", ["util.list"]) == ()


def test_who_imports_a_file() -> None:
    candidates = {
        "tests/test_config.py": ("shop.config",),
        "src/shop/json.py": (".config", "os"),
        "src/shop/wire/frame.py": (".config",),
        "setup.py": (),
    }
    assert importers(Imports(PYTHON), "src/shop/config.py", candidates) == (
        "src/shop/json.py",
        "tests/test_config.py",
    )


@pytest.mark.parametrize(
    "written", ["", ".", "/", "//", "::", "*", "a" * 5000, ". /", "\0", "..\\"]
)
@pytest.mark.parametrize("importer", ["a.py", "a.c", "a.go", "a.rs", "a", "x/a.ts"])
def test_nothing_that_is_written_is_a_fault(importer: str, written: str) -> None:
    Imports([*PYTHON, importer]).resolve(importer, [written])
