"""How many tokens a text is, estimated without asking anybody."""

from __future__ import annotations

import math

# Of source code, by the newest tokenizer; older ones need 3.4.  Higher: a prompt that is larger
# than was promised.  Lower: room for context that stays empty.
CHARACTERS_PER_TOKEN = 2.5


def estimate(text: str, chars_per_token: float = CHARACTERS_PER_TOKEN) -> int:
    """The estimated number of tokens of `text`, rounded up; 0 for an empty text."""
    return math.ceil(len(text) / chars_per_token)


def characters(tokens: int, chars_per_token: float = CHARACTERS_PER_TOKEN) -> int:
    """The longest text, in characters, whose estimate is not above `tokens`."""
    longest = max(0, math.floor(tokens * chars_per_token))
    # The product may have been rounded up: 60 × 1.15 gives 69, and 69 ÷ 1.15 is a hair above 60.
    while longest and math.ceil(longest / chars_per_token) > tokens:
        longest -= 1
    return longest
