"""What the exceptions of the SDK and of its HTTP library mean, as `ClaudeFailure`s."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kibitz.claude import faults
from kibitz.claude.anthropic_client.clouds import credentials_failure
from kibitz.claude.reply import MalformedReplyError, ReplyReader
from kibitz.claude.values import ClaudeFailure

if TYPE_CHECKING:
    import httpx2


def failure_of(error: Exception, asked: faults.Asked, *, begun: bool) -> ClaudeFailure | None:
    """What an exception of the SDK or of the HTTP library means; None: it is a bug of ours."""
    import anthropic
    import httpx2

    match error:
        case _ if (about_credentials := credentials_failure(error, asked)) is not None:
            return about_credentials
        case anthropic.APIStatusError():
            return faults.from_response(
                asked, error.status_code, error.response.headers, error.body
            )
        case anthropic.APITimeoutError():
            if any(isinstance(each, httpx2.ConnectTimeout) for each in faults.causes(error)):
                return faults.from_network(asked, error)
            return faults.failure(asked, "timeout", facts={"cause": "no_answer"})
        case anthropic.APIConnectionError():
            return faults.from_network(asked, error)
        case anthropic.APIResponseValidationError():
            return faults.failure(asked, "not_an_api", status=error.status_code)
        case anthropic.AnthropicError():
            # A profile or a token file that cannot be used, a token that cannot be had.
            return faults.failure(asked, "no_credentials", str(error), facts={"cause": "profile"})
        case TypeError() if "authentication method" in str(error):
            return faults.failure(asked, "no_credentials", facts={"cause": "none_found"})
        case TimeoutError():
            return faults.failure(asked, "timeout", facts={"cause": "no_answer"})
        case httpx2.DecodingError() | ValueError() if begun and not _has_wrong_shape(error):
            # What came before was the API's: something on the way has damaged the rest.
            return faults.failure(asked, "dropped", facts={"cause": "damaged"})
        case httpx2.DecodingError() | ValueError() | AssertionError():
            return faults.failure(
                asked, "not_an_api", status=200, facts={"cause": type(error).__name__}
            )
        case httpx2.HTTPError() | httpx2.StreamError():
            if begun:
                return faults.failure(asked, "dropped", facts={"cause": type(error).__name__})
            if isinstance(error, httpx2.TimeoutException):
                return faults.failure(asked, "timeout", facts={"cause": "no_answer"})
            return faults.from_network(asked, error)
        case _:
            return None


def _has_wrong_shape(error: Exception) -> bool:
    """Whether data came over whole, and is not what the API would say."""
    return isinstance(error, MalformedReplyError)


def end_without_a_good_end(
    asked: faults.Asked, reader: ReplyReader, request_id: str | None, *, spoke: bool
) -> ClaudeFailure:
    """What a stream means that is over, and of which `reader` has not finished.

    `spoke`: there was at least something in it.
    """
    if not spoke:
        return faults.failure(asked, "not_an_api", request_id=request_id, status=200)
    if not reader.started:
        # Pings and nothing else: as good as no connection at all.
        return faults.failure(asked, "network", request_id=request_id, facts={"cause": "broken"})
    facts: dict[str, str] = {"cause": "end_of_stream"}
    if reader.ended and reader.stop_reason is not None:
        facts = {"cause": "unknown_stop", "stop_reason": reader.stop_reason}
    return faults.failure(asked, "dropped", request_id=request_id, facts=facts)


def require_event_stream(asked: faults.Asked, response: httpx2.Response) -> None:
    content_type = response.headers.get("content-type", "").lower()
    if content_type.startswith(("text/html", "application/json")):
        raise faults.failure(
            asked,
            "not_an_api",
            request_id=response.headers.get("request-id"),
            status=response.status_code,
            facts={"content_type": content_type.partition(";")[0]},
        )
