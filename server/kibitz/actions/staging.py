"""The edits of several files that Claude asks for, gathered until all of them hold.

Every call of `edit_file` is answered for Claude; no file is written, and no text leaves but
through the gate.  Blocking: not for the event loop.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from kibitz.actions.tools import EDIT_FILE
from kibitz.claude.values import ToolCall
from kibitz.edits.check import Faults, checked
from kibitz.edits.file_changes import FileChange
from kibitz.edits.file_edits import Passage, parse
from kibitz.edits.passages import Replacement, applied, replacements, restored
from kibitz.edits.protected import protection
from kibitz.edits.secrets import restore
from kibitz.edits.values import Refusal
from kibitz.looking.arguments import Unusable
from kibitz.looking.sight import NOT_INCLUDED, NOT_OPENED
from kibitz.plain_text import one_line
from kibitz_context.lines import Span, dominant_ending, split_lines, without_ending

if TYPE_CHECKING:
    from kibitz.looking.sight import Sight

# More is no change that anybody could look through.
MOST_FILES: Final = 50

NO_FOREIGN_SECRET = Refusal(
    "A word in the new text stands for a secret of another file, and secrets stay where they are: "
    "read it from there at run time, or leave a name that the user fills in."
)
HELD = "This edit holds; it is applied when all of them do. Do not send it again."
LOOK_FIRST = (
    "This was not answered: it came in the same turn as edits. Look around first, and then make "
    "all edits in one turn."
)


class Staging:
    """Gathers the calls of one task.

    `sight` is what may be read, and so what may be changed.  New files get the line ends of
    `like`.  A file gets back its own secrets; that of another one is refused, and none moves.
    `faults` is the parser that tells whether a file is still in order.  `untouched` are files that
    this task has to leave as they are.
    """

    def __init__(
        self, sight: Sight, like: str, faults: Faults, untouched: frozenset[str] = frozenset()
    ) -> None:
        self._sight = sight
        self._untouched = untouched
        self._faults = faults
        self._ending = dominant_ending(split_lines(like))
        self._files: dict[str, FileChange] = {}
        self._refused: dict[str, str] = {}

    @property
    def files(self) -> tuple[FileChange, ...]:
        """What holds and changes something, by path."""
        changed = (file for _, file in sorted(self._files.items()))
        return tuple(file for file in changed if file.after != file.before)

    @property
    def problem(self) -> str | None:
        """Why the edits cannot be made yet, in one sentence; None when all of them hold."""
        return next(iter(self._refused.values()), None)

    def take(self, calls: Sequence[ToolCall]) -> list[tuple[str, bool]]:
        """Judge all calls of one reply; for each what Claude is told, and whether it is an error.

        What is sent for a file takes the place of what was sent for it before.
        """
        answers: dict[int, tuple[str, bool]] = {}
        if calls:
            self._refused.pop("", None)
        by_path: dict[str, list[tuple[int, Sequence[Passage]]]] = {}
        for number, call in enumerate(calls):
            if call.name != EDIT_FILE.name:
                answers[number] = (LOOK_FIRST, True)
                self._refused[""] = "It looked around and edited in one turn."
                continue
            asked = parse(call.input_json)
            path = self._path(asked.path) if not isinstance(asked, Refusal) else asked
            if isinstance(asked, Refusal) or isinstance(path, Refusal):
                refusal = asked if isinstance(asked, Refusal) else path
                assert isinstance(refusal, Refusal)
                answers[number] = (refusal.sentence, True)
                self._refused[""] = refusal.sentence
                continue
            by_path.setdefault(path, []).append((number, asked.passages))
        for path, parts in by_path.items():
            answer = self._stage(path, [each for _, passages in parts for each in passages])
            answers.update((number, answer) for number, _ in parts)
        return [answers[number] for number in range(len(calls))]

    def _path(self, path: str) -> str | Refusal:
        """The real place of a file, relative to the root; it need not exist."""
        gate = self._sight.gate
        name = one_line(path, 200)
        relative = gate.relative(path)
        reason = gate.refusal(path)
        if relative is None or reason is not None:
            return Refusal(f"{name} cannot be changed: {reason or 'it is outside'}.")
        if self._sight.repository.only not in (None, relative):
            return Refusal(f"{name} cannot be changed: {NOT_OPENED}.")
        if not gate.includes(relative) and relative != self._sight.focus:
            return Refusal(f"{name} cannot be changed: {NOT_INCLUDED}.")
        if relative in self._untouched:
            return Refusal(f"{name} stays as it is: this task is not to change it.")
        return relative

    def _stage(self, path: str, passages: Sequence[Passage]) -> tuple[str, bool]:
        self._files.pop(path, None)
        self._refused.pop(path, None)
        change = self._change(path, passages)
        if isinstance(change, Refusal):
            self._refused[path] = f"{one_line(path, 200)}: {change.sentence}"
            again = "Nothing of this file is changed; send all edits of it again."
            return f"{change.sentence}\n{again}", True
        self._files[path] = change
        if change.checked.complaints:
            worse = "; ".join(change.checked.complaints)
            return (
                f"After these edits the file {worse}. Send all edits of the file again, mended; "
                "if it is meant to be so, answer with one sentence instead.",
                True,
            )
        return HELD, False

    def _change(self, path: str, passages: Sequence[Passage]) -> FileChange | Refusal:
        if len(self._files) >= MOST_FILES:
            return Refusal(f"These are more than {MOST_FILES} files; change fewer.")
        file = self._sight.gate.root / path
        if path not in self._sight.buffers and not os.path.lexists(file):
            return self._new(path, passages)
        try:
            _, allowed = self._sight.text(path)
        except Unusable as unusable:
            return Refusal(unusable.sentence)
        before = self._sight.buffers.get(path)
        if before is None:
            before = restore(allowed.text, allowed.secrets)
        if not before.strip() and len(passages) == 1 and not passages[0].old_text:
            # A file that somebody has made and written nothing into is as good as a new one.
            return self._filled(path, before, passages[0].new_text)
        placeholders = [placeholder for placeholder, _ in allowed.secrets]
        replaced = replacements(allowed.text, passages, placeholders)
        if isinstance(replaced, Refusal):
            return replaced
        changes = restored(replaced, allowed.secrets)
        if _foreign("".join(change.text for change in changes), allowed.text):
            return NO_FOREIGN_SECRET
        after = applied(before, changes)
        found = checked(path, before, after, self._faults)
        return FileChange(path, file, before, after, tuple(changes), found, protection(path))

    def _new(self, path: str, passages: Sequence[Passage]) -> FileChange | Refusal:
        if len(passages) != 1 or passages[0].old_text:
            return Refusal(
                "The file does not exist. For a new one give one edit with an empty old_text."
            )
        file = self._sight.gate.root / path
        around = next(each for each in file.parents if os.path.lexists(each))
        if not around.is_dir():
            return Refusal(f"{around.name} is a file, and cannot have others in it.")
        return self._filled(path, None, passages[0].new_text)

    def _filled(self, path: str, before: str | None, new_text: str) -> FileChange | Refusal:
        """A file that has no text yet, or None does not exist, with one."""
        if _foreign(new_text, ""):
            return NO_FOREIGN_SECRET
        text = "".join(without_ending(line) + self._ending for line in split_lines(new_text))
        if not text:
            return Refusal("A new file cannot be empty.")
        found = checked(path, "", text, self._faults)
        change = (Replacement(Span(0, len(before or "")), text),)
        file = self._sight.gate.root / path
        return FileChange(path, file, before, text, change, found, protection(path))


def _foreign(new_text: str, shown: str) -> bool:
    """Whether `new_text` has placeholders that the file, as it was `shown`, has not."""
    from kibitz_context.gate.secrets import placeholders_in

    return bool(placeholders_in(new_text) - placeholders_in(shown))
