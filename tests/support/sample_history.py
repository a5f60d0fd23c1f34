"""A repository with a past: several languages, references among files, and commits that vary.

Everything about it follows from the arguments, its commit ids included.
"""

from __future__ import annotations

import random
from pathlib import Path

from support.git_folder import GitFolder, git_folder

_NAME_LIST = "account buffer cursor event invoice ledger order packet queue record route token"
_NAMES = _NAME_LIST.split()


def sample_history(root: Path, *, n_commits: int = 12, seed: int = 7) -> GitFolder:
    """A new repository at `root`; later commits change some files far more often than others."""
    chance = random.Random(seed)
    made = git_folder(root)
    files: dict[str, str | bytes] = {
        "README.md": "# Sample\n\nOrders go in, invoices come out.\n",
        "CONTRIBUTING.md": "Write tests, and name things after what they are.\n",
        "docs/naïve ideas.md": "Später: 漢字, 😋 and \u0130stanbul.\n",
        "windows.py": "A = 1\r\nB = 2\r\n",
        "package-lock.json": "{}\n",
        "logo.png": b"\x89PNG\r\n\x1a\n\0\0",
    }
    for number, name in enumerate(_NAMES):
        uses = chance.sample(_NAMES, 3)
        files[f"src/{name}.py"] = _python(name, uses, number)
        files[f"web/{name.title()}.ts"] = _typescript(name, uses[0])
        files[f"tests/test_{name}.py"] = (
            f"from src.{name} import make_{name}\n\n\n"
            f"def test_{name}():\n    assert make_{name}(1)\n"
        )
    made.commit(files)
    for number in range(1, n_commits):
        # Few names get most of the changes; files that belong together change together.
        name = _NAMES[min(chance.randrange(len(_NAMES)), chance.randrange(len(_NAMES)))]
        text = str(files[f"src/{name}.py"]) + f"\n\ndef step_{number}(value):\n    return value\n"
        files[f"src/{name}.py"] = text
        changed: dict[str, str | bytes] = {f"src/{name}.py": text}
        if number % 2:
            changed[f"tests/test_{name}.py"] = str(files[f"tests/test_{name}.py"]) + f"# {number}\n"
        made.commit(changed)
    return made


def _python(name: str, uses: list[str], number: int) -> str:
    imports = "".join(
        f"from src.{each} import make_{each}\n" for each in sorted(set(uses) - {name})
    )
    calls = "".join(f"    value = make_{each}(value)\n" for each in sorted(set(uses) - {name}))
    padding = "".join(f"    # consideration {line} of {name}\n" for line in range(8 + number * 3))
    return f"{imports}\n\ndef make_{name}(value):\n{calls}{padding}    return value\n"


def _typescript(name: str, used: str) -> str:
    return (
        f'import {{ {used.title()} }} from "./{used.title()}";\n\n'
        f"export class {name.title()} {{\n"
        f"  constructor(private readonly next: {used.title()}) {{}}\n"
        f"  run(): string {{ return `{name}`; }}\n}}\n"
    )
