"""A region is rewritten while its user types: the edits go round what the user wrote."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.edits.diff import StreamingDiff
from kibitz.edits.rebase import Fate, Rebase
from kibitz.edits.splices import Splice, splice_between
from kibitz.edits.values import LineEdit, apply_line_edits

ABOVE, BELOW = ["above 1\n", "above 2\n"], ["below 1\n", "below 2\n"]


class Page:
    """A document with a region of `old` words that becomes that of `new`, and a user."""

    def __init__(self, old: Sequence[str], new: Sequence[str], held_lines: int = 4) -> None:
        self.old, self.new = list(old), list(new)
        self.lines = [*ABOVE, *self.old, *BELOW]
        self.rebase = Rebase(2, self.old)
        self.diff = StreamingDiff(self.old, held_lines=held_lines)
        self.pending: list[LineEdit] = []
        self.came = 0
        self.fates: list[Fate] = []

    def reply(self, count: int) -> None:
        """So many lines more of the reply come."""
        self.pending += self.diff.push(self.new[self.came : self.came + count])
        self.came = min(self.came + count, len(self.new))

    def write(self) -> None:
        """What has come is written."""
        edits, self.rebase, intact = self.rebase.place(self.pending, self.lines)
        assert intact
        self.lines = apply_line_edits(self.lines, edits)
        self.pending = []

    def types(self, first: int, removed: int, *added: str) -> Fate:
        """The user makes the lines `added` of so many from `first` on."""
        first = min(first, len(self.lines))
        splice = Splice(first, tuple(self.lines[first : first + removed]), added)
        after = splice.applied(self.lines)
        splice = splice_between(self.lines, after)
        fate = self.rebase.follow(splice, self.lines, after)
        self.lines = after
        self.fates.append(fate)
        return fate

    def changes(self, line: str, *added: str) -> Fate:
        return self.types(self.lines.index(line), 1, *added)

    def finish(self) -> None:
        self.reply(len(self.new))
        self.pending += self.diff.finish()
        self.write()

    def take_offers(self) -> None:
        for offer in reversed(self.rebase.offers(self.lines)):
            self.lines = apply_line_edits(self.lines, [offer.edit])

    @property
    def text(self) -> str:
        return " ".join(line.strip() for line in self.lines)


def page(old: str, new: str, held_lines: int = 4) -> Page:
    return Page(
        [f"{word}\n" for word in old.split()], [f"{word}\n" for word in new.split()], held_lines
    )


def offers(edited: Page) -> list[str]:
    return [
        f"{' '.join(line.strip() for line in edited.lines[offer.first : offer.stop])} -> "
        f"{' '.join(line.strip() for line in offer.lines)}"
        for offer in edited.rebase.offers(edited.lines)
    ]


def test_what_is_typed_outside_or_at_a_border_moves_the_region() -> None:
    edited = page("a b c", "A b C")
    edited.types(0, 0, "mine 0\n")
    edited.types(3, 0, "mine 1\n")
    edited.types(7, 0, "mine 2\n")
    edited.reply(2)
    edited.write()
    edited.types(4, 0, "mine 3\n")
    edited.finish()

    assert edited.text == "mine 0 above 1 above 2 mine 1 mine 3 A b C mine 2 below 1 below 2"
    assert offers(edited) == []


def test_a_line_that_claude_keeps_stays_the_users() -> None:
    edited = page("a b c d", "a b c D")
    edited.changes("b\n", "mine\n", "mine too\n")
    edited.finish()

    assert edited.text == "above 1 above 2 a mine mine too c D below 1 below 2"
    assert offers(edited) == []


def test_claudes_version_of_a_line_that_the_user_changed_is_offered() -> None:
    edited = page("a b c d", "a B c D")
    edited.changes("b\n", "mine\n")
    edited.finish()

    assert edited.text == "above 1 above 2 a mine c D below 1 below 2"
    assert offers(edited) == ["mine -> B"]
    edited.take_offers()
    assert edited.text == "above 1 above 2 a B c D below 1 below 2"


def test_an_offer_is_of_all_that_hangs_together() -> None:
    edited = page("a b c d e f", "a B c D E f")
    edited.types(4, 2, "mine 1\n", "mine 2\n", "mine 3\n")
    edited.finish()

    assert edited.text == "above 1 above 2 a B mine 1 mine 2 mine 3 e f below 1 below 2"
    assert offers(edited) == ["mine 1 mine 2 mine 3 e -> c D E"]


def test_typing_that_is_undone_leaves_no_trace() -> None:
    edited = page("a b c", "A B C")
    edited.changes("b\n", "mine\n")
    edited.changes("mine\n", "b\n")
    edited.finish()

    assert edited.text == "above 1 above 2 A B C below 1 below 2"
    assert offers(edited) == []


def test_the_user_writes_the_same_as_claude() -> None:
    edited = page("a b c d", "a B d")
    edited.changes("b\n", "B\n")
    edited.changes("c\n")
    edited.finish()

    assert edited.text == "above 1 above 2 a B d below 1 below 2"
    assert offers(edited) == []


def test_what_the_user_does_to_the_part_already_written_stays() -> None:
    edited = page("a b c d e", "A b c D e")
    edited.reply(3)
    edited.write()
    edited.changes("A\n", "A mine\n")
    edited.changes("b\n", "b\n", "mine\n")
    edited.finish()

    assert edited.text == "above 1 above 2 A mine b mine c D e below 1 below 2"
    assert offers(edited) == []


def test_a_hunk_that_comes_in_slices_stays_in_one_piece() -> None:
    edited = page("a b c", "a 1 2 3 4 5 6 c", held_lines=1)
    edited.reply(3)
    edited.write()
    edited.types(edited.lines.index("b\n"), 0, "mine\n")
    edited.finish()

    assert edited.text == "above 1 above 2 a 1 2 3 4 5 6 mine c below 1 below 2"
    (hunk, deletion) = edited.rebase.hunks()
    assert (hunk.old_lines, len(hunk.new_lines)) == ((), 6)
    assert (deletion.old_lines, deletion.new_lines) == (("b\n",), ())
    placed = edited.rebase.take_back(edited.lines)
    assert apply_line_edits(edited.lines, placed.edits) == [
        *ABOVE,
        *("a\n", "mine\n", "b\n", "c\n"),
        *BELOW,
    ]


def test_slices_that_go_out_together_stay_above_what_was_typed_below_the_first() -> None:
    edited = page("a b c", "")
    edited.pending = [LineEdit(0, 0, ("1\n",))]
    edited.write()
    edited.types(3, 0, "typed\n")
    edited.pending = [LineEdit(0, 1, ("2\n",)), LineEdit(1, 1, ("3\n",)), LineEdit(1, 3, ())]
    edited.write()
    assert edited.text == "above 1 above 2 1 2 3 typed below 1 below 2"
    (hunk,) = edited.rebase.hunks()[:1]
    assert hunk.new_lines == ("1\n", "2\n", "3\n")


def test_nothing_is_put_in_front_of_a_line_that_it_may_replace() -> None:
    edited = page("a b c", "a 1 2 3 c", held_lines=1)
    edited.changes("b\n", "mine\n")
    edited.finish()

    assert edited.text == "above 1 above 2 a mine c below 1 below 2"
    assert offers(edited) == ["mine -> 1 2 3"]


def test_an_undo_takes_our_text_back() -> None:
    edited = page("a b c d", "a X Y c d")
    edited.finish()

    assert edited.types(3, 2, "b\n") == "taken back"


@pytest.mark.parametrize("old", ["a b", "b b a b", "a } } b", "p a b a n"])
@pytest.mark.parametrize("new", ["", "a", "p a n", "a } b", "x y z", "p a b a b a n"])
def test_every_undo_is_known_as_one(old: str, new: str) -> None:
    edited = page(old, new)
    edited.finish()
    if edited.text == page(old, old).text:
        return

    assert edited.types(0, len(edited.lines), *ABOVE, *edited.old, *BELOW) == "taken back"


def test_a_text_that_is_replaced_as_a_whole_is_lost() -> None:
    edited = page("a b c d", "A B C D")
    everything = len(edited.lines)

    assert edited.types(0, everything, "another\n", "text\n") == "lost"


def test_a_reload_that_leaves_the_region_alone_does_no_harm() -> None:
    edited = page("a b c d", "A B C D")
    text = ["new above\n", *ABOVE, "a\n", "b mine\n", "c\n", "d\n", "new below\n"]

    assert edited.types(0, len(edited.lines), *text) == "goes on"
    edited.finish()
    assert edited.text == "new above above 1 above 2 a b mine c d new below"
    assert offers(edited) == ["a b mine c d -> A B C D"]


def test_typing_in_the_only_line_is_no_loss_and_deleting_it_is_one() -> None:
    assert page("a", "A").changes("a\n", "mine\n") == "goes on"
    assert page("a", "A").changes("a\n") == "lost"


_OLD = st.lists(st.sampled_from([*"abcd", "}", ""]).map("{}\n".format), max_size=12)
_DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("reply"), st.integers(1, 6)),
        st.tuples(st.just("write"), st.just(0)),
        st.tuples(
            st.just("type"), st.tuples(st.floats(0, 1), st.integers(0, 3), st.integers(0, 3))
        ),
    ),
    max_size=14,
)


@given(_OLD, _OLD, _DEEDS, st.integers(0, 5))
def test_no_line_of_the_users_is_lost_and_no_other_line_is_touched(
    old: list[str], new: list[str], deeds: list, held_lines: int
) -> None:
    edited = Page(old, new, held_lines)
    mine: list[str] = []
    for number, (kind, what) in enumerate(deeds):
        if kind == "reply":
            edited.reply(what)
        elif kind == "write":
            edited.write()
        else:
            share, removed, added = what
            first = round(share * len(edited.lines))
            lines = [f"mine {number}.{index}\n" for index in range(added)]
            gone = edited.lines[first : first + removed]
            mine = [line for line in [*mine, *lines] if line not in gone]
            edited.types(first, removed, *lines)
    outside = [line for line in edited.lines if line in ABOVE + BELOW]
    edited.finish()

    assert sorted(line for line in edited.lines if line.startswith("mine")) == sorted(mine)
    assert [line for line in edited.lines if line in ABOVE + BELOW] == outside
    before = list(edited.lines)
    placed = edited.rebase.take_back(before)
    reverted = apply_line_edits(before, placed.edits)
    assert sorted(line for line in reverted if line.startswith("mine")) == sorted(mine)


@given(_OLD, _OLD, _DEEDS, st.integers(0, 5))
def test_where_the_user_only_changes_lines_the_offers_complete_the_reply(
    old: list[str], new: list[str], deeds: list, held_lines: int
) -> None:
    """Lines that Claude keeps are the user's, all others are the reply's in the end."""
    edited = Page(old, new, held_lines)
    for number, (kind, what) in enumerate(deeds):
        if kind == "reply":
            edited.reply(what)
        elif kind == "write":
            edited.write()
        elif edited.rebase.hunks() == [] and old:
            index = 2 + round(what[0] * (len(old) - 1))
            edited.types(index, 1, f"mine {number}\n")
    edited.finish()
    edited.take_offers()

    kept = [line for line in edited.lines[2:-2] if not line.startswith("mine")]
    rest = iter(edited.new)
    assert all(line in rest for line in kept)
    assert len(edited.lines) == len(new) + 4
