"""What every action works with: the context of its order, and Claude.

The desk turns a `Brief` into a prompt whose prefix is the tier's, and sends it; what becomes of an
`Order` before that is the briefing's.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Literal

from kibitz.actions.brief import Brief
from kibitz.actions.briefing import SAFE_SHARE_OF_A_LIMIT, Briefing
from kibitz.actions.preparing import Preparer
from kibitz.actions.task_text import prompt_text
from kibitz.actions.tools import tools_for
from kibitz.actions.values import Asked, Begun, Order, Received, Spent, Step
from kibitz.claude.continuing import continued
from kibitz.claude.models import catalogue
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts import estimate as estimates
from kibitz.claude.prompts import prompt as prompts
from kibitz.claude.prompts.cache_memory import is_shortened
from kibitz.claude.values import (
    Attachment,
    Block,
    Claude,
    ClaudeFailure,
    Event,
    Finished,
    Limits,
    Prompt,
    Purpose,
    Started,
    TextDelta,
    ToolInputDelta,
    ToolResult,
    Usage,
)
from kibitz.errors import error_for_stop
from kibitz.settings import Settings
from kibitz_context.tokens import CHARACTERS_PER_TOKEN, estimate
from kibitz_context.values import Plan

logger = logging.getLogger(__name__)

COMPLETE_STOPS = ("end_turn", "stop_sequence", "tool_use")
# Of so many documents it is known what was sent before them.
MOST_STEADY_DOCUMENTS = 50
PROSE_ACTIONS = frozenset({"ask", "explain", "hover"})


class Desk(Briefing):
    """A briefing that can also ask Claude.

    `follow` is told of each response that has begun; the other arguments are the briefing's.
    """

    def __init__(
        self,
        claude: Claude,
        settings_for: Callable[[Path], Settings],
        *,
        cache: Path | None = None,
        preparer: Preparer | None = None,
        known_models: Callable[[], Catalogue] = catalogue.builtin,
        tokens_factor: Callable[[str], float] | None = None,
        may_warm: Callable[[Path], bool] = lambda _: False,
        follow: Callable[[Brief, Prompt], None] | None = None,
        get_ready: Callable[[], AsyncGenerator[str, None]] | None = None,
    ) -> None:
        super().__init__(
            settings_for,
            cache=cache,
            preparer=preparer,
            known_models=known_models,
            tokens_factor=tokens_factor,
            may_warm=may_warm,
            get_ready=get_ready,
        )
        self._claude = claude
        self._last_prefixes: dict[str, bytes] = {}
        self._follow = follow
        self._is_shortening_told = False

    def prompt(
        self,
        brief: Brief,
        task: str,
        *,
        max_tokens: int,
        least_tokens: int,
        tool_choice: Literal["auto", "none"] = "none",
        answer_tool: str | None = None,
        stop_sequences: tuple[str, ...] = (),
    ) -> Prompt:
        """The prompt of one request; everything but the last message is the tier's prefix.

        `max_tokens` is what the answer may have; down to `least_tokens`, where the limit for one
        request leaves no more.  What an order says instead is a hard limit, thinking included.
        `answer_tool` is the tool whose call is the answer, None for an answer in text.
        """
        prompt = prompts.build(
            brief.context,
            rules=prompt_text("rules"),
            task_blocks=(task,),
            tier=brief.tier,
            model=brief.model,
            tools=tools_for(self.known_models().context_tokens(brief.model)),
            tool_choice=tool_choice,
            answer_tool=answer_tool,
            max_tokens=max_tokens,
            stop_sequences=stop_sequences,
            known_models=self.known_models(),
            tokens_factor=brief.tokens_factor,
        )
        if brief.order.max_tokens is not None:
            prompt = replace(prompt, max_tokens=brief.order.max_tokens)
        return self.within_budget(brief, prompt, least_tokens)

    def is_steady(self, brief: Brief, prompt: Prompt) -> bool:
        """Whether the layers before the last message are those that were before it when this was
        last asked of the brief's document.  Where they still move, an entry behind them is written
        for nobody."""
        digest = hashlib.blake2b(digest_size=16)
        for block in prompt.system:
            digest.update(block.text.encode("utf-8", "surrogatepass"))
            digest.update(b"\0")
        uri = brief.order.document.uri if brief.order.document is not None else ""
        before = self._last_prefixes.pop(uri, None)
        self._last_prefixes[uri] = digest.digest()
        while len(self._last_prefixes) > MOST_STEADY_DOCUMENTS:
            del self._last_prefixes[next(iter(self._last_prefixes))]
        return before == digest.digest()

    def within_budget(self, brief: Brief, prompt: Prompt, least_tokens: int) -> Prompt:
        """`prompt` with as much room for the answer as the limit for one request leaves."""
        if brief.order.max_tokens is not None:
            return prompt
        limit_usd = brief.settings.budget.request_usd
        known, factor = self.known_models(), brief.tokens_factor
        return prompts.within_budget(prompt, limit_usd, least_tokens, known, factor)

    def room_for_results(self, brief: Brief, prompt: Prompt, least_tokens: int) -> int:
        """How many characters may be added to `prompt` before it does not fit any more: into the
        model, or with an answer of `least_tokens` into the limit for one request."""
        known = self.known_models()
        limit_usd = brief.settings.budget.request_usd
        room = SAFE_SHARE_OF_A_LIMIT * prompts.room_in_budget(
            prompt, limit_usd, least_tokens, known
        )
        most_tokens = known.most_prompt_tokens(prompt.model, prompt.tier)
        if most_tokens is not None:
            left = SAFE_SHARE_OF_A_LIMIT * most_tokens / brief.tokens_factor
            left -= estimates.prompt_tokens(prompt)
            room = min(room, left * CHARACTERS_PER_TOKEN)
        return max(int(min(room, sys.maxsize)), 0)

    async def reply(
        self, brief: Brief, prompt: Prompt, *, is_first: bool = True
    ) -> AsyncGenerator[Event | Step, None]:
        """Send `prompt`; yields Claude's events, with `Asked`, `Begun`, `Received` and `Spent`
        among them.

        A reply that is refused, cut off or does not end as a complete one raises UserError
        after `Spent`, since it was paid for.  `is_first` is False for a request that only goes on
        with the one before it.
        """
        yield Asked(prompt.model, prompt_tokens(prompt))
        purpose = Purpose(
            brief.order.action,
            str(brief.context.root),
            interactive=not brief.order.is_automatic,
            limits=limits_of(brief.settings),
        )
        began_at = time.time()
        finished: Finished | None = None
        n_characters = 0
        try:
            # Leaving the block closes the stream, and with it the connection.
            async with aclosing(self._stream(brief.order, prompt, purpose)) as events:
                async for event in events:
                    if isinstance(event, Started):
                        await self._begun(brief, prompt, event.usage, began_at, is_first)
                        yield Begun(event.usage)
                    elif isinstance(event, Finished):
                        finished = event
                    elif isinstance(event, TextDelta | ToolInputDelta):
                        piece = event.text if isinstance(event, TextDelta) else event.partial_json
                        n_characters += len(piece)
                        yield Received(math.ceil(n_characters / CHARACTERS_PER_TOKEN))
                    yield event
        except ClaudeFailure as failure:
            # For the sentence that names the setting with the model.
            failure.facts = {"tier": brief.tier, **failure.facts}
            raise
        assert finished is not None, "a stream ends with Finished or raises"
        yield Spent(finished.usage, finished.cost_usd, finished.model, finished.request_id)
        if finished.stop_reason not in COMPLETE_STOPS:
            raise error_for_stop(finished.stop_reason, finished.stop_detail)

    def _stream(
        self, order: Order, prompt: Prompt, purpose: Purpose
    ) -> AsyncGenerator[Event, None]:
        """Prose goes on where its token limit cuts it off, unless that limit is the user's."""
        if order.action in PROSE_ACTIONS and order.max_tokens is None:
            return continued(self._claude, prompt, purpose)
        return self._claude.stream(prompt, purpose)

    async def _begun(
        self, brief: Brief, prompt: Prompt, usage: Usage, began_at: float, is_first: bool
    ) -> None:
        """The response has begun: what was sent can be read from the cache from now on."""
        from kibitz_context.caching import prefix

        context = brief.context
        markers = [block.marker for block in prompt.system]
        if context.plan is not None and is_shortened(markers, usage):
            context = replace(context, plan=self._shortened(context.plan))
        expected = prompt.expectation is not None and prompt.expectation.blocks_alive > 0
        has_markers = any(marker is not None for marker in markers)

        def remember() -> None:
            if expected and not usage.cache_read_tokens:
                prefix.missed(context)
            prefix.began(context, began_at, asked=is_first)
            if has_markers and not usage.cache_read_tokens and not usage.cache_write_tokens:
                prefix.missed(context)  # There is no cache at the other end.

        await asyncio.to_thread(remember)
        if self._follow is not None:
            self._follow(brief, prompt)

    def _shortened(self, plan: Plan) -> Plan:
        if not self._is_shortening_told:
            logger.info("the endpoint keeps for 5 minutes what was to be kept for 1 hour")
            self._is_shortening_told = True
        return replace(
            plan,
            snapshot_lifetime="5m" if plan.snapshot_lifetime is not None else None,
            changes_lifetime="5m" if plan.changes_lifetime is not None else None,
        )


def limits_of(settings: Settings) -> Limits:
    """What may be spent by the settings of a repository."""
    budget = settings.budget
    return Limits(
        budget.request_usd,
        budget.day_usd,
        budget.month_usd,
        settings.context.keep_warm_day_usd if settings.context.keep_warm == "auto" else 0.0,
    )


def prompt_tokens(prompt: Prompt) -> int:
    """An estimate of the prompt's size in tokens."""
    texts: Sequence[str] = [block.text for block in prompt.system] + [
        block.text
        for message in prompt.messages
        for block in message.content
        if isinstance(block, Block | ToolResult)
    ]
    attached = (
        part.most_tokens
        for message in prompt.messages
        for part in message.content
        if isinstance(part, Attachment)
    )
    return sum(map(estimate, texts)) + sum(attached)
