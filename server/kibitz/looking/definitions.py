"""What Claude is told of the tools to look around with: names, words and schemas.

These are among the first bytes of the cache key.  One byte changed in here makes every cached
prefix of every user unreadable, so nothing depends on an action, a setting or a repository.
"""

from __future__ import annotations

from typing import Any

from kibitz.claude.values import Tool

_PATH = {"type": "string", "description": "Relative to the repository root."}
_LINES = {
    "start_line": {"type": "integer", "description": "First line, 1-based."},
    "end_line": {"type": "integer", "description": "Last line, inclusive."},
}


def _tool(name: str, description: str, properties: dict[str, Any], *required: str) -> Tool:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return Tool(name, description, schema, strict=True, is_answered=True)


READ_FILE = _tool(
    "read_file",
    "Read lines of a file as it is now, unsaved changes included, each with its number in front. "
    "Use it when you know the path and the text is not in front of you, whole, already. Ask for "
    "the lines that you need; without start_line and end_line the file comes from its beginning, "
    "as far as it fits.",
    {"path": _PATH, **_LINES},
    "path",
)

SEARCH = _tool(
    "search",
    "Search the text of all files for a regular expression, line by line. Use it for what is no "
    "single name: messages, keys, call patterns, places that do something alike. For a name that "
    "is defined in the code, `symbol` is better.",
    {
        "pattern": {
            "type": "string",
            "description": "RE2 syntax, case-sensitive unless it begins with (?i); no look-around, "
            "no back-references.",
        },
        "glob": {
            "type": "string",
            "description": "Only files that match, as in a .gitignore: *.py, src/**/*.ts, docs/.",
        },
    },
    "pattern",
)

SYMBOL = _tool(
    "symbol",
    "Find where a function, class, method, type, variable or constant is defined, and the lines "
    "that use it. Use it before you say what a name does, or what a change of it would break.",
    {"name": {"type": "string", "description": "The name alone, as it stands in the code."}},
    "name",
)

GIT_LOG = _tool(
    "git_log",
    "List the newest commits, or those that changed a file or folder: id, day, author, message and "
    "paths. Use it for when and why something came to be as it is.",
    {
        "path": _PATH,
        "limit": {
            "type": "integer",
            "description": "How many; 10 if left out, 50 at most.",
        },
    },
)

GIT_DIFF = _tool(
    "git_diff",
    "Show what differs between a revision and the files as they are now, unsaved changes included; "
    "or between two revisions. Use it to see what was changed lately, or what one commit did "
    "(ID~1..ID).",
    {
        "base": {
            "type": "string",
            "description": "A commit, branch or tag, or two as OLD..NEW; HEAD if left out.",
        },
        "path": {
            "type": "string",
            "description": "A file or a folder, relative to the repository root; everything if "
            "left out.",
        },
    },
)

GIT_BLAME = _tool(
    "git_blame",
    "Show for lines of a file, as it is now, which commit each comes from: id, day, author, first "
    "line of the message. Use it for why a certain line is as it is; give few lines.",
    {"path": _PATH, **_LINES},
    "path",
)

LOOKING: tuple[Tool, ...] = (GIT_BLAME, GIT_DIFF, GIT_LOG, READ_FILE, SEARCH, SYMBOL)
