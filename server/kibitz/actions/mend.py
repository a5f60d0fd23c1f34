"""An edit once more: what the user's check says of it goes to Claude, which may mend it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from kibitz.actions.change_files import FilesTask, files_changed
from kibitz.actions.desk import Desk
from kibitz.actions.fallback import Action, falls_back
from kibitz.actions.task_text import prompt_text, tagged
from kibitz.actions.values import Order, Step
from kibitz_context.document import Document
from kibitz_context.lines import Span


def mending(
    order: Order,
    failure: str,
    document: Document,
    span: Span | None,
    overlays: Mapping[Path, str],
) -> Order:
    """The order to mend what `order` has led to: `document` is what it has become, `span` the
    region in it, and `failure` what the check has said."""
    done = tagged("done", order.instruction) if order.instruction.strip() else ""
    return replace(
        order,
        document=document,
        span=span,
        overlays=overlays,
        instruction="\n".join(part for part in (prompt_text("mend"), done) if part),
        diagnostics=(failure,),
    )


def mend_files(*, keeps_document: bool) -> Action:
    """As `change_files`; with `keeps_document` the order's own document is not to be changed."""

    @falls_back
    async def carried_out(order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
        steps = files_changed(
            order,
            desk,
            lambda brief, _: FilesTask(
                brief.order.instruction,
                untouched=frozenset({brief.path}) if keeps_document else frozenset(),
            ),
        )
        async with aclosing(steps) as following:
            async for step in following:
                yield step

    return carried_out
