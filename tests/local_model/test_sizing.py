"""What a local model gets of a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.local_model import sizing
from kibitz.local_model.gguf import ModelFile
from kibitz.local_model.sizing import LEAST_TOKENS, MOST_TOKENS_UNASKED, size

GB = 1_000_000_000


def model(
    n_bytes: int = 4 * GB, trained: int | None = 131_072, per_token: int = 131_072
) -> ModelFile:
    return ModelFile(Path("m.gguf"), "m", n_bytes, trained, per_token, has_chat_template=True)


@pytest.mark.parametrize(
    ("file", "free_bytes", "tokens"),
    [
        (model(), 64 * GB, MOST_TOKENS_UNASKED),
        (model(trained=8_192), 64 * GB, 8_192),
        (model(trained=8_100), 64 * GB, 7_936),  # by steps
        (model(trained=None), 64 * GB, 4_096),
        (model(), None, MOST_TOKENS_UNASKED),  # nobody says what is free
        (model(per_token=0), 64 * GB, MOST_TOKENS_UNASKED),
        (model(), 8 * GB, 11_008),  # (0.75 × 8 GB − 4 GB − 0.5 GB) / 128 KiB
        (model(), 2 * GB, LEAST_TOKENS),  # doctor says that it does not fit
        (model(trained=1_024), 2 * GB, 1_024),
    ],
)
def test_the_window(file: ModelFile, free_bytes: int | None, tokens: int) -> None:
    assert size(file, free_bytes=free_bytes, n_cores=4).context_tokens == tokens


def test_what_the_user_says_is_so() -> None:
    asked = size(model(), free_bytes=2 * GB, n_cores=4, context_tokens=65_536, threads=12)

    assert (asked.context_tokens, asked.threads) == (65_536, 12)
    assert not asked.fits
    assert asked.needed_bytes > 4 * GB + 65_536 * 131_072


@pytest.mark.parametrize(("n_cores", "threads"), [(1, 1), (2, 1), (8, 7)])
def test_one_core_is_left_to_the_editor(n_cores: int, threads: int) -> None:
    assert size(model(), free_bytes=None, n_cores=n_cores).threads == threads


def test_this_machine_has_some_of_both() -> None:
    free_bytes = sizing.free_memory_bytes()
    assert free_bytes is None or free_bytes > 0
    assert sizing.n_real_cores() >= 1
