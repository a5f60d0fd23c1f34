"""Texts that other processes parse while this one reads on: bounded, in turn, and never lost."""

from __future__ import annotations

import binascii
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kibitz_context.child import Child, ChildEnded
from kibitz_context.files.repository import TrackedFile
from kibitz_context.indexing import parsers
from kibitz_context.indexing.parser_process import MODULE
from kibitz_context.indexing.parsers import (
    MAX_ENDED,
    MAX_ENDED_UNHEARD,
    MAX_LANGUAGES,
    MOST_CHARACTERS_AHEAD,
    Parsers,
)
from kibitz_context.texts import packing
from kibitz_context.texts.symbols import symbols

ENDINGS = ("c", "go", "java", "lua", "php", "py", "rb", "rs", "swift", "ts")


class Parser:
    """Stands for a process: parses like one, and is ended by a text that says so."""

    def __init__(self) -> None:
        self.parsed: list[str] = []
        self.has_ended = False
        self._given: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def send(self, message: dict[str, Any]) -> None:
        if self.has_ended:
            raise ChildEnded("it has ended")
        self._given.put(message)

    def receive(self) -> dict[str, Any]:
        message = self._given.get()
        if message is None or "poison" in message["text"]:
            self.has_ended = True
            raise ChildEnded("it was ended by SIGSEGV")
        self.parsed.append(message["parse"])
        found = symbols(message["parse"], message["text"])
        return {"parsed": binascii.b2a_base64(packing.written(found)).decode()}

    def say_nothing(self) -> dict[str, Any]:
        while self._given.get() is not None:
            pass
        raise ChildEnded("it was ended by SIGKILL")

    def end(self) -> None:
        self.has_ended = True
        self._given.put(None)

    close = end


class Started:
    """Every process that was started, and what most of them there were at a time."""

    def __init__(self) -> None:
        self.processes: list[Parser] = []
        self.most = 0

    def __call__(self) -> Any:
        self.processes.append(Parser())
        self.most = max(self.most, sum(not each.has_ended for each in self.processes))
        return self.processes[-1]


@pytest.fixture
def started() -> Started:
    return Started()


@pytest.fixture
def made(started: Started) -> Iterator[Callable[[int], Parsers]]:
    all_made: list[Parsers] = []

    def make(n_lines: int = 1) -> Parsers:
        all_made.append(Parsers(n_lines, lambda: None, start=started))
        return all_made[-1]

    yield make
    for each in all_made:
        each.close()


def file(path: str) -> TrackedFile:
    return TrackedFile(path, path.encode().hex())


def text_of(path: str) -> str:
    return f"def of_{path.partition('.')[0]}(): pass\n"


def answers_of(line: Parsers) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    while not line.is_idle:
        answer = line.answer()
        assert answer.file.path not in found, "each text has one answer"
        found[answer.file.path] = answer.raw
    return found


def parsed(path: str, text: str) -> bytes:
    return packing.written(symbols(path, text))


def test_the_answers_are_those_of_this_process() -> None:
    line = Parsers(2, lambda: None)
    texts = {f"file_{number}.py": f"def one_{number}(): pass\n" for number in range(20)}
    for number, (path, text) in enumerate(texts.items()):
        line.give(number % 2, file(path), text)
    assert answers_of(line) == {path: parsed(path, text) for path, text in texts.items()}
    line.close()


def test_a_line_that_has_enough_to_do_has_no_room(made: Callable[[int], Parsers]) -> None:
    line = made(1)
    text = "a = 1\n" * 1_000
    n_given = 0
    while line.has_room(0, "a.py"):
        line.give(0, file(f"{n_given}.py"), text)
        n_given += 1
    assert (n_given - 1) * len(text) < MOST_CHARACTERS_AHEAD <= n_given * len(text)
    line.answer()
    answers_of(line)
    assert line.has_room(0, "a.py")


def test_the_line_with_the_least_to_do_is_found(made: Callable[[int], Parsers]) -> None:
    line = made(2)
    line.give(0, file("a.py"), "a = 1\n" * 10)
    assert line.shortest() == 1
    line.give(1, file("b.py"), "a = 1\n" * 20)
    assert line.shortest() == 0


def test_a_process_that_has_had_its_languages_is_followed_by_another(
    made: Callable[[int], Parsers], started: Started
) -> None:
    line = made(1)
    expected = {}
    for ending in ENDINGS:
        for number in range(2):
            path = f"a{number}.{ending}"
            while not line.has_room(0, path):
                answer = line.answer()
                assert answer.raw == expected.pop(answer.file.path)
            expected[path] = parsed(path, text_of(path))
            line.give(0, file(path), text_of(path))
    assert answers_of(line).items() <= expected.items()
    loaded = [{path.rpartition(".")[2] for path in each.parsed} for each in started.processes]
    assert [len(each) for each in loaded] == [MAX_LANGUAGES, MAX_LANGUAGES, 2]
    assert started.most == 1, "never do two have their tables at once"


