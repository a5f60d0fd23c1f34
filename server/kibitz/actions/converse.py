"""Ask in a conversation: what was said before goes along, and is read from the cache.

A conversation only grows: the turns before are sent again to the byte, and what each request
leaves in the cache ends with its question.  What has changed in the repository since is told
with the newest question (see `kibitz.conversation.news`).  Who keeps the turns, and where the
answer is shown, is not known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from kibitz.actions.answer import ANSWER_LEAST_TOKENS, answer_prompt, answered
from kibitz.actions.brief import Brief
from kibitz.actions.desk import Desk
from kibitz.actions.enclosures import Reader, enclosed, must_fit
from kibitz.actions.fallback import falls_back
from kibitz.actions.rounds import Seen
from kibitz.actions.task_text import tagged
from kibitz.actions.values import Looking, Noted, Order, Said, Step
from kibitz.claude.prompts.estimate import part_tokens
from kibitz.claude.prompts.prompt import LOOKBACK_BLOCKS
from kibitz.claude.values import (
    Attachment,
    Block,
    CacheLifetime,
    Claude,
    ClaudeFailure,
    Message,
    Part,
    Prompt,
    ToolResult,
    ToolUse,
)
from kibitz.conversation.document import Exchange
from kibitz.conversation.links import links
from kibitz.conversation.news import News, Told, news
from kibitz.conversation.store import Addition, Kept
from kibitz.conversation.turns import FIRST_KEY, Turn, key_after
from kibitz.errors import UserError
from kibitz_context.tokens import CHARACTERS_PER_TOKEN
from kibitz_context.values import Context

# Of the four that the API takes: the last one is for looking around (`kibitz.actions.rounds`).
MOST_MARKERS = 3

# Endpoints that may leave out what they do not know, and answer all the same.
_SILENT_PROVIDERS = ("compatible", "local")

READ_ANEW = "The earlier turns are read anew, not from the cache: "
REWRITTEN = f"{READ_ANEW}they are not as they were sent"
OTHER_MODEL = f"{READ_ANEW}another model answered them"
OTHER_BASE = f"{READ_ANEW}the repository is shown as it is now"


@dataclass(frozen=True)
class Before:
    """What was said before: `kept` as it was sent, then `rewritten`, of which nobody knows more
    than the words."""

    kept: tuple[Kept, ...] = ()
    rewritten: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class _Told:
    """How a question is put to the turns before it; `note` is why they are not in the cache."""

    news: News
    as_sent: bool
    note: str | None


@dataclass(frozen=True)
class _Earlier:
    """The turns before a question as they are sent with it, each under its key."""

    turns: tuple[tuple[str, Turn], ...]
    model: str
    told: Told

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(message for _, turn in self.turns for message in turn.messages)


class Question:
    """One question of a conversation, to be asked once.

    Links in what the user says lead to files from the folders `bases`, the first one first.
    `claude` tells what a model and an endpoint take.
    """

    def __init__(self, before: Before, bases: Sequence[Path], claude: Claude) -> None:
        self._before = before
        self._bases = tuple(bases)
        self._claude = claude
        self._seen = Seen()
        self._earlier: _Earlier | None = None
        self._said: list[str] = []
        self._said_last: list[str] = []

    def steps(self, order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
        """Ask it: the steps of `kibitz.actions.answer.ask`."""
        return falls_back(self._steps)(order, desk)

    def to_keep(self, exchange: Exchange) -> Addition | None:
        """What is to be kept of it, as `exchange`, so far; None before there is a word of an
        answer.  Earlier turns are among it where they were not sent as they had been before."""
        earlier, answer = self._earlier, "".join(self._said)
        sent = self._seen.sent[len(earlier.messages) :] if earlier is not None else ()
        if earlier is None or not sent or not answer.strip():
            return None
        # Its thinking is left out whole: Claude need not see it again, no other model may, and a
        # model that thinks anew does not miss it.  Where it led to a look around it stays, in the
        # very turn that it was part of.
        last = "".join(self._said_last)
        said = Message("assistant", (Block(last if last.strip() else answer),))
        bare = (message.without_markers() for message in sent)
        turn = Turn((*bare, said), answer, earlier.model, earlier.told)
        key = earlier.turns[-1][0] if earlier.turns else FIRST_KEY
        turns = (*earlier.turns, (key_after(key, exchange), turn))
        n_unchanged = 0
        for kept, (_, now) in zip(self._before.kept, earlier.turns, strict=False):
            if kept.turn is not now:
                break
            n_unchanged += 1
        after = self._before.kept[n_unchanged - 1] if n_unchanged else None
        return Addition(after, turns[n_unchanged:])

    async def _steps(self, order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
        if not order.instruction.strip():
            raise UserError("Nothing was asked: write a question.")
        # Another tier's model may have been asked before.
        self._earlier, self._seen = None, Seen()
        async with aclosing(desk.prepare(order)) as preparing:
            async for step in preparing:
                yield step
        brief = await desk.brief(order)
        told = self._told(brief)
        if told.note is not None:
            yield Noted(told.note)
        brief = replace(brief, context=told.news.context)
        earlier = await asyncio.to_thread(self._sent_again, brief, told)
        prompt = await asyncio.to_thread(self._prompt, desk, brief, earlier, told.news.text)
        async for step in self._checked(brief, prompt):
            yield step
        self._earlier = earlier
        async with aclosing(answered(desk, brief, prompt, self._seen)) as steps:
            async for step in steps:
                match step:
                    case Said(text):
                        self._said.append(text)
                        self._said_last.append(text)
                    case Looking():
                        self._said_last.clear()
                    case _:
                        pass
                yield step

    def _told(self, brief: Brief) -> _Told:
        """What the turns before say of the repository, and whether they are read from the cache."""
        turns = [kept.turn for kept in self._before.kept]
        note = REWRITTEN if self._before.rewritten else None
        if any(turn.model != brief.model for turn in turns):
            return _Told(news(None, brief.context, 0), as_sent=False, note=note or OTHER_MODEL)
        said = [message for turn in turns for message in turn.messages]
        known = turns[-1].told if turns else None
        found = news(known, brief.context, _tokens(said))
        if found.begins_anew:
            note = note or OTHER_BASE
        return _Told(found, as_sent=not found.begins_anew, note=note)

    def _sent_again(self, brief: Brief, told: _Told) -> _Earlier:
        """The turns before, in the form in which they go along this time.  Blocking."""
        from kibitz_context.gate.secrets import redact

        turns: list[tuple[str, Turn]] = []
        key = FIRST_KEY
        for kept in self._before.kept:
            turn, key = kept.turn, kept.key
            if not told.as_sent:
                turn = replace(turn, messages=turn.plain, model=brief.model, told=told.news.told)
            turns.append((key, turn))
        for exchange in self._before.rewritten:
            key = key_after(key, exchange)
            question, answer = redact(exchange.question).text, redact(exchange.answer).text
            asked = (*self._enclosed(brief, question), Block(tagged("question", question)))
            messages = (Message("user", asked), Message("assistant", (Block(answer),)))
            turns.append((key, Turn(messages, answer, brief.model, told.news.told)))
        return _Earlier(tuple(turns), brief.model, told.news.told)

    def _enclosed(self, brief: Brief, question: str) -> list[Part]:
        reader = Reader(
            brief.subject.gate, (*self._bases, brief.context.root), brief.order.overlays
        )
        return enclosed(links(question), reader)

    def _prompt(self, desk: Desk, brief: Brief, earlier: _Earlier, told: str) -> Prompt:
        """The request.  Blocking."""
        prompt = answer_prompt(desk, brief)
        (asked,) = prompt.messages
        *shown, task = asked.content
        content: list[Part] = [Block(told)] if told else []
        content += [*shown, *self._enclosed(brief, brief.order.instruction), task]
        messages = (*earlier.messages, Message("user", tuple(content)))
        must_fit(messages)
        prompt = marked(replace(prompt, messages=messages), lifetime_of(brief.context))
        return desk.within_budget(brief, prompt, ANSWER_LEAST_TOKENS)

    async def _checked(self, brief: Brief, prompt: Prompt) -> AsyncGenerator[Step, None]:
        """Raises UserError where what is attached would not be taken, or would be dropped."""
        kinds = {
            "pdf_input" if part.media_type == "application/pdf" else "image_input"
            for part in _parts(prompt)
            if isinstance(part, Attachment)
        }
        if not kinds:
            return
        name = {"pdf_input": "PDF documents", "image_input": "pictures"}
        try:
            listed = await self._claude.models()
        except ClaudeFailure:
            listed = ()  # told when the question itself is sent
        for facts in listed:
            for kind in sorted(kinds):
                said = facts.capabilities.get(kind) if facts.id == prompt.model else None
                if isinstance(said, dict) and said.get("supported") is False:
                    raise UserError(
                        f"{prompt.model} takes no {name[kind]}; name another model, or leave them "
                        "out."
                    )
        if brief.settings.provider not in _SILENT_PROVIDERS:
            return
        if await self._are_dropped(prompt):
            raise UserError(
                "This endpoint leaves attachments out without a word; ask without them, or of "
                "Claude itself."
            )
        if "pdf_input" in kinds:
            yield Noted("Many endpoints other than Anthropic's leave PDF documents out")

    async def _are_dropped(self, prompt: Prompt) -> bool:
        """Whether the endpoint counts as many tokens without what is attached last."""
        without = replace(
            prompt,
            messages=tuple(
                replace(message, content=tuple(_without_attachments(message.content)))
                for message in prompt.messages
            ),
        )
        try:
            counts = [await self._claude.count_tokens(each) for each in (prompt, without)]
        except ClaudeFailure:
            return False
        with_them, without_them = counts
        return with_them is not None and without_them is not None and with_them <= without_them


def lifetime_of(context: Context) -> CacheLifetime | None:
    """How long the turns of a conversation are kept: as long as what changes most."""
    plan = context.plan
    if plan is None:
        return None
    return plan.changes_lifetime or ("5m" if plan.snapshot_lifetime is not None else None)


def marked(prompt: Prompt, lifetime: CacheLifetime | None) -> Prompt:
    """`prompt` with an entry that ends with its question, and that finds the one before.

    From a marker the API looks back over a few blocks only; where this turn has more of them, the
    end of the turn before is marked as well.  Markers of the system blocks make room for it, the
    snapshot's last.
    """
    if lifetime is None:
        return prompt
    messages = list(prompt.messages)
    ends = [len(messages) - 1]
    before = max(
        (number for number, each in enumerate(messages[:-1]) if each.role == "user"), default=None
    )
    if before is not None and _positions(messages[before + 1 :]) >= LOOKBACK_BLOCKS:
        ends.append(before)
    for number in ends:
        *parts, last = messages[number].content
        if isinstance(last, Block | ToolResult):
            last = replace(last, marker=lifetime)
        messages[number] = replace(messages[number], content=(*parts, last))
    in_system = [number for number, block in enumerate(prompt.system) if block.marker is not None]
    room = MOST_MARKERS - len(ends)
    kept = {*in_system[:1], *in_system[max(len(in_system) - room + 1, 1) :]}
    system = tuple(
        block if number in kept or block.marker is None else replace(block, marker=None)
        for number, block in enumerate(prompt.system)
    )
    return replace(prompt, system=system, messages=tuple(messages))


def _positions(messages: Sequence[Message]) -> int:
    """How many blocks the look-back counts: a run of calls, or of their results, is one."""
    count, run = 0, None
    for part in (part for message in messages for part in message.content):
        kind = type(part) if isinstance(part, ToolUse | ToolResult) else None
        count += kind is None or kind is not run
        run = kind
    return count


def _parts(prompt: Prompt) -> Iterator[Part]:
    return (part for message in prompt.messages for part in message.content)


def _without_attachments(content: Sequence[Part]) -> Iterator[Part]:
    return (part for part in content if not isinstance(part, Attachment))


def _tokens(messages: Sequence[Message]) -> int:
    return sum(
        part_tokens(part, CHARACTERS_PER_TOKEN) for each in messages for part in each.content
    )
