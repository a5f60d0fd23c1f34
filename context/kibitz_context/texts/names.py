"""Which words of a text may be names that are defined elsewhere.

Lexical: no parser, no index, any language.
"""

from __future__ import annotations

import re
from collections import Counter

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,80}")
_CALL = re.compile(r"\(|![({\[]")
_COMMON_NAMES = (
    "and any args async await bool break case catch char class const continue def default del "
    "delete dict double elif else end enum except export extends false final finally float for "
    "from func function get global goto if impl implements import include init int interface "
    "isinstance lambda len let list long main map match mod module mut namespace new nil none "
    "not null object optional package pass print private protected public raise range return "
    "self set short signed static str string struct super switch sync then this throw throws "
    "trait true try tuple type typedef typeof union unsigned use using val var void volatile "
    "when where while with yield the and that this what how why does for are can should"
)
_COMMON = frozenset(_COMMON_NAMES.split())


def names_in_code(text: str) -> list[str]:
    """The names in `text` that may be defined elsewhere, the most frequent first.

    Names that are called (Rust's macros too), or that are no plain word in lower case: of the
    others nearly all are local variables.
    """
    counts: Counter[str] = Counter()
    for match in _WORD.finditer(text):
        word = match[0]
        if word.lower() in _COMMON:
            continue
        if not word.islower() or "_" in word or _CALL.match(text, match.end()):
            counts[word] += 1
    return sorted(counts, key=lambda word: (-counts[word], word))


def words_in_prose(text: str) -> list[str]:
    """The words of a question that may be names, in order."""
    return list(dict.fromkeys(word for word in _WORD.findall(text) if word.lower() not in _COMMON))
