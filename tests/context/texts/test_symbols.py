"""What texts define, use and import: a picture for each language, and hard texts."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_context.texts import reader
from kibitz_context.texts import symbols as symbols_module
from kibitz_context.texts.languages import LANGUAGES, language_of
from kibitz_context.texts.outline import outline_of
from kibitz_context.texts.symbols import LEXICAL, Definition, Symbols, language, symbols

PICTURES = Path(__file__).with_name("pictures")
SOURCES = sorted(file for file in PICTURES.iterdir() if file.suffix != ".picture")


def picture(path: str, text: str) -> str:
    """What is known of a text, to be looked at."""
    found = symbols(path, text)
    lines = [f"grammar: {found.grammar}"]
    lines += [
        f"{'  ' * each.depth}{each.kind} {each.name}"
        f" {each.line + 1}-{each.end_line} signature to {each.signature_end}"
        for each in found.definitions
    ]
    uses = " ".join(f"{name}*{count}" if count > 1 else name for name, count in found.references)
    lines += [f"uses: {uses}", f"imports: {' | '.join(found.imports)}", "outline:"]
    return "\n".join([*lines, outline_of(found, text.split("\n")), ""])


@pytest.mark.parametrize("source", SOURCES, ids=lambda file: file.stem)
def test_picture(source: Path) -> None:
    drawn = picture(source.name, source.read_text("utf-8"))
    assert drawn == source.with_suffix(".picture").read_text("utf-8")


def test_each_language_has_its_picture() -> None:
    assert {file.stem for file in SOURCES} == {each.name for each in LANGUAGES}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.py", "python"),
        ("B.PY", "python"),
        ("a.h", "cpp"),
        ("a.d.ts", "typescript"),
        ("Gemfile", "ruby"),
        ("a.xyz", None),
        ("py", None),
        ("a.py/README", None),
        ("", None),
    ],
)
def test_language(path: str, expected: str | None) -> None:
    assert language(path) == expected


def test_no_two_languages_claim_an_ending() -> None:
    endings = [ending for each in LANGUAGES for ending in each.endings]
    assert len(endings) == len(set(endings))


def test_a_text_without_a_grammar_is_read_by_its_lines() -> None:
    found = symbols("a.xyz", "func one() {\n  two()\n}\nclass Three {\n  func four() {}\n}\n")
    assert found == Symbols(
        LEXICAL,
        (
            Definition("one", "function", 0, 3, 1, 0),
            Definition("Three", "function", 3, 6, 4, 0),
            Definition("four", "function", 4, 6, 5, 1),
        ),
        (("two", 1),),
    )


def test_a_grammar_that_is_not_installed_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    python = language_of("a.py")
    assert python is not None
    monkeypatch.setattr(reader, "_grammar", lambda _: None)
    done: list[Symbols] = []
    # What was loaded before is remembered by each thread.
    thread = threading.Thread(target=lambda: done.append(symbols("a.py", "def one(): pass\n")))
    thread.start()
    thread.join()
    assert done[0].grammar == LEXICAL
    assert [each.name for each in done[0].definitions] == ["one"]


def test_a_parser_is_stopped_by_its_steps_and_goes_on_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "def one():\n    pass\n" * 500
    monkeypatch.setattr(reader, "MAX_PARSER_STEPS", 3)
    assert symbols("a.py", text).grammar == LEXICAL
    monkeypatch.undo()
    found = symbols("a.py", "def two():\n    return 3\n")
    assert (found.grammar, found.definitions[0].name) == ("python", "two")


def test_a_large_text_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "def one():\n    pass\n"
    monkeypatch.setattr(symbols_module, "MAX_PARSED_BYTES", len(text))
    assert symbols("a.py", text).grammar == "python"
    assert symbols("a.py", text + "\n").grammar == LEXICAL


@pytest.mark.parametrize(
    "text",
    [
        "(" * 60_000,
        "[{(" * 30_000,
        "class A(" * 12_000,
        "def f(:\n" * 5_000,
        "\ud800\0\xff" * 3_000,
        "x = " + "-" * 60_000,
        "\r\n\r\r\n" * 1_000,
        "`" * 10_001,
    ],
    ids=range(8),
)
def test_hard_texts_have_an_answer(text: str) -> None:
    for path in ("a.py", "a.cpp", "a.ts", "a.rb", "a.hs", "a.swift"):
        found = symbols(path, text)
        n_lines = text.count("\n") + 1
        assert all(each.end_line <= n_lines for each in found.definitions)


_tokens = st.sampled_from(
    (
        *("def ", "class ", "fn ", "import ", "end", "name", "Name", "é", "\0", "\ud83d", "\n"),
        *"{}():\"'#=<>`$@;, ",
        *("    ", "/*", "--"),
    )
)


# The first text of a language loads its grammar.
@settings(deadline=None)
@given(st.lists(_tokens, max_size=80).map("".join), st.sampled_from(LANGUAGES))
def test_any_text_has_symbols_that_lie_within_it(text: str, wanted: object) -> None:
    endings: tuple[str, ...] = wanted.endings  # type: ignore[attr-defined]
    path = f"a.{endings[0]}"
    found = symbols(path, text)
    assert found == symbols(path, text)
    n_lines = text.count("\n") + 1
    for each in found.definitions:
        assert 0 <= each.line < each.signature_end <= max(each.end_line, each.line + 1)
        assert each.end_line <= n_lines
        assert "\n" not in each.name
    assert list(found.references) == sorted(found.references)
    assert outline_of(found, text.split("\n")).count("\n") <= n_lines


def test_windows_of_a_query_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(
        f"class Kind{number}(Base{number % 7}):\n"
        f"    @property\n    def value_{number}(self) -> Amount:\n"
        f"        return self.compute(OTHER_{number}, {number})\n"
        for number in range(400)
    )
    monkeypatch.setattr(reader, "WINDOW_BYTES", 1 << 30)
    whole = symbols("a.py", text)
    monkeypatch.setattr(reader, "WINDOW_BYTES", 1_000)
    monkeypatch.setattr(reader, "WINDOW_OVERLAP_BYTES", 500)
    assert symbols("a.py", text) == whole
    assert len(whole.definitions) == 800


def test_threads_have_parsers_of_their_own() -> None:
    text = "def one(a):\n    return two(a)\n" * 200
    expected = symbols("a.py", text)
    found: list[Symbols] = []
    threads = [
        threading.Thread(target=lambda: found.append(symbols("a.py", text))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_what_was_parsed_is_let_go() -> None:
    text = "def one(): pass\n" * 800
    # The first ones are read by walking, and the query that is compiled then is kept.
    for _ in range(4):
        symbols("a.py", text)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(10):
            symbols("a.py", f"{text}# {number}\n")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 5 * len(text)


def test_nothing_of_a_text_stays_with_its_parser() -> None:
    """The binding keeps what it was ever given: fifty thousand files would be megabytes."""
    text = "def one(path):\n    return open_frame(path)\n" * 5

    def blocks_of(n_texts: int) -> int:
        for _ in range(n_texts):
            symbols("a.py", text)
        gc.collect()
        return sys.getallocatedblocks()

    before = blocks_of(20)
    assert blocks_of(200) - before < 100
