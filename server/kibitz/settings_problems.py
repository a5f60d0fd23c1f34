"""What is wrong with somebody's settings, in sentences that say what to write instead.

No sentence repeats a text that was set: it may be a secret.  Names of keys are repeated, made
harmless to show, as they can come from a repository.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kibitz.plain_text import one_line
from kibitz.settings_keys import Key, example, toml_value
from kibitz.settings_spelling import is_credential, nearest

SourceKind = Literal["user file", "project file", "editor", "environment", "command line"]
Reason = Literal["guarded", "raised", "credential", "unknown", "wrong", "twice", "faulty"]

MOST_UNKNOWN = 20  # of one source; each costs a search for its nearest key
MOST_NAMED = 5  # in one sentence


@dataclass(frozen=True, slots=True)
class Problem:
    """A setting that was not taken.  `key` is its name, or as it was written if unknown.

    `source` names a file, "editor settings", "environment" or "command line".
    """

    source: str
    key: str
    sentence: str
    reason: Reason

    @property
    def guarded(self) -> bool:
        """Whether the source may not set it: the user is told, not only the log."""
        return self.reason in ("guarded", "raised", "credential")


def problems_by_source(problems: Iterable[Problem]) -> list[tuple[str, str]]:
    """What the user is told in the editor: one sentence for each source that tried too much."""
    by_source: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.guarded:
            by_source.setdefault(problem.source, []).append(problem)
    return [(source, _together(source, all_of_it)) for source, all_of_it in by_source.items()]


def log_lines(problems: Iterable[Problem]) -> list[str]:
    """What only the log is told: a line for each problem that is not in `problems_by_source`."""
    return [problem.sentence for problem in problems if not problem.guarded]


_BECAUSE: dict[Reason, str] = {
    "guarded": "only your own config.toml, the environment and the command line may set {it}",
    "raised": "a project or an editor may lower {it}, not raise {it}",
    "credential": (
        "no setting holds a credential: set ANTHROPIC_API_KEY, or `api_key_command` in your own "
        "config.toml"
    ),
}


def _together(source: str, problems: Iterable[Problem]) -> str:
    keys_by_reason: dict[Reason, list[str]] = {}
    for problem in problems:
        keys = keys_by_reason.setdefault(problem.reason, [])
        if problem.key not in keys:
            keys.append(problem.key)
    parts = []
    for reason, keys in keys_by_reason.items():
        be, it = ("is", "it") if len(keys) == 1 else ("are", "them")
        parts.append(f"{_named(keys)} {be} ignored ({_BECAUSE[reason].format(it=it)})")
    return f"{one_line(source)}: {'; '.join(parts)}."


def _named(keys: Sequence[str]) -> str:
    shown = [_code(key) for key in keys[:MOST_NAMED]]
    if len(keys) > MOST_NAMED:
        shown.append(f"{len(keys) - MOST_NAMED} more")
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]


def _code(spelling: str) -> str:
    return f"`{one_line(spelling.replace('`', ''), 60)}`"


@dataclass(frozen=True, slots=True)
class Source:
    """Where settings come from, and how to speak of it.  `name` is the path of a file."""

    kind: SourceKind
    name: str = ""

    @property
    def is_users_own(self) -> bool:
        """Whether nobody but the user can have written it."""
        return self.kind in ("user file", "environment", "command line")

    @property
    def is_text(self) -> bool:
        """Whether all of its values are text."""
        return self.kind in ("environment", "command line")

    @property
    def shown(self) -> str:
        return one_line(self.name) or ("editor settings" if self.kind == "editor" else self.kind)

    def guarded(self, key: Key, line: int | None) -> Problem:
        return self._ignored(key, line, "guarded")

    def raised(self, key: Key, line: int | None) -> Problem:
        return self._ignored(key, line, "raised")

    def wrong(self, key: Key, line: int | None, must_be: str) -> Problem:
        sentence = (
            f"{self._place(line)}: {_code(key.name)} is ignored, because it must be {must_be}; "
            f"write for example {self._example(key)}."
        )
        return Problem(self.shown, key.name, sentence, "wrong")

    def twice(self, key: Key, line: int | None) -> Problem:
        sentence = (
            f"{self._place(line)}: {_code(key.name)} is set more than once; remove all but one."
        )
        return Problem(self.shown, key.name, sentence, "twice")

    def faulty(self, sentence: str) -> Problem:
        return Problem(self.shown, "", sentence, "faulty")

    def unknown(
        self, spellings: Sequence[str], line_of: Callable[[str], int | None]
    ) -> list[Problem]:
        """A problem for each key that does not exist, as far as that helps."""
        problems = []
        for spelling in spellings[:MOST_UNKNOWN]:
            line = line_of(spelling)
            if is_credential(spelling):
                problems.append(self._credential(spelling, line))
                continue
            key = nearest(spelling)
            advice = f"did you mean {_code(key.name)}?" if key else "see docs/settings.md."
            sentence = f"{self._place(line)}: there is no setting {_code(spelling)}; {advice}"
            problems.append(Problem(self.shown, spelling, sentence, "unknown"))
        n_more = len(spellings) - MOST_UNKNOWN
        if n_more > 0:
            sentence = f"{self.shown}: there are {n_more} more settings that do not exist."
            problems.append(self.faulty(sentence))
        return problems

    def _credential(self, spelling: str, line: int | None) -> Problem:
        sentence = (
            f"{self._place(line)}: {_code(spelling)} is ignored, because {_BECAUSE['credential']}."
        )
        return Problem(self.shown, one_line(spelling, 60), sentence, "credential")

    def _ignored(self, key: Key, line: int | None, reason: Reason) -> Problem:
        because = _BECAUSE[reason].format(it="it")
        sentence = f"{self._place(line)}: {_code(key.name)} is ignored, because {because}."
        return Problem(self.shown, key.name, sentence, reason)

    def _place(self, line: int | None) -> str:
        return self.shown if line is None else f"{self.shown}, line {line}"

    def _example(self, key: Key) -> str:
        value = example(key)
        match self.kind:
            case "environment":
                return f"`{key.environment_name}={shlex.quote(_as_text(value))}`"
            case "command line":
                return f"`--set {key.name}={shlex.quote(_as_text(value))}`"
            case "editor":
                return f'`"kibitz.{key.name}": {json.dumps(value, ensure_ascii=False)}`'
            case "user file" | "project file":
                return f"`{key.name} = {toml_value(value)}`"


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
