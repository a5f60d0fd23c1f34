"""The prompt cache: entries, look-back, lifetimes and what each request is billed for.

Pure: no HTTP, no clock of its own (every call says what time it is).  Where the documentation
is silent a choice is made and named here:

- an entry of a marked prefix below the longest hit is refreshed along with the hit;
- a hit keeps the lifetime that its entry was written with, whatever the marker now says;
- a request that ends before its first byte leaves no entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kibitz.standin.entries import Entries, EntriesInMemory, Entry, Key
from kibitz.standin.prompt import Lifetime, PromptBlock

LOOKBACK_POSITIONS = 20
"""How far a marker looks back for an entry, its own position being the first."""
LIFETIME_SECONDS: dict[Lifetime, int] = {"5m": 300, "1h": 3_600}


@dataclass(frozen=True, slots=True)
class CacheUse:
    """The tokens of one prompt by what they cost; the four add up to the whole prompt."""

    read_tokens: int = 0
    write_5m_tokens: int = 0
    write_1h_tokens: int = 0
    input_tokens: int = 0

    @property
    def write_tokens(self) -> int:
        return self.write_5m_tokens + self.write_1h_tokens


@dataclass(slots=True)
class CacheLookup:
    """One request's dealings with the cache.

    What it wrote cannot be read by anyone until `publish` is called, at its first byte.
    """

    use: CacheUse
    _cache: PromptCache
    _writes: dict[Key, Entry] = field(default_factory=dict)

    def publish(self) -> None:
        """Makes the entries readable.  Calling it again changes nothing."""
        self._cache.admit(self._writes)
        self._writes = {}


class PromptCache:
    """The entries of all scopes.  A scope is a workspace: no entry is seen from another one."""

    def __init__(self, entries: Entries | None = None) -> None:
        self._entries = entries if entries is not None else EntriesInMemory()

    def begin(
        self, scope: str, blocks: Sequence[PromptBlock], minimum_tokens: int, now: float
    ) -> CacheLookup:
        """Reads the cache for a request that starts `now` and works out its bill.

        The model is part of every digest, so that the scope need not name it.
        """
        marked = [b for b in blocks if b.marker is not None and b.tokens >= minimum_tokens]
        hit = self._longest_hit(scope, blocks, now)
        read = hit.tokens if hit is not None else 0
        if hit is not None:
            self._refresh(scope, hit, now)
        for block in marked:
            if block.tokens <= read:
                self._refresh(scope, block, now)
        written = [block for block in marked if block.tokens > read]
        total = blocks[-1].tokens if blocks else 0
        last_1h = max((b.tokens for b in written if b.marker == "1h"), default=read)
        last = max((b.tokens for b in written), default=read)
        use = CacheUse(
            read_tokens=read,
            write_1h_tokens=last_1h - read,
            write_5m_tokens=last - last_1h,
            input_tokens=total - last,
        )
        return CacheLookup(use, self, _entries(scope, written, now))

    def admit(self, writes: Mapping[Key, Entry]) -> None:
        """Takes entries in.  Of two for the same prefix the one that lives longer stays."""
        for key, entry in writes.items():
            known = self._entries.get(key)
            if known is None or known.expires_at < entry.expires_at:
                self._entries.put(key, entry)

    def close(self) -> None:
        self._entries.close()

    def _longest_hit(
        self, scope: str, blocks: Sequence[PromptBlock], now: float
    ) -> PromptBlock | None:
        self._entries.sweep(now)
        for index in range(len(blocks) - 1, -1, -1):
            if blocks[index].marker is None:
                continue
            # Every marker looks back from itself with a window of its own.
            first_position = blocks[index].position - LOOKBACK_POSITIONS + 1
            for block in reversed(blocks[: index + 1]):
                if block.position < first_position:
                    break
                if self._live(scope, block, now) is not None:
                    return block
        return None

    def _live(self, scope: str, block: PromptBlock, now: float) -> Entry | None:
        entry = self._entries.get((scope, block.digest))
        return entry if entry is not None and now < entry.expires_at else None

    def _refresh(self, scope: str, block: PromptBlock, now: float) -> None:
        entry = self._live(scope, block, now)
        if entry is not None:
            renewed = Entry(entry.lifetime_seconds, now + entry.lifetime_seconds)
            self._entries.put((scope, block.digest), renewed)


def _entries(scope: str, written: list[PromptBlock], now: float) -> dict[Key, Entry]:
    entries = {}
    for block in written:
        assert block.marker is not None
        seconds = LIFETIME_SECONDS[block.marker]
        entries[(scope, block.digest)] = Entry(seconds, now + seconds)
    return entries
