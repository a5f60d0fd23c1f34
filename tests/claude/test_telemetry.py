"""Spans and metrics: by the conventions, without content, and only where they are wanted."""

from __future__ import annotations

import contextlib
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from kibitz.claude import telemetry
from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.batching.batches import BatchResult
from kibitz.claude.connection import Connection
from kibitz.claude.metered import MeteredClaude
from kibitz.claude.models import catalogue
from kibitz.claude.spending.budget import Budget
from kibitz.claude.spending.ledger import Ledger
from kibitz.claude.telemetry import Telemetry, TracedClaude, is_wanted
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Finished,
    Limits,
    Message,
    Prompt,
    Purpose,
    Started,
    Usage,
)
from kibitz.jobs import Jobs
from kibitz.standin import Fault, Reply, StandIn

MODEL = "claude-sonnet-5-5"
WORDS = "words that nobody else may read"
PROMPT = Prompt(
    "standard",
    MODEL,
    (Block(f"The rules, {WORDS}. " * 300, "1h"),),
    (Message("user", (Block(WORDS),)),),
    500,
)
PURPOSE = Purpose("explain", "/home/ada/secret-project")


class Watched:
    """A traced Claude over the stand-in, and what came of it."""

    def __init__(self, standin: StandIn, folder: Path) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.telemetry = Telemetry([SimpleSpanProcessor(self.exporter)], [self.reader], {})
        ledger = Ledger(folder / "ledger.sqlite")
        claude = AnthropicClaude(Connection(base_url=standin.base_url, api_key="key"))
        metered = MeteredClaude(
            claude, ledger, Budget(ledger.path, Limits()), known_models=catalogue.builtin()
        )
        self.claude = TracedClaude(metered, self.telemetry, "anthropic")

    async def ask(self) -> None:
        async with contextlib.aclosing(self.claude.stream(PROMPT, PURPOSE)) as events:
            async for _ in events:
                pass

    async def spans(self) -> list[ReadableSpan]:
        await self.claude.aclose()
        return list(self.exporter.get_finished_spans())

    def metrics(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        assert data is not None
        (resource,) = data.resource_metrics
        assert resource.resource.attributes["service.name"] == "kibitz"
        (scope,) = resource.scope_metrics
        return {metric.name: list(metric.data.data_points) for metric in scope.metrics}


async def test_a_request_is_a_span_within_its_action(standin: StandIn, tmp_path: Path) -> None:
    watched = Watched(standin, tmp_path)
    standin.enqueue(Reply(WORDS), Reply(WORDS))
    with watched.telemetry.action("explain"):
        await watched.ask()
        await watched.ask()
    first, second, action = await watched.spans()
    assert (action.name, action.parent) == ("kibitz explain", None)
    for request in (first, second):
        assert request.name == f"chat {MODEL}"
        assert request.parent is not None
        assert request.parent.span_id == action.context.span_id
    sent = standin.journal.last
    use = sent.cache_use
    assert dict(second.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": 500,
        "gen_ai.response.model": MODEL,
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.usage.input_tokens": use.read_tokens + use.input_tokens,
        "gen_ai.usage.output_tokens": sent.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": use.read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": 0,
        "anthropic.request_id": sent.request_id,
        "kibitz.action": "explain",
        "kibitz.tier": "standard",
        "kibitz.cost_usd": pytest.approx(sent.cost_usd),
        "kibitz.cache_share": pytest.approx(use.read_tokens / (use.read_tokens + use.input_tokens)),
    }
    assert use.read_tokens > 0


async def test_a_job_of_the_server_is_an_action(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(standin, tmp_path)
    monkeypatch.setattr(telemetry, "begin", lambda _: watched.telemetry)
    bugs: list[BaseException] = []
    jobs = Jobs(lambda _, error: bugs.append(error))
    started = [jobs.start(lambda _: watched.ask(), kind=kind, title="t") for kind in ("a", "b")]
    for job in started:
        assert job.task is not None
        await job.task
    spans = {span.name: span for span in await watched.spans()}
    parents = {
        span.parent.span_id
        for span in watched.exporter.get_finished_spans()
        if span.parent is not None
    }
    assert parents == {spans[f"kibitz {kind}"].context.span_id for kind in ("a", "b")}
    assert not bugs


async def test_nothing_of_what_was_said_is_in_it(standin: StandIn, tmp_path: Path) -> None:
    watched = Watched(standin, tmp_path)
    standin.enqueue(Reply(WORDS), Fault.status_code(400, f"no: {WORDS}"))
    with contextlib.suppress(ClaudeFailure), watched.telemetry.action("explain"):
        await watched.ask()
        await watched.ask()
    spans = "".join(span.to_json() for span in await watched.spans())
    assert WORDS not in spans + repr(watched.metrics())
    assert "secret-project" not in spans


async def test_a_failure_is_named(standin: StandIn, tmp_path: Path) -> None:
    watched = Watched(standin, tmp_path)
    standin.enqueue(Fault.status_code(401))
    with contextlib.suppress(ClaudeFailure), watched.telemetry.action("explain"):
        await watched.ask()
    request, action = await watched.spans()
    for span in (request, action):
        assert (span.attributes or {})["error.type"] == "wrong_credentials"
        assert span.status.status_code is StatusCode.ERROR
        assert not span.events
    (duration,) = watched.metrics()["gen_ai.client.operation.duration"]
    assert duration.attributes["error.type"] == "wrong_credentials"


async def test_a_request_that_is_stopped(standin: StandIn, tmp_path: Path) -> None:
    watched = Watched(standin, tmp_path)
    async with contextlib.aclosing(watched.claude.stream(PROMPT, PURPOSE)) as events:
        async for event in events:
            if isinstance(event, Started):
                break
    (request,) = await watched.spans()
    assert (request.attributes or {})["error.type"] == "cancelled"


async def test_metrics(standin: StandIn, tmp_path: Path) -> None:
    watched = Watched(standin, tmp_path)
    for _ in range(2):
        await watched.ask()
    metrics = watched.metrics()
    used = metrics["gen_ai.client.token.usage"]
    tokens = {point.attributes["gen_ai.token.type"]: point for point in used}
    exchanges = standin.journal.messages
    assert tokens["output"].sum == sum(each.output_tokens for each in exchanges)
    assert tokens["input"].count == 2
    (cost,) = metrics["kibitz.cost"]
    assert cost.value == pytest.approx(sum(each.cost_usd or 0.0 for each in exchanges))
    (share,) = metrics["kibitz.cache_share"]
    assert (share.count, share.min) == (2, 0.0)
    assert share.max > 0.9
    (duration,) = metrics["gen_ai.client.operation.duration"]
    assert duration.count == 2
    await watched.claude.aclose()


async def test_results_of_a_batch(standin: StandIn, tmp_path: Path) -> None:
    watched = Watched(standin, tmp_path)
    tell = watched.telemetry.batch_result("vertex", Purpose("review", "/shop"), "standard", MODEL)
    usage = Usage(1_000, 3_000, 0, 0, 200)
    ended = Finished("end_turn", None, usage, "req_1", MODEL)
    tell("a.py", BatchResult("1", "succeeded", (ended,)), 0.02)
    tell("b.py", BatchResult("2", "errored", error="overloaded_error", message=WORDS), None)
    good, bad = await watched.spans()
    attributes = good.attributes or {}
    assert good.name == f"chat {MODEL}"
    assert attributes["kibitz.batch"] is True
    assert attributes["gen_ai.provider.name"] == "gcp.vertex_ai"
    assert attributes["gen_ai.usage.input_tokens"] == 4_000
    assert attributes["kibitz.cost_usd"] == 0.02
    assert (bad.attributes or {})["error.type"] == "overloaded_error"
    assert WORDS not in bad.to_json()
    metrics = watched.metrics()
    assert metrics["kibitz.cost"][0].value == 0.02
    assert "gen_ai.client.operation.duration" not in metrics, "nobody has watched them"


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "kibitz"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_METRICS_EXPORTER": "none"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "TRUE"}, False),
    ],
)
def test_when_it_is_wanted(environ: dict[str, str], wanted: bool) -> None:
    assert is_wanted(environ) is wanted


