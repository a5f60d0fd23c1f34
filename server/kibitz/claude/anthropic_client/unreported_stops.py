"""Replies that ended at a stop sequence, from servers that do not say so.

vLLM and Ollama end a reply at a stop sequence, leave the sequence out, and call that an end of
turn.  A reader who waits for its closing tag would take each of their replies for cut off.

It is safe to give them the benefit, and only them.  Both report a reply that reached its limit
as "max_tokens", and one whose connection broke has no end at all; so the model has either written
the stop sequence or ended of itself, and in both cases it had no more to say.  A server that
does report stop sequences tells the two apart, and there an end of turn without the tag is a
reply that cannot be trusted.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace

from kibitz.claude.anthropic_client.opened import Opened
from kibitz.claude.values import Event, Finished, Prompt, TextDelta

log = logging.getLogger(__name__)

# What these servers write as the owner of each model in their lists: vLLM its own name, Ollama
# the namespace of its own library.
_OWNERS_OF_SILENT_SERVERS = frozenset({"vllm", "library"})
ASKING_SECONDS = 5.0


class UnreportedStops:
    """What is known of one endpoint; it is asked once, when an answer matters first."""

    def __init__(self) -> None:
        self._are_usual: bool | None = None

    def reported(self) -> None:
        """The endpoint has said that a reply ended at a stop sequence."""
        self._are_usual = False

    async def are_usual(self, client: Opened) -> bool:
        """Whether the endpoint is known to end replies at stop sequences without saying so."""
        if self._are_usual is None:
            self._are_usual = client.platform == "compatible" and await _is_silent_server(client)
            if self._are_usual:
                log.info("the endpoint does not report stop sequences: an end of turn is one")
        return self._are_usual


class End:
    """One reply to `prompt`, watched for how it ends."""

    def __init__(self, prompt: Prompt, known: UnreportedStops) -> None:
        # With two of them nobody could say which it was.
        self._stop = prompt.stop_sequences[0] if len(prompt.stop_sequences) == 1 else ""
        self._known = known
        self._tail = ""
        self._said_it = False

    async def told(self, event: Event, client: Opened) -> Event:
        """The event, with the stop sequence where the endpoint does not report it."""
        if not self._stop:
            return event
        if isinstance(event, TextDelta):
            text = self._tail + event.text
            self._said_it = self._said_it or self._stop in text
            self._tail = text[-len(self._stop) :]
        elif isinstance(event, Finished):
            if event.stop_reason == "stop_sequence":
                self._known.reported()
            elif (
                event.stop_reason == "end_turn"
                and not self._said_it
                and await self._known.are_usual(client)
            ):
                return replace(event, stop_reason="stop_sequence", stop_sequence=self._stop)
        return event


async def _is_silent_server(client: Opened) -> bool:
    """Asks for the list of models and looks whose it is.  An endpoint without one is nobody."""
    import anthropic

    try:
        async with asyncio.timeout(ASKING_SECONDS):
            answer = await client.sdk.models.with_raw_response.list(
                extra_headers=client.extra_headers
            )
            page = json.loads(await answer.text())
    except (TimeoutError, anthropic.AnthropicError, ValueError) as error:
        log.debug("the endpoint's list of models was not read: %s", type(error).__name__)
        return False
    listed = page.get("data") if isinstance(page, dict) else None
    models = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return bool(models) and all(
        each.get("owned_by") in _OWNERS_OF_SILENT_SERVERS for each in models
    )
