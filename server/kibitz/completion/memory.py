"""Completions that were made before, so that they can be shown again without asking.

The key is the text on *both* sides of the cursor: what is right in front of `)` is wrong in front
of `) else`.  Whoever types along a completion is shown the rest of it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from kibitz.completion.spot import Spot

# How much of the text round the cursor has to be the same.  Higher: an edit far above makes a
# completion unknown; lower: one from another place is shown.
BEFORE_CHARACTERS = 2_000
AFTER_CHARACTERS = 500
# So many characters may have been typed along a completion.
MOST_TYPED_CHARACTERS = 60
# So many brackets and quotes may an editor have closed meanwhile by itself.
MOST_CLOSED_BY_EDITOR = 3
# Higher: more memory, some kB each; lower: a completion is asked for twice.
MOST_ENTRIES = 200

_CLOSED_BY_EDITORS = ")]}>\"'`"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is shown: `text`, of which `typed` characters stand before the cursor already."""

    text: str
    typed: int


class Memory:
    """The completions of one editor, the most recently used kept longest."""

    def __init__(self, most_entries: int = MOST_ENTRIES) -> None:
        self._most_entries = most_entries
        self._texts: OrderedDict[bytes, str] = OrderedDict()

    def remember(self, uri: str, spot: Spot, text: str) -> None:
        """Keep `text` as what is shown at `spot`; "" says that there is nothing to show there."""
        key = _key(uri, spot.before, spot.after)
        self._texts[key] = text
        self._texts.move_to_end(key)
        while len(self._texts) > self._most_entries:
            self._texts.popitem(last=False)

    def forget(self, uri: str, spot: Spot) -> None:
        """Do not give what `find` gives for `spot` again."""
        found = self._found(uri, spot)
        if found is not None:
            del self._texts[found[0]]

    def find(self, uri: str, spot: Spot) -> Remembered | None:
        """What is known for `spot`, or for a place from which the user has typed along."""
        found = self._found(uri, spot)
        if found is None:
            return None
        key, typed = found
        self._texts.move_to_end(key)
        return Remembered(self._texts[key][typed:], typed)

    def _found(self, uri: str, spot: Spot) -> tuple[bytes, int] | None:
        """The key of what is known, and how much of it was typed."""
        near = spot.before[-BEFORE_CHARACTERS - MOST_TYPED_CHARACTERS :]
        after = spot.after[: AFTER_CHARACTERS + MOST_CLOSED_BY_EDITOR]
        for typed in range(min(MOST_TYPED_CHARACTERS, len(near)) + 1):
            before = near[: len(near) - typed]
            for as_it_was in closed_by_editor(after, typed):
                key = _key(uri, before, as_it_was)
                text = self._texts.get(key)
                if text is not None and (not typed or along(text, near[len(before) :])):
                    return key, typed
        return None


def along(text: str, typed: str) -> bool:
    """Whether whoever typed `typed` is typing `text`, and something of it is left."""
    return len(typed) < len(text) and text.startswith(typed)


def closed_by_editor(after: str, typed: int) -> list[str]:
    """What may have stood behind the cursor, where `after` does now, before so many characters
    were typed: the editor may have closed brackets there."""
    texts = [after]
    for count in range(1, min(MOST_CLOSED_BY_EDITOR, typed, len(after)) + 1):
        if after[count - 1] not in _CLOSED_BY_EDITORS:
            break
        texts.append(after[count:])
    return texts


def _key(uri: str, before: str, after: str) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in (uri, before[-BEFORE_CHARACTERS:], after[:AFTER_CHARACTERS]):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.digest()
