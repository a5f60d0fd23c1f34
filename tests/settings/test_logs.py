from __future__ import annotations

import io
import json
import logging
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz import logs
from kibitz.errors import UserError
from kibitz.settings_problems import Source

CODE = "def pay(amount): return charge(amount)  # the employer's"
KEY = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz"

Configure = Callable[..., Callable[[], list[str]]]


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Sets the log up; what it returns ends the log and gives its lines without their times."""
    root = logging.getLogger()
    names = [*logs.OURS, *logs.TALKATIVE]
    levels = {name: logging.getLogger(name).level for name in names}
    root_level = root.level

    def set_up(level: logs.Level = "info", **more: Any) -> Callable[[], list[str]]:
        stream = io.StringIO()
        root.handlers.clear()  # pytest's own, which raise for a faulty call
        more.setdefault("environ", {})
        logs.configure(level, stream=stream, **more)

        def lines() -> list[str]:
            logs.shut_down()
            written = stream.getvalue().split("\n")
            assert written.pop() == ""
            return [line.partition(" ")[2] for line in written]

        return lines

    yield set_up
    logs.shut_down()
    logs._hidden.clear()
    root.setLevel(root_level)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_a_record_is_a_line(configure: Configure) -> None:
    lines = configure()
    logging.getLogger("kibitz.jobs").info("%s has ended after %d steps", "kibitz-1", 3)
    logging.getLogger("kibitz_context.gate.gate").warning("two\nlines\r\nand \x1b[31mcolour\x1b[0m")
    logging.getLogger("kibitz.jobs").debug("not at this level")
    assert lines() == [
        "INFO kibitz.jobs: kibitz-1 has ended after 3 steps",
        "WARNING kibitz_context.gate.gate: two\\nlines\\nand colour",
    ]


def test_levels(configure: Configure) -> None:
    for level, n_lines in (("debug", 4), ("info", 3), ("warning", 2), ("error", 1)):
        lines = configure(level)
        for name in ("debug", "info", "warning", "error"):
            getattr(logging.getLogger("kibitz.x"), name)("said")
        assert len(lines()) == n_lines


def test_a_second_set_up_replaces_the_first(configure: Configure) -> None:
    first = configure()
    second = configure()
    logging.getLogger("kibitz").warning("said once")
    assert second() == ["WARNING kibitz: said once"]
    assert first() == []


SECRETS = [
    KEY,
    "sk-proj-0123456789abcdefghij",
    "ghp_0123456789abcdefghij0123456789abcdef",
    "github_pat_0123456789abcdefghij",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    "xoxb-0123456789-abcdefghij",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "around", ["{}", "the key {} is wrong", "x={}", '"{}"', "a\n{}\nb", "Bearer {}", "{},{}"]
)
def test_what_looks_like_a_secret_is_never_written(
    configure: Configure, secret: str, around: str
) -> None:
    for level in ("debug", "info"):
        lines = configure(level)
        logging.getLogger("kibitz").warning(
            around.replace("{}", "%s"), *[secret] * around.count("{}")
        )
        logging.getLogger("httpx2").error(around.replace("{}", secret))
        (ours, theirs) = lines()
        assert secret not in ours + theirs
        assert logs.BLANK in ours


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [hidden]"),
        ("{'authorization': 'Basic dXNlcjpwYXNz'}", "{'authorization': 'Basic [hidden]'}"),
        ('{"x-api-key": "short1"}', '{"x-api-key": "[hidden]"}'),
        ("(b'x-api-key', b'short1')", "(b'x-api-key', b'[hidden]')"),
        ("ANTHROPIC_API_KEY=short1 kibitz", "ANTHROPIC_API_KEY=[hidden] kibitz"),
        ("password = hunter22;", "password = [hidden];"),
        ("http://user:hunter22@proxy:3128/", "http://[hidden]@proxy:3128/"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----.",
            "[hidden].",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "[hidden]"),
        (f"{KEY[:8]}\u200b{KEY[8:]}", "[hidden]"),
    ],
)
def test_credentials_are_blanked_out(configure: Configure, text: str, written: str) -> None:
    lines = configure()
    logging.getLogger("kibitz").info(text)
    assert lines() == [f"INFO kibitz: {written}"]


def test_ordinary_lines_stay_as_they_are(configure: Configure) -> None:
    problems = Source("project file", "/repo/.kibitz.toml").unknown(
        ["api_key", "hover.mdoe", "token"], lambda _: 3
    )
    said = [
        *(problem.sentence for problem in problems),
        "there is no API key: set ANTHROPIC_API_KEY",
        "https://api.anthropic.com:443/v1/messages answered 200, 1,234 tokens, $0.0123",
        "sha256 0123456789abcdef0123456789abcdef in src/token/secret_key.py:12",
    ]
    lines = configure()
    for text in said:
        logging.getLogger("kibitz").info(text)
    assert lines() == [f"INFO kibitz: {text}" for text in said]


def test_credentials_of_the_environment_are_known(configure: Configure) -> None:
    lines = configure(
        environ={
            "ANTHROPIC_AUTH_TOKEN": "a plain word",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG",
            "MY_PASSWORD": "correct horse",
            "SHORT_TOKEN": "abc",
            "HOME": "/home/ada",
        }
    )
    logs.hide("told by a command")
    logging.getLogger("kibitz").info(
        "a plain word, wJalrXUtnFEMI/K7MDENG, correct horse, told by a command, abc, /home/ada"
    )
    assert lines() == ["INFO kibitz: [hidden], [hidden], [hidden], [hidden], abc, /home/ada"]


@given(st.text(max_size=200), st.sampled_from(SECRETS))
def test_no_surroundings_show_a_secret(text: str, secret: str) -> None:
    assert secret not in logs.without_secrets(f"{text} {secret} {text}")


def test_blanking_out_takes_time_in_proportion() -> None:
    # Quadratic would take minutes here; the test would not end.
    for text in ("a-" * 99_999, "api_key" * 49_999, "://" * 99_999, "eyJ" * 99_999):
        assert logs.without_secrets(text)


def test_libraries_below_warning_are_silent(configure: Configure) -> None:
    for level in ("debug", "info"):
        lines = configure(level)
        for name in logs.TALKATIVE:
            logging.getLogger(name + ".inner").info("Sending data: %s", CODE)
        logging.getLogger("something.else").info(CODE)
        assert lines() == []


@pytest.mark.parametrize(
    ("template", "arguments", "written"),
    [
        ("Bad %r", ({"text": CODE},), f"Bad {{'text': '<{len(CODE)} characters>'}}"),
        ("Bad %s", ([CODE],), "Bad <list>"),
        (
            "Failed: %s: %s",
            ("textDocument/didOpen", {"text": CODE}),
            "Failed: textDocument/didOpen: <dict>",
        ),
        ("Error\n%s", (CODE,), f"Error\\n<{len(CODE)} characters>"),
        ("Late: %s after %.1f s (%d)", ("kibitz-1", 2.55, 3), "Late: kibitz-1 after 2.5 s (3)"),
        (
            "Odd: %(method)s %(text)s",
            ({"method": "hover", "text": CODE},),
            f"Odd: hover <{len(CODE)} characters>",
        ),
        ("Not a number: %d", (CODE,), "Not a number: %d"),
        ("Bytes: %s", (CODE.encode(),), "Bytes: <bytes>"),
        ("Exception: %s", (ValueError(CODE),), "Exception: <ValueError>"),
        ("first line\n" + CODE, (), "first line"),
        ("100 %", (), "100 %"),
    ],
)
def test_a_library_cannot_write_what_users_type(
    configure: Configure, template: str, arguments: tuple[Any, ...], written: str
) -> None:
    lines = configure()
    logging.getLogger("pygls.protocol").error(template, *arguments)
    (line,) = lines()
    assert line == f"ERROR pygls.protocol: {written}"


def test_at_debug_a_library_says_all(configure: Configure) -> None:
    lines = configure("debug")
    logging.getLogger("pygls.protocol").error("Unknown message %r", {"text": CODE})
    assert CODE in lines()[0]


class OurError(Exception):
    pass


OurError.__module__ = "kibitz.somewhere"


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:  # noqa: BLE001 - whatever it is
        return caught


@pytest.mark.parametrize(
    "error", [ValueError(CODE), KeyError(CODE), json.JSONDecodeError("x", CODE, 0)]
)
def test_an_exceptions_data_stay_out(configure: Configure, error: Exception) -> None:
    lines = configure()
    logging.getLogger("kibitz.jobs").error(
        "failed", exc_info=raised(OurError("why"), raised(error))
    )
    (line,) = lines()
    assert "pay(" not in line and "char 0" not in line
    assert line.startswith("ERROR kibitz.jobs: failed | OurError: why [settings/test_logs.py:")
    assert f" raised] | {type(error).__name__} [settings/test_logs.py:" in line


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file", "x.py"), TypeError("no")])
def test_an_exception_about_the_program_is_told(configure: Configure, error: Exception) -> None:
    lines = configure()
    logging.getLogger("pygls").error("failed", exc_info=raised(error))
    assert f"| {type(error).__name__}: {error} [" in lines()[0]


def test_at_debug_an_exception_is_told(configure: Configure) -> None:
    lines = configure("debug")
    logging.getLogger("kibitz").error("failed", exc_info=raised(ValueError(CODE)))
    assert CODE in lines()[0]


def test_a_circle_of_causes_ends(configure: Configure) -> None:
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    lines = configure("debug")
    logging.getLogger("kibitz").error("failed", exc_info=first)
    assert lines() == ["ERROR kibitz: failed | ValueError: 1 | ValueError: 2"]


def test_a_faulty_call_is_told_without_its_arguments(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = configure()
    logging.getLogger("kibitz").info("%d", CODE)
    (line,) = lines()
    assert line.startswith("ERROR a log call does not hold: kibitz, test_logs.py line ")
    assert CODE not in "".join(capsys.readouterr())


def test_a_long_line_is_cut_except_at_debug(configure: Configure) -> None:
    for level, n_characters in (("info", logs.MOST_CHARACTERS), ("debug", 20_000)):
        lines = configure(level)
        logging.getLogger("kibitz").error("x" * 20_000)
        assert lines()[0].count("x") == n_characters


@pytest.mark.parametrize("asked", [None, "", "info", "debug"])
def test_the_sdks_own_variable_is_obeyed(configure: Configure, asked: str | None) -> None:
    for name in logs.OBEY_ANTHROPIC_LOG:
        logging.getLogger(name).setLevel(logging.DEBUG)  # as the SDK does when it is imported
    lines = configure(environ={} if asked is None else {"ANTHROPIC_LOG": asked})
    logging.getLogger("anthropic._base_client").debug(
        "Request options: %s", {"text": CODE, "k": KEY}
    )
    logging.getLogger("pygls").debug("Sending data: %s", CODE)
    if asked:
        (line,) = lines()
        assert CODE in line and KEY not in line
    else:
        assert lines() == []


class NobodyReads(io.StringIO):
    """A pipe that is full: each write waits until the test lets it go."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        self.go_on.wait()
        return super().write(text)