def test_a_text_that_ends_its_parser_has_no_symbols_and_harms_no_other(
    made: Callable[[int], Parsers], started: Started
) -> None:
    line = made(1)
    paths = [f"a{number}.py" for number in range(8)]
    for path in paths:
        line.give(0, file(path), "poison" if path == "a4.py" else text_of(path))
    found = answers_of(line)
    assert found.pop("a4.py") is None
    assert found == {path: parsed(path, text_of(path)) for path in paths if path != "a4.py"}
    assert len(started.processes) == 3, "it may have been ended from outside the first time"


def test_a_process_that_was_ended_from_outside_costs_nothing(
    made: Callable[[int], Parsers], started: Started
) -> None:
    line = made(1)
    line.give(0, file("a.py"), text_of("a.py"))
    assert list(answers_of(line)) == ["a.py"]
    started.processes[0].end()
    line.give(0, file("b.py"), text_of("b.py"))
    assert answers_of(line) == {"b.py": parsed("b.py", text_of("b.py"))}


def test_the_first_text_of_all_may_be_the_one(
    made: Callable[[int], Parsers], started: Started
) -> None:
    line = made(1)
    line.give(0, file("a.py"), "poison")
    line.give(0, file("b.py"), text_of("b.py"))
    assert answers_of(line) == {"a.py": None, "b.py": parsed("b.py", text_of("b.py"))}


def test_processes_that_never_answer_are_given_up(
    made: Callable[[int], Parsers], started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(_: Parser) -> dict[str, Any]:
        raise ChildEnded("it ended with status 1")

    monkeypatch.setattr(Parser, "receive", dead)
    line = made(1)
    for number in range(MAX_ENDED):
        line.give(0, file(f"{number}.py"), "a = 1\n")
    with pytest.raises(ChildEnded):
        answers_of(line)
    assert len(started.processes) == MAX_ENDED_UNHEARD + 1


def test_processes_that_end_again_and_again_are_given_up(
    made: Callable[[int], Parsers], started: Started
) -> None:
    line = made(1)
    line.give(0, file("good.py"), text_of("good.py"))
    for number in range(MAX_ENDED):
        line.give(0, file(f"bad{number}.py"), "poison")
    with pytest.raises(ChildEnded):
        answers_of(line)
    assert len(started.processes) == MAX_ENDED + 1


def test_who_waits_may_give_up(monkeypatch: pytest.MonkeyPatch, started: Started) -> None:
    class Stopped(Exception):
        pass

    def check() -> None:
        raise Stopped

    monkeypatch.setattr(parsers, "_PATIENCE_SECONDS", 0.001)
    monkeypatch.setattr(Parser, "receive", Parser.say_nothing)
    line = Parsers(1, check, start=started)
    line.give(0, file("a.py"), "a = 1\n")
    with pytest.raises(Stopped):
        line.answer()
    line.close()
    assert started.processes[0].has_ended


def test_a_parser_imports_what_it_needs_and_nothing_else() -> None:
    """Its memory counts beside that of whoever reads, as often as there are parsers."""
    program = (
        "import sys\n"
        f"import {MODULE}\n"
        "from kibitz_context.texts.symbols import symbols\n"
        "symbols('a.py', 'def one(): pass')\n"
        "print(*sys.modules)\n"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    names = set(output.stdout.decode().split())
    assert "tree_sitter" in names
    assert not names & {"git", "sqlite3", "hashlib", "logging", "asyncio", "pathspec"}
    ours = {name.partition(".")[2] for name in names if name.startswith("kibitz_context.")}
    assert ours == {
        "child",
        "indexing",
        "indexing.parser_child",
        "texts",
        "texts.definitions",
        "texts.languages",
        "texts.outline",
        "texts.packing",
        "texts.parsing",
        "texts.reader",
        "texts.symbols",
        "texts.walking",
    }


def test_a_process_can_be_talked_to_by_two_threads() -> None:
    """One gives, the other hears; so giving never waits for an answer that nobody takes."""
    line = Parsers(1, lambda: None, start=lambda: Child(MODULE, is_urgent=True))
    text = "".join(f"def name_{number}(): pass\n" for number in range(2_000))
    for number in range(20):
        line.give(0, file(f"{number}.py"), text)
    assert set(answers_of(line).values()) == {parsed("a.py", text)}
    line.close()
