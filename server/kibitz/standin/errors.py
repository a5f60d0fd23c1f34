"""How the API says no: status, type, text and body, exactly as documented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ERROR_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}

MESSAGES: Mapping[int, str] = {
    400: "The request is not valid.",
    401: "invalid x-api-key",
    402: "Your credit balance is too low to access the API.",
    403: "Your API key does not have permission to use the specified resource.",
    404: "Not found",
    408: "The request timed out.",
    409: "The request conflicts with another one.",
    413: "Request exceeds the maximum size",
    429: "This request would exceed your account's rate limit. Please try again later.",
    500: "Internal server error",
    504: "The request timed out while it was processed.",
    529: "Overloaded",
}


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error as a value.  `headers` come on top of the usual ones of a response."""

    status: int
    message: str
    type: str = ""
    error_code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def body(self, request_id: str | None) -> dict[str, Any]:
        """The JSON of the response, and of an ``error`` event within a stream."""
        error: dict[str, Any] = {
            "type": self.type or ERROR_TYPES.get(self.status, "api_error"),
            "message": self.message,
        }
        if self.error_code is not None:
            error["details"] = {"error_code": self.error_code}
        return {"type": "error", "error": error, "request_id": request_id}


def invalid_request(message: str) -> ApiError:
    return ApiError(400, message)


def not_found(message: str) -> ApiError:
    return ApiError(404, message)
