"""The events of a reply with its gates and faults put in their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kibitz.standin.events import PING, StreamEvent, encode, split
from kibitz.standin.reply import STARTING_FAULTS, Fault, Gate, Hold, Place


class ScriptError(Exception):
    """The script does not fit the reply: a mistake of whoever wrote the test."""


@dataclass(frozen=True, slots=True)
class Send:
    """One event of the reply itself."""

    event: StreamEvent


@dataclass(frozen=True, slots=True)
class Insert:
    """Bytes that are no part of the reply: pings, unknown events, broken lines."""

    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    gate: Gate
    at: Place


@dataclass(frozen=True, slots=True)
class Fail:
    """The end, one way or the other.  `interrupted` is the event that would have come next."""

    fault: Fault
    interrupted: StreamEvent | None


Step = Send | Insert | Wait | Fail


def plan(
    events: Sequence[StreamEvent], holds: Iterable[Hold], faults: Iterable[Fault]
) -> list[Step]:
    """What to do, in order.  Nothing follows a `Fail`.

    Raises ScriptError when a place names a text that the reply does not contain.
    """
    in_place = [fault for fault in faults if fault.kind not in STARTING_FAULTS | {"small_chunks"}]
    # A gate comes before a fault in the same place, so that a test can be there to see it.
    marks: list[tuple[int, int, Hold | Fault]] = [
        *((*_position(events, hold.at), hold) for hold in holds),
        *((*_position(events, fault.at), fault) for fault in in_place),
    ]
    marks.sort(key=lambda item: item[:2])
    steps: list[Step] = []
    for step in _steps(events, marks):
        steps.append(step)
        if isinstance(step, Fail):
            break
    return steps


def _steps(
    events: Sequence[StreamEvent], marks: list[tuple[int, int, Hold | Fault]]
) -> Iterator[Step]:
    waiting = list(marks)
    for index, whole in enumerate(events):
        event, sent = whole, 0
        while waiting and waiting[0][0] == index:
            _, offset, mark = waiting.pop(0)
            if offset > sent:
                first, event = split(event, offset - sent)
                sent = offset
                yield Send(first)
            yield from _marked(mark, event)
        yield Send(event)
    for _, _, mark in waiting:
        yield from _marked(mark, None)


def _marked(mark: Hold | Fault, following: StreamEvent | None) -> Iterator[Step]:
    if isinstance(mark, Hold):
        yield Wait(mark.gate, mark.at)
        return
    match mark.kind:
        case "ping":
            for _ in range(mark.size):
                yield Insert("ping", PING.encode())
        case "unknown_event":
            yield Insert(mark.body, encode(mark.body, f'{{"type":"{mark.body}"}}'))
        case "malformed":
            yield Insert("content_block_delta", encode("content_block_delta", mark.body))
        case _:
            yield Fail(mark, following)


def _position(events: Sequence[StreamEvent], place: Place) -> tuple[int, int]:
    """The event of a place, and how many characters of its content come before it."""
    if isinstance(place, int):
        return min(place, len(events)), 0
    start = "".join(event.content for event in events).find(place)
    if start < 0:
        raise ScriptError(f"the reply does not contain {place!r}, where it was to be stopped")
    left = start + len(place)
    for index, event in enumerate(events):
        if 0 < left <= len(event.content):
            return (index + 1, 0) if left == len(event.content) else (index, left)
        left -= len(event.content)
    raise AssertionError("a text that was found is within some event")
