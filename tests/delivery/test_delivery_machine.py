"""Whatever the user, the client and the stream do in whatever order: no character is lost."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kibitz.delivery import Conflict, Delivery
from kibitz.edits.diff import StreamingDiff
from kibitz.profiles import PLAIN
from kibitz_context.lines import split_lines
from support.fake_editor import HONEST, LIAR, NEOVIM, SLOW, URI, VSCODE, FakeEditor, Manners

T = TypeVar("T")

QUICK = dataclasses.replace(PLAIN, edit_interval_seconds=0.0)
ABOVE = "# above 1\n# above 2\n"
BELOW = "# below 1\n# below 2\n"
WORDS = st.sampled_from(["a\n", "b\n", "c\n", "    d\n", "\n", "e\U0001f600\n", "f\u2028f\n"])
LINES = st.lists(WORDS, max_size=8)


class DeliveryMachine(RuleBasedStateMachine):
    """The user's marks are unique characters, so each of them can be looked for in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.marks: list[str] = []
        self.user_was_inside = False
        self.stopped = False

    def run(self, deed: Callable[[], T]) -> T:
        """Do something on the event loop, then let callbacks run."""

        async def body() -> T:
            result = deed()
            for _ in range(4):
                await asyncio.sleep(0)
            return result

        return self.loop.run_until_complete(body())

    @initialize(
        manners=st.sampled_from([HONEST, VSCODE, NEOVIM, SLOW, LIAR]),
        old=LINES,
        new=LINES,
        hold=st.booleans(),
    )
    def begin(self, manners: Manners, old: list[str], new: list[str], hold: bool) -> None:
        self.manners = manners
        self.old, self.new = old, new
        self.editor = FakeEditor(ABOVE + "".join(old) + BELOW, manners)
        self.delivery = Delivery(self.editor, QUICK, URI, 2, old, hold=hold)
        self.editor.watch(self.delivery)
        self.diff = StreamingDiff(old)
        self.left = list(new)

    def offer(self, edits: list) -> None:
        try:
            self.run(lambda: self.delivery.offer(edits))
        except Conflict:
            self.stopped = True

    @precondition(lambda self: self.left and not self.stopped)
    @rule(count=st.integers(1, 4))
    def reply_goes_on(self, count: int) -> None:
        lines, self.left = self.left[:count], self.left[count:]
        self.offer(self.diff.push(lines))

    @rule(side=st.sampled_from(["above", "below"]), break_line=st.booleans())
    def user_types_outside(self, side: str, break_line: bool) -> None:
        mark = chr(0xE000 + len(self.marks))
        self.marks.append(mark)
        buffer = self.editor.buffer
        at = buffer.index("# above 2") if side == "above" else len(buffer)
        self.run(lambda: self.editor.user_changes(at, at, mark + ("\n" if break_line else "")))

    @rule(share=st.floats(0, 1))
    def user_types_inside(self, share: float) -> None:
        buffer = self.editor.buffer
        first = buffer.index("# above 2\n") + len("# above 2\n")
        last = buffer.index("# below 1")
        mark = chr(0xE000 + len(self.marks))
        self.marks.append(mark)
        self.user_was_inside = True
        at = first + round(share * (last - first))
        self.run(lambda: self.editor.user_changes(at, at, mark))

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

    @precondition(lambda self: self.editor.timers)
    @rule()
    def time_passes(self) -> None:
        self.run(self.editor.fire_timer)

    @invariant()
    def no_character_of_the_user_is_lost(self) -> None:
        if not hasattr(self, "editor"):
            return
        for mark in self.marks:
            assert mark in self.editor.buffer
        for line in ("# above 1", "# above 2", "# below 1", "# below 2"):
            assert self.editor.buffer.count(line) == 1

    def teardown(self) -> None:
        try:
            if hasattr(self, "editor"):
                self.come_to_the_end()
        finally:
            self.loop.close()

    def come_to_the_end(self) -> None:
        if not self.stopped:
            self.offer([*self.diff.push(self.left), *self.diff.finish()])

        async def to_the_end() -> bool:
            ending = asyncio.ensure_future(self.delivery.finish())
            await self.editor.settle()
            try:
                await asyncio.wait_for(ending, 1)
            except Conflict:
                return False
            return True

        complete = self.loop.run_until_complete(to_the_end())
        self.no_character_of_the_user_is_lost()
        text = self.editor.buffer
        region = text[text.index("# above 2\n") + len("# above 2\n") : text.index("# below 1")]
        if not self.user_was_inside and not self.stopped and self.manners is not LIAR:
            assert complete
            assert split_lines(region) == self.new
        elif not complete and not self.user_was_inside:
            assert split_lines(region) == self.old


DeliveryMachine.TestCase.settings = settings(
    max_examples=250, stateful_step_count=30, deadline=None
)
TestDelivery = DeliveryMachine.TestCase
