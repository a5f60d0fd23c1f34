"""The routes: who is asking, what for, and who answers it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from kibitz.standin import models
from kibitz.standin.answer import Answering
from kibitz.standin.batches import Batches
from kibitz.standin.clock import Clock
from kibitz.standin.delivery import Delivery, starting_fault
from kibitz.standin.errors import ApiError, invalid_request, not_found
from kibitz.standin.events import message_body
from kibitz.standin.http import HttpRequest, HttpResponse
from kibitz.standin.journal import Exchange, Journal
from kibitz.standin.limits import RateMeter
from kibitz.standin.prompt import prompt_tokens, text_tokens
from kibitz.standin.reply import EXPIRED
from kibitz.standin.request import Request
from kibitz.standin.rules import VERSIONS, Accepted, judge
from kibitz.standin.script import MESSAGES_PATH, Script

_SECRET_HEADERS = frozenset({"authorization", "x-api-key", "proxy-authorization", "cookie"})
_ORGANIZATION = "00000000-0000-4000-8000-000000000000"
_LARGEST_PAGE = 1_000
_NEW_BATCH = ("POST", ["messages", "batches"])
_LOST_ANSWERS = frozenset({"drop", "cut", "stall"})


class Api:
    """Answers every request of every connection.

    `accepted_keys` None means that any key will do.  `base_url` is asked for late: the port is
    known only once the stand-in listens.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        script: Script,
        journal: Journal,
        answering: Answering,
        meter: RateMeter,
        accepted_keys: Collection[str] | None,
        batch_seconds: float,
        pace_seconds: float,
        base_url: Callable[[], str],
    ) -> None:
        self._clock = clock
        self._script = script
        self._journal = journal
        self._answering = answering
        self._meter = meter
        self._accepted_keys = accepted_keys
        self._pace_seconds = pace_seconds
        self._batches = Batches(clock, self._batched, batch_seconds)
        self._base_url = base_url

    async def handle(self, http: HttpRequest, response: HttpResponse) -> None:
        request, key = _read(http)
        exchange = self._journal.begin(request, self._clock.now())
        headers = {"request-id": exchange.request_id, "anthropic-organization-id": _ORGANIZATION}
        if request.workspace is not None:
            headers["anthropic-workspace-id"] = request.workspace
            headers |= self._meter.headers(request.workspace, self._clock.now())
        delivery = Delivery(exchange, self._journal, response, headers)
        try:
            refusal = self._refusal(http, request, key)
            if refusal is not None:
                await delivery.error(refusal)
            else:
                await self._route(http, request, exchange, delivery)
        finally:
            if exchange.outcome == "open":
                exchange.outcome = "client_closed" if response.client_left else "broken"
            model = models.find(exchange.model or "")
            if exchange.outcome != "complete" and model is not None:
                # What was not generated is not paid for.
                exchange.output_tokens = text_tokens(exchange.sent, model)
            self._journal.changed()

    def _refusal(self, http: HttpRequest, request: Request, key: str | None) -> ApiError | None:
        if not request.path.startswith("/v1/"):
            return not_found("Not found")
        if key is None:
            return ApiError(401, "x-api-key header is required")
        if not key or (self._accepted_keys is not None and key not in self._accepted_keys):
            bearer = request.credential == "bearer"
            return ApiError(401, "Invalid bearer token" if bearer else "invalid x-api-key")
        version = request.headers.get("anthropic-version")
        if version is None:
            return invalid_request("anthropic-version: header is required")
        if version not in VERSIONS:
            return invalid_request(f'anthropic-version: "{version}" is not a valid version.')
        if http.too_large:
            return ApiError(413, "Request exceeds the maximum size")
        if http.body and not request.body:
            problem = _json_problem(http.body)
            if problem is not None:
                return invalid_request(f"The request body is not valid JSON: {problem}")
        return None

    async def _route(
        self, http: HttpRequest, request: Request, exchange: Exchange, delivery: Delivery
    ) -> None:
        parts = request.path.removeprefix("/v1/").split("/")
        if request.path != MESSAGES_PATH:
            fault = self._script.fault_for(request)
            if fault is not None:
                if fault.kind in _LOST_ANSWERS and (request.method, parts) == _NEW_BATCH:
                    # What was asked for has been done: it is the answer that gets lost.
                    self._batches.create(_body(http), request.workspace or "", self._base_url())
                await delivery.instead(fault)
                return
        match request.method, parts:
            case "POST", ["messages"]:
                await self._message(http, request, delivery, exchange)
            case "POST", ["messages", "count_tokens"]:
                await _say(delivery, self._count(http, request))
            case "GET", ["models"]:
                await _say(delivery, _models_page(request))
            case "GET", ["models", model_id]:
                await _say(delivery, _model(unquote(model_id)))
            case _, ["messages", "batches", *rest]:
                await self._batch(http, request, rest, delivery)
            case _, ["messages"] | ["messages", "count_tokens"] | ["models"] | ["models", _]:
                await delivery.error(ApiError(405, "Method Not Allowed"))
            case _:
                await delivery.error(not_found("Not found"))

    async def _message(
        self, http: HttpRequest, request: Request, delivery: Delivery, exchange: Exchange
    ) -> None:
        assert request.workspace is not None
        judgement = judge(_body(http), request.headers["anthropic-version"])
        if isinstance(judgement, ApiError):
            await delivery.error(judgement)
            return
        problem = self._answering.problem(request.body, judgement.model)
        if problem is not None:
            await delivery.error(invalid_request(problem))
            return
        limited = self._meter.refuse(request.workspace, self._clock.now())
        if limited is not None:
            await delivery.error(limited)
            return
        exchange.model = judgement.model.id
        reply = self._script.reply_to(request)
        if not reply.pace_seconds:
            reply = replace(reply, pace_seconds=self._pace_seconds)
        exchange.reply = reply
        starting = starting_fault(reply)
        if starting is not None:
            await delivery.instead(starting)
            return
        answer = self._answering.answer(request.body, judgement.model, request.workspace, reply)
        self._meter.use(
            request.workspace,
            self._clock.now(),
            input_tokens=answer.lookup.use.input_tokens + answer.lookup.use.write_tokens,
            output_tokens=answer.generated.output_tokens,
        )
        await delivery.message(answer, reply, streams=request.streams)

    def _count(self, http: HttpRequest, request: Request) -> dict[str, Any] | ApiError:
        judgement = judge(_body(http), request.headers["anthropic-version"], counting=True)
        if isinstance(judgement, ApiError):
            return judgement
        return {"input_tokens": prompt_tokens(request.body, judgement.model)}

    async def _batch(
        self, http: HttpRequest, request: Request, rest: list[str], delivery: Delivery
    ) -> None:
        workspace, url, batches = request.workspace, self._base_url(), self._batches
        assert workspace is not None
        match request.method, rest:
            case "POST", []:
                await _say(delivery, batches.create(_body(http), workspace, url))
            case "GET", []:
                await _say(delivery, _page(request, batches.every(workspace, url)))
            case "GET", [batch_id]:
                await _say(delivery, batches.retrieve(batch_id, workspace, url))
            case "DELETE", [batch_id]:
                await _say(delivery, batches.delete(batch_id, workspace))
            case "POST", [batch_id, "cancel"]:
                await _say(delivery, batches.cancel(batch_id, workspace, url))
            case "GET", [batch_id, "results"]:
                await _say(delivery, batches.results(batch_id, workspace))
            case _:
                await delivery.error(ApiError(405, "Method Not Allowed"))

    def _batched(self, workspace: str, params: Any) -> dict[str, Any]:
        """One request of a batch.  It goes through the script as any other does."""
        judgement = judge(params, VERSIONS[-1], batched=True)
        if isinstance(judgement, Accepted):
            request = Request("POST", MESSAGES_PATH, body=params, workspace=workspace)
            reply = self._script.reply_to(request)
            fault = next((f.error for f in reply.faults if f.error is not None), None)
            if fault is None:
                answer = self._answering.answer(
                    params, judgement.model, workspace, reply, service_tier="batch"
                )
                answer.lookup.publish()
                body = message_body(answer.envelope, answer.generated)
                return {"type": "succeeded", "message": body}
            if fault.type == EXPIRED:
                return {"type": "expired"}
            judgement = fault
        return {"type": "errored", "error": judgement.body(None)}


