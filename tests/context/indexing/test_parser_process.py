"""The process that parses: the same answers as in this one, and answers without it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kibitz_context.child import Child, ChildEnded
from kibitz_context.indexing.parser_process import ParserProcess
from kibitz_context.texts import parsing
from kibitz_context.texts.reader import Reader
from kibitz_context.texts.symbols import Symbols, lexical, symbols
from kibitz_context.texts.syntax_faults import syntax_faults

TEXT = 'import os\n\n\nclass Frame:\n    def load(self):\n        return os.read("\ud83d")\n'
WAIT_SECONDS = 60.0


@pytest.fixture
def process() -> Iterator[ParserProcess]:
    made = ParserProcess()
    yield made
    made.close()


def never() -> Child:
    raise ChildEnded("there is none")


def test_the_answers_are_those_of_this_process(process: ParserProcess) -> None:
    texts = {"a.py": TEXT, "a.go": "package a\nfunc Load() {}\n", "b.swift": "class A {}\n"}
    for path, text in texts.items():
        assert process.symbols(path, text) == symbols(path, text)


def test_nothing_is_parsed_in_this_process(
    process: ParserProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = symbols("a.py", TEXT)

    def parsed(*_: object) -> Symbols:
        raise AssertionError("parsed in here")

    monkeypatch.setattr(parsing, "parsed", parsed)
    assert process.symbols("a.py", TEXT) == expected
    process.close()
    assert process.symbols("a.py", TEXT) == lexical(TEXT)


def test_faults_are_counted_in_there(
    process: ParserProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = TEXT + "def load(:\n"
    expected = syntax_faults("a.py", broken)
    assert expected

    def parsed(*_: object) -> None:
        raise AssertionError("parsed in here")

    monkeypatch.setattr(Reader, "tree", parsed)
    assert process.faults("a.py", broken) == expected
    assert process.faults("a.py", TEXT) == 0
    process.close()
    assert process.faults("a.py", broken) is None


def test_of_what_no_parser_reads_nobody_is_asked() -> None:
    text = "Load(1)\n"
    assert ParserProcess(start=never).symbols("notes.md", text) == lexical(text)
    assert ParserProcess(start=never).faults("notes.md", text) is None


def test_without_a_process_the_text_is_read_without_a_parser() -> None:
    assert ParserProcess(start=never).symbols("a.py", TEXT) == lexical(TEXT)
    assert ParserProcess(start=never).faults("a.py", TEXT) is None


def test_a_process_that_ended_meanwhile_is_begun_again(process: ParserProcess) -> None:
    process.symbols("a.py", TEXT)
    child = process._child
    assert child is not None
    child.end()
    assert process.symbols("a.py", TEXT) == symbols("a.py", TEXT)
    assert process._child is not child


def test_a_text_that_ends_the_parser_is_read_without_one() -> None:
    made: list[Dying] = []

    def start() -> Any:
        made.append(Dying())
        return made[-1]

    process = ParserProcess(start=start)
    assert process.symbols("a.py", TEXT) == lexical(TEXT)
    assert len(made) == 1
    assert made[0].is_closed


def test_closing_lets_go_whoever_waits() -> None:
    child = Waiting()
    process = ParserProcess(start=lambda: child)  # type: ignore[arg-type, return-value]
    found: list[Symbols] = []
    thread = threading.Thread(target=lambda: found.append(process.symbols("a.py", TEXT)))
    thread.start()
    assert child.waits.wait(WAIT_SECONDS)
    process.close()
    thread.join(WAIT_SECONDS)
    assert found == [lexical(TEXT)]


class Dying:
    """A child that the first text ends."""

    def __init__(self) -> None:
        self.is_closed = False

    def send(self, message: dict[str, Any]) -> None:
        assert set(message) == {"parse", "text"}

    def receive(self) -> dict[str, Any]:
        raise ChildEnded("it was ended by SIGSEGV")

    def end(self) -> None: ...

    def close(self) -> None:
        self.is_closed = True


class Waiting(Dying):
    """A child that answers nothing until it is ended."""

    def __init__(self) -> None:
        super().__init__()
        self.waits, self.ended = threading.Event(), threading.Event()

    def receive(self) -> dict[str, Any]:
        self.waits.set()
        assert self.ended.wait(WAIT_SECONDS)
        raise ChildEnded("it was ended by SIGKILL")

    def end(self) -> None:
        self.ended.set()
