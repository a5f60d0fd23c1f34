"""A finding's suggestion, as an edit of the text at hand.

Knows findings and edits of lines, nothing of editors.
"""

from __future__ import annotations

from collections.abc import Sequence

from kibitz.edits.check import Faults, checked
from kibitz.edits.fence import OuterFence, begins_with_fence
from kibitz.edits.hygiene import LineNormalizer
from kibitz.edits.values import LineEdit, Refusal
from kibitz.findings.anchor import collapse, first_line
from kibitz.findings.values import Finding
from kibitz_context.lines import dominant_ending, line_change_between


def why_not_offered(
    finding: Finding, lines: Sequence[str], path: str, faults: Faults
) -> str | None:
    """Why the suggestion of `finding` is not to be offered for `lines`; None where it is.

    It has to apply, and to leave the file `path` parsing no worse than it does.  Blocking, by the
    size of the text.
    """
    edit = edit_for(finding, lines)
    if isinstance(edit, Refusal):
        return "it does not fit the code"
    after = [*lines[: edit.start], *edit.lines, *lines[edit.end :]]
    if checked(path, "".join(lines), "".join(after), faults).parses is False:
        return "the code would not parse with it"
    return None


def edit_for(finding: Finding, lines: Sequence[str]) -> LineEdit | Refusal:
    """The edit of `lines`, the current text, that puts the suggestion in place.

    `finding` must have the lines where it is now (follow it with `track.Tracked`).  Indices of
    the edit count `lines` from 0; lines that the suggestion leaves as they are stay out of it.
    Refused when there is nothing to apply, or when the quoted line does not stand there.
    """
    if not finding.suggestion:
        return Refusal("This finding suggests no change.")
    start, end = finding.start_line - 1, finding.end_line
    if end > len(lines) or collapse(lines[start]) != collapse(first_line(finding.quote)):
        return Refusal("The code has changed since, so the suggestion no longer fits.")
    old = list(lines[start:end])
    fence = OuterFence(keep=begins_with_fence(old))
    normalizer = LineNormalizer(old, ending=dominant_ending(lines))
    text = fence.feed(finding.suggestion) + fence.finish()
    new = normalizer.feed(text) + normalizer.finish()
    change = line_change_between(old, new)
    if not change.removed and not change.added:
        return Refusal("The code already is as the finding suggests.")
    first = start + change.first
    kept = new[change.first : change.first + change.added]
    return LineEdit(first, first + change.removed, tuple(kept))
