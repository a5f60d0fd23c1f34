"""The list of actions: what is offered where, and with which words.

Offers are computed from the text alone, in well under a millisecond, and never ask Claude.
Every entry makes the menu longer for everybody, so an action is offered only where it can work:
what needs a selection is not offered without one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kibitz.actions.prompt_files import PromptFile
from kibitz.actions.scope import (
    comment_above,
    definition_around,
    instruction_of,
    whole_lines,
)
from kibitz.test_layout.conventions import convention_of, is_test_by_name
from kibitz_context.document import Document
from kibitz_context.lines import Span

_LINE = re.compile(r"^line \d+: ")

EXPLAIN_KIND = "source.kibitz.explain"
REVIEW_KIND = "source.kibitz.review"
ASK_KIND = "source.kibitz.ask"
SEND_KIND = "source.kibitz.send"
REFACTOR_KIND = "refactor.rewrite.kibitz"
QUICKFIX_KIND = "quickfix.kibitz"


_KIND_OF_OUTPUT = {"answer": EXPLAIN_KIND, "findings": REVIEW_KIND, "edit": REFACTOR_KIND}


@dataclass(frozen=True, slots=True)
class Preset:
    """A refactoring with a fixed instruction, for clients that cannot ask for text."""

    title: str
    instruction: str


PRESETS = (
    Preset(
        "simplify",
        "Make this simpler to read without changing what it does: fewer branches, less state, "
        "the standard library where it has the thing. Keep its interface.",
    ),
    Preset(
        "clearer names",
        "Give better names to local variables and private helpers in this region where the "
        "present ones mislead or say nothing. Change no name that other code may use.",
    ),
    Preset(
        "handle errors",
        "Handle the errors that can really happen here, the way this repository does it "
        "elsewhere. Do not swallow any, and do not add checks for what cannot happen.",
    ),
    Preset(
        "add types",
        "Add the missing type annotations, as precise as the code allows, in this repository's "
        "style. Change nothing else.",
    ),
)


# What takes other files, and can be wished without a word of what is there.
FILE_PRESETS = (
    Preset(
        "better name everywhere",
        "Give what this region defines a name that says what it is, and change it wherever it is "
        "used, in documentation too. Change nothing else.",
    ),
    Preset(
        "move to a module of its own",
        "Move what this region defines into a module of its own, where this repository would have "
        "it, and change whatever uses it. Change nothing else.",
    ),
    Preset(
        "remove it and what is left unused",
        "Remove what this region defines, its uses, and whatever nothing uses any more after "
        "that, tests included. Where code still needs what it did, say so instead.",
    ),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """One entry of the menu: a command with one argument object.

    `whole_lines` is the half-open range of lines it is about, None for the whole document.
    `edits`: it needs a client that lets a server edit its documents; `in_files`: and one that takes
    an edit of several files.
    """

    title: str
    kind: str
    command: str
    whole_lines: tuple[int, int] | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    edits: bool = False
    in_files: bool = False


def offers(
    document: Document,
    span: Span,
    *,
    asks_for_text: bool,
    diagnostics: Sequence[str] = (),
    prompt_files: Sequence[PromptFile] = (),
    in_repository: bool = False,
) -> list[Offer]:
    """What can be asked about `span` of `document`, most specific first.

    `asks_for_text` is true for a client whose plugin lets the user type an instruction,
    `in_repository` where there may be changes to review.
    """
    table = document.lines
    if not document.text.strip():
        return []
    selected = not span.is_empty
    what = "selection" if selected else "this"
    lines: tuple[int, int] | None = (
        whole_lines(document, span)
        if selected
        else definition_around(table.lines, table.line_at(span.start))
    )
    if lines is not None and not "".join(table.lines[lines[0] : lines[1]]).strip():
        lines = None
    found: list[Offer] = []
    if diagnostics and lines is not None:
        found.append(
            Offer(
                f"Fix with Claude: {_named(diagnostics)}",
                QUICKFIX_KIND,
                "kibitz.fix",
                lines,
                {"diagnostics": list(diagnostics)},
                edits=True,
            )
        )
    if lines is not None:
        comment = comment_above(table.lines, lines[0])
        if comment is not None:
            number, instruction = comment
            found.append(
                Offer(
                    f"Do what the comment says: {_short(instruction)}",
                    REFACTOR_KIND,
                    "kibitz.refactor",
                    (min(number, lines[0]), lines[1]),
                    # Whoever would ask the user for words sees that there are some.
                    {"instruction": instruction_of(instruction)},
                    edits=True,
                )
            )
        found.append(Offer(f"Explain {what}", EXPLAIN_KIND, "kibitz.explain", lines))
        found.append(Offer(f"Review {what}", REVIEW_KIND, "kibitz.review", lines))
    if lines is not None:
        found.append(Offer("Refactor…", REFACTOR_KIND, "kibitz.refactor", lines, edits=True))
        if not asks_for_text:
            found += [
                Offer(
                    f"Refactor: {preset.title}",
                    REFACTOR_KIND,
                    "kibitz.refactor",
                    lines,
                    {"instruction": preset.instruction},
                    edits=True,
                )
                for preset in PRESETS
            ]
        found.append(Offer(f"Document {what}", REFACTOR_KIND, "kibitz.document", lines, edits=True))
        found += _in_files(document, lines)
    found += [
        Offer(
            prompt.title,
            prompt.kind or _KIND_OF_OUTPUT[prompt.output],
            "kibitz.runPrompt",
            lines,
            {"prompt": prompt.name},
            edits=prompt.output == "edit",
        )
        for prompt in prompt_files
        if lines is not None or prompt.output != "edit"
    ]
    found.append(Offer("Explain file", EXPLAIN_KIND, "kibitz.explain"))
    found.append(Offer("Review file", REVIEW_KIND, "kibitz.review"))
    if in_repository:
        found.append(Offer("Review uncommitted changes", REVIEW_KIND, "kibitz.reviewChanges"))
    # A place is what a question is about; without one it is about the repository.
    about = lines if selected else None
    found.append(
        Offer("Ask about selection…" if about else "Ask…", ASK_KIND, "kibitz.converse", about)
    )
    return found


def _in_files(document: Document, lines: tuple[int, int]) -> list[Offer]:
    """What changes other files than this one; they are known by their names, so it needs one."""
    if document.path is None:
        return []
    files = {"files": True}
    found = [
        Offer(
            "Refactor across files…", REFACTOR_KIND, "kibitz.refactor", lines, files, in_files=True
        )
    ]
    name = document.path.as_posix()
    if convention_of(name) is not None and not is_test_by_name(name):
        found.append(Offer("Write tests", REFACTOR_KIND, "kibitz.test", lines, in_files=True))
    return found


#: All that is offered in a conversation that ends with a question.
SEND = Offer("Send", SEND_KIND, "kibitz.ask", edits=True)


def _named(diagnostics: Sequence[str]) -> str:
    """How the menu names what is to be mended: what the first one says, and how many there are."""
    # The line is the cursor's, and what is related stands below the message.
    first = _LINE.sub("", diagnostics[0]).partition("\n  see line ")[0]
    more = len(diagnostics) - 1
    return _short(first) + (f" and {more} more" if more else "")


def _short(text: str, limit: int = 48) -> str:
    """`text` on one line, printable and not longer than a menu allows."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
