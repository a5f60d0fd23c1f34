"""What a file shows itself to be, and what of it passes the gate."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.gate.gate import Gate
from kibitz_context.gate.media import Pdf, Picture, media_of
from kibitz_context.values import Refused
from support.git_folder import git_folder
from support.media import gif, jpeg, pdf, png, webp

MOST_BYTES = 100_000
NEITHER = Refused("it is neither a PNG, JPEG, GIF or WebP picture nor a PDF document")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (png(30, 20), "image/png"),
        (jpeg(30, 20), "image/jpeg"),
        (gif(30, 20), "image/gif"),
        (webp(30, 20), "image/webp"),
    ],
)
def test_pictures(data: bytes, media_type: str) -> None:
    assert media_of(data) == Picture(media_type, 30, 20, data)  # type: ignore[arg-type]


def test_documents() -> None:
    data = pdf(3)
    assert media_of(data) == Pdf(3, data)
    assert media_of(b"\n" + data) == Pdf(3, b"\n" + data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", NEITHER.reason),
        (b"SECRET=1\n", NEITHER.reason),
        (b"<svg/>", NEITHER.reason),
        (png(1, 1)[:12], "it is a damaged picture"),
        (png(0, 5), "it is a damaged picture"),
        (b"%PDF-1.7\nnothing", "it is a damaged PDF document"),
        (pdf(0), "it is a damaged PDF document"),
        (pdf(1, password="x"), "it is protected by a password"),
    ],
)
def test_what_is_neither_or_damaged(data: bytes, reason: str) -> None:
    assert media_of(data) == Refused(reason)


@given(
    st.sampled_from([b"", b"%PDF-1.4\n", png(2, 2)[:40], jpeg(2, 2)[:6], gif(1, 1)[:9], b"RIFF"]),
    st.binary(max_size=300),
)
def test_nothing_makes_it_raise(beginning: bytes, rest: bytes) -> None:
    media_of(beginning + rest)


def test_the_gate_asks_the_same_of_a_picture_as_of_a_text(tmp_path: Path) -> None:
    data = png(4, 4)
    root = git_folder(tmp_path / "root").root
    (root / ".gitignore").write_text("ignored.png\n")
    (root / ".kibitzignore").write_text("private/\n")
    (root / "private").mkdir()
    for name in ("a.png", "ignored.png", "private/a.png", ".env", ".git/a.png", "big.png"):
        (root / name).write_bytes(data + b"\0" * (MOST_BYTES if name == "big.png" else 0))
    (root / "text.png").write_text("key = 1\n")
    (tmp_path / "out.png").write_bytes(data)
    (root / "link.png").symlink_to(tmp_path / "out.png")
    gate = Gate(root)

    def reason(name: str) -> str | None:
        answer = gate.read_media(name, MOST_BYTES)
        return answer.reason if isinstance(answer, Refused) else None

    assert gate.read_media("a.png", MOST_BYTES) == Picture("image/png", 4, 4, data)
    assert reason("ignored.png") == "it is ignored by git"
    assert reason("private/a.png") == "it is excluded by .kibitzignore"
    assert reason(".env") == "files called .env hold credentials"
    assert reason(".git/a.png") == "it belongs to git itself"
    assert reason("../out.png") == reason("link.png") == "it is outside the repository"
    assert reason("gone.png") == "it does not exist"
    assert reason("big.png") == "it is larger than 0.0953674 MB"
    assert reason("text.png") == NEITHER.reason
