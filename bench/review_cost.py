"""What a change of 40 files costs to review, beside the same requests without the cache.

A real `kibitz review --diff` against the stand-in, whose cache and prices are its own.  Beside it
every file by itself with a cache that nobody else has written, as if each were asked about on
another day, and the very same requests if nothing of them were cached at all.
"""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import synthetic, tables
from bench.startup import clean_environment
from kibitz.standin import Exchange, StandIn
from kibitz.standin.cache import CacheUse
from kibitz.standin.prices import cost_usd

FILES = 40
# Requests are made one by one where they have no cache in common; a few of them tell the rest.
ALONE = 10
SEED = 11


@dataclass(frozen=True, slots=True)
class Bill:
    """What requests have cost, and would have cost without a cache."""

    requests: int
    usd: float
    uncached_usd: float
    read_share: float

    @classmethod
    def of(cls, exchanges: Sequence[Exchange]) -> Bill:
        usd = uncached_usd = read = prompt = 0.0
        for each in exchanges:
            use, model = each.cache_use, each.model or ""
            tokens = use.read_tokens + use.write_tokens + use.input_tokens
            plain = CacheUse(input_tokens=tokens)
            usd += cost_usd(model, use, each.output_tokens) or 0.0
            uncached_usd += cost_usd(model, plain, each.output_tokens) or 0.0
            read += use.read_tokens
            prompt += tokens
        return cls(len(exchanges), usd, uncached_usd, read / prompt if prompt else 0.0)


def report() -> str:
    """The table, as Markdown."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for title, root, n_files in _repositories(Path(folder)):
            together = _review(
                Path(folder) / f"{root.name} together", root, _changed(root), once=True
            )
            checked = _review(
                Path(folder) / f"{root.name} checked", root, _changed(root), once=True, checks=True
            )
            chosen = random.Random(SEED).sample(_changed(root), ALONE)
            alone = _review(Path(folder) / f"{root.name} alone", root, chosen, once=False)
            alone_usd = alone.usd * n_files / ALONE
            rows += [
                _row(f"{title}, {n_files} files: together", together, together.usd, alone_usd),
                _row("each file by itself, on another day", alone, alone_usd, alone_usd),
                _row("together, findings checked", checked, checked.usd, alone_usd),
            ]
    header = (
        *("", "requests", "read from the cache", "cost"),
        *("to the same without a cache", "to each file by itself"),
    )
    return (
        f"**Review: what a change costs.** `kibitz review --diff` of {FILES} changed files; the "
        "stand-in's cache and prices. Replies are scripted and as long in every row; of the files "
        f"by themselves {ALONE} were asked about.\n\n{tables.table(header, rows)}"
    )


def _row(name: str, bill: Bill, usd: float, alone_usd: float) -> tuple[str, ...]:
    return (
        name,
        f"{bill.requests}",
        f"{bill.read_share:.0%}",
        f"${usd:.3f}",
        f"{bill.usd / bill.uncached_usd:.2f}",
        f"{usd / alone_usd:.2f}",
    )


def _repositories(folder: Path) -> list[tuple[str, Path, int]]:
    """Work trees with `FILES` files that are changed and not committed."""
    made = folder / "made"
    synthetic.make(made, 400)
    found = [("generated, 400 files", made)]
    here, clone = Path(__file__).parents[1], folder / "clone"
    if (here / ".git").exists():
        subprocess.run(["git", "clone", "--quiet", str(here), str(clone)], check=True)
        found.append(("this repository", clone))
    for _, root in found:
        listed = _git(root, "ls-files", "*.py", "*.ts", "*.go").split()
        sizeable = [path for path in listed if 500 < (root / path).stat().st_size < 40_000]
        for path in random.Random(SEED).sample(sizeable, FILES):
            lines = (root / path).read_text().splitlines(keepends=True)
            lines.insert(len(lines) // 2, "\n")
            lines[-1:] = [lines[-1].rstrip("\n") + "\n", "value = eval(input())\n"]
            (root / path).write_text("".join(lines))
    return [(title, root, FILES) for title, root in found]


def _changed(root: Path) -> list[str]:
    return _git(root, "diff", "--name-only").split()


def _review(
    home: Path, root: Path, paths: Sequence[str], *, once: bool, checks: bool = False
) -> Bill:
    """Review the changes of `paths`, all of them at `once` or each with a cache of its own."""
    exchanges: list[Exchange] = []
    for number, group in enumerate([list(paths)] if once else [[path] for path in paths]):
        with StandIn.in_thread() as standin:
            where = {"ANTHROPIC_BASE_URL": standin.base_url, "ANTHROPIC_API_KEY": f"any-{number}"}
            command = [
                *("kibitz", "review", "--diff", "--format", "json", "--no-cache", "--yes"),
                *("--set", f"review.verify={'on' if checks else 'off'}"),
                *("--set", "budget.day_usd=100", "--", *group),
            ]
            ran = subprocess.run(
                command,
                cwd=root,
                env=clean_environment(home / f"{number}", **where),
                capture_output=True,
                text=True,
                check=True,
            )
            assert not json.loads(ran.stdout)["failed"], ran.stderr
            exchanges += standin.journal.messages
    return Bill.of(exchanges)


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=root, check=True, capture_output=True, text=True
    ).stdout
