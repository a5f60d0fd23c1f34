"""The documents are true: every name that the code has stands in them, and none that it has not."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import pytest

from kibitz.handlers import arguments
from kibitz.protocol import extensions

ROOT = Path(__file__).parents[1]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        (extensions.STATUS, extensions.StatusParams),
        (extensions.STREAM, extensions.StreamParams),
        (extensions.APPLY_EDIT, extensions.ApplyEditParams),
    ],
)
def test_each_extension_is_documented_with_exactly_its_fields(method: str, params: type) -> None:
    section = PROTOCOL.partition(f"## `{method}`")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))

    assert documented == set(typing.get_type_hints(params))


def test_each_argument_of_a_command_is_documented() -> None:
    section = PROTOCOL.partition("## Commands")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \| ", section, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert documented == set(arguments._KEYS)


def test_every_relative_link_in_the_documents_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("clients/**/*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        if "node_modules" not in page.parts
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]

    assert broken == []
