"""What a format of secrets is, and the formats of keys that span lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# What else a value must be like, for formats that also match ordinary code: a value that looks
# like a password (not a label, a template or a word of the language), or one that looks drawn
# at random (not words joined together).
Demand = Literal["none", "password", "random"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One format.

    `pattern` is a regular expression; if it has groups, the one that matched is the secret,
    else the whole match is.  Its quantifiers are bounded and neighbours do not overlap, so that
    no text makes it slow.  It is only tried where one of `keywords` stands (lower case and
    compared without case where `folded`).  `min_entropy` is in bits a character (Shannon).
    """

    id: str
    pattern: str
    keywords: tuple[str, ...]
    min_entropy: float = 0.0
    demand: Demand = "none"
    folded: bool = False


# From a line that begins a private key up to the line that ends it, or else this many
# characters: an unfinished key is a key.
PRIVATE_KEY_BEGIN = r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
PRIVATE_KEY_END = r"-----END (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
MAX_PRIVATE_KEY_CHARACTERS = 32_768