def _read(http: HttpRequest) -> tuple[Request, str | None]:
    """The request and its key, which no one but the caller gets to see."""
    target = urlsplit(http.target)
    headers = dict(http.headers)
    bearer, key = headers.get("authorization"), headers.get("x-api-key")
    shown = {name: value for name, value in headers.items() if name not in _SECRET_HEADERS}
    body = _body(http)
    request = Request(
        http.method,
        target.path,
        {name: tuple(values) for name, values in parse_qs(target.query).items()},
        shown,
        body if isinstance(body, dict) else {},
    )
    # Both headers may come at once, for gateways that read only the older one.
    if bearer is not None and bearer.lower().startswith("bearer "):
        secret = bearer[len("bearer ") :].strip()
        return replace(request, credential="bearer", workspace=_workspace(secret)), secret
    if key is not None:
        return replace(request, credential="x-api-key", workspace=_workspace(key)), key
    return request, None


def _workspace(key: str) -> str:
    """Every key has a workspace of its own, and the key cannot be told from its name."""
    return f"wrkspc_{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def _body(http: HttpRequest) -> object:
    try:
        return json.loads(http.body) if http.body else None
    except ValueError:
        return None


def _json_problem(body: bytes) -> str | None:
    try:
        json.loads(body)
    except ValueError as problem:
        return str(problem)
    return None


