"""Which definitions an edit needs, and how many of them a prompt of so many tokens holds.

An edit is what a commit did to one file.  It needs what its added lines name and other files of
the parent define.  A prompt holds a definition when it holds the line that names it, whoever made
the prompt.  The file that is edited is shown to all alike and counts for nobody; all are told
which lines will change, and the commit's message.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.recall_cases import Case, Clone, is_wanted
from bench.recall_peers import AiderMap, Chunks
from kibitz_context.files import git_commands
from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import Focus, gather
from kibitz_context.indexer import Request, prepare
from kibitz_context.indexing.index import Index, index_of
from kibitz_context.layers.task import LEAST_RELATED_TOKENS, RELATED_SHARE
from kibitz_context.lines import Span
from kibitz_context.ranking.tree import Tree
from kibitz_context.texts.names import names_in_code
from kibitz_context.texts.symbols import EXTENSION
from kibitz_context.texts.words import word_counts
from kibitz_context.tokens import estimate
from kibitz_context.values import Context

BUDGETS = (8_000, 32_000)
KIBITZ, BM25, AIDER = "kibitz", "BM25", "aider"

# A name that more files define is some method or other: nobody knows which one is meant.
MAX_DEFINING_FILES = 3
MIN_NAME_CHARACTERS = 4
# What is round the lines that will change is known as well.
LINES_AROUND = 10

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]+")


@dataclass(frozen=True)
class Edit:
    """The lines of `case.given` that a commit changed: half-open in the parent, and the new."""

    case: Case
    start: int
    end: int
    added: tuple[str, ...]


@dataclass(frozen=True)
class DefinitionRecall:
    """One repository's figures by (who, budget): the mean share held, and the tokens taken."""

    n_edits: int
    n_needed: int
    shares: Mapping[tuple[str, int], float]
    tokens: Mapping[tuple[str, int], float]


