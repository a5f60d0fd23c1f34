"""Run all parts, or those that are named: `python -m bench startup edits`.

What follows the name of a single part, from the first option on, is that part's own:
`python -m bench recall --repositories PATH`.
"""

from __future__ import annotations

import importlib
import itertools
import sys

PARTS = (
    "startup",
    "first_byte",
    "overhead",
    "faults",
    "context",
    "edits",
    "delivery",
    "delivery_cpu",
    "neovim",
    "index",
    "recall",
    "cost_replay",
    "completion",
    "conversations",
    "review",
    "determinism",
)


def main(arguments: list[str]) -> int:
    names = list(itertools.takewhile(lambda each: not each.startswith("-"), arguments))
    options = arguments[len(names) :]
    if options and len(names) != 1:
        print("Options belong to one part, which is named before them.", file=sys.stderr)
        return 2
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"There is no bench {unknown[0]!r}; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    for name in names or PARTS:
        module = importlib.import_module(f"bench.{name}")
        print(f"\n== {name}: {(module.__doc__ or '').splitlines()[0]}\n", flush=True)
        module.main(options) if options else module.main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
