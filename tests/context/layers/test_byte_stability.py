"""The snapshot is the same bytes wherever, whenever and by whomever it is made.

Asked of the installed `kibitz context --json`, each time from a world that differs from the first
in as many ways as fit; and in this process, of any repository that can be drawn.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kibitz_context.indexer import Request, prepare
from kibitz_context.layers.snapshots import store_in
from support.commands_as_processes import KIBITZ
from support.git_folder import GitFolder, git_folder
from support.raw_client import clean_environment
from support.sample_history import sample_history

# So small that the ranking decides what is whole, what is an outline and what is a name.
MAX_TOKENS = 2_500


@dataclass(frozen=True)
class World:
    """Where and how `kibitz context` runs: on a clone, prepared, in some environment."""

    folder: str = "clone"
    clone: tuple[str, ...] = ()
    prepare: Callable[[GitFolder], Path | None] = lambda clone: None
    environment: Mapping[str, str] = field(default_factory=dict)
    umask: int = -1
    #: What the process is told of time and processors, through `sitecustomize`.
    machine: str = ""


def run(root: Path, home: Path, world: World = World()) -> subprocess.Popen[bytes]:
    home.mkdir(exist_ok=True)
    environment = {
        **clean_environment(home),
        "ANTHROPIC_API_KEY": "sk-test",
        "KIBITZ_CONTEXT_MAX_TOKENS": str(MAX_TOKENS),
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    if world.machine:
        (home / "site").mkdir(exist_ok=True)
        (home / "site/sitecustomize.py").write_text(world.machine)
        environment["PYTHONPATH"] = str(home / "site")
    return subprocess.Popen(
        [KIBITZ, "context", "--json"],
        cwd=root,
        env={**environment, **world.environment},
        umask=world.umask,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def snapshot_of(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The snapshot's layer, and the commit that it stands for."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()
    found: dict[str, Any] = json.loads(out)
    (layer,) = (each for each in found["layers"] if each["name"] == "snapshot")
    return {"commit": found["commit"], **layer}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> GitFolder:
    return sample_history(tmp_path_factory.mktemp("origin") / "origin")


@pytest.fixture(scope="module")
def expected(origin: GitFolder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = snapshot_of(run(origin.root, tmp_path_factory.mktemp("home")))
    assert {each["form"] for each in found["files"]} == {"full", "outline", "name"}
    return found


def cloned(origin: GitFolder, folder: Path, *options: str) -> GitFolder:
    folder.parent.mkdir(parents=True, exist_ok=True)
    origin.git("clone", "-q", *options, f"file://{origin.root}", str(folder))
    return GitFolder(folder)


# --- worlds ------------------------------------------------------------------------------------


def written_anew(clone: GitFolder) -> None:
    """The files made again in another order, by another clock and with other rights."""
    paths = clone.git("ls-files", "-z").split("\0")
    chance = random.Random(3)
    chance.shuffle(paths)
    for path in paths:
        file = clone.root / path
        if file.is_file():
            content = file.read_bytes()
            file.unlink()
            file.write_bytes(content)
            os.utime(file, (chance.randrange(2**31), chance.randrange(2**31)))
            file.chmod(0o600)


def packed(clone: GitFolder) -> None:
    clone.git("gc", "-q", "--aggressive", "--prune=now")
    clone.git("commit-graph", "write", "--reachable", "--changed-paths")
    clone.git("multi-pack-index", "write")
    clone.git("pack-refs", "--all")


def loose(clone: GitFolder) -> None:
    for pack in list((clone.root / ".git/objects/pack").glob("*.pack")):
        content = pack.read_bytes()
        for file in pack.parent.glob(f"{pack.stem}.*"):
            file.unlink()
        clone.git("unpack-objects", "-q", stdin=content)


def configured(clone: GitFolder) -> None:
    """Settings of one's own that change what git prints, and how it checks out."""
    (clone.root.parent / "order").write_text("*.ts\n*.py\n")
    for key, value in {
        "user.name": "Éléonore",
        "user.email": "el@example.org",
        "core.autocrlf": "true",
        "core.quotePath": "true",
        "core.abbrev": "5",
        "core.ignoreCase": "true",
        "core.precomposeUnicode": "true",
        "core.pager": "less",
        "core.attributesFile": "/nowhere",
        "log.date": "relative",
        "log.showSignature": "true",
        "log.follow": "true",
        "log.decorate": "full",
        "log.mailmap": "true",
        "log.diffMerges": "first-parent",
        "diff.renames": "copies",
        "diff.algorithm": "histogram",
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.orderFile": str(clone.root.parent / "order"),
        "diff.relative": "true",
        "diff.context": "9",
        "color.ui": "always",
        "format.pretty": "fuller",
        "i18n.logOutputEncoding": "ISO-8859-1",
        "merge.renames": "false",
        "gc.auto": "0",
        "status.showUntrackedFiles": "no",
    }.items():
        clone.git("config", key, value)
    clone.git("rm", "-q", "--cached", "-r", ".")
    clone.git("reset", "-q", "--hard")


