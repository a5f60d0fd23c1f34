"""Fixtures that every test may ask for."""

from __future__ import annotations

from support.standin_fixture import standin, standin_in_thread

__all__ = ["standin", "standin_in_thread"]
