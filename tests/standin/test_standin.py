"""The stand-in's own surface: scripts, gates, journal, threads, mistakes."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import anthropic
import pytest

from kibitz.standin import Clock, Fault, Gate, Reply, Request, ScriptError, StandIn
from kibitz.standin.pending import Board
from support.raw_http import RawClient

SONNET = "claude-sonnet-5-5"


def body(text: str = "task", **more: Any) -> dict[str, Any]:
    return {
        "model": SONNET,
        "max_tokens": 99,
        "messages": [{"role": "user", "content": text}],
    } | more


async def said(standin: StandIn, text: str = "task") -> str:
    async with RawClient(standin.base_url) as client:
        response = await client.ask("POST", "/v1/messages", body(text))
    content = response.json["content"]
    return "".join(block.get("text", "") for block in content)


def test_importing_it_does_not_import_the_sdk() -> None:
    code = (
        "import sys, kibitz.standin; "
        "print([m for m in ('anthropic', 'httpx2') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


async def test_the_queue_goes_first_then_the_newest_rule_then_the_responder() -> None:
    async with StandIn(responder=lambda request: Reply(f"to {request.last_user_text}")) as standin:
        standin.when("task", Reply("older rule"))
        standin.when("task", Reply("newer rule"), times=1)
        standin.enqueue(Reply("first"), lambda request: Reply(f"second to {request.model}"))
        assert standin.waiting_replies == 2
        heard = [await said(standin) for _ in range(4)]
        heard.append(await said(standin, "anything else"))
        standin.reset_script()
        heard.append(await said(standin))
    assert heard == [
        "first",
        f"second to {SONNET}",
        "newer rule",
        "older rule",
        "to anything else",
        "to task",
    ]


async def test_a_refused_request_takes_no_reply(standin: StandIn) -> None:
    standin.enqueue(Reply("for somebody else"))
    async with RawClient(standin.base_url) as client:
        assert (await client.ask("POST", "/v1/messages", body(max_tokens=-1))).status == 400
    assert standin.waiting_replies == 1


async def test_the_journal_keeps_what_was_asked_and_answered(standin: StandIn) -> None:
    standin.clock.advance(7)
    standin.enqueue(Reply("Hello, world", chunk_size=7))
    async with RawClient(standin.base_url) as client:
        await client.ask("POST", "/v1/messages", body(system="rules", stream=True))
        await client.ask("GET", "/v1/models")
    exchange = standin.journal.last
    assert standin.journal.messages == [exchange]
    assert [e.request.path for e in standin.journal.exchanges] == ["/v1/messages", "/v1/models"]
    assert exchange.request.body == body(system="rules", stream=True)
    assert exchange.request.system_text == "rules"
    assert exchange.at == standin.clock.now() == Clock().now() + 7
    assert (exchange.status, exchange.outcome, exchange.sent) == (200, "complete", "Hello, world")
    assert (exchange.cache_use.input_tokens, exchange.output_tokens) == (4, 5)
    assert exchange.events.count("content_block_delta") == 2
    standin.journal.clear()
    assert standin.journal.exchanges == []


async def test_waits_see_what_has_already_been(standin: StandIn) -> None:
    await said(standin)
    exchange = await standin.journal.wait_for_request()
    assert exchange is await standin.journal.wait_for_end(exchange)


async def test_a_wait_that_is_in_vain_says_for_what() -> None:
    with pytest.raises(TimeoutError, match="waited 0 s for a miracle"):
        Board().when(lambda: None, "a miracle").result(0)


async def test_a_released_gate_stays_open(standin: StandIn) -> None:
    gate = Gate()
    standin.when("task", Reply("so").hold_at(0, gate))
    gate.release()
    assert [await said(standin) for _ in range(2)] == ["so", "so"]
    await gate.reached(2)


async def test_releasing_opens_only_where_somebody_waits(standin: StandIn) -> None:
    standin.enqueue(Reply("so").hold_at(1).hold_at(3))
    async with RawClient(standin.base_url) as client:
        await client.send("POST", "/v1/messages", body(stream=True))
        for place in (1, 3):
            held = await standin.reached(place)
            assert held.held_at == place
            standin.release(99)
            assert held.held_at == place
            standin.release()
        await client.receive()


async def test_a_mistake_in_a_script_is_answered_and_raised() -> None:
    with pytest.raises(ScriptError, match="does not contain 'xyz'"):
        async with StandIn() as standin:
            standin.enqueue(Reply("abc").hold_at("xyz"))
            async with RawClient(standin.base_url) as client:
                response = await client.ask("POST", "/v1/messages", body())
            assert (response.status, "xyz" in response.json["error"]["message"]) == (500, True)


async def test_a_mistake_is_noted_on_what_it_led_to() -> None:
    def broken(request: Request) -> Reply:
        raise KeyError("forgotten")

    with pytest.raises(AssertionError) as caught:
        async with StandIn(responder=broken) as standin:
            async with RawClient(standin.base_url) as client:
                status = (await client.ask("POST", "/v1/messages", body())).status
            assert status == 200
    assert caught.value.__notes__ == ["in the stand-in: KeyError('forgotten')"]


async def test_stopping_ends_what_is_held() -> None:
    async with StandIn() as standin:
        standin.enqueue(Reply("never").hold_at(0), Fault.stall())
        async with RawClient(standin.base_url) as one, RawClient(standin.base_url) as two:
            await one.send("POST", "/v1/messages", body())
            await standin.reached()
            await two.send("POST", "/v1/messages", body())
            await standin.journal.wait_for_request(2)
            await standin.stop()
            assert await one.reader.read() == b""
    assert [e.outcome for e in standin.journal.messages] == ["broken", "broken"]


def test_it_has_no_url_before_its_start() -> None:
    standin = StandIn()
    for needs_start in (lambda: standin.base_url, standin.stop_listening):
        with pytest.raises(RuntimeError, match="has not been started"):
            needs_start()


def test_the_clock_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="-1"):
        Clock().advance(-1)


def test_from_sync_code(standin_in_thread: StandIn) -> None:
    standin = standin_in_thread
    standin.enqueue(Reply("Hello, world", chunk_size=5).hold_at("Hello"))
    heard: list[str] = []

    def ask() -> None:
        with (
            anthropic.Anthropic(base_url=standin.base_url, api_key="key") as client,
            client.messages.stream(**body()) as stream,
        ):
            heard.extend(stream.text_stream)

    thread = threading.Thread(target=ask)
    thread.start()
    exchange = standin.reached().result()
    assert exchange.sent == "Hello"
    standin.release()
    thread.join()
    assert heard == ["Hello", ", wor", "ld"]
    assert standin.journal.wait_for_end().result().outcome == "complete"


def test_it_stops_listening_in_sync_code_too(standin_in_thread: StandIn) -> None:
    standin = standin_in_thread
    standin.stop_listening().result()
    with (
        anthropic.Anthropic(base_url=standin.base_url, api_key="k", max_retries=0) as client,
        pytest.raises(anthropic.APIConnectionError),
    ):
        client.messages.create(**body())
    standin.listen_again().result()
    with anthropic.Anthropic(base_url=standin.base_url, api_key="k", max_retries=0) as client:
        client.messages.create(**body())


def test_mistakes_come_out_of_the_thread() -> None:
    with pytest.raises(ScriptError), StandIn.in_thread() as standin:
        standin.enqueue(Reply("abc").hold_at("xyz"))
        with (
            anthropic.Anthropic(base_url=standin.base_url, api_key="k", max_retries=0) as client,
            pytest.raises(anthropic.InternalServerError),
        ):
            client.messages.create(**body())
