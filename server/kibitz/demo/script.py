"""What the stand-in answers in the demo: three replies, written for the sample.

Nothing here is shown without having gone through the server first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from kibitz.demo.sample import Region
from kibitz.standin import Reply, StandIn, ToolCall
from kibitz_context.lines import split_lines

# A delta of a real reply is one token or a few.
DELTA_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds before each event of a reply.  Shorter: nobody sees it stream."""

    explain: float
    review: float
    refactor: float


FOR_PEOPLE = Pace(explain=0.026, review=0.020, refactor=0.045)
FOR_PIPES = Pace(explain=0.006, review=0.004, refactor=0.012)
AT_ONCE = Pace(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Script:
    """The three replies.  `findings` is the input of the tool call, as a model writes it."""

    explanation: str
    findings: tuple[dict[str, Any], ...]
    replacement: str

    @classmethod
    def read(cls) -> Script:
        """The script that ships with kibitz."""
        return cls(
            _text("explanation.md"),
            tuple(json.loads(_text("findings.json"))["findings"]),
            _text("replacement.txt"),
        )

    def teach(self, standin: StandIn, pace: Pace) -> None:
        """Let `standin` answer the three tasks by this script."""
        replies = {
            "explain": Reply(
                self.explanation, chunk_size=DELTA_CHARACTERS, pace_seconds=pace.explain
            ),
            "review": Reply(
                tool_calls=[ToolCall("report_findings", {"findings": list(self.findings)})],
                chunk_size=DELTA_CHARACTERS,
                pace_seconds=pace.review,
            ),
            "refactor": Reply(
                f"<replacement>\n{self.replacement}</replacement>",
                chunk_size=DELTA_CHARACTERS,
                pace_seconds=pace.refactor,
            ),
        }
        for action, reply in replies.items():
            standin.when(f'<task action="{action}">', reply)

    def stated_line(self, title: str) -> int | None:
        """The line, from 1, that the reply gives for the finding with that title."""
        for finding in self.findings:
            if finding["title"] == title:
                line: int = finding["start_line"]
                return line
        return None

    def rewritten(self, text: str, region: Region) -> str:
        """`text` as it must be after the refactoring of `region`."""
        lines = split_lines(text)
        return "".join([*lines[: region.first], self.replacement, *lines[region.end :]])


def _text(name: str) -> str:
    return (files("kibitz.demo") / "replies" / name).read_text("utf-8")
