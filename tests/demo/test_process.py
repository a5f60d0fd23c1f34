"""`kibitz demo` as users run it: a process, with a folder for temporary files that is watched."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest

from kibitz.cli import run
from kibitz.standin import Fault, StandIn
from support.raw_client import clean_environment

SECONDS = 60
DEMO = (sys.executable, "-m", "kibitz", "demo")
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and terminals")


class Place:
    """Where a demo runs: its home and temporary folder."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.home, self.temporary = folder / "home", folder / "tmp"
        self.picture = folder / "demo.svg"
        self.home.mkdir()
        self.temporary.mkdir()
        self.environment = clean_environment(self.home, TMPDIR=str(self.temporary), **more)
        self.environment.pop("NO_COLOR", None)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*DEMO, *arguments],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            encoding="utf-8",
            check=False,
        )

    def check_nothing_is_left(self, output: str) -> None:
        assert list(self.temporary.iterdir()) == []
        number = re.search(r"is\s+process\s+(\d+)", output)
        assert number is not None, output
        assert not psutil.pid_exists(int(number[1])), "the server is still there"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, str]:
    """One whole demo: where it ran, and what it printed."""
    place = Place(tmp_path_factory.mktemp("demo"))
    run = place.run("--fast", "--record", str(place.picture))
    assert (run.returncode, run.stderr) == (0, "")
    return place, run.stdout


def test_it_leaves_nothing_behind_and_nothing_at_home(demo: tuple[Place, str]) -> None:
    place, output = demo
    place.check_nothing_is_left(output)
    assert [file for file in place.home.rglob("*") if file.is_file()] == []


def test_it_says_at_both_ends_that_replies_are_scripted(demo: tuple[Place, str]) -> None:
    _, output = demo
    beginning, _, rest = output.partition("1  Explain")
    ending = rest.partition("4  The bill")[2]
    assert "The replies are scripted" in beginning
    assert "Scripted were the three replies; nobody was asked" in ending


@pytest.mark.parametrize(
    "part",
    [
        "settle lets the person who owes most pay",
        "assert sum(balances.values()) == 0",
        "error  Rounded shares do not add up to the expense  fairshare/expenses.py:34",
        "error  All calls share one default for start  fairshare/expenses.py:38",
        "The reply says line 31 but quotes line 38",
        "warning  A name that is given twice loses a share  fairshare/expenses.py:26",
        "3 findings, 1 dropped (1 quote not found)",
        "edit 1: version 2 of the text",
        "-         shares[person] = round(cents / len(people))",
        "+         shares[person] = share + (1 if number < left_over else 0)",
        "“Keep: Refactor",
        "“Revert: Refactor",
    ],
)
def test_it_shows_what_it_promises(demo: tuple[Place, str], part: str) -> None:
    assert part in demo[1]


def test_the_bill_adds_up(demo: tuple[Place, str]) -> None:
    rows = {
        found[1]: [float(figure.strip("$%").replace(",", "")) for figure in found[2].split()]
        for found in re.finditer(r"^ (explain|review|refactor|total) +([\d ,.%$]+)$", demo[1], re.M)
    }
    *requests, total = (rows[name] for name in ("explain", "review", "refactor", "total"))
    sums = [sum(column) for column in zip(*requests, strict=True)]
    for column in (0, 1, 2, 3):
        assert total[column] == sums[column]
    assert total[5] == pytest.approx(sums[5], abs=2e-4)  # each is rounded to a hundredth of a cent
    assert [row[2] > 0 for row in requests] == [False, True, True], "read from the cache"


def test_it_draws_the_picture_for_the_readme(demo: tuple[Place, str]) -> None:
    svg = demo[0].picture.read_text("utf-8")
    text = "".join(ElementTree.fromstring(svg).itertext()).replace("\xa0", " ")
    for part in ("lets the person who owes most", "All calls share one default", "The bill"):
        assert part in text
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", ""), "it asks nobody"


def test_it_is_plain_text_of_at_most_80_columns(demo: tuple[Place, str]) -> None:
    lines = demo[1].split("\n")
    assert "\x1b" not in demo[1]
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line != line.rstrip()] == []


