"""Text of others, made harmless to show in a terminal, a log line, a title or a message.

What an endpoint, a repository or a settings file says may hold escape sequences, line breaks
and invisible characters that hide or reorder what the user reads.  This module takes them out.
It does not know Markdown: text that is shown as Markdown needs more than this.
"""

from __future__ import annotations

import re

# Whole escape sequences go, or "[31m" would stay behind: operating system commands (titles,
# links), control sequences (colours, cursor) and the two-character ones.  An OSC that is never
# closed takes the rest of its line.
_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c\r\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
# C0 but tab and line feed, C1, soft hyphen, zero-width and bidirectional controls, the invisible
# tag characters and supplementary variation selectors (both can carry hidden text), lone
# surrogates (which no encoder takes).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)
_SPACE = re.compile(r"[\s\u2028\u2029]+")


def visible(text: str) -> str:
    """`text` without escape sequences and invisible characters; tabs and line feeds stay."""
    text = _ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _INVISIBLE.sub("", text)


def one_line(text: str, limit: int = 200) -> str:
    """`text` as one visible line of at most `limit` characters; a cut is marked with "…"."""
    # What lies far behind the limit cannot be seen, so a huge text costs nothing.
    line = _SPACE.sub(" ", visible(text[: limit * 8])).strip()
    if len(line) <= limit and len(text) <= limit * 8:
        return line
    return line[: limit - 1].rstrip() + "…"