def in_a_linked_work_tree(clone: GitFolder) -> Path:
    """A second work tree, entered by a link and in a folder below."""
    clone.git("worktree", "add", "-q", "-b", "zweig", "../linked")
    (clone.root.parent / "alias").symlink_to("linked")
    return clone.root.parent / "alias/src"


def detached_among_tags(clone: GitFolder) -> None:
    clone.git("tag", "-a", "v1", "-m", "one")
    clone.git("branch", "other", "HEAD~3")
    clone.git("checkout", "-q", "--detach")


def at_work(clone: GitFolder) -> None:
    """Own commits on top of the shared history, and changes that are in no commit."""
    clone.git("switch", "-q", "-c", "feature")
    clone.commit({"src/order.py": "# mine\n", "src/new.py": "NEW = 1\n"})
    clone.write({"src/queue.py": "# not committed\n", "untracked.py": "U = 1\n"})
    (clone.root / "src/route.py").unlink()


LATER = """
import datetime, os, time
_time = time.time
time.time = lambda: _time() + 400 * 86_400
time.time_ns = lambda: int(time.time() * 1e9)
os.cpu_count = lambda: 1
os.sched_getaffinity = lambda pid: {0}
os.getpid, _pid = (lambda: 4_000_000 + _pid), os.getpid()
class Later(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)
datetime.datetime = Later
"""

WORLDS = {
    "another user's clone": World(
        folder="jemand anderes é/tief/unten/in clone",
        environment={
            "PYTHONHASHSEED": "1",
            "TZ": "Asia/Kolkata",
            "LC_ALL": "tr_TR.UTF-8",
            "LANG": "tr_TR.UTF-8",
            "LANGUAGE": "tr",
            "USER": "jemand",
            "LOGNAME": "jemand",
            "HOSTNAME": "elsewhere",
        },
    ),
    "no UTF-8, and files made in another order": World(
        prepare=written_anew,
        umask=0o077,
        environment={
            "PYTHONHASHSEED": "2",
            "LC_ALL": "C",
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
            "COLUMNS": "20",
            "TERM": "dumb",
        },
    ),
    "packed, and configured to print otherwise": World(
        prepare=lambda clone: (packed(clone), configured(clone))[0],
        environment={"PYTHONHASHSEED": "3", "GIT_PAGER": "less", "GIT_DIFF_OPTS": "-u9"},
    ),
    "loose objects, in a linked work tree": World(
        prepare=lambda clone: (loose(clone), in_a_linked_work_tree(clone))[1],
        environment={"PYTHONHASHSEED": "4"},
    ),
    "a year later on another machine": World(
        clone=("--branch", "main", "--no-tags"),
        prepare=detached_among_tags,
        machine=LATER,
        environment={"PYTHONHASHSEED": "5", "PYTHONDONTWRITEBYTECODE": "1"},
    ),
    "a colleague at work on the same base": World(
        prepare=at_work, environment={"PYTHONHASHSEED": "6"}
    ),
}


@pytest.mark.parametrize("name", WORLDS)
def test_the_same_bytes_in_every_world(
    name: str, origin: GitFolder, expected: dict[str, Any], tmp_path: Path
) -> None:
    world = WORLDS[name]
    clone = cloned(origin, tmp_path / world.folder, *world.clone)
    started_in = world.prepare(clone) or clone.root
    assert snapshot_of(run(started_in, tmp_path / "home", world)) == expected


def test_what_is_in_the_database_already_does_not_matter(
    origin: GitFolder, expected: dict[str, Any], tmp_path: Path
) -> None:
    clone = cloned(origin, tmp_path / "clone")
    home = tmp_path / "home"
    clone.git("checkout", "-q", "--detach", "HEAD~6")
    older = snapshot_of(run(clone.root, home))
    assert older["sha256"] != expected["sha256"]
    clone.git("switch", "-q", "main")
    assert snapshot_of(run(clone.root, home)) == expected, "made beside another commit's"
    assert snapshot_of(run(clone.root, home)) == expected, "read again"


def test_two_processes_that_begin_at_once_make_the_same(
    origin: GitFolder, expected: dict[str, Any], tmp_path: Path
) -> None:
    clone = cloned(origin, tmp_path / "clone")
    both = [run(clone.root, tmp_path / "home") for _ in range(2)]
    assert [snapshot_of(process) for process in both] == [expected] * 2


