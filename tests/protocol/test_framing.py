"""Bytes to messages: sound ones in any chunks, and whatever else a program may write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.protocol import framing
from kibitz.protocol.framing import Fault, FrameReader, frame


def read(*chunks: bytes) -> list[bytes | str]:
    """The bodies that come out, and the reasons of faults as text."""
    reader = FrameReader()
    items = [item for chunk in chunks for item in reader.feed(chunk)]
    return [item.reason if isinstance(item, Fault) else item for item in items]


def kinds(*chunks: bytes) -> list[bytes | None]:
    """The bodies that come out; None for each fault."""
    return [item if isinstance(item, bytes) else None for item in read(*chunks)]


bodies = st.lists(st.binary(max_size=200), max_size=6)


@given(bodies, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_sound_frames_come_out_whatever_the_chunks(
    all_bodies: list[bytes], sizes: list[int]
) -> None:
    stream = b"".join(frame(body) for body in all_bodies)
    chunks, at = [], 0
    while at < len(stream):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(stream[at : at + size])
        at += size
    assert read(*chunks) == all_bodies


@given(st.binary(max_size=300), st.integers(0, 300))
def test_after_any_bytes_that_are_no_header_the_next_frame_is_found(junk: bytes, cut: int) -> None:
    # Without digits no Content-Length in the junk can promise bytes that never come.
    junk = b"junk\n" + bytes(byte for byte in junk if byte not in b"0123456789")
    stream = junk + frame(b"{}")
    found = kinds(stream[:cut], stream[cut:])
    assert found == [None, b"{}"]


@pytest.mark.parametrize(
    "stream",
    [
        b"Content-Length: 2\r\n\r\n{}",
        b"Content-Length: 2\n\n{}",
        b"content-length:2\r\n\r\n{}",
        b"CONTENT-LENGTH:  2 \r\n\r\n{}",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: 2\r\nX-Other: yes\r\n\r\n{}",
        b"\r\n\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_headers_that_are_accepted(stream: bytes) -> None:
    assert read(stream) == [b"{}"]
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == [b"{}"]


@pytest.mark.parametrize(
    "stream",
    [
        b"hello\r\n",
        b"Content-Length: two\r\n\r\n{}",
        b"Content-Length: -2\r\n\r\n{}",
        b"Content-Length: \r\n\r\n{}",
        b"Content-Length: 99999999999999999999999999\r\n\r\n{}",
        b"Content-Length: 99999999999\r\n\r\n{}",
        b"Content-Type: text/plain\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"Content-Length: 2\r\nno header\r\n\r\n{}",
        b"x" * 10_000,
        b"X-Long: " + b"x" * 10_000,
    ],
)
def test_what_is_no_frame_is_one_fault_and_reading_goes_on(stream: bytes) -> None:
    assert kinds(stream + frame(b"after")) == [None, b"after"]
    assert kinds(stream, frame(b"after"), frame(b"more")) == [None, b"after", b"more"]


def test_a_length_too_short_loses_that_message_only() -> None:
    assert kinds(b'Content-Length: 5\r\n\r\n{"a": 1}', frame(b"after")) == [
        b'{"a":',
        None,
        b"after",
    ]


def test_an_empty_body_is_a_body() -> None:
    assert read(frame(b"") + frame(b"{}")) == [b"", b"{}"]


def test_a_message_that_is_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "LONGEST_MESSAGE_BYTES", 100)
    assert kinds(frame(b"x" * 101), frame(b"y" * 100)) == [None, b"y" * 100]
    whole = frame(b"x" * 1000) + frame(b"{}")
    reader = FrameReader()
    items = [item for at in range(0, len(whole), 7) for item in reader.feed(whole[at : at + 7])]
    assert [isinstance(item, Fault) for item in items] == [True, False]


def test_a_fault_does_not_repeat_the_bytes() -> None:
    (reason,) = read(b"a private line\n")
    assert reason == "a line that is not a header"
