"""Which files of a repository a review of all of it looks at, and why it leaves out the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from kibitz_context import kinds
from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate
from kibitz_context.values import Refused

# What is asked about, not what it is seen with.  Higher: requests for dollars that are cut off at
# the reply's limit; lower: a large but readable file must be cut up by hand.
MOST_CHARACTERS = 500_000

TOO_LARGE = "it is too large to be looked at in one go"
EMPTY = "it is empty"


@dataclass
class Choice:
    """Goes through the tracked files at or below `under`, all of them where that is empty.

    `left_out` counts reasons while `texts` is gone through.  A file that was named itself is
    looked at even if it is generated; what the gate refuses is never looked at.
    """

    repository: Repository
    gate: Gate
    under: tuple[str, ...] = ()
    left_out: Counter[str] = field(default_factory=Counter[str])

    def texts(self) -> Iterator[tuple[str, str]]:
        """The files that are to be reviewed, in their order: path and text as it may be sent."""
        for file in self.repository.tracked():
            path = file.path
            if self.under and not any(_is_at_or_below(path, folder) for folder in self.under):
                continue
            reason = self._reason_by_name(path)
            if reason is None:
                answer = self.gate.read_listed(path)
                if isinstance(answer, Refused):
                    reason = answer.reason
                elif (reason := self._reason_by_text(path, answer.text)) is None:
                    yield path, answer.text
                    continue
            self.left_out[reason] += 1

    def told(self) -> str:
        """What was left out, in one sentence; "" for nothing."""
        if not self.left_out:
            return ""
        n_files = self.left_out.total()
        reasons = ", ".join(
            f"{count:,} because {reason}" for reason, count in self.left_out.most_common()
        )
        return f"{n_files:,} file{' is' if n_files == 1 else 's are'} left out: {reasons}."

    def _reason_by_name(self, path: str) -> str | None:
        if reason := self.gate.name_refusal(path):
            return reason
        if not self.gate.includes(path):
            return "it is not in context.include"
        return None if self._is_named(path) else kinds.unwanted_name(path)

    def _reason_by_text(self, path: str, text: str) -> str | None:
        if not text.strip():
            return EMPTY
        if len(text) > MOST_CHARACTERS:
            return TOO_LARGE
        return None if self._is_named(path) else kinds.unwanted_text(text)

    def _is_named(self, path: str) -> bool:
        return path in self.under or self.gate.names_explicitly(path)


def _is_at_or_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")
