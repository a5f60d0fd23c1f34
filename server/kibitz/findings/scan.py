"""Cuts the elements of the ``findings`` array out of JSON that arrives in chunks.

Knows brackets, strings and one key; what an element means, or whether it is valid JSON at all,
is for others to say.  Every character is looked at once, however small the chunks are.
"""

from __future__ import annotations

import json
import re
from typing import Final

ARRAY_KEY: Final = "findings"

_MARK = re.compile(r'["{}\[\],:]')
_STRING_MARK = re.compile(r'["\\]')


class ElementScanner:
    """Reads ``{"findings": [...]}``, or the bare array, and gives its elements as JSON text.

    An object is an element as soon as its closing brace has come; anything else when a comma or
    the end of the array proves it complete.
    """

    def __init__(self) -> None:
        self.found = False  # whether the array has begun
        self.closed = False  # whether it has ended
        self._depth = 0
        self._elements_depth = -1  # the depth between the elements, -1 before the array
        self._in_string = False
        self._escaped = False
        self._string: list[str] | None = None  # a string directly in the outer object
        self._name = ""  # the last one that was read
        self._key = ""  # the key whose value comes
        self._element: list[str] = []
        self._elements: list[str] = []

    def feed(self, chunk: str) -> list[str]:
        """The elements that are complete after `chunk`."""
        position = 0
        while position < len(chunk) and not self.closed:
            if self._in_string:
                position = self._through_string(chunk, position)
                continue
            found = _MARK.search(chunk, position)
            stop = found.end() if found else len(chunk)
            if self._depth >= self._elements_depth >= 0:
                self._element.append(chunk[position:stop])
            if found:
                self._mark(found.group())
            position = stop
        elements, self._elements = self._elements, []
        return elements

    def finish(self) -> str:
        """The element that had begun when the text ended; blank if there is none."""
        rest = "".join(self._element)
        self._element = []
        return rest

    def _through_string(self, chunk: str, position: int) -> int:
        """Read on in a string, from `position` to the end of the string or of the chunk."""
        start = position
        if self._escaped:
            self._escaped = False
            position += 1
        while True:
            found = _STRING_MARK.search(chunk, position)
            if found is None:
                position = len(chunk)
                break
            position = found.end()
            if found.group() == '"':
                self._in_string = False
                break
            if position == len(chunk):
                self._escaped = True
                break
            position += 1
        if self._elements_depth >= 0:
            self._element.append(chunk[start:position])
        elif self._string is not None:
            self._string.append(chunk[start:position])
            if not self._in_string:
                self._end_of_name()
        return position

    def _end_of_name(self) -> None:
        """A string of the outer object has ended: a key, or a value."""
        assert self._string is not None
        text, self._string = "".join(self._string)[:-1], None
        if self._key != ARRAY_KEY:
            self._name = text
            return
        # The array, but encoded once more, as a string: models without strict tools do that.
        try:
            inner = json.loads(f'"{text}"', strict=False)
        except ValueError:
            return
        nested = ElementScanner()
        self._elements += nested.feed(inner)
        self.found, self.closed = nested.found, nested.closed

    def _mark(self, mark: str) -> None:
        in_array = self._depth == self._elements_depth
        if mark == '"':
            self._in_string = True
            if self._depth == 1 and self._elements_depth < 0:
                self._string = []
        elif mark in "{[":
            if in_array and mark == "{":
                self._element = ["{"]  # whatever stood before it was not JSON
            elif self._elements_depth < 0 and self._begins_array(mark):
                self.found = True
                self._elements_depth = self._depth + 1
            self._depth += 1
        elif mark in "}]":
            if in_array:
                self._take(separator=True)
                self.closed = True
            self._depth -= 1
            if self._depth == self._elements_depth and mark == "}":
                self._take(separator=False)
        elif in_array and mark == ",":
            self._take(separator=True)
        elif self._depth == 1:
            self._key = self._name if mark == ":" else ""

    def _begins_array(self, mark: str) -> bool:
        if mark == "[":
            return self._depth == 0 or (self._depth == 1 and self._key == ARRAY_KEY)
        return False

    def _take(self, *, separator: bool) -> None:
        """The element has ended, with a separator after it that does not belong to it."""
        text = "".join(self._element)
        self._element = []
        text = (text[:-1] if separator else text).strip()
        if text:
            self._elements.append(text)
