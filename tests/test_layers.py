"""Who may import what: imports point downwards, and a quick start stays quick.

Read from the files, so a module need not be importable to be judged, and an import inside a
function or under TYPE_CHECKING counts like any other.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE_ROOTS = ("context", "server")

# From the lowest layer to the highest.  A module may import what is in its own group and in any
# lower layer; groups that share a layer do not know each other.
LAYERS: tuple[dict[str, tuple[str, ...]], ...] = (
    {
        "context": ("kibitz_context",),
        "standin": ("kibitz.standin",),
        "test layout": ("kibitz.test_layout",),
        "text": ("kibitz.plain_text",),
    },
    {
        "edits": ("kibitz.edits", "kibitz.findings"),
        "completion": ("kibitz.completion",),
        "claude": ("kibitz.claude",),
    },
    {
        "common": (
            "kibitz.bill",
            "kibitz.confirmation",
            "kibitz.dismissals",
            "kibitz.edit_check",
            "kibitz.errors",
            "kibitz.failure_parts",
            "kibitz.failure_sentences",
            "kibitz.glances",
            "kibitz.kept_files",
            "kibitz.logs",
            "kibitz.markdown_blocks",
            "kibitz.model_notes",
            "kibitz.models_file",
            "kibitz.paths",
            "kibitz.profiles",
            "kibitz.safe_markdown",
            "kibitz.seen_clients",
            "kibitz.settings",
            "kibitz.settings_docs",
            "kibitz.settings_files",
            "kibitz.settings_keys",
            "kibitz.settings_problems",
            "kibitz.settings_spelling",
            "kibitz.settings_values",
            "kibitz.shown_findings",
            "kibitz.trust",
            "kibitz.visible_text",
        )
    },
    {
        "backend": (
            "kibitz.backend",
            "kibitz.endpoint",
            "kibitz.endpoint_models",
            "kibitz.local_model",
        ),
        "conversation": ("kibitz.conversation",),
        "editor setup": ("kibitz.editor_setup",),
        "looking": ("kibitz.looking",),
    },
    {"actions": ("kibitz.actions",)},
    {
        "evaluation": ("kibitz.evaluation",),
        "session": (
            "kibitz.delivery",
            "kibitz.jobs",
            "kibitz.open_documents",
            "kibitz.pace",
            "kibitz.session",
            "kibitz.suggestions",
            "kibitz.turns",
        ),
        "upkeep": ("kibitz.upkeep",),
    },
    {"protocol": ("kibitz.protocol",)},
    {"handlers": ("kibitz.handlers",)},
    {"server": ("kibitz.server",)},
    {"entry": ("kibitz.__main__", "kibitz.cli", "kibitz.demo", "kibitz.front")},
)

# The same within two packages that are large.  What is not named is above all that is.
INNER_LAYERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "kibitz_context": (
        (
            "kibitz_context.child",
            "kibitz_context.database",
            "kibitz_context.document",
            "kibitz_context.kinds",
            "kibitz_context.lines",
            "kibitz_context.markup",
            "kibitz_context.nesting",
            "kibitz_context.remembered",
            "kibitz_context.tokens",
            "kibitz_context.values",
        ),
        ("kibitz_context.texts",),
        ("kibitz_context.files",),
        ("kibitz_context.gate",),
        ("kibitz_context.indexing",),
        ("kibitz_context.ranking",),
        ("kibitz_context.layers",),
        ("kibitz_context.caching",),
    ),
    "kibitz.claude": (
        (
            "kibitz.claude.around",
            "kibitz.claude.reply",
            "kibitz.claude.sent_body",
            "kibitz.claude.values",
        ),
        ("kibitz.claude.models",),
        ("kibitz.claude.prompts",),
        ("kibitz.claude.spending",),
        ("kibitz.claude.batching",),
        ("kibitz.claude.auditing",),
    ),
}

# Which modules may import what we did not write, each with all that is below it.  Two packages
# that are only importable together are told apart nevertheless.
LSP = ("kibitz.protocol", "kibitz.handlers", "kibitz.delivery", "kibitz.server")
OUTSIDE: dict[str, tuple[str, ...]] = {
    "anthropic": ("kibitz.claude.anthropic_client",),
    "azure": ("kibitz.claude.anthropic_client.clouds",),
    "boto3": ("kibitz.claude.anthropic_client.clouds",),
    "cattrs": ("kibitz.protocol",),
    "git": ("kibitz_context.files.git_commands",),
    "google": ("kibitz.claude.anthropic_client.clouds",),
    "h11": ("kibitz.standin",),
    "httpx2": ("kibitz.claude.anthropic_client",),
    "imagesize": ("kibitz_context.gate.media",),
    "lsprotocol": LSP,
    "markdown_it": (
        "kibitz.cli",
        "kibitz.conversation.links",
        "kibitz.markdown_blocks",
        "kibitz.safe_markdown",
    ),
    "opentelemetry": ("kibitz.claude.telemetry",),
    "pathspec": ("kibitz_context.files.ignore_files",),
    "platformdirs": ("kibitz.paths",),
    "psutil": ("kibitz.claude", "kibitz.local_model"),
    "pygls": LSP,
    "pypdf": ("kibitz_context.gate.media",),
    "re2": ("kibitz.looking.pattern",),
    "requests": ("kibitz.claude.anthropic_client.clouds",),
    "rich": ("kibitz.cli", "kibitz.demo"),
    "tree_sitter": ("kibitz_context.texts",),
    "watchfiles": ("kibitz.upkeep.folder_watch",),
    "websockets": ("kibitz.protocol",),
    "xllamacpp": ("kibitz.local_model.serve",),
}

# What is imported before `initialize` is answered, and what each of these would cost then.
QUICK = (
    "kibitz",
    "kibitz.__main__",
    "kibitz.cli",
    "kibitz.front",
    "kibitz.protocol",
    "kibitz.protocol.announce",
)
SLOW = frozenset(OUTSIDE) | {"asyncio", "attrs", "kibitz_context", "pydantic", "tree_sitter"}


@dataclass(frozen=True, slots=True)
class Import:
    """`importer` imports `imported`, at `place`."""

    importer: str
    imported: str
    place: str

    def __str__(self) -> str:
        return f"{self.place}: {self.importer} imports {self.imported}"


@cache
def modules() -> dict[str, Path]:
    """Our modules by name."""
    found = {}
    for folder in SOURCE_ROOTS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = file
    return found


def imports_of(name: str, source: str, shown: str, *, is_package: bool) -> Iterator[Import]:
    """All imports in the text of a module, each as the module that it really names."""
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(source, shown)):
        if isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            # `from kibitz import paths` names the module kibitz.paths.
            inner = [f"{base}.{alias.name}" for alias in node.names]
            imported = [each if each in modules() else base for each in inner]
        else:
            continue
        for each in dict.fromkeys(imported):
            yield Import(name, each, f"{shown}, line {node.lineno}")


def imports_in(name: str, file: Path) -> Iterator[Import]:
    shown = str(file.relative_to(ROOT))
    return imports_of(name, file.read_text("utf-8"), shown, is_package=file.name == "__init__.py")


@cache
def all_imports() -> tuple[Import, ...]:
    return tuple(each for name, file in modules().items() for each in imports_in(name, file))


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def place_of(module: str) -> tuple[int, str] | None:
    """The layer of one of our modules, counted from the lowest, and its group."""
    for height, layer in enumerate(LAYERS):
        for group, packages in layer.items():
            if any(is_in(module, package) for package in packages):
                return height, group
    return None


def is_ours(module: str) -> bool:
    return is_in(module, "kibitz") or is_in(module, "kibitz_context")


def is_downwards(each: Import) -> bool:
    # The package itself holds the version and nothing else.
    if each.imported == "kibitz":
        return is_in(each.importer, "kibitz")
    importer, imported = place_of(each.importer), place_of(each.imported)
    if importer is None or imported is None:
        return False
    return importer == imported or imported[0] < importer[0]


def height_in(package: str, module: str) -> int:
    """The layer of a module within a package of `INNER_LAYERS`, counted from the lowest."""
    layers = INNER_LAYERS[package]
    for height, names in enumerate(layers):
        if any(is_in(module, name) for name in names):
            return height
    return len(layers)


def circle_in(imports: Iterable[Import]) -> list[Import]:
    """Imports that lead from a module back to itself, in order; empty where there are none."""
    found: dict[tuple[str, str], Import] = {}
    graph: dict[str, set[str]] = {}
    for each in imports:
        # With a module the packages that it is in are imported: they are where something stands,
        # unless the importer is in them too.
        parts = each.imported.split(".")
        for end in range(len(parts), 0, -1):
            imported = ".".join(parts[:end])
            if not is_in(each.importer, imported):
                found.setdefault((each.importer, imported), each)
                graph.setdefault(each.importer, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # Each of these is imported by the next one.
        names: list[str] = error.args[1]
        pairs = zip(names[1:], names[:-1], strict=True)
        return [found[pair] for pair in reversed(list(pairs))]
    return []


def told(wrong: list[Import]) -> str:
    return "\n".join(map(str, wrong))


def test_every_module_has_its_layer() -> None:
    missing = [name for name in modules() if place_of(name) is None and name != "kibitz"]
    assert not missing, f"say in tests/test_layers.py in which layer these are: {missing}"


def test_imports_point_downwards() -> None:
    wrong = [each for each in all_imports() if is_ours(each.imported) and not is_downwards(each)]
    assert not wrong, (
        f"imports must point downwards (LAYERS in tests/test_layers.py):\n{told(wrong)}"
    )


@pytest.mark.parametrize("package", INNER_LAYERS)
def test_imports_within_a_package_point_downwards(package: str) -> None:
    wrong = [
        each
        for each in all_imports()
        if is_in(each.importer, package)
        and is_in(each.imported, package)
        and height_in(package, each.imported) > height_in(package, each.importer)
    ]
    assert not wrong, (
        f"imports must point downwards (INNER_LAYERS in tests/test_layers.py):\n{told(wrong)}"
    )


def test_no_import_leads_back_to_where_it_stands() -> None:
    circle = circle_in(each for each in all_imports() if is_ours(each.imported))
    assert not circle, (
        "these modules import each other in a circle; move what both need below both, or what "
        f"wires them above both:\n{told(circle)}"
    )


def test_who_may_import_what_others_wrote() -> None:
    wrong = [
        each
        for each in all_imports()
        if not is_ours(each.imported)
        and (package := each.imported.split(".")[0]) not in sys.stdlib_module_names
        and not any(is_in(each.importer, allowed) for allowed in OUTSIDE.get(package, ()))
    ]
    assert not wrong, f"not for these modules (OUTSIDE in tests/test_layers.py):\n{told(wrong)}"


def test_no_source_root_is_part_of_a_name() -> None:
    # `import context.kibitz_context` would work from the repository's top level, and make a
    # second copy of the module: isinstance fails, state doubles.
    for folder in SOURCE_ROOTS:
        assert not (ROOT / folder / "__init__.py").exists()
    # To parse all tests takes seconds: those that cannot have such an import are left out.
    suspicious = re.compile(rf"\b(from|import) ({'|'.join(SOURCE_ROOTS)})\b")
    tests = sorted((ROOT / "tests").rglob("*.py"))
    tests = [file for file in tests if suspicious.search(file.read_text("utf-8"))]
    in_tests = [each for file in tests for each in imports_in(file.stem, file)]
    wrong = [
        each for each in (*all_imports(), *in_tests) if each.imported.split(".")[0] in SOURCE_ROOTS
    ]
    assert not wrong, f"leave the source root out of the name:\n{told(wrong)}"


@pytest.mark.parametrize("name", [name for name in QUICK if name in modules()])
def test_a_quick_start_imports_nothing_slow(name: str, tmp_path: Path) -> None:
    program = f"import sys, {name}; print(*(name.split('.')[0] for name in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True, cwd=tmp_path
    )
    slow = SLOW & set(run.stdout.split())
    assert not slow, f"importing {name} also imports {', '.join(sorted(slow))}: do that when needed"


def test_each_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    explained = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    names = [re.split(r"[^A-Za-z0-9._-]", each)[0] for each in project["dependencies"]]
    missing = [name for name in names if f"| `{name}` |" not in explained]
    assert not missing, f"say in CONTRIBUTING.md why kibitz depends on {', '.join(missing)}"


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("kibitz.server", "kibitz.handlers.hover", True),
        ("kibitz.actions.review", "kibitz.claude.values", True),
        ("kibitz.findings.parse", "kibitz.edits.fence", True),
        ("kibitz.front", "kibitz", True),
        ("kibitz.actions.review", "kibitz.handlers.hover", False),
        ("kibitz.session", "kibitz.protocol.to_lsp", False),
        ("kibitz.claude.prompts.prompt", "kibitz.edits.values", False),
        ("kibitz.edits.diff", "kibitz.claude.values", False),
        ("kibitz.standin.api", "kibitz_context.lines", False),
        ("kibitz_context.gate.gate", "kibitz.settings", False),
        ("kibitz_context.gate.gate", "kibitz", False),
        ("kibitz.somewhere_new", "kibitz.settings", False),
    ],
)
def test_the_rules_of_this_file(importer: str, imported: str, allowed: bool) -> None:
    assert is_downwards(Import(importer, imported, "")) is allowed


@pytest.mark.parametrize(
    ("imports", "circle"),
    [
        ((("a", "b"), ("b", "c"), ("a", "c")), []),
        ((("a", "b"), ("b", "a")), ["a", "b"]),
        ((("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")), ["a", "b", "c"]),
        # A package that imports its own modules is above them, and they may import each other.
        ((("p", "p.one"), ("p.one", "p.two")), []),
        # Whoever imports one of its modules imports the package.
        ((("p", "p.one"), ("p.one", "low"), ("low", "p.two")), ["low", "p", "p.one"]),
    ],
)
def test_how_this_file_finds_circles(
    imports: tuple[tuple[str, str], ...], circle: list[str]
) -> None:
    found = circle_in(Import(importer, imported, "") for importer, imported in imports)
    assert sorted(each.importer for each in found) == circle


@pytest.mark.parametrize(
    ("source", "imported"),
    [
        ("import git.cmd", ["git.cmd"]),
        ("from kibitz import paths, __version__", ["kibitz.paths", "kibitz"]),
        ("from . import values", ["kibitz.claude.values"]),
        ("from .values import Usage", ["kibitz.claude.values"]),
        ("from ..errors import UserError", ["kibitz.errors"]),
        ("def late():\n    import anthropic", ["anthropic"]),
        ("if TYPE_CHECKING:\n    from pygls.server import X", ["pygls.server"]),
    ],
)
def test_how_this_file_reads_imports(source: str, imported: list[str]) -> None:
    found = imports_of("kibitz.claude.reply", source, "a test", is_package=False)
    assert [each.imported for each in found] == imported
