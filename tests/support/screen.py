"""A terminal in memory: what stands on it, and above it, after some output.

It knows the few movements that a careful program needs, and fails on every other one: what
clears the screen or jumps about is a fault in a program whose output is to stay readable.
"""

from __future__ import annotations

import re

_PIECE = re.compile(
    r"\x1b\[(?P<arguments>[?\d;]*)(?P<final>[A-Za-z])|(?P<control>[\r\n])|(?P<text>[^\x1b\r\n]+)"
)


class Screen:
    """`height` rows can be reached by the cursor; what has scrolled off above stays for good."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.cursor_is_shown = True
        self._rows = [""]
        self._row = 0
        self._column = 0

    @property
    def text(self) -> str:
        """Everything, from what scrolled off first to the last row with something on it."""
        return "\n".join(row.rstrip() for row in self._rows).rstrip("\n")

    def feed(self, output: str) -> None:
        done = 0
        for piece in _PIECE.finditer(output):
            assert piece.start() == done, f"not understood: {output[done : piece.start()]!r}"
            done = piece.end()
            if piece["text"]:
                self._write(piece["text"])
            elif piece["control"] == "\r":
                self._column = 0
            elif piece["control"] == "\n":
                self._to_next_row()
            else:
                self._obey(piece["final"], piece["arguments"])
        assert done == len(output), f"not understood: {output[done:]!r}"

    def _write(self, text: str) -> None:
        for char in text:
            if self._column == self.width:
                self._to_next_row()
            row = self._rows[self._row].ljust(self._column)
            self._rows[self._row] = row[: self._column] + char + row[self._column + 1 :]
            self._column += 1

    def _to_next_row(self) -> None:
        self._row += 1
        self._column = 0
        if self._row == len(self._rows):
            self._rows.append("")

    def _obey(self, final: str, arguments: str) -> None:
        match final, arguments:
            case "m", _:
                pass
            case "A", _:
                top = max(0, len(self._rows) - self.height)
                self._row = max(top, self._row - int(arguments or 1))
            case "K", "2":
                self._rows[self._row] = ""
            case (("h" | "l"), "?25"):
                self.cursor_is_shown = final == "h"
            case _:
                raise AssertionError(f"a movement that is not allowed: {final} {arguments}")
