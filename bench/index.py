"""The index: cold, warm and one edit, time and memory, beside aider's repository map.

Of this repository, of generated ones of 5 000 and 50 000 files (`--files N …`), or of any clones
(`--repository [NAME=]PATH`).  Each figure is of a fresh process, without its start and its
imports, which the seconds of all CPUs and those “with its start” include; what kibitz prepares is
the whole index and a snapshot of 60 000 tokens, what aider does is a map of 4 096.  Both take
turns.  Memory is the largest sum over all processes, as the kernel counts it with shared pages
divided; a grammar's tables are in it, some 2 MB for each language of the tree.  Also: how long
an event loop had to wait, beside one that had nothing to do, while the index was made and the
context of requests was gathered, as a server does both: the longest wait, and in brackets what 99
of 100 were within, with the millisecond that it wanted to sleep.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import heartbeat, synthetic, tables
from bench.measured import Measured
from bench.packers import PEERS
from kibitz_context.files.repository import Repository
from kibitz_context.indexer import Request
from kibitz_context.indexing.index import index_file
from kibitz_context.worker import Worker

MAX_TOKENS = 60_000
AIDER_TOKENS = 4_096
RUNS = 3
EDITS = 5
# Of a repository of this many files once has to do.
LARGE_FILES = 20_000
AIDER_LIMIT_SECONDS = 600.0
HEADER = (
    "",
    "",
    "cold s",
    "of all CPUs s",
    "warm s",
    "with its start s",
    "one edit ms",
    "one commit s",
    "peak MB",
    "on disk MB",
)
# Both print "took" and seconds for everything that is measured.
_KIBITZ = """
import sys, time
from pathlib import Path
from kibitz_context import indexer
from kibitz_context.indexing import history
from kibitz_context.layers import changes, snapshots
from kibitz_context.ranking import graph, rank
from kibitz_context.texts import symbols
import git, tree_sitter

if __name__ == "__main__":
    root, cache = Path(sys.argv[1]), Path(sys.argv[2])
    started = time.perf_counter()
    found = indexer.prepare(indexer.Request(root, int(sys.argv[3])), cache_folder=cache)
    print("took", time.perf_counter() - started, flush=True)
    assert found.problem is None, found.problem
"""
# The tokenizer is one line: the real one would fetch its table, and is no part of these times.
_AIDER = """
import subprocess, sys, time
from pathlib import Path
from aider.io import InputOutput
from aider.repomap import RepoMap
import grep_ast.tsl, tree_sitter, networkx, diskcache, pygments

class Model:
    @staticmethod
    def token_count(text):
        return len(text) // 4

root, max_tokens = Path(sys.argv[1]), int(sys.argv[2])
listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
files = [str(root / name) for name in listed.stdout.decode().split("\\0") if name]
io = InputOutput(pretty=False, yes=True)
started = time.perf_counter()
repository_map = RepoMap(map_tokens=max_tokens, root=str(root), main_model=Model(), io=io)
assert repository_map.get_repo_map([], files)
print("took", time.perf_counter() - started, flush=True)
for line in sys.stdin:
    started = time.perf_counter()
    repository_map.get_repo_map([], files, force_refresh=True)
    print("took", time.perf_counter() - started, flush=True)
