"""``python -m kibitz.standin`` and its control routes, from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import anthropic
import pytest

from kibitz.standin import Fault, Reply, StandIn, ToolCall
from kibitz.standin.script_file import Rule, ScriptFile, ScriptFileError, read_script

ASK: Any = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 99,
    "messages": [{"role": "user", "content": "task"}],
}


@contextmanager
def process(*arguments: str) -> Iterator[str]:
    """A running stand-in; yields its URL."""
    command = [sys.executable, "-m", "kibitz.standin", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield running.stdout.readline().removesuffix("\n")
        finally:
            running.terminate()


def call(method: str, url: str, body: object = None, **headers: str) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, headers, method=method)) as response:
        return json.load(response)


def test_a_process_with_a_script(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"replies": [{"text": "from the file"}]}), "utf-8")
    with (
        process("--script", str(script)) as url,
        anthropic.Anthropic(base_url=url, api_key="key") as client,
    ):
        message = client.messages.create(**ASK)
        assert message.to_dict()["content"] == [{"type": "text", "text": "from the file"}]
        call("POST", f"{url}/standin/script", {"replies": [{"text": "from outside"}]})
        message = client.messages.create(**ASK)
        assert message.to_dict()["content"] == [{"type": "text", "text": "from outside"}]
        exchanges = call("GET", f"{url}/standin/journal")["exchanges"]
        assert [(e["sent"], e["outcome"]) for e in exchanges] == [
            ("from the file", "complete"),
            ("from outside", "complete"),
        ]
        assert exchanges[0]["body"] == ASK
        assert "key" not in json.dumps(exchanges[0]["headers"])


@pytest.mark.parametrize("content", ["{", '{"reply": []}'])
def test_a_script_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    script = tmp_path / "script.json"
    script.write_text(content, "utf-8")
    command = [sys.executable, "-m", "kibitz.standin", "--script", str(script)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert str(script) in ended.stderr


def test_the_clock_and_the_gates_from_outside() -> None:
    cached = [{"type": "text", "text": "x" * 5_000, "cache_control": {"type": "ephemeral"}}]
    with (
        StandIn.in_thread(control=True) as standin,
        anthropic.Anthropic(base_url=standin.base_url, api_key="key") as client,
    ):
        url = f"{standin.base_url}/standin"
        read = []
        for seconds in (299, 300, 0):
            message = client.messages.create(system=cached, **ASK)
            read.append(message.usage.cache_read_input_tokens)
            call("POST", f"{url}/clock", {"advance_seconds": seconds})
        assert read == [0, 2_000, 0]
        call("POST", f"{url}/script", {"replies": [{"text": "abc", "hold_at": "ab"}]})
        with client.messages.stream(**ASK) as stream:
            assert standin.reached("ab").result().sent == "ab"
            call("POST", f"{url}/release", {"at": "ab"})
            assert stream.get_final_text() == "abc"
        call("DELETE", f"{url}/journal")
        assert standin.journal.exchanges == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("POST", "script", {"replies": [{"texts": "x"}]}, 400),
        ("POST", "clock", {}, 400),
        ("POST", "clock", [], 400),
    ],
)
def test_control_requests_that_are_refused(
    method: str, path: str, body: object, status: int
) -> None:
    with StandIn.in_thread(control=True) as standin, pytest.raises(OSError) as caught:
        call(method, f"{standin.base_url}/standin/{path}", body)
    with caught.value as error:  # type: ignore[attr-defined]
        assert error.code == status


def test_a_page_that_made_its_name_point_here_reads_nothing() -> None:
    with StandIn.in_thread(control=True) as standin, pytest.raises(OSError) as caught:
        call("GET", f"{standin.base_url}/standin/journal", None, Host="evil.example:80")
    with caught.value as error:  # type: ignore[attr-defined]
        assert error.code == 403


def test_every_field_of_a_script() -> None:
    script = read_script(
        {
            "replies": [
                {"text": ["a", "b"], "chunk_size": 3, "pings": False, "hold_at": 2},
                {"tool_calls": [{"name": "look", "input": {"x": 1}}], "thinking": "hm"},
                {"faults": [{"kind": "rate_limited", "retry_after": 3}, {"kind": "drop", "at": 4}]},
            ],
            "rules": [{"when": "task", "reply": {"text": "so"}, "times": 2}],
        }
    )
    first = script.replies[0]
    assert (first.text, first.chunk_size, first.pings, first.holds[0].at) == (
        ["a", "b"],
        3,
        False,
        2,
    )
    assert script.replies[1:] == (
        Reply(tool_calls=[ToolCall("look", {"x": 1})], thinking="hm", faults=[]),
        Reply(tool_calls=[], faults=[Fault.rate_limited(3), Fault.drop(4)]),
    )
    so = Reply("so", tool_calls=[], faults=[])
    assert script.rules == (Rule("task", so, 2),)
    assert read_script({}) == ScriptFile((), ())


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ([], "script is no object"),
        ({"replies": [1]}, "replies[0] is no object"),
        ({"replies": [{"chunk_size": "3"}]}, "replies[0].chunk_size has the wrong type"),
        ({"replies": [{"tool_calls": [{}]}]}, "replies[0].tool_calls[0].name is missing"),
        ({"rules": [{"reply": {}}]}, "rules[0].when is missing"),
        (
            {"replies": [{"faults": [{"kind": "status_code"}]}]},
            "missing a required argument: 'status'",
        ),
        (
            {"replies": [{"faults": [{"kind": "boom"}]}]},
            "replies[0].faults[0].kind is none of status_code",
        ),
        (
            {"replies": [{"faults": [{"kind": "drop", "on": 1}]}]},
            "unexpected keyword argument 'on'",
        ),
    ],
)
def test_scripts_that_are_wrong_say_where(script: object, message: str) -> None:
    with pytest.raises(ScriptFileError) as caught:
        read_script(script)
    assert message in str(caught.value)
