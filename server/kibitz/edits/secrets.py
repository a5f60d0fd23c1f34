"""Puts secrets back into a reply that was written over placeholders."""

from __future__ import annotations

import re
from collections.abc import Sequence


def restore(text: str, secrets: Sequence[tuple[str, str]]) -> str:
    """`text` with every placeholder of `secrets` replaced by what it stands for.

    `secrets` are pairs of placeholder and secret, as in `kibitz_context.values.Allowed`.  All
    are replaced in one pass, the longest first, so that what has been put back is never taken
    for a placeholder itself.
    """
    by_placeholder = {placeholder: secret for placeholder, secret in secrets if placeholder}
    if not by_placeholder:
        return text
    longest_first = sorted(by_placeholder, key=len, reverse=True)
    pattern = re.compile("|".join(re.escape(placeholder) for placeholder in longest_first))
    return pattern.sub(lambda match: by_placeholder[match.group()], text)
