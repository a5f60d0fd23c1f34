"""Under which spellings a setting is known.

A key is looked up through `find`, and only through it: whether a setting may be set from some
source is decided on the `Key` that `find` returns, never on how it was written.  So there is no
spelling of a guarded key that is applied without passing its guard.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from itertools import islice

from kibitz.settings_keys import KEYS, Key


@dataclass(frozen=True, slots=True)
class Found:
    """A key that some spelling means; `entry` is the name after it, as it was written."""

    key: Key
    entry: str = ""


MOST_WORDS = 20

_SEPARATORS = "._- \t/:"
_WORD = re.compile(rf"[^{re.escape(_SEPARATORS)}]+")


def _squashed(spelling: str) -> str:
    """The letters and digits alone: `Base-URL`, `baseUrl` and `kibitz.base_url` are one."""
    letters = "".join(_WORD.findall(spelling)).lower()
    while letters.startswith("kibitz"):
        letters = letters.removeprefix("kibitz")
    return letters


_KEY_OF_LETTERS = {_squashed(key.name): key for key in KEYS}


def find(spelling: str) -> Found | None:
    """The key that `spelling` means, however it is written; None when there is none.

    `spelling` is the whole path, its levels joined with dots: `hover.mode`, `hoverMode`,
    `HOVER-MODE`, `kibitz.hover.mode`, `completion.trigger.python`.
    """
    # More words than any key and its wrappers have need not be tried.
    words = list(islice(_WORD.finditer(spelling), MOST_WORDS))
    for n_words in range(len(words), 0, -1):
        written, entry = spelling[: words[n_words - 1].end()], ""
        if n_words < len(words):
            entry = spelling[words[n_words].start() :]
        # Characters that merely look like the key's letters do not make a key.
        key = _KEY_OF_LETTERS.get(_squashed(written)) if written.isascii() else None
        if key is not None and (not entry or key.takes_entries):
            return Found(key, entry)
    return None


def is_section(spelling: str) -> bool:
    """Whether it is the name of our section alone: `kibitz`, in any spelling."""
    return is_ours(spelling) and not _squashed(spelling)


def is_ours(spelling: str) -> bool:
    """Whether it begins with the name of our section."""
    words = _WORD.findall(spelling)
    return bool(words) and words[0].lower().startswith("kibitz")


def nearest(spelling: str) -> Key | None:
    """The known key that was most likely meant."""
    letters = _squashed(spelling)
    # The last level alone (`max_tokens`), then the first one alone (`hover = "off"`).
    ends = [key for key in KEYS if letters == _squashed(key.name.rpartition(".")[2])]
    if len(ends) == 1:
        return ends[0]
    for key in KEYS:
        if letters == _squashed(key.name.partition(".")[0]):
            return key
    close = difflib.get_close_matches(letters[:100], _KEY_OF_LETTERS, n=1, cutoff=0.6)
    return _KEY_OF_LETTERS[close[0]] if close else None


_CREDENTIAL_NAMES = frozenset(
    ("token", "secret", "password", "passwd", "credential", "credentials", "authorization")
)
_CREDENTIAL_ENDINGS = (
    "apikey",
    "apikeys",
    "authtoken",
    "accesstoken",
    "bearertoken",
    "anthropictoken",
    "identitytoken",
    "awsbearertokenbedrock",
    "secretkey",
    "accesskey",
    "password",
    "clientsecret",
)


def is_credential(spelling: str) -> bool:
    """Whether `spelling` names a key, a token or a password, which no setting may hold."""
    if find(spelling) is not None:
        return False
    levels = [_squashed(level) for level in spelling.split(".")]
    return any(level in _CREDENTIAL_NAMES for level in levels) or _squashed(spelling).endswith(
        _CREDENTIAL_ENDINGS
    )
