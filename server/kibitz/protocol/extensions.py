"""Our own methods, each optional: a client that lacks them loses comfort only.

docs/protocol.md describes them; a test keeps its copy of these names and fields true.  A client
announces them as ``capabilities.experimental.kibitz = {applyEdit, stream, status}``.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

STATUS = "kibitz/status"
STREAM = "kibitz/stream"
APPLY_EDIT = "kibitz/applyEdit"


class StatusParams(TypedDict):
    """Server to client, notification: sent when a job starts or ends and when money was spent.

    `cacheShare` is the share of today's prompt tokens that was read from the cache, 0 to 1.
    `pausedUntil`, a time of ISO 8601 in UTC, is when automatic features are tried again after
    repeated failures; null while they are not paused.
    """

    busy: bool
    jobs: list[str]
    spentTodayUsd: float
    dayLimitUsd: float
    cacheShare: float
    pausedUntil: str | None


class StreamParams(TypedDict):
    """Server to client, notification: one piece of an answer in Markdown.

    `job` is the id that the command answered.  The first piece has `state` "begin" and no text,
    the last one "end" (complete) or "failed" (with the reason as its text).
    """

    job: str
    uri: str | None
    title: str
    state: Literal["begin", "delta", "end", "failed"]
    text: str


class ApplyEditParams(TypedDict):
    """Server to client, request; answered like ``workspace/applyEdit``, and with `hidden` where
    nobody sees the document: then the rest comes as one edit.

    `undo` groups the edits of one stream into one undo step: "start" on the first, "continue"
    on those that follow, "end" on a last one, which holds no change.
    """

    edit: dict[str, Any]
    undo: Literal["start", "continue", "end"]


def says(answer: object, flag: str) -> bool:
    """Whether the client's answer to an edit has a flag, in lsprotocol's type or plain JSON."""
    if isinstance(answer, dict):
        return answer.get(flag) is True
    return getattr(answer, flag, False) is True
