"""What is read from the head of a GGUF file, and that no file can do harm."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.local_model.gguf import NotAModelError, read

LLAMA: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.context_length": 32_768,
    "llama.block_count": 32,
    "llama.embedding_length": 4_096,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
    "tokenizer.ggml.tokens": ["<s>", "ü", "x" * 300],
    "tokenizer.ggml.scores": [0.5] * 5_000,
    "tokenizer.chat_template": "{{ messages }}",
}


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value(given: Any) -> bytes:
    match given:
        case str():
            return struct.pack("<I", 8) + text(given)
        case list() if isinstance(given[0], str):
            return struct.pack("<IIQ", 9, 8, len(given)) + b"".join(map(text, given))
        case list():
            kind, form = (6, "f") if isinstance(given[0], float) else (4, "I")
            items = struct.pack(f"<{len(given)}{form}", *given)
            return struct.pack("<IIQ", 9, kind, len(given)) + items
        case _:
            return struct.pack("<II", 4, given)


def gguf(entries: dict[str, Any], version: int = 3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, 0, len(entries))
    return head + b"".join(text(key) + value(each) for key, each in entries.items())


def written(folder: Path, content: bytes, name: str = "model.gguf") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def test_a_model(tmp_path: Path) -> None:
    content = gguf(LLAMA)
    model = read(written(tmp_path, content, "My Coder.gguf"))

    assert model.name == "My-Coder"
    assert model.n_bytes == len(content)
    assert model.trained_tokens == 32_768
    # 32 layers, 8 heads of 128 numbers each, keys and values, two bytes a number.
    assert model.cache_bytes_per_token == 32 * 8 * (128 + 128) * 2
    assert model.has_chat_template


def test_heads_that_differ_by_layer_and_lengths_of_their_own(tmp_path: Path) -> None:
    entries = {
        **LLAMA,
        "llama.block_count": 3,
        "llama.attention.head_count_kv": [8, 0, 2],
        "llama.attention.key_length": 64,
        "llama.attention.value_length": 32,
    }
    del entries["tokenizer.chat_template"]
    model = read(written(tmp_path, gguf(entries)))

    assert model.cache_bytes_per_token == (8 + 0 + 2) * (64 + 32) * 2
    assert not model.has_chat_template


def test_a_model_in_parts_is_as_large_as_all_of_them(tmp_path: Path) -> None:
    first = written(tmp_path, gguf(LLAMA), "big-00001-of-00003.gguf")
    for number in (2, 3):
        written(tmp_path, b"x" * 1_000, f"big-0000{number}-of-00003.gguf")

    assert read(first).n_bytes == len(gguf(LLAMA)) + 2_000
    (tmp_path / "big-00002-of-00003.gguf").unlink()
    with pytest.raises(NotAModelError, match="does not exist"):
        read(first)


def test_a_model_that_says_little(tmp_path: Path) -> None:
    model = read(written(tmp_path, gguf({"general.architecture": "new"})))

    assert (model.trained_tokens, model.cache_bytes_per_token) == (None, 0)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not a GGUF file"),
        (b"PK\x03\x04 a zip", "is not a GGUF file"),
        (gguf(LLAMA, version=9), "is of version 9 of GGUF, which is not known"),
        (gguf(LLAMA)[:200], "is not a whole GGUF file"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "is not a whole GGUF file"),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62),
            "is not a whole GGUF file",
        ),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 9, 1),
            "is not a whole GGUF file",
        ),
    ],
)
def test_what_is_no_model(content: bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(NotAModelError) as raised:
        read(written(tmp_path, content))
    assert str(raised.value) == why


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotAModelError, match="does not exist"):
        read(tmp_path / "none.gguf")
    with pytest.raises(NotAModelError, match=r"cannot be read \("):
        read(tmp_path)


WHOLE = gguf({**LLAMA, "tokenizer.ggml.scores": [0.5]})


@given(st.integers(4, len(WHOLE) - 1), st.binary(min_size=1, max_size=9))
def test_a_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, damage: bytes
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = WHOLE[:at] + damage + WHOLE[at + len(damage) :]
    try:
        read(written(folder, content))
    except NotAModelError as error:
        assert str(error)
