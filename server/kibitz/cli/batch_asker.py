"""The reviews of a run as requests and findings: prompts as live reviews have them, replies too.

All requests of one process share one prefix, that of the first: whatever changes in the work tree
meanwhile, the cache that the first request has written is read by all of them.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from kibitz.actions.brief import Brief
from kibitz.actions.desk import COMPLETE_STOPS
from kibitz.actions.findings_reply import FindingsReply
from kibitz.actions.review import offered, review_prompt
from kibitz.actions.values import Found, NotKept, Order, Step
from kibitz.claude.batching.batch_runner import CannotAsk
from kibitz.claude.batching.batches import BatchResult
from kibitz.claude.prompts.estimate import warm_usage
from kibitz.claude.values import Prompt, Usage
from kibitz.cli.place import Place
from kibitz.cli.workplace import Workplace
from kibitz.edits.secrets import restore
from kibitz.errors import UserError, sentence_for_stop
from kibitz.findings.values import Dropped, Finding
from kibitz_context.document import Document
from kibitz_context.gate.gate import Gate
from kibitz_context.layers.task import LEAST_RELATED_TOKENS, RELATED_SHARE
from kibitz_context.lines import LineTable
from kibitz_context.tokens import characters
from kibitz_context.values import Context, Layer, Plan, Refused

# What a review says of an ordinary file, for the estimate of a whole run.
USUAL_REPLY_TOKENS = 1_000


@dataclass(frozen=True)
class Prefix:
    """What all requests of a run share."""

    context: Context
    tokens_factor: float

    @classmethod
    def of(cls, brief: Brief) -> Prefix:
        """The brief's prefix, every layer of it kept in the cache for an hour: a batch takes its
        time, and what is not read again in five minutes would be written again."""
        context, plan = brief.context, brief.context.plan
        if plan is not None:
            log = tuple(filter(str.strip, (*plan.changes_log, plan.changes_tail)))
            plan = Plan(snapshot_lifetime="1h", changes_lifetime="1h", changes_log=log)
        return cls(replace(context, plan=plan), brief.tokens_factor)

    def under(self, brief: Brief) -> Brief:
        """The brief with this prefix; its own task stays."""
        context = replace(self.context, task=brief.context.task, omitted=())
        return replace(brief, context=context, tokens_factor=self.tokens_factor)


class ReviewAsker:
    """Implements `batch_runner.Asker`; items are paths relative to the root."""

    def __init__(self, at: Workplace, root: Path, gate: Gate) -> None:
        self._at = at
        self._root = root
        self._gate = gate
        self._min_severity = at.settings_in(root).review.min_severity
        self._prefix: Prefix | None = None

    async def prompt(self, name: str) -> Prompt:
        """See `Asker`."""
        return review_prompt(self._at.desk, await self._brief(name), looks=False)

    async def answered(self, name: str, result: BatchResult) -> Mapping[str, Any]:
        """See `Asker`.  Findings are placed in the text as it is now."""
        answer = await asyncio.to_thread(self._gate.read_listed, name)
        if isinstance(answer, Refused):
            return _said((), f"It was reviewed, but meanwhile {answer.reason}.")
        lines = LineTable(answer.text).lines
        document = Document("", None, restore(answer.text, answer.secrets))
        reply = FindingsReply(name, lines, answer.secrets, self._min_severity)
        steps: list[Step] = []
        for event in result.events:
            for found in reply.read(event):
                steps += await offered(found, document, self._at.desk, name)
        finished = result.finished
        if finished is not None and finished.stop_reason not in COMPLETE_STOPS:
            return _said(steps, sentence_for_stop(finished.stop_reason, finished.stop_detail))
        try:
            for found in reply.end():
                steps += await offered(found, document, self._at.desk, name)
        except UserError as error:
            return _said(steps, error.sentence)
        return _said(steps)

    async def forecasts(self, texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Prompt]]:
        """Prompts that are at least as long as those that will be sent, made without gathering.

        `texts` is gone through only as the result is.
        """
        files = iter(texts)
        for name, text in files:
            try:
                brief = await self._brief(name)
            except CannotAsk:
                continue  # told when it is its turn
            return self._made(brief, chain([(name, text)], files))
        return iter(())

    def _made(self, brief: Brief, files: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Prompt]]:
        max_tokens = brief.settings.context.max_tokens
        related_tokens = max(LEAST_RELATED_TOKENS, round(RELATED_SHARE * max_tokens))
        room = Layer("task", "x" * characters(related_tokens), related_tokens)
        context = replace(brief.context, task=room)
        for path, text in files:
            about = replace(
                brief,
                context=context,
                path=path,
                text=text,
                secrets=(),
                first_line=0,
                end_line=len(LineTable(text).lines),
            )
            yield path, review_prompt(self._at.desk, about, looks=False)

    async def _brief(self, name: str) -> Brief:
        try:
            source = await asyncio.to_thread(self._at.source, Place(str(self._root / name)))
            order = Order("review", source.start, source.document, None)
            # What a batch leaves in the cache is gone when somebody next asks in an editor, or
            # may not be there at all, so that nothing is remembered of it.
            brief = await self._at.desk.brief(order, record=False)
        except UserError as error:
            raise CannotAsk(error.sentence) from error
        if self._prefix is None:
            self._prefix = Prefix.of(brief)
        return self._prefix.under(brief)


def expected_usage(prompt: Prompt, chars_per_token: float) -> Usage:
    """What a request of a run is likely to be billed as, once the cache is written."""
    return warm_usage(prompt, chars_per_token) + Usage(output_tokens=USUAL_REPLY_TOKENS)


def findings_of(said: Mapping[str, Any]) -> tuple[list[Finding], list[Dropped]]:
    """What `ReviewAsker.answered` has put into JSON."""
    return (
        [Finding(**each) for each in said.get("findings", ())],
        [Dropped(**each) for each in said.get("dropped", ())],
    )


def _said(steps: Iterable[Step], problem: str = "") -> dict[str, Any]:
    findings: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for step in steps:
        match step:
            case Found(finding):
                findings.append(dataclasses.asdict(finding))
            case NotKept(reason):
                dropped.append(dataclasses.asdict(reason))
            case _:
                pass
    return {"findings": findings, "dropped": dropped, **({"problem": problem} if problem else {})}
