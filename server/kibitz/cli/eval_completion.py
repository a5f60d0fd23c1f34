"""`kibitz eval completion`: how many public problems pass when Claude fills their gap.

What is run is what the editor would have shown: the same prompt, reader and filters as for a
completion that a user has asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from kibitz import paths
from kibitz.actions.complete import complete, complete_prompt
from kibitz.actions.task_text import prompt_text
from kibitz.actions.values import Order, Spent
from kibitz.claude.prompts.estimate import cold_usage, warm_usage
from kibitz.claude.values import ClaudeFailure, Usage
from kibitz.cli.arguments import Common, Parser, count, positive
from kibitz.cli.eval_common import (
    Configuration,
    Purse,
    Todo,
    add_configurations,
    agree_on,
    configurations,
    missing,
    shown_usd,
    tell_figures,
)
from kibitz.cli.place import absolute
from kibitz.cli.progress import tell_bill
from kibitz.cli.workplace import Workplace, work
from kibitz.completion.filters import polished
from kibitz.completion.reader import CompletionReader, CutOffError
from kibitz.completion.spot import Spot
from kibitz.errors import EXIT_CLAUDE, UserError
from kibitz.evaluation.execution import run_program
from kibitz.evaluation.passes import CompletionFigures
from kibitz.evaluation.problems import Problem, read_problems
from kibitz.evaluation.results import Results, evaluation_folder
from kibitz_context.document import Document
from kibitz_context.lines import Span
from kibitz_context.tokens import CHARACTERS_PER_TOKEN

# Higher: limits of requests a minute are met, and programs compete for time; lower: it takes long.
AT_ONCE = 4
# What stands for a configuration where the problems' own solutions are run.
ORIGINAL = "the original"
# What a completion comes to on average.
USUAL_COMPLETION_TOKENS = 60

WARNING = (
    "The programs that come of it are run on this machine, with limits on time and memory but in "
    "no sandbox: what a model writes may read and change what you may. Run it in a container or "
    "as a user of its own if that matters."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    is_json: bool
    again: bool
    most_usd: float | None


def run(arguments: list[str]) -> int:
    parser = Parser(
        "eval completion",
        "Have Claude fill the gaps of public problems, run the programs, and count which pass.",
        examples=(
            "kibitz eval completion HumanEval-SingleLineInfilling.jsonl.gz --sample 200",
            "kibitz eval completion problems.jsonl --tier fast --tier standard --json",
        ),
        more=f"{WARNING}\n",
    )
    parser.add_argument(
        "problems", metavar="FILE", help="problems as HumanEval infilling has them: JSON lines"
    )
    parser.add_argument(
        "--sample", type=positive, metavar="N", help="only so many of them, drawn by the seed"
    )
    parser.add_argument(
        "--seed", type=count, default=1, metavar="N", help="draws others; default 1"
    )
    add_configurations(parser)
    options = parser.parse_args(arguments)
    compared = configurations(options, "fast")
    path = absolute(options.problems)
    problems = read_problems(path)
    if options.sample is not None and options.sample < len(problems):
        chance = random.Random(options.seed)  # noqa: S311 - the same sample for the same seed
        problems = chance.sample(problems, options.sample)
    told = "\0".join(f"{each.id}\0{each.before}\0{each.after}\0{each.test}" for each in problems)
    about = {
        "kind": "completion",
        "problems": hashlib.sha256(told.encode("utf-8", "replace")).hexdigest(),
        # Other words of ours make it another evaluation.
        "words": [prompt_text(name) for name in ("rules", "complete")],
    }
    results = Results(evaluation_folder(os.environ, about))
    # No repository: nothing but the problem is shown.
    folder = paths.make_private(results.path.parent / "empty")
    wanted = Wanted(options.json, options.again, options.most_usd)

    def begin(at: Workplace) -> Coroutine[Any, Any, int]:
        return _Evaluation(at, folder, wanted, compared, problems, results).run()

    return work(replace(Common.of(options), model=None), folder, begin)


class _Evaluation:
    """One run of it."""

    def __init__(
        self,
        at: Workplace,
        folder: Path,
        wanted: Wanted,
        compared: Sequence[Configuration],
        problems: Sequence[Problem],
        results: Results,
    ) -> None:
        self._at = at
        self._folder = folder
        self._wanted = wanted
        self._compared = compared
        self._problems = problems
        self._results = results
        self._purse = Purse(wanted.most_usd)
        self._n_asked = 0

    async def run(self) -> int:
        if self._wanted.again:
            self._results.forget()
        todo = missing(self._compared, self._problems, self._results)
        words = (f"{len(self._problems)} problems", "completions")
        if await agree_on(self._at, self._results, todo, words, self._likely_usd, WARNING):
            unfit = await self._unfit()
            for configuration, waiting in todo:
                fit = [problem for problem in waiting if problem.id not in unfit]
                await self._at_once(fit, partial(self._complete, configuration))
        self._tell()
        tell_bill(self._at.terminal, self._at.tally, verbose=self._at.common.verbose)
        return 0

    async def _unfit(self) -> set[str]:
        """The problems whose own solution does not pass on this machine: they measure nothing."""

        async def judge(problem: Problem) -> None:
            outcome = await run_program(problem.program(problem.solution))
            self._results.add(ORIGINAL, problem.id, {"outcome": outcome})

        unknown = [
            problem for problem in self._problems if self._results.get(ORIGINAL, problem.id) is None
        ]
        await self._at_once(unknown, judge)
        unfit = {one["case"] for one in self._results.of(ORIGINAL) if one["outcome"] != "passed"}
        if unfit:
            self._at.terminal.note(
                f"{len(unfit)} of the problems do not pass here with their own solution; they are "
                "left out."
            )
        return unfit

    async def _likely_usd(self, todo: Todo[Problem]) -> float | None:
        total_usd = 0.0
        known = self._at.backend.known_models().catalogue
        for configuration, waiting in todo:
            if not waiting:
                continue
            brief = await self._at.desk.brief(self._order(waiting[0], configuration), record=False)
            for number, problem in enumerate(waiting):
                text = problem.before + problem.after
                prompt = complete_prompt(self._at.desk, replace(brief, text=text), _spot(problem))
                usage = (warm_usage if number else cold_usage)(prompt, CHARACTERS_PER_TOKEN)
                usage += Usage(output_tokens=USUAL_COMPLETION_TOKENS)
                usd = known.cost_usd(brief.model, usage)
                if usd is None:
                    return None
                total_usd += usd
        return total_usd

    def _order(self, problem: Problem, configuration: Configuration) -> Order:
        text = problem.before + problem.after
        document = Document("untitled:problem.py", None, text, language="python")
        at = len(problem.before)
        return Order(
            "complete",
            self._folder,
            document,
            Span(at, at),
            tier=configuration.tier,
            model=configuration.model,
        )

    async def _at_once(
        self, problems: Sequence[Problem], work_on: Callable[[Problem], Awaitable[None]]
    ) -> None:
        """Work on a few problems at a time.  After a failure none is begun, and those that are
        under way come to their end: they are paid for."""
        left = iter(problems)
        failures: list[UserError | ClaudeFailure] = []

        async def worker() -> None:
            for problem in left:
                try:
                    if self._purse.is_empty:
                        raise self._purse.stopped()
                    await work_on(problem)
                except (UserError, ClaudeFailure) as failure:
                    failures.append(failure)
                if failures:
                    return

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(worker())
        for failure in failures:
            if isinstance(failure, ClaudeFailure):
                self._at.explain(failure)
            raise failure

    async def _complete(self, configuration: Configuration, problem: Problem) -> None:
        number = self._n_asked = self._n_asked + 1
        cost_usd, failed = 0.0, ""
        known = True
        spot = _spot(problem)
        reader = CompletionReader(spot)
        closed = True
        try:
            steps = complete(self._order(problem, configuration), self._at.desk)
            async with aclosing(steps) as pieces:
                async for piece in pieces:
                    match piece:
                        case str():
                            reader.feed(piece)
                        case step:
                            self._at.tally.count(step, number)
                            self._at.tell_of(step)
                            if isinstance(step, Spent):
                                known = known and step.cost_usd is not None
                                cost_usd += step.cost_usd or 0.0
        except CutOffError:
            closed = False
        except UserError as error:
            if error.exit_code != EXIT_CLAUDE:
                raise
            failed = error.sentence
        reader.finish(closed=closed)
        self._purse.spent_usd += cost_usd
        completion = polished(reader.text if closed else reader.whole_lines, spot)
        outcome = await run_program(problem.program(completion)) if completion else "failed"
        result = {
            "outcome": outcome,
            "is_empty": not completion,
            "is_same": completion.strip() == problem.solution.strip(),
            "cost_usd": cost_usd if known else None,
            "failed": failed,
        }
        self._results.add(configuration.name, problem.id, result)

    def _tell(self) -> None:
        figures = [
            CompletionFigures.of(each.name, self._results.of(each.name)) for each in self._compared
        ]
        about = {
            "evaluation": "completion",
            "problems": len(self._problems),
            "results": str(self._results.path),
        }
        header = ("", "passed", "as the original", "nothing shown", "cost", "per one that passed")
        rows = [
            (
                one.name,
                one.passed,
                one.same,
                one.empty,
                shown_usd(one.cost_usd),
                shown_usd(one.usd_per_pass),
            )
            for one in figures
        ]
        tell_figures(self._at, about if self._wanted.is_json else None, figures, header, rows)


def _spot(problem: Problem) -> Spot:
    """The gap, as a place at which the user has asked for a completion."""
    text = problem.before + problem.after
    return Spot.at(text, len(problem.before), "python", was_invoked=True)
