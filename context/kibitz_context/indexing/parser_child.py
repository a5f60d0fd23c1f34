"""The process in which texts are parsed for another one.

It is begun as ``python -m kibitz_context.indexing.parser_child``, and answers each line of JSON
with one.  It imports what a parser needs and nothing else: there may be several of these beside
whoever reads the repository, and their memory counts as often.
"""

from __future__ import annotations

import binascii
import sys
from collections.abc import Mapping
from typing import Any

from kibitz_context.child import Parent
from kibitz_context.texts import packing, symbols


def main() -> None:
    """Parse what the parent says, until it is silent for long or gone."""
    seconds = next((each for each in sys.argv[1:] if not each.startswith("-")), None)
    idle_seconds = float(seconds) if seconds is not None else None
    parent = Parent()
    while (said := parent.said(idle_seconds)) is not None:
        parent.answer(_answer(said))


def _answer(said: Mapping[str, Any]) -> dict[str, Any]:
    if "parse" in said:
        found = symbols.symbols(said["parse"], said["text"])
        return {"parsed": binascii.b2a_base64(packing.written(found), newline=False).decode()}
    from kibitz_context.texts import syntax_faults

    return {"faults": syntax_faults.syntax_faults(said["faults_in"], said["text"])}


if __name__ == "__main__":
    main()
