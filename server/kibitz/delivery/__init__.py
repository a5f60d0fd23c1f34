"""Edits of one region, delivered into the editor while they arrive, and verified.

The rules, each of which some client makes necessary:

- One edit of a document is in flight at a time, against the exact version last received.
- It counts as applied when the client has answered *and* its `didChange` shows it.
  "applied: true" alone proves nothing: one client says so and drops the edit, another says so
  before it applies.
- What did not arrive is placed anew and sent once more, and as often as the text has changed
  meanwhile; a client that refuses an edit of the text as it stands stops the job.
- Every other change is the user's.  `kibitz.edits.rebase` says what it means for the edits to
  come: they go round it, or their place is lost and nothing more is sent.
- A client that does not compare versions may put an edit over what was typed meanwhile.  That
  shows in its `didChange`: what it replaced is put back, and nothing more is sent.

`backlog` says what may go and `machine` sends it and waits; `flight` tells whose a change of the
text is; `standing` is what of ours stands in the document, and what a client put where it does
not belong.
"""

from __future__ import annotations

from kibitz.delivery.editor import Answer, Editor, Undo
from kibitz.delivery.machine import Conflict, Delivery

__all__ = ["Answer", "Conflict", "Delivery", "Editor", "Undo"]
