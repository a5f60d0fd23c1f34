"""Gathering context: secrets, listings and layers, beside reading the same files plainly.

The corpus for secrets is Python's own standard library; the repository is synthetic, of the size
given.  Each figure is a median.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kibitz_context import indexer
from kibitz_context.caching import view as view_module
from kibitz_context.files.repository import Repository
from kibitz_context.gate import baseline as baseline_module
from kibitz_context.gate import secrets
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import Focus, PrefixRequest, gather
from kibitz_context.lines import Span
from kibitz_context.ranking import lexical

FILES = 5_000
RUNS = 5
MAX_TOKENS = 60_000

_WORD_LIST = (
    "account balance buffer cache client config context cursor customer document encoder event "
    "filter handler index invoice ledger message metric node order packet parser payment queue "
    "record region request response route schedule session signal snapshot stream token user"
)
_WORDS = _WORD_LIST.split()


def main() -> None:
    print_secrets()
    print()
    with tempfile.TemporaryDirectory() as folder:
        print_repository(Path(folder))


def print_secrets() -> None:
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(folder.glob("*.py"))
    plain = median(lambda: [file.read_text(encoding="utf-8", errors="replace") for file in files])
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files]
    megabytes = sum(map(len, texts)) / 1e6
    print(f"Secrets: {len(files)} files of the standard library, {megabytes:.1f} MB")
    print(f"{'':>26} {'ms':>7} {'MB/s':>7} {'times a plain read':>19}")

    def row(name: str, seconds: float) -> None:
        print(f"{name:>26} {seconds * 1e3:7.1f} {megabytes / seconds:7.0f} {seconds / plain:19.1f}")

    def redact_all() -> None:
        for text in texts:
            secrets.redact(text)

    row("plain read, decoded", plain)
    row("first look", median(redact_all, before=secrets._remembered.clear))
    row("known by its hash", median(redact_all))


def print_repository(root: Path) -> None:
    make_repository(root)
    megabytes = sum(file.stat().st_size for file in root.rglob("*.py")) / 1e6
    repository = Repository.find(root)
    head = repository.head() or ""
    print(f"A repository of {FILES} files, {megabytes:.1f} MB, snapshot of {MAX_TOKENS} tokens")
    print(f"{'':>42} {'ms':>7} {'beside git alone':>17}")

    def row(name: str, seconds: float, *git: str) -> None:
        beside = ""
        if git:
            alone = median(
                lambda: subprocess.run(["git", *git], cwd=root, capture_output=True, check=True)
            )
            beside = f"{seconds / alone:.1f}"
        print(f"{name:>42} {seconds * 1e3:7.1f} {beside:>17}")

    row("tracked()", median(repository.tracked), "ls-files", "-s", "-z")
    row(
        "committed(), with sizes",
        median(lambda: repository.committed(head)),
        *("ls-tree", "-r", "-l", "-z", "HEAD"),
    )
    row(
        "changed_paths()",
        median(lambda: repository.changed_paths(head)),
        *("diff-index", "--raw", "-z", "HEAD"),
    )
    row(
        "untracked()",
        median(repository.untracked),
        *("ls-files", "--others", "--exclude-standard", "-z"),
    )
    path = "pkg00/mod0000.py"
    text = (root / path).read_text() + "\nprint(handle_ledger_17())\n"
    focus = Focus(path, text, Span(len(text) - 30, len(text)))
    gate = Gate(root)

    def once() -> None:
        gather(repository, gate, max_tokens=MAX_TOKENS, focus=focus)

    row("gather, nothing known", median(once, before=forget))
    row("gather again, another selection", median(once, before=lexical._remembered.clear))
    row("gather again", median(once))
    row("gather again, no focus", median(lambda: gather(repository, gate, max_tokens=MAX_TOKENS)))
    for number in range(20):
        file = root / f"pkg{number:02}/mod{number:04}.py"
        file.write_text(file.read_text() + "# changed\n")
    row("gather again, 20 files changed", median(once))
    print_prefixed(repository, gate, focus, row)
    row("refusal() of one path, git asked", median(lambda: gate.refusal("pkg00/new.py")))
    row("read() of one file", median(lambda: gate.read("pkg00/mod0001.py")))


def print_prefixed(
    repository: Repository, gate: Gate, focus: Focus, row: Callable[[str, float], None]
) -> None:
    """As in a server: the index and the snapshot are prepared, what was sent is remembered."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)

        def once(with_focus: bool) -> None:
            gather(
                repository,
                gate,
                max_tokens=MAX_TOKENS,
                focus=focus if with_focus else None,
                cache=cache,
                prefix=PrefixRequest("a-model"),
            )

        row("with a prefix, not prepared yet", median(lambda: once(False)))
        indexer.prepare(
            indexer.Request.of(repository, gate, MAX_TOKENS),
            cache_folder=cache,
        )
        row("with a prefix, first in a process", median(lambda: once(False), before=forget))
        row("with a prefix, again", median(lambda: once(True)))
        row("with a prefix, again, no focus", median(lambda: once(False)))


def forget() -> None:
    """As a process that has just started."""
    secrets._remembered.clear()
    view_module._snapshots.clear()
    baseline_module._remembered.clear()
    lexical._remembered.clear()


def make_repository(root: Path) -> None:
    """Python modules of words, in a hundred folders, committed at once."""
    chance = random.Random(5)
    for number in range(FILES):
        folder = root / f"pkg{number % 100:02}"
        folder.mkdir(exist_ok=True)
        (folder / f"mod{number:04}.py").write_text(module_text(chance, number))
    (root / "README.md").write_text("# Synthetic\n")
    (root / ".gitignore").write_text("*.log\nbuild/\n__pycache__/\n")
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "all"],
    ):
        subprocess.run(["git", *command], cwd=root, check=True)


def module_text(chance: random.Random, number: int) -> str:
    parts = ["from __future__ import annotations\n\n"]
    for index in range(chance.randint(3, 20)):
        first, second = chance.sample(_WORDS, 2)
        parts.append(
            f"\ndef handle_{first}_{index + number}({second}: str, limit: int = {index}) -> str:\n"
            f'    """Handles the {first} of a {second}."""\n'
            f"    {first} = [{second} for _ in range(limit)]\n"
            f'    return "{chance.choice(_WORDS)}".join({first})\n\n'
        )
    return "".join(parts)


def median(run: Callable[[], object], before: Callable[[], object] | None = None) -> float:
    seconds: list[float] = []
    for _ in range(RUNS):
        if before is not None:
            before()
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
