"""`kibitz context`: exactly what would be sent, what it would cost, and what was left out."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Coroutine, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

from kibitz.actions.answer import answer_prompt
from kibitz.actions.overview import Overview, overview
from kibitz.actions.values import Order
from kibitz.cli.arguments import Common, Parser
from kibitz.cli.place import Place, parse_place
from kibitz.cli.terminal import Terminal
from kibitz.cli.workplace import Workplace, work
from kibitz.plain_text import one_line, visible
from kibitz_context.values import FileForm, FileUse

LISTED_FILES = 12
NAMED_OMISSIONS = 4
# How much of a file is shown, from all to nothing but its place in the tree.
FORM_WORDS: Mapping[FileForm, str] = {
    "full": "whole",
    "outline": "as outlines",
    "excerpt": "in part",
    "name": "by name",
}


def run(arguments: list[str]) -> int:
    parser = Parser(
        "context",
        "Show exactly what would be sent: for an explanation of PATH, or for a question.",
        examples=(
            "kibitz context",
            "kibitz context src/app.py:10-42 --json",
            'kibitz context --question "Where are settings validated?" --print | less',
        ),
        more="Nothing is sent.  Tokens are estimated; prices are without the reply: expected with\n"
        "what should be in the cache now, cold when nothing of it is, warm when all of it is that\n"
        "can be.\n",
    )
    parser.add_argument(
        "place", metavar="PATH[:L1[-L2]]", nargs="?", help="what the request would be about"
    )
    parser.add_argument("--question", metavar="Q", default="", help="as for `kibitz ask`")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--print", action="store_true", help="the text itself: tools, then layer after layer"
    )
    form.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(arguments)
    place = parse_place(options.place) if options.place is not None else None

    def begin(at: Workplace) -> Coroutine[Any, Any, int]:
        return _show(at, _order(at, place, options.question), options)

    return work(Common.of(options), place.start if place is not None else Path.cwd(), begin)


async def _show(at: Workplace, order: Order, options: argparse.Namespace) -> int:
    async with aclosing(at.desk.prepare(order)) as preparing:
        async for step in preparing:
            at.progress.count(step)
    brief = await at.desk.brief(order, record=False)
    shown = overview(brief, answer_prompt(at.desk, brief), at.desk.known_models())
    if options.json:
        at.terminal.write(json.dumps(shown.as_json(), indent=2) + "\n")
    elif options.print:
        _print_texts(at.terminal, shown)
    else:
        _print_overview(at.terminal, shown)
    return 0


def _order(at: Workplace, place: Place | None, question: str) -> Order:
    action = "ask" if question.strip() or place is None else "explain"
    if place is None:
        return Order(action, at.start, instruction=question)
    source = at.source(place)
    span = source.span if action == "explain" else source.span or source.document.whole
    return Order(action, source.start, source.document, span, question)


def _print_texts(terminal: Terminal, shown: Overview) -> None:
    texts = (block.text for layer in shown.layers for block in layer.blocks)
    text = "\n".join((*shown.tool_lines(), *texts)) + "\n"
    terminal.write(visible(text) if terminal.out_is_terminal else text)


def _print_overview(terminal: Terminal, shown: Overview) -> None:
    from rich.table import Table

    brief = shown.brief
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("layer")
    for name in ("tokens", "files", "sha256"):
        table.add_column(name, justify="right", no_wrap=True)
    for layer in shown.layers:
        n_files = f"{len(layer.files):,}" if layer.files else ""
        table.add_row(layer.name, f"{layer.tokens:,}", n_files, layer.sha256[:12])
    commit = brief.context.commit
    why = brief.subject.repository.problem
    without = f"no commit ({one_line(why)})" if why else "no commit"
    with terminal.console_to_write() as console:
        console.print(
            f"{one_line(brief.model, 80)} ({brief.tier} tier), "
            + (f"as of commit {commit[:12]}" if commit else without),
            soft_wrap=True,
        )
        console.print(table)
        for line in _file_lines(shown):
            console.print(line, soft_wrap=True)
        for line in (*shown.plan_lines(), shown.price_line()):
            console.print(one_line(line, 300), soft_wrap=True)


def _file_lines(shown: Overview) -> list[str]:
    """The tools, the files of each layer, those that are shown most of first, and what was left
    out."""
    tools = [tool["name"] for tool in shown.tools]
    lines = ["", f"tools, counted with the rules: {', '.join(tools)}"] if tools else []
    for layer in shown.layers:
        if not layer.files:
            continue
        n_of = Counter(file.form for file in layer.files)
        counts = ", ".join(
            f"{n_of[form]:,} {FORM_WORDS[form]}" for form in FORM_WORDS if n_of[form]
        )
        lines += ["", f"{layer.name}: {counts}"]
        # The files of a task are sorted already, the best ones first.
        files = layer.files if layer.name == "task" else sorted(layer.files, key=_most_shown)
        lines += [
            f"  {one_line(file.path, 300)} ({file.form}, {file.tokens:,} tokens)"
            for file in files[:LISTED_FILES]
        ]
        if len(files) > LISTED_FILES:
            lines.append(f"  … and {len(files) - LISTED_FILES:,} more")
    paths_by_reason: dict[str, list[str]] = {}
    for omission in shown.brief.context.omitted:
        paths_by_reason.setdefault(omission.reason, []).append(omission.path)
    if paths_by_reason:
        lines += ["", "left out, or shown by less than its text (all of it with --json):"]
        for reason, paths in sorted(paths_by_reason.items(), key=lambda item: -len(item[1])):
            named = ", ".join(one_line(path, 100) for path in paths[:NAMED_OMISSIONS])
            more = len(paths) - NAMED_OMISSIONS
            rest = f" and {more:,} more" if more > 0 else ""
            lines.append(f"  {one_line(reason)}: {named}{rest}")
    return [*lines, ""]


def _most_shown(file: FileUse) -> tuple[int, float, str]:
    return tuple(FORM_WORDS).index(file.form), -file.score, file.path
