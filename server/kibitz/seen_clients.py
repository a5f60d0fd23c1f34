"""What each editor said of itself when it last started the server, for `kibitz doctor --editor`.

Its name, version and capabilities and nothing else: what it sends besides, such as the folders
it has open or the settings that it was given, is not kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kibitz import paths
from kibitz.kept_files import KeptFiles

UNNAMED = "unnamed"

#: No client says as much; what does is not kept.
MOST_CHARACTERS = 200_000


@dataclass(frozen=True, slots=True)
class SeenClient:
    """A client's `initialize`, as far as it is kept.  `seen_at` is in seconds since the epoch."""

    params: dict[str, Any]
    seen_at: float | None = None


def remember(initialize: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Keep what a client has just said of itself.  Writes a small file."""
    said = _of_itself(initialize)
    if len(repr(said)) <= MOST_CHARACTERS:
        data = {"params": said, "seen_at": time.time()}
        _files(environ).write(_file_name(said), data)


def recall(environ: Mapping[str, str], name: str | None = None) -> SeenClient | None:
    """The client that was seen last, or last under this name; None where there is none."""
    folder = paths.clients_folder(environ)
    kept = _files(environ)
    try:
        names = [file.stem for file in folder.glob("*.json")]
    except OSError:
        return None
    found = []
    for each in names:
        match kept.read(each):
            case {"params": dict(params), "seen_at": float(seen_at)}:
                found.append(SeenClient(params, seen_at))
    if name is not None:
        wanted = name.strip().lower()
        found = [client for client in found if wanted in name_of(client.params).lower()]
    return max(found, key=lambda client: client.seen_at or 0.0, default=None)


def from_json(data: Any) -> SeenClient | None:
    """What a recorded `initialize` says: a message, its params, or only what is kept here."""
    if isinstance(data, dict) and isinstance(data.get("params"), dict):
        data = data["params"]
    if not isinstance(data, dict) or not isinstance(data.get("capabilities"), dict):
        return None
    return SeenClient(_of_itself(data))


def name_of(initialize: Mapping[str, Any]) -> str:
    """The name that a client gives itself, "" for none."""
    info = initialize.get("clientInfo")
    name = info.get("name") if isinstance(info, dict) else None
    return name if isinstance(name, str) else ""


def _of_itself(initialize: Mapping[str, Any]) -> dict[str, Any]:
    info, capabilities = initialize.get("clientInfo"), initialize.get("capabilities")
    return {
        "clientInfo": info if isinstance(info, dict) else None,
        "capabilities": capabilities if isinstance(capabilities, dict) else {},
    }


def _files(environ: Mapping[str, str]) -> KeptFiles:
    return KeptFiles(paths.clients_folder(environ))


def _file_name(initialize: Mapping[str, Any]) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", name_of(initialize).lower()).strip("-")
    return plain[:60] or UNNAMED
