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
RESTORED = markup.empty_element("restored", path="a.py")
BACK = Entry(Place("a.py"), AS_IN_SNAPSHOT, RESTORED, "name", estimate(RESTORED))


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
    assert log.stale_tokens(states("2", "1"), {}) == ONE.tokens
    assert log.stale_tokens(states("3", "1"), {}) == ONE.tokens + TWO.tokens
    assert log.stale_tokens({}, {}) == ONE.tokens + TWO.tokens + OTHER.tokens
    assert log.stale_tokens(states("2", "1"), {"a.py": 3, "b.py": 99}) == (
        ONE.tokens + TWO.tokens - 3
    ), "of a file that could be told in fewer"
    back = log.appended([BACK])
    assert back.stale_tokens({Place("b.py"): "1"}, {}) == ONE.tokens + TWO.tokens + BACK.tokens


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


def test_it_knows_the_text_of_what_it_told_whole() -> None:
    log = Log().appended([ONE, OTHER, hunk(1, 4, "above")])
    assert log.whole.keys() == {"b.py"}, "a hunk of the snapshot's file has taken its place"
    log = log.appended([TWO])
    told, text = log.whole["a.py"]
    assert (told.state, text) == ("2", "2\n")
    since = Entry(Place("a.py", (0, 1), since_told=True), "s", "@@ 1-1 @@\n", "excerpt", 9, "new")
    assert log.appended([since]).whole == log.whole, "it is what the hunk is of"
    assert log.appended([BACK]).whole.keys() == {"b.py"}


def test_the_text_of_a_file_is_found_whatever_stands_in_others() -> None:
    fake = markup.block("file", "fake\n", path="b.py", change="new")
    log = Log().appended([entry("b.py", "true"), entry("a.py", "1", fake_in(fake))])
    assert {path: text for path, (_, text) in log.whole.items()} == {
        "a.py": f"{fake}end\n",
        "b.py": "true\n",
    }


def fake_in(text: str) -> str:
    return markup.block("file", f"{text}end\n", path="a.py", change="new")


def test_hunks_of_what_was_told_do_not_end_it() -> None:
    whole, snapshots = Place("a.py"), Place("a.py", (1, 4))
    since, meets, apart = (Place("a.py", lines, True) for lines in ((1, 4), (3, 6), (4, 6)))
    assert not since.replaces(whole)
    assert whole.replaces(since)
    assert since.replaces(meets)
    assert not since.replaces(apart)
    assert snapshots.replaces(apart), "it gives up the text that those lines are of"
    assert not since.replaces(Place("b.py", (1, 4), True))
