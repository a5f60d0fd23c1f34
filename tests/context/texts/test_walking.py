"""Walking a tree finds what a compiled query finds there, in each language."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_context.texts import reader
from kibitz_context.texts.languages import LANGUAGES, language_of
from kibitz_context.texts.reader import query_text, reader_of
from kibitz_context.texts.symbols import symbols
from kibitz_context.texts.walking import Patterns

PICTURES = Path(__file__).with_name("pictures")
SOURCES = sorted(file for file in PICTURES.iterdir() if file.suffix != ".picture")
COMMENTS = ("// a", "/* a */", "# a", "-- a", "(* a *)", "", "}")


def found_by(name: str, text: str, max_walked_bytes: int) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "MAX_WALKED_BYTES", max_walked_bytes)
        return symbols(name, text)


@pytest.mark.parametrize("source", SOURCES, ids=lambda file: file.stem)
def test_each_match_is_the_same(source: Path) -> None:
    text = source.read_bytes()
    language = language_of(source.name)
    assert language is not None
    found = reader_of(language)
    assert found is not None
    tree = found.tree(text)
    assert tree is not None

    def matches(max_walked_bytes: int) -> set[object]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reader, "MAX_WALKED_BYTES", max_walked_bytes)
            return {
                (
                    pattern,
                    *(
                        (name, *((node.start_byte, node.end_byte, node.type) for node in nodes))
                        for name, nodes in sorted(captures.items())
                    ),
                )
                for pattern, captures in found.matches(tree, len(text))
            }

    assert matches(1 << 40) == matches(0)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_texts_that_are_like_a_picture_have_the_same_symbols(data: st.DataObject) -> None:
    source = data.draw(st.sampled_from(SOURCES), label="source")
    lines = source.read_text("utf-8").split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(lines)))
        end = data.draw(st.integers(start, min(len(lines), start + 6)))
        to = data.draw(st.integers(0, len(lines)))
        what = data.draw(st.sampled_from(("drop", "copy", *COMMENTS)))
        if what == "drop":
            del lines[start:end]
        else:
            lines[to:to] = lines[start:end] if what == "copy" else [what]
    text = "\n".join(lines)
    assert found_by(source.name, text, 1 << 40) == found_by(source.name, text, 0)


def test_a_query_is_compiled_when_there_is_more_of_a_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class CompiledError(Exception):
        pass

    def compiled(*_: object) -> None:
        raise CompiledError

    monkeypatch.setattr(reader, "_query", compiled)
    monkeypatch.setattr(reader, "_of_thread", type(reader._of_thread)())
    text = "def one():\n    return 2\n"
    monkeypatch.setattr(reader, "MAX_WALKED_BYTES", 2 * len(text))
    for _ in range(2):
        assert symbols("a.py", text).definitions[0].name == "one"
    with pytest.raises(CompiledError):
        symbols("a.py", text)
    # What is broken is never walked.
    with pytest.raises(CompiledError):
        symbols("a.go", "func {\n")


@pytest.mark.parametrize(
    "query",
    [
        '((a) @b (#eq? @b "c"))',
        "(a (b)* @c)",
        "(a (b)+ @c)",
        "[(a) (b)] @c",
        "(_ (b)) @c",
        "(a",
        ")",
        "(a) @",
        "name: (a) @b",
    ],
)
def test_what_is_not_walked_for_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Patterns(query)


def test_what_a_pattern_captures_is_known() -> None:
    python = next(each for each in LANGUAGES if each.name == "python")
    captures = Patterns(query_text(python)).captures
    assert captures[0] == {"name", "function"}
    assert {"reference"} in captures
