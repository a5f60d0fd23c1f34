"""What of the reply has come and was not sent yet, and how much of it may go.

An edit is to mean something, as it may be an undo step: it is of whole hunks.  Of a hunk that is
still coming a part goes when there is enough of it, or when nothing has been shown yet.

Pure: it says what may go now and what may go after some patience; who calls has the clock.
"""

from __future__ import annotations

from collections.abc import Sequence

from kibitz.edits.values import LineEdit


class Backlog:
    """Edits of a region in order; of an unfinished hunk at least `held_lines` lines wait."""

    def __init__(self, held_lines: int) -> None:
        self._held_lines = held_lines
        self._edits: list[LineEdit] = []
        self._in_hunk = False  # more of the last hunk may follow
        self._cut_at: int | None = None  # where it goes on, when its first lines were sent
        self._has_sent = False

    def __bool__(self) -> bool:
        return bool(self._edits)

    @property
    def all(self) -> Sequence[LineEdit]:
        """Everything that waits."""
        return self._edits

    def add(self, edits: Sequence[LineEdit], *, in_hunk: bool) -> None:
        """Take `edits` behind those before; `in_hunk` as `StreamingDiff.in_hunk`."""
        self._edits += edits
        self._in_hunk = in_hunk

    def put_back(self, batch: Sequence[LineEdit]) -> None:
        """What was taken was not written after all."""
        self._edits[:0] = batch

    def close(self) -> None:
        """No more will come: the last hunk is finished."""
        self._in_hunk = False

    def clear(self) -> None:
        self._edits.clear()

    def take(self, *, was_patient: bool) -> list[LineEdit]:
        """What may go now, slices of one hunk joined; nothing when all of it has to wait.

        `was_patient`: as much time has passed as one may let the user wait for the first line.
        """
        count = len(self._edits)
        if self._in_hunk:
            count = self._last_hunk()
            if not count and self._may_cut(was_patient=was_patient):
                count = len(self._edits)
        batch, self._edits = _slices_joined(self._edits[:count]), self._edits[count:]
        if batch:
            self._has_sent = True
            self._cut_at = batch[-1].end if self._in_hunk and not self._edits else None
        return batch

    def _last_hunk(self) -> int:
        """Where the edits of the hunk that is still coming begin."""
        at = len(self._edits)
        while at and (at == len(self._edits) or self._edits[at - 1].end == self._edits[at].start):
            at -= 1
        return at

    def _may_cut(self, *, was_patient: bool) -> bool:
        if not self._edits:
            return False
        lines = sum(len(edit.lines) for edit in self._edits)
        is_enough = lines > self._held_lines or not self._has_sent
        return is_enough and (was_patient or self._edits[0].start == self._cut_at)


def _slices_joined(edits: Sequence[LineEdit]) -> list[LineEdit]:
    """`edits` with what is inserted at one place as one; what is replaced stays apart, so that
    each edit can find its own way round what the user has typed."""
    joined: list[LineEdit] = []
    lines: list[str] = []
    for number, edit in enumerate(edits):
        lines += edit.lines
        if number + 1 < len(edits) and edit.start == edit.end == edits[number + 1].start:
            continue
        joined.append(LineEdit(edit.start, edit.end, tuple(lines)))
        lines = []
    return joined
