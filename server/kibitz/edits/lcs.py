"""Longest common subsequences of lines, one new line at a time.

One row of the dynamic program is one integer with a bit for every old line (Hyyrö's bit-vector
form), so a new line costs a few operations on machine words: some microseconds for thousands of
old lines.  Knows keys that compare equal, nothing of text or edits.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence


class Occurrences:
    """Where each key stands among the old lines."""

    def __init__(self, keys: Sequence[Hashable]) -> None:
        self._places: dict[Hashable, list[int]] = {}
        self._mask: dict[Hashable, int] = {}
        for index, key in enumerate(keys):
            self._places.setdefault(key, []).append(index)

    def any_from(self, key: Hashable, base: int) -> bool:
        """Whether `key` stands at `base` or after it."""
        places = self._places.get(key)
        return places is not None and places[-1] >= base

    def bits_from(self, key: Hashable, base: int) -> int:
        """One bit for each place of `key` at `base` or after it; bit 0 is `base`."""
        places = self._places.get(key)
        if places is None:
            return 0
        if len(places) == 1:
            return 1 << places[0] - base if places[0] >= base else 0
        if key not in self._mask:
            bits = bytearray(places[-1] // 8 + 1)
            for place in places:
                bits[place // 8] |= 1 << place % 8
            self._mask[key] = int.from_bytes(bits, "little")
        return self._mask[key] >> base


class Table:
    """The rows of the program for `size` old lines and the new lines that were added.

    An `end` is a number of old lines, from the first one on.  `length` is the length of the
    longest common subsequence of all old and all new lines.
    """

    def __init__(self, size: int) -> None:
        self._full = (1 << size) - 1
        # A zero bit means: with this old line the subsequence gets longer by one.
        self._rows = [self._full]
        self.length = 0

    def __len__(self) -> int:
        """How many new lines were added."""
        return len(self._rows) - 1

    def add(self, bits: int) -> None:
        """Add a new line that equals the old lines whose bits are set."""
        row = self._rows[-1]
        if bits:
            common = row & bits
            row = ((row + common) | (row - common)) & self._full
            self.length = (row ^ self._full).bit_count()
        self._rows.append(row)

    @property
    def top(self) -> int:
        """The least `end` with ``matches(end) == length``."""
        return (~self._rows[-1] & self._full).bit_length()

    @property
    def unbroken(self) -> int:
        """The greatest `end` with ``matches(end) == end``: these old lines can all be kept."""
        row = self._rows[-1]
        return (row & -row).bit_length() - 1 if row else self._full.bit_length()

    def matches(self, end: int) -> int:
        """The length of the best subsequence with the first `end` old lines."""
        within = (1 << end) - 1 & self._full
        return (~self._rows[-1] & within).bit_count()

    def is_new_step(self, end: int) -> bool:
        """Whether the old line before `end` makes it longer since the last new line only."""
        bit = 1 << end - 1
        return len(self._rows) > 1 and not self._rows[-1] & bit and bool(self._rows[-2] & bit)

    def path(self, end: int) -> Iterator[tuple[int, int]]:
        """The matched pairs (old, new) of a best path to `end`, last one first."""
        old, new = end, len(self)
        while old and new:
            bit = 1 << old - 1
            if self._rows[new] & bit:
                old -= 1
            elif not self._rows[new - 1] & bit:
                new -= 1
            else:
                old -= 1
                new -= 1
                yield old, new
