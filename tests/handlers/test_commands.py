"""The commands that are announced are those that there are."""

from __future__ import annotations

from unittest.mock import Mock

from kibitz.handlers.commands import Commands
from kibitz.handlers.completions import Completions
from kibitz.protocol.announce import COMMANDS


def test_every_announced_command_has_a_handler_and_the_other_way_round() -> None:
    names = (*Commands(Mock()).names, *Completions(Mock()).names)
    assert sorted(names) == sorted(COMMANDS)
