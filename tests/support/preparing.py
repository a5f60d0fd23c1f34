"""Preparing repositories for a test: at once, or when the test says so."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from kibitz.actions.preparing import Preparation, Subject
from kibitz_context.indexer import Prepared
from kibitz_context.layers import snapshots
from kibitz_context.ranking.rank import Ranking
from kibitz_context.texts.symbols import Symbols, symbols
from kibitz_context.texts.syntax_faults import syntax_faults


@dataclass
class Builder:
    """Prepares when it is told to, or fails with `problem`."""

    cache: Path
    longest_wait_seconds: float = 60.0
    at_once: bool = True
    problem: str | None = None
    asked: list[Subject] = field(default_factory=list)
    running: list[tuple[Subject, Preparation]] = field(default_factory=list)

    def prepare(self, subject: Subject) -> Preparation:
        self.asked.append(subject)
        preparation = Preparation(Future())
        self.running.append((subject, preparation))
        if self.at_once:
            self.finish()
        return preparation

    def look_at(self, subject: Subject, files: Sequence[str]) -> Preparation:
        raise AssertionError(f"{files} of {subject}")

    def parse(self, path: str, text: str) -> Symbols:
        return symbols(path, text)

    def syntax_faults(self, path: str, text: str) -> int | None:
        return syntax_faults(path, text)

    def close(self) -> None: ...

    def finish(self) -> None:
        while self.running:
            subject, preparation = self.running.pop()
            if self.problem is not None:
                preparation.future.set_result(Prepared(problem=self.problem))
                continue
            store = snapshots.store_in(self.cache)
            wanted = snapshots.wanted(subject.repository, subject.gate, subject.max_tokens, store)
            assert wanted is not None
            snapshots.build(
                wanted,
                store,
                ranking=Ranking({}, {}),
                outline_of=lambda file, text: "",
            )
            preparation.future.set_result(Prepared())
