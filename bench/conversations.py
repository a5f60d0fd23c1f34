"""What a follow-up costs, by where a conversation puts what has changed since.

Real prompts against the stand-in's cache and its model's prices.  Three ways to go on while the
user edits between two questions: the repository as it is now in front ("anew"), the repository of
the first question in front and the news in the newest turn ("news"), and no marker on the turns
("unmarked").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.tables import table
from kibitz.actions.converse import marked
from kibitz.claude.models import catalogue
from kibitz.claude.prompts import prompt as prompts
from kibitz.claude.prompts import wire
from kibitz.claude.values import Block, Message, Prompt, Usage
from kibitz.conversation.news import news
from kibitz.standin.cache import PromptCache
from kibitz.standin.models import find
from kibitz.standin.prompt import prompt_blocks
from kibitz_context.values import CacheLifetime, Context, Layer, Plan

MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-sonnet-4-6")
WORD = "word "
PAUSE_SECONDS = 90.0
SNAPSHOT, EXCERPTS, ANSWER, ENTRY = 60_000, 4_000, 900, 700  # tokens, about
CHARACTERS = 3  # a token


@dataclass(frozen=True, slots=True)
class Session:
    """How many follow-ups there are, and how many files change before each of them."""

    name: str
    follow_ups: int
    changes: int


SESSIONS = (
    Session("1 question", 0, 0),
    Session("1 follow-up, no change", 1, 0),
    Session("1 follow-up, 1 file changed", 1, 1),
    Session("4 follow-ups, no change", 4, 0),
    Session("4 follow-ups, 1 file changed before each", 4, 1),
    Session("8 follow-ups, 2 files changed before each", 8, 2),
)
WAYS = ("anew", "news", "unmarked")


def main() -> None:
    for model in MODELS:
        rows = []
        for session in SESSIONS:
            costs = [_cost_usd(model, session, way) for way in WAYS]
            rows.append([session.name, *(f"{100 * cost:.2f}" for cost in costs)])
        print(f"{model}: US cents a conversation, without what its answers cost")
        print(table(["conversation", *WAYS], rows))
        print()


def _cost_usd(model: str, session: Session, way: str) -> float:
    cache, now, total = PromptCache(), 0.0, 0.0
    known = catalogue.builtin()
    earlier: list[Message] = []
    told = None
    for number in range(session.follow_ups + 1):
        context = _context(number * session.changes)
        text = ""
        if way != "anew":
            found = news(told, context, 1_000_000)
            context, text, told = found.context, found.text, found.told
        prompt = prompts.build(
            context,
            rules="Rules.",
            task_blocks=(f"Question {number}?",),
            tier="standard",
            model=model,
            max_tokens=1_000,
        )
        (asked,) = prompt.messages
        said = Message("user", (*((Block(text),) if text else ()), *asked.content))
        prompt = replace(prompt, messages=(*earlier, said))
        if way != "unmarked":
            prompt = marked(prompt, "5m")
        total += _billed_usd(prompt, cache, now, known)
        earlier += [said, Message("assistant", (Block(_words(ANSWER, f"answer {number}")),))]
        now += PAUSE_SECONDS
    return total


def _billed_usd(
    prompt: Prompt, cache: PromptCache, now: float, known: catalogue.Catalogue
) -> float:
    body = wire.arguments(prompt, known.request_options(prompt.model, prompt.tier))
    model = find(prompt.model)
    assert model is not None
    lookup = cache.begin("here", prompt_blocks(body, model), model.minimum_cacheable_tokens, now)
    lookup.publish()
    use = lookup.use
    usage = Usage(use.input_tokens, use.read_tokens, use.write_5m_tokens, use.write_1h_tokens)
    cost_usd = known.cost_usd(prompt.model, usage)
    assert cost_usd is not None
    return cost_usd


def _context(n_changes: int) -> Context:
    log: Sequence[str] = [
        f'<changes>\n<diff path="file{number}.py">\n{_words(ENTRY, f"change {number}")}\n</diff>\n'
        "</changes>\n"
        for number in range(n_changes)
    ]
    lifetime: CacheLifetime = "5m"
    plan = Plan("5m", lifetime, tuple(log))
    return Context(
        Path("/r"),
        "c",
        Layer("snapshot", _words(SNAPSHOT, "snapshot"), SNAPSHOT),
        Layer("changes", "".join(log), ENTRY * n_changes),
        Layer("task", _words(EXCERPTS, f"excerpts {n_changes}"), EXCERPTS),
        plan=plan,
    )


def _words(tokens: int, beginning: str) -> str:
    return beginning + " " + WORD * (tokens * CHARACTERS // len(WORD))
