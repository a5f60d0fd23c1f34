"""Findings of whole reviews, kept in the cache folder: the same text is not paid for twice.

One file for a review, named by everything that decides about what it says: the text, the lines,
the change, the instructions, the model, and the words and tools of this version.  What surrounds
the text is not part of that.  Any of the files may be deleted at any time, and what cannot be read
is as if it were not there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kibitz import paths
from kibitz.actions.desk import Desk
from kibitz.actions.task_text import prompt_text
from kibitz.actions.tools import REPORT_FINDINGS
from kibitz.actions.values import Found, NotKept, Order
from kibitz.errors import UserError
from kibitz.findings.values import Dropped, Finding

logger = logging.getLogger(__name__)

FORMAT = 1
# Older: a model that is called the same may have become another one.
MOST_DAYS = 30
MOST_FILES = 2_000


class FindingsMemory:
    """Implements `review_many.Memory` in `folder`.  Unless `recalls` it only keeps."""

    def __init__(self, folder: Path, desk: Desk, *, recalls: bool = True) -> None:
        self._folder = folder
        self._desk = desk
        self._recalls = recalls
        self._has_pruned = False

    def recall(self, order: Order, model: str) -> tuple[Found | NotKept, ...] | None:
        """See `Memory`."""
        if not self._recalls or not _can_be_kept(order):
            return None
        path = self._file(order, model)
        try:
            if path.stat().st_mtime < time.time() - MOST_DAYS * 86_400:
                return None
            data = json.loads(path.read_text("utf-8"))
            if data["format"] != FORMAT:
                return None
            return (
                *(Found(Finding(**each)) for each in data["findings"]),
                *(NotKept(Dropped(**each)) for each in data["dropped"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.info("kept findings cannot be read: %s", type(error).__name__)
            return None

    def keep(self, order: Order, model: str, steps: Sequence[Found | NotKept]) -> None:
        """See `Memory`.  What suggests to write a secret is not kept."""
        from kibitz_context.secrets import redact

        found = [step.finding for step in steps if isinstance(step, Found)]
        if not _can_be_kept(order) or any(redact(each.suggestion).secrets for each in found):
            return
        data = {
            "format": FORMAT,
            "findings": [dataclasses.asdict(each) for each in found],
            "dropped": [
                dataclasses.asdict(step.dropped) for step in steps if isinstance(step, NotKept)
            ],
        }
        try:
            paths.make_private(self._folder)
            self._write(self._file(order, model), data)
            self._prune()
        except (OSError, UserError) as error:
            logger.info("findings cannot be kept: %s", type(error).__name__)

    def _write(self, path: Path, data: dict[str, Any]) -> None:
        # Made for the user alone (0600), and put in place as a whole.
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=path.stem, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(data, file)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise

    def _prune(self) -> None:
        """Delete what is old, and the oldest of too many; once in a process."""
        if self._has_pruned:
            return
        self._has_pruned = True
        oldest = time.time() - MOST_DAYS * 86_400
        # Other processes may be at it as well.
        files: list[tuple[float, Path]] = []
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                files.append((path.stat().st_mtime, path))
        files.sort(reverse=True)
        for number, (written, path) in enumerate(files):
            if number >= MOST_FILES or written < oldest:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _file(self, order: Order, model: str) -> Path:
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
            *(prompt_text(name) for name in ("rules", "review", "changes")),
            REPORT_FINDINGS.description,
            REPORT_FINDINGS.input_schema,
        ]
        written = json.dumps(about, default=str).encode("utf-8", "surrogatepass")
        return self._folder / f"{hashlib.sha256(written).hexdigest()[:40]}.json"


def _can_be_kept(order: Order) -> bool:
    """Whether it is about a file; of what was never saved nothing is written down."""
    return order.document is not None and order.document.path is not None
