"""The gate is the only way to a byte of a repository: the source is searched for any other.

Found is what could read a file, list a folder, start a process or ask git for content, whether it
is called or only named.  Each such place stands in `ALLOWED` with the reason why no repository's
byte gets past the gate there, or the test fails; so does a reason that nothing needs any more.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE_ROOTS = ("context", "server")

# Whole packages, each with the reason why nothing in it comes near a repository.
ALLOWED_PACKAGES: Mapping[str, str] = {
    "kibitz.standin": "it knows requests and scripts; of ours it may import nothing else",
    "kibitz.demo": "it plays on a sample repository that it has written itself",
}

# Function by function: what it uses, and why that is no way past the gate.
ALLOWED: Mapping[str, Mapping[str, str]] = {
    # The gate, and how git is asked.
    "kibitz_context.gate._read_beneath": {
        "os.open": "this is the gate: it opens folder after folder and follows no link",
    },
    "kibitz_context.ignore_files.IgnoreFiles._lines": {
        "path.open": "patterns, which say what is refused and are themselves not shown",
    },
    "kibitz_context.tracked_rules": {"import git_commands": "asks which ignore files git tracks"},
    "kibitz_context.tracked_rules.TrackedRules._read": {
        "repository.blobs": "patterns, which say what is refused and are themselves not shown",
    },
    "kibitz_context.discovery": {"import git_commands": "asks where the git directory is"},
    "kibitz_context.discovery._stranger": {
        "(found.git_dir / 'gitdir').read_bytes": "a path in git's own folder, to compare it",
    },
    "kibitz_context.discovery._linked_git_dir": {
        "dot_git.read_bytes": "a path in a .git file, which git is given",
    },
    "kibitz_context.git_commands": {
        "import subprocess": "every command of git is started in there",
        "import git": "types only",
    },
    "kibitz_context.git_commands.git_problem": {"import git": "asks whether it is there"},
    "kibitz_context.git_commands.too_old": {"import git": "asks for git's version"},
    "kibitz_context.git_commands._client": {"import git": "GitPython starts the process"},
    "kibitz_context.git_commands.BlobReader._asked": {
        "'cat-file'": "blobs, for `Sources` alone, which has them judged by the gate",
    },
    "kibitz_context.media._picture": {"import imagesize": "given the bytes that the gate has read"},
    "kibitz_context.media._pdf": {"import pypdf": "given the bytes that the gate has read"},
    # The process that indexes: it is our own Python, and reads what `Sources` lets it read.
    "kibitz_context.child": {"import subprocess": "starts Python with a module of ours"},
    "kibitz_context.child.Parent.__init__": {"os.fdopen": "the pipe to the process above"},
    # What git tells of a repository beside content.
    "kibitz_context.repository": {"import git_commands": "lists and identifies files"},
    "kibitz_context.work_tree": {"import git_commands": "asks what differs, by path"},
    "kibitz_context.walk._entries": {
        "os.scandir": "names in a folder without git; the gate judges each of them",
    },
    "kibitz_context.repository.Repository.blobs": {"BlobReader": "for `Sources` alone"},
    "kibitz_context.repository.Repository.commits": {"'cat-file'": "ids of commits"},
    "kibitz_context.repository.Repository._sizes": {"'cat-file'": "sizes of blobs"},
    "kibitz_context.repository.Repository.lines_between": {"'diff-tree'": "numbers of lines"},
    "kibitz_context.work_tree.changed_paths": {"'diff-index'": "modes, ids, paths"},
    "kibitz_context.work_tree.forgotten": {"'diff-index'": "modes, ids, paths"},
    "kibitz_context.repository.Repository.grep": {
        "'grep'": "lines of a commit, for `lexical` alone",
    },
    "kibitz_context.history": {"import git_commands": "asks for past commits"},
    "kibitz_context.history._ask": {
        "'log'": "paths and words of messages, which say what ranks where and are not shown",
    },
    "kibitz_context.commits": {"import git_commands": "asks for facts about commits"},
    "kibitz_context.commits.log": {
        "'log'": "ids, names, days, paths and messages; secrets are taken out of these, and the "
        "gate is asked before a path is named",
    },
    "kibitz_context.commits.blame": {
        "'blame'": "commits by line number (--incremental); the lines come from the gate",
    },
    "kibitz.looking.git_grep": {"import git_commands": "names of files, as with ripgrep below"},
    "kibitz.looking.git_grep.narrowed": {
        "'grep'": "names of files that hold a word, which are then read through the gate",
    },
    "kibitz.looking.ripgrep": {
        "import subprocess": "names of files with a match, which are then read through the gate "
        "and searched anew",
    },
    "kibitz.upkeep.file_changes": {"import git_commands": "names of files, to watch them"},
    # Content that the gate judges after it was read.
    "kibitz_context.baseline.opened": {
        "repository.blobs": "`Sources` has each blob judged (Gate.admit_blob)",
    },
    "kibitz_context.lexical._grep": {
        "sources.repository.grep": "says which files to read; what is shown comes from `Sources`",
    },
    "kibitz.cli.place.read_source": {
        "path.read_bytes": "the very bytes of a file that the gate has let pass, to write them "
        "back; what is sent of them passes Gate.admit",
    },
    "kibitz.evaluation.clone": {
        "import subprocess": "checks out commits in a clone, which is then read through the gate",
    },
    "kibitz.evaluation.execution.run_program": {
        "asyncio.create_subprocess_exec": "our own Python with a program that it is given",
        "output.open": "what that program has printed",
    },
    "kibitz.evaluation.problems": {"import gzip": "for the file of problems below"},
    "kibitz.evaluation.problems.read_problems": {
        "gzip.open": "a file of public problems that the user names",
        "path.open": "a file of public problems that the user names",
    },
    "kibitz.evaluation.results.Results.add": {
        "os.open": "kibitz's state folder",
        "os.fdopen": "kibitz's state folder",
    },
    "kibitz.evaluation.results.Results._read": {"self.path.read_text": "kibitz's state folder"},
    "kibitz.cli.eval_common._words": {
        "Path(path).read_text": "instructions that the user names on the command line",
    },
    # The user's own files and kibitz's.
    "kibitz.cli.editor_checks._read": {
        "path.read_text": "a recorded `initialize` that the user names on the command line",
    },
    "kibitz.cli.setup._change": {"path.read_bytes": "the configuration of the user's editor"},
    "kibitz.cli.setup._put": {
        "change.path.open": "the configuration of the user's editor",
        "shutil.copy2": "the configuration of the user's editor, kept beside itself",
    },
    "kibitz.dismissals.Dismissals.add": {"os.open": "kibitz's state folder"},
    "kibitz.dismissals.Dismissals._read": {"self._file.open": "kibitz's state folder"},
    "kibitz.editor_setup.shipped.text": {
        "(folder(client) / name).read_text": "a file of ours, from the wheel or the checkout",
    },
    "kibitz.editor_setup.languages.languages": {
        "Path(__file__).with_name('languages.toml').read_text": "data of our own",
    },
    "kibitz.kept_files.KeptFiles.read": {"path.read_text": "kibitz's cache folder"},
    "kibitz.kept_files.KeptFiles._replace": {"os.fdopen": "kibitz's cache folder"},
    "kibitz.kept_files.KeptFiles._prune": {"self._folder.iterdir": "kibitz's cache folder"},
    "kibitz.seen_clients.recall": {"folder.glob": "kibitz's state folder"},
    "kibitz.cli.patch.write": {
        "real.read_bytes": "whether the file is still what was shown, before it is replaced",
        "os.fdopen": "writes the new text",
    },
    "kibitz.actions.prompt_files.prompts_stamp": {
        "os.scandir": "names and times, to see that prompts have changed",
    },
    "kibitz.actions.prompt_files.read_prompt_files": {
        "folder.glob": "names; each file is read through the gate",
    },
    # A check that the user has named, in the repository or on a copy; what it prints goes on only
    # after secrets were taken out.
    "kibitz.edit_check.command.run": {
        "asyncio.create_subprocess_exec": "the user's own command, from a guarded setting",
    },
    "kibitz.edit_check.workplace._copy_files": {"shutil.copy2": "into the copy, and nowhere else"},
    "kibitz.edit_check.workplace._link_the_rest": {"os.scandir": "names, to link what they name"},
    "kibitz.edit_check.workplace._is_on_disk": {
        "path.read_bytes": "whether a text is saved, and no more of it",
    },
    "kibitz.edit_check.workplace._has_bom": {"path.open": "three bytes"},
    # Files of kibitz itself, of its user and of the system.
    "kibitz_context.parsing._query_text": {
        "(folder / f'{name}.scm').read_text": "queries that kibitz brings along",
    },
    "kibitz_context.database._connected": {"sqlite3.connect": "kibitz's cache folder"},
    "kibitz_context.database.Database._ready_file": {"sqlite3.connect": "kibitz's cache folder"},
    "kibitz.actions.task_text.prompt_text": {
        "(files('kibitz.actions') / 'prompts' / f'{name}.md').read_text": "kibitz's own prompts",
    },
    "kibitz.claude.catalogue.builtin": {
        "Path(__file__).with_name('catalogue.toml').read_text": "a table that kibitz brings along",
    },
    "kibitz.claude.connection.api_key_from_command": {
        "asyncio.create_subprocess_exec": "the user's own command, from a guarded setting",
    },
    "kibitz.claude.audit_file.AuditFile._files": {
        "self.folder.iterdir": "lists the audit's own folder",
    },
    "kibitz.claude.audit_file.AuditFile.append": {
        "os.open": "writes the audit",
    },
    "kibitz.claude.audit_file.AuditFile.records": {
        "path.open": "reads the audit",
    },
    "kibitz.claude.batch_run._open": {
        "os.open": "makes the state file of a run of batches private before SQLite opens it",
        "sqlite3.connect": "opens the state of a run of batches",
    },
    "kibitz.claude.ledger_file._open": {
        "os.open": "makes kibitz's ledger private",
        "sqlite3.connect": "kibitz's ledger",
    },
    "kibitz.claude.model_facts_file.read": {"path.read_text": "in kibitz's cache folder"},
    "kibitz.claude.model_facts_file.write": {"os.fdopen": "in kibitz's cache folder"},
    "kibitz.claude.processes._host": {"Path('/proc/self/ns/pid').readlink": "the system's"},
    "kibitz.claude.processes._started_by_proc": {
        "Path(f'/proc/{pid}/stat').read_text": "the system's",
    },
    "kibitz.claude.processes._boot_id": {
        "Path('/proc/sys/kernel/random/boot_id').read_text": "the system's",
    },
    "kibitz.cli.batch._run_file": {"folder.glob": "runs of batches in kibitz's state folder"},
    "kibitz.cli.main._silence_stdout": {"os.open": "the null device"},
    "kibitz.front._claim_stdio": {"os.open": "the null device"},
    "kibitz.handlers.answers.write_answer": {"folder.glob": "answers in kibitz's cache folder"},
    "kibitz.handlers.conversations._new_file": {
        "folder.glob": "conversations in kibitz's cache folder",
    },
    "kibitz.local_model.serve._serve": {"import xllamacpp": "loads the model that the user names"},
    "kibitz.local_model.gguf.read": {"path.open": "the head of the model that the user names"},
    "kibitz.local_model.sizing._read": {"Path(path).read_text": "the system's memory limits"},
    "kibitz.logs._File._opened": {"os.open": "kibitz's log", "os.fdopen": "kibitz's log"},
    "kibitz.settings_files._content": {
        "os.open": "settings, of the user and in .kibitz.toml; they are not shown to Claude",
        "os.fdopen": "settings, of the user and in .kibitz.toml; they are not shown to Claude",
    },
    "kibitz.trust._read": {"path.open": "kibitz's list of trusted folders"},
    "kibitz.trust._write": {"os.fdopen": "kibitz's list of trusted folders"},
    "kibitz.trust._locked": {
        "os.open": "a lock beside kibitz's list of trusted folders",
        "os.fdopen": "a lock beside kibitz's list of trusted folders",
    },
    # No files at all.
    "kibitz.cli.answer.Rendered.feed": {"self._blocks.open": "a block of Markdown"},
    "kibitz.conversation.answer_text.AnswerText._lines_of_open_fence": {
        "self._blocks.open": "a block of Markdown",
    },
    "kibitz.handlers.attendance.Attendance._attend": {
        "attendant.open": "a document of the editor's"
    },
    "kibitz.handlers.attendance.Attendance.document_opened": {
        "self._attendant.open": "a document of the editor's",
    },
    "kibitz.handlers.documents.did_open": {
        "connection.session.documents.open": "a document of the editor's",
    },
}

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
    "__future__ argparse array asyncio base64 binascii bisect collections concurrent contextlib "
    "contextvars copy dataclasses datetime difflib email.utils enum fcntl functools gc hashlib "
    "html importlib inspect io ipaddress itertools json logging math msvcrt os pathlib platform "
    "queue random re secrets select shlex shutil signal socket sqlite3 ssl stat statistics struct "
    "sys tempfile threading time tomllib traceback types typing unicodedata urllib.parse warnings "
    "weakref zlib"
)
_OF_OTHERS = (
    "anthropic azure.identity boto3 cattrs google.auth httpx2 lsprotocol markdown_it "
    "opentelemetry pathspec platformdirs psutil pygls.exceptions pygls.lsp.server pygls.protocol "
    "re2 requests rich tree_sitter watchfiles websockets"
)
LOOKED_AT = frozenset(f"{_OF_PYTHON} {_OF_OTHERS} kibitz kibitz_context".split())
GIT_COMMANDS = "kibitz_context.git_commands"
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

    @property
    def is_allowed(self) -> bool:
        if self.used in ALLOWED.get(self.function, {}):
            return True
        return any(self.function.startswith(f"{package}.") for package in ALLOWED_PACKAGES)


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
    return _Search(module, shown, ast.parse(source, shown)).ways


def modules() -> Iterator[tuple[str, Path]]:
    for folder in SOURCE_ROOTS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


@cache
def all_ways() -> tuple[Way, ...]:
    return tuple(
        way
        for module, file in modules()
        for way in ways_in(module, file.read_text("utf-8"), str(file.relative_to(ROOT)))
    )


def test_nothing_goes_past_the_gate() -> None:
    wrong = [str(way) for way in all_ways() if not way.is_allowed]
    assert not wrong, (
        "read files of a repository through kibitz_context.gate; what is no such file gets its "
        "reason in ALLOWED of tests/test_gate_only.py:\n" + "\n".join(wrong)
    )


def test_every_reason_is_still_needed() -> None:
    found = {(way.function, way.used) for way in all_ways()}
    stale = [
        f"{function}: {used}"
        for function, ways in ALLOWED.items()
        for used in ways
        if (function, used) not in found
    ]
    assert not stale, "take these out of ALLOWED in tests/test_gate_only.py:\n" + "\n".join(stale)


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("def f(path): return open(path).read()", "open"),
        ("def f(path): return path.read_text()", "path.read_text"),
        ("def f(paths): return list(map(Path.read_bytes, paths))", "Path.read_bytes"),
        ("def f(path):\n    with (root / path).open() as file: pass", "(root / path).open"),
        ("def f(path): return os.open(path, 0)", "os.open"),
        ("def f(path): return Path.open(path)", "Path.open"),
        ("def f(path): return getattr(path, 'read_text')()", "getattr read_text"),
        ("def f(path):\n    import mmap", "import mmap"),
        ("from linecache import getline", "import linecache"),
        ("from os import scandir", "import scandir"),
        ("from subprocess import run", "import subprocess"),
        ("def f(root): return os.system('cat ' + root)", "os.system"),
        ("async def f(): await asyncio.create_subprocess_exec('cat')", None),
        ("def f(folder): return sorted(folder.rglob('*'))", "folder.rglob"),
        ("from git import Repo", "import git"),
        ("import configparser", "import configparser"),
        ("from xml.etree import ElementTree", "import xml"),
        ("from urllib.request import urlopen", "import urllib"),
        ("import urllib.parse, urllib.request", "import urllib"),
        ("from io import FileIO", "import FileIO"),
        ("from shutil import copy", "import copy"),
        ("def f(path, to): shutil.move(path, to)", "shutil.move"),
        ("def f(path): return tokenize.open(path)", "tokenize.open"),
        ("def f(name): return resources.read_binary(__package__, name)", "resources.read_binary"),
        ("def f(paths): return map(operator.methodcaller('read_bytes'), paths)", None),
        ("def f(base):\n    base.execute('ATTACH ? AS other', (path,))", "ATTACH"),
        ("class Own(pathlib.Path):\n    def f(self): return self.read_text()", None),
        ("def f(server, uri): return server.workspace.get_text_document(uri).source", None),
        ("async def f(loop): await loop.subprocess_exec(None, 'cat')", "loop.subprocess_exec"),
        ("def f(repository):\n    with repository.blobs(9) as blobs: pass", "repository.blobs"),
        ("def f(repository): return repository.grep('HEAD', ['x'])", "repository.grep"),
        ("from kibitz_context import git_commands", "import git_commands"),
        ("from kibitz_context.git_commands import run", "import run"),
    ],
)
def test_a_way_past_the_gate_is_found(source: str, used: str | None) -> None:
    (way, *_) = ways_in("kibitz.actions.hover", source, "a test")
    assert not way.is_allowed
    assert used in (None, way.used)


def test_git_s_content_is_found_where_git_is_asked() -> None:
    source = (
        "from kibitz_context import git_commands\n"
        "def f(folder): return git_commands.run(folder, ['show', 'HEAD:secret.py'])\n"
    )
    ways = ways_in("kibitz_context.history", source, "a test")
    assert [(way.used, way.is_allowed) for way in ways] == [
        ("import git_commands", True),
        ("'show'", False),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "def f(gate, path): return gate.read(path)",
        "class Backend:\n    def f(self): return self.open()",
        "def f(file): return Index.open(file)",
        "def f(tree): return tree.blobs['a.py']",
        "from kibitz_context.git_commands import GitFolder, decoded",
        "LEVELS = ('log', 'show')",
        "import os, pathlib, json, urllib.parse",
        "from urllib import parse",
        "from . import neighbour",
        "def f(values): return values.copy()",
    ],
)
def test_what_is_no_way_is_not_found(source: str) -> None:
    assert ways_in("kibitz.actions.hover", source, "a test") == []
