"""`kibitz eval review`: how many seeded bugs a review finds, what it says besides, what it costs.

The cases are reviewed as `kibitz review --diff` reviews changes, with the same prompts, checks and
limits; nothing that is known from earlier reviews is used.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from kibitz.actions.change_review import orders_for
from kibitz.actions.preparing import gate_of
from kibitz.actions.review_many import review_many
from kibitz.actions.task_text import prompt_text
from kibitz.actions.values import Found, NotKept, Order, Spent, Verified
from kibitz.actions.whole_review import Ended
from kibitz.claude.values import ClaudeFailure
from kibitz.cli.arguments import Common, Parser, count
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
from kibitz.cli.review_cost import likely_costs
from kibitz.cli.workplace import Workplace, work
from kibitz.errors import EXIT_CLAUDE, UserError
from kibitz.evaluation.cases import Case, fixes, mutated, reverted, reviewable
from kibitz.evaluation.clone import check_out, head_of, make_clone
from kibitz.evaluation.results import Results, evaluation_folder
from kibitz.evaluation.verdicts import ReviewFigures, verdict
from kibitz.findings.values import Finding
from kibitz.plain_text import one_line
from kibitz_context.gate.commits import CommitsProblem, log
from kibitz_context.layers.change_set import Scope, change_set

# How far back it is looked for commits that have mended something.
MOST_COMMITS = 3_000


@dataclass(frozen=True)
class Wanted:
    """How many cases of each kind there are to be, and what is done with them."""

    mutations: int
    fixes: int
    harmless: int
    seed: int
    verify: bool | None
    is_json: bool
    lists: bool
    again: bool
    most_usd: float | None


def run(arguments: list[str]) -> int:
    parser = Parser(
        "eval review",
        "Put bugs into real code, have the changes reviewed, and count which are found.",
        examples=(
            "kibitz eval review . --list",
            "kibitz eval review . --tier fast --tier standard",
            "kibitz eval review ../clone --mutations 0 --fixes 40 --prompt strict.md",
        ),
        more="CLONE is a clone of any repository; its files are left as they are.\n",
    )
    parser.add_argument("clone", metavar="CLONE", nargs="?", default=".", help="where it lies")
    for name, number, what in (
        ("mutations", 20, "faults that are put into functions"),
        ("fixes", 10, "commits that have mended something, taken back"),
        ("harmless", 10, "changes with nothing wrong in them"),
    ):
        parser.add_argument(
            f"--{name}", type=count, default=number, metavar="N", help=f"{what}; default {number}"
        )
    parser.add_argument(
        "--seed", type=count, default=1, metavar="N", help="draws other cases; default 1"
    )
    parser.add_argument(
        "--prompt",
        action="append",
        default=[],
        metavar="FILE",
        help="compare with these further instructions as well; may be repeated",
    )
    parser.add_argument(
        "--no-verify", action="store_true", help="do not have Claude check its findings"
    )
    parser.add_argument("--list", action="store_true", help="list the cases, and ask nothing")
    add_configurations(parser)
    options = parser.parse_args(arguments)
    compared = configurations(options, "standard", options.prompt)
    if options.no_verify:
        compared = [replace(each, name=f"{each.name}, unchecked") for each in compared]
    wanted = Wanted(
        options.mutations,
        options.fixes,
        options.harmless,
        options.seed,
        False if options.no_verify else None,
        options.json,
        options.list,
        options.again,
        options.most_usd,
    )
    source = absolute(options.clone)
    if not source.is_dir():
        raise UserError("CLONE is no folder; name a clone of a repository.")
    commit = head_of(source)
    # Other words of ours make it another evaluation.
    about = {
        "kind": "review",
        "clone": str(source.resolve()),
        "commit": commit,
        **{name: getattr(wanted, name) for name in ("mutations", "fixes", "harmless", "seed")},
        "words": [prompt_text(name) for name in ("rules", "review", "changes", "verify")],
    }
    results = Results(evaluation_folder(os.environ, about))
    clone = make_clone(source, results.path.parent / "clone")
    check_out(clone, commit)

    def begin(at: Workplace) -> Coroutine[Any, Any, int]:
        return _Evaluation(at, wanted, compared, results, commit).run()

    # `--model` is what is compared here, not what one request is to use.
    common = replace(Common.of(options), model=None)
    return work(common, clone, begin)


@dataclass
class _Running:
    """A case under review."""

    case: Case
    parts: int
    found: list[Finding] = field(default_factory=list[Finding])
    n_dropped: int = 0
    cost_usd: float | None = 0.0
    n_requests: int = 0
    failed: str = ""

    def spend(self, usd: float | None) -> None:
        self.n_requests += 1
        known = usd is not None and self.cost_usd is not None
        self.cost_usd = (self.cost_usd or 0.0) + (usd or 0.0) if known else None


class _Evaluation:
    """One run of it."""

    def __init__(
        self,
        at: Workplace,
        wanted: Wanted,
        compared: Sequence[Configuration],
        results: Results,
        commit: str,
    ) -> None:
        self._at = at
        self._wanted = wanted
        self._compared = compared
        self._results = results
        self._commit = commit
        self._purse = Purse(wanted.most_usd)
        self._n_reviews = self._n_done = 0
        self._root = at.desk.repository(at.start).root
        self._gate = gate_of(self._root, at.settings_in(at.start).context)

    async def run(self) -> int:
        terminal = self._at.terminal
        cases = await asyncio.to_thread(lambda: list(self._cases()))
        if not cases:
            raise UserError("There is no source file in it that a fault could be put into.")
        if self._wanted.lists:
            for case in cases:
                summary = f": {one_line(case.what, 100)}" if case.kind == "fix" else ""
                terminal.write(f"{one_line(case.id)}{summary}\n")
            return 0
        if self._wanted.again:
            self._results.forget()
        todo = missing(self._compared, cases, self._results)
        words = (f"{len(cases)} cases", "reviews")
        self._n_reviews = await agree_on(self._at, self._results, todo, words, self._likely_usd)
        if self._n_reviews:
            for configuration, waiting in todo:
                await self._review(configuration, waiting)
        self._tell()
        tell_bill(terminal, self._at.tally, verbose=self._at.common.verbose)
        return 0

    def _cases(self) -> Iterator[Case]:
        """The cases, the same for the same seed; those of fixes need their commit checked out."""
        repository, wanted = self._at.desk.repository(self._at.start), self._wanted
        chance = random.Random(wanted.seed)  # noqa: S311 - the same cases for the same seed
        paths = reviewable(repository, self._gate)
        chance.shuffle(paths)
        faulty = mutated(paths, self._gate, self._commit, chance, faulty=True)
        yield from itertools.islice(faulty, wanted.mutations)
        sound = mutated(paths[::-1], self._gate, self._commit, chance, faulty=False)
        yield from itertools.islice(sound, wanted.harmless)
        if not wanted.fixes:
            return
        assert repository.git is not None
        try:
            mends = fixes(log(repository.git, MOST_COMMITS), self._gate)
        except CommitsProblem as problem:
            raise UserError(f"The history cannot be read ({problem}).") from problem
        chance.shuffle(mends)
        n_found = 0
        for mend in mends:
            check_out(self._root, mend.id)
            case = reverted(repository, self._gate, mend, chance)
            if case is not None:
                yield case
                n_found += 1
            if n_found == wanted.fixes:
                break
        check_out(self._root, self._commit)

    async def _likely_usd(self, todo: Todo[Case]) -> float | None:
        """What is likely to be spent; None for an unknown price."""
        total_usd = 0.0
        for configuration, waiting in todo:
            here = [case for case in waiting if case.commit == self._commit]
            n_elsewhere = len(waiting) - len(here)
            sample = here or [replace(each, commit=self._commit) for each in waiting]
            orders = [order for case in sample for order in self._orders(case, configuration)]
            if not orders:
                continue
            costs_usd, cold_usd = await likely_costs(self._at, orders)
            if cold_usd is None or None in costs_usd:
                return None
            known_usd = sum(usd for usd in costs_usd if usd is not None) if here else 0.0
            # Each fix stands on a commit of its own, whose prefix nobody else reads.
            total_usd += known_usd + cold_usd * n_elsewhere
        return total_usd

    def _orders(self, case: Case, configuration: Configuration) -> list[Order]:
        """A case as `kibitz review --diff` would have it; its commit must be checked out."""
        repository = self._at.desk.repository(self._at.start)
        scope = Scope(case.commit, "now")
        changes = change_set(repository, self._gate, scope, tuple(case.texts), case.texts)
        orders = orders_for(changes, self._root, model=configuration.model, is_on_disk=False)
        return [
            replace(
                order,
                tier=configuration.tier,
                instruction=configuration.instructions,
                verify=self._wanted.verify,
            )
            for order in orders
        ]

    async def _review(self, configuration: Configuration, waiting: Sequence[Case]) -> None:
        """Review what has no result yet, the cases of a commit together."""
        for commit, group in itertools.groupby(waiting, lambda case: case.commit):
            await asyncio.to_thread(check_out, self._root, commit)
            await self._review_at_once(configuration, list(group))

    async def _review_at_once(self, configuration: Configuration, cases: Sequence[Case]) -> None:
        orders: list[Order] = []
        running: list[_Running] = []
        for case in cases:
            of_case = await asyncio.to_thread(self._orders, case, configuration)
            one = _Running(case, len(of_case))
            orders += of_case
            running += [one] * len(of_case)
        terminal = self._at.terminal
        async with aclosing(review_many(orders, self._at.desk)) as steps:
            async for told in steps:
                one = running[told.number]
                if not isinstance(told.step, Ended):
                    self._at.tally.count(told.step, told.number)
                match told.step:
                    case Found(finding):
                        one.found.append(finding)
                    case NotKept():
                        one.n_dropped += 1
                    case Verified() as checked:
                        gone = [finding for finding, _ in checked.refuted]
                        one.found = [each for each in one.found if each not in gone]
                    case Spent() as spent:
                        one.spend(spent.cost_usd)
                        self._purse.spent_usd += spent.cost_usd or 0.0
                    case Ended(failure):
                        one.parts -= 1
                        self._fail(one, failure)
                        if not one.parts:
                            self._keep(configuration, one)
                            self._n_done += 1
                            terminal.note(
                                f"{self._n_done} of {self._n_reviews}: {configuration.name}, "
                                f"{one.case.id}"
                            )
                    case step:
                        self._at.tell_of(step)
                if self._purse.is_empty:
                    raise self._purse.stopped()

    def _fail(self, one: _Running, failure: UserError | ClaudeFailure | None) -> None:
        """A reply that is of no use is a result; whatever else ends the evaluation."""
        match failure:
            case None:
                return
            case UserError(exit_code=code) as error if code == EXIT_CLAUDE:
                one.failed = error.sentence
            case ClaudeFailure():
                self._at.explain(failure)
                raise failure
            case _:
                raise failure

    def _keep(self, configuration: Configuration, one: _Running) -> None:
        judged = verdict(one.case, one.found)
        result: Mapping[str, Any] = {
            "kind": one.case.kind,
            "what": one.case.what,
            "n_right": judged.n_right,
            "n_wrong": judged.n_wrong,
            "n_dropped": one.n_dropped,
            "cost_usd": one.cost_usd,
            "requests": one.n_requests,
            "failed": one.failed,
            "findings": [
                {
                    "path": each.path,
                    "start_line": each.start_line,
                    "end_line": each.end_line,
                    "severity": each.severity,
                    "title": each.title,
                }
                for each in one.found
            ],
        }
        self._results.add(configuration.name, one.case.id, result)

    def _tell(self) -> None:
        figures = [
            ReviewFigures.of(each.name, self._results.of(each.name)) for each in self._compared
        ]
        about = {
            "evaluation": "review",
            "commit": self._commit,
            "seed": self._wanted.seed,
            "results": str(self._results.path),
        }
        header = (
            *("", "bugs found", "of mutations", "of fixes", "findings right"),
            *("false alarms", "cost", "per bug found"),
        )
        rows = [
            (
                each.name,
                each.found,
                each.by_kind["mutation"],
                each.by_kind["fix"],
                each.right,
                each.alarms,
                shown_usd(each.cost_usd),
                shown_usd(each.usd_per_fault),
            )
            for each in figures
        ]
        tell_figures(self._at, about if self._wanted.is_json else None, figures, header, rows)
        for each in figures:
            if each.n_failed and not self._wanted.is_json:
                self._at.terminal.note(f"{each.name}: {each.n_failed} replies could not be used.")
