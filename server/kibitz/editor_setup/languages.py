"""The languages by the names that editors without a wildcard have for them; see languages.toml."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Language:
    """One language.  `helix_servers` are what Helix starts for it when it is told nothing."""

    id: str
    helix: str
    helix_servers: tuple[str, ...]
    zed: str | None
    patterns: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """What a user may call it."""
        return frozenset({self.id, self.helix, *([self.zed.lower()] if self.zed else [])})


@functools.cache
def languages() -> tuple[Language, ...]:
    """All of them, most usual first."""
    import tomllib

    data = tomllib.loads(Path(__file__).with_name("languages.toml").read_text("utf-8"))
    return tuple(
        Language(
            row["id"],
            row["helix"],
            tuple(row["servers"]),
            row.get("zed"),
            tuple(row["patterns"]),
        )
        for row in data["language"]
    )


def named(name: str) -> Language | None:
    """The language of that name in the protocol, Helix or Zed."""
    wanted = name.strip().lower()
    return next((language for language in languages() if wanted in language.names), None)
