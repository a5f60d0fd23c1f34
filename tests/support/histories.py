"""Histories that no repository has: sets of files that were changed together, and what was said."""

from __future__ import annotations

from kibitz_context.indexing.history import History, PastCommit, message_words


def commits(*changed: tuple[str, ...], messages: tuple[str, ...] = ()) -> History:
    """A history of these sets of files, the newest first."""
    said = (*messages, *[""] * len(changed))
    return History(
        "head",
        tuple(
            PastCommit(str(place), tuple(sorted(paths)), message_words(said[place]))
            for place, paths in enumerate(changed)
        ),
    )
