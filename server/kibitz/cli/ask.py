"""`kibitz ask`: a question about the repository, or about what is piped in."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from kibitz.actions.answer import ask
from kibitz.actions.values import Order
from kibitz.claude.values import ClaudeFailure
from kibitz.cli import answer
from kibitz.cli.arguments import Common, Parser, positive
from kibitz.cli.place import STDIN, Place, has_piped_stdin, read_stdin, stdin_text
from kibitz.cli.workplace import Workplace, work
from kibitz.errors import UserError
from kibitz_context.document import Document

# How long a pipe that nobody asked for may take to show that somebody writes to it.  Higher: a
# question waits that long where a program was started with an idle pipe; lower: the output of a
# slow command is missed, unless `-` says that it is meant.
PIPE_SECONDS = 0.5


def run(arguments: list[str]) -> int:
    parser = Parser(
        "ask",
        "Ask about the repository in the current folder, or about a text on stdin.",
        examples=(
            'kibitz ask "Where are settings validated?"',
            'git diff | kibitz ask "What could break?" -',
            "kibitz ask - < question.txt",
        ),
    )
    parser.add_argument("question", metavar="QUESTION", help="the question; - reads it from stdin")
    parser.add_argument(
        "material",
        metavar="-",
        nargs="?",
        choices=[STDIN],
        help="after a question: it is about the text on stdin",
    )
    parser.add_argument("--model", metavar="M", help="any model id instead of the tier's")
    parser.add_argument(
        "--max-tokens",
        type=positive,
        metavar="N",
        help="the most tokens that the reply may have, thinking included",
    )
    parser.add_verbose()
    options = parser.parse_args(arguments)
    if options.question == STDIN and options.material is not None:
        parser.error("stdin cannot be both the question and what it is about")

    def begin(at: Workplace) -> Coroutine[Any, Any, int]:
        question, document = _question(options.question, options.material is not None, at.start)
        order = Order(
            "ask",
            at.start,
            document,
            document.whole if document is not None else None,
            question,
            model=options.model,
            max_tokens=options.max_tokens,
        )
        return _ask(at, order)

    return work(Common.of(options), Path.cwd(), begin)


async def _ask(at: Workplace, order: Order) -> int:
    try:
        return await answer.show(at, ask(order, at.desk))
    except ClaudeFailure as failure:
        if order.model is not None:  # the sentence names what to change
            failure.facts = {**failure.facts, "setting": "--model"}
        raise


def _question(question: str, is_about_stdin: bool, start: Path) -> tuple[str, Document | None]:
    """The question, and the text on stdin that it is about, if there is one."""
    if question == STDIN:
        question = stdin_text()
    elif is_about_stdin or has_piped_stdin(PIPE_SECONDS):
        if is_about_stdin:
            return question, read_stdin(Place(STDIN), start).document
        text = stdin_text()
        if text.strip():
            return question, Document("untitled:stdin", None, text)
    if not question.strip():
        raise UserError("Nothing was asked; give a question.")
    return question, None
