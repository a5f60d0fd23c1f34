"""``python -m kibitz.standin``: the stand-in as a process, for editors and other languages."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from kibitz.standin.clock import START, Clock
from kibitz.standin.standin import StandIn


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m kibitz.standin",
        description="A stand-in for the Messages API on loopback. Its URL is the first line of "
        "its output. It answers with scripted replies and costs nothing.",
    )
    parser.add_argument("--port", type=int, default=0, help="the port (default: a free one)")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments.port))
    return 0


async def _serve(port: int) -> None:
    async with StandIn(port=port, clock=Clock(START, running=True)) as standin:
        sys.stdout.write(f"{standin.base_url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
