"""The tools that Claude may call: the same on every request of every tier.

They are the first bytes of the cache key.  One byte changed in here makes every cached prefix of
every user unreadable, so nothing in here depends on an action, a setting or a repository.
"""

from __future__ import annotations

from kibitz.claude.values import Tool
from kibitz.looking.definitions import LOOKING

REPORT_FINDINGS = Tool(
    name="report_findings",
    description=(
        "Report the findings of a review, all of them in one call. "
        "Use it for tasks of the kind `review` and for nothing else."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "findings": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "path": {
                            "type": "string",
                            "description": "Relative to the repository root.",
                        },
                        "severity": {
                            "type": "string",
                            "enum": ["error", "warning", "info", "hint"],
                        },
                        "category": {
                            "type": "string",
                            "description": "One of: correctness, security, concurrency, "
                            "performance, error handling, API, tests, readability.",
                        },
                        "start_line": {"type": "integer", "description": "1-based."},
                        "end_line": {"type": "integer", "description": "1-based, inclusive."},
                        "quote": {
                            "type": "string",
                            "description": "The first offending line, verbatim.",
                        },
                        "title": {"type": "string"},
                        "message": {"type": "string"},
                        "suggestion": {
                            "type": "string",
                            "description": "Replacement of those lines, or an empty string.",
                        },
                    },
                    "required": [
                        "path",
                        "severity",
                        "category",
                        "start_line",
                        "end_line",
                        "quote",
                        "title",
                        "message",
                        "suggestion",
                    ],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["findings"],
        "additionalProperties": False,
    },
    strict=True,
    eager_input_streaming=True,
)

EDIT_FILE = Tool(
    name="edit_file",
    description=(
        "Change a file, or make a new one: once for each file, with all of its edits, and all "
        "files in one turn. Use it for tasks of the kind `files` and for nothing else."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Relative to the repository root."},
            "edits": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "old_text": {
                            "type": "string",
                            "description": "Text that stands in the file as it is now exactly "
                            "once, verbatim and without line numbers; whole lines are best. "
                            "Empty for a file that does not exist yet.",
                        },
                        "new_text": {"type": "string", "description": "What it becomes."},
                    },
                    "required": ["old_text", "new_text"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["path", "edits"],
        "additionalProperties": False,
    },
    strict=True,
    eager_input_streaming=True,
)

# The same tools in the same order on every request: they are the first bytes of the cache key.
TOOLS: tuple[Tool, ...] = tuple(
    sorted((EDIT_FILE, REPORT_FINDINGS, *LOOKING), key=lambda tool: tool.name)
)

# A model with a smaller window has no room for looking around: the descriptions of its tools alone
# would take a quarter of it, and what they give the rest.
LEAST_WINDOW_FOR_LOOKING_TOKENS = 16_384


def tools_for(window_tokens: int | None) -> tuple[Tool, ...]:
    """The tools of a model that reads so many tokens, None for one of which that is not known."""
    if window_tokens is None or window_tokens >= LEAST_WINDOW_FOR_LOOKING_TOKENS:
        return TOOLS
    return (REPORT_FINDINGS,)
