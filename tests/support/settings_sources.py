"""Settings loaded from texts, as the tests write them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kibitz import settings
from kibitz.settings import Loaded


def load(
    *,
    user: str | bytes | None = None,
    project: str | bytes | None = None,
    editor: Any = None,
    environ: Mapping[str, str] | None = None,
    command_line: Mapping[str, Any] | None = None,
) -> Loaded:
    """What holds with these files' contents; the paths in problems are `USER` and `PROJECT`."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "repository"
        root.mkdir()
        config = Path(folder).resolve() / "config" / "kibitz" / "config.toml"
        config.parent.mkdir(parents=True)
        for file, content in ((config, user), (root / settings.PROJECT_FILE, project)):
            if content is not None:
                file.write_bytes(content if isinstance(content, bytes) else content.encode())
        own = {"XDG_CONFIG_HOME": str(config.parents[1]), "HOME": "/home/ada"}
        loaded = settings.load(root, editor, command_line or {}, own | dict(environ or {}))

    def shown(text: str) -> str:
        text = text.replace(str(config), "USER")
        return text.replace(str(root / settings.PROJECT_FILE), "PROJECT")

    problems = tuple(
        settings.Problem(
            shown(problem.source), problem.key, shown(problem.sentence), problem.reason
        )
        for problem in loaded.problems
    )
    origins = {key: shown(source) for key, source in loaded.origins.items()}
    return Loaded(loaded.settings, problems, origins)
