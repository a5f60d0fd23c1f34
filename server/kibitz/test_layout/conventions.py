"""How the tests of a language are called and where they usually lie: a table.

It is asked where a repository has no tests to learn from, and for which files are tests at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final


@dataclass(frozen=True, slots=True)
class Convention:
    """The tests of one language.

    `names` are what a test of ``{}`` may be called, the usual one first; one without ``{}`` tests
    its whole folder.  `roots` are pairs of folders: code below the first has its tests below the
    second, in the same folders again.  `folders` are what folders of tests are called, the usual
    one first.  `entries` are names of files that stand for their folder.  `beside`: tests usually
    lie beside the code, and with `inside` in the very file that they test.
    """

    language: str
    extensions: tuple[str, ...]
    names: tuple[str, ...]
    roots: tuple[tuple[str, str], ...] = ()
    folders: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    test_extension: str | None = None
    beside: bool = False
    inside: bool = False

    def extension_of_tests(self, extension: str) -> str:
        """The extension of the tests of a file with `extension`, both with their dots."""
        return self.test_extension or extension


_JVM_ROOTS = (("src/main", "src/test"),)

CONVENTIONS: Final = (
    Convention(
        "Python",
        (".py",),
        ("test_{}", "{}_test", "tests"),
        folders=("tests", "test"),
        entries=("__init__", "__main__"),
    ),
    Convention(
        "TypeScript",
        (".ts", ".tsx", ".mts", ".cts"),
        ("{}.test", "{}.spec", "{}-test", "{}_test"),
        folders=("__tests__", "tests", "test", "spec"),
        entries=("index",),
        beside=True,
    ),
    Convention(
        "JavaScript",
        (".js", ".jsx", ".mjs", ".cjs", ".vue", ".svelte"),
        ("{}.test", "{}.spec", "{}-test", "{}_test"),
        folders=("__tests__", "tests", "test", "spec"),
        entries=("index",),
        beside=True,
    ),
    Convention("Go", (".go",), ("{}_test",), beside=True),
    Convention(
        "Rust",
        (".rs",),
        ("{}", "{}_test", "test_{}", "{}_tests"),
        folders=("tests",),
        entries=("mod", "lib", "main"),
        inside=True,
    ),
    Convention(
        "Java",
        (".java",),
        ("{}Test", "{}Tests", "Test{}", "{}IT"),
        roots=_JVM_ROOTS,
        folders=("test", "tests"),
    ),
    Convention(
        "Kotlin", (".kt",), ("{}Test", "{}Tests", "{}Spec"), roots=_JVM_ROOTS, folders=("test",)
    ),
    Convention(
        "Scala",
        (".scala",),
        ("{}Spec", "{}Test", "{}Suite", "{}Tests"),
        roots=_JVM_ROOTS,
        folders=("test",),
    ),
    Convention(
        "Ruby",
        (".rb",),
        ("{}_spec", "{}_test", "test_{}"),
        roots=(("lib", "spec"), ("app", "spec"), ("lib", "test"), ("app", "test")),
        folders=("spec", "test"),
    ),
    Convention(
        "PHP", (".php",), ("{}Test",), roots=(("src", "tests"), ("app", "tests")),
        folders=("tests", "test"),
    ),
    Convention(
        "C#", (".cs",), ("{}Tests", "{}Test"), folders=("Tests", "tests", "test")
    ),
    Convention(
        "Elixir",
        (".ex", ".exs"),
        ("{}_test",),
        roots=(("lib", "test"),),
        folders=("test",),
        test_extension=".exs",
    ),
    Convention("Dart", (".dart",), ("{}_test",), roots=(("lib", "test"),), folders=("test",)),
    Convention(
        "Swift", (".swift",), ("{}Tests", "{}Test"), roots=(("Sources", "Tests"),),
        folders=("Tests",),
    ),
    Convention(
        "C++",
        (".cc", ".cpp", ".cxx", ".hpp", ".hh", ".cu"),
        ("{}_test", "test_{}", "{}_unittest", "{}Test"),
        folders=("tests", "test"),
    ),
    Convention("C", (".c", ".h"), ("test_{}", "{}_test"), folders=("tests", "test")),
    Convention("Lua", (".lua",), ("{}_spec", "test_{}", "{}_test"), folders=("spec", "tests")),
    Convention("Shell", (".sh", ".bash"), ("{}", "test_{}", "{}_test"), folders=("test", "tests"),
               test_extension=".bats"),
)  # fmt: skip

_BY_EXTENSION: Final = {
    extension: convention for convention in CONVENTIONS for extension in convention.extensions
}
_BY_TEST_EXTENSION: Final = {
    convention.test_extension: convention
    for convention in CONVENTIONS
    if convention.test_extension is not None
}


def convention_of(path: str) -> Convention | None:
    """How files like `path` are tested; None for what is no code that we know of."""
    extension = PurePosixPath(path).suffix.lower()
    return _BY_EXTENSION.get(extension) or _BY_TEST_EXTENSION.get(extension)


def is_test_by_name(path: str) -> bool:
    """Whether a file is called like a test; where it lies does not count."""
    convention = convention_of(path)
    name = PurePosixPath(path).name
    return convention is not None and tested_name(name, convention) is not None


def tested_name(path: str, convention: Convention) -> tuple[str, str] | None:
    """The pattern that the name of the test `path` has and the name that it tests; None where it
    is no test.

    A pattern that any name has makes a test only in a folder of tests; a test of a whole folder
    tests the name "".
    """
    pure = PurePosixPath(path)
    name = pure.name[: -len(pure.suffix)] if pure.suffix else pure.name
    if convention.test_extension is not None and pure.suffix != convention.test_extension:
        return None
    for pattern in convention.names:
        before, mark, after = pattern.partition("{}")
        if not mark:
            if name == pattern:
                return pattern, ""
            continue
        if not (before or after):
            if any(part in convention.folders for part in pure.parts[:-1]):
                return pattern, name
            continue
        if name.startswith(before) and name.endswith(after) and len(name) > len(before + after):
            return pattern, name[len(before) : len(name) - len(after)]
    return None
