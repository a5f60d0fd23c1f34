"""Puts what a bench has measured into `docs/benchmarks.md`, each in its own marked section.

A section stands between two comments that name it.  Writing replaces what is between them and
nothing else, so that the prose of the page is a person's and its figures are a command's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"

_TITLE = "# Benchmarks\n"
_SECTION_NAME = re.compile(r"[a-z][a-z0-9-]*\Z")


def write(section: str, markdown: str, page: Path | None = None) -> None:
    """Replace the section `section` of the page by `markdown`; a new one is put at the end.

    `section` is a short name of lower-case letters, digits and hyphens; anything else is a bug.
    `page` is `PAGE` unless it is given.
    """
    if not _SECTION_NAME.match(section):
        raise ValueError(f"not a name of a section: {section!r}")
    page = PAGE if page is None else page
    begin, end = f"<!-- begin {section} -->\n", f"<!-- end {section} -->\n"
    # Anybody's marker inside the text would cut the page in the wrong place next time.
    if "<!-- begin " in markdown or "<!-- end " in markdown:
        raise ValueError("the text of a section holds a marker")
    made = f"{begin}{markdown.strip()}\n{end}"
    text = page.read_text(encoding="utf-8") if page.exists() else _TITLE
    head, found, rest = text.partition(begin)
    if not found:
        text = f"{text.rstrip()}\n\n{made}"
    else:
        _, closed, tail = rest.partition(end)
        if not closed:
            raise ValueError(f"{page.name}: the section {section!r} has no end")
        text = f"{head}{made}{tail}"
    page.write_text(text, encoding="utf-8")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, all others to the right."""
    lines = [header, [":---", *("---:" for _ in header[1:])], *rows]
    return "".join(f"| {' | '.join(_cell(value) for value in line)} |\n" for line in lines)


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")
