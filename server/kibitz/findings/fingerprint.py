"""The identity of a finding across runs, for findings that the user has dismissed.

Knows what stays the same when a review is made again, nothing of where identities are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from kibitz.findings.anchor import collapse, first_line
from kibitz.findings.values import Finding


def fingerprint(finding: Finding, lines: Sequence[str] = ()) -> str:
    """32 hexadecimal digits that stay the same while the code does.

    Made of path, category, the quoted line with blanks collapsed, and which of the equal lines
    of `lines` (the text that the finding is anchored in) it is.  Line numbers are not in it, so
    code may move; nor are title and message, which are worded anew by every run.  Hence two
    findings of one category in one line are one: to dismiss the one is to dismiss the other.
    """
    quote = collapse(first_line(finding.quote))
    above = lines[: finding.start_line - 1]
    occurrence = sum(collapse(line) == quote for line in above)
    parts = [finding.path, finding.category.lower(), quote, str(occurrence)]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
