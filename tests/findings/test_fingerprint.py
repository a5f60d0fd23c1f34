"""The identity of a finding: what changes it and what does not."""

from __future__ import annotations

from dataclasses import replace

from kibitz.findings.fingerprint import fingerprint
from kibitz.findings.values import Finding

LINES = ["try:\n", "    a()\n", "except Exception:\n", "    pass\n"]
FINDING = Finding(
    "src/app.py", "warning", "errors", 3, 4, "except Exception:", "Too broad", "Catch less."
)


def test_it_survives_moves_and_other_words() -> None:
    moved = replace(FINDING, start_line=5, end_line=6)
    reworded = replace(FINDING, title="Broad except", message="Other words.", severity="error")
    blanks = replace(FINDING, quote="  except  Exception:\n", category="Errors")

    assert fingerprint(moved, ["x\n", "\n", *LINES]) == fingerprint(FINDING, LINES)
    assert fingerprint(reworded, LINES) == fingerprint(FINDING, LINES)
    assert fingerprint(blanks, LINES) == fingerprint(FINDING, LINES)


def test_it_tells_findings_apart() -> None:
    twice = [*LINES, *LINES]
    second = replace(FINDING, start_line=7, end_line=8)
    others = [
        replace(FINDING, path="src/other.py"),
        replace(FINDING, category="security"),
        replace(FINDING, quote="except ValueError:"),
    ]

    assert fingerprint(second, twice) != fingerprint(FINDING, twice)
    assert fingerprint(FINDING, LINES) not in {fingerprint(other, LINES) for other in others}


def test_it_is_the_same_on_every_machine() -> None:
    assert fingerprint(FINDING, LINES) == "6384d2db8ca97a64ccf0d1062938d15e"
