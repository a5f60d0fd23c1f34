"""The command line: one module a command; results on stdout, everything else on stderr."""


def run(arguments: list[str]) -> int:
    raise NotImplementedError
