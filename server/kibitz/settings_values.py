"""What somebody wrote for a setting, read strictly: a value, or why it does not hold.

Editors are generous with types (Lua and JavaScript know one kind of number), environment
variables and `--set` have only text; both are read here, so that everything after this module
has the one type that the key promises.  No complaint repeats a text: it may hold a password.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kibitz.plain_text import one_line
from kibitz.settings_keys import Key

MOST_CHARACTERS = 20_000
MOST_ENTRIES = 1_000


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a value does not hold, as the end of "KEY must be …"."""

    must_be: str


def read(key: Key, written: Any, *, from_text: bool, from_repository: bool) -> Any | Wrong:
    """The value of `key` in the type that the settings tree has for it.

    None means that nothing was written: an empty text of one line.
    `from_text`: an environment variable or a command line, where everything is text.
    `from_repository`: a project's file or an editor's settings, which a stranger may have made.
    """
    if key.by_language:
        return _by_language(key, written, from_text)
    match key.kind:
        case "choice":
            return _choice(key, written)
        case "flag":
            return _flag(key, written, from_text)
        case "whole" | "number":
            return _number(key, written, from_text)
        case "list":
            return _list(key, written, from_text)
        case "command":
            return _command(key, written, from_text)
        case "table":
            return _headers(key, written, from_text)
        case "text":
            return _text(key, written, from_repository)


def _choice(key: Key, written: Any) -> str | Wrong:
    if isinstance(written, bool):
        written = "on" if written else "off"
    if isinstance(written, str):
        chosen = written.strip().lower()
        if chosen in key.choices:
            return chosen
        return Wrong(f"{key.form}, not `{one_line(written, 40)}`")
    return Wrong(key.form)


_WORD_FOR_FLAG = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _flag(key: Key, written: Any, from_text: bool) -> bool | Wrong:
    if from_text and isinstance(written, str):
        written = _WORD_FOR_FLAG.get(written.strip().lower())
    return written if isinstance(written, bool) else Wrong(key.form)


def _number(key: Key, written: Any, from_text: bool) -> int | float | Wrong:
    if from_text and isinstance(written, str):
        try:
            written = float(written)
        except ValueError:
            return Wrong(key.form)
    if isinstance(written, bool) or not isinstance(written, int | float):
        return Wrong(key.form)
    # The bounds are compared first: a whole number may be too large for a float.
    # NaN is inside no bounds.
    if not key.lowest <= written <= key.highest:
        return Wrong(key.form)
    if key.kind == "number":
        return float(written)
    return int(written) if written == math.floor(written) else Wrong(key.form)


def _list(key: Key, written: Any, from_text: bool) -> tuple[str, ...] | Wrong:
    if isinstance(written, str):
        if from_text and written.lstrip().startswith("["):
            written = _from_json(written)
        else:
            written = written.split(",") if from_text else [written]
            written = [item.strip() for item in written if item.strip()]
    return _texts(key, written)


def _command(key: Key, written: Any, from_text: bool) -> tuple[str, ...] | Wrong:
    if isinstance(written, str):
        if from_text and written.lstrip().startswith("["):
            written = _from_json(written)
        else:
            try:
                written = shlex.split(written)
            except ValueError:
                return Wrong(f"{key.form}; a quotation mark in it is not closed")
    return _texts(key, written)


def _texts(key: Key, written: Any) -> tuple[str, ...] | Wrong:
    if not isinstance(written, list | tuple) or len(written) > MOST_ENTRIES:
        return Wrong(key.form)
    if not all(isinstance(item, str) and _is_plain(item) for item in written):
        return Wrong(key.form)
    return tuple(written)


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


def _headers(key: Key, written: Any, from_text: bool) -> dict[str, str] | Wrong:
    if from_text and isinstance(written, str):
        written = _from_json(written)
    if not isinstance(written, Mapping) or len(written) > MOST_ENTRIES:
        return Wrong(key.form)
    headers: dict[str, str] = {}
    for name, value in written.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            return Wrong(f"{key.form}, and each name that of an HTTP header")
        if not isinstance(value, str) or not (_is_plain(value) and value.isascii()):
            return Wrong(f"{key.form}, each one line of ASCII")
        headers[name] = value
    return headers


def _by_language(key: Key, written: Any, from_text: bool) -> dict[str, str] | Wrong:
    """By language id; "" stands for all languages that are not named."""
    if from_text and isinstance(written, str) and written.lstrip().startswith("{"):
        written = _from_json(written)
    if written == []:  # an empty table, as Lua sends it
        return {}
    if not isinstance(written, Mapping):
        chosen = _choice(key, written)
        return chosen if isinstance(chosen, Wrong) else {"": chosen}
    by_language: dict[str, str] = {}
    for language, value in written.items():
        chosen = _choice(key, value)
        if isinstance(chosen, Wrong):
            return chosen
        name = str(language).strip()
        by_language["" if name.lower() == "default" else name] = chosen
    return by_language


def _text(key: Key, written: Any, from_repository: bool) -> str | Wrong | None:
    if not isinstance(written, str) or len(written) > MOST_CHARACTERS:
        return Wrong(key.form)
    if key.name == "review.instructions":
        return written if _is_plain(written.translate(_LAYOUT)) else Wrong(key.form)
    text = written.strip()
    if not _is_plain(text):
        return Wrong("one line without control characters")
    if not text:
        return None
    match key.name:
        case "base_url":
            return _endpoint(text)
        case "proxy":
            return _proxy(text)
        case "ca_file" | "local.model" if not re.match(r"~?/|~?\\|[A-Za-z]:[\\/]", text):
            return Wrong("an absolute path, or one that begins with `~/`")
    if key.name.startswith("models.") and (len(text) > 200 or re.search(r"\s", text)):
        return Wrong("the id of a model, without spaces")
    if key.inside_repository and from_repository and not _stays_inside(text):
        return Wrong("a path inside the repository, without `..`")
    return text


_LAYOUT = str.maketrans("\n\r\t", "   ")


def _is_plain(text: str) -> bool:
    return len(text) <= MOST_CHARACTERS and not re.search(
        r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", text
    )


def _is_url(text: str, schemes: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for a port that is no number
    except ValueError:
        return False
    return bool(re.fullmatch(schemes, parts.scheme) and parts.hostname) and " " not in text


def _endpoint(text: str) -> str | Wrong:
    if not _is_url(text, "https?") or "@" in urlsplit(text).netloc:
        return Wrong("a URL with `https://` or `http://`, a host and no password")
    # `/v1/messages` is added to it; whoever copied a whole address meant the same endpoint.
    return re.sub(r"/*(?:/v1(?:/messages)?)?/*\Z", "", text)


def _proxy(text: str) -> str | Wrong:
    if not _is_url(text, "https?|socks5h?"):
        return Wrong("a URL with `http://`, `https://` or `socks5://` and a host")
    return text


def _stays_inside(path: str) -> bool:
    steps = re.split(r"[\\/]", path)
    return not (path.startswith(("/", "\\", "~")) or ":" in steps[0] or ".." in steps)


def _from_json(text: str) -> Any:
    """What JSON says; None for what is not JSON, which no key takes."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
