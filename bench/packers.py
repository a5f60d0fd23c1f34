"""Programs that make one long text of a repository, kibitz among them: how each is run.

Every run is a process of its own with a hash seed that the caller gives.  The others live in
`.cache`, where `make bench-peers` puts them; what is not there says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(".cache/peers/bin").resolve()
NODE_PEERS = Path(".cache/peers-node/node_modules/.bin").resolve()
TIMEOUT_SECONDS = 1_800.0

# What kibitz sends in front of a question: prepared, planned and remembered as for a request.
_KIBITZ = """
import sys
from pathlib import Path
from kibitz_context.caching import prefix
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import gather
from kibitz_context.indexer import Request, prepare
from kibitz_context.files.repository import Repository

root, cache, max_tokens = Path(sys.argv[1]), Path.cwd() / "cache", int(sys.argv[2])
repository = Repository.find(root)
gate = Gate(repository.root)
prepared = prepare(Request.of(repository, gate, max_tokens), cache_folder=cache)
assert prepared.problem is None, prepared.problem
context = gather(
    repository, gate, max_tokens=max_tokens, cache=cache, prefix=prefix.PrefixRequest("a-model")
)
assert not context.provisional
prefix.began(context)
sys.stdout.buffer.write((context.snapshot.text + context.changes.text).encode())
"""

# The tokenizer is one line: the real one would fetch its table, and it does not change the order.
_AIDER = """
import subprocess, sys
from pathlib import Path
from aider.io import InputOutput
from aider.repomap import RepoMap

class Model:
    @staticmethod
    def token_count(text):
        return len(text) // 4

root, max_tokens = Path(sys.argv[1]), int(sys.argv[2])
listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
files = [str(root / name) for name in listed.stdout.decode().split("\\0") if name]
io = InputOutput(pretty=False, yes=True)
repository_map = RepoMap(map_tokens=max_tokens, root=str(root), main_model=Model(), io=io)
sys.stdout.buffer.write((repository_map.get_repo_map([], files) or "").encode())
"""


@dataclass(frozen=True)
class Packer:
    """A program: its name, the file that must be there, and the command for a repository.

    `output` is the file that it writes into the current folder; None: it writes to stdout.
    """

    name: str
    needs: Path
    command: Callable[[Path], Sequence[str]]
    output: str | None = None

    @property
    def is_there(self) -> bool:
        return self.needs.exists()

    def pack(self, root: Path, scratch: Path, hash_seed: int) -> bytes:
        """The text for the repository at `root`.  Raises CalledProcessError.

        `scratch` is the current folder, and what is in there is remembered between runs.
        """
        scratch.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            self.command(root),
            cwd=scratch,
            env=_environment(scratch, hash_seed),
            capture_output=True,
            check=True,
            timeout=TIMEOUT_SECONDS,
        )
        return done.stdout if self.output is None else (scratch / self.output).read_bytes()


def _environment(scratch: Path, hash_seed: int) -> Mapping[str, str]:
    """Nothing of the user's, and nobody's network."""
    return {
        **os.environ,
        "HOME": str(scratch),
        "PYTHONHASHSEED": str(hash_seed),
        "NO_COLOR": "1",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "AIDER_ANALYTICS": "false",
    }


def kibitz(max_tokens: int) -> Packer:
    return Packer(
        f"kibitz, {max_tokens:,} tokens",
        Path(sys.executable),
        lambda root: [sys.executable, "-c", _KIBITZ, str(root), str(max_tokens)],
    )


def aider(max_tokens: int) -> Packer:
    return Packer(
        f"aider's map, {max_tokens:,} tokens",
        PEERS / "aider",
        lambda root: [str(PEERS / "python"), "-c", _AIDER, str(root), str(max_tokens)],
    )


GITINGEST = Packer(
    "gitingest, all files",
    PEERS / "gitingest",
    lambda root: [str(PEERS / "gitingest"), str(root), "-o", "packed.txt"],
    "packed.txt",
)
CODE2PROMPT = Packer(
    "code2prompt, all files",
    PEERS / "code2prompt",
    lambda root: [str(PEERS / "code2prompt"), "--path", str(root), "--output", "packed.md"],
    "packed.md",
)
REPOMIX = Packer(
    "repomix, all files",
    NODE_PEERS / "repomix",
    lambda root: [str(NODE_PEERS / "repomix"), str(root), "-o", "packed.xml"],
    "packed.xml",
)
