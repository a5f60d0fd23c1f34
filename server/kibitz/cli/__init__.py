"""The command line: one module a command; results on stdout, everything else on stderr.

`run` imports nearly nothing by itself: `kibitz serve` goes through here before it answers
`initialize`.
"""

from __future__ import annotations


def run(arguments: list[str]) -> int:
    """Run `kibitz` with `arguments` (without the program's name); returns the exit code."""
    if arguments[:1] == ["serve"]:
        from kibitz.cli import serve

        return serve.run(arguments[1:])
    from kibitz.cli import main

    return main.run(arguments)