def edit(clone: Clone, case: Case) -> Edit | None:
    """What the commit of `case` did to its file; None where it added nothing."""
    output = git_commands.run(
        clone.folder,
        [
            *("diff-tree", "-p", "-U0", "--no-ext-diff", "--no-textconv", "--no-color"),
            *("--no-renames", case.parent, case.commit, "--", f":(literal){case.given}"),
        ],
    )
    start, end = 1 << 60, 0
    added: list[str] = []
    for line in output.stdout.decode("utf-8", "replace").split("\n"):
        if hunk := _HUNK.match(line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            start = min(start, max(0, first - 1 + (count == 0)))
            end = max(end, first - 1 + count + (count == 0))
        elif line.startswith("+") and not line.startswith("+++"):
            added.append(line[1:])
    return Edit(case, start, max(end, start), tuple(added)) if added else None


class Bed:
    """A work tree of a clone that is taken from one parent to the next, and its index."""

    def __init__(self, clone: Clone, scratch: Path) -> None:
        self.root = scratch / "tree"
        self.cache = scratch / "cache"
        source = str(clone.folder.git_dir)
        self._git(scratch, "clone", "-q", "--no-checkout", "--shared", source, str(self.root))
        # Commits of the future are no branch of this clone.
        self._git(self.root, "remote", "remove", "origin")

    def at(self, commit: str) -> None:
        self._git(self.root, "checkout", "-q", "-f", "--detach", commit)

    @staticmethod
    def _git(folder: Path, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def measured(clone: Clone, cases: Sequence[Case], scratch: Path) -> DefinitionRecall:
    """Pack prompts for the edit of each of `cases`, by everyone who is there."""
    bed, chunks = Bed(clone, scratch), Chunks()
    aider = AiderMap(bed.root, scratch / "aider") if AiderMap.is_there() else None
    shares: dict[tuple[str, int], list[float]] = {}
    tokens: dict[tuple[str, int], list[int]] = {}
    n_needed = 0
    try:
        for case in cases:
            made = edit(clone, case)
            if made is None:
                continue
            bed.at(case.parent)
            packer = _Packer(bed, chunks, aider, made)
            needed = packer.needed()
            if not needed:
                continue
            n_needed += len(needed)
            for budget in BUDGETS:
                for who, text, size in packer.packed(budget):
                    held = {line.strip().lstrip("│⋮ ").strip() for line in text.split("\n")}
                    found = sum(not lines.isdisjoint(held) for lines in needed.values())
                    shares.setdefault((who, budget), []).append(found / len(needed))
                    tokens.setdefault((who, budget), []).append(size)
    finally:
        if aider is not None:
            aider.close()
        shutil.rmtree(bed.root)
    return DefinitionRecall(
        len(next(iter(shares.values()), [])),
        n_needed,
        {key: statistics.fmean(values) for key, values in shares.items()},
        {key: statistics.fmean(values) for key, values in tokens.items()},
    )


class _Packer:
    """The prompts for one edit, in the work tree of its parent."""

    def __init__(self, bed: Bed, chunks: Chunks, aider: AiderMap | None, made: Edit) -> None:
        self._bed, self._chunks, self._aider, self._edit = bed, chunks, aider, made
        self._repository = Repository.find(bed.root)
        self._gate = Gate(self._repository.root)
        files = self._repository.committed(made.case.parent) or ()
        self._tree = {file.path: file.blob_id for file in files if is_wanted(file.path)}
        self._text = (bed.root / made.case.given).read_bytes().decode("utf-8", "replace")
        self._prepare(BUDGETS[0])

    @property
    def _index(self) -> Index:
        return index_of(self._repository, self._bed.cache)

    def _prepare(self, budget: int) -> None:
        request = Request.of(self._repository, self._gate, _snapshot_tokens(budget))
        prepared = prepare(request, cache_folder=self._bed.cache)
        assert prepared.problem is None, prepared.problem

    def needed(self) -> dict[str, set[str]]:
        """The names that the added lines need, each with the lines that define it."""
        given = self._edit.case.given
        names = {
            name
            for name in _NAME.findall("\n".join(self._edit.added))
            if len(name) >= MIN_NAME_CHARACTERS
        }
        tree = Tree(self._tree)
        found: dict[str, set[str]] = {}
        for name, blobs in self._index.definers(sorted(names)).items():
            paths = tree.paths(blobs)
            if not paths or given in paths or len(paths) > MAX_DEFINING_FILES:
                continue
            lines = {line for path in paths for line in self._lines_of(name, path) if line}
            if lines:
                found[name] = lines
        return found

    def _lines_of(self, name: str, path: str) -> Iterator[str]:
        """The lines that define `name` so that other files can use it."""
        blob = self._tree[path]
        lines = (self._bed.root / path).read_bytes().decode("utf-8", "replace").splitlines()
        word = re.compile(rf"\b{re.escape(name)}\b")
        hidden = 0
        for each in self._index.symbols([blob])[blob].definitions:
            # What stands inside a function is nobody else's business.
            if each.line < hidden or each.kind in (EXTENSION, "variable", "field"):
                continue
            if each.kind in ("function", "method"):
                hidden = each.end_line
            if each.name == name:
                signature = [line.strip() for line in lines[each.line : each.signature_end]]
                named = (line for line in signature if word.search(line) and line[:1] != "@")
                yield next(named, signature[-1] if signature else "")

    def packed(self, budget: int) -> Iterator[tuple[str, str, int]]:
        """Who packed, what, and in how many tokens."""
        given = self._edit.case.given
        others = {path: blob for path, blob in self._tree.items() if path != given}
        context = self._gathered(budget)
        text = context.snapshot.text + _without_file(context.task.text, given)
        yield KIBITZ, text, estimate(text)
        for path, blob in others.items():
            if not self._chunks.has(blob):
                content = (self._bed.root / path).read_bytes()
                self._chunks.add(blob, content.decode("utf-8", "replace"))
        query = word_counts(f"{self._selection()}\n{self._edit.case.message}")
        text = self._chunks.packed(others, query, budget)
        yield BM25, text, estimate(text)
        if self._aider is not None:
            names = names_in_code(f"{self._selection()}\n{self._edit.case.message}")
            text = self._aider.map(given, sorted(others), names, budget)
            yield AIDER, text, estimate(text)

    def _selection(self) -> str:
        lines = self._text.split("\n")
        start = max(0, self._edit.start - LINES_AROUND)
        return "\n".join(lines[start : self._edit.end + LINES_AROUND])

    def _gathered(self, budget: int) -> Context:
        self._prepare(budget)
        lines = self._text.split("\n")
        start = sum(len(line) + 1 for line in lines[: max(0, self._edit.start - LINES_AROUND)])
        span = Span(start, min(len(self._text), start + len(self._selection())))
        return gather(
            self._repository,
            self._gate,
            max_tokens=_snapshot_tokens(budget),
            focus=Focus(self._edit.case.given, self._text, span),
            question=self._edit.case.message,
            cache=self._bed.cache,
        )


def _snapshot_tokens(budget: int) -> int:
    """What the snapshot may be, so that it and the excerpts take `budget` tokens."""
    return min(int(budget / (1 + RELATED_SHARE)), budget - LEAST_RELATED_TOKENS)


def _without_file(text: str, path: str) -> str:
    """`text` without the blocks of the file at `path`."""
    block = rf'<(file|excerpt)(-[0-9a-f]+)? path="{re.escape(path)}">\n.*?</\1\2?>\n'
    return re.sub(block, "", text, flags=re.DOTALL)
