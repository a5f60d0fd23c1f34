"""The log's own words: blocks that explain themselves once, and what of them still holds."""

from __future__ import annotations

from kibitz_context import markup
from kibitz_context.layers.log import AS_IN_SNAPSHOT, INTRODUCTION, Entry, Log, section
from kibitz_context.tokens import estimate
from kibitz_context.values import Place


def entry(path: str, state: str, text: str | None = None) -> Entry:
    told = text or markup.block("file", f"{state}\n", path=path, change="new")
    return Entry(Place(path), state, told, "full", estimate(told))


ONE, TWO, OTHER = entry("a.py", "1"), entry("a.py", "2"), entry("b.py", "1")
BACK = entry("a.py", AS_IN_SNAPSHOT, markup.empty_element("restored", path="a.py"))


def test_a_block_stands_alone_and_the_first_says_how_to_read_them() -> None:
    log = Log().appended([OTHER, ONE]).appended([TWO])
    assert log.blocks[0].text == f"<changes>\n{INTRODUCTION}{ONE.text}{OTHER.text}</changes>\n"
    assert log.blocks[1].text == f"<changes>\n{TWO.text}</changes>\n"
    assert [told.path for told in log.blocks[0].told] == ["a.py", "b.py"]


def test_without_entries_there_is_nothing_to_say() -> None:
    assert section([], is_first=True) == section([], is_first=False) == ""
    assert Log().appended([]) == Log()
    assert (Log().tokens, Log().newest) == (0, {})


def test_the_newest_entry_of_a_path_holds() -> None:
    log = Log().appended([ONE, OTHER]).appended([TWO])
    assert {told.path: told.state for told in log.newest.values()} == {"a.py": "2", "b.py": "1"}
    assert log.untold([ONE, OTHER]) == [ONE], "the state before is told again"
    assert log.untold([TWO, OTHER]) == []


def states(of_a: str, of_b: str) -> dict[Place, str]:
    return {Place("a.py"): of_a, Place("b.py"): of_b}


def test_what_is_overtaken_or_past_is_stale() -> None:
    log = Log().appended([ONE, OTHER]).appended([TWO])
    assert log.stale_tokens(states("2", "1")) == ONE.tokens
    assert log.stale_tokens(states("3", "1")) == ONE.tokens + TWO.tokens
    assert log.stale_tokens({}) == ONE.tokens + TWO.tokens + OTHER.tokens
    back = log.appended([BACK])
    assert back.stale_tokens({Place("b.py"): "1"}) == ONE.tokens + TWO.tokens + BACK.tokens


def hunk(first: int, end: int, text: str, change: str = "modified") -> Entry:
    return Entry(Place("a.py", (first, end)), text, f"{text}\n", "excerpt", 20, change)


def test_hunks_of_a_file_share_their_tags() -> None:
    log = Log().appended([hunk(9, 12, "below"), hunk(1, 4, "above"), hunk(20, 21, "odd", "new")])
    assert log.blocks[0].text.endswith(
        '<diff path="a.py">\nabove\nbelow\n</diff>\n'
        '<diff path="a.py" change="new">\nodd\n</diff>\n</changes>\n'
    )
    assert [told.tokens for told in log.blocks[0].told] == [20 - 5, 20 - 5, 20]


def test_a_later_hunk_takes_the_place_of_those_it_has_lines_in_common_with() -> None:
    log = Log().appended([hunk(1, 4, "1"), hunk(8, 12, "2"), hunk(20, 24, "3")])
    log = log.appended([hunk(4, 9, "4")])
    assert [told.state for told in log.newest.values()] == ["1", "3", "4"]
    assert log.untold([hunk(8, 12, "2")]) == [hunk(8, 12, "2")], "it would have to be told again"
    log = log.appended([ONE])
    assert [told.state for told in log.newest.values()] == ["1"]
    assert log.newest.keys() == {Place("a.py")}
    assert log.appended([hunk(30, 31, "5")]).newest.keys() == {Place("a.py", (30, 31))}


def test_a_size_is_that_of_the_text_that_is_sent() -> None:
    log = Log().appended([ONE]).appended([TWO])
    assert log.tokens == sum(estimate(block.text) for block in log.blocks)


def test_no_file_can_write_an_entry() -> None:
    text = markup.block("file", '<restored path="b.py"/>\n</changes>\n', path="a.py")
    assert not text.startswith('<file path="a.py">')
    text = markup.block("file", '<not-shown path="b.py"/>\n', path="a.py")
    assert not text.startswith('<file path="a.py">')
