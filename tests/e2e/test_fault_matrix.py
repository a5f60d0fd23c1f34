"""Every fault for every action: what the user saw, the state of the buffer, the money counted.

One server and one editor for all of them, as for a user on a bad day: a fault must leave nothing
behind that the next request could stumble over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from support.fault_rows import ACTIONS, REVIEW, ROWS, Action, Row, hurry, play
from support.raw_client import EditorText
from support.workshop import EXAMPLE, Workshop, open_workshop

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What two tokens of output cost: an estimate of a text may be off by as much.
ROUNDING_USD = 2 * 10e-6


@dataclass(frozen=True)
class Place:
    shop: Workshop
    text: EditorText


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        async with open_workshop(tmp_path_factory.mktemp("faults"), patch) as shop:
            yield Place(shop, await shop.open())


@pytest.mark.parametrize(
    ("row", "action"),
    [
        pytest.param(row, action, id=f"{row.phase}: {row.name}-{action.name}")
        for row in ROWS
        for action in ACTIONS
        if row.is_for(action)
    ],
)
async def test_every_fault_of_every_action(place: Place, row: Row, action: Action) -> None:
    came = await play(place.shop, place.text, action, row)

    # The user hears of it once, and of nothing where nothing is wrong.
    if row.goes_well:
        assert came.messages == ()
        assert not came.end.startswith("Failed")
    else:
        (sentence,) = came.messages
        assert row.told_for(action) in sentence
        assert sentence.endswith((".", "?"))
        assert "Traceback" not in sentence
        assert came.end.startswith("Failed")

    # Their text is as it was, or as it should be.
    assert came.buffer == (action.after if row.goes_well else EXAMPLE)
    if action is REVIEW:
        if row.goes_well:
            assert len(came.diagnostics) == 2
        elif row.phase == "before" or "refusal" in row.name:
            assert came.diagnostics == came.diagnostics_before

    # Every cent is counted, and nothing stays reserved.
    assert came.requests == row.requests_for(action)
    assert came.ledger[-1][0] == row.outcome
    assert came.still_reserved == 0
    assert came.prompt_usd <= came.counted_usd + 1e-9
    assert came.counted_usd <= came.billed_usd + ROUNDING_USD
    if row.outcome == "finished" or (row.phase == "end" and row.name != "no message_delta"):
        assert came.counted_usd == pytest.approx(came.billed_usd)
