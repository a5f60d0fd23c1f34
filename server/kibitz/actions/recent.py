"""Recent edits as they stand in a prompt: a diff of each, in the order in which they were made.

Both versions of a file pass the gate, secrets replaced, before they are compared, so that no diff
shows half of a secret.  The same edits give the same bytes, whatever comes after them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kibitz.actions.task_text import tagged
from kibitz.completion.recent import RecentEdit
from kibitz_context.layers.diffs import unified_diff
from kibitz_context.values import Refused

if TYPE_CHECKING:
    from kibitz_context.gate.gate import Gate

# Of a longer diff the first lines say enough.
MOST_DIFF_CHARACTERS = 800

_BREAKS = re.compile(r"\r\n|\r")


def recent_edits(edits: Sequence[RecentEdit], gate: Gate) -> tuple[str, ...]:
    """What may be told of `edits`, a text of each.  Runs git: not for the event loop."""
    reasons = {edit.path: gate.refusal(edit.path) for edit in edits}
    shown = (_shown(edit, gate) for edit in edits if reasons[edit.path] is None)
    return tuple(text for text in shown if text)


def _shown(edit: RecentEdit, gate: Gate) -> str:
    path = gate.relative(edit.path)
    texts = [gate.admit(None, text) for text in (edit.before, edit.after)]
    before, after = (
        None if isinstance(text, Refused) else _BREAKS.sub("\n", text.text) for text in texts
    )
    if path is None or before is None or after is None:
        return ""
    diff = unified_diff(before, after)
    if len(diff) > MOST_DIFF_CHARACTERS:
        diff = diff[: diff.rfind("\n", 0, MOST_DIFF_CHARACTERS) + 1]
    return tagged("recent-edit", diff, path=path) if diff else ""
