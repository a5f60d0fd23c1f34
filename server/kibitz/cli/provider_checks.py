"""What `kibitz doctor` looks at where Claude is served by a cloud, or a model runs on this machine.

Nothing is sent to a cloud: what can be seen without that is whether there are credentials.
"""

from __future__ import annotations

from collections.abc import Iterator

from kibitz import errors
from kibitz.backend import Backend
from kibitz.claude.models.platforms import TRAITS
from kibitz.claude.values import ClaudeFailure, ModelFacts
from kibitz.cli.checks import Check, fault, note, ok
from kibitz.errors import EXIT_USAGE, UserError, exit_code_for
from kibitz.plain_text import one_line

Outcome = tuple[ModelFacts, ...] | ClaudeFailure | UserError

CLOUDS = frozenset({"bedrock", "vertex", "foundry"})


def cloud(outcome: Outcome) -> Iterator[Check]:
    """Credentials and endpoint, from what asking for the list of models came to; a cloud has
    none, and its client is made all the same."""
    if not isinstance(outcome, ClaudeFailure) or outcome.facts.get("cause") != "no_list":
        sentence = outcome.sentence if isinstance(outcome, UserError) else "is not known"
        code = EXIT_USAGE
        if isinstance(outcome, ClaudeFailure):
            sentence, code = errors.sentence_for(outcome), exit_code_for(outcome)
        subject = "endpoint" if code != EXIT_USAGE else "credentials"
        yield fault(subject, sentence, code)
        return
    name = TRAITS[outcome.facts.get("platform", "anthropic")].name
    address = one_line(outcome.endpoint or "", 120)
    source = one_line(str(outcome.facts.get("credentials", "")), 160)
    yield ok("credentials", f"from {source}; checked when something is asked")
    yield note("endpoint", f"{name} at {address}; it lists no models, so nothing was asked")


def local(backend: Backend, outcome: Outcome) -> Iterator[Check]:
    """The model's file, and whether this machine has room for it.  It is not loaded."""
    if isinstance(outcome, UserError):
        yield fault("local", outcome.sentence, outcome.exit_code)
        return
    if isinstance(outcome, ClaudeFailure):
        yield fault("local", errors.sentence_for(outcome))
        return
    chosen = backend.local_model().chosen()
    file, size = chosen.file, chosen.sizing
    trained = f" of {file.trained_tokens:,}" if file.trained_tokens else ""
    threads = "1 thread" if size.threads == 1 else f"{size.threads} threads"
    text = (
        f"{one_line(file.name, 80)}, {file.n_bytes / 1e9:.1f} GB, reads {size.context_tokens:,}"
        f"{trained} tokens with {threads}; loaded when it is first asked"
    )
    if not size.fits:
        assert size.free_bytes is not None
        yield fault(
            "local",
            f"{text}; it needs about {size.needed_bytes / 1e9:.1f} GB of memory and "
            f"{size.free_bytes / 1e9:.1f} GB are free: lower `local.context_tokens`, or choose a "
            "smaller model",
        )
    elif not file.has_chat_template:
        yield note(
            "local",
            f"{text}; the file has no chat template, so it may not be made for instructions",
        )
    else:
        yield ok("local", text)
