"""One sentence for each kind of failure: what happened, and after a semicolon what to do."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any

from kibitz.claude.values import ClaudeFailure, FailureKind
from kibitz.failure_parts import (
    capital,
    cloud,
    fact,
    host,
    host_of,
    model,
    model_setting,
    place,
    quoted,
    request,
    status,
    usd,
    wait,
)

_COMMAND_CAUSES = {
    "command_unreadable": "has a quotation mark that is not closed",
    "command_empty": "is empty",
    "command_not_started": "could not be started",
    "command_timeout": "did not end in time",
    "command_no_output": "printed nothing",
}


_OF_EXTRA = {"local": "A local model", "socks": "A SOCKS proxy"}


def _no_credentials(failure: ClaudeFailure) -> str:
    cause = fact(failure, "cause")
    if cause.startswith("command_"):
        command = fact(failure, "command")
        named = f" (`{command.replace('`', '')}`)" if command else ""
        exit_code: Any = failure.facts.get("exit_code")
        ended = f"ended with exit code {exit_code}" if isinstance(exit_code, int) else "failed"
        return (
            f"The command in `api_key_command`{named} {_COMMAND_CAUSES.get(cause, ended)}; run it "
            "in a terminal and mend it in config.toml."
        )
    where = place(failure)
    if cause == "extra":
        extra = fact(failure, "extra")
        what = _OF_EXTRA.get(extra) or capital(where.name)
        return (
            f"{what} needs more than is installed; run `pip install 'kibitz[{extra}]'` where "
            "kibitz is installed, and start it again."
        )
    if cause == "setting":
        setting, variable = fact(failure, "setting"), fact(failure, "variable")
        if not variable:
            return f"The provider needs `{setting}` in config.toml."
        return (
            f"{capital(where.name)} needs `{setting}` in config.toml, or {variable} in the "
            "environment."
        )
    if cause == "platform":
        return f"No credentials for {where.name} can be had{quoted(failure.message)}; {where.mend}."
    if cause == "profile":
        return (
            f"The credentials profile cannot be used{quoted(failure.message)}; sign in again, or "
            "set ANTHROPIC_API_KEY."
        )
    return (
        f"There is no API key for {host(failure)}; set ANTHROPIC_API_KEY in the environment "
        "that your editor is started from, or set `api_key_command` in config.toml, and run "
        "`kibitz doctor` to check it."
    )


def _wrong_credentials(failure: ClaudeFailure) -> str:
    if fact(failure, "cause") == "malformed_key":
        return (
            "The API key holds characters that no key has; check ANTHROPIC_API_KEY or the output "
            "of `api_key_command` for blanks and line breaks."
        )
    if where := cloud(failure):
        return (
            f"{host(failure)} does not accept the credentials{quoted(failure.message)}; "
            f"{where.mend}."
        )
    return (
        f"{host(failure)} does not accept the API key{quoted(failure.message)}; check "
        "ANTHROPIC_API_KEY or `api_key_command`, and that the key belongs to this endpoint."
    )


def _no_permission(failure: ClaudeFailure) -> str:
    to_use = f" to use {model(failure)}" if failure.model else ""
    if where := cloud(failure):
        return (
            f"{capital(where.name)} does not let you use {model(failure)}"
            f"{quoted(failure.message)}; ask for access to the model there, or choose another "
            f"one with `{model_setting(failure)}`."
        )
    return (
        f"The API key has no permission{to_use}{quoted(failure.message)}; ask for it in your "
        f"organisation, or choose another model with `{model_setting(failure)}`."
    )


def _no_credit(failure: ClaudeFailure) -> str:
    return (
        f"The account at {host(failure)} has no credit left{quoted(failure.message)}; add "
        "credit on its billing page."
    )


def _spend_limit(failure: ClaudeFailure) -> str:
    return (
        f"The account's own spend limit at {host(failure)} is reached"
        f"{quoted(failure.message)}; raise it there, or wait until its next period."
    )


def _rate_limit(failure: ClaudeFailure) -> str:
    when = wait(failure.retry_after_seconds)
    return f"{host(failure)} allows no more requests at the moment; try again {when or 'later'}."


def _overloaded(failure: ClaudeFailure) -> str:
    when = wait(failure.retry_after_seconds) or "in a minute"
    return (
        f"{host(failure)} is overloaded; try again {when}, or choose another model with "
        f"`{model_setting(failure)}`."
    )


def _unknown_model(failure: ClaudeFailure) -> str:
    successor = fact(failure, "successor")
    nearest = fact(failure, "nearest")
    # A name that kibitz knows and this endpoint does not is no slip of the user's.
    instead = successor or (nearest if nearest != failure.model else "")
    what = f"{host(failure)} does not know {model(failure)}"
    if successor:
        what = f"{model(failure)} is no longer served by {host(failure)}"
    if instead:
        return f'{what}; set `{model_setting(failure)}` to "{instead}".'
    return (
        f"{what}; set `{model_setting(failure)}` to a model that `kibitz doctor` lists for this "
        "endpoint."
    )


def _bad_request(failure: ClaudeFailure) -> str:
    return (
        f"{host(failure)} does not take the request{quoted(failure.message)}; check that "
        f"`{model_setting(failure)}` and `provider` fit the endpoint{request(failure)}."
    )


def _too_large(failure: ClaudeFailure) -> str:
    tokens: Any = failure.facts.get("tokens")
    maximum: Any = failure.facts.get("maximum")
    if fact(failure, "limit") == "price_band":
        return (
            f"The request has about {tokens:,} tokens; above {maximum:,} {model(failure)} costs "
            "several times as much, and the fast tier does not go there: select less, lower "
            "`context.max_tokens`, or send the action to another tier with `route`."
        )
    if isinstance(tokens, int) and isinstance(maximum, int):
        why = f" ({tokens:,} tokens, and {maximum:,} are allowed)"
    else:
        why = quoted(failure.message)
    return (
        f"The request is too large for {model(failure)}{why}; lower `context.max_tokens`, or "
        "select less."
    )


def _network(failure: ClaudeFailure) -> str:
    name, said = host(failure), quoted(failure.message)
    match fact(failure, "cause"):
        case "dns":
            return f"The name {name} cannot be resolved; check the network, and `base_url`."
        case "refused":
            return f"{name} refuses the connection; check that a server runs there, and `base_url`."
        case "tls":
            return (
                f"The connection to {name} is not trusted{said}; set `ca_file` to the certificate "
                "of your network, if it has one of its own."
            )
        case "ca_file":
            return "`ca_file` cannot be read as certificates; check that it is a PEM file."
        case "proxy":
            return f"The proxy on the way to {name} does not let us through{said}; check `proxy`."
        case "sign_in":
            return (
                f"{capital(place(failure).name)}'s sign-in cannot be reached{said}; check the "
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
            return f"{name} cannot be reached in time; check the network, and `proxy`."
        case "base_url":
            return "`base_url` is no address; write it as `https://HOST`."
        case _:
            return (
                f"{name} cannot be reached{said}; check the network, and `proxy`, `ca_file` and "
                "`base_url` if you have set them."
            )


def _timeout(failure: ClaudeFailure) -> str:
    return f"{host(failure)} did not answer in time; try again, or check the network."


def _dropped(failure: ClaudeFailure) -> str:
    match fact(failure, "cause"):
        case "silence":
            return f"{host(failure)} fell silent in the middle of the reply; try again."
        case "shut_down":
            return "The reply broke off because the server is shutting down; start it again."
        case "damaged":
            return (
                f"Part of the reply from {host(failure)} arrived damaged; try again, and if it "
                "stays so, look for a proxy on the way."
            )
        case "unknown_stop":
            return (
                f"{host(failure)} ended the reply for a reason that this version of kibitz does "
                f"not know{quoted(fact(failure, 'stop_reason'))}; check for a newer version."
            )
        case _:
            return (
                f"The connection to {host(failure)} broke off in the middle of the reply; try "
                "again."
            )


def _not_an_api(failure: ClaudeFailure) -> str:
    redirected_to = host_of(fact(failure, "redirected_to"))
    if redirected_to:
        return (
            f"{host(failure)} sends the request on to {redirected_to}, which kibitz does not "
            "follow; set `base_url` to the endpoint itself, or sign in to your network."
        )
    if fact(failure, "cause") == "no_list":
        return f"{host(failure)} has no list of models."
    return (
        f"{host(failure)} answers{status(failure)}, but not as the Messages API does; check "
        "`base_url`, and whether a sign-in page or a proxy of your network answers in its place."
    )


def _server_error(failure: ClaudeFailure) -> str:
    # A stream that had begun has a status that says that all is well.
    said = "" if failure.status == 200 else status(failure)
    return (
        f"{host(failure)} failed{said}{quoted(failure.message)}; try again, and if it stays "
        f"so, report it to the provider{request(failure)}."
    )


def _budget(failure: ClaudeFailure) -> str:
    """Facts: `limit` (request, day, month, keep_warm, ledger) and, in USD, `limit_usd`,
    `spent_usd`, `reserved_usd` and `needed_usd`; all optional.
    """
    limit = fact(failure, "limit")
    if limit == "ledger":
        return (
            f"The ledger cannot be used{quoted(fact(failure, 'error'))}, and without it no limit "
            f"can be kept; check the rights and the disk of {fact(failure, 'path') or 'its file'}."
        )
    limit_usd, needed_usd = usd(failure, "limit_usd"), usd(failure, "needed_usd")
    numbers = [f"it may cost up to {needed_usd}"] if needed_usd else []
    of = f" of {limit_usd}" if limit_usd else ""
    if limit == "request":
        because = f" ({numbers[0]})" if numbers else ""
        if failure.facts.get("declined"):
            return f"Nothing was sent, as you decided{because}."
        instead = fact(failure, "instead")
        return (
            f"The request would go over the limit{of} for one{because}; select less, "
            f"{instead + ', ' if instead else ''}or raise `budget.request_usd` in config.toml."
        )
    if limit == "keep_warm":
        spent_usd = usd(failure, "spent_usd")
        because = f" ({spent_usd} is spent today)" if spent_usd else ""
        return (
            f"Keeping the cache warm would go over its limit{of} a day{because}; wait for the next "
            "day, or raise `context.keep_warm_day_usd` in config.toml."
        )
    period = "month" if limit == "month" else "day"
    if spent_usd := usd(failure, "spent_usd"):
        numbers.append(f"{spent_usd} is spent {'this month' if period == 'month' else 'today'}")
    waiting = f"wait for the next {period}"
    if failure.facts.get("reserved_usd"):
        numbers.append(f"{usd(failure, 'reserved_usd')} is reserved by running requests")
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


def _paused(failure: ClaudeFailure) -> str:
    """Facts: `until`, a time as `time.time` counts, and `because`, the kind of what failed."""
    because = _WHY_PAUSED.get(fact(failure, "because"), "{host} fails again and again")
    until: Any = failure.facts.get("until")
    when = "a while"
    if isinstance(until, int | float) and math.isfinite(until):
        when = f"until {datetime.datetime.fromtimestamp(until).astimezone():%H:%M}"
    return (
        "Automatic features of kibitz pause because "
        f"{because.format(host=host(failure), model=model(failure))}; wait {when}, when they "
        "are tried again, or ask for something yourself, which is sent all the same."
    )


SENTENCES: Mapping[FailureKind, Callable[[ClaudeFailure], str]] = {
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