def test_an_exporter_that_is_not_there_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    environ = {"OTEL_TRACES_EXPORTER": "carrier-pigeon"}
    telemetry._told.clear()
    for _ in range(2):
        assert telemetry.begin(environ) is None
    (told,) = caplog.records
    assert "pip install 'kibitz[otel]'" in told.getMessage()
    telemetry._told.clear()


def test_without_an_exporter_nothing_is_imported(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from kibitz.claude import telemetry\n"
        "with telemetry.action('explain'): pass\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environ,
    )
    assert run.stdout.strip() == "[]"


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes what an exporter sends."""

    received: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    received: list[tuple[str, bytes]] = []
    handler = type("Handler", (Collector,), {"received": received})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()


def test_the_installed_command_sends_to_a_collector(tmp_path: Path) -> None:
    from support.commands_as_processes import KIBITZ, WAIT_SECONDS

    (tmp_path / "a.py").write_text("def total(prices):\n    return sum(prices)\n")
    with collector() as (address, received):
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
            "OTEL_EXPORTER_OTLP_ENDPOINT": address,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
        }
        run = subprocess.run(
            [KIBITZ, "explain", "a.py", "--set", "provider=standin"],
            capture_output=True,
            cwd=tmp_path,
            env=environ,
            timeout=WAIT_SECONDS,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    bodies = dict(received)
    assert b"kibitz explain" in bodies["/v1/traces"]
    assert b"chat claude" in bodies["/v1/traces"]
    assert b"anthropic.messages" not in bodies["/v1/traces"], "the SDK's own spans are off"
    assert b"gen_ai.client.token.usage" in bodies["/v1/metrics"]
    assert b"total" not in bodies["/v1/traces"]
