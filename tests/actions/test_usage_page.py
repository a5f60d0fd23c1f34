"""The page about what was spent."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz import paths
from kibitz.actions import pages
from kibitz.actions.values import Said
from kibitz.backend import Backend
from kibitz.claude.spending.budget import Budget, Planned, Reservation
from kibitz.claude.spending.ledger import Settlement, SoFar
from kibitz.claude.values import Limits, Purpose, Usage
from kibitz.settings import DEFAULTS


@pytest.mark.parametrize(
    ("cost_usd", "first_line", "last_cell"),
    [
        (0.5, "1 request in 30 days, cost $0.50; the cache saved $0.25.", "$0.50"),
        (None, "1 request in 30 days, cost unknown.", "unknown"),
    ],
)
async def test_the_page(
    tmp_path: Path, cost_usd: float | None, first_line: str, last_cell: str
) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    backend = Backend(DEFAULTS, environ)
    ledger = backend.ledger()
    assert ledger.path == paths.ledger_file(environ)
    budget = Budget(ledger.path, Limits())
    reservation = budget.reserve(Planned(Purpose("ask"), "standard", "m", cost_usd))
    assert isinstance(reservation, Reservation)
    saved_usd = None if cost_usd is None else cost_usd / 2
    so_far = SoFar(Usage(input_tokens=100, cache_read_tokens=300), cost_usd, saved_usd)
    ledger.settle(reservation.request, Settlement("finished", so_far))
    (said,) = [step async for step in pages.usage(backend)]
    budget.close()
    await backend.aclose()

    assert isinstance(said, Said)
    lines = said.text.splitlines()
    assert lines[0] == first_line
    cells = [cell.strip() for cell in lines[-1].split("|")]
    assert cells[2:5] == ["1", "400", "75%"]
    assert cells[-2] == last_cell
