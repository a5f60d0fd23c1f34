"""A turn as it was sent: the very messages, so that the next one reads them from the cache.

Knows how messages are kept as JSON and in which of two forms a turn is sent again; nothing of
files, editors or who asks.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from kibitz.claude.values import (
    Attachment,
    Block,
    MediaType,
    Message,
    Part,
    Thinking,
    ToolResult,
    ToolUse,
)
from kibitz.conversation.document import Exchange
from kibitz.conversation.news import NEWS, Told

# What a turn shows of the repository as it was then begins like this.
_OF_ITS_TIME = (NEWS, "<task-context>\n")

FIRST_KEY = ""


@dataclass(frozen=True)
class Turn:
    """A question, what was looked at, and the answer.

    `messages` begin with the user's and end with Claude's, without markers; `answer` is its text.
    `told` is what of the repository is known from here on.
    """

    messages: tuple[Message, ...]
    answer: str
    model: str
    told: Told

    @property
    def plain(self) -> tuple[Message, ...]:
        """The question with what it brought along, and the answer: for another model, which must
        not be sent this one's thinking, and for another state of the repository."""
        asked = [
            part
            for part in self.messages[0].content
            if not (isinstance(part, Block) and part.text.startswith(_OF_ITS_TIME))
        ]
        return (Message("user", tuple(asked)), Message("assistant", (Block(self.answer),)))


def key_after(key: str, exchange: Exchange) -> str:
    """Names a conversation by all that was said in it: `exchange` after what `key` names.

    Blanks at the ends of lines are left out, since many editors take them away.
    """
    said = ("\n".join(line.rstrip() for line in text.split("\n")) for text in
            (exchange.question, exchange.answer))  # fmt: skip
    return hashlib.sha256(json.dumps([key, *said]).encode()).hexdigest()


def dumped(turn: Turn) -> str:
    """The turn as JSON."""
    value = {
        "messages": [[each.role, list(map(_dumped, each.content))] for each in turn.messages],
        "answer": turn.answer,
        "model": turn.model,
        "told": dataclasses.asdict(turn.told),
    }
    return json.dumps(value, separators=(",", ":"))


def loaded(text: str) -> Turn:
    """The turn that was dumped.  Raises ValueError for anything else."""
    try:
        value = json.loads(text)
        messages = tuple(
            Message(_role(role), tuple(map(_loaded, content)))
            for role, content in value["messages"]
        )
        if not messages or not all(message.content for message in messages):
            raise ValueError("a turn has messages, and each of them says something")
        return Turn(
            messages, str(value["answer"]), str(value["model"]), Told.from_json(value["told"])
        )
    except (KeyError, TypeError, IndexError, RecursionError) as error:
        raise ValueError(f"not a turn: {error!r}") from error


def _dumped(part: Part) -> dict[str, Any]:
    match part:
        case Block(text, _):
            return {"text": text}
        case Attachment(media_type, data, most_tokens):
            return {"media_type": media_type, "data": data, "most_tokens": most_tokens}
        case ToolUse(id_, name, input_):
            return {"call": id_, "name": name, "input": dict(input_)}
        case ToolResult(tool_use_id, text, is_error, _):
            return {"result_of": tool_use_id, "result": text, "is_error": is_error}
        case Thinking(block):
            return {"thinking": dict(block)}


def _loaded(value: Mapping[str, Any]) -> Part:
    if "text" in value:
        return Block(str(value["text"]))
    if "media_type" in value:
        if value["media_type"] not in get_args(MediaType):
            raise ValueError("an attachment of a kind that nobody sends")
        return Attachment(value["media_type"], str(value["data"]), int(value["most_tokens"]))
    if "call" in value:
        return ToolUse(str(value["call"]), str(value["name"]), dict(value["input"]))
    if "result_of" in value:
        return ToolResult(str(value["result_of"]), str(value["result"]), bool(value["is_error"]))
    return Thinking(dict(value["thinking"]))


def _role(value: Any) -> Any:
    if value not in ("user", "assistant"):
        raise ValueError("a message is the user's or Claude's")
    return value
