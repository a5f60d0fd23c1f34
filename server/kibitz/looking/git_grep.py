"""Git as a search engine where ripgrep is not installed: which files hold a word of a pattern.

As with ripgrep, what is named is only worth reading: it is read through the gate and searched
again with secrets replaced.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kibitz_context.files import git_commands
from kibitz_context.files.git_commands import GitFolder

# Shorter words are in most files.
LEAST_CHARACTERS = 3

# One piece of a pattern at a time: what is escaped, a class, a counted repetition, or a letter.
_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[^}]*\}|.", re.DOTALL)
# Choices, options, and escapes that go on after their letter.
_UNCERTAIN = re.compile(r"\||\(\?|\\[xpPQEC0-9]")
_PLAIN = re.compile(r"[A-Za-z0-9_]")


def required_word(pattern: str) -> str | None:
    """The longest word that every match of `pattern` holds, as far as that is easily told."""
    if _UNCERTAIN.search(pattern):
        return None
    words: list[str] = []
    word = ""
    depth = 0
    pieces = _PIECE.findall(pattern)
    for number, piece in enumerate(pieces):
        following = pieces[number + 1] if number + 1 < len(pieces) else ""
        is_certain = following not in ("*", "?") and not following.startswith("{")
        depth += (piece == "(") - (piece == ")")
        # What stands in a group may be left out with all of it.
        if _PLAIN.fullmatch(piece) and is_certain and not depth:
            word += piece
            if following != "+":
                continue
        words.append(word)
        word = ""
    longest = max([*words, word], key=len)
    return longest if len(longest) >= LEAST_CHARACTERS else None


def narrowed(
    folder: GitFolder, word: str, paths: Sequence[str], seconds: float
) -> frozenset[str] | None:
    """Those of `paths` that hold `word`; None when git cannot say within that time."""
    output = git_commands.run(
        folder,
        [
            *("grep", "--fixed-strings", "--files-with-matches", "-z", "-I", "--untracked"),
            *("--no-textconv", "--no-color", "--no-recurse-submodules", "-e", word),
        ],
        timeout_seconds=seconds,
    )
    if output.status not in (0, 1):
        return None
    found = frozenset(git_commands.decoded(output.stdout).split("\0"))
    return found & frozenset(paths)