def test_a_database_that_is_damaged_is_made_anew(
    origin: GitFolder, expected: dict[str, Any], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    snapshot_of(run(origin.root, home))
    databases = [file for file in (home / "cache").rglob("*.sqlite*") if file.is_file()]
    assert databases
    for file in databases:
        file.write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    assert snapshot_of(run(origin.root, home)) == expected


def at_the_top(clone: GitFolder) -> None:
    """Nothing is prepared."""


def sparse(clone: GitFolder) -> None:
    clone.git("sparse-checkout", "set", "--cone", "web")
    assert not (clone.root / "src").exists()


def in_a_folder_below(clone: GitFolder) -> Path:
    return clone.root / "web"


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    folder=st.sampled_from(["clone", "a b/ü/clone", "-x/$HOME/clone"]),
    prepare=st.sampled_from(
        [
            at_the_top,
            written_anew,
            packed,
            loose,
            configured,
            sparse,
            in_a_folder_below,
            in_a_linked_work_tree,
            detached_among_tags,
            at_work,
        ]
    ),
    environment=st.fixed_dictionaries(
        {
            "PYTHONHASHSEED": st.integers(0, 4_294_967_295).map(str),
            "TZ": st.sampled_from(["UTC", "Pacific/Kiritimati", "America/St_Johns"]),
            "LC_ALL": st.sampled_from(["C", "C.UTF-8", "tr_TR.UTF-8", "ja_JP.SJIS"]),
            "PYTHONUTF8": st.sampled_from(["0", "1"]),
            "USER": st.sampled_from(["ada", "jemand"]),
            "HOSTNAME": st.sampled_from(["here", "elsewhere"]),
        }
    ),
    umask=st.sampled_from([0o022, 0o077]),
    machine=st.sampled_from(["", LATER]),
)
def test_the_same_bytes_in_any_world(
    tmp_path_factory: pytest.TempPathFactory,
    origin: GitFolder,
    expected: dict[str, Any],
    folder: str,
    prepare: Callable[[GitFolder], Path | None],
    environment: dict[str, str],
    umask: int,
    machine: str,
) -> None:
    """Everything that may differ, drawn together."""
    place = tmp_path_factory.mktemp("world")
    clone = cloned(origin, place / folder)
    started_in = prepare(clone) or clone.root
    world = World(environment=environment, umask=umask, machine=machine)
    assert snapshot_of(run(started_in, place / "home", world)) == expected


# --- any repository ----------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "Z", "é", "z-1", "_x"])
PATHS = st.builds(
    lambda folders, name, ending: "/".join([*(f"{each}d" for each in folders), name]) + ending,
    st.lists(NAMES, max_size=2),
    NAMES,
    st.sampled_from([".py", ".ts", ".md", ""]),
)
LINES = st.sampled_from(
    ["def one():", "    return two()", "class A:", "import b", "x = 'é漢'", "", "# words", "}\r"]
)
TEXTS = st.lists(LINES, max_size=30).map("\n".join)
COMMITS = st.lists(st.dictionaries(PATHS, TEXTS, min_size=1, max_size=5), min_size=1, max_size=3)


def in_this_process(root: Path, cache: Path, max_tokens: int) -> tuple[str, Any]:
    prepared = prepare(Request(root, max_tokens), cache_folder=cache)
    found = store_in(cache).get(prepared.snapshot_key)
    assert found is not None, prepared.problem
    return found.layer.sha256, found.layer.files


def test_a_shallow_clone_that_is_made_whole_is_one(tmp_path: Path, origin: GitFolder) -> None:
    """In one process and one cache: what was made of fewer commits is not read again."""
    expected = in_this_process(origin.root, tmp_path / "theirs", MAX_TOKENS)
    clone = cloned(origin, tmp_path / "clone", "--depth=1")
    assert in_this_process(clone.root, tmp_path / "ours", MAX_TOKENS) != expected
    clone.git("fetch", "-q", "--unshallow")
    assert in_this_process(clone.root, tmp_path / "ours", MAX_TOKENS) == expected


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    commits=COMMITS,
    max_tokens=st.sampled_from([150, 300, 5_000]),
    prepare=st.sampled_from([written_anew, packed, loose, configured]),
)
def test_any_commit_is_the_same_bytes_in_any_clone(
    tmp_path_factory: pytest.TempPathFactory,
    commits: list[dict[str, str]],
    max_tokens: int,
    prepare: Callable[[GitFolder], None],
) -> None:
    folder = tmp_path_factory.mktemp("any")
    made = git_folder(folder / "one")
    for files in commits:
        made.commit(files)
    clone = cloned(made, folder / "elsewhere é/two")
    prepare(clone)
    one, two = folder / "cache", folder / "cache of somebody else"
    expected = in_this_process(made.root, one, max_tokens)
    assert in_this_process(clone.root, two, max_tokens) == expected
    assert in_this_process(clone.root, one, max_tokens) == expected
