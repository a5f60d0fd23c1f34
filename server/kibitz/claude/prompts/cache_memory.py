"""What this process has seen of the endpoint's cache: which entries should be there, and how long
they are.

Believes what responses say of themselves.  Knows names of prefixes, never their text; another
process, or another developer with the same prefix, may have written entries that nobody here has
heard of.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kibitz.claude.prompts.prefixes import Prefix
from kibitz.claude.prompts.prompt import LOOKBACK_BLOCKS
from kibitz.claude.values import CacheLifetime, Expectation, Usage
from kibitz_context.caching.policy import LIFETIME_SECONDS

MOST_PREFIXES = 4_096

# A prompt of that length is above the minimum of every model: if nothing of it is read and
# nothing written, although it was marked, there is no cache.
SURELY_CACHED_TOKENS = 8_192


def is_shortened(markers: Iterable[CacheLifetime | None], usage: Usage) -> bool:
    """Whether a response says that what was to be kept for an hour is kept for five minutes.

    Some gateways and older platforms do so without a word.  Only a prompt of which nothing was
    read can tell: else what was written may be the part behind.
    """
    return (
        usage.cache_read_tokens == 0
        and usage.cache_write_5m_tokens > 0
        and usage.cache_write_1h_tokens == 0
        and "1h" in markers
    )


@dataclass(slots=True)
class _Known:
    """`tokens` is None until a response has told it; `expires_at` is 0.0 for no entry."""

    tokens: int | None = None
    lifetime_seconds: float = 0.0
    expires_at: float = 0.0
    is_too_short: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the cache should do for a prompt.

    `read_tokens` should be read, `marked_tokens` is the length of all that is marked and
    `first_marked_tokens` of what comes up to the first marker.  `exactly` and `counted` say
    whether the first two are the endpoint's own figures or estimates.  `had_entry` says that
    there was an entry once, which has expired.  `to_write` names the entries that do not exist
    yet.
    """

    read_tokens: int
    marked_tokens: int
    first_marked_tokens: int
    exactly: bool
    counted: bool
    had_entry: bool
    to_write: frozenset[bytes]

    @property
    def write_tokens(self) -> int:
        return max(self.marked_tokens - self.read_tokens, 0)


class CacheMemory:
    """The entries of one endpoint.  For one thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self.endpoint_caches = True

    def outlook(
        self,
        prefixes: Sequence[Prefix],
        expectation: Expectation | None,
        tokens_factor: float,
    ) -> Outlook | None:
        """What is to be expected now; None for a prompt that asks for no entry."""
        marked = [number for number, prefix in enumerate(prefixes) if prefix.marker is not None]
        if not marked:
            return None
        hit = self._longest_hit(prefixes, marked, expectation)
        read, exactly = self._tokens(prefixes[hit], tokens_factor) if hit >= 0 else (0, True)
        whole, counted = self._tokens(prefixes[marked[-1]], tokens_factor)
        return Outlook(
            read,
            max(whole, read),
            self._tokens(prefixes[marked[0]], tokens_factor)[0],
            exactly,
            counted,
            any(self._has_expired(prefixes[number]) for number in marked),
            frozenset(
                prefixes[number].name
                for number in marked
                if number > hit and self._is_to_be_written(prefixes[number])
            ),
        )

    def tokens(self, prefix: Prefix) -> int | None:
        """The length of a prefix as a response has told it."""
        known = self._known.get(prefix.name)
        return known.tokens if known is not None else None

    def learn_tokens(self, prefix: Prefix, tokens: int) -> None:
        self._entry(prefix).tokens = tokens

    def began(self, prefixes: Sequence[Prefix], asked_at: float, usage: Usage) -> None:
        """The response to a request that was sent `asked_at` has begun with that usage."""
        marked = [prefix for prefix in prefixes if prefix.marker is not None]
        cached = usage.cache_read_tokens + usage.cache_write_tokens
        if not marked or not usage.prompt_tokens:
            return
        if not cached:
            if usage.prompt_tokens >= SURELY_CACHED_TOKENS:
                self.endpoint_caches = False
            for prefix in marked:
                self._entry(prefix).is_too_short = True
            return
        self.endpoint_caches = True
        shortened = is_shortened((prefix.marker for prefix in marked), usage)
        for prefix in marked:
            assert prefix.marker is not None
            known = self._entry(prefix)
            if shortened:
                known.expires_at = 0.0  # Whatever was believed of it.
            self._entered(known, "5m" if shortened else prefix.marker, asked_at)
        if not usage.cache_write_tokens:
            # Some endpoints cache whatever they like: what is read says nothing about markers.
            return
        # What is read and what is written add up to all that is marked.
        self._entry(marked[-1]).tokens = cached
        for_an_hour = [prefix for prefix in marked if prefix.marker == "1h"]
        if for_an_hour and usage.cache_write_1h_tokens:
            self._entry(for_an_hour[-1]).tokens = (
                usage.cache_read_tokens + usage.cache_write_1h_tokens
            )

    def _longest_hit(
        self, prefixes: Sequence[Prefix], marked: Sequence[int], expectation: Expectation | None
    ) -> int:
        """The longest prefix with an entry that a marker finds; -1: none."""
        blocks_alive = expectation.blocks_alive if expectation is not None else 0
        for end in reversed(marked):
            for number in range(end, max(end - LOOKBACK_BLOCKS, -1), -1):
                told = 0 < prefixes[number].system_blocks == blocks_alive == number + 1
                if told or self._is_alive(prefixes[number]):
                    return number
        return -1

    def _tokens(self, prefix: Prefix, tokens_factor: float) -> tuple[int, bool]:
        counted = self.tokens(prefix)
        return (round(prefix.tokens * tokens_factor), False) if counted is None else (counted, True)

    def _is_alive(self, prefix: Prefix) -> bool:
        known = self._known.get(prefix.name)
        return known is not None and time.time() < known.expires_at

    def _has_expired(self, prefix: Prefix) -> bool:
        known = self._known.get(prefix.name)
        return known is not None and 0.0 < known.expires_at <= time.time()

    def _is_to_be_written(self, prefix: Prefix) -> bool:
        known = self._known.get(prefix.name)
        return self.endpoint_caches and (known is None or not known.is_too_short)

    def _entered(self, known: _Known, marker: CacheLifetime, asked_at: float) -> None:
        # Reading an entry makes it live on for as long as it was written for.
        if asked_at >= known.expires_at:
            known.lifetime_seconds = LIFETIME_SECONDS[marker]
        known.expires_at = asked_at + known.lifetime_seconds
        known.is_too_short = False

    def _entry(self, prefix: Prefix) -> _Known:
        known = self._known.setdefault(prefix.name, _Known())
        self._known.move_to_end(prefix.name)
        if len(self._known) > MOST_PREFIXES:
            self._known.popitem(last=False)
        return known
