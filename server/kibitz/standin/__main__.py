"""``python -m kibitz.standin``: the stand-in as a process, for editors and other languages."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from pathlib import Path

from kibitz.standin.clock import Clock
from kibitz.standin.script_file import ScriptFile, read_script
from kibitz.standin.standin import StandIn


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m kibitz.standin",
        description="A stand-in for the Messages API on loopback. Its URL is the first line of "
        "its output. It answers with scripted replies and costs nothing.",
    )
    parser.add_argument("--port", type=int, default=0, help="the port (default: a free one)")
    parser.add_argument("--script", type=Path, help="replies and rules as JSON")
    parser.add_argument(
        "--pace", type=float, default=0.0, metavar="SECONDS", help="wait before each event"
    )
    parser.add_argument(
        "--batch-seconds", type=float, default=0.0, metavar="SECONDS", help="how long a batch takes"
    )
    arguments = parser.parse_args()
    script = None
    if arguments.script is not None:
        try:
            script = read_script(json.loads(arguments.script.read_text("utf-8")))
        except (OSError, ValueError) as problem:
            parser.error(f"{arguments.script}: {problem}")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments.port, arguments.pace, arguments.batch_seconds, script))
    return 0


async def _serve(
    port: int, pace_seconds: float, batch_seconds: float, script: ScriptFile | None
) -> None:
    async with StandIn(
        port=port,
        clock=Clock.real(),
        pace_seconds=pace_seconds,
        batch_seconds=batch_seconds,
        control=True,
    ) as standin:
        if script is not None:
            standin.load_script(script)
        sys.stdout.write(f"{standin.base_url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
