"""What went wrong, from what the endpoint or the network said, to a `ClaudeFailure`.

Pure: status codes, JSON bodies and standard exceptions go in.  The SDK's own exception classes
are taken apart in `anthropic_client`; which words the user reads is decided in `kibitz.errors`.
"""

from __future__ import annotations

import email.utils
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.models.platforms import Platform
from kibitz.claude.values import ClaudeFailure, FailureKind

LONGEST_MESSAGE = 300

SPEND_LIMIT_CODES = frozenset(
    {
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a failure is about.  `secrets` are cut out of anything that is quoted."""

    model: str
    endpoint: str
    catalogue: Catalogue
    sent_credentials: bool = True
    secrets: tuple[str, ...] = ()
    platform: Platform = "anthropic"

    @property
    def place(self) -> Mapping[str, Any]:
        """The fact of where it was asked, unless that is Anthropic's own API."""
        return {} if self.platform == "anthropic" else {"platform": self.platform}


def from_response(
    asked: Asked, status: int, headers: Mapping[str, str], body: object
) -> ClaudeFailure:
    """A response with a status other than 2xx.  `body` is parsed JSON, or else text."""
    said = _Said.read(body, asked)
    kind = _kind_of_status(status, said, asked)
    facts = {**said.facts, **asked.place}
    if kind == "unknown_model":
        facts |= _model_facts(asked)
    if 300 <= status < 400:
        facts["redirected_to"] = origin(headers.get("location", ""))
    if status == 407:
        facts["cause"] = "proxy"
    if headers.get("x-should-retry") in {"true", "false"}:
        facts["final"] = headers["x-should-retry"] == "false"
    return ClaudeFailure(
        kind,
        said.message,
        retry_after_seconds=retry_after_seconds(headers),
        status=status,
        request_id=headers.get("request-id") or said.request_id,
        model=asked.model,
        endpoint=asked.endpoint,
        facts=facts,
    )


def from_error_event(asked: Asked, request_id: str | None, body: object) -> ClaudeFailure:
    """An `error` event in a stream that had begun with status 200."""
    said = _Said.read(body, asked)
    kind = _KIND_OF_TYPE.get(said.type or "", "server_error")
    if said.code in SPEND_LIMIT_CODES:
        kind = "spend_limit"
    elif kind == "bad_request":
        kind = said.known or "bad_request"
    return ClaudeFailure(
        kind,
        said.message,
        status=200,
        request_id=request_id or said.request_id,
        model=asked.model,
        endpoint=asked.endpoint,
        facts={**said.facts, **(_model_facts(asked) if kind == "unknown_model" else {})},
    )


def from_network(asked: Asked, error: BaseException) -> ClaudeFailure:
    """No response at all: the connection could not be made, or it broke before the first byte.

    `facts["cause"]` is one of dns, refused, tls, proxy, connect_timeout, base_url, broken.
    """
    cause, detail = "broken", ""
    for each in causes(error):
        name = type(each).__name__
        if isinstance(each, ssl.SSLCertVerificationError):
            cause, detail = "tls", each.verify_message or "certificate verify failed"
        elif isinstance(each, ssl.SSLError):
            cause, detail = "tls", each.reason or ""
        elif isinstance(each, socket.gaierror):
            cause = "dns"
        elif isinstance(each, ConnectionRefusedError):
            cause = "refused"
        elif name == "ProxyError":
            cause, detail = "proxy", str(each)
        elif name == "ConnectTimeout":
            cause = "connect_timeout"
        elif name in {"UnsupportedProtocol", "InvalidURL"}:
            cause = "base_url"
        else:
            continue
        break
    return failure(asked, "network", _clean(detail, asked), facts={"cause": cause})


def failure(
    asked: Asked,
    kind: FailureKind,
    message: str = "",
    *,
    request_id: str | None = None,
    status: int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> ClaudeFailure:
    """A failure that was noticed here, about what was asked."""
    return ClaudeFailure(
        kind,
        _clean(message, asked),
        status=status,
        request_id=request_id,
        model=asked.model,
        endpoint=asked.endpoint,
        facts={**asked.place, **(facts or {})},
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything that led to it, nearest first, groups taken apart."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(each.exceptions)
        waiting.extend(other for other in (each.__cause__, each.__context__) if other is not None)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the endpoint asks us to wait: milliseconds, seconds or a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        # "nan" and "inf" are numbers to float() and no answer to us.
        return seconds if 0 <= seconds < 10**9 else None
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    if date is None:
        return None
    return max(email.utils.mktime_tz(date) - time.time(), 0.0)


def origin(url: str) -> str:
    """Scheme, host and port of a URL: nothing that may hold a password, a path or a query."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    if not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}"


_KIND_OF_TYPE: Mapping[str, FailureKind] = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "rate_limit",
    "api_error": "server_error",
    "timeout_error": "timeout",
    "authentication_error": "wrong_credentials",
    "permission_error": "no_permission",
    "billing_error": "no_credit",
    "invalid_request_error": "bad_request",
    "not_found_error": "unknown_model",
    "request_too_large": "too_large",
    # What Bedrock calls them in a stream.
    "throttlingException": "rate_limit",
    "modelTimeoutException": "timeout",
    "serviceUnavailableException": "overloaded",
    "validationException": "bad_request",
}

_KIND_OF_STATUS: Mapping[int, FailureKind] = {
    401: "wrong_credentials",
    402: "no_credit",
    403: "no_permission",
    405: "not_an_api",
    407: "network",
    408: "timeout",
    409: "server_error",
    413: "too_large",
    429: "rate_limit",
    499: "server_error",
    504: "timeout",
    529: "overloaded",
}

# Texts that a refused request is known by.  The API may change them, so they only refine what
# the status has said; the first that matches counts.
_KNOWN_TEXTS: tuple[tuple[re.Pattern[str], FailureKind, str | None], ...] = (
    (re.compile(r"credit balance is too low", re.I), "no_credit", None),
    (re.compile(r"reached your specified .*usage limits", re.I), "spend_limit", None),
    (
        re.compile(
            r"prompt is too long|exceed(?:s|ed)? (?:the )?(?:available )?context|"
            r"maximum context length|exceed_context_size",
            re.I,
        ),
        "too_large",
        None,
    ),
    (
        re.compile(r"model.{0,120}(?:not found|does not exist|is not a valid|unknown)", re.I),
        "unknown_model",
        None,
    ),
    (
        re.compile(r"(?:invalid|unknown|unsupported) model|model identifier is invalid", re.I),
        "unknown_model",
        None,
    ),
    (
        re.compile(
            r"tools? param requires|does not support tools?\b|support tool use|"
            r"tool[ _]choice requires",
            re.I,
        ),
        "bad_request",
        "no_tools",
    ),
    (re.compile(r"assistant message prefill", re.I), "bad_request", "prefill"),
    (re.compile(r"\bdiagnostics\b", re.I), "bad_request", "diagnostics"),
    (re.compile(r"thinking", re.I), "bad_request", "thinking"),
    (re.compile(r"\beffort\b", re.I), "bad_request", "effort"),
    (re.compile(r"cache_control", re.I), "bad_request", "cache_control"),
    (re.compile(r"tool_choice", re.I), "bad_request", "tool_choice"),
    (re.compile(r"schema", re.I), "bad_request", "schema"),
    (re.compile(r"role 'system'", re.I), "bad_request", "system_role"),
    (re.compile(r"max_tokens", re.I), "bad_request", "max_tokens"),
)
# Clouds say with a 403 what others say with a 401.
_ABOUT_CREDENTIALS = re.compile(
    r"security token|signature|(?:token|credentials?|key)\b.{0,40}\b(?:expired|invalid)", re.I
)
_TOKENS_OVER_MAXIMUM = re.compile(r"(\d[\d,]*)(?: tokens)?(?: \+ (\d[\d,]*))? > (\d[\d,]*)")


@dataclass(frozen=True, slots=True)
class _Said:
    """What an error body says, whichever of the usual shapes it has."""

    type: str | None
    code: str | None
    message: str
    request_id: str | None
    is_html: bool
    known: FailureKind | None
    facts: Mapping[str, Any]

    @classmethod
    def read(cls, body: object, asked: Asked) -> _Said:
        if not isinstance(body, Mapping):
            text = body if isinstance(body, str) else ""
            is_html = text.lstrip().startswith("<")
            return cls(None, None, "" if is_html else _clean(text, asked), None, is_html, None, {})
        # Anthropic and OpenAI shapes have an object here, some servers a plain string.
        error = body.get("error")
        inner: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
        details = inner.get("details")
        code = details.get("error_code") if isinstance(details, Mapping) else inner.get("code")
        message = next(
            (
                text
                for text in (
                    inner.get("message"),
                    error,
                    body.get("message"),
                    body.get("detail"),
                    _complaints(body.get("detail")),
                )
                if isinstance(text, str)
            ),
            "",
        )
        type_ = inner.get("type")
        request_id = body.get("request_id")
        facts: dict[str, Any] = {}
        if isinstance(type_, str):
            facts["error_type"] = type_
        if isinstance(code, str):
            facts["error_code"] = code
        known: FailureKind | None = None
        for pattern, kind, reason in _KNOWN_TEXTS:
            if pattern.search(message):
                known = kind
                if reason is not None:
                    facts["reason"] = reason
                break
        if match := _TOKENS_OVER_MAXIMUM.search(message):
            numbers = [int(group.replace(",", "")) for group in match.groups() if group]
            facts |= {"tokens": sum(numbers[:-1]), "maximum": numbers[-1]}
        elif isinstance(inner.get("n_prompt_tokens"), int) and isinstance(inner.get("n_ctx"), int):
            facts |= {"tokens": inner["n_prompt_tokens"], "maximum": inner["n_ctx"]}  # llama.cpp
        return cls(
            type_ if isinstance(type_, str) else None,
            code if isinstance(code, str) else None,
            _clean(message, asked),
            request_id if isinstance(request_id, str) else None,
            False,
            known,
            facts,
        )


def _complaints(detail: object) -> str | None:
    """What FastAPI writes of a request that does not fit, a list of objects, as a sentence."""
    if not isinstance(detail, list):
        return None
    complaints = [each for each in detail if isinstance(each, Mapping)]
    return "; ".join(
        f"{'.'.join(map(str, each.get('loc') or ()))}: {each.get('msg', '')}" for each in complaints
    )


def _kind_of_status(status: int, said: _Said, asked: Asked) -> FailureKind:
    if 300 <= status < 400:
        return "not_an_api"
    # A page for people, where an API answers in JSON: a portal, a proxy, a wrong path.  Only the
    # errors of load balancers in front of the real API look like that, too.
    if said.is_html and status < 500 and status not in {413, 429}:
        return "not_an_api"
    if status == 401 and not asked.sent_credentials:
        return "no_credentials"
    if status == 403 and asked.platform != "anthropic" and _ABOUT_CREDENTIALS.search(said.message):
        return "wrong_credentials"
    if status == 429:
        return "spend_limit" if said.code in SPEND_LIMIT_CODES else said.known or "rate_limit"
    if status == 404:
        about_models = said.type == "not_found_error" or "model" in said.message.lower()
        return "unknown_model" if about_models else "not_an_api"
    if status in {400, 422}:
        return said.known or "bad_request"
    if status >= 500 and said.type == "overloaded_error":
        return "overloaded"
    if status in _KIND_OF_STATUS:
        return _KIND_OF_STATUS[status]
    return "server_error" if status >= 500 else "bad_request"


def _model_facts(asked: Asked) -> dict[str, Any]:
    facts: dict[str, Any] = {"nearest": asked.catalogue.nearest(asked.model)}
    successor = asked.catalogue.successor(asked.model)
    if successor is not None:
        facts["successor"] = successor
    return facts


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def _clean(text: str, asked: Asked) -> str:
    """Words of a stranger, fit to be shown: one line, short, without secrets or controls."""
    for secret in asked.secrets:
        if secret:
            text = text.replace(secret, "…")
    text = " ".join(_CONTROLS.sub(" ", text).split())
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"
