"""What files mention, of symbols as tests write them."""

from __future__ import annotations

from collections.abc import Mapping

from kibitz_context.texts.mentions import Mentioning, Mentions
from kibitz_context.texts.packing import written
from kibitz_context.texts.symbols import Symbols


def mentions_of(files: Mapping[str, Symbols]) -> dict[str, Mentions]:
    """What each of `files` mentions; the keys may be anything."""
    mentioning = Mentioning()
    for found in files.values():
        mentioning.add(written(found))
    return dict(zip(files, mentioning.all(), strict=True))
