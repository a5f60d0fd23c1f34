"""What the live demo will cost at most, worked out before anything is sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from kibitz.actions import answer, refactor, review
from kibitz.actions.desk import Desk
from kibitz.actions.values import Order
from kibitz.backend import Backend
from kibitz.claude.models import catalogue
from kibitz.claude.prompts.estimate import worst_usage
from kibitz.claude.values import (
    ClaudeFailure,
    Event,
    FailureKind,
    ModelFacts,
    Prompt,
    Purpose,
    Usage,
)
from kibitz.demo import acts
from kibitz.demo.sample import Region, Sample
from kibitz.errors import UserError
from kibitz.settings import load
from kibitz_context.document import Document
from kibitz_context.lines import LineTable, Span

_HOPELESS: frozenset[FailureKind] = frozenset(
    {"no_credentials", "wrong_credentials", "no_credit", "network", "timeout"}
)


@dataclass(frozen=True, slots=True)
class Offer:
    """`worst_usd` is None where the price of a model is not known."""

    models: tuple[str, ...]
    worst_usd: float | None


async def offer(
    sample: Sample, command_line: Mapping[str, str], environ: Mapping[str, str]
) -> Offer:
    """What the three requests about the sample would cost at most.

    Raises ClaudeFailure or UserError when Claude cannot be asked: no credentials, a provider
    that is not Claude.  Only the list of models is asked for, which costs nothing.
    """
    settings = load(None, None, command_line, environ).settings
    if settings.provider == "standin":
        raise UserError(
            'Your settings say `provider = "standin"`, so nobody could be asked; run the demo '
            "with `--set provider=anthropic`, or without `--live`."
        )
    await _check(Backend(settings, environ))
    prompts = await _prompts(sample, Desk(_NeverAsked(), lambda _: settings))
    worst = [catalogue.cost_usd(prompt.model, worst_usage(prompt)) for prompt in prompts]
    known = [min(cost, settings.budget.request_usd) for cost in worst if cost is not None]
    models = tuple(dict.fromkeys(prompt.model for prompt in prompts))
    return Offer(models, sum(known) if len(known) == len(worst) else None)


async def _check(backend: Backend) -> None:
    try:
        await backend.models()
    except ClaudeFailure as failure:
        # Some gateways have no list of models; whether they answer shows the first request.
        if failure.kind in _HOPELESS:
            raise
    finally:
        await backend.aclose()


class _Written(Exception):
    """A prompt is ready to be sent."""

    def __init__(self, prompt: Prompt) -> None:
        super().__init__()
        self.prompt = prompt


class _NeverAsked:
    """Implements `Claude` for prompts that are only to be looked at."""

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:  # noqa: ARG002
        for event in list[Event]():  # makes it a generator
            yield event
        raise _Written(prompt)

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:  # noqa: ARG002
        return Usage()

    async def count_tokens(self, prompt: Prompt) -> int | None:  # noqa: ARG002
        return None

    async def models(self) -> tuple[ModelFacts, ...]:
        return ()

    async def aclose(self) -> None:
        """There is nothing to close."""


async def _prompts(sample: Sample, desk: Desk) -> list[Prompt]:
    """The prompts of the three acts, exactly as the server will send them."""
    explained = _document(sample.path(acts.EXPLAINED_FILE))
    reviewed = _document(sample.path(acts.REVIEWED_FILE))
    where = acts.explained_region(explained.text)
    changed = acts.refactored_region(reviewed.text)
    actions = (
        answer.explain(_order("explain", sample, explained, where), desk),
        review.review(_order("review", sample, reviewed, None), desk),
        refactor.refactor(_order("refactor", sample, reviewed, changed, acts.INSTRUCTION), desk),
    )
    prompts = []
    for action in actions:
        try:
            async with aclosing(action) as steps:
                async for _ in steps:
                    pass
        except _Written as written:
            prompts.append(written.prompt)
    return prompts


def _document(path: Path) -> Document:
    text = path.read_bytes().decode("utf-8")
    return Document(path.as_uri(), path, text, 1, "python", LineTable(text))


def _order(
    action: str, sample: Sample, document: Document, where: Region | None, instruction: str = ""
) -> Order:
    starts = document.lines.starts
    span = None if where is None else Span(starts[where.first], starts[where.end])
    return Order(action, sample.root, document, span, instruction)
