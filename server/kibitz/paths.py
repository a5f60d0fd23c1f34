"""Where kibitz keeps its own files: settings, state and cache, each in its folder.

On Linux the folders are those of the XDG base directory specification, elsewhere the
platform's.  Everything in them is private to the user: folders are made for the user alone, and
one that others could tamper with is not used.  Nothing of kibitz lies inside a repository.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from kibitz.errors import UserError

_NAME = "kibitz"


def home(environ: Mapping[str, str]) -> Path:
    """The user's home folder."""
    named = environ.get("HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home()


def config_folder(environ: Mapping[str, str]) -> Path:
    return _folder(environ, "XDG_CONFIG_HOME", ".config", "user_config_path")


def state_folder(environ: Mapping[str, str]) -> Path:
    return _folder(environ, "XDG_STATE_HOME", ".local/state", "user_state_path")


def cache_folder(environ: Mapping[str, str]) -> Path:
    return _folder(environ, "XDG_CACHE_HOME", ".cache", "user_cache_path")


def _folder(environ: Mapping[str, str], variable: str, in_home: str, elsewhere: str) -> Path:
    if sys.platform == "linux":
        # The specification: a relative path is invalid and is to be ignored.
        named = environ.get(variable, "")
        base = Path(named) if Path(named).is_absolute() else home(environ) / in_home
        folder = base / _NAME
    else:
        import platformdirs

        folder = Path(getattr(platformdirs, elsewhere)(_NAME, appauthor=False))
    return folder


def user_file(environ: Mapping[str, str]) -> Path:
    """The user's own settings."""
    return config_folder(environ) / "config.toml"


def ledger_file(environ: Mapping[str, str]) -> Path:
    return state_folder(environ) / "ledger.sqlite"


def trust_file(environ: Mapping[str, str]) -> Path:
    return state_folder(environ) / "trust.toml"


def dismissed_findings_file(environ: Mapping[str, str]) -> Path:
    return state_folder(environ) / "findings"


def log_file(environ: Mapping[str, str]) -> Path:
    return state_folder(environ) / "kibitz.log"


def audit_folder(environ: Mapping[str, str]) -> Path:
    return state_folder(environ) / "audit"


def clients_folder(environ: Mapping[str, str]) -> Path:
    """What each editor last said of itself."""
    return state_folder(environ) / "clients"


def answers_folder(environ: Mapping[str, str]) -> Path:
    return cache_folder(environ) / "answers"


def findings_folder(environ: Mapping[str, str]) -> Path:
    """Findings of earlier reviews; it may be deleted any time."""
    return cache_folder(environ) / "findings"


def shown_findings_folder(environ: Mapping[str, str]) -> Path:
    """Findings that files showed last; it may be deleted any time."""
    return cache_folder(environ) / "shown"


def estimates_folder(environ: Mapping[str, str]) -> Path:
    """What reviews have come to beside their estimates; it may be deleted any time."""
    return cache_folder(environ) / "estimates"


def conversations_folder(environ: Mapping[str, str]) -> Path:
    """The documents of conversations that a user has begun in an editor."""
    return cache_folder(environ) / "conversations"


def context_folder(environ: Mapping[str, str]) -> Path:
    """Where symbols, snapshots and what was sent of them are kept; it may be deleted any time."""
    return cache_folder(environ) / "context"


def models_folder(environ: Mapping[str, str]) -> Path:
    """Where it is kept what endpoints say of their models; it may be deleted any time."""
    return cache_folder(environ) / "models"


def make_private(folder: Path) -> Path:
    """Make `folder` and what is missing above it, for the user alone (0700); returns it.

    Raises UserError when it cannot be made or when others could tamper with it: it belongs to
    someone else, or anybody may write to a folder above it.
    """
    try:
        for missing in reversed([folder, *folder.parents]):
            if not missing.exists():
                missing.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir():
            raise UserError(
                f"{folder} is not a folder; move it away, kibitz keeps its files there."
            )
        _check_and_close(folder)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be used ({error.strerror}); check its rights, kibitz keeps its "
            "files there."
        ) from error
    return folder


def _check_and_close(folder: Path) -> None:
    """Refuse `folder` if someone else could change it; else take away the others' rights."""
    if sys.platform != "win32":  # where a profile's folders are private already
        user = os.geteuid()
        if user not in (folder.lstat().st_uid, 0) or folder.stat().st_uid != user:
            raise UserError(
                f"{folder} belongs to another user; choose a folder of your own (on Linux with "
                "XDG_STATE_HOME, XDG_CACHE_HOME and XDG_CONFIG_HOME)."
            )
        for above in folder.resolve().parents:
            mode = above.stat().st_mode
            # With the sticky bit (/tmp) others may add to it, but not replace what is ours.
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                raise UserError(
                    f"Anybody may write to {above}; take that right away (chmod o-w), kibitz keeps "
                    f"private files in {folder}."
                )
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)
