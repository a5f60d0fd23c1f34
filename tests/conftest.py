"""Fixtures that every test may ask for."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

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

# A shell lets what it starts in the background ignore Ctrl-C, and so would what tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection(session: pytest.Session) -> None:
    """Have the workers divide what takes longest in collecting, after which all collect all.

    pytest compiles each test module anew, with its assertions rewritten, and keeps what it has
    made: a worker that begins with its own share finds the others' made.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker.startswith("gw") or session.config.args != session.config.getini("testpaths"):
        return
    n_workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    modules = sorted(Path(__file__).parent.rglob("test_*.py"))
    for module in modules[int(worker[2:]) :: n_workers]:
        known = set(sys.modules)
        try:
            pytest.Module.from_parent(session, path=module).obj  # noqa: B018 - this imports it
        except (pytest.Collector.CollectError, pytest.skip.Exception):
            # The collection is to come upon it again, and tells of it.
            for name in set(sys.modules) - known:
                del sys.modules[name]
            return


def pytest_collection_finish(session: pytest.Session) -> None:
    """What thousands of tests and their modules are made of stays until the end: the search for
    garbage need not go through it again and again."""
    gc.freeze()
