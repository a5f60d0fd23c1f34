"""Made-up working days: what a developer, the colleagues and the machine do, second by second.

Three shapes, each with a fixed number of actions, each a pure function of its seed; two of them
also as work in which new files are written.  Nothing here knows texts, prompts or prices.  Days
have a lunch break, evenings and weekends; on half of the evenings, and on one weekend in four, the
machine is left on with the editor open.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

ACTIONS = 200
FILES = 220
FOLDERS = 11

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
MONDAY = 1_788_739_200.0
"""The first midnight of a trace, in UTC: Monday, 7 September 2026."""

LEFT_ON = (0.5, 0.25)
"""How often the machine is left on, with the editor open: for the night, for the weekend."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Some lines of a file are changed in the editor, or the file is begun where there is none;
    `seed` decides which and how."""

    at: float
    path: str
    seed: int


@dataclass(frozen=True, slots=True)
class Save:
    at: float


@dataclass(frozen=True, slots=True)
class Commit:
    at: float


@dataclass(frozen=True, slots=True)
class Switch:
    """Another branch is checked out; an unknown one is made from what is known of main."""

    at: float
    branch: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A colleague's commit lands on main, upstream: nothing is seen of it before a pull."""

    at: float
    paths: tuple[str, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Pull:
    """Fetch, and rebase the branch that is checked out onto main."""

    at: float


@dataclass(frozen=True, slots=True)
class Action:
    """Claude is asked something about a file."""

    at: float
    path: str


Event = Edit | Save | Commit | Switch | Arrival | Pull | Action


@dataclass(frozen=True, slots=True)
class Trace:
    """Events in order, and the spans of time in which the machine is on and the editor open."""

    shape: str
    seed: int
    events: tuple[Event, ...]
    awake: tuple[tuple[float, float], ...]

    @property
    def action_times(self) -> tuple[float, ...]:
        return tuple(event.at for event in self.events if isinstance(event, Action))


@dataclass(frozen=True, slots=True)
class Shape:
    """How somebody works.

    Pauses between two actions are log-normal: `pause_minutes` is the median, `spread` sigma; one
    in `1 / long_share` is `long_times` as long.  `edits_an_action` is the mean number of edits
    before an action, more after a long pause.  A task touches `files_a_task` files that there are
    and writes `new_files_a_task`.  Each of the rest is a mean number.
    """

    name: str
    pause_minutes: float
    spread: float
    long_share: float
    long_times: float
    edits_an_action: float
    actions_a_commit: float
    actions_a_branch: float
    colleagues_commits_a_day: float
    files_a_task: int
    pulls_after_lunch: bool = False
    branches: int = 1
    meetings_a_day: float = 0.0
    new_files_a_task: int = 0


SHAPES = (
    Shape("sparse", 20, 1.0, 0.06, 3, 3.0, 3, 12, 4, 5, meetings_a_day=0.7),
    Shape("dense", 1.3, 0.8, 0.15, 6, 1.0, 12, 40, 6, 6, meetings_a_day=0.3),
    Shape("hopping", 8, 0.9, 0.10, 4, 1.5, 4, 5, 20, 4, True, 4, meetings_a_day=0.5),
)
BUILDING = tuple(
    replace(shape, name=f"{shape.name}, new files", new_files_a_task=3) for shape in SHAPES[:2]
)
"""Work on new modules: half as many new files as others, or more."""


def paths() -> list[str]:
    return [f"pkg{number % FOLDERS:02}/mod{number:03}.py" for number in range(FILES)]


def trace(
    shape: Shape, seed: int, actions: int = ACTIONS, left_on: tuple[float, float] = LEFT_ON
) -> Trace:
    """`actions` actions of somebody who works like this, and everything round them.

    `left_on` is how often the machine is left on for the night and for the weekend.
    """
    return _Developer(shape, seed, left_on).live(actions)


@dataclass(slots=True)
class _Developer:
    shape: Shape
    seed: int
    left_on: tuple[float, float]
    chance: random.Random = field(init=False)
    events: list[Event] = field(default_factory=list)
    awake: list[tuple[float, float]] = field(default_factory=list)
    files: dict[str, list[str]] = field(default_factory=dict)
    branch: str = ""
    hot: str = ""
    tasks: int = 0
    actions: int = 0
    dirty: bool = False

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.shape.name} {self.seed}")

    def live(self, actions: int) -> Trace:
        self._switch(MONDAY, "task0")
        day, opened = 0, None
        while self.actions < actions:
            midnight = MONDAY + day * DAY
            start = midnight + self.chance.uniform(8.5, 9.5) * HOUR
            end = midnight + self.chance.uniform(17.3, 18.8) * HOUR
            if opened is None:
                opened = start - 5 * MINUTE
            self._colleagues(midnight)
            self._work_a_day(start, end, actions)
            is_friday = day % 7 == 4
            if self.chance.random() >= self.left_on[is_friday]:
                self.awake.append((opened, end + 10 * MINUTE))
                opened = None
            day += 3 if is_friday else 1
        if opened is not None:
            self.awake.append((opened, MONDAY + day * DAY))
        self.events.sort(key=lambda event: event.at)
        last = max(i for i, event in enumerate(self.events) if isinstance(event, Action))
        return Trace(self.shape.name, self.seed, tuple(self.events[: last + 1]), tuple(self.awake))

    def _colleagues(self, midnight: float) -> None:
        count = self._about(self.shape.colleagues_commits_a_day)
        for _ in range(count):
            at = midnight + min(max(self.chance.gauss(14, 3), 7), 23) * HOUR
            # Most commits touch the same few folders; some touch many files.
            size = min(1 + int(self.chance.expovariate(1 / 2.0)), 12)
            touched = self.chance.sample(paths()[: FILES // 2], size)
            if self.chance.random() < 0.3:
                touched = self.chance.sample(paths(), size)
            self.events.append(Arrival(at, tuple(sorted(touched)), self.chance.getrandbits(32)))

    def _work_a_day(self, start: float, end: float, actions: int) -> None:
        breaks = [self._break(start, 11.7, 12.8, 40, 75)]
        meetings = range(self._about(self.shape.meetings_a_day))
        breaks += [self._break(start, 9.5, 16.5, 30, 90) for _ in meetings]
        now = start
        self._pull(now)
        lunch_is_over = False
        while self.actions < actions:
            before, now = now, now + self._pause()
            for begin, over in breaks:
                if before < over and now > begin:
                    now = max(now, over + self.chance.uniform(1, 8) * MINUTE)
            if now > end:
                break
            if self.shape.pulls_after_lunch and not lunch_is_over and before > breaks[0][1]:
                self._pull(before)
                lunch_is_over = True
            self._work(before, now)
        if self.dirty and self.chance.random() < 0.6:
            self._commit(end)

    def _work(self, before: float, now: float) -> None:
        """Edits and the like between two moments, an action at the second."""
        length = now - before
        if self.chance.random() < 1 / self.shape.actions_a_branch:
            self._move_on(before + 0.1 * length)
        # After lunch nobody has edited for the whole of it.
        busy = min(length / (self.shape.pause_minutes * MINUTE), 3.0)
        for _ in range(self._about(self.shape.edits_an_action * (0.5 + 0.5 * busy))):
            if self.chance.random() < 0.3:
                self.hot = self.chance.choice(self.files[self.branch])
            at = before + self.chance.uniform(0.2, 0.95) * length
            self.events.append(Edit(at, self.hot, self.chance.getrandbits(32)))
            self.dirty = True
        if self.chance.random() < 0.7:
            self.events.append(Save(before + 0.97 * length))
        if self.dirty and self.chance.random() < 1 / self.shape.actions_a_commit:
            self._commit(before + 0.98 * length)
        focus = self.hot if self.chance.random() < 0.75 else self.chance.choice(paths())
        self.events.append(Action(now, focus))
        self.actions += 1

    def _move_on(self, at: float) -> None:
        """Another branch, or the next task on a new one."""
        if self.dirty:
            self._commit(at)
        known = [name for name in self.files if name != self.branch]
        if known and self.chance.random() < (0.75 if self.shape.branches > 1 else 0.0):
            self._switch(at + 1, self.chance.choice(known[-self.shape.branches :]))
            return
        self._pull(at + 1)
        self.tasks += 1
        self._switch(at + 2, f"task{self.tasks}")

    def _switch(self, at: float, branch: str) -> None:
        if branch not in self.files:
            folder = self.chance.randrange(FOLDERS)
            near = [path for path in paths() if path.startswith(f"pkg{folder:02}/")]
            self.files[branch] = self.chance.sample(near, self.shape.files_a_task)
            new = range(self.shape.new_files_a_task)
            self.files[branch] += [f"pkg{folder:02}/{branch}_{number}.py" for number in new]
        self.branch = branch
        self.hot = self.files[branch][0]
        self.events.append(Switch(at, branch))

    def _pull(self, at: float) -> None:
        if self.dirty:
            self._commit(at)
        self.events.append(Pull(at + 0.5))

    def _commit(self, at: float) -> None:
        self.events += [Save(at - 0.2), Commit(at)]
        self.dirty = False

    def _pause(self) -> float:
        median = self.shape.pause_minutes * MINUTE
        if self.chance.random() < self.shape.long_share:
            median *= self.shape.long_times
        return max(15.0, self.chance.lognormvariate(0, self.shape.spread) * median)

    def _break(
        self, start: float, earliest: float, latest: float, shortest: float, longest: float
    ) -> tuple[float, float]:
        begin = start - start % DAY + self.chance.uniform(earliest, latest) * HOUR
        return begin, begin + self.chance.uniform(shortest, longest) * MINUTE

    def _about(self, mean: float) -> int:
        """A whole number whose mean is `mean`."""
        low = int(mean * self.chance.uniform(0.6, 1.4) + self.chance.random())
        return max(0, low)
