r"""A conversation as a Markdown document, and back.

``## You`` and ``## Claude`` head what each of them said; the text under the last heading, if it
is the user's, is the question to be sent.  A line of either that looks like such a heading is
written with a backslash in front, one more for each that it has already, so that any text can be
told from the headings.  Pure: texts and lines, nothing of editors or of Claude.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, get_args

from kibitz.claude.values import Tier
from kibitz_context.lines import split_lines, without_ending

FILE_ENDING = ".kibitz.md"
YOU = "## You"
CLAUDE = "## Claude"

Speaker = Literal["you", "claude"]

_HEADING = re.compile(r"##[ \t]+(you|claude)[ \t]*", re.IGNORECASE)
_LIKE_A_HEADING = re.compile(rf"\\*{_HEADING.pattern}", re.IGNORECASE)
# A header that is longer is text that somebody began with a rule.
_MOST_HEADER_LINES = 20


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and what was answered, as they stand in a document or on a terminal."""

    question: str
    answer: str


@dataclass(frozen=True)
class Conversation:
    """What a document says.

    `question` is what is to be sent, "" where nothing is; its answer goes behind line `end_line`
    (lines are counted from 0; it is the number of lines above).  `repository` and `tier` are what
    the header says; `problem` is what is wrong with the header, as a phrase.
    """

    exchanges: tuple[Exchange, ...]
    question: str
    end_line: int
    repository: str | None = None
    tier: Tier | None = None
    problem: str | None = None


def is_conversation(name: str, text: str) -> bool:
    """Whether a document of that file name is a conversation: by its name, or by its header."""
    if PurePath(name).name.lower().endswith(FILE_ENDING):
        return True
    header, _ = _header(_first_lines(text))
    return header.get("kibitz") == "conversation"


def n_answers(lines: Sequence[str]) -> int:
    """How many lines of a document head an answer."""
    return sum(without_ending(line) == CLAUDE for line in lines)


def parse(text: str) -> Conversation:
    """Read a document.  Any text is one; what stands above the first heading is nobody's, unless
    there is no heading of the user's before Claude's first one."""
    lines = [without_ending(line) for line in split_lines(text)]
    header, first = _header(lines)
    tier = header.get("tier")
    problem = None
    if tier is not None and tier not in get_args(Tier):
        problem, tier = f"tier is {tier[:20]!r}, not fast, standard or deep", None
    parts = _parts(lines, first)
    exchanges: list[Exchange] = []
    asked: list[str] = []
    answered: list[str] = []
    for speaker, said in parts:
        if not said:
            continue
        if speaker == "claude":
            # An answer to nothing is no part of a conversation that one could go on with.
            if asked:
                answered.append(said)
        else:
            if answered:
                exchanges.append(Exchange("\n\n".join(asked), "\n\n".join(answered)))
                asked, answered = [], []
            asked.append(said)
    if answered:
        exchanges.append(Exchange("\n\n".join(asked), "\n\n".join(answered)))
        asked = []
    end = max((number for number, line in enumerate(lines, 1) if line.strip()), default=0)
    ends_with_question = bool(parts) and parts[-1][0] == "you" and bool(parts[-1][1])
    return Conversation(
        tuple(exchanges),
        "\n\n".join(asked) if ends_with_question else "",
        end,
        header.get("repository"),
        tier,  # type: ignore[arg-type]
        problem,
    )


def render(exchanges: Sequence[Exchange], question: str = "") -> str:
    """The document of a conversation; `parse` gives it back."""
    parts = [
        part
        for exchange in exchanges
        for part in (_section(YOU, exchange.question), _section(CLAUDE, exchange.answer))
    ]
    return "\n".join([*parts, _section(YOU, question)])


def new_document(repository: str | None, question: str) -> str:
    """A document in which nothing has been said yet."""
    header = ["---", "kibitz: conversation"]
    if repository is not None and repository.isprintable():
        header.append(f"repository: {repository}")
    return "\n".join([*header, "---", "", _section(YOU, question)])


def normalized(text: str) -> str:
    """`text` as a document keeps it: line feeds, and no blank lines round it."""
    lines = [without_ending(line) for line in split_lines(text)]
    while lines and not lines[0].strip():
        del lines[0]
    while lines and not lines[-1].strip():
        del lines[-1]
    return "\n".join(lines)


def escaped(line: str) -> str:
    """A line of what somebody said, as it stands in a document."""
    return f"\\{line}" if _LIKE_A_HEADING.fullmatch(line) else line


def _unescaped(line: str) -> str:
    if line.startswith("\\") and _LIKE_A_HEADING.fullmatch(line):
        return line[1:]
    return line


def _section(heading: str, text: str) -> str:
    body = "".join(f"{escaped(line)}\n" for line in text.split("\n")) if text else ""
    return f"{heading}\n\n{body}"


def _parts(lines: Sequence[str], first: int) -> list[tuple[Speaker, str]]:
    """Who said what, in order, from line `first` on; the last part may be empty."""
    found: list[tuple[Speaker, list[str]]] = []
    above: list[str] = []
    for line in lines[first:]:
        heading = _HEADING.fullmatch(line)
        if heading is not None:
            speaker: Speaker = "you" if heading[1].lower() == "you" else "claude"
            found.append((speaker, []))
        else:
            (found[-1][1] if found else above).append(_unescaped(line))
    if not found or found[0][0] == "claude":
        found.insert(0, ("you", above))
    return [(speaker, normalized("\n".join(said))) for speaker, said in found]


def _first_lines(text: str) -> list[str]:
    # No header is longer, and a document may be.
    lines = split_lines(text[: _MOST_HEADER_LINES * 1_000])
    return [without_ending(line) for line in lines[: _MOST_HEADER_LINES + 2]]


def _header(lines: Sequence[str]) -> tuple[dict[str, str], int]:
    """What stands between the rules at the top, and the line behind it."""
    if not lines or lines[0].removeprefix("\ufeff").rstrip() != "---":
        return {}, 0
    header: dict[str, str] = {}
    for number, line in enumerate(lines[1 : _MOST_HEADER_LINES + 2], 1):
        if line.rstrip() == "---":
            return header, number + 1
        key, colon, value = line.partition(":")
        if colon:
            header[key.strip()] = value.strip().strip("\"'")
    return {}, 0
