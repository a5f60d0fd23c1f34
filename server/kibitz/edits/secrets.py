"""Puts secrets back into a reply that was written over placeholders."""

from __future__ import annotations

import re
from collections.abc import Sequence

# A placeholder is filled up with these to the length of its secret.  Nobody counts them right,
# and what is in front of them names the secret, if it is at least this long.
_FILLING = "_"
_NAME_MIN_CHARS = 8


def restore(text: str, secrets: Sequence[tuple[str, str]]) -> str:
    """`text` with every placeholder of `secrets` replaced by what it stands for.

    `secrets` are pairs of placeholder and secret, as in `kibitz_context.values.Allowed`.  A
    placeholder that has lost some of its filling counts as well.  All are replaced in one pass,
    the longest name first, so that what has been put back is never taken for a placeholder.
    """
    secret_by_name: dict[str, str] = {}
    patterns: dict[str, str] = {}
    for placeholder, secret in secrets:
        name = placeholder.rstrip(_FILLING)
        filling = len(placeholder) - len(name)
        if len(name) < _NAME_MIN_CHARS:
            name, filling = placeholder, 0
        if name and name not in patterns:
            secret_by_name[name] = secret
            patterns[name] = f"({re.escape(name)}){_FILLING}{{0,{filling}}}"
    if not patterns:
        return text
    longest_first = sorted(patterns, key=len, reverse=True)
    pattern = re.compile("|".join(patterns[name] for name in longest_first))
    return pattern.sub(lambda match: secret_by_name[match[match.lastindex or 0]], text)