"""


@dataclass
class Figures:
    """What was measured, in seconds and megabytes; `note` says why something is missing."""

    cold: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    warm_waited: list[float] = field(default_factory=list)
    edits: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    disk_mb: float = 0.0
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        if self.note:
            return (self.note, *[""] * 7)
        return (
            _shown(self.cold, 1, 2),
            _shown(self.cpu, 1, 2),
            _shown(self.warm, 1, 3),
            _shown(self.warm_waited, 1, 2),
            _shown(self.edits, 1_000, 1),
            _shown(self.commits, 1, 2),
            f"{self.peak_mb:,.0f}",
            f"{self.disk_mb:,.1f}" if self.disk_mb else "",
        )


def main(arguments: Sequence[str] = ()) -> None:
    options = _options(arguments)
    rows: list[Sequence[str]] = []
    gaps: list[Sequence[str]] = []
    with tempfile.TemporaryDirectory(prefix="kibitz-bench-") as scratch:
        for title, root, n_files in _repositories(options, Path(scratch)):
            runs = 1 if n_files > LARGE_FILES else options.runs
            ours, theirs = measure(root, Path(scratch), runs, options.aider_limit_seconds)
            rows.append((title, "kibitz", *ours.cells()))
            print(*rows[-1], sep=" | ", flush=True)
            rows.append(("", "aider", *theirs.cells()))
            print(*rows[-1], sep=" | ", flush=True)
            if not theirs.note:
                rows.append(("", "times aider", *_ratios(ours, theirs)))
                print(*rows[-1], sep=" | ", flush=True)
            gaps.append((title, *heartbeat.measure(root, Path(scratch) / "cache", MAX_TOKENS)))
            print("longest wait of an event loop:", *gaps[-1], sep=" | ", flush=True)
            if root.is_relative_to(scratch):
                shutil.rmtree(root)
    if not options.no_page:
        tables.write(
            "index",
            "## Index\n\n"
            f"{(__doc__ or '').partition(chr(10))[2].strip()}\n\n"
            + tables.table(HEADER, rows)
            + "\n"
            + tables.table(heartbeat.HEADER, gaps),
        )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench index")
    parser.add_argument("--files", type=int, nargs="*", help="sizes of generated repositories")
    parser.add_argument("--repository", nargs="*", default=[], help="[NAME=]PATH of clones")
    parser.add_argument("--runs", type=int, default=RUNS, help="of a smaller repository")
    parser.add_argument("--aider-limit-seconds", type=float, default=AIDER_LIMIT_SECONDS)
    parser.add_argument("--no-page", action="store_true", help="leave docs/benchmarks.md alone")
    return parser.parse_args(list(arguments))


def _repositories(options: argparse.Namespace, scratch: Path) -> Iterator[tuple[str, Path, int]]:
    """Title, clone and number of files of each repository; made when it is its turn."""
    here = Path(__file__).resolve().parents[1]
    sizes = options.files
    if sizes is None:
        sizes = [] if options.repository else [5_000, 50_000]
        if (here / ".git").exists() and not options.repository:
            yield _cloned("this one", here, scratch / "here")
    for size in sizes:
        root = scratch / f"generated-{size}"
        n_bytes = synthetic.make(root, size)
        yield f"{size:,} files, {n_bytes / 1e6:,.0f} MB", root, size
    for number, each in enumerate(options.repository):
        name, separator, path = each.rpartition("=")
        source = Path(path).resolve()
        yield _cloned(name if separator else source.name, source, scratch / f"clone-{number}")


def _cloned(name: str, source: Path, root: Path) -> tuple[str, Path, int]:
    subprocess.run(["git", "clone", "-q", str(source), str(root)], check=True)
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "-l", "HEAD"], cwd=root, capture_output=True, check=True
    )
    sizes = [line.split()[3] for line in listed.stdout.splitlines()]
    n_bytes = sum(int(size) for size in sizes if size.isdigit())
    return f"{name}: {len(sizes):,} files, {n_bytes / 1e6:,.1f} MB", root, len(sizes)


def measure(
    root: Path, scratch: Path, runs: int, aider_limit_seconds: float
) -> tuple[Figures, Figures]:
    """Kibitz's figures and aider's, taken in turns: both feel what else the machine does."""
    ours, theirs = Figures(), Figures()
    if not (PEERS / "aider").exists():
        theirs.note = "not there (`make bench-peers`)"
    for number in range(runs):
        _begin_and_go_on(root, scratch / "cache", ours)
        if not theirs.note:
            _run_aider(root, scratch / "aider", theirs, aider_limit_seconds, number == runs - 1)
    _edit_and_commit(root, scratch / "cache", ours)
    return ours, theirs


def _begin_and_go_on(root: Path, cache: Path, figures: Figures) -> None:
    """Cold once, and warm a few times."""
    command = [sys.executable, "-c", _KIBITZ, str(root), str(cache), str(MAX_TOKENS)]
    shutil.rmtree(cache, ignore_errors=True)
    with Measured(command) as run:
        figures.cold.append(run.seconds() or 0.0)
    figures.cpu.append(run.cpu_seconds)
    figures.peak_mb = max(figures.peak_mb, run.peak_mb)
    for _ in range(RUNS):
        with Measured(command) as run:
            figures.warm.append(run.seconds() or 0.0)
        figures.warm_waited.append(run.waited_seconds)
    file = index_file(Repository.find(root), cache)
    figures.disk_mb = sum(each.stat().st_size for each in file.parent.iterdir()) / 1e6


def _edit_and_commit(root: Path, cache: Path, figures: Figures) -> None:
    """Edits through a running worker, and the same edits committed."""
    worker = Worker(cache)
    request = Request(root, MAX_TOKENS)
    try:
        worker.prepare(request).result()
        for path in _edited(root):
            started = time.perf_counter()
            assert worker.look_at(request, [path]).result().n_indexed == 1
            figures.edits.append(time.perf_counter() - started)
        for path in _edited(root):
            _commit(root, path)
            started = time.perf_counter()
            worker.prepare(request).result()
            figures.commits.append(time.perf_counter() - started)
    finally:
        worker.close()


def _run_aider(
    root: Path, home: Path, figures: Figures, limit_seconds: float, with_edits: bool
) -> None:
    """Cold, warm, and edits in a process that goes on."""
    home.mkdir(exist_ok=True)
    environment = {"HOME": str(home), "HTTPS_PROXY": "http://127.0.0.1:9"}
    command = [str(PEERS / "python"), "-c", _AIDER, str(root), str(AIDER_TOKENS)]
    _forget_aider(root)
    with Measured(command, environment) as run:
        seconds = run.seconds(limit_seconds)
    if seconds is None:
        figures.note = f"stopped after {limit_seconds:,.0f} s"
        return
    figures.cold.append(seconds)
    figures.cpu.append(run.cpu_seconds)
    figures.peak_mb = max(figures.peak_mb, run.peak_mb)
    with Measured(command, environment) as run:
        figures.warm.append(run.seconds() or 0.0)
    figures.warm_waited.append(run.waited_seconds)
    if with_edits:
        with Measured(command, environment) as run:
            run.seconds()
            figures.edits += [run.again() for _ in _edited(root)]
    _forget_aider(root)


def _forget_aider(root: Path) -> None:
    for folder in root.glob(".aider*"):
        shutil.rmtree(folder, ignore_errors=True)


def _edited(root: Path) -> Iterator[str]:
    """Edit one file after the other, each time another one, and say which."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=root, capture_output=True, check=True, text=True
    )
    paths = [path for path in listed.stdout.splitlines() if (root / path).stat().st_size > 400]
    for path in paths[:: max(1, len(paths) // EDITS)][:EDITS]:
        with (root / path).open("a") as file:
            file.write(f"\n\ndef edited_{time.time_ns()}() -> None:\n    return None\n")
        yield path


def _commit(root: Path, path: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, "commit", "-q", "-m", "edit", "--", path], cwd=root, check=True)


def _ratios(ours: Figures, theirs: Figures) -> tuple[str, ...]:
    def times(mine: list[float], other: list[float]) -> str:
        if not mine or not other:
            return ""
        return f"{statistics.median(other) / statistics.median(mine):,.1f}"

    return (
        times(ours.cold, theirs.cold),
        times(ours.cpu, theirs.cpu),
        times(ours.warm, theirs.warm),
        times(ours.warm_waited, theirs.warm_waited),
        times(ours.edits, theirs.edits),
        "",
        f"{ours.peak_mb / theirs.peak_mb:.2f} of it",
        "",
    )


def _shown(seconds: Sequence[float], scale: float, digits: int) -> str:
    if not seconds:
        return ""
    middle = f"{statistics.median(seconds) * scale:.{digits}f}"
    if len(seconds) == 1:
        return middle
    return f"{middle} ({min(seconds) * scale:.{digits}f}-{max(seconds) * scale:.{digits}f})"


if __name__ == "__main__":
    main(sys.argv[1:])
