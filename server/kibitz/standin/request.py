"""What a client sent, without its credential: what rules, scripts and the journal look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Request:
    """One request.  Header names are in lower case; no header here carries a credential.

    `credential` says how the client authenticated and `workspace` whose cache it uses; both are
    None where it did not.  A body that is no JSON object is {}.
    """

    method: str
    path: str
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    credential: Literal["bearer", "x-api-key"] | None = None
    workspace: str | None = None

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def system_text(self) -> str:
        return _text(self.body.get("system"))

    @property
    def last_user_text(self) -> str:
        """The text of the last user message that has any; tool results are not text."""
        for message in reversed(self.body.get("messages") or ()):
            text = _text(message.get("content"))
            if message.get("role") == "user" and text:
                return text
        return ""

    @property
    def stop_sequences(self) -> tuple[str, ...]:
        return tuple(self.body.get("stop_sequences") or ())

    @property
    def tool_names(self) -> tuple[str, ...]:
        """The tools that may be called: none with ``tool_choice: none``."""
        if (self.body.get("tool_choice") or {}).get("type") == "none":
            return ()
        return tuple(tool.get("name", "") for tool in self.body.get("tools") or ())

    @property
    def tool_results(self) -> tuple[str, ...]:
        """The texts of the results that the last message brings."""
        messages = self.body.get("messages") or ()
        content = messages[-1].get("content") if messages else None
        blocks = content if isinstance(content, list) else ()
        return tuple(_text(b.get("content")) for b in blocks if b.get("type") == "tool_result")


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(
        block["text"]
        for block in content
        if isinstance(block, dict) and isinstance(block.get("text"), str)
    )