async def _say(delivery: Delivery, answer: dict[str, Any] | bytes | ApiError) -> None:
    if isinstance(answer, ApiError):
        await delivery.error(answer)
    elif isinstance(answer, bytes):
        await delivery.lines(answer)
    else:
        await delivery.json(answer)


def _model(model_id: str) -> dict[str, Any] | ApiError:
    model = models.find(model_id)
    return not_found(f"model: {model_id}") if model is None else models.info(model)


def _models_page(request: Request) -> dict[str, Any] | ApiError:
    wanted = (*request.query.get("lifecycle", ()), *request.query.get("lifecycle[]", ()))
    lifecycles = wanted or ("active", "deprecated")
    listed = [models.info(m) for m in models.MODELS if m.lifecycle in lifecycles]
    return _page(request, listed)


def _page(request: Request, items: list[dict[str, Any]]) -> dict[str, Any] | ApiError:
    """The part of a list that the cursor and the limit of a request ask for."""
    try:
        limit = int(request.query.get("limit", ("20",))[0])
    except ValueError:
        return invalid_request("limit: Input should be a valid integer")
    if not 1 <= limit <= _LARGEST_PAGE:
        return invalid_request(f"limit: Input should be between 1 and {_LARGEST_PAGE}")
    ids = [item["id"] for item in items]
    start, backwards = 0, False
    for name in ("after_id", "before_id"):
        cursor = request.query.get(name)
        if cursor is None:
            continue
        if cursor[0] not in ids:
            return invalid_request(f"{name}: {cursor[0]} was not found")
        backwards = name == "before_id"
        position = ids.index(cursor[0])
        start = max(0, position - limit) if backwards else position + 1
        limit = min(limit, position) if backwards else limit
    page = items[start : start + limit]
    return {
        "data": page,
        "has_more": start > 0 if backwards else start + limit < len(items),
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }
