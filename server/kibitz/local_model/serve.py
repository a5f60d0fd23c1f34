"""The process of a local model: loads it, serves it on loopback, and ends with its parent.

It is told everything in its first line of input, the key above all, which would be seen by all
users of the machine among a program's arguments.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import Any

from kibitz_context.child import Parent

# What llama.cpp may keep of earlier prompts in memory, so that the tiers' prefixes survive each
# other.
_CACHE_MEBIBYTES = 1_024
# An unused model gives its memory back, and is loaded again by the next request.
_IDLE_SECONDS = 1_800
_ERRORS_ONLY = 1


def main() -> None:
    parent = Parent()
    wanted = parent.said()
    assert wanted is not None, "without a timeout there is something, or this process has ended"
    parent.answer(_serve(wanted))
    # The end of the input ends this process.
    parent.said()


def _serve(wanted: Mapping[str, Any]) -> dict[str, str]:
    """Load the model and serve it; gives the address, or what is in the way."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = wanted["model"]
    params.model_alias = {wanted["name"]}
    params.n_ctx = wanted["context_tokens"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = wanted["threads"]
    params.port = 0
    params.api_keys = [wanted["key"]]
    params.n_parallel = 1
    params.use_jinja = True
    params.cache_ram_mib = _CACHE_MEBIBYTES
    params.sleep_idle_seconds = _IDLE_SECONDS
    # Nothing but what is asked: no page, no list of what was said, nothing for other origins.
    params.ui = False
    params.endpoint_slots = False
    params.cors_origins = ""
    params.warmup = False
    params.verbosity = _ERRORS_ONLY
    # llama.cpp says why it cannot load a model on standard error alone, and holds Python still
    # meanwhile: a file takes what it says without anybody's reading.
    before = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            server = xllamacpp.Server(params)
        except Exception as error:  # noqa: BLE001 - of a binding, whose exceptions have no base
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").strip().splitlines()
            return {"problem": lines[-1] if lines else str(error)}
        finally:
            os.dup2(before, 2)
            os.close(before)
    _running.append(server)
    return {"address": server.listening_address}


# A server that nobody holds is stopped.
_running: list[Any] = []


if __name__ == "__main__":
    main()
