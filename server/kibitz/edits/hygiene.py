r"""The lines of a reply, made to fit the region that they replace.

Line endings, final newline, indentation and byte order mark are the document's business, not the
model's.  Everything else is left exactly as the reply has it: trailing blanks, form feeds and
other characters that are no line ends in an editor.
"""

from __future__ import annotations

from collections.abc import Sequence

from kibitz.edits.echoes import Echoes
from kibitz.edits.indentation import Indentation
from kibitz_context.lines import dominant_ending, line_ending, split_lines, without_ending

_BYTE_ORDER_MARK = "\ufeff"


class LineNormalizer:
    """Cuts text into lines as it arrives and fits them to the region `old_lines`.

    `above` and `below` are the lines round the region, as many as the caller likes: what the
    reply repeats of them is left out.
    Every line gets the ending that most lines of the region have; `ending` is the document's,
    for a region that has none.  The last line ends as the region's last line does; after an
    empty region it ends with a line ending.  The diff then lets kept lines keep their own.
    """

    def __init__(
        self,
        old_lines: Sequence[str],
        ending: str = "\n",
        *,
        above: Sequence[str] = (),
        below: Sequence[str] = (),
    ) -> None:
        self._ending = dominant_ending(old_lines, default=ending)
        self._ends_open = bool(old_lines) and not line_ending(old_lines[-1])
        contents = [without_ending(line) for line in old_lines]
        self._has_mark = bool(contents) and contents[0].startswith(_BYTE_ORDER_MARK)
        if self._has_mark:
            contents[0] = contents[0].removeprefix(_BYTE_ORDER_MARK)
        self._old_last = contents[-1] if contents else ""
        self._indentation = Indentation(contents)
        self._echoes = Echoes(
            [without_ending(line) for line in above],
            contents,
            [without_ending(line) for line in below],
        )
        self._fragments: list[str] = []  # the line that has not ended yet
        self._holds_return = False  # at the end of it
        self._is_first = True
        self._waiting: list[str] = []  # finished lines that may turn out to be the last

    def feed(self, text: str) -> list[str]:
        """The lines that are complete and certain after `text`, with their endings."""
        if text:
            self._fragments.append(text)
        if not self._holds_return and "\n" not in text and "\r" not in text:
            return []
        pending = "".join(self._fragments)
        # A "\r" at the very end may be the first half of a "\r\n": that line waits.
        held = "\r" if pending.endswith("\r") else ""
        lines = split_lines(pending.removesuffix("\r"))
        rest = lines.pop() if lines and not line_ending(lines[-1]) else ""
        self._fragments = [rest + held] if rest or held else []
        self._holds_return = bool(held)
        contents = self._echoes.feed(self._contents(lines))
        return self._finished(self._indentation.feed(contents))

    def finish(self) -> list[str]:
        """The remaining lines; the last one ends as the region's last line does."""
        lines = split_lines("".join(self._fragments))
        self._fragments = []
        # Blanks between the last line break and the closing tag are the tag's indentation.
        ends_blank = bool(lines) and not line_ending(lines[-1]) and not lines[-1].strip()
        if ends_blank and not (self._ends_open and lines[-1] == self._old_last):
            lines.pop()
        contents = self._echoes.feed(self._contents(lines)) + self._echoes.finish()
        fitted = self._indentation.feed(contents) + self._indentation.finish()
        finished = self._finished(fitted)
        if not self._ends_open:
            return finished
        # A file without a final newline stays so: empty lines at its end would give it one.
        while self._waiting and not without_ending(self._waiting[-1]):
            self._waiting.pop()
        finished += [without_ending(line) for line in self._waiting]
        self._waiting = []
        return finished

    def _contents(self, lines: list[str]) -> list[str]:
        contents = [without_ending(line) for line in lines]
        if contents and self._is_first:
            self._is_first = False
            contents[0] = contents[0].removeprefix(_BYTE_ORDER_MARK)
        return contents

    def _finished(self, contents: list[str]) -> list[str]:
        """Lines with endings, without those that may still be the last of an open region."""
        lines = [content + self._ending for content in contents]
        if lines and self._has_mark:
            self._has_mark = False
            lines[0] = _BYTE_ORDER_MARK + lines[0]
        if not self._ends_open:
            return lines
        lines = self._waiting + lines
        last = len(lines)
        while last > 0 and not without_ending(lines[last - 1]):
            last -= 1
        keep = max(0, last - 1)
        self._waiting = lines[keep:]
        return lines[:keep]
