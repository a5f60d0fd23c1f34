"""What is shown of a work tree, read back as Claude would read it, whatever state git is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from kibitz_context.files.repository import Repository
from kibitz_context.gate.baseline import baseline
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import gather
from kibitz_context.layers.changes import hidden, listed
from kibitz_context.values import Context
from support.context_reader import as_read
from support.git_folder import GitFolder

FILES: dict[str, str | bytes] = {
    "a.py": "".join(f"line {number}\n" for number in range(1, 30)),
    "b.py": "b = 2\n",
    "d/c.py": "c = 3\n",
}
A, B, C = (str(text) for text in FILES.values())
MAX_TOKENS = 20_000
MISSING = "its content is missing from the repository"


@dataclass(frozen=True)
class Seen:
    """What kibitz makes of a folder."""

    repository: Repository
    context: Context

    @property
    def files(self) -> dict[str, str]:
        return as_read(self.context)

    @property
    def omitted(self) -> Mapping[str, str]:
        return {each.path: each.reason for each in self.context.omitted}


def look(root: Path) -> Seen:
    repository = Repository.find(root)
    if (commit := repository.head()) is not None and (base := baseline(repository, commit)).commit:
        # The indexer asks in a shorter way than requests do.
        asked = repository.ignored(repository.forgotten(commit))
        assert asked == hidden(repository, base, listed(repository, commit))
    context = gather(repository, Gate(repository.root), max_tokens=MAX_TOKENS)
    return Seen(repository, context)


def loose_object(made: GitFolder, revision: str) -> Path:
    object_id = made.git("rev-parse", revision)
    file = made.root / ".git/objects" / object_id[:2] / object_id[2:]
    file.chmod(0o644)
    return file


def fails(made: GitFolder, *arguments: str) -> None:
    with pytest.raises(AssertionError):
        made.git(*arguments)
