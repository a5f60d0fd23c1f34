"""A stand-in for the Messages API: the real protocol, scripted answers, no key and no cost.

It listens on loopback and is faithful in what a client can observe: streaming, tool calls, stop
sequences, errors with their texts, the prompt cache with its accounting, batches.  What it says is
scripted: by a test, or by `responder` for kibitz's own prompts.  The SDK is not imported here.

    async with StandIn() as standin:
        standin.enqueue(Reply("Hello"), Fault.overloaded())
        ...
        assert standin.journal.last.cache_use.read_tokens > 0
"""

from __future__ import annotations

from kibitz.standin.cache import CacheUse, PromptCache
from kibitz.standin.clock import Clock
from kibitz.standin.errors import ApiError
from kibitz.standin.journal import Exchange, Journal
from kibitz.standin.limits import RateLimits
from kibitz.standin.models import Model
from kibitz.standin.plan import ScriptError
from kibitz.standin.prompt import PromptBlock, prompt_blocks, prompt_tokens
from kibitz.standin.reply import Fault, Gate, Reply, ToolCall
from kibitz.standin.request import Request
from kibitz.standin.responder import respond
from kibitz.standin.standin import StandIn

__all__ = [
    "ApiError",
    "CacheUse",
    "Clock",
    "Exchange",
    "Fault",
    "Gate",
    "Journal",
    "Model",
    "PromptBlock",
    "PromptCache",
    "RateLimits",
    "Reply",
    "Request",
    "ScriptError",
    "StandIn",
    "ToolCall",
    "prompt_blocks",
    "prompt_tokens",
    "respond",
]
