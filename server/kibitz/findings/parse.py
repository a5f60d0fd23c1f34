"""Findings out of a reply: from the tool's input while it streams, or from a text block.

Knows how replies carry findings; what makes one valid is `element`'s business.
"""

from __future__ import annotations

import json
import re

from kibitz.findings.element import check, read_element
from kibitz.findings.scan import ARRAY_KEY, ElementScanner
from kibitz.findings.values import Dropped, Finding

_ARRAY_KEY = re.compile(rf'"{ARRAY_KEY}"\s*:')
_OBJECT = re.compile(r'\{\s*"')
_EMPTY_ARRAY = re.compile(r"\s*(?:```\w*\s*)?\[\s*\]\s*(?:```\s*)?")
_TRIES = 50  # places in a text where JSON is looked for; more is a text about JSON


class Duplicates:
    """Tells findings that were reported before; share one between the parts of one reply.

    A finding is a duplicate if another one has the same path and line and says the same (title)
    or means the same (quote and category).  Two different faults in one line share its quote,
    so the quote alone does not make a duplicate.
    """

    def __init__(self) -> None:
        self._seen: set[tuple[str, int, str, str]] = set()

    def sift(self, finding: Finding) -> Finding | Dropped:
        """`finding`, or Dropped if it was seen before."""
        place = (finding.path, finding.start_line)
        marks = {(*place, "title", " ".join(finding.title.lower().split()))}
        if quote := " ".join(finding.quote.split()):
            marks.add((*place, finding.category.lower(), quote))
        if marks & self._seen:
            return Dropped("duplicate", finding.title, f"line {finding.start_line}")
        self._seen |= marks
        return finding


class FindingsReader:
    """Reads the input of `report_findings` as it streams; each finding when it is complete."""

    def __init__(self, default_path: str = "", duplicates: Duplicates | None = None) -> None:
        self._default_path = default_path
        self._duplicates = Duplicates() if duplicates is None else duplicates
        self._scanner = ElementScanner()

    @property
    def found(self) -> bool:
        """Whether there was an array of findings at all."""
        return self._scanner.found

    @property
    def complete(self) -> bool:
        """Whether that array has ended; if not, the reply was cut off."""
        return self._scanner.closed

    def feed(self, partial_json: str) -> list[Finding | Dropped]:
        """The findings that are complete after this fragment, valid or not."""
        return [self._read(element) for element in self._scanner.feed(partial_json)]

    def finish(self) -> list[Finding | Dropped]:
        """What became of a finding that had begun when the reply ended."""
        if self._scanner.finish().strip(" \t\r\n,"):
            return [Dropped("malformed", "", "the reply ended inside it")]
        return []

    def _read(self, element: str) -> Finding | Dropped:
        finding = read_element(element, self._default_path)
        return self._duplicates.sift(finding) if isinstance(finding, Finding) else finding


def from_text(
    text: str, default_path: str = "", duplicates: Duplicates | None = None
) -> list[Finding | Dropped] | None:
    """The findings in a reply that was written as text: JSON, fenced or bare, in any prose.

    None when the text holds no findings and does not say either, as an empty array does, that
    there are none: such a reply is unusable.  A text that was cut off gives what is complete.
    """
    duplicates = Duplicates() if duplicates is None else duplicates
    first_read: list[Finding | Dropped] | None = None
    for match, _ in zip(_ARRAY_KEY.finditer(text), range(_TRIES), strict=False):
        reader = FindingsReader(default_path, duplicates)
        items = reader.feed("{" + text[match.start() :]) + reader.finish()
        if any(isinstance(item, Finding) for item in items):
            return items
        if reader.found and first_read is None:
            first_read = items
    if first_read is None:
        first_read = _loose_objects(text, default_path, duplicates)
        if not first_read and not _EMPTY_ARRAY.fullmatch(text):
            return None
    return first_read


def _loose_objects(text: str, default_path: str, duplicates: Duplicates) -> list[Finding | Dropped]:
    """Findings that stand in a bare array, or one by one, without the object round them."""
    items: list[Finding | Dropped] = []
    decoder = json.JSONDecoder(strict=False)
    position = tries = 0
    while tries < _TRIES and (match := _OBJECT.search(text, position)) is not None:
        position = match.end()
        try:
            value, end = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            tries += 1
            continue
        if isinstance(value, dict) and "severity" in value and "start_line" in value:
            position = end
            finding = check(value, default_path)
            items.append(duplicates.sift(finding) if isinstance(finding, Finding) else finding)
    return items
