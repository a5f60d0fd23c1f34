r"""Where the passages of an edit stand in a file, and what the file becomes.

Every passage must stand there exactly once, and no two may overlap: else nothing is changed, and
the reason says enough to mend it.  Lines that an edit repeats are not touched; the others end as
the file's lines do, and the file ends as it did.

Works on the text that was shown, with placeholders in the place of secrets: offsets are those of
the file itself, and no reason can quote a secret.
"""

from __future__ import annotations

import difflib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from kibitz.edits.file_edits import Passage
from kibitz.edits.secrets import restore
from kibitz.edits.splices import Splice, refined
from kibitz.edits.values import LineEdit, Refusal
from kibitz_context.lines import (
    LineTable,
    Span,
    dominant_ending,
    is_telling,
    line_ending,
    split_lines,
    without_ending,
)

_BYTE_ORDER_MARK = "\ufeff"

# How much of a file is told where a passage is not found, and how many places are named.
_MOST_QUOTED_LINES: Final = 12
_MOST_QUOTED_CHARACTERS: Final = 200
_MOST_PLACES: Final = 8
# How many lines are looked at for one that is like a passage's; more would block.
_MOST_COMPARED_LINES: Final = 5_000


@dataclass(frozen=True, slots=True)
class Replacement:
    """A span of the file (offsets in code points) becomes `text`."""

    span: Span
    text: str


def replacements(
    shown: str, passages: Sequence[Passage], placeholders: Sequence[str] = ()
) -> list[Replacement] | Refusal:
    """What `passages` change in the text `shown`, from top to bottom, none over another.

    `placeholders` are those that stand in the text.  Nothing at all is changed where one of the
    passages cannot be: the sentence is for whoever wrote them.
    """
    text = _Text(shown)
    found: list[tuple[int, Span, str]] = []
    for number, passage in enumerate(passages, 1):
        if not shown and not passage.old_text:
            place = Span(0, 0)
        else:
            looked = _place(text, passage, placeholders, number)
            if isinstance(looked, Refusal):
                return looked
            place = looked
        found.append((number, place, passage.new_text))
    found.sort(key=lambda each: (each[1].start, each[1].end))
    for (this, before, _), (that, after, _) in pairwise(found):
        if after.start < before.end or before == after:
            first, second = sorted((this, that))
            return Refusal(f"Edits {first} and {second} overlap; make them one edit.")
    for number, place, _ in found:
        if _cuts(shown, place, placeholders):
            return Refusal(f"The old_text of edit {number} ends within a placeholder.")
    changes = [part for _, place, new_text in found for part in text.refined(place, new_text)]
    if _joins_line_ends(shown, changes):
        return Refusal("The file ends its lines in several ways here; give whole lines.")
    return changes


def applied(text: str, changes: Sequence[Replacement]) -> str:
    """`text` with `changes`, which are in order and do not overlap."""
    parts: list[str] = []
    done = 0
    for change in changes:
        if not done <= change.span.start <= change.span.end <= len(text):
            raise ValueError(f"a replacement at {change.span} is out of order or out of range")
        parts += text[done : change.span.start], change.text
        done = change.span.end
    return "".join([*parts, text[done:]])


def restored(
    changes: Sequence[Replacement], secrets: Sequence[tuple[str, str]]
) -> list[Replacement]:
    """`changes` with the secrets back in the place of their placeholders."""
    return [Replacement(change.span, restore(change.text, secrets)) for change in changes]


def line_edits(text: str, changes: Sequence[Replacement]) -> list[LineEdit]:
    """`changes` of `text` as edits of its whole lines, in order; those of one line are one."""
    table = LineTable(text)
    groups: list[tuple[int, int, list[Replacement]]] = []
    for change in changes:
        first = min(table.line_at(change.span.start), len(table.lines))
        stop = table.line_at(change.span.end)
        if change.span.end > table.starts[stop] or change.span.start > table.starts[first]:
            stop += 1
        elif change.text and not line_ending(change.text):
            stop += 1  # it runs into the line that it stands in front of
        stop = min(max(stop, first), len(table.lines))
        if groups and first < groups[-1][1]:
            above = groups.pop()
            groups.append((above[0], max(above[1], stop), [*above[2], change]))
        else:
            groups.append((first, stop, [change]))
    edits: list[LineEdit] = []
    for first, stop, group in groups:
        begin = table.starts[first] if first < table.line_count else len(text)
        end = table.starts[stop] if stop < table.line_count else len(text)
        moved = [
            Replacement(Span(each.span.start - begin, each.span.end - begin), each.text)
            for each in group
        ]
        edits.append(LineEdit(first, stop, tuple(split_lines(applied(text[begin:end], moved)))))
    return edits


