"""What the cached prefix costs over 200 actions, beside fixed policies and who knows the future.

Made-up working days of three shapes are played in a real repository; every request is built by
the product's own code and billed by the stand-in's prompt cache at the catalogue's prices, on a
virtual clock.  `--write` puts the tables into `docs/benchmarks.md`; `--seeds 1,2,3` plays others
than those that are reported.  What the policy's constants were tuned on are seeds 101 to 105.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench import tables
from bench.replay_optimum import Optimum, Sizes
from bench.replay_players import (
    DESIGNS,
    FIXED,
    KEEP_WARM_DAY_USD,
    KIBITZ,
    NO_CACHE,
    RETOLD,
    RULES_TOKENS,
    Bill,
    Player,
    Policy,
)
from bench.replay_stage import MAX_TOKENS, play
from bench.replay_traces import ACTIONS, BUILDING, LEFT_ON, SHAPES, Shape, trace
from kibitz.claude.models import catalogue
from kibitz_context.layers.changes import changes_budget
from kibitz_context.values import Prices

DEFAULT_MODEL = "claude-sonnet-5-5"
REPORTED_SEEDS = (1, 2, 3)
PROCESSES = 2
ALWAYS_ON, NEVER_ON = (1.0, 0.0), (0.0, 0.0)
ALWAYS_1H = FIXED[-1]

Proportions = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Task:
    """One trace and who plays it."""

    shape: Shape
    seed: int
    models: tuple[str, ...]
    left_on: tuple[float, float] = LEFT_ON


@dataclass(frozen=True, slots=True)
class Outcome:
    """The bills of a trace by policy and model; what the optimum paid for L0–L2, and what nobody
    could go below, both in units of the input price, by the proportions of prices."""

    task: Task
    bills: Mapping[tuple[str, str], Bill]
    optimum: Mapping[Proportions, float]
    floor: Mapping[Proportions, float]

    def bill(self, policy: Policy, model: str) -> Bill:
        # What the fixed ones send does not depend on prices, only on how text is counted.
        alike = _priced_alike if policy.name == KIBITZ.name else _counted_alike
        return self.bills[policy.name, alike(model)]

    def whole(self, policy: Policy, model: str) -> float:
        """The cost relative to no cache."""
        prices = _prices(model)
        return self.bill(policy, model).usd(prices) / self.bill(NO_CACHE, model).usd(prices)

    def layers(self, policy: Policy, model: str) -> float:
        prices = _prices(model)
        none = self.bill(NO_CACHE, model).layers_usd(prices)
        return self.bill(policy, model).layers_usd(prices) / none

    def optimum_layers(self, model: str) -> float:
        return self._optimum_usd(model) / self.bill(NO_CACHE, model).layers_usd(_prices(model))

    def optimum_whole(self, model: str) -> float:
        none = self.bill(NO_CACHE, model)
        task_usd = none.usd(_prices(model)) - none.layers_usd(_prices(model))
        return (self._optimum_usd(model) + task_usd) / none.usd(_prices(model))

    def floor_layers(self, model: str) -> float:
        usd = self._in_usd(self.floor, model)
        return usd / self.bill(NO_CACHE, model).layers_usd(_prices(model))

    def _optimum_usd(self, model: str) -> float:
        return self._in_usd(self.optimum, model)

    def _in_usd(self, paid: Mapping[Proportions, float], model: str) -> float:
        factor = catalogue.builtin().tokens_factor(model)
        return paid[_proportions(model)] * factor * _prices(model).input


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench cost_replay")
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    parser.add_argument("--seeds", default=",".join(map(str, REPORTED_SEEDS)))
    options = parser.parse_args(arguments)
    seeds = tuple(int(seed) for seed in options.seeds.split(","))
    first = seeds[0]
    tasks = [
        Task(shape, seed, _priced_differently() if seed == first else (DEFAULT_MODEL,))
        for seed in seeds
        for shape in SHAPES
    ]
    tasks += [Task(shape, seed, (DEFAULT_MODEL,)) for seed in seeds for shape in BUILDING]
    tasks += [
        Task(SHAPES[0], first, (DEFAULT_MODEL,), left_on) for left_on in (ALWAYS_ON, NEVER_ON)
    ]
    with ProcessPoolExecutor(PROCESSES) as pool:
        outcomes = list(pool.map(run, tasks))
    text = report(outcomes, seeds)
    print(text)
    if options.write:
        tables.write("cost-replay", text)


def run(task: Task) -> Outcome:
    """Play one trace; in a process of its own."""
    played = trace(task.shape, task.seed, left_on=task.left_on)
    name = f"{task.shape.name} {task.seed} {task.left_on}"
    counted = dict.fromkeys(map(_counted_alike, task.models))
    is_building = task.shape in BUILDING
    others = (NO_CACHE, ALWAYS_1H) if is_building else (NO_CACHE, *FIXED)
    players = [Player(policy, model, name) for model in counted for policy in others]
    players += [Player(KIBITZ, model, name) for model in task.models]
    if task.left_on == LEFT_ON:
        designs = (RETOLD,) if is_building else DESIGNS
        players += [Player(design, DEFAULT_MODEL, name) for design in designs]
    with tempfile.TemporaryDirectory() as folder:
        session = play(played, players, Path(folder))
    optimum = Optimum(session, Sizes(RULES_TOKENS + MAX_TOKENS, changes_budget(MAX_TOKENS)))
    proportions = dict.fromkeys(map(_proportions, task.models))
    return Outcome(
        task,
        {(player.policy.name, player.model): player.bill for player in players},
        {each: optimum.usd(Prices(1.0, *each)) for each in proportions},
        {each: optimum.floor_usd(Prices(1.0, *each)) for each in proportions},
    )


def report(outcomes: Sequence[Outcome], seeds: Sequence[int]) -> str:
    building = [outcome for outcome in outcomes if outcome.task.shape in BUILDING]
    outcomes = [outcome for outcome in outcomes if outcome.task.shape in SHAPES]
    usual = [outcome for outcome in outcomes if outcome.task.left_on == LEFT_ON]
    moved = [outcome for outcome in outcomes if outcome.task.left_on != LEFT_ON]
    parts = [
        f"{ACTIONS} actions a trace; medians over the seeds {', '.join(map(str, seeds))}; "
        f"{DEFAULT_MODEL} at the catalogue's prices of {catalogue.builtin().as_of}; a snapshot of "
        f"{MAX_TOKENS:,} tokens and at most {changes_budget(MAX_TOKENS):,} of changes; "
        f"at most ${KEEP_WARM_DAY_USD} a day for keep-warm. Costs are of all input, keep-warm "
        "included, relative to the same requests without a cache.\n"
    ]
    for shape in SHAPES:
        of_shape = [outcome for outcome in usual if outcome.task.shape == shape]
        parts.append(f"### {shape.name.capitalize()}\n\n{_shape_table(of_shape)}")
    parts.append(
        "### Work on new files\n\nA task writes three files besides those that it touches. Whole "
        "input and cacheable layers relative to no cache, ratio of the whole input to the offline "
        f"optimum.\n\n{_building_table(building)}"
    )
    parts.append(
        "### Other designs\n\nWhole input relative to no cache, and its ratio to the offline "
        f"optimum.\n\n{_design_table(usual)}"
    )
    first = [outcome for outcome in usual if outcome.task.seed == seeds[0]]
    parts.append(
        f"### Each built-in model (seed {seeds[0]})\n\n"
        "Whole input relative to no cache, cacheable layers relative to no cache, ratio of the "
        f"whole input to the offline optimum, keep-warm.\n\n{_model_table(first)}"
    )
    parts.append(
        f"### Sparse, by how often the machine is left on (seed {seeds[0]})\n\n"
        f"{_left_on_table([*(o for o in first if o.task.shape == SHAPES[0]), *moved])}"
    )
    return "\n".join(parts)


def _shape_table(outcomes: Sequence[Outcome]) -> str:
    model, rows = DEFAULT_MODEL, []
    for policy in (NO_CACHE, *FIXED, KIBITZ):
        bills = [outcome.bill(policy, model) for outcome in outcomes]
        rows.append(
            (
                policy.name,
                _median("{:.3f}", (outcome.whole(policy, model) for outcome in outcomes)),
                _median("{:.3f}", (outcome.layers(policy, model) for outcome in outcomes)),
                _median("{:.0%}", (bill.read_share for bill in bills)),
                _median("{:.2f}", (_to_optimum(outcome, policy, model) for outcome in outcomes)),
                _median("${:.2f}", (bill.pings_usd(_prices(model)) for bill in bills)),
                _median("{:.1%}", (statistics.median(bill.kept_shares) for bill in bills)),
                _median("{:.0f}", (_rewrites(bill) for bill in bills)),
            )
        )
    rows.append(
        (
            "offline optimum",
            _median("{:.3f}", (outcome.optimum_whole(model) for outcome in outcomes)),
            _median("{:.3f}", (outcome.optimum_layers(model) for outcome in outcomes)),
            *("", "1.00", "", "", ""),
        )
    )
    rows.append(
        (
            "nobody could go below",
            "",
            _median("{:.3f}", (outcome.floor_layers(model) for outcome in outcomes)),
            *("", "", "", "", ""),
        )
    )
    header = (
        *("policy", "whole input", "L0–L2", "read from the cache", "to the optimum"),
        *("keep-warm", "prefix kept, median", "snapshots written"),
    )
    return tables.table(header, rows)


def _building_table(outcomes: Sequence[Outcome]) -> str:
    model, rows = DEFAULT_MODEL, []
    by_shape = [[each for each in outcomes if each.task.shape == shape] for shape in BUILDING]
    for policy in (ALWAYS_1H, RETOLD, KIBITZ):
        cells = [policy.name]
        for of_shape in by_shape:
            whole = _median("{:.3f}", (each.whole(policy, model) for each in of_shape))
            layers = _median("{:.3f}", (each.layers(policy, model) for each in of_shape))
            ratio = _median("{:.2f}", (_to_optimum(each, policy, model) for each in of_shape))
            cells.append(f"{whole}, {layers}, {ratio}")
        rows.append(cells)
    cells = ["offline optimum"]
    for of_shape in by_shape:
        whole = _median("{:.3f}", (each.optimum_whole(model) for each in of_shape))
        cells.append(
            f"{whole}, {_median('{:.3f}', (each.optimum_layers(model) for each in of_shape))}, 1.00"
        )
    rows.append(cells)
    return tables.table(("", *(shape.name for shape in BUILDING)), rows)


def _design_table(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for policy in (KIBITZ, *DESIGNS):
        cells = [policy.name]
        for shape in SHAPES:
            of_shape = [outcome for outcome in outcomes if outcome.task.shape == shape]
            whole = _median("{:.3f}", (o.whole(policy, DEFAULT_MODEL) for o in of_shape))
            ratio = _median("{:.2f}", (_to_optimum(o, policy, DEFAULT_MODEL) for o in of_shape))
            cells.append(f"{whole}, {ratio}")
        rows.append(cells)
    return tables.table(("design", *(shape.name for shape in SHAPES)), rows)


def _model_table(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for model in catalogue.builtin().models:
        cells = [model]
        for outcome in outcomes:
            usd = outcome.bill(KIBITZ, model).pings_usd(_prices(model))
            cells.append(
                f"{outcome.whole(KIBITZ, model):.3f}, {outcome.layers(KIBITZ, model):.3f}, "
                f"{_to_optimum(outcome, KIBITZ, model):.2f}, ${usd:.2f}"
            )
        rows.append(cells)
    return tables.table(("model", *(outcome.task.shape.name for outcome in outcomes)), rows)


def _left_on_table(outcomes: Iterable[Outcome]) -> str:
    names = {LEFT_ON: "half of the nights", ALWAYS_ON: "all weeknights", NEVER_ON: "never"}
    rows = [
        (
            names[outcome.task.left_on],
            f"{outcome.layers(ALWAYS_1H, DEFAULT_MODEL):.3f}",
            f"{outcome.layers(KIBITZ, DEFAULT_MODEL):.3f}",
            f"{outcome.optimum_layers(DEFAULT_MODEL):.3f}",
            f"{_to_optimum(outcome, KIBITZ, DEFAULT_MODEL):.2f}",
            f"${outcome.bill(KIBITZ, DEFAULT_MODEL).pings_usd(_prices(DEFAULT_MODEL)):.2f}",
        )
        for outcome in outcomes
    ]
    header = (
        *("left on", "L0–L2, always 1 h", "L0–L2, kibitz", "L0–L2, optimum"),
        *("whole input to the optimum", "keep-warm"),
    )
    return tables.table(header, rows)


def _to_optimum(outcome: Outcome, policy: Policy, model: str) -> float:
    return outcome.whole(policy, model) / outcome.optimum_whole(model)


def _rewrites(bill: Bill) -> int:
    """How many requests wrote most of a snapshot."""
    return sum(use.write_tokens > 0.8 * MAX_TOKENS for use in bill.requests)


def _median(shown: str, values: Iterable[float]) -> str:
    return shown.format(statistics.median(values))


def _prices(model: str) -> Prices:
    """Those of prompts as long as these."""
    prices = catalogue.builtin().prices(model, MAX_TOKENS + changes_budget(MAX_TOKENS))
    assert prices is not None
    return prices


def _proportions(model: str) -> Proportions:
    prices = _prices(model)
    write_5m, write_1h, read = (
        round(each / prices.input, 6) for each in (prices.write_5m, prices.write_1h, prices.read)
    )
    return write_5m, write_1h, read


def _counted_alike(model: str) -> str:
    """The first model of the catalogue whose texts are as many tokens."""
    factor = catalogue.builtin().tokens_factor
    if factor(model) == factor(DEFAULT_MODEL):
        return DEFAULT_MODEL
    return next(each for each in catalogue.builtin().models if factor(each) == factor(model))


def _priced_alike(model: str) -> str:
    """The first model of the catalogue with the same prices and as many tokens."""
    wanted = (_prices(model), catalogue.builtin().tokens_factor(model))
    return next(
        each
        for each in (DEFAULT_MODEL, *catalogue.builtin().models)
        if (_prices(each), catalogue.builtin().tokens_factor(each)) == wanted
    )


def _priced_differently() -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_priced_alike, (DEFAULT_MODEL, *catalogue.builtin().models))))


if __name__ == "__main__":
    main()
