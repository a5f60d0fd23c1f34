"""Fixtures that every test may ask for."""

from __future__ import annotations

import gc

import pytest
from hypothesis import settings

from support.standin_fixture import standin, standin_in_thread

__all__ = ["standin", "standin_in_thread"]

# How long an example takes says how busy the machine is.
# The same examples in each run, so that a change is judged by what it changes; `deep` looks for
# others (CONTRIBUTING.md).
settings.register_profile("kibitz", deadline=None, derandomize=True, database=None)
settings.register_profile("deep", deadline=None, max_examples=10_000)
settings.load_profile("kibitz")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What thousands of tests and their modules are made of stays until the end: the search for
    garbage need not go through it again and again."""
    gc.freeze()
