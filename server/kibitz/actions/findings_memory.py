"""Findings of whole reviews, kept in the cache folder: the same text is not paid for twice.

One file for a review, named by everything that decides about what it says: the text, the lines,
the change, the instructions, the model, and the words and tools of this version.  What surrounds
the text is not part of that.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from pathlib import Path

from kibitz.actions.desk import Desk
from kibitz.actions.task_text import prompt_text
from kibitz.actions.tools import REPORT_FINDINGS
from kibitz.actions.values import Found, NotKept, Order
from kibitz.actions.whole_review import Known
from kibitz.findings.values import Dropped, Finding
from kibitz.kept_files import KeptFiles

logger = logging.getLogger(__name__)

FORMAT = 2


class FindingsMemory:
    """Implements `whole_review.Memory` in `folder`.  Unless `recalls` it only keeps."""

    def __init__(self, folder: Path, desk: Desk, *, recalls: bool = True) -> None:
        self._files = KeptFiles(folder)
        self._desk = desk
        self._recalls = recalls

    def recall(self, order: Order, model: str) -> Known | None:
        """See `Memory`."""
        if not self._recalls or not _can_be_kept(order):
            return None
        data = self._files.read(self._name(order, model))
        try:
            if data is None or data["format"] != FORMAT:
                return None
            steps: tuple[Found | NotKept, ...] = (
                *(Found(Finding(**each)) for each in data["findings"]),
                *(NotKept(Dropped(**each)) for each in data["dropped"]),
            )
            return Known(steps, data["verified"] is True)
        except (ValueError, KeyError, TypeError) as error:
            logger.info("kept findings cannot be read: %s", type(error).__name__)
            return None

    def keep(self, order: Order, model: str, known: Known) -> None:
        """See `Memory`.  What suggests to write a secret is not kept."""
        from kibitz_context.gate.secrets import redact

        found = [step.finding for step in known.steps if isinstance(step, Found)]
        if not _can_be_kept(order) or any(redact(each.suggestion).secrets for each in found):
            return
        dropped = [step.dropped for step in known.steps if isinstance(step, NotKept)]
        data = {
            "format": FORMAT,
            "verified": known.is_verified,
            "findings": [dataclasses.asdict(each) for each in found],
            "dropped": [dataclasses.asdict(each) for each in dropped],
        }
        self._files.write(self._name(order, model), data)

    def _name(self, order: Order, model: str) -> str:
        assert order.document is not None
        settings = self._desk.settings_in(order.root)
        tier = order.tier or settings.route.get(order.action, "standard")
        about = [
            FORMAT,
            str(order.document.path),
            order.document.text,
            None if order.span is None else [order.span.start, order.span.end],
            None if order.hunks is None else dataclasses.asdict(order.hunks),
            order.instruction,
            settings.review.instructions,
            settings.review.min_severity,
            tier,
            model,
            str(order.max_tokens),
            *(prompt_text(name) for name in ("rules", "review", "changes", "verify")),
            REPORT_FINDINGS.description,
            REPORT_FINDINGS.input_schema,
        ]
        written = json.dumps(about, default=str).encode("utf-8", "surrogatepass")
        return hashlib.sha256(written).hexdigest()[:40]


def _can_be_kept(order: Order) -> bool:
    """Whether it is about a file; of what was never saved nothing is written down."""
    return order.document is not None and order.document.path is not None
