"""The process of `llama_server`: serves a model, prints its address, ends with its standard input.

At the latest that is when the process which started it ends, however it does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

#: Prompt and reply together: room for what the tests ask, and an end to what the model says,
#: which left to itself goes on until the context is full.
CONTEXT_TOKENS = 4608


def serve(model: Path, *, takes_tools: bool, grammar: str) -> None:
    """Serve until standard input ends."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.port = 0
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.use_jinja = takes_tools
    params.ui = False
    params.warmup = False
    # One thread: several wait for each other at every layer, for ever longer as other programs
    # take their processors away.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    # The likeliest word each time, so that a test sees the same reply on every run.
    params.sampling.temp = 0.0
    if grammar:
        kind = xllamacpp.common_grammar_type.COMMON_GRAMMAR_TYPE_USER
        params.sampling.grammar = xllamacpp.CommonGrammar(kind, grammar)
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--no-tools", action="store_true", help="without the chat template")
    parser.add_argument("--grammar", default="", help="what every reply is made to follow")
    given = parser.parse_args()
    serve(given.model, takes_tools=not given.no_tools, grammar=given.grammar)
