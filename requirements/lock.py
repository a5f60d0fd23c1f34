"""Write the lock files anew: one a dependency group, with hashes, for every platform.

Run by `make lock`. `run.txt` is what a user gets plus the build backend, `test.txt` adds what
`make test` needs, `real.txt` holds only what `make test-real` needs on top.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text())
RUN = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"], "editables"]
GROUPS = PROJECT["dependency-groups"]


def compile_lock(name: str, requirements: list[str], *options: str) -> None:
    """Resolve `requirements` into requirements/NAME.txt."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{name}.in"
        source.write_text("\n".join(requirements) + "\n")
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal",
             "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url",
             "--no-annotate", "--no-header", *options,
             "--output-file", str(HERE / f"{name}.txt"), str(source)],
            check=True,
        )  # fmt: skip


compile_lock("run", RUN)
compile_lock("test", [*RUN, *GROUPS["test"]], "--constraint", str(HERE / "run.txt"))
compile_lock("real", GROUPS["real"], "--no-deps")
