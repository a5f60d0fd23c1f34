"""An answer that was cut off at its token limit, continued once where that is safe.

Safe is prose: what is lost between two halves of a text can be read over.  The input of a tool, a
region's new code and thinking have no such joints, so that replies which hold any of these end as
they are.  Both halves are requests of their own, with a reservation and a row in the ledger each.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from kibitz.claude.values import (
    Block,
    Claude,
    ClaudeFailure,
    Event,
    Expectation,
    Finished,
    Message,
    Prompt,
    Purpose,
    Started,
    TextDelta,
    ToolCall,
    ToolInputDelta,
)

log = logging.getLogger(__name__)

# How much of the end is quoted, and looked for at the beginning of what follows.
QUOTED_CHARACTERS = 200
# A shorter repetition may be one that is meant: an `i` after an `i`, a bracket after a bracket.
LEAST_REPEATED_WORD_CHARACTERS = 3

_CONTINUE = """\
Your previous response was interrupted because it reached its length limit. It ended with:
<end>
{end}
</end>
Continue from exactly where it left off. Begin with the very next character: no introduction, no \
word about the interruption, and nothing of what you have said already."""


async def continued(
    claude: Claude, prompt: Prompt, purpose: Purpose
) -> AsyncGenerator[Event, None]:
    """As `claude.stream`, for answers in prose: one of text alone that reaches `max_tokens` is
    continued once, and the two read as one, with one `Started` and one `Finished`.

    When the second half cannot be had, the first one ends as if nobody had asked for more.
    """
    said: list[str] = []
    called = False
    first: Finished | None = None
    async with aclosing(claude.stream(prompt, purpose)) as events:
        async for event in events:
            match event:
                case TextDelta(text):
                    said.append(text)
                case ToolInputDelta() | ToolCall():
                    called = True
                case Finished(stop_reason="max_tokens"):
                    first = event
                    continue
                case _:
                    pass
            yield event
    if first is None:
        return
    so_far = "".join(said)
    if called or not so_far.strip():
        yield first
        return
    log.info("an answer reached its %d tokens and is continued", prompt.max_tokens)
    joint = Joint(so_far)
    second: Finished | None = None
    try:
        async with aclosing(claude.stream(continuation(prompt, so_far), purpose)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    if piece := joint.feed(event.text):
                        yield TextDelta(piece)
                elif isinstance(event, Finished):
                    second = event
                elif not isinstance(event, Started):
                    yield event
    except ClaudeFailure as failure:
        if joint.has_said:
            raise
        log.info("the rest of an answer could not be had: %s", failure.kind)
    if rest := joint.finish():
        yield TextDelta(rest)
    yield first if second is None else _as_one(first, second, so_far + joint.text)


def continuation(prompt: Prompt, so_far: str) -> Prompt:
    """The prompt that asks for the rest.  It only appends, so that its prefix is in the cache."""
    marked = [at for at, block in enumerate(prompt.system, 1) if block.marker is not None]
    asking = _CONTINUE.format(end=so_far[-QUOTED_CHARACTERS:])
    return replace(
        prompt,
        messages=(
            *prompt.messages,
            Message("assistant", (Block(so_far),)),
            Message("user", (Block(asking),)),
        ),
        tool_choice="none",
        expectation=prompt.expectation
        and Expectation(marked[-1] if marked else 0, "keep", prompt.expectation.provisional),
    )


def _as_one(first: Finished, second: Finished, text: str) -> Finished:
    costs = (first.cost_usd, second.cost_usd)
    return replace(
        second,
        usage=first.usage + second.usage,
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        content=(Block(text),),
    )


class Joint:
    """Takes what follows a text, and leaves out what of that text it says again."""

    def __init__(self, before: str) -> None:
        self._end = before[-QUOTED_CHARACTERS:]
        self._held: str | None = ""
        self._given: list[str] = []

    @property
    def has_said(self) -> bool:
        """Whether anything was given out."""
        return bool(self._given)

    @property
    def text(self) -> str:
        """All that was given out."""
        return "".join(self._given)

    def feed(self, piece: str) -> str:
        """What of the text so far can be given out; "" until it is clear what is repeated."""
        if self._held is None:
            return self._give(piece)
        self._held += piece
        return "" if len(self._held) < QUOTED_CHARACTERS else self._open()

    def finish(self) -> str:
        """What is left."""
        return "" if self._held is None else self._open()

    def _open(self) -> str:
        assert self._held is not None
        held, self._held = self._held, None
        return self._give(without_repetition(self._end, held))

    def _give(self, text: str) -> str:
        if text:
            self._given.append(text)
        return text


def without_repetition(end: str, following: str) -> str:
    """`following` without the words at its beginning that `end` has ended with."""
    for start in (following, following.lstrip()):
        for length in range(min(len(end), len(start)), 0, -1):
            if end.endswith(start[:length]) and _is_repetition(end, length):
                return start[length:]
    return following


def _is_repetition(end: str, length: int) -> bool:
    """Whether the last `length` characters of `end` are too many to be there twice by accident."""
    repeated = end[-length:]
    if sum(each.isalnum() for each in repeated) < LEAST_REPEATED_WORD_CHARACTERS:
        return False
    # From the middle of a word on, it is a word that goes on: "ban" and "ana".
    return length == len(end) or not (repeated[0].isalnum() and end[-length - 1].isalnum())
