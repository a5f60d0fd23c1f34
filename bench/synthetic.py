"""Repositories of any size, made from a seed: modules of words that import and call each other.

The same seed and number of files give the same commit on any machine.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

_WORD_LIST = (
    "account balance buffer cache client config context cursor customer document encoder event "
    "filter handler index invoice ledger message metric node order packet parser payment queue "
    "record region request response route schedule session signal snapshot stream token user"
)
WORDS = _WORD_LIST.split()
# Of ten files.
_ENDINGS = ("py",) * 6 + ("ts",) * 3 + ("go",)
_FILES_OF_A_FOLDER = 50
_LATER_COMMITS = 40
_AUTHOR = b"Ada <ada@example.org> 1767323045 +0000"


def make(root: Path, n_files: int, seed: int = 5) -> int:
    """A repository of `n_files` at `root`, checked out; its size in bytes.

    The last commits change a few files each, so that there is a history.
    """
    root.mkdir(parents=True)
    _git(root, "init", "-q", "-b", "main")
    chance = random.Random(seed)
    paths = [_path(number) for number in range(n_files)]
    n_bytes = 0
    importer = subprocess.Popen(["git", "fast-import", "--quiet"], cwd=root, stdin=subprocess.PIPE)
    stream = importer.stdin
    assert stream is not None
    stream.write(_commit_header("all"))
    for number, path in enumerate(paths):
        text = _text(chance, number, n_files).encode()
        n_bytes += len(text)
        stream.write(_file(path, text))
    for change in range(_LATER_COMMITS):
        stream.write(b"\n" + _commit_header(f"change {change}"))
        for number in chance.sample(range(n_files), min(4, n_files)):
            stream.write(_file(paths[number], _text(chance, number, n_files).encode()))
    stream.close()
    if importer.wait():
        raise RuntimeError("git fast-import has failed")
    _git(root, "reset", "-q", "--hard")
    return n_bytes


def _path(number: int) -> str:
    ending = _ENDINGS[number % len(_ENDINGS)]
    word = WORDS[number % len(WORDS)]
    folder = number // _FILES_OF_A_FOLDER
    return f"area{folder // 20}/part{folder:03}/{word}_{number}.{ending}"


def _text(chance: random.Random, number: int, n_files: int) -> str:
    others = [chance.randrange(n_files) for _ in range(4)]
    return "".join(_LANGUAGES[_ENDINGS[number % len(_ENDINGS)]](chance, number, others))


def _python(chance: random.Random, number: int, others: list[int]) -> Iterator[str]:
    yield "from __future__ import annotations\n\n"
    for other in others:
        yield f"from part{other // _FILES_OF_A_FOLDER:03} import {_name(other, 0)}\n"
    yield f"\n\nclass {_name(number, 0).title().replace('_', '')}:\n"
    for index in range(chance.randint(3, 14)):
        first, second = chance.sample(WORDS, 2)
        yield (
            f"    def {_name(number, index)}(self, {second}: str, limit: int = {index}) -> str:\n"
            f'        """Handles the {first} of a {second}."""\n'
            f"        {first} = [{second} for _ in range(limit)]\n"
            f"        if len({first}) > limit:\n"
            f"            return {_name(chance.choice(others), 0)}({second}, limit=limit + 1)\n"
            f'        return "{chance.choice(WORDS)}".join({first})\n\n'
        )


def _typescript(chance: random.Random, number: int, others: list[int]) -> Iterator[str]:
    for other in others:
        yield f'import {{ {_name(other, 0)} }} from "../{_path(other).rpartition(".")[0]}";\n'
    yield f"\nexport class {_name(number, 0).title().replace('_', '')} {{\n"
    for index in range(chance.randint(3, 14)):
        first, second = chance.sample(WORDS, 2)
        yield (
            f"  // Handles the {first} of a {second}.\n"
            f"  {_name(number, index)}({second}: string, limit: number): string {{\n"
            f"    const {first} = [{second}, this.{second}];\n"
            f"    if ({first}.length > limit) {{\n"
            f"      return {_name(chance.choice(others), 0)}({second}, limit + 1);\n"
            f"    }}\n    return {first}.join('{chance.choice(WORDS)}');\n  }}\n\n"
        )
    yield "}\n"


def _go(chance: random.Random, number: int, others: list[int]) -> Iterator[str]:
    yield f'package part\n\nimport "fmt"\n\ntype {_name(number, 0).title()} struct {{\n'
    yield "\tname string\n}\n\n"
    for index in range(chance.randint(3, 14)):
        first, second = chance.sample(WORDS, 2)
        yield (
            f"// {_name(number, index)} handles the {first} of a {second}.\n"
            f"func {_name(number, index)}({second} string, limit int) string {{\n"
            f"\t{first} := fmt.Sprint({second}, limit)\n"
            f"\tif len({first}) > limit {{\n"
            f"\t\treturn {_name(chance.choice(others), 0)}({second}, limit+1)\n\t}}\n"
            f"\treturn {first}\n}}\n\n"
        )


_LANGUAGES = {"py": _python, "ts": _typescript, "go": _go}


def _name(number: int, index: int) -> str:
    first, second = WORDS[number % len(WORDS)], WORDS[(number // 7) % len(WORDS)]
    return f"{first}_{second}_{number}_{index}" if index else f"{first}_{second}_{number}"


def _commit_header(message: str) -> bytes:
    data = message.encode()
    return b"commit refs/heads/main\ncommitter %s\ndata %d\n%s\n" % (_AUTHOR, len(data), data)


def _file(path: str, text: bytes) -> bytes:
    return b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(text), text)


def _git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True)
