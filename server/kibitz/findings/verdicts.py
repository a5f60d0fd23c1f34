"""What a second look has come to: which findings stand, and which were refuted and why.

The reply is written by a model that has read a repository of unknown origin.  A finding is only
given up for a plain word and a reason; whatever else is said of it, it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from kibitz.findings.element import one_line

OPENING_TAG: Final = "<verdicts>"
CLOSING_TAG: Final = "</verdicts>"
REASON_MAX_CHARS: Final = 400

_LINE = re.compile(
    r"[\s>*#.\-]*(\d{1,4})[\s.:)*\-]+(stands|refuted)\b[\s:.*\u2013\u2014-]*(.*)", re.I
)


def read_verdicts(text: str, n_findings: int) -> Mapping[int, str] | None:
    """The reasons why findings do not stand, by their numbers from 1.

    None when `text` says nothing of any finding: such a reply is no check.  Lines about other
    numbers are skipped, and a finding of which both is said stands.
    """
    start = text.rfind(OPENING_TAG)
    if start < 0:
        return None
    body = text[start + len(OPENING_TAG) :].partition(CLOSING_TAG)[0]
    refuted: dict[int, str] = {}
    standing: set[int] = set()
    for line in body.splitlines():
        found = _LINE.fullmatch(line.strip())
        number = int(found[1]) if found else 0
        if found is None or not 1 <= number <= n_findings:
            continue
        reason = one_line(found[3], REASON_MAX_CHARS)
        if found[2].lower() == "refuted" and reason:
            refuted.setdefault(number, reason)
        else:
            standing.add(number)
    if not refuted and not standing:
        return None
    return {number: reason for number, reason in refuted.items() if number not in standing}