def test_a_reader_that_does_not_read_does_not_stop_us() -> None:
    stream = NobodyReads()
    logs.configure("warning", stream=stream, environ={})
    n_records = logs.MOST_WAITING_LINES + 100
    for number in range(n_records):
        logging.getLogger("kibitz").warning("record %d", number)
    stream.go_on.set()
    logs.shut_down()
    lines = stream.getvalue().splitlines()
    n_lost = sum(int(line[1:].split()[0]) for line in lines if line.startswith("("))
    n_written = sum("record" in line for line in lines)
    assert n_written + n_lost == n_records
    assert 98 <= n_lost <= 100


def test_a_reader_that_is_gone_is_forgotten(configure: Configure, tmp_path: Path) -> None:
    stream = io.StringIO()
    stream.close()
    logs.configure("info", tmp_path / "state" / "kibitz.log", stream=stream, environ={})
    logging.getLogger("kibitz").info("first")
    logging.getLogger("kibitz").info("second")
    logs.shut_down()
    assert len((tmp_path / "state" / "kibitz.log").read_text().splitlines()) == 2


def test_a_file_is_private_and_grows(configure: Configure, tmp_path: Path) -> None:
    file = tmp_path / "state" / "kibitz.log"
    for text in ("first 😋", "second"):
        configure(file=file)
        logging.getLogger("kibitz").info(text)
        logs.shut_down()
    assert [line.split(": ")[1] for line in file.read_text("utf-8").splitlines()] == [
        "first 😋",
        "second",
    ]
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_full_file_becomes_the_old_one(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_FILE_BYTES", 100)
    configure(file=tmp_path / "kibitz.log")
    for number in range(10):
        logging.getLogger("kibitz").info("%s", f"record-{number}-" + "x" * 60)
    logs.shut_down()
    kept = (tmp_path / "kibitz.old").read_text() + (tmp_path / "kibitz.log").read_text()
    assert "record-9" in kept and "record-8" in kept
    assert "record-0" not in kept
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="links as POSIX knows them")
def test_a_file_that_is_a_link_is_refused(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "kibitz.log").symlink_to(tmp_path / "target")
    with pytest.raises(UserError, match="cannot be written"):
        configure(file=tmp_path / "kibitz.log")
    assert not (tmp_path / "target").exists()


def test_what_the_stream_cannot_encode_is_written_all_the_same() -> None:
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="ascii")
    logs.configure("info", stream=stream, environ={})
    logging.getLogger("kibitz").info("smile 😋")
    logs.shut_down()
    assert content.getvalue().endswith(b"smile \\U0001f60b\n")


PROGRAM = """
import logging
from kibitz import logs
logs.configure("info")
for number in range(1_000):
    logging.getLogger("kibitz").info("record %d", number)
"""


def test_the_last_line_is_written_when_the_process_ends() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, check=True, env=dict(os.environ)
    )
    assert ended.stderr.endswith(b"INFO kibitz: record 999" + os.linesep.encode())
    assert ended.stdout == b""


def test_once() -> None:
    assert logs.once("test_once: a") and logs.once("test_once: b")
    assert not logs.once("test_once: a")
    of_a_session = logs.Once()
    assert of_a_session.first("a") and not of_a_session.first("a")
    assert logs.Once().first("a")
