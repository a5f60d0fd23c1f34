"""`kibitz explain`: an explanation of a file or of some of its lines."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from kibitz.actions.answer import explain
from kibitz.actions.values import Order
from kibitz.cli import answer
from kibitz.cli.arguments import Common, Parser
from kibitz.cli.place import parse_place
from kibitz.cli.workplace import Workplace, work


def run(arguments: list[str]) -> int:
    parser = Parser(
        "explain",
        "Explain a file, or some of its lines, to somebody who has to change them today.",
        examples=(
            "kibitz explain src/app.py",
            "kibitz explain src/app.py:10-42",
            "git show HEAD~3:src/app.py | kibitz explain -",
        ),
    )
    parser.add_argument(
        "place", metavar="PATH[:L1[-L2]]", help="a file, with lines from L1 to L2; - is stdin"
    )
    parser.add_model()
    parser.add_verbose()
    options = parser.parse_args(arguments)
    place = parse_place(options.place)

    def begin(at: Workplace) -> Coroutine[Any, Any, int]:
        source = at.source(place)
        order = Order("explain", source.start, source.document, source.span, model=at.common.model)
        return answer.show(at, explain(order, at.desk))

    return work(Common.of(options), place.start, begin)
