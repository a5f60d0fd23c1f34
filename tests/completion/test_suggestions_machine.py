"""Somebody types, moves, takes, refuses and leaves, in any order, while replies come as they like.

Whatever happens: each request is answered exactly once, the older ones of a document at once; for
a document there is one stream at most; and what is shown belongs where the cursor stands now.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kibitz.completion.filters import without_prefix
from kibitz.completion.reader import CutOffError
from kibitz.completion.spot import Spot
from kibitz.jobs import Jobs
from kibitz.suggestions import Suggestion, Suggestions

URIS = ("file:///a.py", "file:///b.py")
# Asked for on purpose, by typing where that is switched on, and by typing where it is not.
Kind = Literal["invoked", "automatic", "free"]
KINDS = st.sampled_from(("invoked", "automatic", "free"))
OPEN, CLOSE = "<completion>", "</completion>"


@dataclass(eq=False)
class Stream:
    """A reply whose pieces the machine gives, and whose connection takes a while to close."""

    uri: str
    spot: Spot
    text: str
    pieces: asyncio.Queue[str | Exception | None] = field(default_factory=asyncio.Queue)
    given: int = 0
    is_open: bool = False

    def give(self, length: int) -> None:
        reply = OPEN + self.text + CLOSE
        self.pieces.put_nowait(reply[self.given : self.given + length])
        self.given += length
        if self.given >= len(reply):
            self.pieces.put_nowait(None)

    @property
    def said(self) -> str:
        return self.text[: max(0, self.given - len(OPEN))]

    def fits(self, before: str, after: str, text: str | None = None) -> bool:
        """Whether `text`, else all that it will say, may be right there: the same text, typed
        along, with brackets that the editor has closed."""
        whole = self.spot.before + (self.text if text is None else text)
        return (
            before.startswith(self.spot.before)
            and (whole.startswith(before) or before.startswith(whole))
            and after.endswith(self.spot.after)
            and not after[: len(after) - len(self.spot.after)].strip(")")
            and len(after) - len(self.spot.after) <= len(before) - len(self.spot.before)
        )

    async def read(self, others: list[Stream]) -> AsyncGenerator[str, None]:
        assert not any(other.is_open and other.uri == self.uri for other in others)
        self.is_open = True
        try:
            while (piece := await self.pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.is_open = False


@dataclass(eq=False)
class Timer:
    callback: Callable[[], None]
    is_over: bool = False

    def cancel(self) -> None:
        self.is_over = True


@dataclass(eq=False)
class Request:
    """A request with the text as it was, and what the text was when it was answered."""

    uri: str
    before: str
    after: str
    may_ask: bool
    was_invoked: bool
    task: asyncio.Task[Suggestion | None] = field(init=False)
    answered_for: str | None = None
    was_cancelled: bool = False


@dataclass
class Text:
    before: str = "x = "
    after: str = "\n"


class Typing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.bugs: list[BaseException] = []
        self.loop.set_exception_handler(
            lambda _, context: self.bugs.append(context.get("exception", ValueError(context)))
        )
        self.now = 0.0
        self.timers: list[Timer] = []
        self.streams: list[Stream] = []
        self.requests: list[Request] = []
        self.texts = {uri: Text() for uri in URIS}
        self.is_connected = True
        self.errors_given = 0

    @initialize()
    def begin(self) -> None:
        self.run(self._begin())

    async def _begin(self) -> None:
        self.jobs = Jobs(lambda _, error: self.bugs.append(error))
        self.suggestions = Suggestions(self.jobs, later=self.later, now=lambda: self.now)

    def run(self, work: Coroutine[Any, Any, None] | None = None) -> None:
        """Let `work` happen, and then everything that can happen by itself."""

        async def settle() -> None:
            if work is not None:
                await work
            for _ in range(25):
                await asyncio.sleep(0)

        self.loop.run_until_complete(settle())

    def later(self, _seconds: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        self.timers.append(timer)
        return timer

    def waiting_timers(self) -> list[Timer]:
        return [timer for timer in self.timers if not timer.is_over]

    def pending(self, uri: str) -> Request | None:
        """The newest request of a document, if it waits."""
        of_uri = [request for request in self.requests if request.uri == uri]
        return of_uri[-1] if of_uri and not of_uri[-1].task.done() else None

    def open_streams(self) -> list[Stream]:
        return [stream for stream in self.streams if stream.is_open]

    # -- the user ------------------------------------------------------------------------------

    @rule(uri=st.sampled_from(URIS), word=st.sampled_from(["a", "ab", "(", "\n", " ", "b)"]))
    def types(self, uri: str, word: str) -> None:
        text = self.texts[uri]
        text.before += word
        if word == "(":
            text.after = ")" + text.after
        self.changed(uri)

    @rule(uri=st.sampled_from(URIS), length=st.integers(1, 3), asks=st.booleans())
    def types_what_is_coming(self, uri: str, length: int, asks: bool) -> None:
        text = self.texts[uri]
        for stream in reversed(self.streams):
            whole = stream.spot.before + stream.text
            if stream.uri == uri and whole.startswith(text.before):
                self.types(uri, whole[len(text.before) :][:length])
                if asks:
                    self.asks(uri, "automatic")
                return

    @rule(uri=st.sampled_from(URIS), added=st.sampled_from(["", "c", "a"]), kind=KINDS)
    def changes_behind(self, uri: str, added: str, kind: Kind) -> None:
        self.texts[uri].after = added + self.texts[uri].after[1:]
        self.changed(uri)
        self.asks(uri, kind)

    @rule(uri=st.sampled_from(URIS))
    def deletes(self, uri: str) -> None:
        self.texts[uri].before = self.texts[uri].before[:-1]
        self.changed(uri)

    @rule(uri=st.sampled_from(URIS), back=st.booleans())
    def moves(self, uri: str, back: bool) -> None:
        text = self.texts[uri]
        if back:
            text.before, text.after = text.before[:-1], text.before[-1:] + text.after
        else:
            text.before, text.after = text.before + text.after[:1], text.after[1:]

    @rule(uri=st.sampled_from(URIS), kind=KINDS)
    def asks(self, uri: str, kind: Kind) -> None:
        self.run(self._asks(uri, kind))
        self.is_taken_seriously(uri)

    @rule(uri=st.sampled_from(URIS), word=st.sampled_from(["a", "b"]))
    def types_and_asks_in_one_breath(self, uri: str, word: str) -> None:
        """The messages lie in one buffer: nothing runs between them."""

        async def all_at_once() -> None:
            await self._asks(uri, "invoked")
            self.texts[uri].before += word
            self.suggestions.typed(uri)
            await self._asks(uri, "invoked")

        self.run(all_at_once())
        self.is_taken_seriously(uri)

    @rule(uri=st.sampled_from(URIS), ticks=st.integers(0, 5))
    def errs_and_comes_back_at_once(self, uri: str, ticks: int) -> None:
        """What was running is being closed as it is wanted again."""
        for stream in self.open_streams():
            if stream.uri == uri:
                stream.give(len(OPEN) + 1)
                self.run()

        async def all_at_once() -> None:
            text = self.texts[uri]
            for before, kind in ((text.before + "zz", "free"), (text.before, "invoked")):
                text.before = before
                self.suggestions.typed(uri)
                await self._asks(uri, kind)
                for _ in range(ticks):
                    await asyncio.sleep(0)

        self.run(all_at_once())
        self.is_taken_seriously(uri)

    async def _asks(self, uri: str, kind: str) -> None:
        text, was_invoked, may_ask = self.texts[uri], kind == "invoked", kind != "free"
        spot = Spot(text.before, text.after, "python", was_invoked=was_invoked)
        answer = self.suggestions.suggest(uri, spot, self.ask_of(uri) if may_ask else None)
        request = Request(uri, text.before, text.after, may_ask, was_invoked)
        request.task = self.loop.create_task(self.answered(request, answer))
        self.requests.append(request)

    def is_taken_seriously(self, uri: str) -> None:
        """Who has just asked on purpose is shown something, or is being asked for."""
        request = [request for request in self.requests if request.uri == uri][-1]
        if not (request.was_invoked and self.is_connected):
            return
        if request.task.done():
            assert request.task.result() is not None
        else:
            (stream,) = (stream for stream in self.open_streams() if stream.uri == uri)
            assert stream.fits(request.before, request.after, stream.said)

    @rule(share=st.floats(0.1, 1.0))
    def takes_what_is_shown(self, share: float) -> None:
        """All of it, or a part."""
        shown = [
            (request, suggestion)
            for request in self.requests
            if request.task.done()
            and not request.task.cancelled()
            and request.task.exception() is None
            and (suggestion := request.task.result()) is not None
            and self.texts[request.uri] == Text(request.before, request.after)
        ]
        if not shown:
            return
        request, suggestion = shown[-1]
        length = max(1, int(len(suggestion.text) * share))
        self.texts[request.uri].before += suggestion.text[:length]
        self.changed(request.uri)
        if length == len(suggestion.text):
            self.suggestions.accepted(suggestion.id)
            assert not self.suggestions.accepted(suggestion.id)
            return
        streams = len(self.streams)
        self.run(self._asks(request.uri, "automatic"))
        if self.is_connected:
            rest = self.requests[-1].task.result()
            assert rest is not None and rest.text == suggestion.text[length:]
        assert len(self.streams) == streams

    @rule(uri=st.sampled_from(URIS))
    def closes(self, uri: str) -> None:
        self.suggestions.close(uri)
        self.texts[uri] = Text()
        self.run()
        assert not any(stream.uri == uri for stream in self.open_streams())

    @precondition(lambda self: any(not request.task.done() for request in self.requests))
    @rule(number=st.integers(0, 9))
    def cancels(self, number: int) -> None:
        pending = [request for request in self.requests if not request.task.done()]
        request = pending[number % len(pending)]
        request.was_cancelled = True
        request.task.cancel()
        self.run()

    @precondition(lambda self: self.is_connected and len(self.requests) > 6)
    @rule()
    def disconnects(self) -> None:
        self.is_connected = False
        self.run(self.jobs.aclose())
        assert not self.open_streams()

    def changed(self, uri: str) -> None:
        self.suggestions.typed(uri)
        self.run()

    # -- the clock and Claude ------------------------------------------------------------------

    @precondition(lambda self: self.waiting_timers())
    @rule(number=st.integers(0, 9))
    def time_passes(self, number: int) -> None:
        waiting = self.waiting_timers()
        timer = waiting[number % len(waiting)]
        self.let(timer)
        self.run()

    @rule()
    def nothing_happens_for_long(self) -> None:
        for _ in range(3):
            for timer in self.waiting_timers():
                self.let(timer)
            self.run()
        for stream in self.open_streams():
            assert self.pending(stream.uri) is not None, "nobody reads it any more"

    def let(self, timer: Timer) -> None:
        """Let it be time; that alone answers nobody."""
        done = [request.task.done() for request in self.requests]
        self.now += 1.0
        timer.is_over = True
        timer.callback()
        self.run()
        if self.is_connected:
            assert done == [request.task.done() for request in self.requests]

    def ask_of(self, uri: str) -> Callable[[Spot], AsyncGenerator[str, None]]:
        def ask(spot: Spot) -> AsyncGenerator[str, None]:
            # What Claude says depends on the place alone, so that it can be told apart.
            kind = len(spot.before) + 2 * len(spot.after) + URIS.index(uri)
            stream = Stream(uri, spot, ("abab", "", "a(b)a", "bb", "aab")[kind % 5])
            self.streams.append(stream)
            return stream.read(self.streams)

        return ask

    @precondition(lambda self: self.open_streams())
    @rule(number=st.integers(0, 9), length=st.integers(1, 16))
    def a_piece_comes(self, number: int, length: int) -> None:
        self.open_streams()[number % len(self.open_streams())].give(length)
        self.run()

    @precondition(lambda self: self.open_streams())
    @rule(number=st.integers(0, 9))
    def the_rest_comes(self, number: int) -> None:
        stream = self.open_streams()[number % len(self.open_streams())]
        request = self.pending(stream.uri)
        stream.give(100)
        self.run()
        assert not stream.is_open
        # A reply that says the beginning of its line again is shown without it, if at all.
        is_plain = without_prefix(stream.text, stream.spot) == stream.text
        if is_plain and request is not None and stream.fits(request.before, request.after):
            rest = stream.text[len(request.before) - len(stream.spot.before) :]
            if rest or request.before == stream.spot.before:
                found = request.task.result()
                shown = found.text if found is not None else ""
                # A bracket that closes nothing any more is not shown, nor what follows it.
                assert rest.startswith(shown) and (shown or not rest.strip(")") or rest[0] == ")")

    @precondition(lambda self: self.open_streams())
    @rule(
        number=st.integers(0, 9),
        error=st.sampled_from([OSError("no network"), CutOffError()]),
        as_one_types=st.booleans(),
    )
    def a_reply_fails(self, number: int, error: Exception, as_one_types: bool) -> None:
        stream = self.open_streams()[number % len(self.open_streams())]
        request = self.pending(stream.uri)
        stream.pieces.put_nowait(error)
        if as_one_types:

            async def meanwhile() -> None:
                while stream.is_open:
                    await asyncio.sleep(0)
                self.texts[stream.uri].before += "a"
                self.suggestions.typed(stream.uri)

            self.run(meanwhile())
        else:
            self.run()
            if request is not None and isinstance(error, OSError):
                assert request.task.exception() is error
        if isinstance(error, OSError):
            self.errors_given += 1

    # -- what always holds ---------------------------------------------------------------------

    async def answered(
        self, request: Request, answer: Coroutine[Any, Any, Suggestion | None]
    ) -> Suggestion | None:
        try:
            return await answer
        finally:
            assert request.answered_for is None
            text = self.texts[request.uri]
            request.answered_for = text.before + text.after

    @invariant()
    def one_stream_for_a_document(self) -> None:
        for uri in URIS:
            assert sum(stream.uri == uri for stream in self.open_streams()) <= 1

    @invariant()
    def who_was_overtaken_is_answered(self) -> None:
        for uri in URIS:
            of_uri = [request for request in self.requests if request.uri == uri]
            assert all(request.task.done() for request in of_uri[:-1])

    @invariant()
    def nothing_stale_is_shown(self) -> None:
        for request in self.requests:
            if not request.task.done() or request.task.cancelled():
                assert request.task.cancelled() <= request.was_cancelled
                continue
            if request.task.exception() is not None:
                assert isinstance(request.task.exception(), OSError)
                assert request.answered_for == request.before + request.after
                continue
            suggestion = request.task.result()
            if suggestion is not None:
                assert suggestion.text
                # Where the cursor is nobody tells; the text is as it was.
                assert request.answered_for == request.before + request.after
                whole = request.before + suggestion.text
                assert any(
                    stream.uri == request.uri
                    and stream.fits(request.before, request.after)
                    and (stream.spot.before + stream.text).startswith(whole)
                    for stream in self.streams
                )

    @invariant()
    def an_error_is_told_once(self) -> None:
        failed = sum(
            request.task.done()
            and not request.task.cancelled()
            and request.task.exception() is not None
            for request in self.requests
        )
        assert failed <= self.errors_given

    @invariant()
    def nobody_asks_who_may_not(self) -> None:
        assert len(self.streams) <= sum(request.may_ask for request in self.requests)

    @invariant()
    def nothing_begins_after_the_end(self) -> None:
        assert self.is_connected or not self.open_streams()

    @invariant()
    def there_is_no_bug(self) -> None:
        assert not self.bugs

    def teardown(self) -> None:
        try:
            # Time passes and Claude answers: nobody is left waiting.
            for _ in range(30):
                for timer in self.waiting_timers():
                    timer.is_over = True
                    timer.callback()
                self.run()
                for stream in self.open_streams():
                    stream.pieces.put_nowait(OPEN + CLOSE)
                    stream.pieces.put_nowait(None)
                self.run()
            assert all(request.task.done() for request in self.requests)
            assert not self.open_streams() and not self.waiting_timers()
            self.run(self.jobs.aclose())
            assert not self.bugs
        finally:
            self.loop.close()


Typing.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    # To make a failing one shorter takes minutes.
    phases=(Phase.reuse, Phase.generate),
)
TestTyping = Typing.TestCase
