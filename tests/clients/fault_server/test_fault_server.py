"""Faults by a server that nobody here wrote: the same promises as in `test_fault_matrix`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from support.fault_rows import ACTIONS, COMPLETE, REVIEW, Action, hurry, observe
from support.fault_server import (
    PROGRAM,
    WITNESS_ROWS,
    Witness,
    WitnessRow,
    behaviors,
    fault_server,
)
from support.neovim import NEEDS_INSTALLING
from support.raw_client import EditorText
from support.workshop import EXAMPLE, Workshop, open_workshop

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]


@dataclass(frozen=True)
class Place:
    witness: Witness
    shop: Workshop
    text: EditorText


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    if not PROGRAM.exists():
        pytest.fail(NEEDS_INSTALLING.format(tool="llmock"), pytrace=False)
    with fault_server() as witness, pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        at = {"ANTHROPIC_BASE_URL": witness.url}
        folder = tmp_path_factory.mktemp("faults")
        async with open_workshop(folder, patch, environment=at) as shop:
            yield Place(witness, shop, await shop.open())


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
@pytest.mark.parametrize("row", WITNESS_ROWS, ids=lambda row: row.name)
async def test_every_fault_of_every_action(place: Place, row: WitnessRow, action: Action) -> None:
    place.witness.script(*behaviors(row, action))

    came = await observe(place.shop, place.text, action)

    assert place.witness.requests() == (row.requests if action.retries else 1)
    if row.told:
        (sentence,) = came.messages
        assert row.told in sentence
        assert came.end.startswith("Failed")
        assert came.buffer == EXAMPLE
    else:
        assert came.messages == ()
        assert came.buffer == action.after
        assert action is not REVIEW or len(came.diagnostics) == 2
    # llmock knows no stop sequences, so that a completion leaves as soon as it has what it needs.
    left = action is COMPLETE and not row.told
    assert came.ledger[-1][0] == ("cancelled" if left else row.outcome)
    assert came.still_reserved == 0
