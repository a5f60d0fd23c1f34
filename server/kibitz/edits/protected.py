"""Which files an edit must not reach without being asked about: a table of names.

What stands in them is run, or decides what is run, before anybody looks at it: by an editor that
opens the folder, a shell that enters it, a service that builds it, git, or a tool like this one.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

_FOLDERS: Final = {
    ".buildkite": "it decides what a build runs",
    ".circleci": "it decides what a build runs",
    ".claude": "it decides what an assistant does",
    ".cursor": "it decides what an assistant does",
    ".devcontainer": "it decides what an editor runs",
    ".git": "it belongs to git itself",
    ".gitea": "it decides what a build runs",
    ".github": "it decides what a build runs",
    ".gitlab": "it decides what a build runs",
    ".husky": "it decides what git runs",
    ".idea": "it decides what an editor runs",
    ".kibitz": "it decides what kibitz does",
    ".vim": "it decides what an editor runs",
    ".vscode": "it decides what an editor runs",
    ".zed": "it decides what an editor runs",
}

_NAMES: Final = {
    ".bash_profile": "a shell runs it",
    ".bashrc": "a shell runs it",
    ".cursorrules": "it decides what an assistant does",
    ".dir-locals.el": "it decides what an editor runs",
    ".envrc": "a shell runs it",
    ".exrc": "it decides what an editor runs",
    ".gitattributes": "it decides what git runs",
    ".gitlab-ci.yml": "it decides what a build runs",
    ".gitmodules": "it decides what git fetches",
    ".kibitz.toml": "it decides what kibitz does",
    ".kibitzignore": "it decides what kibitz may read",
    ".lazy.lua": "it decides what an editor runs",
    ".nvim.lua": "it decides what an editor runs",
    ".nvimrc": "it decides what an editor runs",
    ".pre-commit-config.yaml": "it decides what git runs",
    ".profile": "a shell runs it",
    ".projectile": "it decides what an editor runs",
    ".travis.yml": "it decides what a build runs",
    ".vimrc": "it decides what an editor runs",
    ".zprofile": "a shell runs it",
    ".zshenv": "a shell runs it",
    ".zshrc": "a shell runs it",
    "agents.md": "it decides what an assistant does",
    "azure-pipelines.yml": "it decides what a build runs",
    "bitbucket-pipelines.yml": "it decides what a build runs",
    "bun.lock": "a tool writes it",
    "cargo.lock": "a tool writes it",
    "claude.md": "it decides what an assistant does",
    "composer.lock": "a tool writes it",
    "gemfile.lock": "a tool writes it",
    "go.sum": "a tool writes it",
    "jenkinsfile": "it decides what a build runs",
    "package-lock.json": "a tool writes it",
    "pdm.lock": "a tool writes it",
    "pnpm-lock.yaml": "a tool writes it",
    "poetry.lock": "a tool writes it",
    "uv.lock": "a tool writes it",
    "yarn.lock": "a tool writes it",
}


def protection(path: str) -> str | None:
    """Why the file `path` (relative, ``/``) is changed only when the user says so; None: it may be.

    The case of letters does not count: on many disks it does not either.
    """
    parts = [part.casefold() for part in PurePosixPath(path).parts]
    if not parts:
        return None
    for folder in parts[:-1]:
        if folder in _FOLDERS:
            return _FOLDERS[folder]
    if parts[-1].endswith(".code-workspace"):
        return "it decides what an editor runs"
    return _NAMES.get(parts[-1])
