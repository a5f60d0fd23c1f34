"""The user's own prompts: ``NAME.md`` in `prompts.dir`, each one an action in the menu.

A file may begin with a header between two lines ``---`` with the keys `title`, `kind` (a code
action kind), `output` (`answer`, `edit` or `findings`) and `tier`; what follows is the
instruction.  The files belong to the repository, so they are read through the gate and decide
nothing beyond these four things.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from kibitz.actions.values import OutputKind
from kibitz.claude.values import Tier
from kibitz.plain_text import one_line
from kibitz_context.values import Allowed

if TYPE_CHECKING:
    from kibitz_context.gate.gate import Gate

MAX_PROMPT_FILES = 50
MAX_PROMPT_CHARACTERS = 20_000
MAX_TITLE_CHARACTERS = 80  # more, and it fills the whole menu

_KIND = re.compile(r"(?:quickfix|refactor|source)(?:\.[A-Za-z]\w{0,40}){0,5}")


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt of the user's.  `problem` says what is wrong with the file, "" if nothing is."""

    name: str
    title: str
    instruction: str
    output: OutputKind = "answer"
    tier: Tier | None = None
    kind: str = ""
    problem: str = ""


# Names of the files with when they were written and how long they are.
PromptsStamp = tuple[tuple[str, int, int], ...]


def prompts_stamp(folder: Path) -> PromptsStamp:
    """What changes when a prompt in `folder` does; empty where there are none."""
    found: list[tuple[str, int, int]] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".md") and entry.is_file():
                facts = entry.stat()
                found.append((entry.name, facts.st_mtime_ns, facts.st_size))
    return tuple(sorted(found))


def read_prompt_files(folder: Path, gate: Gate) -> tuple[PromptFile, ...]:
    """The prompts in `folder`, by name; none where there is no such folder."""
    if not folder.is_dir():
        return ()
    prompts: list[PromptFile] = []
    for path in sorted(folder.glob("*.md"))[:MAX_PROMPT_FILES]:
        answer = gate.read(path)
        if isinstance(answer, Allowed) and answer.text.strip():
            prompts.append(parse_prompt_file(path.stem, answer.text))
    return tuple(prompts)


def parse_prompt_file(name: str, text: str) -> PromptFile:
    """The prompt in `text`; a faulty header is reported in `problem` and otherwise ignored."""
    lines = text.removeprefix("\ufeff").splitlines()
    header: dict[str, str] = {}
    problems: list[str] = []
    if lines and lines[0].strip() == "---":
        end = next((i for i, line in enumerate(lines[1:], 1) if line.strip() == "---"), None)
        if end is None:
            problems.append("its header has no closing ---")
            lines = lines[1:]
        else:
            for line in lines[1:end]:
                key, colon, value = line.partition(":")
                if colon and key.strip() in ("title", "output", "kind", "tier"):
                    header[key.strip()] = value.strip().strip("\"'")
                elif line.strip() and not line.lstrip().startswith("#"):
                    problems.append(f"its header has an unknown line: {line.strip()[:40]}")
            lines = lines[end + 1 :]
    output = header.get("output", "answer")
    if output not in get_args(OutputKind):
        problems.append(f"output is {output[:20]!r}, not answer, edit or findings")
        output = "answer"
    tier = header.get("tier")
    if tier is not None and tier not in get_args(Tier):
        problems.append(f"tier is {tier[:20]!r}, not fast, standard or deep")
        tier = None
    kind = header.get("kind", "")
    if kind and not _KIND.fullmatch(kind):
        problems.append(f"kind is {kind[:20]!r}, not a code action kind")
        kind = ""
    return PromptFile(
        name,
        one_line(header.get("title", ""), MAX_TITLE_CHARACTERS)
        or one_line(name.replace("-", " ").replace("_", " ").capitalize(), MAX_TITLE_CHARACTERS)
        or name,
        "\n".join(lines).strip()[:MAX_PROMPT_CHARACTERS],
        cast(OutputKind, output),
        cast("Tier | None", tier),
        kind,
        "; ".join(problems),
    )
