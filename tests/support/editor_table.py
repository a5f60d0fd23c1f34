"""Writes docs/editors.md: what works in which editor, each cell from a test that was run.

    pytest tests/clients/plain -m real --junitxml RESULTS.xml
    python tests/support/editor_table.py RESULTS.xml

The first argument adds what has passed, failed or been skipped to tests/clients/editors.json;
without one the page is only written anew from it.  `make editors` does both.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CELLS = ROOT / "tests" / "clients" / "editors.toml"
RESULTS = ROOT / "tests" / "clients" / "editors.json"
PAGE = ROOT / "docs" / "editors.md"

_SCENES = "tests/clients/plain/test_scenes.py"

_HEAD = (
    "# Editors\n\n"
    "kibitz needs no plugin: what follows is what each editor has with nothing but the lines that "
    "`kibitz setup` prints, see [clients](../clients/README.md).\n"
    "What a particular version of yours can do says `kibitz doctor --editor`: the server keeps "
    "what each editor last said of itself, its name, version and capabilities and nothing else, "
    "in the state folder, in `clients/`.\n\n"
    "The same scenes are played in every editor: in those that run on a machine without a screen "
    "by a user's own commands, in the others with the messages that were recorded of them or that "
    "their source sends.\n"
    "**yes** works as described; **~** is less than it could be, with how; **no** is not to be "
    "had there, with why.\n"
    "`make editors` plays them again and writes this page; each row names its test.\n\n"
)


def page(cells: Mapping[str, Any], results: Mapping[str, str]) -> str:
    """The page.  `results` has an outcome for each ``test_name[editor]``."""
    editors = cells["editor"]
    head = ["", *(editor["title"] for editor in editors)]
    rows = [head, ["---"] * len(head)]
    for feature in cells["feature"]:
        row = [f"{feature['title']} (`{feature['test']}`)"]
        for editor in editors:
            said = feature.get("cells", {}).get(editor["name"], "yes")
            row.append(_cell(said, results.get(f"{feature['test']}[{editor['name']}]")))
        rows.append(row)
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    played = "".join(f"- {editor['title']}: {editor['played']}.\n" for editor in editors)
    where = f"The tests are in [{_SCENES}](../{_SCENES}).\n"
    others = "".join(_other(client) for client in cells["unplayed"])
    return (
        f"{_HEAD}{table}\n## What was played\n\n{played}\n{where}"
        f"\n## What cannot be played\n\n{others}"
    )


def _other(client: Mapping[str, str]) -> str:
    return f"- {client['title']}, {client['seen']}: {client['why']}.\n"


def _cell(said: str, outcome: str | None) -> str:
    match outcome:
        case "passed":
            mark, _, rest = said.partition(" ")
            return f"**{mark.rstrip(':')}** {rest}".strip() if mark in ("yes", "~", "no:") else said
        case "failed":
            return "**fails**"
        case _:
            return "not played"


def outcomes(report: Path) -> dict[str, str]:
    """What became of each scene, by the JUnit report of a run."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.get("name", "")
        if not re.fullmatch(r"test_\w+\[[\w-]+\]", name):
            continue
        if case.find("skipped") is not None:
            outcome = "skipped"
        elif case.find("failure") is not None or case.find("error") is not None:
            outcome = "failed"
        else:
            outcome = "passed"
        found[name] = outcome
    return found


def main(arguments: list[str]) -> None:
    results: dict[str, str] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for report in arguments:
        for name, outcome in outcomes(Path(report)).items():
            # An editor that is not here says nothing about what was seen elsewhere.
            if outcome != "skipped" or name not in results:
                results[name] = outcome
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(page(tomllib.loads(CELLS.read_text()), results))


if __name__ == "__main__":
    main(sys.argv[1:])
