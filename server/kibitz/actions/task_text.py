"""The text of a task: what the user points at, and what is wanted.

It stands last in the prompt.  Everything that comes from a file is put between tags which the
text itself cannot close.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from kibitz_context.lines import without_ending


@cache
def prompt_text(name: str) -> str:
    """The prompt `name` that ships with kibitz, without the final newline."""
    return (files("kibitz.actions") / "prompts" / f"{name}.md").read_text("utf-8").rstrip("\n")


def tagged(tag: str, text: str, **attributes: str | int) -> str:
    """`text` between an opening and a closing tag, each on its own line.

    Where the text holds something like the closing tag, the tag gets a suffix made from the
    text, so that no file can end its own quotation; the same text gives the same suffix.
    """
    name = tag
    if f"</{tag}" in text.lower():
        name = f"{tag}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    listed = "".join(f' {key}="{_attribute(str(value))}"' for key, value in attributes.items())
    ending = "" if text.endswith("\n") or not text else "\n"
    return f"<{name}{listed}>\n{text}{ending}</{name}>"


def _attribute(value: str) -> str:
    value = "".join(char if char.isprintable() else "?" for char in value)
    return value.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def numbered(lines: Sequence[str], first_line: int, marked: Sequence[tuple[int, int]] = ()) -> str:
    """`lines` with their 1-based numbers in front, one a line, a tab between.

    A ``+`` stands after the numbers of the lines `marked` (``[start, end)``, from 0).
    """
    changed = {number + 1 for start, end in marked for number in range(start, end)}
    return "".join(
        f"{number}{'+' if number in changed else ''}\t{without_ending(line)}\n"
        for number, line in enumerate(lines, first_line)
    )


def task_text(
    action: str,
    *,
    region: str = "",
    instruction: str = "",
    diagnostics: Sequence[str] = (),
    extra: str = "",
    limits: str = "",
) -> str:
    """The last block of the prompt: the region, what is wanted, and the contract; `limits` is
    what may not be done here although the rules allow it."""
    parts = [
        region,
        tagged("diagnostics", "\n".join(diagnostics)) if diagnostics else "",
        tagged("conventions", extra) if extra else "",
        tagged("question" if action == "ask" else "instruction", instruction)
        if instruction
        else "",
        prompt_text(action),
        limits,
    ]
    body = "\n".join(part for part in parts if part)
    return f'<task action="{action}">\n{body}\n</task>'
