"""Claude through the Anthropic SDK: the only package of the project that imports it.

It knows connections, credentials, retries and silence, and turns everything that can go wrong
into a `ClaudeFailure`.  It knows nothing of money and keeps no record: see `metered`.
The SDK takes most of a second to import, so it is imported when it is first needed.
"""

from __future__ import annotations

from kibitz.claude.anthropic_client.client import AnthropicClaude
from kibitz.claude.anthropic_client.opened import preload
from kibitz.claude.connection import Connection

__all__ = ["AnthropicClaude", "Connection", "preload"]
