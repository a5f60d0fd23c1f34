"""What `kibitz doctor` looks at, one function a subject; nothing here spends or changes anything.

Every check answers, also where something is broken, and none of them shows a credential.
"""

from __future__ import annotations

import shlex
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from kibitz import __version__, errors, paths
from kibitz.actions.snapshot_size import FAST_SNAPSHOT_TOKENS
from kibitz.bill import at_most, dollars
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts.affordable import affordable_snapshot_tokens, cold_usd
from kibitz.claude.spending.ledger import Ledger
from kibitz.claude.values import ClaudeFailure, FailureKind, ModelFacts, Tier
from kibitz.errors import EXIT_BUDGET, EXIT_CLAUDE, EXIT_USAGE, UserError
from kibitz.plain_text import one_line
from kibitz.profiles import PLAIN, profile_for
from kibitz.settings import PROJECT_FILE, Loaded, Settings
from kibitz.settings_keys import TIER_OF_ACTION
from kibitz.trust import Trust
from kibitz_context.files.discovery import NO_REPOSITORY
from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate

ANTHROPIC_URL = "https://api.anthropic.com"
# What a short reply with its thinking may have; only to see whether limits leave room for one.
USUAL_REPLY_TOKENS = 8_192

Verdict = Literal["ok", "note", "fault"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line.  A fault has the exit code that it stands for."""

    subject: str
    verdict: Verdict
    text: str
    exit_code: int = 0


def ok(subject: str, text: str) -> Check:
    return Check(subject, "ok", text)


def note(subject: str, text: str) -> Check:
    return Check(subject, "note", text)


def fault(subject: str, text: str, exit_code: int = EXIT_USAGE) -> Check:
    return Check(subject, "fault", text, exit_code)


def version() -> Check:
    sdk = metadata.version("anthropic")
    python = ".".join(map(str, sys.version_info[:3]))
    return ok("version", f"kibitz {__version__}, anthropic {sdk}, Python {python}, {sys.platform}")


def settings_files(loaded: Loaded, root: Path, environ: Mapping[str, str]) -> Iterator[Check]:
    """Which files there are, and everything in any source that is not taken."""
    there = [str(file) for file in (paths.user_file(environ), root / PROJECT_FILE) if file.exists()]
    origins = len(loaded.origins)
    if not loaded.problems:
        said = f"{origins} set" if origins else "all defaults"
        yield ok("settings", f"{said}; {' and '.join(there) or 'no settings file'}")
    for problem in loaded.problems:
        yield fault("settings", problem.sentence)
    context = loaded.settings.context
    for sentence in Gate(root, include=context.include, exclude=context.exclude).problems:
        yield fault("settings", f"{sentence}.")


def folders(environ: Mapping[str, str]) -> Check:
    state = paths.state_folder(environ)
    try:
        paths.make_private(state)
    except UserError as error:
        return fault("files", error.sentence)
    return ok("files", f"ledger, trust and log are in {state}")


def credentials(settings: Settings, environ: Mapping[str, str]) -> str:
    """Where the credentials come from, in words that hold none of them."""
    if settings.provider == "standin":
        return "none are needed"
    if settings.api_key_command:
        return f"from `api_key_command` ({one_line(Path(settings.api_key_command[0]).name, 60)})"
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_PROFILE"):
        if environ.get(name):
            return f"from {name}"
    if environ.get("ANTHROPIC_FEDERATION_RULE_ID"):
        return "from workload identity (ANTHROPIC_FEDERATION_RULE_ID)"
    if {name.lower() for name in settings.headers} & {"authorization", "x-api-key"}:
        return "from `headers`"
    return "from a profile on disk, or none"


# What a failure of the Models API says about which subject, and the exit code it stands for.
_ABOUT_CREDENTIALS: Mapping[FailureKind, int] = {
    "no_credentials": EXIT_USAGE,
    "wrong_credentials": EXIT_USAGE,
    "no_permission": EXIT_USAGE,
    "no_credit": EXIT_CLAUDE,
    "spend_limit": EXIT_CLAUDE,
}
_CAUSED_BY_SETTINGS = frozenset({"base_url", "ca_file"})
_STATUS_WITHOUT_LIST = frozenset({404, 405, 501})


def endpoint(settings: Settings, environ: Mapping[str, str]) -> str:
    """The address without anything in it that could be secret."""
    if settings.provider == "standin":
        return "the built-in stand-in"
    url = settings.base_url or environ.get("ANTHROPIC_BASE_URL") or ANTHROPIC_URL
    try:
        parts = urlsplit(url)
        return one_line(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", 120)
    except ValueError:
        return "an address that cannot be read"


def reached(
    settings: Settings,
    environ: Mapping[str, str],
    outcome: tuple[ModelFacts, ...] | ClaudeFailure | UserError,
    milliseconds: float,
) -> Iterator[Check]:
    """Credentials and endpoint, from what asking for the list of models came to."""
    source, address = credentials(settings, environ), endpoint(settings, environ)
    match outcome:
        case UserError():
            yield fault("endpoint", outcome.sentence, outcome.exit_code)
        case ClaudeFailure() if outcome.kind in _ABOUT_CREDENTIALS:
            sentence = errors.sentence_for(outcome)
            yield fault("credentials", sentence, _ABOUT_CREDENTIALS[outcome.kind])
            if outcome.status is not None:
                yield ok("endpoint", f"{address} answers in {milliseconds:.0f} ms")
        case ClaudeFailure() if _only_has_no_list(outcome, address):
            yield note("credentials", f"{source}; the endpoint does not check them unasked")
            yield note("endpoint", f"{address} answers, but has no list of models")
        case ClaudeFailure():
            yield note("credentials", f"{source}; not checked, as the endpoint does not answer")
            is_setting = outcome.facts.get("cause") in _CAUSED_BY_SETTINGS
            yield fault(
                "endpoint",
                errors.sentence_for(outcome),
                EXIT_USAGE if is_setting else EXIT_CLAUDE,
            )
        case _:
            yield ok("credentials", source)
            n_models = f"{len(outcome)} models" if len(outcome) != 1 else "1 model"
            yield ok("endpoint", f"{address} answers in {milliseconds:.0f} ms with {n_models}")


def _only_has_no_list(failure: ClaudeFailure, address: str) -> bool:
    return (
        failure.kind == "not_an_api"
        and failure.status in _STATUS_WITHOUT_LIST
        and address != ANTHROPIC_URL
    )


# How an editor shows itself to what is started in its terminal.
_EDITOR_VARIABLES = {
    "NVIM": "neovim",
    "VIM_TERMINAL": "vim-lsp",
    "ZED_TERM": "zed",
    "INSIDE_EMACS": "emacs",
    "VSCODE_PID": "visual studio code",
    "VSCODE_IPC_HOOK_CLI": "visual studio code",
}


def editor(environ: Mapping[str, str]) -> Check:
    """Whether an editor would find the server, and whether its client is a known one."""
    names = [name for variable, name in _EDITOR_VARIABLES.items() if environ.get(variable)]
    if environ.get("TERM_PROGRAM") == "vscode":
        names.append("visual studio code")
    profile = profile_for(names[0]) if names else PLAIN
    here = f"in {profile.name}, whose client is known" if names else "not started from an editor"
    command = shutil.which("kibitz", path=environ.get("PATH"))
    if command is None:
        return note("editor", f"{here}; `kibitz` is not on PATH: give your editor its full path")
    return ok("editor", f"{here}; its command is {command} serve")


def _why_without_git(found: Repository) -> str:
    """Why git cannot be asked about a folder, and what mends that."""
    problem = one_line(found.problem or NO_REPOSITORY)
    if problem == NO_REPOSITORY:
        return f"{problem}; `git init` helps"
    if "dubious ownership" in problem or "unsafe repository" in problem:
        owned = shlex.quote(one_line(str(found.root), 300))
        mend = f"git config --global --add safe.directory {owned}"
        return f"{problem}; if you trust who it belongs to, `{mend}` helps"
    return problem


def repository(found: Repository) -> Check:
    root = one_line(str(found.root), 300)
    if not found.has_git:
        return note(
            "repository",
            f"{root} is taken for a folder without git ({_why_without_git(found)}): what is sent "
            "is not tied to a commit, and the cache is of little use",
        )
    commit = found.head()
    if commit is None:
        return note("repository", f"{root} has no commit yet; make one, so that the cache can work")
    n_files = len(found.tracked())
    return ok(
        "repository", f"{root} at {commit[:12]}, {n_files:,} file{'' if n_files == 1 else 's'}"
    )


def trust(root: Path, environ: Mapping[str, str]) -> Check:
    kept = Trust.load(paths.trust_file(environ))
    if kept.problem is not None:
        return fault("trust", kept.problem)
    if kept.is_trusted(root):
        return ok("trust", "automatic features may send this repository; --revoke takes it back")
    return note("trust", "automatic features send nothing from here; `kibitz trust` lets them")


def budget(settings: Settings, environ: Mapping[str, str], known_models: Catalogue) -> Check:
    """What is spent of the limits, and whether they leave room for one request."""
    limits = settings.budget
    ledger = Ledger(paths.ledger_file(environ))
    try:
        spent = ledger.spent()
    except (sqlite3.Error, OSError) as error:
        return fault(
            "budget",
            f"the ledger cannot be read ({one_line(str(error), 100)}), and without it nothing is "
            f"sent; move {ledger.path} away",
        )
    finally:
        ledger.close()
    text = (
        f"{dollars(spent.day_usd)} of ${limits.day_usd:,.2f} today, {dollars(spent.month_usd)} of "
        f"${limits.month_usd:,.2f} this month, at most ${limits.request_usd:,.2f} a request"
    )
    for period, spent_usd, limit_usd in (
        ("day", spent.day_usd, limits.day_usd),
        ("month", spent.month_usd, limits.month_usd),
    ):
        if spent_usd >= limit_usd:
            mend = f"wait for the next {period}, or raise `budget.{period}_usd` in config.toml"
            return fault("budget", f"{text}; it is used up: {mend}", EXIT_BUDGET)
    for tier in sorted({settings.route.get(action, "standard") for action in TIER_OF_ACTION}):
        if (cut := _cut_snapshot(settings, known_models, tier)) is not None:
            return note("budget", f"{text}; {cut}")
    return ok("budget", text)


def _cut_snapshot(settings: Settings, known: Catalogue, tier: Tier) -> str | None:
    """That a tier sends less of a repository than it might, for one request may cost no more."""
    model = settings.models.of(tier)
    paid = affordable_snapshot_tokens(known, model, tier, settings.budget.request_usd)
    wanted = settings.context.max_tokens
    if tier == "fast":
        wanted = min(wanted, FAST_SNAPSHOT_TOKENS)
    whole_usd = cold_usd(known, model, tier, wanted)
    if paid is None or whole_usd is None or wanted <= paid:
        return None
    return (
        f"the {tier} tier's snapshot has {paid:,} tokens instead of {wanted:,}, since one request "
        f"may cost no more; with `budget.request_usd` at {at_most(whole_usd)} it has all"
    )
