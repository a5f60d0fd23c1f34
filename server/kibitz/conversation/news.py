"""What a conversation has been told of its repository, and what the next question has to add.

The repository stands before all messages in the key of the cache: one byte that is new there
makes every earlier turn of a conversation be read at full price.  So the system blocks of a
conversation stay those of its first question, and what has changed since is told in the newest
turn.  Where that does not pay, or cannot be said in order, the conversation begins anew on the
repository as it is now; its turns stay, they are only read once more.  The figures are in
docs/decisions/0009.  Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from kibitz_context import markup
from kibitz_context.layers.log import AS_IN_SNAPSHOT, newest
from kibitz_context.tokens import estimate
from kibitz_context.values import Context, Place, Plan, Statement

NEWS = "<news>\n"
INTRODUCTION = (
    "The repository has changed since the last question. Diffs are against the repository at the "
    'top, or, where they say against="told", against the file as it was last told as a whole; what '
    "is said here holds."
)
RESTORED = "These files and lines are as in the repository at the top again:"
AS_TOLD = "These lines are again as in the file that was last told as a whole:"


@dataclass(frozen=True, slots=True)
class Told:
    """What of a repository the turns so far have been shown.

    `log` names the blocks of the changes log, in order, of which the first `n_in_system` stand in
    the system blocks; `tail` is the text behind them there.  `last_tail` names the tail that was
    told last, and `holding` is what differs from the snapshot after all that was told.
    """

    snapshot: str
    log: tuple[str, ...]
    n_in_system: int
    tail: str
    last_tail: str
    holding: tuple[Statement, ...]

    @classmethod
    def of(cls, context: Context) -> Told:
        """What the system blocks of `context` tell."""
        plan = _plan(context)
        log = tuple(map(_name, plan.changes_log))
        tail = plan.changes_tail
        return cls(context.snapshot.sha256, log, len(log), tail, _name(tail), _holding(plan))

    @classmethod
    def from_json(cls, value: Any) -> Told:
        """Raises KeyError, TypeError or ValueError for what is none."""
        return cls(
            str(value["snapshot"]),
            tuple(map(str, value["log"])),
            int(value["n_in_system"]),
            str(value["tail"]),
            str(value["last_tail"]),
            tuple(map(_statement, value["holding"])),
        )


@dataclass(frozen=True)
class News:
    """How the next question is put: on the system blocks of `context`, with `text` in front of it
    ("" for no news).  `begins_anew` says that the turns before are not in the cache."""

    context: Context
    text: str
    told: Told
    begins_anew: bool = False


def news(told: Told | None, context: Context, turn_tokens: int) -> News:
    """What to add to a conversation that has been told `told`, now that the repository is as
    `context` says; None for its first question.  `turn_tokens` is how long its turns are."""
    if told is None:
        return News(context, "", Told.of(context))
    following = _following(told, context)
    if following is None or estimate(following.text) > turn_tokens:
        return News(context, "", Told.of(context), begins_anew=True)
    return following


def _following(told: Told, context: Context) -> News | None:
    """The news on top of what was told; None where they cannot be said that way."""
    plan = _plan(context)
    log = tuple(map(_name, plan.changes_log))
    if context.snapshot.sha256 != told.snapshot:
        return None
    n_known = len(told.log)
    if log[:n_known] != told.log:
        # A log that was written anew can be told as a whole, as long as nothing of the one before
        # stands in the system blocks.
        if told.n_in_system or context.plan is None:
            return None
        n_known = 0
    new_blocks = plan.changes_log[n_known:]
    tail_is_new = _name(plan.changes_tail) != told.last_tail
    tail = plan.changes_tail if tail_is_new else ""
    said = chain(*plan.log_statements[n_known:], plan.tail_statements if tail else ())
    believed = _differing((*told.holding, *said))
    holding = _holding(plan)
    # The log told it before the tail did: what holds is above what does not, and no news can
    # say so in a word.
    if not set(holding) <= set(believed):
        return None
    gone = [each.place for each in believed if each not in set(holding)]
    parts = [*new_blocks, tail]
    still = {each.place.path for each in holding}
    for heading, is_as_told in ((RESTORED, False), (AS_TOLD, True)):
        names = [
            _named(place, still)
            for place in gone
            if is_as_told == (place.since_told and place.path in still)
        ]
        if names:
            parts.append("\n".join([heading, *dict.fromkeys(names), ""]))
    body = "".join(part for part in parts if part.strip())
    frozen = replace(
        plan,
        changes_log=plan.changes_log[: told.n_in_system],
        changes_tail=told.tail,
        log_blocks_alive=(
            plan.log_blocks_alive if plan.log_blocks_alive <= told.n_in_system else 0
        ),
    )
    return News(
        replace(context, plan=frozen),
        f"{NEWS}{INTRODUCTION}\n{body}</news>" if body else "",
        replace(
            told,
            log=log,
            last_tail=_name(plan.changes_tail),
            holding=holding,
        ),
    )


def _plan(context: Context) -> Plan:
    if context.plan is not None:
        return context.plan
    return Plan(changes_log=(context.changes.text,) if context.changes.text.strip() else ())


def _name(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _holding(plan: Plan) -> tuple[Statement, ...]:
    return _differing((*chain(*plan.log_statements), *plan.tail_statements))


def _differing(said: Iterable[Statement]) -> tuple[Statement, ...]:
    """What holds after all of that, without what is as in the snapshot."""
    differing = [each for each in newest(said).values() if each.state != AS_IN_SNAPSHOT]
    return tuple(sorted(differing, key=lambda each: (each.place.path, each.place.lines or ())))


def _named(place: Place, still: AbstractSet[str]) -> str:
    """A file, or where it differs still, its lines."""
    path = markup.quoted(place.path)
    return f"{path}, lines {place.numbers}" if place.numbers and place.path in still else path


def _statement(value: Any) -> Statement:
    place, lines = value["place"], value["place"]["lines"]
    span = None if lines is None else (int(lines[0]), int(lines[1]))
    # Conversations from before there were any such lines are told on.
    since_told = bool(place.get("since_told", False))
    return Statement(Place(str(place["path"]), span, since_told), str(value["state"]))
