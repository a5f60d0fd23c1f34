"""The gate is the only way to a byte of a repository: the source is searched for any other.

Found is what could read a file, list a folder, start a process or ask git for content, whether it
is called or only named.  Each such place stands in `ALLOWED` with the reason why no repository's
byte gets past the gate there, or the test fails; so does a reason that nothing needs any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from support.ways_past_gate import Way, ways_in

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
    "kibitz_context.gate.gate._read_beneath": {
        "os.open": "this is the gate: it opens folder after folder and follows no link",
    },
    "kibitz_context.files.ignore_files.IgnoreFiles._lines": {
        "path.open": "patterns, which say what is refused and are themselves not shown",
    },
    "kibitz_context.files.tracked_rules": {
        "import git_commands": "asks which ignore files git tracks"
    },
    "kibitz_context.files.tracked_rules.TrackedRules._read": {
        "repository.blobs": "patterns, which say what is refused and are themselves not shown",
    },
    "kibitz_context.files.discovery": {"import git_commands": "asks where the git directory is"},
    "kibitz_context.files.discovery._stranger": {
        "(found.git_dir / 'gitdir').read_bytes": "a path in git's own folder, to compare it",
    },
    "kibitz_context.files.discovery._linked_git_dir": {
        "dot_git.read_bytes": "a path in a .git file, which git is given",
    },
    "kibitz_context.files.git_commands": {
        "import subprocess": "every command of git is started in there",
        "import git": "types only",
    },
    "kibitz_context.files.git_commands.git_problem": {"import git": "asks whether it is there"},
    "kibitz_context.files.git_commands.too_old": {"import git": "asks for git's version"},
    "kibitz_context.files.git_commands._client": {"import git": "GitPython starts the process"},
    "kibitz_context.files.git_commands.BlobReader._asked": {
        "'cat-file'": "blobs, for `Sources` alone, which has them judged by the gate",
    },
    "kibitz_context.gate.media._picture": {
        "import imagesize": "given the bytes that the gate has read"
    },
    "kibitz_context.gate.media._pdf": {"import pypdf": "given the bytes that the gate has read"},
    # The process that indexes: it is our own Python, and reads what `Sources` lets it read.
    "kibitz_context.child": {"import subprocess": "starts Python with a module of ours"},
    "kibitz_context.child.Parent.__init__": {"os.fdopen": "the pipe to the process above"},
    # What git tells of a repository beside content.
    "kibitz_context.files.repository": {"import git_commands": "lists and identifies files"},
    "kibitz_context.files.work_tree": {"import git_commands": "asks what differs, by path"},
    "kibitz_context.files.walk._entries": {
        "os.scandir": "names in a folder without git; the gate judges each of them",
    },
    "kibitz_context.files.repository.Repository.blobs": {"BlobReader": "for `Sources` alone"},
    "kibitz_context.files.repository.Repository.commits": {"'cat-file'": "ids of commits"},
    "kibitz_context.files.repository.Repository._sizes": {"'cat-file'": "sizes of blobs"},
    "kibitz_context.files.repository.Repository.lines_between": {"'diff-tree'": "numbers of lines"},
    "kibitz_context.files.work_tree.changed_paths": {"'diff-index'": "modes, ids, paths"},
    "kibitz_context.files.work_tree.forgotten": {"'diff-index'": "modes, ids, paths"},
    "kibitz_context.files.repository.Repository.grep": {
        "'grep'": "lines of a commit, for `lexical` alone",
    },
    "kibitz_context.indexing.history": {"import git_commands": "asks for past commits"},
    "kibitz_context.indexing.history._ask": {
        "'log'": "paths and words of messages, which say what ranks where and are not shown",
    },
    "kibitz_context.gate.commits": {"import git_commands": "asks for facts about commits"},
    "kibitz_context.gate.commits.log": {
        "'log'": "ids, names, days, paths and messages; secrets are taken out of these, and the "
        "gate is asked before a path is named",
    },
    "kibitz_context.gate.commits.blame": {
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
    "kibitz_context.gate.baseline.opened": {
        "repository.blobs": "`Sources` has each blob judged (Gate.admit_blob)",
    },
    "kibitz_context.ranking.lexical._grep": {
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
    "kibitz_context.texts.reader.query_text": {
        "(folder / f'{name}.scm').read_text": "queries that kibitz brings along",
    },
    "kibitz_context.texts.walking._branches": {"tree.walk": "a tree of nodes in memory"},
    "kibitz_context.database._connected": {"sqlite3.connect": "kibitz's cache folder"},
    "kibitz_context.database.Database._ready_file": {"sqlite3.connect": "kibitz's cache folder"},
    "kibitz.actions.task_text.prompt_text": {
        "(files('kibitz.actions') / 'prompts' / f'{name}.md').read_text": "kibitz's own prompts",
    },
    "kibitz.claude.models.catalogue.builtin": {
        "Path(__file__).with_name('catalogue.toml').read_text": "a table that kibitz brings along",
    },
    "kibitz.claude.connection.api_key_from_command": {
        "asyncio.create_subprocess_exec": "the user's own command, from a guarded setting",
    },
    "kibitz.claude.auditing.audit_file.AuditFile._files": {
        "self.folder.iterdir": "lists the audit's own folder",
    },
    "kibitz.claude.auditing.audit_file.AuditFile.append": {
        "os.open": "writes the audit",
    },
    "kibitz.claude.auditing.audit_file.AuditFile.records": {
        "path.open": "reads the audit",
    },
    "kibitz.claude.batching.batch_run._open": {
        "os.open": "makes the state file of a run of batches private before SQLite opens it",
        "sqlite3.connect": "opens the state of a run of batches",
    },
    "kibitz.claude.spending.ledger_file._open": {
        "os.open": "makes kibitz's ledger private",
        "sqlite3.connect": "kibitz's ledger",
    },
    "kibitz.claude.models.model_facts_file.read": {"path.read_text": "in kibitz's cache folder"},
    "kibitz.claude.models.model_facts_file.write": {"os.fdopen": "in kibitz's cache folder"},
    "kibitz.claude.spending.processes._host": {
        "Path('/proc/self/ns/pid').readlink": "the system's"
    },
    "kibitz.claude.spending.processes._started_by_proc": {
        "Path(f'/proc/{pid}/stat').read_text": "the system's",
    },
    "kibitz.claude.spending.processes._boot_id": {
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


def is_allowed(way: Way) -> bool:
    if way.used in ALLOWED.get(way.function, {}):
        return True
    return any(way.function.startswith(f"{package}.") for package in ALLOWED_PACKAGES)


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
    wrong = [str(way) for way in all_ways() if not is_allowed(way)]
    assert not wrong, (
        "read files of a repository through kibitz_context.gate.gate; what is no such file gets "
        "its reason in ALLOWED of tests/test_gate_only.py:\n" + "\n".join(wrong)
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
        ("from kibitz_context.files import git_commands", "import git_commands"),
        ("from kibitz_context.files.git_commands import run", "import run"),
    ],
)
def test_a_way_past_the_gate_is_found(source: str, used: str | None) -> None:
    (way, *_) = ways_in("kibitz.actions.hover", source, "a test")
    assert not is_allowed(way)
    assert used in (None, way.used)


def test_git_s_content_is_found_where_git_is_asked() -> None:
    source = (
        "from kibitz_context.files import git_commands\n"
        "def f(folder): return git_commands.run(folder, ['show', 'HEAD:secret.py'])\n"
    )
    ways = ways_in("kibitz_context.indexing.history", source, "a test")
    assert [(way.used, is_allowed(way)) for way in ways] == [
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
        "from kibitz_context.files.git_commands import GitFolder, decoded",
        "LEVELS = ('log', 'show')",
        "import os, pathlib, json, urllib.parse",
        "from urllib import parse",
        "from . import neighbour",
        "def f(values): return values.copy()",
    ],
)
def test_what_is_no_way_is_not_found(source: str) -> None:
    assert ways_in("kibitz.actions.hover", source, "a test") == []
