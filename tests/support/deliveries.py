"""A delivery of two edits into a fake editor, as the tests of `kibitz.delivery` begin."""

from __future__ import annotations

import asyncio
import dataclasses

from kibitz.delivery import Conflict, Delivery
from kibitz.edits.values import LineEdit
from kibitz.profiles import PLAIN, Profile
from kibitz_context.lines import split_lines
from support.fake_editor import (
    EGLOT,
    HONEST,
    NEOVIM,
    PATIENT_NEOVIM,
    URI,
    VSCODE,
    ZED,
    FakeEditor,
)

QUICK = dataclasses.replace(
    PLAIN, shortest_interval_seconds=0.0, longest_interval_seconds=0.0, held_lines=0
)

CAREFUL = [HONEST, VSCODE, NEOVIM, PATIENT_NEOVIM, EGLOT, ZED]

BEFORE = "import os\n\ndef f(x):\n    y = x\n    return y\n\nprint(f(1))\n"
REGION = (2, 5)
EDITS = (LineEdit(0, 1, ("def f(x: int) -> int:\n",)), LineEdit(1, 3, ("    return x\n",)))
AFTER = "import os\n\ndef f(x: int) -> int:\n    return x\n\nprint(f(1))\n"


def delivery_in(
    editor: FakeEditor,
    region: tuple[int, int] = REGION,
    *,
    profile: Profile | None = None,
    **options: bool,
) -> Delivery:
    """A delivery into a region; the profile is that of the editor's manners, or `profile`."""
    lines = split_lines(editor.buffer)[region[0] : region[1]]
    manners = editor.manners
    if profile is None:
        versions = "transformed" if manners.transforms else "ignored"
        profile = QUICK if manners.checks_version else dataclasses.replace(QUICK, versions=versions)
    delivery = Delivery(editor, profile, URI, region[0], lines, **options)
    editor.watch(delivery)
    return delivery


async def finish(editor: FakeEditor, delivery: Delivery) -> str | None:
    """Let everything happen; returns why the delivery stopped, None when it did not."""
    ending = asyncio.ensure_future(delivery.finish())
    await editor.settle()
    try:
        await asyncio.wait_for(ending, 1)
    except Conflict as conflict:
        return conflict.sentence
    return None
