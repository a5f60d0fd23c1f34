"""Spans and metrics of requests, by OpenTelemetry's conventions for generative AI.

Only where the user's environment names an exporter, and never with content: no prompt, no reply,
no path.  OpenTelemetry is imported here and nowhere else, and not before it is wanted.  Its global
providers stay as they are, so that nothing of others is sent along.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kibitz import __version__
from kibitz.claude.around import AroundClaude
from kibitz.claude.values import (
    Claude,
    ClaudeFailure,
    Event,
    Finished,
    Prompt,
    Purpose,
    Usage,
)

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span

    from kibitz.claude.batching.batch_runner import BatchRecord
    from kibitz.claude.batching.batches import BatchResult

log = logging.getLogger(__name__)

SCOPE = "kibitz"
# An exporter whose other end does not answer must not hold up the end of a command.
CLOSING_SECONDS = 3.0

_ADDRESSES = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
_CHOICES = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")
_PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
_PROVIDERS = {"bedrock": "aws.bedrock", "vertex": "gcp.vertex_ai", "foundry": "azure.ai.inference"}

# As the conventions advise.
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(float(4**power) for power in range(14))
_SHARES = tuple(tenths / 10 for tenths in range(11))

# That of this process, if there is one.
_running: list[Telemetry] = []
_told: list[str] = []
_beginning = threading.Lock()


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the user has set up an exporter.  Imports nothing."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if any(environ.get(name, "").strip() for name in _ADDRESSES):
        return True
    return any(environ.get(name, "none").strip().lower() not in ("", "none") for name in _CHOICES)


def begin(environ: Mapping[str, str] = os.environ) -> Telemetry | None:
    """Telemetry for this process, the same one however often it is asked for; None where nobody
    wants it, or where what it needs is not installed, which is told once.  Blocking."""
    if not is_wanted(environ):
        return None
    with _beginning:
        if not _running:
            try:
                _running.append(
                    Telemetry(_span_processors(environ), _metric_readers(environ), environ)
                )
            except (ImportError, LookupError) as error:
                if not _told:
                    _told.append(str(error))
                    log.warning(
                        "OTEL_… asks for telemetry, which cannot be sent (%s); pip install "
                        "'kibitz[otel]'",
                        error,
                    )
                return None
        return _running[0]


@contextlib.contextmanager
def action(name: str, environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """What is asked of Claude within this block belongs to one action of the user's.

    For the body of a task: within an async generator it would be seen by whoever reads it.
    """
    telemetry = begin(environ)
    if telemetry is None:
        yield
        return
    with telemetry.action(name):
        yield


def end() -> None:
    """Send what waits, but not for long; when the last action has ended, if one is running."""
    with _beginning:
        while _running:
            _running.pop().end()


class Telemetry:
    """The providers of one process, with our instruments."""

    def __init__(
        self,
        processors: Sequence[SpanProcessor],
        readers: Sequence[MetricReader],
        environ: Mapping[str, str],
    ) -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        named = "OTEL_SERVICE_NAME" in environ or "service.name=" in environ.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        )
        about = {"service.version": __version__} | ({} if named else {"service.name": SCOPE})
        resource = Resource.create(about)
        self._n_actions = 0
        self._is_ending = False
        # We end them ourselves: what they would do at exit waits for the other end.
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        for processor in processors:
            self._traces.add_span_processor(processor)
        self._metrics = MeterProvider(readers, resource, shutdown_on_exit=False)
        self.tracer = self._traces.get_tracer(SCOPE, __version__)
        meter = self._metrics.get_meter(SCOPE, __version__)
        self.duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "How long a request took",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens of a request",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self.cost = meter.create_counter("kibitz.cost", "{USD}", "What requests have cost")
        self.cache_share = meter.create_histogram(
            "kibitz.cache_share",
            "1",
            "The share of a prompt that was read from the cache",
            explicit_bucket_boundaries_advisory=_SHARES,
        )

    @contextlib.contextmanager
    def action(self, name: str) -> Iterator[None]:
        """See `action`."""
        self._n_actions += 1
        try:
            with self._action(name):
                yield
        finally:
            self._n_actions -= 1
            if self._is_ending:
                self.end()

    def end(self) -> None:
        """See `end`.  Blocking."""
        if self._n_actions:
            self._is_ending = True
        else:
            self._close()

    def batch_result(self, provider: str, purpose: Purpose, tier: str, model: str) -> BatchRecord:
        """What tells of the results of a batch, see `BatchRecord`: a span for each, of no length,
        since nobody has watched it being made."""

        def tell(_: str, result: BatchResult, cost_usd: float | None) -> None:
            request = _Request(self, provider, model, purpose, tier, {"kibitz.batch": True})
            if (finished := result.finished) is not None:
                request.finished(replace(finished, cost_usd=cost_usd))
            else:
                request.failed(result.error or result.kind)
            request.end(was_watched=False)

        return tell

    @contextlib.contextmanager
    def _action(self, name: str) -> Iterator[None]:
        with self.tracer.start_as_current_span(
            f"kibitz {name}",
            attributes={"kibitz.action": name},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                _mark(span, _kind_of(error))
                raise

    def _close(self) -> None:
        def shut_down() -> None:
            self._traces.shutdown()
            self._metrics.shutdown()

        # A thread that is left behind does not keep the process from ending.
        thread = threading.Thread(target=shut_down, name="kibitz-telemetry", daemon=True)
        thread.start()
        thread.join(CLOSING_SECONDS)


class TracedClaude(AroundClaude):
    """Implements `values.Claude` over another one; each request is a span and is measured."""

    def __init__(self, claude: Claude, telemetry: Telemetry, provider: str) -> None:
        super().__init__(claude)
        self._telemetry = telemetry
        self._provider = provider

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        """See `values.Claude`."""
        with self._span(prompt, purpose) as request:
            async with contextlib.aclosing(self._claude.stream(prompt, purpose)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        request.finished(event)
                    yield event

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        """See `values.Claude`."""
        with self._span(prompt, purpose) as request:
            usage = await self._claude.warm(prompt, purpose)
            request.used(usage)
        return usage

    @contextlib.contextmanager
    def _span(self, prompt: Prompt, purpose: Purpose) -> Iterator[_Request]:
        more = {"gen_ai.request.max_tokens": prompt.max_tokens}
        request = _Request(
            self._telemetry, self._provider, prompt.model, purpose, prompt.tier, more
        )
        try:
            yield request
        except BaseException as error:
            request.failed(_kind_of(error))
            raise
        finally:
            request.end()


class _Request:
    """One request on its way to its span and its figures."""

    def __init__(
        self,
        telemetry: Telemetry,
        provider: str,
        model: str,
        purpose: Purpose,
        tier: str,
        more: Mapping[str, int | bool],
    ) -> None:
        from opentelemetry.trace import SpanKind

        self._telemetry = telemetry
        self._about: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _PROVIDERS.get(provider, "anthropic"),
            "gen_ai.request.model": model,
        }
        # The span's parent is what is current now; it is not made current itself, since between
        # two events of a stream others run.
        self._span = telemetry.tracer.start_span(
            f"chat {model}",
            kind=SpanKind.CLIENT,
            attributes={
                **self._about,
                **more,
                "kibitz.action": purpose.action,
                "kibitz.tier": tier,
            },
        )
        self._began = time.monotonic()

    def finished(self, event: Finished) -> None:
        self._about["gen_ai.response.model"] = event.model
        self._span.set_attributes(
            {
                "gen_ai.response.model": event.model,
                "gen_ai.response.finish_reasons": (event.stop_reason,),
            }
        )
        if event.request_id is not None:
            self._span.set_attribute("anthropic.request_id", event.request_id)
        if event.cost_usd is not None:
            self._span.set_attribute("kibitz.cost_usd", event.cost_usd)
            self._telemetry.cost.add(event.cost_usd, self._about)
        self.used(event.usage)

    def used(self, usage: Usage) -> None:
        share = usage.cache_read_tokens / usage.prompt_tokens if usage.prompt_tokens else 0.0
        self._span.set_attributes(
            {
                # By the conventions cached tokens are input tokens, too.
                "gen_ai.usage.input_tokens": usage.prompt_tokens,
                "gen_ai.usage.output_tokens": usage.output_tokens,
                "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
                "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
                "kibitz.cache_share": share,
            }
        )
        for kind, count in (("input", usage.prompt_tokens), ("output", usage.output_tokens)):
            self._telemetry.tokens.record(count, {**self._about, "gen_ai.token.type": kind})
        self._telemetry.cache_share.record(share, self._about)

    def failed(self, kind: str) -> None:
        self._about["error.type"] = kind
        _mark(self._span, kind)

    def end(self, *, was_watched: bool = True) -> None:
        if was_watched:
            self._telemetry.duration.record(time.monotonic() - self._began, self._about)
        self._span.end()


def _mark(span: Span, kind: str) -> None:
    """Say on a span that it failed, and how."""
    from opentelemetry.trace import StatusCode

    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def _kind_of(error: BaseException) -> str:
    """What is told of an error: its text may quote somebody, so it is left out."""
    kind = error.kind if isinstance(error, ClaudeFailure) else type(error).__name__
    if isinstance(error, GeneratorExit | KeyboardInterrupt) or kind == "CancelledError":
        return "cancelled"
    return kind


def _span_processors(environ: Mapping[str, str]) -> list[SpanProcessor]:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    return [
        # Standard output is the language server's and the answer's.
        BatchSpanProcessor(ConsoleSpanExporter(out=sys.stderr) if made is None else made())
        for made in _exporters(environ, "TRACES", "opentelemetry_traces_exporter")
    ]


def _metric_readers(environ: Mapping[str, str]) -> list[MetricReader]:
    from opentelemetry.sdk.metrics.export import (
        ConsoleMetricExporter,
        PeriodicExportingMetricReader,
    )

    return [
        PeriodicExportingMetricReader(
            ConsoleMetricExporter(out=sys.stderr) if made is None else made()
        )
        for made in _exporters(environ, "METRICS", "opentelemetry_metrics_exporter")
    ]


def _exporters(environ: Mapping[str, str], signal: str, group: str) -> Iterator[Any]:
    """The exporters that the environment names for a signal, None for the one to the console.
    Raises LookupError for one that is not installed."""
    from importlib.metadata import entry_points

    for written in environ.get(f"OTEL_{signal}_EXPORTER", "otlp").split(","):
        name = written.strip().lower()
        if name in ("", "none"):
            continue
        if name == "console":
            yield None
            continue
        if name == "otlp":
            protocol = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or environ.get(
                "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"
            )
            name = _PROTOCOLS.get(protocol.strip().lower(), protocol)
        found = tuple(entry_points(group=group, name=name))
        if not found:
            raise LookupError(f"there is no exporter {name!r}")
        yield found[0].load()
