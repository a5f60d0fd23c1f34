"""Recall on real histories: files that are changed together, definitions that an edit needs.

Any clones by path, bare ones too (`--repositories [NAME=]PATH …`), this repository by default.
Commits and files are drawn by a seed; index and history hold what there was before each commit.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench import recall_cases, recall_definitions, recall_files, recall_fit, tables
from bench.recall_cases import Clone
from bench.recall_definitions import AIDER, BM25, BUDGETS, KIBITZ, DefinitionRecall
from bench.recall_files import SIGNALS, FileRecall, Question
from bench.recall_peers import AiderMap
from kibitz_context.indexing.history import MAX_COMMITS
from kibitz_context.ranking.weights import RelatedWeights

FILE_CASES = 150
EDIT_CASES = 60
SEED = 1

#: What the weights were fitted to, with `--fit`: none of these is reported.
FITTED_TO = (
    "pallets/click",
    "encode/httpx",
    "BurntSushi/ripgrep",
    "spf13/cobra",
    "square/retrofit",
    "vuejs/core",
    "pytest-dev/pytest",
    "tokio-rs/tokio",
    "pallets/werkzeug",
    "encode/starlette",
    "celery/celery",
    "python-poetry/poetry",
    "sharkdp/bat",
    "clap-rs/clap",
    "caddyserver/caddy",
    "square/okhttp",
    "axios/axios",
)


def main(arguments: Sequence[str] = ()) -> None:
    options = _options(arguments)
    here = Path(__file__).resolve().parents[1]
    found = [recall_cases.clone(each) for each in options.repositories or [f"kibitz={here}"]]
    clones = [each for each in found if isinstance(each, Clone)]
    for problem in found:
        if isinstance(problem, str):
            print(problem, flush=True)
    if options.fit:
        _fit(clones, options)
        return
    parts = []
    if not options.only or options.only == "files":
        parts.append(_files(clones, options))
    if not options.only or options.only == "definitions":
        parts.append(_definitions(clones, options))
    if options.write and not options.only:
        tables.write("recall", "\n\n".join(parts))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench recall")
    parser.add_argument("--repositories", nargs="+", default=[], metavar="[NAME=]PATH")
    parser.add_argument("--cases", type=int, default=FILE_CASES, help="commits for files")
    parser.add_argument("--edits", type=int, default=EDIT_CASES, help="commits for definitions")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=("files", "definitions"), help="one of the measures")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/")
    parser.add_argument("--fit", action="store_true", help="fit the weights of the fusion")
    return parser.parse_args(list(arguments))


def _asked(clone: Clone, options: argparse.Namespace) -> tuple[list[Question], int]:
    cases, n_eligible = recall_cases.cases(clone, options.cases, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        return list(recall_files.questions(clone, cases, Path(folder))), n_eligible


# --- files -------------------------------------------------------------------------------------


def _files(clones: Sequence[Clone], options: argparse.Namespace) -> str:
    rows: list[list[str]] = []
    alone: list[list[str]] = []
    results: list[FileRecall] = []
    for clone in clones:
        asked, n_eligible = _asked(clone, options)
        if not asked:
            print(f"{clone.name}: no commits of {recall_cases.LEAST_FILES} source files")
            continue
        result = recall_files.measured(asked, RelatedWeights())
        results.append(result)
        rows.append(
            [
                f"{clone.name}@{clone.head[:12]}",
                f"{result.n_cases} of {n_eligible}",
                f"{result.n_files:.0f}",
                *_figures(result),
                f"{result.milliseconds:.0f}",
            ]
        )
        alone.append([clone.name, *(f"{result.alone[name]:.2f}" for name in SIGNALS)])
        print(" ".join(rows[-1]), flush=True)
    if len(results) > 1:
        means = [statistics.fmean(each) for each in zip(*map(_values, results), strict=True)]
        rows.append([f"mean of {len(results)}", "", "", *(f"**{each:.3f}**" for each in means), ""])
        alone.append(
            [
                "mean",
                *(
                    f"{statistics.fmean(each.alone[name] for each in results):.2f}"
                    for name in SIGNALS
                ),
            ]
        )
    header = (
        "recall@5",
        "commits",
        "files",
        "kibitz",
        "BM25",
        "kibitz, message",
        "BM25, message",
        "ms",
    )
    made = tables.table(header, rows)
    singles = tables.table(("each signal alone", *SIGNALS), alone)
    print(f"\n{made}\n{singles}", flush=True)
    return (
        "### Files that a commit changes together\n\n"
        f"Of a commit of {recall_cases.LEAST_FILES} to {recall_cases.MOST_FILES} source files one "
        "is given; the share of the others that is among the first five, without and with the "
        "commit's message.  Commits and the given file are drawn with seed "
        f"{options.seed}; “commits” are those drawn of those there are, “files” the source files "
        "of their parents on average, “ms” the median time of one question.  Index and history "
        f"(at most {MAX_COMMITS:,} commits) are as of the parent.  The weights were fitted to "
        f"other repositories: {', '.join(FITTED_TO)}.\n\n"
        f"{made}\n{singles}"
    )


def _values(result: FileRecall) -> tuple[float, float, float, float]:
    return result.fused, result.bm25, result.fused_and_message, result.bm25_and_message


def _figures(result: FileRecall) -> list[str]:
    return [f"{each:.3f}" for each in _values(result)]


# --- definitions -------------------------------------------------------------------------------


def _definitions(clones: Sequence[Clone], options: argparse.Namespace) -> str:
    who = (KIBITZ, BM25, AIDER)
    rows: list[list[str]] = []
    results: list[DefinitionRecall] = []
    for clone in clones:
        cases, _ = recall_cases.cases(clone, options.edits, options.seed)
        with tempfile.TemporaryDirectory() as scratch:
            result = recall_definitions.measured(clone, cases, Path(scratch))
        if not result.n_edits:
            print(f"{clone.name}: no edit needs a definition of another file")
            continue
        results.append(result)
        rows.append(
            [
                f"{clone.name}@{clone.head[:12]}",
                f"{result.n_needed} in {result.n_edits}",
                *(
                    f"{result.shares[each, budget]:.3f}" if (each, budget) in result.shares else ""
                    for budget in BUDGETS
                    for each in who
                ),
            ]
        )
        print(" ".join(rows[-1]), flush=True)
    if len(results) > 1:
        rows.append([f"mean of {len(results)}", "", *_means(results, who)])
    header = (
        "definitions held",
        "needed",
        *(f"{each}, {budget // 1000} k" for budget in BUDGETS for each in who),
    )
    made = tables.table(header, rows)
    missing = (
        ""
        if AiderMap.is_there()
        else "aider's map was not measured: `make bench-peers` installs it.\n\n"
    )
    print(f"\n{missing}{made}", flush=True)
    return (
        "### Definitions that an edit needs\n\n"
        "An edit is what a commit did to one file; it needs the functions, classes and methods "
        "that its added lines name and that at most "
        f"{recall_definitions.MAX_DEFINING_FILES} other files of the parent define.  The share of "
        "them whose line is in a prompt of at most 8 000 and 32 000 tokens (2.5 characters each): "
        "kibitz's snapshot and excerpts (L1 and L3), the best chunks of "
        "40 lines by BM25, and aider's repository map (aider-chat 0.86.2).  The edited file "
        "counts for nobody; all are told the lines that will change and the commit's message."
        f"\n\n{missing}{made}"
    )


def _means(results: Sequence[DefinitionRecall], who: Sequence[str]) -> list[str]:
    means: list[str] = []
    for budget in BUDGETS:
        for each in who:
            shares = [
                found.shares[each, budget] for found in results if (each, budget) in found.shares
            ]
            means.append(f"**{statistics.fmean(shares):.3f}**" if shares else "")
    return means


# --- weights -----------------------------------------------------------------------------------


def _fit(clones: Sequence[Clone], options: argparse.Namespace) -> None:
    asked = [questions for clone in clones if (questions := _asked(clone, options)[0])]
    weights = recall_fit.fitted(asked)
    for name, value in asdict(weights).items():
        print(f"{name:>12} {value:5.2f}  now {getattr(RelatedWeights(), name):5.2f}")
    for title, each in (("fitted", weights), ("as they are", RelatedWeights())):
        results = [recall_files.measured(questions, each) for questions in asked]
        fused = statistics.fmean(result.fused for result in results)
        said = statistics.fmean(result.fused_and_message for result in results)
        print(f"{title:>12}: recall@5 {fused:.3f}, with the message {said:.3f}")
