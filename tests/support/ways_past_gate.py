"""Searches source for what could read a file, list a folder, start a process or ask for content.

Found is what is called and what is only named, by what it looks like and not by what it does: a
method of a document that is called ``open`` is found as well.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

# What reads a file, or copies one, wherever it is found as a method or a function of a module.
_READS = (
    "FileIO copy2 copy_file_range copyfile copyfileobj copytree fdopen fileConfig from_path "
    "fromfile get_data get_text_document getline getlines getsource getsourcelines make_archive "
    "memmap open open_binary open_code open_text pread preadv read_binary read_bytes read_text "
    "readlink readv sendfile splice tofile unpack_archive"
)
# What tells the names in a folder.
_LISTS = "fwalk glob iglob iterdir listdir rglob scandir walk"
# What starts another program, or the code in a file.
_STARTS = (
    "create_subprocess_exec create_subprocess_shell execl execle execlp execv execve execvp "
    "popen posix_spawn posix_spawnp run_path spawnl spawnle spawnv spawnve "
    "spec_from_file_location startfile subprocess_exec subprocess_shell"
)
FOUND_ANYWHERE = frozenset(f"{_READS} {_LISTS} {_STARTS} grep".split())
# What has too common a name to be found by that alone.
FOUND_IN_ITS_MODULE = frozenset(
    (("os", "system"), ("shutil", "copy"), ("shutil", "move"), ("sqlite3", "connect"))
)
# Functions that take the name of an attribute.
_BY_NAME = frozenset(("getattr", "attrgetter", "methodcaller"))

# Modules that were looked at: what in them reads a file or starts a program has one of the names
# above, or is no file of a repository's (credentials, certificates, the terminal).  Any other is
# found where it is imported.
_OF_PYTHON = (
    "__future__ abc argparse array asyncio base64 binascii bisect collections concurrent "
    "contextlib contextvars copy dataclasses datetime difflib email.utils enum fcntl functools gc "
    "hashlib html importlib inspect io ipaddress itertools json logging math msvcrt os pathlib "
    "platform queue random re secrets select shlex shutil signal socket sqlite3 ssl stat "
    "statistics struct sys tempfile threading time tomllib traceback types typing unicodedata "
    "urllib.parse warnings weakref zlib"
)
_OF_OTHERS = (
    "anthropic azure.identity boto3 cattrs google.auth httpx2 lsprotocol markdown_it "
    "opentelemetry pathspec platformdirs psutil pygls.exceptions pygls.lsp.server pygls.protocol "
    "re2 requests rich tree_sitter watchfiles websockets"
)
LOOKED_AT = frozenset(f"{_OF_PYTHON} {_OF_OTHERS} kibitz kibitz_context".split())
GIT_COMMANDS = "kibitz_context.files.git_commands"
# What may be taken from there by name: values, and how a path is spelled.
GIT_NAMES = frozenset(("GitFolder", "GitOutput", "decoded", "encoded", "BlobReader"))
# Commands of git that write content, or something that is made of it.
_GIT_CONTENT = (
    "am annotate apply archive blame bundle cat-file checkout checkout-index cherry-pick diff "
    "diff-files diff-index diff-tree difftool fast-export format-patch gitk grep log merge-file "
    "merge-tree notes pack-objects range-diff rebase restore revert shortlog show stash submodule "
    "unpack-file upload-archive upload-pack whatchanged worktree"
)
GIT_CONTENT = frozenset(_GIT_CONTENT.split())


@dataclass(frozen=True, slots=True)
class Way:
    """A place in the source that could be a way to a byte: `used` in `function`."""

    function: str
    used: str
    place: str

    def __str__(self) -> str:
        return f"{self.place}: {self.used} in {self.function}"


class _Search(ast.NodeVisitor):
    """Collects the ways in one module."""

    def __init__(self, module: str, shown: str, tree: ast.Module) -> None:
        self._scope = [module]
        self._shown = shown
        self._asks_git = GIT_COMMANDS in module or any(
            "git_commands" in ast.unparse(node)
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
        )
        self.ways: list[Way] = []
        self.visit(tree)

    def _found(self, node: ast.AST, used: str) -> None:
        line = getattr(node, "lineno", 0)
        self.ways.append(Way(".".join(self._scope), used, f"{self._shown}, line {line}"))

    def _inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self._scope.append(node.name)
        self.generic_visit(node)
        self._scope.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = _inside

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            # Its own methods would be those of a path.
            if ast.unparse(base).endswith("Path"):
                self._found(node, f"class of {ast.unparse(base)}")
        self._inside(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name == GIT_COMMANDS:
                self._found(node, "import git_commands")
            elif not _is_looked_at(alias.name):
                self._found(node, f"import {alias.name.split('.')[0]}")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        names = [alias.name for alias in node.names]
        if module.endswith("git_commands"):
            for name in sorted(set(names) - GIT_NAMES):
                self._found(node, f"import {name}")
        elif "git_commands" in names:
            self._found(node, "import git_commands")
        elif not node.level and not all(
            _is_looked_at(module) or _is_looked_at(f"{module}.{name}") for name in names
        ):
            self._found(node, f"import {module.split('.')[0]}")
        if module.split(".")[0] not in ("kibitz", "kibitz_context"):
            for name in names:
                if name in FOUND_ANYWHERE or (module, name) in FOUND_IN_ITS_MODULE:
                    self._found(node, f"import {name}")

    def visit_Name(self, node: ast.Name) -> None:
        if node.id == "open":
            self._found(node, "open")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        receiver = node.value.id if isinstance(node.value, ast.Name) else ""
        # A method of our own; what it does is searched where it is defined.
        is_class = receiver[:1].isupper() and not receiver.endswith("Path")
        is_own = receiver in ("self", "cls") or (is_class and node.attr == "open")
        found = node.attr in FOUND_ANYWHERE and not is_own
        if found or (receiver, node.attr) in FOUND_IN_ITS_MODULE:
            self._found(node, ast.unparse(node))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        if name in ("BlobReader", "blobs"):
            self._found(node, ast.unparse(called))
        elif name in _BY_NAME:
            for asked in node.args:
                if isinstance(asked, ast.Constant) and asked.value in FOUND_ANYWHERE:
                    self._found(node, f"{name} {asked.value}")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if self._asks_git and value in GIT_CONTENT:
            self._found(node, repr(value))
        elif isinstance(value, str) and value.lstrip()[:7].upper() == "ATTACH ":
            self._found(node, "ATTACH")


def _is_looked_at(module: str) -> bool:
    parts = module.split(".")
    return any(".".join(parts[:length]) in LOOKED_AT for length in range(1, len(parts) + 1))


def ways_in(module: str, source: str, shown: str) -> list[Way]:
    """The ways in the text of a module, which is `shown` as where they are."""
    return _Search(module, shown, ast.parse(source, shown)).ways
