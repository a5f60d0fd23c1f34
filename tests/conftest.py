"""Fixtures that every test may ask for."""

from __future__ import annotations

from hypothesis import settings

from support.standin_fixture import standin, standin_in_thread

__all__ = ["standin", "standin_in_thread"]

# How long an example takes says how busy the machine is.
settings.register_profile("kibitz", deadline=None)
settings.register_profile("deep", deadline=None, max_examples=100_000)
settings.load_profile("kibitz")
