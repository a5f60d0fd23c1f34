"""What only a real process shows: streaming, terminals, signals and broken pipes."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys

import pytest

from kibitz.standin import Reply
from support.command_line import CommandLine
from support.commands_as_processes import KIBITZ, WAIT_SECONDS, on_terminal, read_until, started
from support.findings import finding, reported

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and terminals")

ANSWER = "# Total\n\nAdds **all** prices.\n\n- one\n- two\n\n```python\nreturn 1\n```\n\nThe end."


def test_an_answer_is_printed_while_it_comes(commands: CommandLine) -> None:
    commands.standin.enqueue(Reply("First words, then more.").hold_at("First words"))
    with started("explain", "prices.py") as process:
        commands.standin.reached().result()
        assert read_until(process, "First words") == "First words"
        commands.standin.release()
        out, err = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, out, err) == (0, b", then more.\n", b"")


def test_ctrl_c_closes_the_stream_and_says_what_it_cost(commands: CommandLine) -> None:
    commands.standin.enqueue(Reply("First words, then more.").hold_at("First words"))
    with started("explain", "prices.py") as process:
        exchange = commands.standin.reached().result()
        read_until(process, "First words")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT_SECONDS)
    commands.standin.journal.wait_for_disconnect(exchange).result()
    assert process.returncode == 130
    assert out == b"\n", "the line that was begun is ended"
    (line,) = err.decode().splitlines()
    assert line.startswith("kibitz: Stopped; so far: ")
    assert " tokens in (0% from cache), " in line
    summary = json.loads(commands.run("usage", "--json").out)
    assert summary["total"]["cost_usd"] > 0


def test_findings_before_ctrl_c_are_told(commands: CommandLine) -> None:
    commands.write("a.py", "a = eval(input())\n")
    commands.write("b.py", "b = 1\n")
    begun = finding(path="b.py", start_line=1, end_line=1, quote="b = 1", title="Begun")
    cut = finding(path="b.py", start_line=1, end_line=1, quote="b = 1", title="Never told")
    about = finding(path="a.py", start_line=1, end_line=1, quote="a = eval(input())")
    held = reported(begun, cut, chunk_size=8).hold_at("Never")
    commands.standin.enqueue(reported(about), held)
    with started("review", "--diff", "--no-verify") as process:
        read_until(process, "a.py:1: warning: Sums floats")
        commands.standin.reached().result()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 130
    assert b"Never told" not in out
    closing, stopped = err.decode().splitlines()[-2:]
    assert closing.startswith("kibitz: ")
    assert closing.endswith("warning); 1 file not reviewed to the end")
    assert stopped.startswith("kibitz: Stopped; so far: ")


def test_ctrl_c_while_findings_are_checked_keeps_them(commands: CommandLine) -> None:
    commands.write("a.py", "a = eval(input())\n")
    about = finding(path="a.py", start_line=1, end_line=1, quote="a = eval(input())")
    verdicts = Reply("<verdicts>\n1 refuted: no\n</verdicts>", chunk_size=8).hold_at("1 ref")
    commands.standin.enqueue(reported(about), verdicts)
    with started("review", "--diff", "--format", "json") as process:
        commands.standin.reached().result()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 130
    document = json.loads(out)
    assert [each["title"] for each in document["findings"]] == ["Sums floats"]
    assert document["verification"]["unchecked"] == 1
    assert document["failed"] == [], "the file was reviewed"
    assert err.decode().splitlines()[-2] == "kibitz: 1 finding (1 warning); 1 not checked"


def test_ctrl_c_while_stdin_is_read(commands: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            # As in a real process: on the event loop it would only mark the task as cancelled.
            signal.raise_signal(signal.SIGINT)
            return b""

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Interrupted()))
    outcome = commands.run("explain", "-")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "kibitz: Stopped; nothing was sent.\n"
    assert not commands.asked


def test_a_reader_that_leaves_ends_it_quietly(commands: CommandLine) -> None:
    commands.standin.enqueue(
        Reply("First words\n" + "more\n" * 100, chunk_size=20).hold_at("First words\n")
    )
    with started("explain", "prices.py") as process:
        exchange = commands.standin.reached().result()
        read_until(process, "First words\n")
        assert process.stdout is not None
        process.stdout.close()
        commands.standin.release()
        assert process.stderr is not None
        err = process.stderr.read()
        code = process.wait(WAIT_SECONDS)
    assert (code, err) == (141, b"")
    assert commands.standin.journal.wait_for_end(exchange).result().outcome != "open"


def test_a_refactoring_goes_through_a_pipe_to_git(commands: CommandLine) -> None:
    commands.write("a.py", "x = 1\r\n")
    commands.standin.enqueue(Reply("<replacement>\nx = 2\n</replacement>"))
    subprocess.run(f'"{KIBITZ}" refactor a.py two | git apply', shell=True, check=True)
    assert (commands.root / "a.py").read_bytes() == b"x = 2\r\n"


def test_text_is_piped_into_a_question(commands: CommandLine) -> None:
    with started("ask", "What broke?", stdin=subprocess.PIPE) as process:
        _, err = process.communicate(b"Traceback: boom\n", timeout=WAIT_SECONDS)
    assert (process.returncode, err) == (0, b"")
    assert "1\tTraceback: boom\n" in commands.task


def test_an_idle_pipe_is_not_waited_for(commands: CommandLine) -> None:
    with started("ask", "Why?", stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"You asked" in process.stdout.read()
        assert process.wait(WAIT_SECONDS) == 0
    assert "<region" not in commands.task


def test_on_a_terminal_the_answer_is_rendered(commands: CommandLine) -> None:
    commands.standin.enqueue(Reply(ANSWER, chunk_size=5))
    screen = on_terminal(["explain", "prices.py"])
    assert screen.code == 0
    assert "**" not in screen.written
    assert "```" not in screen.written
    assert "\x1b[1mall\x1b[0m" in screen.written
    assert " • " in screen.written
    assert " tokens so far" in screen.written, "a spinner says how far it is"
    *_, bill = screen.written.rstrip().splitlines()
    assert " tokens in (0% from cache), " in bill
    # The cursor is given back, and the last thing that is done to it.
    assert screen.written.rindex("\x1b[?25h") > screen.written.rindex("\x1b[?25l")


def test_the_server_takes_settings(commands: CommandLine) -> None:
    arguments = ["--log-level", "debug", "--set", "hover.mode=off", "--stdio"]
    with started("serve", *arguments, stdin=subprocess.PIPE) as process:
        params = {"processId": None, "rootUri": None, "capabilities": {}}
        replies = [
            talk(process, {"id": 1, "method": "initialize", "params": params}),
            talk(process, {"id": 2, "method": "shutdown"}),
        ]
        talk(process, {"method": "exit"}, waits=False)
        assert process.wait(WAIT_SECONDS) == 0
    assert replies[0]["result"]["serverInfo"]["name"] == "kibitz"
    assert replies[1] == {"jsonrpc": "2.0", "id": 2, "result": None}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tcp", "nowhere"], "is not HOST:PORT"),
        (["--tcp", ":0", "--ws", ":0"], "not allowed with argument"),
        (["--port", "3"], "Unrecognized arguments: --port 3; see `kibitz serve --help`."),
    ],
)
def test_a_server_that_cannot_be(commands: CommandLine, arguments: list[str], says: str) -> None:
    outcome = commands.run("serve", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert says in outcome.err


def talk(
    process: subprocess.Popen[bytes], message: dict[str, object], *, waits: bool = True
) -> dict[str, object]:
    """Send one message and read the next reply, whatever else comes before it."""
    assert process.stdin is not None
    assert process.stdout is not None
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    process.stdin.flush()
    while waits:
        length = 0
        while header := process.stdout.readline().strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        reply: dict[str, object] = json.loads(process.stdout.read(length))
        if reply.get("id") == message["id"]:
            return reply
    return {}
