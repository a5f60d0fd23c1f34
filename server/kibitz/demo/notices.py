"""What the demo says of itself before and after: what is scripted, what is real, what it costs."""

from __future__ import annotations

from rich.text import Text

from kibitz.bill import dollars
from kibitz.claude.models import catalogue
from kibitz.demo.live import Offer
from kibitz.demo.play import Played
from kibitz.demo.stage import Stage
from kibitz.demo.views import cache_share

_TITLE = "kibitz demo"


def open_scripted(stage: Stage) -> None:
    stage.heading(_TITLE)
    stage.show(
        Text.assemble(
            ("The replies are scripted: ", "bold yellow"),
            "no model is asked, no key is used, nothing leaves this machine and nothing is paid. "
            "Real are the server process, the editor's protocol, the prompts made from a "
            "repository, the requests with their prompt cache (to a stand-in for the API on this "
            "machine), every edit, and the ledger.",
        ),
        "",
    )


def close_scripted(stage: Stage, played: Played) -> None:
    total = played.bill.total
    stage.show(
        f"{cache_share(total):.0%} of the prompts was read from the cache, which saves "
        f"{dollars(total.saved_usd)} against sending the repository three times.",
        "",
        Text.assemble(
            ("Scripted ", "bold yellow"),
            "were the three replies; nobody was asked and nothing was paid. The tokens are "
            "estimates, and the costs are what Claude would charge for them "
            f"(prices of {catalogue.builtin().as_of}).",
        ),
        "`kibitz demo --live` lets Claude answer. The README has the lines for your editor.",
    )


def open_live(stage: Stage, offer: Offer) -> None:
    stage.heading(_TITLE)
    cost = (
        f"It costs {dollars(offer.worst_usd)} at most, and usually far less."
        if offer.worst_usd is not None
        else "What it costs at most is not known, as the price of a model is not; "
        "`budget.request_usd` cannot hold here."
    )
    stage.show(
        Text.assemble(
            ("Claude answers: ", "bold yellow"),
            f"three requests to {', '.join(offer.models)} about a sample repository, with your "
            f"credentials, settings, budget and ledger. {cost}",
        ),
        "",
    )


def close_live(stage: Stage, played: Played) -> None:
    total = played.bill.total
    stage.show(
        f"{cache_share(total):.0%} of the prompts was read from the cache, which saved "
        f"{dollars(max(0.0, total.saved_usd))}. These requests are in your ledger: "
        "`kibitz usage`.",
        "Nothing was scripted. The README has the lines for your editor.",
    )
