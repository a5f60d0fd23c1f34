"""In which file the tests of a file belong.

What the repository does already is done again: each test that can be paired with the file that it
tests is an example of how one path leads to the other, and the examples that fit the file at hand
vote.  Only without any is the language's convention asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from kibitz.test_layout.conventions import Convention, convention_of, tested_name

Folders = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where tests belong: `path`, relative to the root, which need not exist yet.

    `example` is an existing test to take after, the file itself where it `exists`; None where
    there is none in this language.  `is_inside`: the tests stand in the file that they test.
    """

    path: str
    exists: bool
    language: str
    example: str | None
    is_inside: bool = False


@dataclass(frozen=True, slots=True)
class _Test:
    """A test: its folder, the pattern of its name, and the name that it tests."""

    path: str
    folder: Folders
    pattern: str
    tested: str


@dataclass(frozen=True, slots=True)
class _Step:
    """How the folder of a test is made from that of the code: below `at`, `old` becomes `new`.

    A step that is `flat` leads from anywhere below `at` and `old` to the one folder of tests, and
    one that is `below` from any folder to one in it.
    """

    pattern: str
    at: Folders
    old: Folders
    new: Folders
    kind: str = "mirror"

    def of(self, folder: Folders) -> Folders | None:
        """The folder of tests for code in `folder`; None where this does not lead from there."""
        if self.kind == "below":
            return folder + self.new
        start = self.at + self.old
        if folder[: len(start)] != start:
            return None
        if self.kind == "flat":
            return self.at + self.new
        return self.at + self.new + folder[len(start) :]


def is_test(path: str) -> bool:
    """Whether `path` is called like a test or lies among tests."""
    convention = convention_of(path)
    if convention is None:
        return False
    return tested_name(path, convention) is not None or any(
        part in convention.folders for part in PurePosixPath(path).parts[:-1]
    )


def place_of_tests(path: str, paths: Iterable[str], text: str = "") -> Place | None:
    """Where the tests of the file `path` belong in a repository that has `paths`.

    `text` is the file's own: where a language's tests stand in the file, it may have some.  None
    for a file that is no code, or in a language whose tests we know nothing of.
    """
    convention = convention_of(path)
    if convention is None:
        return None
    known = [each for each in paths if convention_of(each) is convention]
    tests, sources = _divided(known, convention)
    folder, name = _folder(path), _tested_by_name(path, convention)
    steps, pairs = _learnt(tests, sources, convention)
    own = [test for test, source in pairs if source == path]
    own += [test for test in tests if not test.tested and test.folder == folder]
    if own:
        test = max(own, key=lambda each: _nearness(folder, each.folder))
        return Place(test.path, True, convention.language, test.path)
    if convention.inside and ("#[cfg(test)]" in text or not steps):
        return Place(path, True, convention.language, None, is_inside=True)
    extension = convention.extension_of_tests(PurePosixPath(path).suffix)
    step = _voted(steps, folder)
    if step is not None:
        there = step.of(folder)
        assert there is not None, "only those that lead from the folder have a vote"
        found = _joined(there, step.pattern.format(name), extension)
    else:
        found = _by_convention(folder, name, extension, tests, convention)
    exists = found in set(known)
    example = found if exists else _example(found, folder, tests)
    return Place(found, exists, convention.language, example)


def _divided(
    paths: Sequence[str], convention: Convention
) -> tuple[list[_Test], dict[str, list[str]]]:
    """The tests, and all other files by the name under which they are tested."""
    tests: list[_Test] = []
    sources: dict[str, list[str]] = {}
    for path in paths:
        found = tested_name(path, convention)
        if found is not None:
            tests.append(_Test(path, _folder(path), *found))
        else:
            sources.setdefault(_tested_by_name(path, convention), []).append(path)
    return tests, sources


def _learnt(
    tests: Sequence[_Test], sources: dict[str, list[str]], convention: Convention
) -> tuple[Counter[_Step], list[tuple[_Test, str]]]:
    """The steps that lead from code to its tests, with how often; and which is whose test."""
    steps: Counter[_Step] = Counter()
    pairs: list[tuple[_Test, str]] = []
    for test in tests:
        tested = sources.get(test.tested, ())
        if not tested:
            continue
        best = max(_likeness(_folder(source), test.folder) for source in tested)
        # A name that several files have in equal nearness says nothing of any of them.
        alike = [each for each in tested if _likeness(_folder(each), test.folder) == best]
        if len(alike) > 1:
            continue
        pairs.append((test, alike[0]))
        steps.update(_steps(_folder(alike[0]), test, convention))
    return steps, pairs


