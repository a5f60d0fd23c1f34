"""What a review of a case was worth: the fault found or not, and what was said besides.

Pure.  A finding is right when its lines meet those of a fault, or lie right beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kibitz.evaluation.cases import Case
from kibitz.evaluation.figures import Share, each
from kibitz.findings.values import Finding

# Reviewers point at the `if` above a wrong condition or at the line below it.
BESIDE_LINES = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many findings were right, and how many were not."""

    n_right: int
    n_wrong: int


def verdict(case: Case, findings: Sequence[Finding]) -> Verdict:
    """The verdict on all findings of a review of `case`."""
    n_right = sum(_is_right(case, finding) for finding in findings)
    return Verdict(n_right, len(findings) - n_right)


def _is_right(case: Case, finding: Finding) -> bool:
    return any(
        finding.path == fault.path
        and finding.start_line <= fault.last + BESIDE_LINES
        and fault.first - BESIDE_LINES <= finding.end_line
        for fault in case.faults
    )


@dataclass(frozen=True)
class ReviewFigures:
    """What one configuration comes to.  `found` are faults, by kind in `by_kind`; `right` are
    findings; `alarms` are harmless changes with a finding.  `cost_usd` is None for an unknown
    price; `n_failed` reviews had no usable reply and count as if they had found nothing."""

    name: str
    found: Share
    by_kind: Mapping[str, Share]
    right: Share
    alarms: Share
    cost_usd: float | None
    n_failed: int

    @classmethod
    def of(cls, name: str, results: Sequence[Mapping[str, Any]]) -> ReviewFigures:
        """The figures of the results that `eval review` has kept."""
        faulty = [each for each in results if each["kind"] != "harmless"]
        harmless = [each for each in results if each["kind"] == "harmless"]
        costs = [each["cost_usd"] for each in results]
        n_right = sum(each["n_right"] for each in results)
        return cls(
            name,
            _found(faulty),
            {
                kind: _found([each for each in faulty if each["kind"] == kind])
                for kind in ("mutation", "fix")
            },
            Share(n_right, n_right + sum(each["n_wrong"] for each in results)),
            Share(sum(each["n_wrong"] > 0 for each in harmless), len(harmless)),
            None if None in costs else sum(costs),
            sum(bool(each["failed"]) for each in results),
        )

    @property
    def usd_per_fault(self) -> float | None:
        """What it costs to find one fault."""
        return each(self.cost_usd, self.found.part)

    def as_json(self) -> dict[str, Any]:
        return {
            "configuration": self.name,
            "recall": self.found.as_json(),
            "recall_by_kind": {kind: share.as_json() for kind, share in self.by_kind.items()},
            "precision": self.right.as_json(),
            "false_alarms": self.alarms.as_json(),
            "cost_usd": self.cost_usd,
            "usd_per_true_finding": self.usd_per_fault,
            "failed": self.n_failed,
        }


def _found(results: Sequence[Mapping[str, Any]]) -> Share:
    return Share(sum(each["n_right"] > 0 for each in results), len(results))
