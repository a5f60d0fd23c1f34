"""What else could be put into the prompt: BM25 over chunks of files, and aider's repository map."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import log
from pathlib import Path

from bench.packers import PEERS
from kibitz_context.texts.words import word_counts
from kibitz_context.tokens import CHARACTERS_PER_TOKEN, estimate

CHUNK_LINES = 40

# BM25's usual constants.
_SATURATION = 1.2
_LENGTH = 0.75


class Chunks:
    """Files in chunks of `CHUNK_LINES` lines, ranked by BM25; any number of trees, each once."""

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[int, int, Mapping[str, int]]]] = {}
        self._lines: dict[str, list[str]] = {}

    def has(self, blob: str) -> bool:
        return blob in self._known

    def add(self, blob: str, text: str) -> None:
        lines = text.split("\n")
        self._lines[blob] = lines
        self._known[blob] = [
            (start, start + CHUNK_LINES, word_counts("\n".join(lines[start : start + CHUNK_LINES])))
            for start in range(0, len(lines), CHUNK_LINES)
        ]

    def packed(self, tree: Mapping[str, str], query: Mapping[str, int], max_tokens: int) -> str:
        """The best chunks of the files of `tree` (path → blob) that fit."""
        chunks = [
            (path, start, end, counts)
            for path in sorted(tree)
            for start, end, counts in self._known.get(tree[path], ())
        ]
        lengths = [sum(counts.values()) for _, _, _, counts in chunks]
        mean = sum(lengths) / max(1, len(lengths)) or 1.0
        holders: dict[str, list[int]] = defaultdict(list)
        for number, (_, _, _, counts) in enumerate(chunks):
            for word in query.keys() & counts.keys():
                holders[word].append(number)
        scores: dict[int, float] = defaultdict(float)
        for word in sorted(holders):
            having = holders[word]
            rarity = log(1 + (len(chunks) - len(having) + 0.5) / (len(having) + 0.5))
            for number in having:
                uses = chunks[number][3][word]
                norm = _SATURATION * (1 - _LENGTH + _LENGTH * lengths[number] / mean)
                scores[number] += rarity * uses * (_SATURATION + 1) / (uses + norm)
        parts: list[str] = []
        room = int(max_tokens * CHARACTERS_PER_TOKEN)
        for number in sorted(scores, key=lambda each: (-scores[each], each)):
            path, start, end, _ = chunks[number]
            part = "\n".join((f"{path}:", *self._lines[tree[path]][start:end], ""))
            if len(part) <= room:
                room -= len(part)
                parts.append(part)
            if room < 200:
                break
        return "".join(parts)


# It counts tokens as we do, so that all have the same room.
_AIDER = f"""
import json, sys
from pathlib import Path
from aider.io import InputOutput
from aider.repomap import RepoMap

class Model:
    @staticmethod
    def token_count(text):
        return len(text) / {CHARACTERS_PER_TOKEN}

root = Path(sys.argv[1])
io = InputOutput(pretty=False, yes=True)
maps = {{}}
for line in sys.stdin:
    asked = json.loads(line)
    tokens = asked["max_tokens"]
    if tokens not in maps:
        maps[tokens] = RepoMap(map_tokens=tokens, root=str(root), main_model=Model(), io=io)
    text = maps[tokens].get_repo_map(
        [str(root / asked["given"])],
        [str(root / path) for path in asked["others"]],
        mentioned_fnames=set(),
        mentioned_idents=set(asked["names"]),
        force_refresh=True,
    )
    print(json.dumps(text or ""), flush=True)
"""


class AiderMap:
    """aider's repository map of the work tree at `root`, by one long-lived process."""

    PYTHON = PEERS / "python"

    def __init__(self, root: Path, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [str(self.PYTHON), "-c", _AIDER, str(root)],
            cwd=home,
            # One hash seed: with another one its maps are others.
            env={"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    @classmethod
    def is_there(cls) -> bool:
        return cls.PYTHON.exists()

    def map(self, given: str, others: Sequence[str], names: Sequence[str], max_tokens: int) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        asked = {"given": given, "others": others, "names": names, "max_tokens": max_tokens}
        stdin.write(json.dumps(asked) + "\n")
        stdin.flush()
        # aider itself may print; only our own lines are JSON texts.
        while line := stdout.readline():
            if line.startswith('"'):
                text = json.loads(line)
                assert estimate(text) <= 1.3 * max_tokens
                return str(text)
        raise RuntimeError("aider's map ended")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
