"""What excerpts are, however they are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from kibitz_context import kinds
from kibitz_context.gate.baseline import Sources
from kibitz_context.values import FileUse

MAX_WORDS = 32


@dataclass(frozen=True, slots=True)
class Excerpts:
    """The blocks of the excerpts, and their files, best first."""

    blocks: tuple[str, ...]
    files: tuple[FileUse, ...]


def usable(sources: Sources, seen: frozenset[str]) -> Callable[[str], bool]:
    """Whether a path may be excerpted; each is judged once."""
    gate = sources.gate

    @cache
    def may_be_used(path: str) -> bool:
        return (
            path not in seen
            and kinds.is_source(path)
            and kinds.unwanted_name(path) is None
            and gate.includes(path)
            and gate.name_refusal(path) is None
        )

    return may_be_used