@posix
def test_ended_from_outside_it_leaves_nothing_behind(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with subprocess.Popen(
        DEMO,
        env=place.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as running:
        assert running.stdout is not None
        output = ""
        for line in running.stdout:
            output += line
            if "1  Explain" in line:
                break
        running.terminate()
        rest, errors = running.communicate(timeout=SECONDS)
    assert (running.returncode, errors) == (130, "")
    assert "Scripted were" not in rest
    place.check_nothing_is_left(output)


@contextmanager
def on_a_terminal(
    place: Place, *arguments: str, **more: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A demo whose streams are a terminal; yields the process and the other end of it."""
    import pty

    master, slave = pty.openpty()
    try:
        with subprocess.Popen(
            [*DEMO, *arguments],
            env={**place.environment, "TERM": "xterm-256color", **more},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        ) as running:
            os.close(slave)
            yield running, master
            running.wait(SECONDS)
    finally:
        os.close(master)


def read_from(terminal: int, until: str = "the end") -> str:
    """What is written to a terminal until some words, or until the process ends."""
    data = b""
    try:
        while until.encode() not in data and (chunk := os.read(terminal, 65536)):
            data += chunk
    except OSError:  # Linux says so at the end.
        pass
    return data.decode("utf-8", "replace")


@posix
def test_ctrl_c_on_a_terminal_with_colours(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with on_a_terminal(place) as (running, terminal):
        output = read_from(terminal, until="owes most")  # in the middle of the explanation
        running.send_signal(signal.SIGINT)
        output += read_from(terminal)
    assert running.returncode == 130
    assert "\x1b[1m" in output
    assert output.count("\x1b[?25l") == output.count("\x1b[?25h"), "the cursor is shown again"
    assert "\x1b[2J" not in output, "the screen is never cleared"
    assert "\x1b[?1049" not in output, "nor is another one used"
    assert "Traceback" not in output
    place.check_nothing_is_left(re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", output))


def test_live_without_credentials_is_one_sentence(tmp_path: Path) -> None:
    run = Place(tmp_path).run("--live")
    assert (run.returncode, run.stdout) == (2, "")
    assert re.fullmatch(r"kibitz: There is no API key for [^\n]+\.\n", run.stderr)


@pytest.mark.real  # slow
def test_live_asks_whoever_the_user_has_set_up(tmp_path: Path, standin_in_thread: StandIn) -> None:
    place = Place(
        tmp_path,
        ANTHROPIC_BASE_URL=standin_in_thread.base_url,
        ANTHROPIC_API_KEY="sk-ant-api03-test-key-0123456789",
    )
    run = place.run("--live", "--fast", "--set", "models.standard=claude-opus-5-5")
    assert (run.returncode, run.stderr) == (0, "")
    assert "three requests to claude-opus-5-5" in run.stdout
    assert re.search(r"It costs \$0\.\d+\s+at\s+most", run.stdout)
    assert "Nothing was scripted." in run.stdout
    assert "The reply says line" not in run.stdout
    models = [exchange.model for exchange in standin_in_thread.journal.messages]
    assert models == ["claude-opus-5-5"] * 3
    assert (place.home / "state" / "kibitz" / "ledger.sqlite").exists(), "it was real money"
    place.check_nothing_is_left(run.stdout)


@posix
def test_live_on_a_terminal_asks_before_it_spends(
    tmp_path: Path, standin_in_thread: StandIn
) -> None:
    place = Place(
        tmp_path,
        ANTHROPIC_BASE_URL=standin_in_thread.base_url,
        ANTHROPIC_API_KEY="sk-ant-api03-test-key-0123456789",
    )
    with on_a_terminal(place, "--live", NO_COLOR="1") as (running, terminal):
        output = read_from(terminal, until="[y/N]")
        os.write(terminal, b"\n")
        output += read_from(terminal)
    assert running.returncode == 0
    assert "Claude answers" in output
    assert "1  Explain" not in output
    assert "\x1b" not in output, "no colours were wanted"
    assert standin_in_thread.journal.messages == []
    assert list(place.temporary.iterdir()) == []


@pytest.mark.real  # slow
def test_a_failure_in_the_middle_is_one_sentence(
    tmp_path: Path, standin_in_thread: StandIn
) -> None:
    standin_in_thread.when('<task action="review">', Fault.status_code(400, "Not that one."))
    place = Place(
        tmp_path,
        ANTHROPIC_BASE_URL=standin_in_thread.base_url,
        ANTHROPIC_API_KEY="sk-ant-api03-test-key-0123456789",
    )
    run = place.run("--live", "--fast")
    assert run.returncode == 3
    assert run.stderr.startswith("kibitz: ")
    assert run.stderr.count("\n") == 1
    assert "2  Review" in run.stdout
    assert "3  Refactor" not in run.stdout
    place.check_nothing_is_left(run.stdout)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "models.fast=x"), "counts with --live only"),
        (("--live", "--record", "a.svg"), "for the scripted demo"),
        (("--slowly",), "nrecognized"),
    ],
)
def test_arguments_that_do_not_fit(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
