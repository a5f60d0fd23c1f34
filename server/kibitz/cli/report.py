"""Findings as a command shows them: text for people, JSON for programs, and the closing line."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from kibitz.actions.values import NotOffered, Unverified, Verified
from kibitz.actions.whole_review import refuted
from kibitz.bill import dollars
from kibitz.claude.values import Usage
from kibitz.findings.fingerprint import fingerprint
from kibitz.findings.values import SEVERITIES, Dropped, DropReason, Finding, Severity
from kibitz.plain_text import one_line, visible
from kibitz_context.lines import without_ending

_WHY_DROPPED: dict[DropReason, str] = {
    "malformed": "malformed",
    "unknown_file": "about another file",
    "quote_not_found": "quote not found",
    "duplicate": "reported twice",
    "unchanged_lines": "on unchanged lines",
    "refuted": "refuted",
    "dismissed": "dismissed before",
}
_SEVERITY_STYLE: dict[Severity, str] = {
    "error": "bold red",
    "warning": "yellow",
    "info": "cyan",
    "hint": "dim",
}
INDENT = "    "
# Of a finding about a whole function its beginning says which one it is.
MOST_EXCERPT_LINES = 6
MOST_EXCERPT_COLUMNS = 160


@dataclass
class Report:
    """What a review has found so far.

    `texts` are the lines of the files with findings, secrets replaced, and `shown` how the user
    calls them, both by the path that findings have.  `n_from_cache` reviews were not asked for.
    `n_verified` findings were checked, and that has cost `verify_usd` (None: unknown); `unverified`
    are those that should have been, with the reason.  `not_offered` are suggestions that were left
    out of findings.
    """

    findings: list[Finding] = field(default_factory=list[Finding])
    dropped: list[Dropped] = field(default_factory=list[Dropped])
    failures: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    texts: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    shown: dict[str, str] = field(default_factory=dict[str, str])
    n_from_cache: int = 0
    not_offered: list[NotOffered] = field(default_factory=list[NotOffered])
    n_verified: int = 0
    verify_usd: float | None = 0.0
    unverified: list[tuple[Finding, str]] = field(default_factory=list[tuple[Finding, str]])

    def dismiss(self, fingerprints: Set[str]) -> None:
        """Drop the findings that the user does not want to see again."""
        kept: list[Finding] = []
        for each in self.findings:
            if fingerprint(each, self.texts.get(each.path, ())) in fingerprints:
                self.dropped.append(Dropped("dismissed", each.title, f"line {each.start_line}"))
            else:
                kept.append(each)
        self.findings = kept

    def verified(self, step: Verified) -> None:
        """Findings were checked; those that do not stand are dropped."""
        self.n_verified += len(step.standing) + len(step.refuted)
        self._spent_on_verifying(step.cost_usd)
        self.dropped += [refuted(finding, reason) for finding, reason in step.refuted]

    def not_verified(self, step: Unverified) -> None:
        """Findings could not be checked, and are kept."""
        self.unverified += [(finding, step.why) for finding in step.findings]
        self._spent_on_verifying(step.cost_usd)

    def _spent_on_verifying(self, cost_usd: float | None) -> None:
        known = self.verify_usd is not None and cost_usd is not None
        self.verify_usd = (self.verify_usd or 0.0) + (cost_usd or 0.0) if known else None

    def reaches(self, severity: Severity) -> bool:
        """Whether a finding is at or above `severity`."""
        limit = SEVERITIES.index(severity)
        return any(SEVERITIES.index(each.severity) <= limit for each in self.findings)

    def closing_line(self) -> str:
        """How many findings there are, how many were dropped, and what was not reviewed."""
        counts = Counter(finding.severity for finding in self.findings)
        n_findings = len(self.findings)
        line = {0: "no findings", 1: "1 finding"}.get(n_findings, f"{n_findings} findings")
        if counts:
            by_severity = (f"{counts[each]} {each}" for each in SEVERITIES if counts[each])
            line += f" ({', '.join(by_severity)})"
        if self.dropped:
            why = Counter(_WHY_DROPPED[each.reason] for each in self.dropped)
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(why.items()))
            line += f", {len(self.dropped)} dropped ({reasons})"
        if self.not_offered:
            n_left_out = len(self.not_offered)
            line += f", {n_left_out} suggestion{'' if n_left_out == 1 else 's'} left out"
        if self.n_from_cache:
            line += f", {self.n_from_cache} from cache"
        if self.n_verified:
            cost = "" if self.verify_usd is None else f" for {dollars(self.verify_usd)}"
            line += f"; {self.n_verified} checked{cost}"
        if self.unverified:
            line += f"; {len(self.unverified)} not checked"
        if self.failures:
            n_failed = len(self.failures)
            line += f"; {n_failed} file{'' if n_failed == 1 else 's'} not reviewed to the end"
        return line

    def as_json(self, usage: Usage, cost_usd: float | None) -> str:
        """The document of ``--format json``; docs/command-line.md describes it."""
        document: dict[str, Any] = {
            "findings": [
                {
                    **dataclasses.asdict(finding),
                    "fingerprint": fingerprint(finding, self.texts.get(finding.path, ())),
                }
                for finding in self.findings
            ],
            "dropped": [dataclasses.asdict(dropped) for dropped in self.dropped],
            "suggestions_left_out": [
                {"title": each.title, "reason": each.why} for each in self.not_offered
            ],
            "failed": [{"path": path, "reason": reason} for path, reason in self.failures],
            "from_cache": self.n_from_cache,
            "verification": {
                "checked": self.n_verified,
                "unchecked": len(self.unverified),
                "cost_usd": None if self.verify_usd is None else round(self.verify_usd, 6),
            },
            "usage": {
                "input_tokens": usage.input_tokens,
                "cache_read_tokens": usage.cache_read_tokens,
                "cache_write_tokens": usage.cache_write_tokens,
                "output_tokens": usage.output_tokens,
                "cost_usd": None if cost_usd is None else round(cost_usd, 6),
            },
        }
        # ASCII only: what a terminal or a log makes of it cannot differ from what it says.
        return json.dumps(document, indent=2) + "\n"


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The findings of a file, the worst first; equally bad ones from its top to its end."""
    return sorted(
        findings,
        key=lambda each: (
            SEVERITIES.index(each.severity),
            each.start_line,
            each.end_line,
            each.title,
            each.message,
        ),
    )


