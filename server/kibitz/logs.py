"""The log: to stderr and on demand to a file, one line a record, without code and secrets.

Three promises are kept here and not left to those who log:

- A credential is never written, whoever logs it: what looks like one is blanked out, and so is
  every credential that `configure` finds in the environment or that `hide` was told.
- Below level `debug` other libraries cannot write what users type: pygls logs whole messages
  and parameters.  Of a library's record the text stays, its arguments only if they are names or
  numbers; of an exception the type and the place stay, its message only where that speaks of
  the program and not of its data.
- Logging never blocks: some clients do not read the server's stderr, and a full pipe would
  stop the event loop.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, TextIO

from kibitz.errors import UserError
from kibitz.paths import make_private
from kibitz.plain_text import visible

Level = Literal["debug", "info", "warning", "error"]

OURS = ("kibitz", "kibitz_context")
OBEY_ANTHROPIC_LOG = ("anthropic", "httpx2")
# Libraries that log message bodies below WARNING.
TALKATIVE = ("pygls", "asyncio", "websockets", "git", "httpcore2", *OBEY_ANTHROPIC_LOG)

MOST_WAITING_LINES = 2_000
MOST_CHARACTERS = 4_000  # of one line; `debug` shows all that is read
MOST_READ = 100_000
MOST_FILE_BYTES = 4 * 1024 * 1024
FLUSH_SECONDS = 1.0


def configure(
    level: Level,
    file: Path | None = None,
    *,
    stream: TextIO | None = None,
    to_stderr: bool = True,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Log from now on what is at least `level`, to `stream` and appended to `file`.

    Without `stream` it is stderr, unless `to_stderr` is false: then the file alone.
    Replaces what an earlier call set up.  Raises UserError if the file's folder cannot be used.
    """
    shut_down()
    for name, value in environ.items():
        if _CREDENTIAL_VARIABLE.search(name):
            hide(value)
    sinks: list[_Sink] = []
    shown = stream or (sys.stderr if to_stderr else None)
    if shown:  # a program without a console has no stderr
        sinks.append(_Stream(shown))
    if file is not None:
        sinks.append(_File(file))
    handler = _Handler(sinks, shows_content=level == "debug")
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())
    asked_for = environ.get("ANTHROPIC_LOG", "")
    for name in TALKATIVE:
        if not (asked_for and name in OBEY_ANTHROPIC_LOG):
            logging.getLogger(name).setLevel(logging.WARNING)
    _handlers.append(handler)


def shut_down() -> None:
    """Write what waits, but not for longer than a second, and stop logging."""
    while _handlers:
        handler = _handlers.pop()
        logging.getLogger().removeHandler(handler)
        handler.close()


def hide(secret: str) -> None:
    """Never write `secret`; what is too short to be one is not taken."""
    if len(secret.strip()) >= 8:
        _hidden.add(secret.strip())


