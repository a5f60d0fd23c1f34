"""The settings: one frozen tree, read from six sources.

`load` never fails: what is unknown, wrong or not allowed is left out and told as a `Problem`.
Each setting passes one function, `_Loading._take`, in which its key is looked up, its guard
asked and its value read; nothing reaches the tree on another way.
This module knows no LSP: an editor's settings arrive here as plain JSON values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast, get_args, get_type_hints

from kibitz import paths
from kibitz.claude.values import Tier
from kibitz.findings.values import Severity
from kibitz.settings_files import Faulty, Tables, read_tables
from kibitz.settings_keys import KEYS, TIER_OF_ACTION, Key
from kibitz.settings_problems import Problem, Source, log_lines, problems_by_source
from kibitz.settings_spelling import Found, find, is_ours, is_section
from kibitz.settings_values import Wrong, read

__all__ = [
    "DEFAULTS",
    "PROJECT_FILE",
    "Loaded",
    "Problem",
    "Settings",
    "load",
    "log_lines",
    "problems_by_source",
]

Provider = Literal["anthropic", "bedrock", "vertex", "foundry", "compatible", "local", "standin"]
Trigger = Literal["manual", "auto", "off"]

PROJECT_FILE = ".kibitz.toml"
MOST_KEYS = 1_000  # of one source; more is not settings
MOST_LEVELS = 8


@dataclass(frozen=True, slots=True)
class Models:
    fast: str
    standard: str
    deep: str

    def of(self, tier: Tier) -> str:
        match tier:
            case "fast":
                return self.fast
            case "standard":
                return self.standard
            case "deep":
                return self.deep


@dataclass(frozen=True, slots=True)
class Bedrock:
    region: str | None
    profile: str | None


@dataclass(frozen=True, slots=True)
class Vertex:
    region: str | None
    project: str | None


@dataclass(frozen=True, slots=True)
class Foundry:
    resource: str | None


@dataclass(frozen=True, slots=True)
class Local:
    """The embedded model.  0 leaves a number to us."""

    model: str | None
    context_tokens: int
    threads: int


@dataclass(frozen=True, slots=True)
class Context:
    """`include` and `exclude` are patterns in gitignore syntax."""

    max_tokens: int
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    ttl: Literal["auto", "5m", "1h"]
    keep_warm: Literal["auto", "off"]
    keep_warm_day_usd: float


@dataclass(frozen=True, slots=True)
class Budget:
    request_usd: float
    day_usd: float
    month_usd: float


@dataclass(frozen=True, slots=True)
class Hover:
    mode: Literal["kept", "ask", "off"]


@dataclass(frozen=True, slots=True)
class Completion:
    """`trigger` is for the languages that are not in `trigger_by_language`."""

    trigger: Trigger
    trigger_by_language: Mapping[str, Trigger]

    def trigger_for(self, language: str) -> Trigger:
        return self.trigger_by_language.get(language, self.trigger)


@dataclass(frozen=True, slots=True)
class Review:
    on_save: bool
    min_severity: Severity
    instructions: str
    verify: Literal["auto", "on", "off"]


@dataclass(frozen=True, slots=True)
class Edit:
    """`check` is a command as its words, empty for none; it is not for a shell."""

    streaming: Literal["auto", "live", "final"]
    check: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prompts:
    """`dir` is absolute, or relative to the repository."""

    dir: str


@dataclass(frozen=True, slots=True)
class Log:
    level: Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, under the name that it has in the documentation.

    `headers` and `proxy` may hold credentials and stay out of `repr`.
    """

    provider: Provider
    base_url: str | None
    headers: Mapping[str, str] = field(repr=False)
    proxy: str | None = field(repr=False)
    ca_file: str | None
    api_key_command: tuple[str, ...]
    bedrock: Bedrock
    vertex: Vertex
    foundry: Foundry
    local: Local
    models: Models
    route: Mapping[str, Tier]
    fallback: Literal["off", "fast", "standard", "deep"]
    context: Context
    budget: Budget
    hover: Hover
    completion: Completion
    review: Review
    edit: Edit
    prompts: Prompts
    log: Log
    audit: Literal["off", "metadata", "full"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings that apply, what did not, and where each value that is no default is from."""

    settings: Settings
    problems: tuple[Problem, ...]
    origins: Mapping[str, str]


def load(
    project_root: Path | None,
    editor: Any,
    command_line: Mapping[str, Any],
    environ: Mapping[str, str],
) -> Loaded:
    """Read all sources, lowest first.

    `editor` is whatever the client calls our settings, None without one.  `command_line` is
    what `--set KEY=VALUE` was given.  Reads two small files.
    """
    loading = _Loading(environ)
    loading.take_file(Source("user file", str(paths.user_file(environ))), inside=None)
    if project_root is not None:
        file = str(project_root / PROJECT_FILE)
        loading.take_file(Source("project file", file), inside=project_root)
    if editor is not None:
        loading.take_all(Source("editor"), Tables(editor))
    variables = {
        name: value
        for name, value in sorted(environ.items())
        if name.startswith("KIBITZ_") and value.strip()
    }
    loading.take_all(Source("environment"), Tables(variables))
    loading.take_all(Source("command line"), Tables(command_line))
    return loading.result()


class _Loading:
    """The sources taken so far, one over the other."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._values: dict[str, Any] = {key.name: key.default for key in KEYS}
        self._values["completion.trigger"] = {"": self._values["completion.trigger"]}
        self._origins: dict[str, str] = {}
        self._problems: list[Problem] = []

    def take_file(self, source: Source, inside: Path | None) -> None:
        """Take a settings file; with `inside` it must really be inside of that folder."""
        match read_tables(Path(source.name), inside=inside):
            case Faulty(reason):
                self._problems.append(source.faulty(f"{source.shown} {reason}."))
            case Tables() as tables:
                self.take_all(source, tables)

    def take_all(self, source: Source, tables: Tables) -> None:
        """Take everything that one source says."""
        settings: list[tuple[str, Found, Any]] = []
        unknown: list[str] = []
        for spelling, found, written in islice(_flat(tables.tables), MOST_KEYS):
            if not spelling:
                self._problems.append(source.faulty(f"{source.shown}: not a table of settings."))
            elif found is None:
                unknown.append(spelling)
            else:
                settings.append((spelling, found, written))
        if len(settings) + len(unknown) == MOST_KEYS:
            sentence = f"{source.shown}: no more than {MOST_KEYS} settings are read."
            self._problems.append(source.faulty(sentence))
        self._problems += source.unknown(unknown, tables.line_of)
        seen: set[tuple[str, str]] = set()
        # A value for all languages goes before those of single ones, however they are ordered.
        for spelling, found, written in sorted(settings, key=lambda item: bool(item[1].entry)):
            line = tables.line_of(spelling)
            if (found.key.name, found.entry) in seen:
                self._problems.append(source.twice(found.key, line))
            seen.add((found.key.name, found.entry))
            problem = self._take(source, found, written, line)
            if problem is not None:
                self._problems.append(problem)

    def _take(self, source: Source, found: Found, written: Any, line: int | None) -> Problem | None:
        """Take one setting, or say why not."""
        key = found.key
        if written is None:  # editors say null for what is not set
            return None
        if found.entry:
            written = {found.entry: written}
        value = read(
            key, written, from_text=source.is_text, from_repository=not source.is_users_own
        )
        if value is None:
            return None
        if key.guarded and not source.is_users_own:
            # An editor sends every setting that its plugin declares; defaults ask for nothing.
            if source.kind == "editor" and (not written or value == key.default):
                return None
            if not key.lowered_only:
                return source.guarded(key, line)
            if not isinstance(value, Wrong) and value > self._values[key.name]:
                return source.raised(key, line)
        if isinstance(value, Wrong):
            return source.wrong(key, line, value.must_be)
        self._values[key.name] = _combined(key, self._values[key.name], value)
        self._origins[key.name] = source.shown
        return None

    def result(self) -> Loaded:
        values = self._values
        for name in ("ca_file", "local.model", "prompts.dir"):
            values[name] = _with_home(values[name], self._environ)
        if values["provider"] == "local" and values["local.model"]:
            # There is one model for all tiers, unless the user says otherwise.
            name = "-".join(Path(values["local.model"]).stem.split())
            for tier in get_args(Tier):
                if f"models.{tier}" not in self._origins:
                    values[f"models.{tier}"] = name
        by_language = values["completion.trigger"]
        values["completion.trigger"] = by_language.get("")
        values["completion.trigger_by_language"] = MappingProxyType(
            {language: trigger for language, trigger in by_language.items() if language}
        )
        values["headers"] = MappingProxyType(dict(values["headers"]))
        values["route"] = MappingProxyType(
            {action: values[f"route.{action}"] for action in TIER_OF_ACTION}
        )
        return Loaded(
            _tree(Settings, values), tuple(self._problems), MappingProxyType(self._origins)
        )


def _flat(node: Any, path: str = "", n_levels: int = 0) -> Iterator[tuple[str, Found | None, Any]]:
    """Each setting in `node`: how it is spelled, the key if there is such, what is written."""
    items = _items(node)
    if items is None or n_levels > MOST_LEVELS:
        yield path, None, node
        return
    # Where a client sends all of its settings, those beside our section are other programs'.
    has_section = not path and any(is_section(name) for name, _ in items)
    for name, value in items:
        spelling = f"{path}.{name}" if path else name
        found = find(spelling)
        if found is not None:
            yield spelling, found, value
        elif value is not None and (is_ours(name) or not has_section):
            yield from _flat(value, spelling, n_levels + 1)


def _items(node: Any) -> list[tuple[str, Any]] | None:
    """The names and values of a table, however the client writes one; None for anything else."""
    if isinstance(node, Mapping):
        return [(str(name), value) for name, value in node.items()]
    if isinstance(node, list | tuple):  # an empty one is how Lua sends an empty table
        if all(isinstance(item, Mapping) for item in node):
            return [pair for item in node for pair in _items(item) or ()]
        if all(isinstance(item, list | tuple) and len(item) == 2 for item in node):
            return [(str(name), value) for name, value in node]
    return None


def _combined(key: Key, lower: Any, higher: Any) -> Any:
    """What applies when a higher source says `higher` over `lower`."""
    if key.adds_up:
        return tuple(dict.fromkeys((*lower, *higher)))
    if key.by_language:
        # One value for all languages is meant for all; single languages are changed singly.
        return higher if "" in higher else {**lower, **higher}
    if key.kind == "table":
        replaced = {name.lower() for name in higher}
        kept = {name: value for name, value in lower.items() if name.lower() not in replaced}
        return {**kept, **higher}
    return higher


def _with_home(path: str | None, environ: Mapping[str, str]) -> str | None:
    if path is None or not path.startswith(("~/", "~\\")):
        return path
    return str(paths.home(environ) / path[2:])


Tree = TypeVar("Tree")


def _tree(kind: type[Tree], values: Mapping[str, Any], prefix: str = "") -> Tree:
    """The dataclass `kind`, filled from `values` by the path of each of its fields."""
    hints = _types_of_fields(cast(Hashable, kind))
    return kind(
        **{
            item.name: _tree(hints[item.name], values, f"{prefix}{item.name}.")
            if dataclasses.is_dataclass(hints[item.name])
            else values[prefix + item.name]
            for item in dataclasses.fields(kind)  # type: ignore[arg-type]
        }
    )


@cache
def _types_of_fields(kind: Hashable) -> dict[str, Any]:
    """Of a dataclass.  Wanted at each change of a setting, and slow to find out."""
    return get_type_hints(kind)


DEFAULTS = _Loading({}).result().settings
