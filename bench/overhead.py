"""A streamed reply through kibitz's client, beside the bare SDK's `create(stream=True)`.

Time to the first delta, from an endpoint that answers at once and from one that takes as long as a
quick model does, and CPU time per 1,000 deltas.  Each side is a process of its own that asks the
same stand-in for the same reply, in turn.  On kibitz's side is all that stands between an action
and the wire: breaker, continuation, ledger, budget, cache accounting, watchdog.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench import tables
from bench.startup import clean_environment
from kibitz.standin import Reply, StandIn

N_DELTAS = 4000
DELTA = "a few words "
RUNS = 15
WARMING_UP = 3
# Four events come before the first delta has been sent.
THINKING_SECONDS_PER_EVENT = 0.075

#: What each side has in common: a sign per request, and figures as an answer.
MEASURING = """
import asyncio, json, sys, time
PROMPT = dict(model="claude-sonnet-5-5", max_tokens=100_000)
async def main(stream):
    for line in sys.stdin:
        began, cpu, first, n = time.perf_counter(), time.process_time(), 0.0, 0
        async for is_delta in stream():
            if is_delta:
                first = first or time.perf_counter() - began
                n += 1
        print(json.dumps([first, time.process_time() - cpu, n]), flush=True)
"""

BARE = """
from anthropic import AsyncAnthropic
client = AsyncAnthropic(max_retries=0)
async def stream():
    events = await client.messages.create(
        **PROMPT, stream=True,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "Go on."}]}],
        thinking={"type": "between_tools"}, output_config={"effort": "medium"},
    )
    async for event in events:
        yield event.type == "content_block_delta"
asyncio.run(main(stream))
"""

OURS = """
from pathlib import Path
from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.breaker import Breaker
from kibitz.claude.spending.budget import Budget
from kibitz.claude.connection import Connection
from kibitz.claude.continuing import continued
from kibitz.claude.guarded import GuardedClaude
from kibitz.claude.spending.ledger import Ledger
from kibitz.claude.metered import MeteredClaude
from kibitz.claude.values import Block, Limits, Message, Prompt, Purpose, TextDelta
path = Path(sys.argv[1])
limits = Limits(100.0, 1000.0, 1000.0)
metered = MeteredClaude(AnthropicClaude(Connection()), Ledger(path), Budget(path, limits))
claude = GuardedClaude(metered, Breaker())
prompt = Prompt(
    "standard", PROMPT["model"], (Block("Be brief.", "5m"),),
    (Message("user", (Block("Go on."),)),), PROMPT["max_tokens"],
)
async def stream():
    async for event in continued(claude, prompt, Purpose("explain", "/bench")):
        yield isinstance(event, TextDelta)
asyncio.run(main(stream))
"""


class Side:
    """A process that sends one request each time it is told to."""

    def __init__(self, program: str, home: Path, standin: StandIn, *arguments: str) -> None:
        where = {"ANTHROPIC_BASE_URL": standin.base_url, "ANTHROPIC_API_KEY": "any"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", MEASURING + program, str(home / "ledger.sqlite"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(home, **where),
        )

    def ask(self) -> tuple[float, float]:
        """Seconds to the first delta, and seconds of CPU per 1,000 deltas."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        first, cpu, n_deltas = json.loads(self._process.stdout.readline())
        return first, cpu * 1000 / n_deltas

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench overhead")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    options = parser.parse_args(list(arguments))
    long = Reply([DELTA] * N_DELTAS)
    slow = Reply([DELTA] * 3, pace_seconds=THINKING_SECONDS_PER_EVENT)
    at_once, cpu = _measured(long)
    thinking, _ = _measured(slow)
    rows = [
        _row("first delta, ms, answered at once", at_once),
        _row(f"first delta, ms, after {THINKING_SECONDS_PER_EVENT * 4000:.0f} ms", thinking),
        _row("CPU per 1,000 deltas, ms", cpu),
    ]
    header = ("", "kibitz, median (min-max)", "bare SDK", "ratio")
    text = f"{RUNS} requests each, {N_DELTAS:,} deltas\n\n" + tables.table(header, rows)
    print(text)
    if options.write:
        tables.write("overhead", text)


Figures = tuple[list[float], list[float]]  # ours, and the bare SDK's, in milliseconds


def _measured(reply: Reply) -> tuple[Figures, Figures]:
    firsts: Figures = ([], [])
    cpus: Figures = ([], [])
    with tempfile.TemporaryDirectory() as folder, StandIn.in_thread() as standin:
        standin.when("", reply)
        with (
            contextlib.closing(Side(OURS, Path(folder), standin)) as ours,
            contextlib.closing(Side(BARE, Path(folder), standin)) as bare,
        ):
            for run in range(WARMING_UP + RUNS):
                for at, side in enumerate((ours, bare)):
                    first, cpu = side.ask()
                    if run >= WARMING_UP:
                        firsts[at].append(first * 1000)
                        cpus[at].append(cpu * 1000)
    return firsts, cpus


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    ours, bare = figures
    return name, _spread(ours), _spread(bare), f"{median(ours) / median(bare):.2f}"


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


if __name__ == "__main__":
    main(sys.argv[1:])