class Once:
    """Says of each key whether it is asked for the first time."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def first(self, key: str) -> bool:
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


_process = Once()


def once(key: str) -> bool:
    """Whether `key` comes up for the first time in this process; for what is said only once."""
    return _process.first(key)


_handlers: list[_Handler] = []
_hidden: set[str] = set()

_CREDENTIAL_VARIABLE = re.compile(r"(?i)(?:key|token|secret|passw(?:or)?d|credentials?)$")
_SECRETS = re.compile(
    r"""
      \bsk-[A-Za-z0-9_-]{8,}                                   # Anthropic's and others' keys
    | \b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|npm_|pypi-)[A-Za-z0-9_-]{8,}
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b | \bAIza[A-Za-z0-9_-]{20,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?   # JSON web tokens
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    | (?<=://)[^\s/@:]*:[^\s/@]+(?=@)                          # a password in an address
    | (?i:(?<=bearer\s)|(?<=basic\s))[A-Za-z0-9._~+/=-]{8,}
    | (?i:(?P<name>(?:api[_-]?key|auth[_-]?token|access[_-]?token|authorization|passw(?:or)?d
        |secret|credential)[\w-]{0,40}(?:["']?\s*[:=]|["']\s*,)\s*(?:b?["'])?
        (?:(?:bearer|basic)\s+)?))[^\s"',;})\]]{4,}
    """,
    re.VERBOSE | re.DOTALL,
)
BLANK = "[hidden]"


def without_secrets(text: str) -> str:
    """`text` with everything blanked out that is, or looks like, a credential."""
    for secret in _hidden:
        text = text.replace(secret, BLANK)
    return _SECRETS.sub(lambda found: (found["name"] or "") + BLANK, text)


class _Handler(logging.Handler):
    """Formats a record where it is made, and leaves the writing to a thread of its own."""

    def __init__(self, sinks: list[_Sink], *, shows_content: bool) -> None:
        super().__init__()
        self._sinks = sinks
        self._shows_content = shows_content
        self._waiting: queue.Queue[str | None] = queue.Queue(MOST_WAITING_LINES)
        self._n_lost = 0
        self._thread = threading.Thread(target=self._write, name="kibitz-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = _line(record, self._shows_content)
        except Exception:  # noqa: BLE001 - whatever a library logs must not become our failure
            self.handleError(record)
            return
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._n_lost += 1

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say where the faulty call is; the standard handler would print its arguments."""
        place = f"{record.name}, {Path(record.pathname).name} line {record.lineno}"
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(f"{_clock(record)} ERROR a log call does not hold: {place}")

    def close(self) -> None:
        """Write what waits; logging calls it at the end of the process, too."""
        deadline = time.monotonic() + FLUSH_SECONDS
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=FLUSH_SECONDS)
            self._thread.join(max(0.0, deadline - time.monotonic()))
        super().close()

    def _write(self) -> None:
        while (line := self._waiting.get()) is not None:
            lost, self._n_lost = self._n_lost, 0
            if lost:
                line += f"\n({lost} lines were lost, as nobody read them)"
            for sink in list(self._sinks):
                try:
                    sink.write(line + "\n")
                except (
                    OSError,
                    ValueError,
                    UserError,
                ):  # the reader is gone, or the stream was closed
                    self._sinks.remove(sink)
        for sink in self._sinks:
            sink.close()


class _Stream:
    """Standard error, or what stands for it; not ours to close."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()

    def close(self) -> None:
        pass


class _File:
    """A log file, for the user alone; when it is full it becomes the one old file."""

    def __init__(self, path: Path) -> None:
        make_private(path.parent)
        self._path = path
        self._file = self._opened()

    def _opened(self) -> TextIO:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise UserError(
                f"{self._path} cannot be written ({error.strerror}); check its rights."
            ) from error
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def write(self, line: str) -> None:
        if self._file.tell() > MOST_FILE_BYTES:
            self._file.close()
            self._path.replace(self._path.with_suffix(".old"))
            self._file = self._opened()
        self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        self._file.close()


_Sink = _Stream | _File


def _clock(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(record.created))
    return f"{seconds}.{record.msecs:03.0f}"


def _line(record: logging.LogRecord, shows_content: bool) -> str:
    library = record.name.split(".", 1)[0]
    # Below WARNING the SDK logs only what the user asked for with ANTHROPIC_LOG: bodies.
    was_asked_for = library in OBEY_ANTHROPIC_LOG and record.levelno < logging.WARNING
    if library in OURS or shows_content or was_asked_for:
        message = record.getMessage()
    else:
        message = _reduced(record)
    if record.exc_info and record.exc_info[1] is not None:
        message += " | " + " | ".join(_chain(record.exc_info[1], shows_content))
    # "\n" as two characters: one line a record, and no record can fake another.
    message = without_secrets(visible(message[:MOST_READ])).replace("\n", "\\n")
    if len(message) > MOST_CHARACTERS and not shows_content:
        message = message[:MOST_CHARACTERS] + f"… ({len(message)} characters)"
    return f"{_clock(record)} {record.levelname} {record.name}: {message}"


_A_NAME = re.compile(r"[\w$./:%@+-]{1,200}")


def _reduced(record: logging.LogRecord) -> str:
    """A library's message with nothing in it that a user may have typed."""
    arguments = record.args
    if isinstance(arguments, Mapping):
        shown: object = {name: _harmless(value) for name, value in arguments.items()}
    else:
        shown = tuple(_harmless(value) for value in arguments or ())
    template = str(record.msg)
    if not arguments:
        # Already put together, perhaps from data: its first line, and not much of that.
        return template.partition("\n")[0][:200]
    with contextlib.suppress(TypeError, ValueError):
        return template % shown
    return template.partition("\n")[0][:200]


def _harmless(argument: object) -> object:
    if argument is None or isinstance(argument, bool | int | float):
        return argument
    if isinstance(argument, str):
        return argument if _A_NAME.fullmatch(argument) else f"<{len(argument)} characters>"
    return f"<{type(argument).__name__}>"


# The messages of these speak of names in the program, or of files.
_TELLING = (OSError, TypeError, AttributeError, NameError, ImportError, IndexError, RuntimeError)


def _chain(error: BaseException, shows_content: bool) -> Iterator[str]:
    """The exception with its place, and what caused it, latest first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield f"{_told(current, shows_content)}{_frames(current.__traceback__)}"
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)


def _told(error: BaseException, shows_content: bool) -> str:
    kind = type(error)
    is_telling = kind.__module__.split(".", 1)[0] in OURS or (
        kind.__module__ == "builtins" and isinstance(error, _TELLING)
    )
    if not (is_telling or shows_content):
        return kind.__qualname__
    return f"{kind.__qualname__}: {error}"


def _frames(traceback: TracebackType | None) -> str:
    """The way of an exception, innermost last; no source lines."""
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        place = "/".join(Path(code.co_filename).parts[-2:])
        frames.append(f"{place}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return f" [{' > '.join(frames[-20:])}]" if frames else ""
