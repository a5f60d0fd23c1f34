"""Findings out of replies, for every chunking: the tool's input, and text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.findings.parse import Duplicates, FindingsReader, from_text
from kibitz.findings.values import Dropped, Finding
from support.chunks import chunkings, cut


def element(number: int = 1, **fields: object) -> dict[str, object]:
    """One valid element; `fields` replace its own."""
    return {
        "path": "src/app.py",
        "severity": "warning",
        "category": "correctness",
        "start_line": number,
        "end_line": number,
        "quote": f"x = {number}",
        "title": f"Title {number}",
        "message": 'It is "wrong": {[x]} \\ 😀.',
        "suggestion": "",
    } | fields


def finding(number: int = 1) -> Finding:
    fields = element(number)
    return Finding(**fields)  # type: ignore[arg-type]


def reply(*elements: object) -> str:
    return json.dumps({"findings": list(elements)})


def read(pieces: Sequence[str], default_path: str = "") -> list[Finding | Dropped]:
    reader = FindingsReader(default_path)
    found = [item for piece in pieces for item in reader.feed(piece)]
    return found + reader.finish()


def check_read(text: str, expected: Sequence[Finding | Dropped], default_path: str = "") -> None:
    for pieces in chunkings(text):
        assert read(pieces, default_path) == list(expected)


def test_all_findings_of_a_reply() -> None:
    check_read(reply(element(1), element(2)), [finding(1), finding(2)])
    check_read(json.dumps({"findings": [element(1)]}, indent=4), [finding(1)])
    check_read(json.dumps({"findings": [element(1)]}, ensure_ascii=False), [finding(1)])
    check_read(reply(), [])


def test_a_finding_is_given_with_its_last_character() -> None:
    text = reply(element(1), element(2))
    end = text.index("}, {") + 1
    reader = FindingsReader()

    assert reader.feed(text[: end - 1]) == []
    assert reader.feed(text[end - 1 : end]) == [finding(1)]
    assert reader.feed(text[end:]) == [finding(2)]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"summary": 'the "findings": [', "findings": [element()]}),
        json.dumps({"more": {"findings": [element(7)]}, "findings": [element()]}),
        json.dumps({"findings": [element()], "summary": [element(7)]}),
        json.dumps([element()]),
        json.dumps({"findings": json.dumps([element()])}),
        json.dumps({"summary": "findings", "x": [1], "findings": [element()]}),
        "\n  " + reply(element()),
    ],
)
def test_the_array_is_found_where_it_is(text: str) -> None:
    check_read(text, [finding()])


@pytest.mark.parametrize("text", ["", "{}", '{"findings": null}', '{"results": []}', "null", "x]"])
def test_a_reply_without_the_array_is_told_apart(text: str) -> None:
    reader = FindingsReader()

    assert reader.feed(text) + reader.finish() == []
    assert not reader.found


def test_the_end_of_the_array_is_told() -> None:
    reader = FindingsReader()
    reader.feed('{"findings": [')
    assert (reader.found, reader.complete) == (True, False)
    reader.feed("]")
    assert (reader.found, reader.complete) == (True, True)


def test_a_reply_that_was_cut_off_gives_what_is_complete() -> None:
    text = reply(element(1), element(2))
    cut_off = Dropped("malformed", "", "the reply ended inside it")
    end = text.index("}, {") + 1

    check_read(text[: end - 1], [cut_off])
    check_read(text[:end], [finding(1)])
    check_read(text[: end + 2], [finding(1)])
    check_read(text[: end + 9], [finding(1), cut_off])


@pytest.mark.parametrize("bad", [5, "text", None, [1, {"a": 2}], [[]], True, {}, {"a": [{}]}])
def test_what_is_no_finding_is_dropped_and_the_rest_goes_on(bad: object) -> None:
    for pieces in chunkings(reply(element(1), bad, element(2))):
        first, dropped, last = read(pieces)

        assert (first, last) == (finding(1), finding(2))
        assert isinstance(dropped, Dropped)
        assert dropped.reason == "malformed"


def test_an_element_that_is_no_json_is_dropped_and_the_rest_goes_on() -> None:
    broken = '{"title": "x", "message": oops, "list": [1,}'
    text = f'{{"findings": [{json.dumps(element(1))}, {broken}, {json.dumps(element(2))}]}}'
    items = read([text])

    assert items[0] == finding(1)
    assert {item.reason for item in items if isinstance(item, Dropped)} == {"malformed"}


def test_brackets_without_end_do_no_harm() -> None:
    items = read(['{"findings": [' + "[" * 100_000])

    assert items == [Dropped("malformed", "", "the reply ended inside it")]
    deep = "[" * 100_000 + "]" * 100_000
    assert read([f'{{"findings": [{deep}, {json.dumps(element())}]}}']) == [
        Dropped("malformed", "", "not valid JSON"),
        finding(),
    ]


def test_raw_line_breaks_in_strings_are_read() -> None:
    text = reply(element()).replace('"Title 1"', '"Title\n1"')

    assert read([text]) == [finding()]


@pytest.mark.parametrize(
    ("again", "is_duplicate"),
    [
        ({}, True),
        ({"quote": "y"}, True),
        ({"title": "TITLE  1", "quote": "y", "category": "style"}, True),
        ({"title": "Other words", "message": "more"}, True),
        ({"title": "Another fault", "category": "security"}, False),
        ({"start_line": 9, "end_line": 9}, False),
        ({"path": "src/other.py"}, False),
        ({"title": "Other", "quote": "y"}, False),
    ],
)
def test_a_finding_that_was_reported_before_is_dropped(
    again: Mapping[str, object], is_duplicate: bool
) -> None:
    _, second = read([reply(element(), element(**again))])

    assert isinstance(second, Dropped) == is_duplicate
    assert not isinstance(second, Dropped) or second.reason == "duplicate"


def test_duplicates_are_known_across_the_parts_of_a_reply() -> None:
    duplicates = Duplicates()
    FindingsReader(duplicates=duplicates).feed(reply(element()))

    assert FindingsReader(duplicates=duplicates).feed(reply(element())) == [
        Dropped("duplicate", "Title 1", "line 1")
    ]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='a"\\{}[],:\n😀', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)
_ELEMENTS = st.lists(st.integers(1, 5).map(element) | _JSON, max_size=5)
_REPLIES = st.tuples(_ELEMENTS, st.sampled_from([None, 1])).map(
    lambda drawn: json.dumps({"note": "[{", "findings": drawn[0]}, indent=drawn[1])
)


@given(cut(_REPLIES))
def test_the_result_does_not_depend_on_the_chunks(pieces: list[str]) -> None:
    whole = read(["".join(pieces)])

    assert read(pieces) == whole
    assert len(whole) == len(json.loads("".join(pieces))["findings"])


@given(cut(st.text(alphabet='{}[]",:\\ findgs1', max_size=60)))
def test_nonsense_is_read_without_harm(pieces: list[str]) -> None:
    assert read(pieces) == read(["".join(pieces)])
    from_text("".join(pieces))


@pytest.mark.parametrize(
    "text",
    [
        reply(element()),
        f"```json\n{reply(element())}\n```",
        f"One thing:\n\n```json\n{json.dumps({'findings': [element()]}, indent=2)}\n```\nBye.",
        f"Here: {reply(element())} Anything else?",
        f'As `{{"findings": []}}`, with one: {reply(element())}',
        json.dumps({"findings": {"items": []}}) + reply(element()),
        json.dumps([element()]),
        f"```json\n{json.dumps([element()])}\n```",
        f"One: {json.dumps(element())}, and that is all {{really}}.",
        f'Code: {{"a": 1}}\n{json.dumps(element())}',
    ],
)
def test_findings_in_a_text(text: str) -> None:
    assert from_text(text) == [finding()]


def test_several_findings_in_a_text() -> None:
    lines = f"{json.dumps(element(1))}\n{json.dumps(element(2))}\n"

    assert from_text(lines) == [finding(1), finding(2)]
    assert from_text(f"- {json.dumps(element(1))}\n- {json.dumps(element(2))}") == [
        finding(1),
        finding(2),
    ]


@pytest.mark.parametrize("text", [reply(), "[]", "```json\n[]\n```\n", f"Fine: {reply()}"])
def test_a_text_that_says_there_are_none_is_usable(text: str) -> None:
    assert from_text(text) == []


@pytest.mark.parametrize("text", ["", "No issues.", "{}", '{"a": [1]}', "a[]", "findings: none"])
def test_a_text_without_findings_is_unusable(text: str) -> None:
    assert from_text(text) is None


def test_bad_findings_in_a_text_are_dropped() -> None:
    items = from_text(json.dumps({"findings": [element(severity="huge")]}))

    assert items == [
        Dropped("malformed", "Title 1", "severity is not one of error, warning, info, hint")
    ]


def test_the_default_path_holds_in_a_text() -> None:
    items = from_text(reply(element(path="")), "lib/here.py")

    assert items is not None
    assert [item.path for item in items if isinstance(item, Finding)] == ["lib/here.py"]
