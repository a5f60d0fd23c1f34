"""The repository of a made-up working day, in memory: branches, commits, buffers.

A file is a tuple of blocks, functions of a few lines that call functions of other files; an edit
changes one of them or adds one, so that rebasing is choosing blocks.  The same events give the
same texts on any machine.  Nothing here knows git, prompts or prices.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from bench.replay_traces import Action, Arrival, Commit, Edit, Event, Pull, Save, Switch, paths

Blocks = tuple[str, ...]
Tree = Mapping[str, Blocks]

_WORD_LIST = (
    "account balance buffer cache client config context cursor customer document encoder event "
    "filter handler index invoice ledger message metric node order packet parser payment queue "
    "record region request response route schedule session signal snapshot stream token user"
)
_WORDS = _WORD_LIST.split()
_PATHS = paths()
_OLD = frozenset(_PATHS)


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A commit: its number in the order of making, its files, its parent, and where it left main
    (None: it is on main)."""

    number: int
    tree: Tree
    parent: Made | None = None
    fork: Made | None = None

    @property
    def shared(self) -> Made:
        """The newest commit of main that is in its history."""
        return self.fork or self


@dataclass(slots=True)
class World:
    """The developer's repository.  `head` is what is checked out, `buffers` are unsaved texts."""

    head: Made = field(init=False)
    main: Made = field(init=False)
    upstream: Made = field(init=False)
    branch: str = "main"
    branches: dict[str, Made] = field(default_factory=dict)
    disk: dict[str, Blocks] = field(default_factory=dict)
    buffers: dict[str, Blocks] = field(default_factory=dict)
    commits: list[Made] = field(default_factory=list)

    def __post_init__(self) -> None:
        tree = {path: _new_file(path) for path in _PATHS}
        self.head = self.main = self.upstream = self._commit(tree, None, None)
        self.disk = dict(tree)

    def play(self, event: Event) -> None:
        match event:
            case Edit(_, path, seed):
                now = self.buffers.get(path) or self.disk.get(path)
                chance = random.Random(seed)
                self.buffers[path] = _edited(now, chance, path) if now else _begun(path, chance)
            case Save():
                self.disk |= self.buffers
                self.buffers = {}
            case Commit():
                if self.disk != self.head.tree:
                    self._check_out(self._commit(dict(self.disk), self.head, self.head.shared))
            case Switch(_, branch):
                assert not self.buffers, "who switches has saved"
                self.branch = branch
                self._check_out(self.branches.get(branch, self.main))
            case Arrival(_, touched, seed):
                tree = dict(self.upstream.tree)
                for index, path in enumerate(touched):
                    tree[path] = _edited(tree[path], random.Random(seed + index), path)
                self.upstream = self._commit(tree, self.upstream, None)
            case Pull():
                self._pull()
            case Action():
                pass

    def _pull(self) -> None:
        self.main = self.upstream
        head, base = self.head, self.head.shared
        if base is self.main:
            return
        ours = {p: b for p, b in head.tree.items() if b != base.tree.get(p)}
        if not ours:
            self._check_out(self.main)
            return
        theirs = dict(self.main.tree)
        for path, blocks in ours.items():
            is_new = path not in base.tree
            theirs[path] = blocks if is_new else _merged(base.tree[path], blocks, theirs[path])
        self._check_out(self._commit(theirs, self.main, self.main))

    def _check_out(self, commit: Made) -> None:
        self.head = self.branches[self.branch] = commit
        self.disk = dict(commit.tree)

    def _commit(self, tree: Tree, parent: Made | None, fork: Made | None) -> Made:
        made = Made(len(self.commits), tree, parent, fork)
        self.commits.append(made)
        return made

    def now(self) -> dict[str, Blocks]:
        """The files as the editor shows them."""
        return {**self.disk, **self.buffers}


def _new_file(path: str) -> Blocks:
    chance = random.Random(path)
    imports = "from __future__ import annotations\n\nimport json\nimport logging\n"
    names = [_name(path, number) for number in range(chance.randint(4, 18))]
    return (imports, *(_block(chance, name) for name in names))


def _begun(path: str, chance: random.Random) -> Blocks:
    """What stands in a file when it is first looked at."""
    imports, *functions = _new_file(path)
    return (imports, *functions[: chance.randint(2, 6)])


@cache
def _name(path: str, number: int) -> str:
    """What the function with that number in a file is called."""
    chance = random.Random(f"{path} {number}")
    verb = chance.choice(("make", "read", "close", "check", "merge", "find"))
    return f"{verb}_{'_'.join(chance.sample(_WORDS, 2))}_{chance.randrange(100)}"


def _block(chance: random.Random, name: str) -> str:
    first, second = chance.sample(_WORDS, 2)
    lines = [
        f"\n\ndef {name}({second}: str, limit: int) -> list[str]:",
        f'    """The {first} of a {second}."""',
        f"    {first}: list[str] = []",
    ]
    lines += [_line(chance, first) for _ in range(chance.randint(4, 18))]
    return "\n".join((*lines, f"    return {first}[:limit]")) + "\n"


def _line(chance: random.Random, name: str) -> str:
    if chance.random() < 0.3:
        called = _name(chance.choice(_PATHS), chance.randrange(6))
        return f"    {name} += {called}({chance.choice(_WORDS)}, {chance.randrange(100)})"
    return (
        f'    {name}.append(f"{{{chance.choice(_WORDS)}_{chance.randrange(100)}}} '
        f'{chance.choice(_WORDS)}")'
    )


def _edited(blocks: Blocks, chance: random.Random, path: str) -> Blocks:
    """One function with some lines changed, or one more function, as often in a new file.

    Work comes back to the same places: some functions are edited far more often than others.
    """
    if chance.random() < (0.06 if path in _OLD else 0.4):
        place = chance.randint(1, len(blocks))
        new = _block(chance, f"added_{chance.choice(_WORDS)}_{chance.randrange(1000)}")
        return (*blocks[:place], new, *blocks[place:])
    place = 1 + int(chance.random() ** 3 * (len(blocks) - 1))
    lines = blocks[place].split("\n")
    for _ in range(1 + int(chance.expovariate(1 / 1.5))):
        at = chance.randrange(5, max(len(lines) - 2, 6))
        kind = chance.random()
        if kind < 0.2:
            lines.insert(at, _line(chance, chance.choice(_WORDS)))
        elif kind < 0.35 and len(lines) > 10:
            del lines[at]
        else:
            lines[at] = _line(chance, chance.choice(_WORDS))
    return (*blocks[:place], "\n".join(lines), *blocks[place + 1 :])


def _merged(base: Blocks, ours: Blocks, theirs: Blocks) -> Blocks:
    """Our functions where we changed the file, with what they added and changed elsewhere."""
    if theirs == base:
        return ours
    known = set(base)
    added = [block for block in theirs if block not in known and block not in ours]
    return (*ours, *added)
