"""What can go wrong for a user, each thing with a sentence that says what to do about it.

Whoever shows a failure shows the sentence from here and nothing else of it.  Those for each kind
of Claude's failures are in `failure_sentences`.
"""

from __future__ import annotations

from kibitz.claude.values import ClaudeFailure, StopReason
from kibitz.failure_parts import quoted
from kibitz.failure_sentences import SENTENCES
from kibitz.plain_text import one_line

EXIT_USAGE = 2
EXIT_CLAUDE = 3
EXIT_BUDGET = 4

BACK_AGAIN = "Automatic features of kibitz are back, because the endpoint answers again."


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
    return SENTENCES[failure.kind](failure)


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
                f"Claude refused to answer{quoted(stop_detail or '')}; rephrase the request, or "
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
