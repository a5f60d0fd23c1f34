"""Determinism: is an unchanged repository the same bytes, and how many survive a change?

A prompt cache reads what is the same from the first byte on.  Beside aider's repository map and
three packers: distinct texts in six runs of an unchanged tree, each with another hash seed, and
the share of the text that is the same up to the first difference after one edit, after that edit
is committed, and in a second clone.  Of this repository and of a generated one;
`python -m bench.determinism [NAME=]PATH …` takes any clones instead of this one.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import packers, tables
from bench.context import module_text
from bench.packers import Packer
from kibitz_context import kinds

N_RUNS = 6
N_EDITS = 5
GENERATED_FILES = 400

PACKERS = (
    packers.kibitz(60_000),
    packers.kibitz(4_096),
    packers.aider(60_000),
    packers.aider(4_096),
    packers.REPOMIX,
    packers.GITINGEST,
    packers.CODE2PROMPT,
)
HEADER = ("", "bytes", "distinct of 6", "kept, one edit", "kept, committed", "kept, second clone")
_COMMIT = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Measured:
    """What one packer did: shares are of the bytes of the text before."""

    n_bytes: int
    n_distinct: int
    kept_after_edit: float
    kept_after_commit: float
    kept_in_clone: float

    def cells(self) -> tuple[str, ...]:
        shares = (self.kept_after_edit, self.kept_after_commit, self.kept_in_clone)
        return (f"{self.n_bytes:,}", str(self.n_distinct), *(f"{each:.1%}" for each in shares))


def main(arguments: Sequence[str] = ()) -> None:
    parts: list[str] = []
    with tempfile.TemporaryDirectory(prefix="kibitz-bench-") as folder:
        for name, path in _sources(arguments, Path(folder)):
            # Somebody may commit to it meanwhile: all clones are of one moment.
            source = _cloned(path, Path(folder) / f"source{len(parts)}", "--bare")
            title = f"{name} at {_git(source, 'rev-parse', '--short=12', 'HEAD').strip()}"
            print(title, flush=True)
            rows = list(_rows(source, Path(folder) / f"{len(parts)}"))
            parts.append(f"**{title}**\n\n{tables.table(HEADER, rows)}")
            print(parts[-1], flush=True)
    tables.write("determinism", "\n".join(parts))


def _sources(arguments: Sequence[str], folder: Path) -> Iterator[tuple[str, Path]]:
    """The repositories to measure, by the name that is reported."""
    for argument in arguments:
        name, found, path = argument.rpartition("=")
        yield name if found else Path(path).resolve().name, Path(path).resolve()
    if not arguments:
        yield "kibitz", Path(__file__).resolve().parent.parent
    yield f"generated, {GENERATED_FILES} files", _generated(folder / "generated")


def _rows(source: Path, folder: Path) -> Iterator[Sequence[str]]:
    for number, packer in enumerate(PACKERS):
        if not packer.is_there:
            yield (packer.name, "not there (`make bench-peers`)", *[""] * 4)
            continue
        try:
            cells = measured(packer, source, folder / str(number)).cells()
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            yield (packer.name, f"ended with {error.returncode}: {said[:80]}", *[""] * 4)
        else:
            yield (packer.name, *cells)
        print(f"  {packer.name}", file=sys.stderr, flush=True)


def measured(packer: Packer, source: Path, folder: Path) -> Measured:
    """Run `packer` on clones of `source` that are made below `folder`."""
    clone = _cloned(source, folder / "clone")
    runs = [packer.pack(clone, folder / f"run{seed}", seed) for seed in range(1, N_RUNS + 1)]

    # One seed and one memory from here on, so that only the change makes a difference.
    def now() -> bytes:
        return packer.pack(clone, folder / "session", 0)

    kept: list[float] = []
    for path in _edited_files(clone):
        before = now()
        original = (clone / path).read_bytes()
        (clone / path).write_bytes(_edited(original))
        kept.append(share_kept(before, now()))
        (clone / path).write_bytes(original)
    before = now()
    path = _edited_files(clone)[N_EDITS // 2]
    (clone / path).write_bytes(_edited((clone / path).read_bytes()))
    _git(clone, *_COMMIT, "commit", "-q", "-a", "-m", "One line more")
    kept_after_commit = share_kept(before, now())
    # Some write the folder's name into the text: it is the same in both places.
    second = _cloned(source, folder / "elsewhere/clone")
    in_second = packer.pack(second, folder / "somebody else", 0)
    return Measured(
        len(runs[0]),
        len(set(runs)),
        statistics.median(kept),
        kept_after_commit,
        share_kept(before, in_second),
    )


def share_kept(before: bytes, after: bytes) -> float:
    """The share of `before` up to the first byte in which `after` differs."""
    low, high = 0, min(len(before), len(after))
    while low < high:
        middle = (low + high + 1) // 2
        if before[:middle] == after[:middle]:
            low = middle
        else:
            high = middle - 1
    return low / len(before) if before else 1.0


def _edited_files(clone: Path) -> list[str]:
    """Source files spread evenly over the tree by name."""
    listed = _git(clone, "ls-files", "-z").split("\0")
    sources = [path for path in listed if kinds.is_source(path) and (clone / path).stat().st_size]
    places = [(2 * number + 1) * len(sources) // (2 * N_EDITS) for number in range(N_EDITS)]
    return [sources[place] for place in places]


def _edited(content: bytes) -> bytes:
    """One line more, in the middle."""
    lines = content.splitlines(keepends=True)
    middle = len(lines) // 2
    return b"".join([*lines[:middle], b"# one line more\n", *lines[middle:]])


def _cloned(source: Path, folder: Path, *options: str) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _git(folder.parent, "clone", "-q", "--no-hardlinks", *options, str(source), str(folder))
    return folder


def _generated(root: Path) -> Path:
    chance = random.Random(5)
    for number in range(GENERATED_FILES):
        folder = root / f"pkg{number % 20:02}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"mod{number:04}.py").write_text(module_text(chance, number))
    (root / "README.md").write_text("# Generated\n")
    _git(root, "init", "-q", "-b", "main")
    _git(root, "add", "-A")
    _git(root, *_COMMIT, "commit", "-q", "-m", "All")
    return root


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape")


if __name__ == "__main__":
    main(sys.argv[1:])
