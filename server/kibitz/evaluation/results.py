"""Results of an evaluation on the disk, a line of JSON for each case: what is done is kept.

Lines are only added, each when its case has ended, so that an evaluation which was stopped goes on
where it was.  A last line that is not whole is as if it were not there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kibitz import paths
from kibitz.errors import UserError

FORMAT = 1


def evaluation_folder(environ: Mapping[str, str], about: Mapping[str, Any]) -> Path:
    """Where the evaluation of these parameters keeps its results; the same for the same ones."""
    written = json.dumps({"format": FORMAT, **about}, sort_keys=True).encode()
    name = hashlib.sha256(written).hexdigest()[:12]
    return paths.state_folder(environ) / "evaluations" / f"{about['kind']}-{name}"


class Results:
    """The results in `folder`, by configuration and case."""

    def __init__(self, folder: Path) -> None:
        self.path = paths.make_private(folder) / "results.jsonl"
        self._known: dict[tuple[str, str], dict[str, Any]] = {}
        if self.path.exists():
            self._read()

    def get(self, configuration: str, case: str) -> dict[str, Any] | None:
        return self._known.get((configuration, case))

    def of(self, configuration: str) -> list[dict[str, Any]]:
        """All results of a configuration, in the order in which they came."""
        return [result for (name, _), result in self._known.items() if name == configuration]

    def add(self, configuration: str, case: str, result: Mapping[str, Any]) -> None:
        """Keep what a case has come to.  Raises UserError when it cannot be written."""
        line = {"configuration": configuration, "case": case, **result}
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise UserError(f"{self.path} cannot be written ({error.strerror}).") from error
        self._known[configuration, case] = line

    def forget(self) -> None:
        """Begin anew."""
        self._known.clear()
        self.path.unlink(missing_ok=True)

    def _read(self) -> None:
        try:
            text = self.path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{self.path} cannot be read; delete it to begin anew.") from error
        if text and not text.endswith("\n"):
            # The process was killed while it wrote; what comes next begins a line of its own.
            text = text[: text.rfind("\n") + 1]
            self.path.write_text(text, "utf-8")
        for line in text.splitlines():
            try:
                result = json.loads(line)
                self._known[result["configuration"], result["case"]] = result
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(f"{self.path} is damaged; delete it to begin anew.") from error
