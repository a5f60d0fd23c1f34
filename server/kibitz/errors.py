"""What can go wrong for a user, each thing with a sentence that says what to do about it.

Whoever shows a failure shows the sentence from here and nothing else of it.  What an endpoint
says of itself is quoted only after `plain_text.one_line`: it is text of a stranger.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from kibitz.bill import dollars
from kibitz.claude.platforms import TRAITS, Traits
from kibitz.claude.values import ClaudeFailure, FailureKind, StopReason
from kibitz.plain_text import one_line

EXIT_USAGE = 2
EXIT_CLAUDE = 3
EXIT_BUDGET = 4

MOST_QUOTED_CHARACTERS = 160


class UserError(Exception):
    """Something that the user did or has set up and can mend; `sentence` says how.

    `exit_code` is what the command line ends with.
    """

    def __init__(self, sentence: str, exit_code: int = EXIT_USAGE) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.exit_code = exit_code


class RefusalError(UserError):
    """Claude refused to go on.  What it had said by then is not to be used."""


def exit_code_for(failure: ClaudeFailure) -> int:
    """What the command line ends with after `failure`."""
    match failure.kind:
        case "no_credentials":
            return EXIT_USAGE
        case "budget":
            return EXIT_BUDGET
        case _:
            return EXIT_CLAUDE


def sentence_for(failure: ClaudeFailure) -> str:
    """One sentence: what happened, and what to do."""
    return _SENTENCES[failure.kind](failure)


def sentence_for_fallback(model: str, instead_of: str) -> str:
    """One sentence for another model that answers, as the setting `fallback` says."""
    return (
        f"{one_line(instead_of, 80)} is overloaded; {one_line(model, 80)} answers instead, as "
        "`fallback` says, and reads the repository at its own price."
    )


def error_for_stop(stop_reason: StopReason, stop_detail: str | None = None) -> UserError:
    """What is raised for a reply that did not end as its action needs it."""
    kind = RefusalError if stop_reason == "refusal" else UserError
    return kind(sentence_for_stop(stop_reason, stop_detail), EXIT_CLAUDE)


def sentence_for_stop(stop_reason: StopReason, stop_detail: str | None = None) -> str:
    """One sentence for a reply that did not end as its action needs it."""
    match stop_reason:
        case "refusal":
            return (
                f"Claude refused to answer{_quoted(stop_detail or '')}; rephrase the request, or "
                "select less."
            )
        case "max_tokens":
            return "The reply was cut off at its token limit; select less, or ask for less at once."
        case "model_context_window_exceeded":
            return (
                "The reply was cut off because the model's context window is full; lower "
                "`context.max_tokens`, or select less."
            )
        case "pause_turn" | "tool_use" | "end_turn" | "stop_sequence":
            return "The reply ended before it was complete; try again."


_COMMAND_CAUSES = {
    "command_unreadable": "has a quotation mark that is not closed",
    "command_empty": "is empty",
    "command_not_started": "could not be started",
    "command_timeout": "did not end in time",
    "command_no_output": "printed nothing",
}


_OF_EXTRA = {"local": "A local model", "socks": "A SOCKS proxy"}


def _no_credentials(failure: ClaudeFailure) -> str:
    cause = _fact(failure, "cause")
    if cause.startswith("command_"):
        command = _fact(failure, "command")
        named = f" (`{command.replace('`', '')}`)" if command else ""
        exit_code: Any = failure.facts.get("exit_code")
        ended = f"ended with exit code {exit_code}" if isinstance(exit_code, int) else "failed"
        return (
            f"The command in `api_key_command`{named} {_COMMAND_CAUSES.get(cause, ended)}; run it "
            "in a terminal and mend it in config.toml."
        )
    place = _place(failure)
    if cause == "extra":
        extra = _fact(failure, "extra")
        what = _OF_EXTRA.get(extra) or _capital(place.name)
        return (
            f"{what} needs more than is installed; run `pip install 'kibitz[{extra}]'` where "
            "kibitz is installed, and start it again."
        )
    if cause == "setting":
        setting, variable = _fact(failure, "setting"), _fact(failure, "variable")
        if not variable:
            return f"The provider needs `{setting}` in config.toml."
        return (
            f"{_capital(place.name)} needs `{setting}` in config.toml, or {variable} in the "
            "environment."
        )
    if cause == "platform":
        return (
            f"No credentials for {place.name} can be had{_quoted(failure.message)}; {place.mend}."
        )
    if cause == "profile":
        return (
            f"The credentials profile cannot be used{_quoted(failure.message)}; sign in again, or "
            "set ANTHROPIC_API_KEY."
        )
    return (
        f"There is no API key for {_host(failure)}; set ANTHROPIC_API_KEY in the environment "
        "that your editor is started from, or set `api_key_command` in config.toml, and run "
        "`kibitz doctor` to check it."
    )


def _wrong_credentials(failure: ClaudeFailure) -> str:
    if _fact(failure, "cause") == "malformed_key":
        return (
            "The API key holds characters that no key has; check ANTHROPIC_API_KEY or the output "
            "of `api_key_command` for blanks and line breaks."
        )
    if cloud := _cloud(failure):
        return (
            f"{_host(failure)} does not accept the credentials{_quoted(failure.message)}; "
            f"{cloud.mend}."
        )
    return (
        f"{_host(failure)} does not accept the API key{_quoted(failure.message)}; check "
        "ANTHROPIC_API_KEY or `api_key_command`, and that the key belongs to this endpoint."
    )


def _no_permission(failure: ClaudeFailure) -> str:
    model = f" to use {_model(failure)}" if failure.model else ""
    if cloud := _cloud(failure):
        return (
            f"{_capital(cloud.name)} does not let you use {_model(failure)}"
            f"{_quoted(failure.message)}; ask for access to the model there, or choose another "
            f"one with `{_model_setting(failure)}`."
        )
    return (
        f"The API key has no permission{model}{_quoted(failure.message)}; ask for it in your "
        f"organisation, or choose another model with `{_model_setting(failure)}`."
    )


def _no_credit(failure: ClaudeFailure) -> str:
    return (
        f"The account at {_host(failure)} has no credit left{_quoted(failure.message)}; add "
        "credit on its billing page."
    )


def _spend_limit(failure: ClaudeFailure) -> str:
    return (
        f"The account's own spend limit at {_host(failure)} is reached"
        f"{_quoted(failure.message)}; raise it there, or wait until its next period."
    )


def _rate_limit(failure: ClaudeFailure) -> str:
    wait = _wait(failure.retry_after_seconds)
    return f"{_host(failure)} allows no more requests at the moment; try again {wait or 'later'}."


def _overloaded(failure: ClaudeFailure) -> str:
    wait = _wait(failure.retry_after_seconds) or "in a minute"
    return (
        f"{_host(failure)} is overloaded; try again {wait}, or choose another model with "
        f"`{_model_setting(failure)}`."
    )


def _unknown_model(failure: ClaudeFailure) -> str:
    successor = _fact(failure, "successor")
    nearest = _fact(failure, "nearest")
    # A name that kibitz knows and this endpoint does not is no slip of the user's.
    instead = successor or (nearest if nearest != failure.model else "")
    what = f"{_host(failure)} does not know {_model(failure)}"
    if successor:
        what = f"{_model(failure)} is no longer served by {_host(failure)}"
    if instead:
        return f'{what}; set `{_model_setting(failure)}` to "{instead}".'
    return (
        f"{what}; set `{_model_setting(failure)}` to a model that `kibitz doctor` lists for this "
        "endpoint."
    )


def _bad_request(failure: ClaudeFailure) -> str:
    return (
        f"{_host(failure)} does not take the request{_quoted(failure.message)}; check that "
        f"`{_model_setting(failure)}` and `provider` fit the endpoint{_request(failure)}."
    )


def _too_large(failure: ClaudeFailure) -> str:
    tokens: Any = failure.facts.get("tokens")
    maximum: Any = failure.facts.get("maximum")
    if _fact(failure, "limit") == "price_band":
        return (
            f"The request has about {tokens:,} tokens; above {maximum:,} {_model(failure)} costs "
            "several times as much, and the fast tier does not go there: select less, lower "
            "`context.max_tokens`, or send the action to another tier with `route`."
        )
    if isinstance(tokens, int) and isinstance(maximum, int):
        why = f" ({tokens:,} tokens, and {maximum:,} are allowed)"
    else:
        why = _quoted(failure.message)
    return (
        f"The request is too large for {_model(failure)}{why}; lower `context.max_tokens`, or "
        "select less."
    )


def _network(failure: ClaudeFailure) -> str:
    host, said = _host(failure), _quoted(failure.message)
    match _fact(failure, "cause"):
        case "dns":
            return f"The name {host} cannot be resolved; check the network, and `base_url`."
        case "refused":
            return f"{host} refuses the connection; check that a server runs there, and `base_url`."
        case "tls":
            return (
                f"The connection to {host} is not trusted{said}; set `ca_file` to the certificate "
                "of your network, if it has one of its own."
            )
        case "ca_file":
            return "`ca_file` cannot be read as certificates; check that it is a PEM file."
        case "proxy":
            return f"The proxy on the way to {host} does not let us through{said}; check `proxy`."
        case "sign_in":
            return (
                f"{_capital(_place(failure).name)}'s sign-in cannot be reached{said}; check the "
                "network, and `proxy` and `ca_file` if you have set them."
            )
        case "local_file":
            return f"The file that `local.model` names {failure.message}; set it in config.toml."
        case "local":
            return (
                f"The local model cannot be loaded{said}; check `local.model`, or lower "
                "`local.context_tokens`."
            )
        case "connect_timeout":
            return f"{host} cannot be reached in time; check the network, and `proxy`."
        case "base_url":
            return "`base_url` is no address; write it as `https://HOST`."
        case _:
            return (
                f"{host} cannot be reached{said}; check the network, and `proxy`, `ca_file` and "
                "`base_url` if you have set them."
            )


def _timeout(failure: ClaudeFailure) -> str:
    return f"{_host(failure)} did not answer in time; try again, or check the network."


def _dropped(failure: ClaudeFailure) -> str:
    match _fact(failure, "cause"):
        case "silence":
            return f"{_host(failure)} fell silent in the middle of the reply; try again."
        case "shut_down":
            return "The reply broke off because the server is shutting down; start it again."
        case "damaged":
            return (
                f"Part of the reply from {_host(failure)} arrived damaged; try again, and if it "
                "stays so, look for a proxy on the way."
            )
        case "unknown_stop":
            return (
                f"{_host(failure)} ended the reply for a reason that this version of kibitz does "
                f"not know{_quoted(_fact(failure, 'stop_reason'))}; check for a newer version."
            )
        case _:
            return (
                f"The connection to {_host(failure)} broke off in the middle of the reply; try "
                "again."
            )


def _not_an_api(failure: ClaudeFailure) -> str:
    redirected_to = _host_of(_fact(failure, "redirected_to"))
    if redirected_to:
        return (
            f"{_host(failure)} sends the request on to {redirected_to}, which kibitz does not "
            "follow; set `base_url` to the endpoint itself, or sign in to your network."
        )
    if _fact(failure, "cause") == "no_list":
        return f"{_host(failure)} has no list of models."
    return (
        f"{_host(failure)} answers{_status(failure)}, but not as the Messages API does; check "
        "`base_url`, and whether a sign-in page or a proxy of your network answers in its place."
    )


def _server_error(failure: ClaudeFailure) -> str:
    # A stream that had begun has a status that says that all is well.
    status = "" if failure.status == 200 else _status(failure)
    return (
        f"{_host(failure)} failed{status}{_quoted(failure.message)}; try again, and if it stays "
        f"so, report it to the provider{_request(failure)}."
    )


def _budget(failure: ClaudeFailure) -> str:
    """Facts: `limit` (request, day, month, keep_warm, ledger) and, in USD, `limit_usd`,
    `spent_usd`, `reserved_usd` and `needed_usd`; all optional.
    """
    limit = _fact(failure, "limit")
    if limit == "ledger":
        return (
            f"The ledger cannot be used{_quoted(_fact(failure, 'error'))}, and without it no limit "
            f"can be kept; check the rights and the disk of {_fact(failure, 'path') or 'its file'}."
        )
    limit_usd, needed_usd = _usd(failure, "limit_usd"), _usd(failure, "needed_usd")
    numbers = [f"it may cost up to {needed_usd}"] if needed_usd else []
    of = f" of {limit_usd}" if limit_usd else ""
    if limit == "request":
        because = f" ({numbers[0]})" if numbers else ""
        if failure.facts.get("declined"):
            return f"Nothing was sent, as you decided{because}."
        instead = _fact(failure, "instead")
        return (
            f"The request would go over the limit{of} for one{because}; select less, "
            f"{instead + ', ' if instead else ''}or raise `budget.request_usd` in config.toml."
        )
    if limit == "keep_warm":
        spent_usd = _usd(failure, "spent_usd")
        because = f" ({spent_usd} is spent today)" if spent_usd else ""
        return (
            f"Keeping the cache warm would go over its limit{of} a day{because}; wait for the next "
            "day, or raise `context.keep_warm_day_usd` in config.toml."
        )
    period = "month" if limit == "month" else "day"
    if spent_usd := _usd(failure, "spent_usd"):
        numbers.append(f"{spent_usd} is spent {'this month' if period == 'month' else 'today'}")
    waiting = f"wait for the next {period}"
    if failure.facts.get("reserved_usd"):
        numbers.append(f"{_usd(failure, 'reserved_usd')} is reserved by running requests")
        waiting = "wait until running requests have ended"
    because = f" ({', '.join(numbers)})" if numbers else ""
    return (
        f"The request would go over the {period}'s limit{of}{because}; {waiting}, or raise "
        f"`budget.{period}_usd` in config.toml."
    )


_WHY_PAUSED: dict[str, str] = {
    "overloaded": "{model} is overloaded at {host}",
    "rate_limit": "{host} allows no more requests at the moment",
    "network": "{host} cannot be reached",
    "timeout": "{host} does not answer in time",
    "dropped": "replies of {host} break off",
    "not_an_api": "{host} does not answer as the Messages API does",
    "no_credentials": "there is no API key for {host}",
    "wrong_credentials": "{host} does not accept the API key",
    "no_permission": "the API key has no permission to use {model}",
    "no_credit": "the account at {host} has no credit left",
    "spend_limit": "the account's own spend limit at {host} is reached",
    "unknown_model": "{host} does not know {model}",
}
BACK_AGAIN = "Automatic features of kibitz are back, because the endpoint answers again."


def _paused(failure: ClaudeFailure) -> str:
    """Facts: `until`, a time as `time.time` counts, and `because`, the kind of what failed."""
    because = _WHY_PAUSED.get(_fact(failure, "because"), "{host} fails again and again")
    until: Any = failure.facts.get("until")
    when = "a while"
    if isinstance(until, int | float) and math.isfinite(until):
        when = f"until {datetime.datetime.fromtimestamp(until).astimezone():%H:%M}"
    return (
        "Automatic features of kibitz pause because "
        f"{because.format(host=_host(failure), model=_model(failure))}; wait {when}, when they "
        "are tried again, or ask for something yourself, which is sent all the same."
    )


_SENTENCES: dict[FailureKind, Callable[[ClaudeFailure], str]] = {
    "no_credentials": _no_credentials,
    "wrong_credentials": _wrong_credentials,
    "no_permission": _no_permission,
    "no_credit": _no_credit,
    "spend_limit": _spend_limit,
    "rate_limit": _rate_limit,
    "overloaded": _overloaded,
    "unknown_model": _unknown_model,
    "bad_request": _bad_request,
    "too_large": _too_large,
    "network": _network,
    "timeout": _timeout,
    "dropped": _dropped,
    "not_an_api": _not_an_api,
    "server_error": _server_error,
    "budget": _budget,
    "paused": _paused,
}


def _place(failure: ClaudeFailure) -> Traits:
    """What is known of the place that was asked."""
    return TRAITS[failure.facts.get("platform", "anthropic")]


def _cloud(failure: ClaudeFailure) -> Traits | None:
    """What is known of the cloud that was asked; None if it is none."""
    place = _place(failure)
    return place if place.mend else None


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _quoted(text: str) -> str:
    """What the endpoint says, in parentheses behind our own words."""
    quote = one_line(text, MOST_QUOTED_CHARACTERS).rstrip(".;: ")
    return f" (“{quote}”)" if quote else ""


def _host(failure: ClaudeFailure) -> str:
    return _host_of(failure.endpoint or "") or "the endpoint"


def _host_of(url: str) -> str:
    """Host and port; never the rest of an address, which may hold a secret."""
    try:
        return one_line(urlsplit(url).netloc.rpartition("@")[2], 80)
    except ValueError:
        return ""


def _status(failure: ClaudeFailure) -> str:
    return f" (HTTP {failure.status})" if failure.status else ""


def _model(failure: ClaudeFailure) -> str:
    return f'"{one_line(failure.model, 80)}"' if failure.model else "the model"


def _model_setting(failure: ClaudeFailure) -> str:
    """Where the model was chosen; `setting` is told where that was no setting of a tier."""
    return _fact(failure, "setting") or f"models.{_fact(failure, 'tier') or 'standard'}"


def _request(failure: ClaudeFailure) -> str:
    request_id = one_line(failure.request_id or "", 60)
    return f" (request {request_id})" if request_id else ""


def _fact(failure: ClaudeFailure, name: str) -> str:
    """A fact that is a name: of a model, a tier, a limit; the first of several."""
    fact: Any = failure.facts.get(name)
    if isinstance(fact, tuple) and fact:
        fact = fact[0]
    return one_line(fact, 80) if isinstance(fact, str) else ""


def _usd(failure: ClaudeFailure, name: str) -> str:
    amount: Any = failure.facts.get(name)
    is_amount = isinstance(amount, int | float) and math.isfinite(amount)
    return dollars(amount) if is_amount else ""


def _wait(seconds: float | None) -> str:
    """When to try again; "" for an endpoint that gave no usable time."""
    if seconds is None or not 0 < seconds < 30 * 24 * 3600:
        return ""
    for unit, unit_seconds in (("hour", 3600), ("minute", 60)):
        if seconds > 2 * unit_seconds:
            return f"in {math.ceil(seconds / unit_seconds)} {unit}s"
    n_seconds = math.ceil(seconds)
    return f"in {n_seconds} second{'s' if n_seconds > 1 else ''}"
