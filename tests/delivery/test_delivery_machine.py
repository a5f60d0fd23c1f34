"""Whatever the user, the client and the stream do in whatever order: no character is lost."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kibitz.delivery import Conflict, Delivery
from kibitz.edits.diff import StreamingDiff
from kibitz.edits.hygiene import LineNormalizer
from kibitz.edits.splices import same_lines
from kibitz.edits.values import LineEdit, apply_line_edits
from kibitz.profiles import PLAIN
from kibitz_context.lines import Encoding, split_lines
from support.deliveries import QUICK
from support.fake_editor import (
    EGLOT,
    HELIX,
    KAKOUNE,
    LIAR,
    NEOVIM,
    PATIENT_NEOVIM,
    PLUGIN,
    SLOW,
    URI,
    VSCODE,
    ZED,
    FakeEditor,
    Manners,
)

T = TypeVar("T")

CLIENTS = {
    "vscode": VSCODE,
    "neovim": NEOVIM,
    "patient-neovim": PATIENT_NEOVIM,
    "plugin": PLUGIN,
    "helix": HELIX,
    "zed": ZED,
    "eglot": EGLOT,
    "kakoune": KAKOUNE,
    "slow": SLOW,
    "liar": LIAR,
}
WORDS = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "    d",
        "",
        "}",
        "e\U0001f600",
        "f\u2028f",
        "g\fg",
        "h\t",
        "word = a",
        "word = b",
    ]
)
LINES = st.lists(WORDS, max_size=8)
ENDINGS = st.sampled_from(["\n", "\r\n", "mixed"])
FIRST_MARK = 0xE000  # private use: characters that nobody else writes
ABOVE, BELOW = ["# \uf801", "# \uf802"], ["# \uf803", "# \uf804"]


def with_endings(words: list[str], ending: str) -> list[str]:
    kinds = ("\n", "\r\n") if ending == "mixed" else (ending,)
    return [word + kinds[index % len(kinds)] for index, word in enumerate(words)]


def marks_in(text: str) -> list[str]:
    return re.findall("[\ue000-\uf8ff]", text)


class DeliveryMachine(RuleBasedStateMachine):
    """The user's marks are unique characters, so each of them can be looked for in the end."""

    manners: Manners

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.mark_count = 0
        self.marks: set[str] = set()  # what the user has written and not taken away
        self.user_was_inside = False
        self.is_over = False  # nothing more is to be expected of the reply

    def run(self, deed: Callable[[], T]) -> T:
        """Do something on the event loop, then let callbacks run."""

        async def body() -> T:
            result = deed()
            for _ in range(4):
                await asyncio.sleep(0)
            return result

        return self.loop.run_until_complete(body())

    @initialize(
        encoding=st.sampled_from(["utf-8", "utf-16", "utf-32"]),
        ending=ENDINGS,
        old=LINES,
        new=LINES,
        around=st.sampled_from(["both", "above", "none"]),
        ends_open=st.booleans(),
        byte_order_mark=st.booleans(),
        hold=st.booleans(),
        held_lines=st.sampled_from([0, 2, 24]),
        waits=st.booleans(),
    )
    def begin(
        self,
        encoding: Encoding,
        ending: str,
        old: list[str],
        new: list[str],
        around: str,
        ends_open: bool,
        byte_order_mark: bool,
        hold: bool,
        held_lines: int,
        waits: bool,
    ) -> None:
        above = ABOVE if around != "none" else []
        below = BELOW if around == "both" else []
        lines = with_endings([*above, *old, *below], ending)
        if ends_open and lines:
            lines[-1] = lines[-1].rstrip("\r\n")
        if byte_order_mark and lines:
            lines[0] = "\ufeff" + lines[0]
        lines = split_lines("".join(lines))
        self.outside = set(marks_in("".join(lines)))
        self.marks |= self.outside
        first, end = min(len(above), len(lines)), len(lines) - len(below)
        self.old = lines[first:end]
        self.below_count = len(below)
        self.first = first
        self.editor = FakeEditor("".join(lines), self.manners, encoding)
        versions = {KAKOUNE: "ignored", ZED: "transformed"}.get(self.manners, "compared")
        profile = dataclasses.replace(
            PLAIN if waits else QUICK, versions=versions, held_lines=held_lines
        )
        self.delivery = Delivery(self.editor, profile, URI, first, self.old, hold=hold)
        self.editor.watch(self.delivery)
        self.normalizer = LineNormalizer(self.old, "\n")
        self.diff = StreamingDiff(self.old)
        self.reply = "".join(f"{word}\n" for word in new)
        whole = LineNormalizer(self.old, "\n")
        self.new = whole.feed(self.reply) + whole.finish()

    # -- Claude --------------------------------------------------------------------------------

    def write(self, edits: list[LineEdit]) -> None:
        try:
            self.run(lambda: self.delivery.write(edits, in_hunk=self.diff.in_hunk))
        except Conflict:
            self.is_over = True

    @precondition(lambda self: self.reply and not self.is_over)
    @rule(count=st.integers(1, 12))
    def reply_goes_on(self, count: int) -> None:
        chunk, self.reply = self.reply[:count], self.reply[count:]
        self.write(self.diff.push(self.normalizer.feed(chunk)))

    # -- the user ------------------------------------------------------------------------------

    def mark(self) -> str:
        self.mark_count += 1
        return chr(FIRST_MARK + self.mark_count)

    def change(self, start: int, end: int, text: str) -> None:
        self.marks -= set(marks_in(self.editor.buffer[start:end]))
        self.marks |= set(marks_in(text))
        self.run(lambda: self.editor.user_changes(start, end, text))

    def places(self) -> list[int]:
        """Where a cursor can be."""
        buffer = self.editor.buffer
        inside = {match.start() + 1 for match in re.finditer("\r\n", buffer)}
        return [place for place in range(len(buffer) + 1) if place not in inside]

    def is_outside(self, place: int) -> bool:
        """Whether it is certain that what is typed there stands above or below the region.

        A line that is split just before its mark leaves its first half on the region's side.
        """
        above, below = (self.editor.buffer.find(mark) for mark in ("\uf802", "\uf803"))
        return place <= above or place > below >= 0

    @rule(
        share=st.floats(0, 1),
        form=st.sampled_from(["{}", "{}\n", "\n{}", "p{}\nq\n", "{}\r\n", "\n{}\n\n"]),
    )
    def user_types(self, share: float, form: str) -> None:
        places = self.places()
        at = places[round(share * (len(places) - 1))]
        self.user_was_inside |= not self.is_outside(at)
        self.change(at, at, form.format(self.mark()))

    def is_unsure(self) -> bool:
        """Whether a client that does not compare versions has an edit to apply or to tell of.

        What it does to a text that lost lines meanwhile may look like the user's own doing, and
        once it has been given up nobody puts back what it goes over.
        """
        return self.manners is KAKOUNE and bool(self.editor.requests or self.editor.messages)

    def tell_if_blind(self) -> None:
        """For the same reason such a client tells at once that lines are gone."""
        while self.manners is KAKOUNE and self.editor.messages:
            self.run(self.editor.deliver_message)

    @precondition(lambda self: not self.is_unsure())
    @rule(share=st.floats(0, 1), count=st.integers(1, 5), pastes=st.booleans())
    def user_replaces_lines(self, share: float, count: int, pastes: bool) -> None:
        """Deletes whole lines, or pastes something over them."""
        lines = split_lines(self.editor.buffer)
        if not lines:
            return
        first = round(share * (len(lines) - 1))
        gone = lines[first : first + count]
        if self.outside & set(marks_in("".join(gone))):
            return
        start = len("".join(lines[:first]))
        self.user_was_inside = True
        text = f"pasted {self.mark()}\n" if pastes else ""
        self.change(start, start + len("".join(gone)), text)
        self.tell_if_blind()

    @precondition(lambda self: self.editor.undo_steps and not self.is_unsure())
    @rule()
    def user_undoes(self) -> None:
        before = set(marks_in(self.editor.buffer))
        self.user_was_inside = True
        self.run(self.editor.undo)
        after = set(marks_in(self.editor.buffer))
        self.marks = (self.marks - (before - after)) | (after - before)
        self.tell_if_blind()

    @precondition(lambda self: not self.is_unsure())
    @rule()
    def user_saves_with_format_on_save(self) -> None:
        """The formatter takes blanks off the ends of lines and ends the text with a line break."""
        spans = [
            (match.start(), match.end(), "")
            for match in re.finditer("[ \t\f]+(?=\r|\n|$)", self.editor.buffer)
        ]
        end = len(self.editor.buffer)
        if self.editor.buffer and not self.editor.buffer.endswith(("\n", "\r")):
            if spans and spans[-1][1] == end:
                spans[-1] = (spans[-1][0], end, "\n")
            else:
                spans.append((end, end, "\n"))
        if spans:
            self.user_was_inside = True
            self.run(lambda: self.editor.format(spans))
            self.tell_if_blind()

    @precondition(lambda self: not self.is_unsure())
    @rule(source=st.randoms(use_true_random=False))
    def file_is_read_again(self, source) -> None:  # type: ignore[no-untyped-def]
        """Another program has written the file: some lines are gone, one is new."""
        lines = split_lines(self.editor.buffer)
        kept = [
            line for line in lines if self.outside & set(marks_in(line)) or source.random() < 0.8
        ]
        kept.insert(source.randrange(len(kept) + 1), f"from disk {self.mark()}\n")
        self.user_was_inside = True
        self.marks = set(marks_in("".join(kept)))
        self.run(lambda: self.editor.reload("".join(kept)))
        self.tell_if_blind()

    # -- the client ----------------------------------------------------------------------------

    @precondition(lambda self: self.editor.requests)
    @rule()
    def editor_works(self) -> None:
        self.run(self.editor.handle_request)

    @precondition(lambda self: self.editor.late_answers)
    @rule()
    def editor_answers(self) -> None:
        self.run(self.editor.answer_late)

    @precondition(lambda self: self.editor.messages)
    @rule()
    def server_receives(self) -> None:
        self.run(self.editor.deliver_message)

    @precondition(lambda self: self.editor.timers and not self.is_unsure())
    @rule()
    def time_passes(self) -> None:
        self.run(self.editor.fire_timer)

    # -- what must be true ---------------------------------------------------------------------

    @invariant()
    def no_character_of_the_users_is_lost(self) -> None:
        if hasattr(self, "editor") and self.manners is not KAKOUNE:
            self.check_marks()

    def check_marks(self) -> None:
        found = marks_in(self.editor.buffer)
        assert set(found) == self.marks
        # Where the user types in a line of theirs that such a client has put elsewhere, it stays
        # there, and comes back to its place as well.
        assert len(found) == len(self.marks) or self.manners is KAKOUNE

    def teardown(self) -> None:
        try:
            if hasattr(self, "editor"):
                self.come_to_the_end()
        finally:
            self.loop.close()

    def come_to_the_end(self) -> None:
        ways = ("finish", "finish", "finish", "stop", "fault", "close")
        way = ways[(self.mark_count + len(self.new)) % len(ways)]
        if way == "close" and self.is_unsure():
            way = "finish"  # what such a client goes over can be put back while it is open
        if not self.is_over and way == "finish":
            rest = self.normalizer.feed(self.reply) + self.normalizer.finish()
            self.write([*self.diff.push(rest), *self.diff.finish()])
        if way == "close":
            self.editor.close()
            self.run(lambda: self.delivery.document_closed(URI))

        async def to_the_end() -> bool:
            body = {
                "finish": self.delivery.finish,
                "stop": lambda: self.delivery.halt("you stopped it"),
                "fault": self.delivery.restore,
                "close": self.delivery.finish,
            }[way]
            ending = asyncio.ensure_future(body())
            await self.editor.settle()
            try:
                return await asyncio.wait_for(ending, 1) is not False
            except Conflict:
                return False

        complete = self.loop.run_until_complete(to_the_end())
        self.check_marks()
        if way == "close" or self.user_was_inside:
            return
        is_given_up = not complete or (way == "stop" and self.delivery.stopped != "you stopped it")
        if is_given_up and self.manners in (KAKOUNE, ZED):
            return  # it was given up, for an edit that went astray or did not show in time
        lines = split_lines(self.editor.buffer)
        inside = self.region(lines)
        if way == "finish" and self.manners is not LIAR:
            assert complete
            assert self.delivery.offers() == []
            assert same_lines(inside, self.new)
        elif way == "fault" or self.manners is LIAR:
            assert same_lines(inside, self.old)
        edits = [hunk.revert(lines) for hunk in self.delivery.hunks()]
        inverse = [edit for edit in edits if isinstance(edit, LineEdit)]
        assert inverse == edits
        assert same_lines(self.region(apply_line_edits(lines, inverse)), self.old)

    def region(self, lines: list[str]) -> list[str]:
        """Of the document's `lines` those between the ones above and below."""
        above = [number for number, line in enumerate(lines) if "\uf802" in line]
        below = [number for number, line in enumerate(lines) if "\uf803" in line]
        return lines[above[0] + 1 if above else 0 : below[0] if below else len(lines)]


@pytest.mark.parametrize("client", CLIENTS)
def test_no_character_of_the_users_is_lost(client: str) -> None:
    class Machine(DeliveryMachine):
        manners = CLIENTS[client]

    # Each client has as many examples as another test; CONTRIBUTING.md has more.
    run_state_machine_as_test(Machine, settings=settings(stateful_step_count=25))
