"""Writes the settings of the server into package.json, from the server's own table.

    .venv/bin/python clients/vscode/scripts/settings.py

Only keys that an editor may set: the server ignores guarded ones there, since an editor's settings
can come from a repository.  `tests/clients/vscode/test_package.py` fails when this was forgotten.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kibitz.settings_keys import KEYS, Key

FOLDER = Path(__file__).parents[1]
OWN = "kibitz.server."


def offered() -> list[Key]:
    """The keys that an editor may set, or lower."""
    return [key for key in KEYS if key.lowered_only or not key.guarded]


def schema(key: Key) -> dict[str, Any]:
    """What package.json says of one key."""
    found: dict[str, Any] = {
        "markdownDescription": f"%{description_name(key)}%",
        "scope": "machine" if key.guarded else "resource",
        **_type(key),
    }
    if key.default is not None:
        found["default"] = list(key.default) if isinstance(key.default, tuple) else key.default
    return found


def description_name(key: Key) -> str:
    return f"settings.{key.name}"


def _type(key: Key) -> dict[str, Any]:
    match key.kind:
        case "choice":
            choice = {"type": "string", "enum": list(key.choices)}
            if not key.by_language:
                return choice
            table = {"type": "object", "additionalProperties": choice}
            return {"anyOf": [choice, table]}
        case "whole":
            return {"type": "integer", "minimum": key.lowest, "maximum": key.highest}
        case "number":
            return {"type": "number", "minimum": key.lowest, "maximum": key.highest}
        case "flag":
            return {"type": "boolean"}
        case "list":
            return {"type": "array", "items": {"type": "string"}}
        case "table":
            return {"type": "object", "additionalProperties": {"type": "string"}}
        case "command":
            return {"type": ["string", "array"], "items": {"type": "string"}}
        case "text":
            multiline = {"editPresentation": "multilineText"} if "instructions" in key.name else {}
            return {"type": "string", **multiline}


def updated(
    package: dict[str, Any], words: dict[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Both files as they are to be."""
    contributes = package["contributes"]
    own, _ = contributes["configuration"]
    server = {"title": "%settings.title%", "order": 2, "properties": {}}
    for key in offered():
        server["properties"][f"kibitz.{key.name}"] = schema(key)
    package = {**package, "contributes": {**contributes, "configuration": [own, server]}}
    kept = {name: text for name, text in words.items() if not name.startswith("settings.")}
    own_words = {name: text for name, text in words.items() if name.startswith("settings.server.")}
    made = {description_name(key): key.meaning for key in offered()}
    title = {"settings.title": "Claude"}
    return package, {**kept, "settings.server.title": "Server", **own_words, **title, **made}


def main() -> None:
    for file, content in zip(files(), updated(*map(_read, files())), strict=True):
        file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def files() -> tuple[Path, Path]:
    return FOLDER / "package.json", FOLDER / "package.nls.json"


def _read(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


if __name__ == "__main__":
    main()
