"""Which grammar reads which file, and what a grammar calls things: a table and no code.

Nothing is imported in here; `symbols` loads a grammar when the first text asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """How texts of one language are parsed.

    `module` and `function` give the grammar; `queries` are names in ``queries/``, one after the
    other, and ``NAME.scm`` where none are given.  `wrappers` are nodes that belong to the
    definition in them (decorators, ``export``); `bodies` are the nodes that end a signature where
    the grammar has no field called ``body``.  `keywords` are the names of calls that define or
    import something, each with the kind of what it defines or "import".  `has_locals` is whether
    functions within functions are definitions at all, `has_clauses` whether one function may be
    written as several definitions that follow each other.
    """

    name: str
    module: str
    endings: tuple[str, ...]
    function: str = "language"
    file_names: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    wrappers: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()
    keywords: tuple[tuple[str, str], ...] = ()
    has_locals: bool = True
    has_clauses: bool = False


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _importing(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((word, "import") for word in text.split())


LANGUAGES: tuple[Language, ...] = (
    Language(
        "bash",
        "tree_sitter_bash",
        _words("sh bash zsh ksh bats"),
        file_names=_words(".bashrc .bash_profile .profile .zshrc configure.ac apkbuild pkgbuild"),
        keywords=_importing("source ."),
    ),
    Language(
        "c",
        "tree_sitter_c",
        _words("c"),
        has_locals=False,
    ),
    Language(
        "cpp",
        "tree_sitter_cpp",
        _words("cc cpp cxx c++ h hh hpp hxx h++ inl ipp tpp cu cuh ino"),
        wrappers=_words("template_declaration"),
        has_locals=False,
    ),
    Language(
        "csharp",
        "tree_sitter_c_sharp",
        _words("cs csx"),
    ),
    Language(
        "elixir",
        "tree_sitter_elixir",
        _words("ex exs"),
        has_clauses=True,
        keywords=(
            ("defmodule", "module"),
            ("defprotocol", "interface"),
            ("defimpl", "extension"),
            ("def", "function"),
            ("defp", "function"),
            ("defmacro", "macro"),
            ("defmacrop", "macro"),
            ("defguard", "macro"),
            ("defdelegate", "function"),
            *_importing("alias import require use"),
        ),
    ),
    Language("go", "tree_sitter_go", _words("go"), has_locals=False),
    Language(
        "haskell",
        "tree_sitter_haskell",
        _words("hs hs-boot"),
        bodies=_words("match"),
        has_clauses=True,
    ),
    Language("java", "tree_sitter_java", _words("java"), has_locals=False),
    Language(
        "javascript",
        "tree_sitter_javascript",
        _words("js jsx mjs cjs es6"),
        queries=_words("javascript jsx"),
        wrappers=_words("export_statement lexical_declaration variable_declaration"),
        keywords=_importing("require"),
    ),
    Language(
        "kotlin",
        "tree_sitter_kotlin",
        _words("kt kts"),
        bodies=_words("function_body class_body enum_class_body"),
    ),
    Language("lua", "tree_sitter_lua", _words("lua"), keywords=_importing("require dofile")),
    Language("ocaml", "tree_sitter_ocaml", _words("ml"), function="language_ocaml"),
    Language(
        "ocaml_interface",
        "tree_sitter_ocaml",
        _words("mli"),
        function="language_ocaml_interface",
    ),
    Language("php", "tree_sitter_php", _words("php phtml inc"), function="language_php"),
    Language(
        "python",
        "tree_sitter_python",
        _words("py pyi pyw pyx pxd"),
        file_names=_words("sconstruct sconscript wscript"),
        wrappers=_words("decorated_definition"),
    ),
    Language(
        "ruby",
        "tree_sitter_ruby",
        _words("rb rake gemspec ru"),
        file_names=_words("gemfile rakefile vagrantfile podfile fastfile"),
        keywords=_importing("require require_relative load autoload"),
    ),
    Language("rust", "tree_sitter_rust", _words("rs")),
    Language("scala", "tree_sitter_scala", _words("scala sc sbt")),
    Language("sql", "tree_sitter_sql", _words("sql ddl")),
    Language("swift", "tree_sitter_swift", _words("swift")),
    Language(
        "tsx",
        "tree_sitter_typescript",
        _words("tsx"),
        function="language_tsx",
        queries=_words("typescript jsx"),
        wrappers=_words("export_statement lexical_declaration ambient_declaration"),
        keywords=_importing("require"),
    ),
    Language(
        "typescript",
        "tree_sitter_typescript",
        _words("ts mts cts"),
        function="language_typescript",
        wrappers=_words("export_statement lexical_declaration ambient_declaration"),
        keywords=_importing("require"),
    ),
    Language("zig", "tree_sitter_zig", _words("zig zon"), keywords=_importing("@import")),
)

_BY_ENDING = {ending: language for language in LANGUAGES for ending in language.endings}
_BY_FILE_NAME = {name: language for language in LANGUAGES for name in language.file_names}


def language_of(path: str) -> Language | None:
    """The language that a path's name tells, or None."""
    name = path.rpartition("/")[2].lower()
    if name in _BY_FILE_NAME:
        return _BY_FILE_NAME[name]
    return _BY_ENDING.get(name.rpartition(".")[2]) if "." in name else None
