"""One reply to a review, read as it comes: findings with their place in the text, or why not.

The same for a reply that streams and for one that a batch brings hours later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from kibitz.actions.values import Found, NotKept, Step
from kibitz.claude.values import Event, TextDelta, ToolCall, ToolInputDelta
from kibitz.edits.secrets import restore
from kibitz.errors import UserError
from kibitz.findings.anchor import QuoteIndex
from kibitz.findings.parse import FindingsReader, from_text
from kibitz.findings.values import SEVERITIES, Dropped, Finding, Severity


class FindingsReply:
    """Reads the events of one reply about the file `path`, relative to the root.

    `lines` are the text that was sent, with the placeholders of its `secrets`; a finding that is
    less severe than `min_severity` is left out, and one that has none of the lines `changed`
    (``[start, end)``, from 0; None: all) is not kept.
    """

    def __init__(
        self,
        path: str,
        lines: Sequence[str],
        secrets: Sequence[tuple[str, str]],
        min_severity: Severity,
        changed: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        self._path = path
        self._secrets = tuple(secrets)
        self._limit = SEVERITIES.index(min_severity)
        self._changed = changed
        self._reader = FindingsReader(path)
        self._quotes = QuoteIndex(lines)
        self._prose: list[str] = []
        self._called = False

    def read(self, event: Event) -> list[Step]:
        """What an event completes: `Found` and `NotKept`."""
        match event:
            case ToolInputDelta(name="report_findings", partial_json=piece):
                self._called = True
                return self._judged(self._reader.feed(piece))
            case TextDelta(text):
                self._prose.append(text)
            case ToolCall(name="report_findings"):
                return self._judged(self._reader.finish())
            case _:
                pass
        return []

    def end(self) -> list[Step]:
        """What the whole reply said besides.  Raises UserError when it held no findings at all."""
        if self._called:
            return []
        results = from_text("".join(self._prose), self._path)
        if results is None:
            raise UserError(
                "Claude's reply held no findings that could be read; run the review again.",
                exit_code=3,
            )
        return self._judged(results)

    def _judged(self, results: Iterable[Finding | Dropped]) -> list[Step]:
        """Findings with their place in the text; those without one are told as not kept."""
        steps: list[Step] = []
        for result in results:
            placed = self._placed(result) if isinstance(result, Finding) else result
            if isinstance(placed, Dropped):
                steps.append(NotKept(placed))
            elif SEVERITIES.index(placed.severity) <= self._limit:
                suggestion = restore(placed.suggestion, self._secrets)
                steps.append(Found(dataclasses.replace(placed, suggestion=suggestion)))
        return steps

    def _placed(self, finding: Finding) -> Finding | Dropped:
        if finding.path != self._path:
            return Dropped("unknown_file", finding.title, finding.path)
        placed = self._quotes.anchor(finding)
        if self._changed is None or isinstance(placed, Dropped):
            return placed
        first, end = placed.start_line - 1, placed.end_line
        if any(start < end and first < stop for start, stop in self._changed):
            return placed
        return Dropped("unchanged_lines", placed.title, f"line {placed.start_line}")
