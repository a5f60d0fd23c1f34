"""The replay of working days: small, and with goals that leave room for another seed."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.cost_replay import ALWAYS_1H, DEFAULT_MODEL
from bench.replay_git import Replica, Scene
from bench.replay_optimum import Optimum, Sizes, pings_across
from bench.replay_players import FIXED, KIBITZ, NO_CACHE, RULES_TOKENS, Player
from bench.replay_session import Seen, Session
from bench.replay_stage import MAX_TOKENS, play
from bench.replay_traces import BUILDING, SHAPES, Action, Arrival, paths, trace
from bench.replay_world import Blocks, Made, World

from kibitz_context.layers.changes import changes_budget
from kibitz_context.layers.log import Entry
from kibitz_context.values import Place

HOUR = 3_600.0
SPARSE, DENSE, HOPPING = SHAPES


@pytest.mark.real  # slow
def test_kibitz_pays_little_more_than_who_knows_the_future(tmp_path: Path) -> None:
    players = {
        policy: Player(policy, DEFAULT_MODEL, str(tmp_path))
        for policy in (NO_CACHE, *FIXED, KIBITZ)
    }
    session = play(trace(DENSE, 7, actions=30), list(players.values()), tmp_path)
    prices = players[KIBITZ].prices
    sizes = Sizes(RULES_TOKENS + MAX_TOKENS, changes_budget(MAX_TOKENS))
    optimum = Optimum(session, sizes)
    best_usd = optimum.usd(prices)
    assert optimum.floor_usd(prices) < best_usd
    usd = {policy: player.bill.layers_usd(prices) for policy, player in players.items()}
    assert best_usd <= usd[KIBITZ]
    assert usd[KIBITZ] <= min(usd[policy] for policy in FIXED) * 1.05
    assert usd[KIBITZ] <= 0.2 * usd[NO_CACHE]
    task_usd = sum(players[KIBITZ].bill.task_tokens) * prices.input
    assert usd[KIBITZ] + task_usd <= 1.2 * (best_usd + task_usd)
    bill = players[KIBITZ].bill
    assert len(bill.requests) == 30
    # What was sent stays as it was, but for steps that the policy took.
    gave_up = [step != "keep" for step in bill.steps[1:]]
    assert all(
        kept > 0.85 or is_given_up
        for kept, is_given_up in zip(bill.kept_shares, gave_up, strict=True)
    )
    assert players[ALWAYS_1H].bill.pings == []


def test_a_trace_is_a_pure_function_of_its_seed() -> None:
    for shape in SHAPES:
        assert trace(shape, 7) == trace(shape, 7)
        assert trace(shape, 7) != trace(shape, 8)
        assert len(trace(shape, 7).action_times) == 200
        times = [event.at for event in trace(shape, 7).events]
        assert times == sorted(times)


def test_the_folder_on_the_disk_is_what_the_world_says(tmp_path: Path) -> None:
    played = trace(HOPPING, 3, actions=12)
    assert any(isinstance(event, Arrival) for event in played.events)
    for scene in Replica(tmp_path, played).scenes():
        check_folder(tmp_path, scene)


def test_new_files_are_begun_and_gone_on_with(tmp_path: Path) -> None:
    played = trace(BUILDING[0], 6, actions=12)
    states: dict[str, set[Blocks]] = {}
    for scene in Replica(tmp_path, played).scenes():
        check_folder(tmp_path, scene)
        for path in scene.now.keys() - set(paths()):
            states.setdefault(path, set()).add(scene.now[path])
    assert min(map(len, states.values())) > 1


def test_who_knows_the_future_tells_a_new_file_whole_once_as_well() -> None:
    begun = tuple(f"line {number}\n" for number in range(40))
    later = ("first\n", *begun)
    base = Made(0, {})
    session = Session(trace(DENSE, 1, actions=1), [Seen(0.0, base, {"n.py": begun})])
    session.seen.append(Seen(1.0, base, {"n.py": later}))
    told: dict[str, Entry] = {}
    whole = session.changes(base, 0, told)
    assert whole.keys() == {Place("n.py")}
    since = session.changes(base, 1, told)
    assert since.keys() == {Place("n.py"), Place("n.py", (0, 1), since_told=True)}
    assert since[Place("n.py")] == whole[Place("n.py")]
    assert session.changes(base, 1, {}).keys() == {Place("n.py")}, "for a log that begins there"


def check_folder(root: Path, scene: Scene) -> None:
    for path, blocks in scene.now.items():
        shown = scene.overlays.get(root / path)
        text = shown if shown is not None else (root / path).read_text(encoding="utf-8")
        assert text == "".join(blocks)


def test_the_world_comes_to_the_same_texts_each_time() -> None:
    played = trace(HOPPING, 5, actions=40)
    ends = []
    for _ in range(2):
        world = World()
        for event in played.events:
            world.play(event)
        ends.append(world.now())
    assert ends[0] == ends[1]
    assert isinstance(played.events[-1], Action)


@pytest.mark.parametrize(
    ("pause", "awake", "pings"),
    [
        (0.5, ((0.0, 100.0),), 0),
        (1.0, ((0.0, 100.0),), 1),
        (1.5, ((0.0, 100.0),), 1),
        (16.5, ((0.0, 100.0),), 16),
        # The machine sleeps for longer than an entry lives.
        (16.5, ((0.0, 1.0), (16.0, 100.0)), None),
        # It sleeps for half an hour, over the time at which a ping would be due.
        (1.8, ((0.0, 0.9), (1.4, 100.0)), 1),
    ],
)
def test_pings_across_a_pause(
    pause: float, awake: tuple[tuple[float, float], ...], pings: int | None
) -> None:
    spans = tuple((since * HOUR, until * HOUR) for since, until in awake)
    assert pings_across(0.0, pause * HOUR, HOUR, spans) == pings
