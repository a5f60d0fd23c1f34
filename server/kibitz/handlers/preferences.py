"""What the user wants where: settings, prompt files and trust, as they are at this moment.

Read again when the files have changed.  Knows nothing of jobs and of what the settings are for.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kibitz import paths
from kibitz.actions.prompt_files import (
    PromptFile,
    PromptsStamp,
    prompts_stamp,
    read_prompt_files,
)
from kibitz.protocol.editor import LspEditor
from kibitz.session import Session
from kibitz.settings import PROJECT_FILE, Settings, load
from kibitz.settings_problems import Problem, log_lines, problems_by_source
from kibitz.trust import Trust

logger = logging.getLogger(__name__)

# What differs whenever one of the settings files does; empty for a file that is not there.
_Stamp = tuple[tuple[int, ...], ...]


class Preferences:
    """The preferences that hold for one client.

    `command_line` is what `--set` gave; it and the environment are the user's word.
    """

    def __init__(
        self,
        session: Session,
        editor: LspEditor,
        command_line: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        self._session = session
        self._editor = editor
        self._command_line = command_line
        self._environ = environ
        self._settings: dict[Path, tuple[_Stamp, Settings]] = {}
        self._prompts: dict[Path, tuple[PromptsStamp, tuple[PromptFile, ...]]] = {}
        self._problems: list[Problem] = []
        self._trust: Trust | None = None

    def settings_in(self, root: Path) -> Settings:
        """The settings that hold in a repository.  Reads two small files when they are new."""
        project = project_root(root)
        stamp = tuple(
            _file_stamp(file) for file in (paths.user_file(self._environ), project / PROJECT_FILE)
        )
        known = self._settings.get(project)
        if known is not None and known[0] == stamp:
            return known[1]
        loaded = load(project, self._session.editor_settings, self._command_line, self._environ)
        self._settings[project] = (stamp, loaded.settings)
        self._problems += loaded.problems
        return loaded.settings

    def settings_of(self, path: Path | None) -> Settings:
        """The settings that hold for a document; in the first folder for None."""
        return self.settings_in(self._session.root_of(path))

    def forget(self) -> None:
        """Read settings and prompt files anew when they are next needed."""
        self._settings.clear()
        self._prompts.clear()

    def tell_problems(self) -> None:
        """Tell what is wrong with the settings, each thing once while the server runs."""
        problems, self._problems = self._problems, []
        for line in log_lines(problems):
            if line not in self._session.told_problems:
                self._session.told_problems.add(line)
                logger.warning("%s", line)
        for source, sentence in problems_by_source(problems):
            if source not in self._session.told_problems:
                self._session.told_problems.add(source)
                self._editor.tell(sentence, "warning")

    def known_prompt_files(self, path: Path | None) -> tuple[PromptFile, ...] | None:
        """The user's prompt files that hold for a document; None when they are to be read first.

        Looks at a few names on the disk and runs nothing, so the event loop may ask.
        """
        root = project_root(self._session.root_of(path))
        folder = root / self.settings_in(root).prompts.dir
        stamp = prompts_stamp(folder)
        if not stamp:
            return ()
        known = self._prompts.get(folder)
        return known[1] if known is not None and known[0] == stamp else None

    def prompt_files(self, path: Path | None) -> tuple[PromptFile, ...]:
        """As `known_prompt_files`, but reads them, which may run git for each."""
        known = self.known_prompt_files(path)
        if known is not None:
            return known
        from kibitz_context.gate.gate import Gate  # loaded when there is something to read

        root = project_root(self._session.root_of(path))
        settings = self.settings_in(root)
        folder = root / settings.prompts.dir
        stamp = prompts_stamp(folder)
        gate = Gate(root, include=settings.context.include, exclude=settings.context.exclude)
        prompts = read_prompt_files(folder, gate)
        self._prompts[folder] = (stamp, prompts)
        return prompts

    def is_trusted(self, root: Path) -> bool:
        """Whether automatic features may send the code of a repository, at this moment."""
        if self._trust is None:
            self._trust = Trust.load(paths.trust_file(self._environ))
        return self._trust.is_trusted(root)

    def may_warm(self, root: Path) -> bool:
        """Whether a repository's prefix may be written ahead or kept alive, at this moment."""
        return self.settings_in(root).context.keep_warm == "auto" and self.is_trusted(root)

    def set_trust(self, path: Path | None, *, granted: bool) -> dict[str, Any]:
        """Trust the repository of `path` (the first folder for None), or stop to."""
        root = project_root(self._session.root_of(path))
        trust = Trust.load(paths.trust_file(self._environ))
        if granted:
            trust.grant(root)
        else:
            trust.revoke(root)
        word = "trusted" if granted else "not trusted any more"
        self._editor.tell(f"{root} is {word}.")
        return {"root": str(root), "trusted": granted}


def _file_stamp(file: Path) -> tuple[int, ...]:
    try:
        status = os.stat(file)  # noqa: PTH116 - of any path an editor may name
    except (OSError, ValueError):
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size


def project_root(start: Path) -> Path:
    """The folder whose settings and prompts hold at `start`: the nearest one with ``.git`` or a
    ``.kibitz.toml``, else the one of `start`.  Looks at a few names and runs nothing."""
    # `os.path` takes any path, also one that is too long for the disk; an editor may name it.
    real = Path(os.path.realpath(start))
    for folder in (real, *real.parents):
        if any(os.path.exists(folder / name) for name in (".git", PROJECT_FILE)):  # noqa: PTH110
            return folder
    return real if os.path.isdir(real) else real.parent  # noqa: PTH112
