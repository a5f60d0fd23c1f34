"""`kibitz ask`: a question about the repository, or about what is piped in."""

from __future__ import annotations

import argparse
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from kibitz.actions.values import Order
from kibitz.claude.values import ClaudeFailure
from kibitz.cli import talk
from kibitz.cli.arguments import Common, Parser, positive
from kibitz.cli.place import STDIN, Place, has_piped_stdin, read_stdin, stdin_text
from kibitz.cli.workplace import Workplace, work
from kibitz.errors import UserError
from kibitz_context.document import Document

# How long a pipe that nobody asked for may take to show that somebody writes to it.  Higher: a
# question waits that long where a program was started with an idle pipe; lower: the output of a
# slow command is missed, unless `-` says that it is meant.
PIPE_SECONDS = 0.5

MORE = """\
A question may point at files: `path:10-20` in backticks and [text](path) are read and sent along,
pictures and PDF documents, ![](shot.png), are attached.
"""


def run(arguments: list[str]) -> int:
    parser = Parser(
        "ask",
        "Ask about the repository in the current folder, or about a text on stdin.",
        examples=(
            'kibitz ask "Where are settings validated?"',
            'git diff | kibitz ask "What could break?" -',
            "kibitz ask - < question.txt",
            'kibitz ask --continue "And who calls it?"',
        ),
        more=MORE,
    )
    parser.add_argument(
        "question", metavar="QUESTION", nargs="?", help="the question; - reads it from stdin"
    )
    parser.add_argument(
        "material",
        metavar="-",
        nargs="?",
        choices=[STDIN],
        help="after a question: it is about the text on stdin",
    )
    parser.add_argument(
        "--continue",
        dest="thread",
        nargs="?",
        const=talk.NEWEST,
        metavar="ID",
        help="go on with a conversation about this repository, the newest one unless it is named",
    )
    parser.add_argument(
        "--list", action="store_true", help="list the conversations about this repository"
    )
    parser.add_model()
    parser.add_argument(
        "--max-tokens",
        type=positive,
        metavar="N",
        help="the most tokens that the reply may have, thinking included",
    )
    parser.add_verbose()
    options = parser.parse_args(arguments)
    _take_question_from_option(options)
    if options.list:
        if options.question is not None or options.thread is not None:
            parser.error("--list goes with no question")
        return work(Common.of(options), Path.cwd(), talk.show_list)
    if options.question is None:
        parser.error("the following arguments are required: QUESTION")
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
        return _ask(at, order, options.thread)

    return work(Common.of(options), Path.cwd(), begin)


async def _ask(at: Workplace, order: Order, thread: str | None) -> int:
    try:
        return await talk.ask(at, order, thread)
    except ClaudeFailure as failure:
        if order.model is not None:  # the sentence names what to change
            failure.facts = {**failure.facts, "setting": "--model"}
        raise


def _take_question_from_option(options: argparse.Namespace) -> None:
    """`--continue QUESTION` is the newest conversation: what is no id is the question."""
    if options.thread is None or talk.is_id(options.thread) or options.thread == talk.NEWEST:
        return
    if options.question is None or (options.question == STDIN and options.material is None):
        options.question, options.material = options.thread, options.question
        options.thread = talk.NEWEST


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
