"""What a GGUF file says of the model in it, from its first kilobytes; no tensor is read.

The file is somebody else's: every length in it is checked before it is believed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MOST_ENTRIES = 10_000
_MOST_ITEMS = 5_000_000
_LONGEST_TEXT_BYTES = 4 * 1024 * 1024
# A longer list is the vocabulary, of which nothing is wanted.
_LONGEST_LIST_KEPT = 4_096
# By the number of the kind, as `struct` writes them.
_NUMBERS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_TEXT, _LIST = 8, 9
_BYTES_PER_CACHED_NUMBER = 2  # half precision, which is llama.cpp's default
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf\Z")


class NotAModelError(Exception):
    """Why a file cannot be served, as the end of "it …"."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """`trained_tokens` is the longest text that the model was made for, None where it does not
    say; `cache_bytes_per_token` is what each token takes in memory beside the model itself."""

    path: Path
    name: str
    n_bytes: int
    trained_tokens: int | None
    cache_bytes_per_token: int
    has_chat_template: bool


def read(path: Path) -> ModelFile:
    """Raises NotAModelError.  A model in several files is named by its first one."""
    try:
        with path.open("rb") as file:
            said = _entries(file)
        n_bytes = sum(part.stat().st_size for part in _parts(path))
    except FileNotFoundError as error:
        raise NotAModelError("does not exist") from error
    except OSError as error:
        raise NotAModelError(f"cannot be read ({error.strerror})") from error
    except (struct.error, UnicodeDecodeError) as error:
        raise NotAModelError("is not a whole GGUF file") from error
    kind = said.get("general.architecture", "")
    trained_tokens = _count(said.get(f"{kind}.context_length"))
    return ModelFile(
        path,
        "-".join(path.stem.split()),
        n_bytes,
        trained_tokens or None,
        _cache_bytes_per_token(said, str(kind)),
        "tokenizer.chat_template" in said,
    )


def _parts(path: Path) -> list[Path]:
    match = _PART.search(path.name)
    if match is None:
        return [path]
    beginning, total = path.name[: match.start()], match[2]
    return [
        path.with_name(f"{beginning}-{number:05}-of-{total}.gguf")
        for number in range(1, min(int(total), 999) + 1)
    ]


def _entries(file: BinaryIO) -> Mapping[str, Any]:
    if file.read(4) != _MAGIC:
        raise NotAModelError("is not a GGUF file")
    (version,) = _unpack(file, "I")
    if version not in _VERSIONS:
        raise NotAModelError(f"is of version {version} of GGUF, which is not known")
    _, n_entries = _unpack(file, "QQ")
    if n_entries > _MOST_ENTRIES:
        raise NotAModelError("is not a whole GGUF file")
    said: dict[str, Any] = {}
    for _ in range(n_entries):
        key = _text(file)
        (kind,) = _unpack(file, "I")
        said[key] = _value(file, kind)
    return said


def _value(file: BinaryIO, kind: int) -> Any:
    """A value; None for a list that is too long to be kept."""
    if kind in _NUMBERS:
        return _unpack(file, _NUMBERS[kind])[0]
    if kind == _TEXT:
        return _text(file)
    if kind != _LIST:
        raise NotAModelError("is not a whole GGUF file")
    item_kind, n_items = _unpack(file, "IQ")
    if n_items > _MOST_ITEMS or item_kind == _LIST:
        raise NotAModelError("is not a whole GGUF file")
    if item_kind in _NUMBERS:
        form = f"{n_items}{_NUMBERS[item_kind]}"
        if n_items <= _LONGEST_LIST_KEPT:
            return list(_unpack(file, form))
        file.seek(struct.calcsize(f"<{form}"), 1)
        return None
    for _ in range(n_items):
        (length,) = _unpack(file, "Q")
        if length > _LONGEST_TEXT_BYTES:
            raise NotAModelError("is not a whole GGUF file")
        file.seek(length, 1)
    return None


def _text(file: BinaryIO) -> str:
    (length,) = _unpack(file, "Q")
    if length > _LONGEST_TEXT_BYTES:
        raise NotAModelError("is not a whole GGUF file")
    return file.read(length).decode("utf-8", "replace")


def _unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    form = f"<{form}"
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _cache_bytes_per_token(said: Mapping[str, Any], kind: str) -> int:
    """Keys and values of all layers.  For models that look back only so far in some of their
    layers it is more than they need."""
    n_layers = _count(said.get(f"{kind}.block_count"))
    n_heads = max(_counts(said.get(f"{kind}.attention.head_count")), default=0)
    width = _count(said.get(f"{kind}.embedding_length"))
    head = width // n_heads if n_heads else 0
    key = _count(said.get(f"{kind}.attention.key_length")) or head
    value = _count(said.get(f"{kind}.attention.value_length")) or head
    kv_heads = _counts(said.get(f"{kind}.attention.head_count_kv")) or [n_heads]
    total_heads = sum(kv_heads) if len(kv_heads) > 1 else n_layers * kv_heads[0]
    return total_heads * (key + value) * _BYTES_PER_CACHED_NUMBER


def _counts(value: object) -> list[int]:
    if isinstance(value, list):
        return [_count(each) for each in value]
    return [_count(value)] if value is not None else []


def _count(value: object) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40
    return value if is_count and isinstance(value, int) else 0
