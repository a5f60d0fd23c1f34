"""How messages are cut out of a byte stream: headers, a blank line, `Content-Length` bytes.

Pure: it sees bytes and knows neither JSON nor where the bytes come from.  It is imported before
`initialize` is answered, so it imports next to nothing.
"""

from __future__ import annotations

import re

#: A longer message is not kept.  Higher: one message can take the machine's memory; lower: a
#: large file cannot be opened.
LONGEST_MESSAGE_BYTES = 64 * 1024 * 1024

#: A longer one is taken for a broken header: nobody is going to send that much, and waiting for
#: it would swallow everything that follows.
LONGEST_SKIPPED_BYTES = 1024 * 1024 * 1024

#: Headers are a line or two.  More without a blank line is not a header.
LONGEST_HEADERS_BYTES = 8 * 1024

# Compiled when it is first needed: a sound client never needs it.
_NEXT_FRAME = rb"(?i)content-length:[ \t]*[0-9]+[ \t]*\r?\n"
#: As much of a `_NEXT_FRAME` as may still be completed by the next chunk.
_LOOK_BACK_BYTES = 64


class Fault:
    """Bytes that are no message, with the reason in a few words (never with the bytes)."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


def frame(body: bytes) -> bytes:
    """`body` with the header that it needs on a byte stream."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class FrameReader:
    r"""Cuts a byte stream into message bodies, whatever the chunks.

    Header lines may end with ``\n`` alone, unknown headers are passed over.  For bytes that are
    no frame one `Fault` is given, and reading goes on at the next `Content-Length` header,
    wherever it stands: the sender of one bad message keeps its server.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._headers = bytearray()
        self._length: int | None = None
        self._is_in_body = False
        self._is_lost = False
        self._to_skip = 0

    def feed(self, chunk: bytes) -> list[bytes | Fault]:
        """The bodies (and faults) that are complete with `chunk`, in order."""
        self._buffer += chunk
        found = []
        while (item := self._next()) is not None:
            found.append(item)
        return found

    def _next(self) -> bytes | Fault | None:
        """The next body or fault; None when more bytes are needed."""
        if self._to_skip:
            skipped = min(self._to_skip, len(self._buffer))
            del self._buffer[:skipped]
            self._to_skip -= skipped
        if self._is_lost:
            self._find_next_frame()
        if self._to_skip or self._is_lost:
            return None
        if not self._is_in_body:
            fault = self._read_headers()
            if fault is not None:
                return fault
        if not self._is_in_body or self._length is None or len(self._buffer) < self._length:
            return None
        body = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        self._expect_headers()
        return body

    def _read_headers(self) -> Fault | None:
        """Take whole header lines off the buffer, up to the blank one if it is there."""
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            name, colon, value = line.partition(b":")
            if line and not (colon and name.replace(b"-", b"").isalnum()):
                # The line stays: the next frame may begin in the middle of it.
                return self._lost("a line that is not a header")
            del self._buffer[: end + 1]
            if not line:
                if not self._headers:
                    continue  # Blank lines between messages do no harm.
                return self._begin_body()
            self._headers += line + b"\n"
            if name.lower() == b"content-length":
                value = value.strip(b" \t")
                if not value.isdigit() or len(value) > 20:
                    return self._lost("a Content-Length that is not a number")
                self._length = int(value)
        if len(self._headers) + len(self._buffer) > LONGEST_HEADERS_BYTES:
            return self._lost("headers without an end")
        return None

    def _begin_body(self) -> Fault | None:
        length = self._length
        if length is None:
            # The one that is missing may stand behind something, on the same line.
            self._buffer[:0] = self._headers + b"\n"
            return self._lost("headers without Content-Length")
        if length > LONGEST_SKIPPED_BYTES:
            return self._lost("a Content-Length beyond all measure")
        if length > LONGEST_MESSAGE_BYTES:
            self._expect_headers()
            self._to_skip = length
            return Fault(f"a message of {length} bytes; {LONGEST_MESSAGE_BYTES} is the most")
        self._is_in_body = True
        return None

    def _expect_headers(self) -> None:
        self._headers.clear()
        self._length = None
        self._is_in_body = False

    def _lost(self, reason: str) -> Fault:
        self._expect_headers()
        self._is_lost = True
        return Fault(reason)

    def _find_next_frame(self) -> None:
        found = re.search(_NEXT_FRAME, self._buffer)
        if found is None:
            del self._buffer[:-_LOOK_BACK_BYTES]
        else:
            del self._buffer[: found.start()]
            self._is_lost = False