def _steps(code: Folders, test: _Test, convention: Convention) -> Iterable[_Step]:
    """What one pair of folders says of others."""
    n_same_end = 0
    while n_same_end < min(len(code), len(test.folder)) and (
        code[-1 - n_same_end] == test.folder[-1 - n_same_end]
    ):
        n_same_end += 1
    old, new = code[: len(code) - n_same_end], test.folder[: len(test.folder) - n_same_end]
    n_same = 0
    while n_same < min(len(old), len(new)) and old[n_same] == new[n_same]:
        n_same += 1
    at, old, new = old[:n_same], old[n_same:], new[n_same:]
    if not old and not new:
        yield _Step(test.pattern, (), (), (), "below")
        return
    if not n_same_end and not old and new[-1] in convention.folders:
        yield _Step(test.pattern, (), (), new, "below")
    yield _Step(test.pattern, at, old, new)
    if not n_same_end and old:
        yield _Step(test.pattern, at, old, new, "flat")


def _voted(steps: Counter[_Step], folder: Folders) -> _Step | None:
    """The step that most pairs agree on, of those that lead from `folder`.

    Of as many, the one that says the most about this very folder.
    """
    fitting = [step for step in steps if step.of(folder) is not None]
    if not fitting:
        return None
    return max(
        fitting, key=lambda each: (steps[each], len(each.at + each.old), each.kind, each.new)
    )


def _by_convention(
    folder: Folders, name: str, extension: str, tests: Sequence[_Test], convention: Convention
) -> str:
    """The file where the language's users would look for it."""
    pattern = _usual_pattern(tests, convention)
    file_name = pattern.format(name)
    for code, of_tests in convention.roots:
        old, new = tuple(code.split("/")), tuple(of_tests.split("/"))
        if tests and not any(_place_in(test.folder, new) is not None for test in tests):
            continue
        at = _place_in(folder, old)
        if at is not None:
            there = folder[:at] + new + folder[at + len(old) :]
            return _joined(there, file_name, extension)
    used = Counter(test.folder for test in tests if test.folder)
    if used and convention.folders:
        # No test says where one of this file would lie: where the nearest ones are.
        nearest = max(used, key=lambda each: (_nearness(folder, each), used[each], each))
        return _joined(nearest, file_name, extension)
    if convention.beside:
        return _joined(folder, file_name, extension)
    # The package itself has no folder of its own there, those within it have.
    inner = folder[1:] if folder[:1] in (("src",), ("lib",)) else folder
    return _joined((convention.folders[0], *inner[1:]), file_name, extension)


def _usual_pattern(tests: Sequence[_Test], convention: Convention) -> str:
    counted = Counter(test.pattern for test in tests if test.tested)
    return counted.most_common(1)[0][0] if counted else convention.names[0]


def _example(path: str, code: Folders, tests: Sequence[_Test]) -> str | None:
    """The test nearest to `path`, or to the code in `code`."""
    folder = _folder(path)
    if not tests:
        return None
    nearest = max(
        tests,
        key=lambda each: (
            _nearness(folder, each.folder),
            _likeness(code, each.folder),
            -len(each.folder),
        ),
    )
    return nearest.path


def _place_in(folder: Folders, part: Folders) -> int | None:
    """Where `part` begins in `folder`, None where it is no part of it."""
    places = range(len(folder) - len(part) + 1)
    return next((at for at in places if folder[at : at + len(part)] == part), None)


def _folder(path: str) -> Folders:
    return PurePosixPath(path).parts[:-1]


def _tested_by_name(path: str, convention: Convention) -> str:
    """The name under which a file is tested: its own, or its folder's where it stands for that."""
    pure = PurePosixPath(path)
    if pure.stem in convention.entries and pure.parent.name:
        return pure.parent.name
    return pure.stem


def _nearness(one: Folders, other: Folders) -> int:
    """How many folders both are in."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def _likeness(code: Folders, tests: Folders) -> tuple[int, int]:
    """How much the folder of a test looks like that of the code: its end first, then its start."""
    return _nearness(code[::-1], tests[::-1]), _nearness(code, tests)


def _joined(folder: Folders, name: str, extension: str) -> str:
    return "/".join((*folder, f"{name}{extension}"))