@dataclass(frozen=True, slots=True)
class Styled:
    """A piece of a line and how it may look; "" is plain.  Code has the file in `code_of`."""

    text: str
    style: str = ""
    code_of: str = ""


def finding_lines(finding: Finding, path: str, source: Sequence[str] = ()) -> list[list[Styled]]:
    """A finding as lines: what compilers print, then the lines of `source` that it is about, the
    message and the suggestion, indented.

    `path` is the file's as the user wrote it, so that terminals and editors find it from there.
    """
    place = f"{path}:{finding.start_line}"
    if finding.end_line > finding.start_line:
        place += f"-{finding.end_line}"
    head = [
        Styled(place, "bold"),
        Styled(": "),
        Styled(finding.severity, _SEVERITY_STYLE[finding.severity]),
        Styled(f": {one_line(finding.title)}"),
    ]
    if finding.category:
        head.append(Styled(f" [{one_line(finding.category, 40)}]", "dim"))
    lines = [head, *_excerpt(finding, path, source)]
    lines += [[Styled(INDENT + line)] for line in visible(finding.message).strip().splitlines()]
    if finding.suggestion:
        lines.append([Styled(f"{INDENT}suggestion:", "dim")])
        lines += [
            [Styled(f"{INDENT}  {line}", "green")]
            for line in visible(finding.suggestion).rstrip("\n").split("\n")
        ]
    return lines


def _excerpt(finding: Finding, path: str, source: Sequence[str]) -> Iterator[list[Styled]]:
    """The lines of the finding with one above and one below, those that it is about marked."""
    if finding.start_line > len(source):
        return
    last = min(finding.end_line, finding.start_line + MOST_EXCERPT_LINES - 1, len(source))
    first_shown, last_shown = max(finding.start_line - 1, 1), min(last + 1, len(source))
    width = len(str(last_shown))
    for number in range(first_shown, last_shown + 1):
        is_meant = finding.start_line <= number <= last
        code = visible(without_ending(source[number - 1])).expandtabs(4)[:MOST_EXCERPT_COLUMNS]
        mark = ">" if is_meant else " "
        yield [
            Styled(f"  {mark} {number:>{width}} | ", "bold" if is_meant else "dim"),
            Styled(code, "" if is_meant else "dim", code_of=path),
        ]
    if last < finding.end_line:
        yield [Styled(f"    {'…':>{width}} |", "dim")]


def plain(lines: Sequence[Sequence[Styled]]) -> str:
    """Lines without their styles."""
    return "".join("".join(piece.text for piece in line).rstrip() + "\n" for line in lines)
