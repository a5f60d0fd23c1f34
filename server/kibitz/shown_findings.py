"""The findings that a file showed last, kept in the cache folder: an editor that is opened again
shows them where the file is as it was.

A file's text is known by its hash alone.  Of the code there is what the findings say of it: the
quoted line and the suggestion.  Showing them sends nothing, so nobody's trust is asked for.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kibitz.findings.track import Tracked
from kibitz.findings.values import Finding
from kibitz.kept_files import KeptFiles

logger = logging.getLogger(__name__)

FORMAT = 1
# Of one file; more is a list that nobody goes through.
MOST_FINDINGS = 500


class ShownFindings:
    """What was shown of each file, in `folder`.  Both methods read or write files: not for the
    event loop."""

    def __init__(self, folder: Path) -> None:
        self._files = KeptFiles(folder)

    def keep(self, path: Path, text: str, findings: Sequence[Tracked[Finding]]) -> None:
        """The file at `path`, with this text, shows `findings`; what was kept of it goes."""
        if not findings:
            self._files.remove(_name(path))
            return
        self._files.write(
            _name(path),
            {
                "format": FORMAT,
                "text": _hash(text),
                "findings": [
                    {"start": kept.start, "end": kept.end, "finding": _written(kept.value)}
                    for kept in findings[:MOST_FINDINGS]
                ],
            },
        )

    def recall(self, path: Path, text: str) -> list[Tracked[Finding]]:
        """What the file at `path` showed when it had this very text; empty where that is not
        known."""
        data = self._files.read(_name(path))
        try:
            if data is None or data["format"] != FORMAT or data["text"] != _hash(text):
                return []
            return [
                Tracked(Finding(**each["finding"]), int(each["start"]), int(each["end"]))
                for each in data["findings"]
            ]
        except (ValueError, KeyError, TypeError) as error:
            logger.info("shown findings cannot be read: %s", type(error).__name__)
            return []


def _written(finding: Finding) -> dict[str, Any]:
    """`finding` as it may be written down: what suggests a secret is kept without doing so."""
    from kibitz_context.gate.secrets import redact

    if redact(finding.suggestion).secrets:
        finding = dataclasses.replace(finding, suggestion="")
    return dataclasses.asdict(finding)


def _name(path: Path) -> str:
    real = os.path.realpath(path)
    return hashlib.sha256(real.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