class _Text:
    r"""A text whose lines all end with ``\n`` for the search, with the way back."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.lines = split_lines(shown)
        plain = [_plain(line) for line in self.lines]
        self.plain = "".join(plain)
        self._starts = [0, *accumulate(map(len, self.lines))]
        self._plain_starts = [0, *accumulate(map(len, plain))]
        self._ending = dominant_ending(self.lines)
        self.is_open = bool(self.lines) and not line_ending(self.lines[-1])

    def line_at(self, offset: int) -> int:
        """The line of an offset of `plain`, counted from 0."""
        return min(bisect_right(self._plain_starts, offset) - 1, max(len(self.lines) - 1, 0))

    def span(self, start: int, end: int) -> Span:
        """The span of the text that the offsets of `plain` mean."""
        return Span(self._offset(start), self._offset(end))

    def _offset(self, offset: int) -> int:
        if offset >= len(self.plain):
            return len(self.shown)
        line = bisect_right(self._plain_starts, offset) - 1
        return self._starts[line] + offset - self._plain_starts[line]

    def refined(self, place: Span, new_text: str) -> list[Replacement]:
        """The parts of `place` that become something else."""
        old = split_lines(self.shown[place.start : place.end])
        new = split_lines(self._fitted(place, new_text))
        # The comparison does not see where lines end, so that a piece of a line is kept apart.
        old_piece = old.pop() if old and not line_ending(old[-1]) else ""
        new_piece = new.pop() if new and not line_ending(new[-1]) else ""
        starts = list(accumulate(map(len, old), initial=place.start))
        parts: list[Replacement] = []
        moved = 0
        for splice in refined(Splice(0, tuple(old), tuple(new))):
            first = splice.first - moved
            span = Span(starts[first], starts[first + len(splice.removed)])
            if splice.removed or splice.added:
                parts.append(Replacement(span, "".join(splice.added)))
            moved += len(splice.added) - len(splice.removed)
        if old_piece != new_piece:
            parts.append(Replacement(Span(starts[-1], place.end), new_piece))
        return parts

    def _fitted(self, place: Span, new_text: str) -> str:
        """`new_text` with the line ends of the file, and with its end where it is the last."""
        plain = "".join(map(_plain, split_lines(new_text))).removeprefix(_BYTE_ORDER_MARK)
        if place.start == 0 and self.shown.startswith(_BYTE_ORDER_MARK) and place.end:
            plain = _BYTE_ORDER_MARK + plain
        if place.end == len(self.shown) and self.shown:
            if self.is_open:
                plain = plain.rstrip("\n")
            else:
                before = plain or self.plain[: self._plain_offset(place.start)]
                if before and not before.endswith("\n"):
                    plain += "\n"
        return plain.replace("\n", self._ending)

    def _plain_offset(self, offset: int) -> int:
        line = min(bisect_right(self._starts, offset) - 1, len(self._plain_starts) - 1)
        return self._plain_starts[line] + offset - self._starts[line]


def _plain(line: str) -> str:
    return without_ending(line) + "\n" if line_ending(line) else line


def _place(
    text: _Text, passage: Passage, placeholders: Sequence[str], number: int
) -> Span | Refusal:
    """The one place of a passage."""
    # A placeholder that has lost some of its length means the same.
    old = restore(passage.old_text, [(each, each) for each in placeholders])
    old = "".join(map(_plain, split_lines(old))).removeprefix(_BYTE_ORDER_MARK)
    if not old:
        return Refusal(
            f"The old_text of edit {number} is empty, which only a file that does not exist yet "
            "may have; give the lines that are to change."
        )
    places = _places(text.plain, old)
    if not places and text.is_open and old.endswith("\n"):
        # The file has no line end there, whatever it looks like.
        old = old.removesuffix("\n")
        if old and text.plain.endswith(old):
            places = [len(text.plain) - len(old)]
    if not places:
        return Refusal(f"The old_text of edit {number} is not in the file. {_nearest(text, old)}")
    if len(places) > 1:
        listed = [str(text.line_at(each) + 1) for each in places]
        some = ", ".join(listed[:_MOST_PLACES]) + (", …" if len(listed) > _MOST_PLACES else "")
        return Refusal(
            f"The old_text of edit {number} is there more than once, at lines {some}. "
            "Give more of what stands around the one that you mean."
        )
    return text.span(places[0], places[0] + len(old))


def _places(text: str, wanted: str) -> list[int]:
    """Where `wanted` begins, those that overlap included; as many as are worth telling."""
    places: list[int] = []
    place = text.find(wanted)
    while place >= 0 and len(places) <= _MOST_PLACES:
        places.append(place)
        place = text.find(wanted, place + 1)
    return places


def _nearest(text: _Text, old: str) -> str:
    """What stands in the file where it is most like the passage, for a second try."""
    wanted = [line.strip() for line in split_lines(old)]
    offset = next((index for index, line in enumerate(wanted) if is_telling(line)), None)
    lines = [line.strip() for line in text.lines]
    found = None
    if offset is not None:
        if wanted[offset] in lines:
            found = lines.index(wanted[offset])
        else:
            candidates = {
                line: index
                for index, line in reversed(list(enumerate(lines[:_MOST_COMPARED_LINES])))
                if is_telling(line) and len(line) <= 2 * _MOST_QUOTED_CHARACTERS
            }
            close = difflib.get_close_matches(
                wanted[offset][: 2 * _MOST_QUOTED_CHARACTERS], candidates, 1
            )
            found = candidates[close[0]] if close else None
    if found is None or offset is None:
        return "Nothing there is like it; read the file again."
    first = max(found - offset, 0)
    quoted = text.lines[first : first + min(len(wanted), _MOST_QUOTED_LINES)]
    shown = "\n".join(without_ending(line)[:_MOST_QUOTED_CHARACTERS] for line in quoted)
    return f"What is most like it begins at line {first + 1} and reads:\n{shown}"


def _joins_line_ends(shown: str, changes: Sequence[Replacement]) -> bool:
    r"""Whether a lone ``\r`` and a ``\n`` that were two line ends would become one."""
    before = ""
    done = 0
    for change in changes:
        before = shown[done : change.span.start][-1:] or before
        done = change.span.end
        if before == "\r" and change.text.startswith("\n"):
            return True
        before = change.text[-1:] or before
        if before == "\r" and shown[done : done + 1] == "\n":
            return True
    return False


def _cuts(shown: str, place: Span, placeholders: Sequence[str]) -> bool:
    """Whether one of the edges lies within a placeholder."""
    for placeholder in placeholders:
        at = shown.find(placeholder)
        while at >= 0:
            end = at + len(placeholder)
            if at < place.start < end or at < place.end < end:
                return True
            at = shown.find(placeholder, end)
    return False
