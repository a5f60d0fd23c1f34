"""What every action needs: Claude, the settings, and the context of a repository.

The desk turns an `Order` into a `Brief`: the text that may be sent, the lines it is about and
the layers around them.  All reading of files happens off the event loop and through the gate.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from kibitz.actions.repositories import Repositories
from kibitz.actions.scope import whole_lines
from kibitz.actions.task_text import prompt_text, tagged
from kibitz.actions.tools import TOOLS
from kibitz.actions.values import Asked, Begun, Order, Received, Spent, Step
from kibitz.claude import prompt as prompts
from kibitz.claude.values import (
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
    Tier,
    ToolInputDelta,
)
from kibitz.errors import UserError, sentence_for_stop
from kibitz.plain_text import one_line
from kibitz.settings import Settings
from kibitz_context.lines import LineTable, Position, Span
from kibitz_context.tokens import CHARACTERS_PER_TOKEN, estimate
from kibitz_context.values import Allowed, Context, Focus, Refused

if TYPE_CHECKING:
    from kibitz_context.repository import Repository

COMPLETE_STOPS = ("end_turn", "stop_sequence", "tool_use")


@dataclass(frozen=True)
class Brief:
    """An order with everything that is needed to write its prompt.

    All words in here are as they may be sent: what somebody asks, what a linter quotes and what
    a project's settings say hold secrets no less often than code does.  `text` is the document's
    (same offsets as the document's own), `review_instructions` are the settings'; `secrets` are
    those of the text and of what was asked, for putting them back into an edit;
    `path` is relative to the repository root, as Claude sees it.  `first_line` and `end_line`
    (zero-based, half-open) are the whole lines that the order is about.
    """

    order: Order
    settings: Settings
    context: Context
    tier: Tier
    model: str
    path: str
    text: str
    secrets: tuple[tuple[str, str], ...]
    review_instructions: str
    first_line: int
    end_line: int

    @property
    def lines(self) -> list[str]:
        return LineTable(self.text).lines

    @property
    def region_lines(self) -> list[str]:
        return self.lines[self.first_line : self.end_line]

    def region(self, shown: str) -> str:
        """The region as it stands in the task: `shown`, between tags that name the place."""
        return tagged("region", shown, path=self.path, first_line=self.first_line + 1)


class Desk:
    """Prepares orders and sends their prompts.

    `settings_for` gives the settings that hold in a repository.
    """

    def __init__(self, claude: Claude, settings_for: Callable[[Path], Settings]) -> None:
        self._claude = claude
        self._settings_for = settings_for
        self._repositories = Repositories()

    async def brief(self, order: Order) -> Brief:
        """Gather what `order` needs.  Raises UserError when its document may not be sent."""
        stopped = threading.Event()
        try:
            return await asyncio.to_thread(self._brief, order, stopped.is_set)
        finally:
            # A thread cannot be cancelled: it looks whether anybody still waits for it.
            stopped.set()

    def repository(self, start: Path, folders: tuple[Path, ...] = ()) -> Repository:
        """The repository that holds `start`; see `Repository.find`.  May run git: not for the
        event loop."""
        return self._repositories.find(start, folders)

    def _brief(self, order: Order, should_stop: Callable[[], bool]) -> Brief:
        # Loaded when somebody asks for something: no start of a server has to wait for them.
        from kibitz_context.gate import Gate
        from kibitz_context.gather import gather
        from kibitz_context.secrets import redact

        settings = self._settings_for(order.root)
        repository = self.repository(order.root, order.folders)
        gate = Gate(
            repository.root, include=settings.context.include, exclude=settings.context.exclude
        )
        document = order.document
        path, allowed, first_line, end_line = "", Allowed(""), 0, 0
        if document is not None:
            path = shown_path(document.path, document.uri, repository.root)
            answer = gate.admit(document.path, document.text)
            # A buffer that was never saved may have a name all the same, and `.env` says enough.
            if document.path is None and (reason := gate.name_refusal(path)) is not None:
                answer = Refused(reason)
            if isinstance(answer, Refused):
                raise UserError(f"{one_line(path)} is not sent: {answer.reason}.")
            allowed = answer
            first_line, end_line = whole_lines(document, order.span)
        instruction = redact(order.instruction)
        diagnostics = [redact(each) for each in order.diagnostics]
        order = replace(
            order,
            instruction=instruction.text,
            diagnostics=tuple(each.text for each in diagnostics),
        )
        tier = order.tier or settings.route.get(order.action, "standard")
        focus = None
        if document is not None and document.path is not None:
            table = LineTable(allowed.text)
            start = table.offset(Position(first_line, 0), "utf-32")
            end = table.offset(Position(end_line, 0), "utf-32")
            focus = Focus(path, allowed.text, Span(start, end))
        context = gather(
            repository,
            gate,
            max_tokens=settings.context.max_tokens,
            focus=focus,
            overlays=order.overlays,
            question=order.instruction,
            should_stop=should_stop,
        )
        return Brief(
            order,
            settings,
            context,
            tier,
            order.model or getattr(settings.models, tier),
            path,
            allowed.text,
            tuple(pair for part in (allowed, instruction, *diagnostics) for pair in part.secrets),
            redact(settings.review.instructions).text,
            first_line,
            end_line,
        )

    def prompt(
        self,
        brief: Brief,
        task: str,
        *,
        max_tokens: int,
        least_tokens: int,
        tool_choice: Literal["auto", "none"] = "none",
        stop_sequences: tuple[str, ...] = (),
    ) -> Prompt:
        """The prompt of one request; everything but the last message is the tier's prefix.

        `max_tokens` is what the answer may have; down to `least_tokens`, where the limit for one
        request leaves no more.  What an order says instead is a hard limit, thinking included.
        """
        prompt = prompts.build(
            brief.context,
            rules=prompt_text("rules"),
            task_blocks=(task,),
            tier=brief.tier,
            model=brief.model,
            tools=TOOLS,
            tool_choice=tool_choice,
            max_tokens=max_tokens,
            stop_sequences=stop_sequences,
        )
        if brief.order.max_tokens is None:
            return prompts.within_budget(prompt, brief.settings.budget.request_usd, least_tokens)
        return replace(prompt, max_tokens=brief.order.max_tokens)

    async def reply(self, brief: Brief, prompt: Prompt) -> AsyncGenerator[Event | Step, None]:
        """Send `prompt`; yields Claude's events, with `Asked`, `Begun`, `Received` and `Spent`
        among them.

        A reply that is refused, cut off or does not end as a complete one raises UserError
        after `Spent`, since it was paid for.
        """
        yield Asked(prompt.model, prompt_tokens(prompt))
        budget = brief.settings.budget
        purpose = Purpose(
            brief.order.action,
            str(brief.context.root),
            limits=Limits(budget.request_usd, budget.day_usd, budget.month_usd),
        )
        finished: Finished | None = None
        n_characters = 0
        try:
            # Leaving the block closes the stream, and with it the connection.
            async with aclosing(self._claude.stream(prompt, purpose)) as events:
                async for event in events:
                    if isinstance(event, Started):
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
            raise UserError(
                sentence_for_stop(finished.stop_reason, finished.stop_detail), exit_code=3
            )


def shown_path(path: Path | None, uri: str, root: Path) -> str:
    """How a document is called in a prompt and in messages: relative to the repository."""
    if path is None:
        try:
            name = unquote(urlsplit(uri).path).replace("\\", "/").rpartition("/")[2]
        except ValueError:
            name = ""
        return name if name.strip(".") else "untitled"
    for candidate in (path, Path(os.path.realpath(path))):
        try:
            return candidate.relative_to(root).as_posix()
        except ValueError:
            continue
    return path.name


def prompt_tokens(prompt: Prompt) -> int:
    """An estimate of the prompt's size in tokens."""
    texts: Sequence[str] = [block.text for block in prompt.system] + [
        block.text
        for message in prompt.messages
        for block in message.content
        if isinstance(block, Block)
    ]
    return sum(estimate(text) for text in texts)
