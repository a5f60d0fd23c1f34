"""Runs of batches: the cache first, nothing lost, nothing sent twice, whatever dies when."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.anthropic_client.batches import AnthropicBatches
from kibitz.claude.batching import batch_run, batch_runner
from kibitz.claude.batching.batch_books import BatchBooks
from kibitz.claude.batching.batch_run import BatchRun, Item, RunIsBusyError
from kibitz.claude.batching.batch_runner import PROMPTS_AT_ONCE, BatchRunner, CannotAsk
from kibitz.claude.batching.batches import Batch, BatchRequest, BatchResult
from kibitz.claude.connection import Connection
from kibitz.claude.models import catalogue
from kibitz.claude.spending.budget import Budget
from kibitz.claude.spending.ledger import Ledger
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Limits,
    Message,
    Prompt,
    Purpose,
    TextDelta,
    Usage,
)
from kibitz.standin import Fault, Reply, Request, StandIn

MODEL = "claude-sonnet-5-5"
RULES = Block("The rules. " * 400, "1h")
BATCHES = "/v1/messages/batches"
NO_LIMITS = Limits()


def names(count: int) -> list[str]:
    return [f"file-{number:05}.py" for number in range(count)]


@dataclass
class Asking:
    """Implements `Asker`: asks for a file by its name and keeps what is said of it."""

    gone: frozenset[str] = frozenset()
    answers: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    n_at_once: int = 0
    most_at_once: int = 0

    async def prompt(self, name: str) -> Prompt:
        self.made[name] += 1
        self.n_at_once += 1
        self.most_at_once = max(self.most_at_once, self.n_at_once)
        await asyncio.sleep(0)
        self.n_at_once -= 1
        if name in self.gone:
            raise CannotAsk(f"{name} is gone.")
        question = Message("user", (Block(f"About {name}."),))
        return Prompt("standard", MODEL, (RULES,), (question,), 200)

    async def answered(self, name: str, result: BatchResult) -> Mapping[str, Any]:
        self.answers[name] += 1
        return {"said": "".join(e.text for e in result.events if isinstance(e, TextDelta))}


class Desk:
    """One stand-in, one state folder, and a process after the other that works on the run."""

    def __init__(self, folder: Path, standin: StandIn) -> None:
        self.folder = folder
        self.standin = standin
        self.claude = AnthropicClaude(Connection(base_url=standin.base_url, api_key="key"))
        self.ledger = Ledger(folder / "ledger.sqlite")
        self.asking = Asking()

    @property
    def path(self) -> Path:
        return self.folder / "run.sqlite"

    @contextlib.contextmanager
    def run(self, count: int = 0, limits: Limits = NO_LIMITS, **options: Any) -> Any:
        run = BatchRun.resume(self.path) or BatchRun.begin(self.path, {}, names(count))
        budget = Budget(self.ledger.path, limits)
        books = BatchBooks(self.ledger, budget, Purpose("review"), MODEL, catalogue.builtin())
        service = options.pop("service", None) or AnthropicBatches(self.claude)
        options = {"settling_seconds": 0.0, "sleep": self.passing} | options
        try:
            yield run, BatchRunner(run, service, books, self.asking, **options)
        finally:
            books.close()
            run.close()

    async def passing(self, seconds: float) -> None:
        """Waiting lets the virtual clock go on."""
        self.standin.clock.advance(seconds)

    def submitted(self) -> list[list[str]]:
        """The files of each batch that the stand-in was sent, in its order."""
        return [
            [
                each["params"]["messages"][-1]["content"][0]["text"][6:-1]
                for each in exchange.request.body["requests"]
            ]
            for exchange in self.standin.journal.exchanges
            if exchange.request.method == "POST" and exchange.request.path == BATCHES
        ]


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with StandIn(responder=lambda _: Reply("Fine.")) as standin:
        desk = Desk(tmp_path, standin)
        yield desk
        await desk.claude.aclose()
        desk.ledger.close()


async def test_one_request_writes_the_cache_before_the_rest(desk: Desk) -> None:
    with desk.run(20, chunk_requests=8) as (run, runner):
        await runner.go()
        assert (run.counts().done, run.counts().total) == (20, 20)
        outcomes = {name: said for name, _, said in run.outcomes()}
    assert [len(each) for each in desk.submitted()] == [1, 8, 8, 3]
    written = [name for name, said in outcomes.items() if said["usage"][3]]
    read = [name for name, said in outcomes.items() if said["usage"][1]]
    assert written == names(1)
    assert read == names(20)[1:]
    assert {said["said"] for said in outcomes.values()} == {"Fine."}


async def test_a_batch_costs_half(desk: Desk) -> None:
    with desk.run(5) as (run, runner):
        await runner.go()
        costs = [said["cost_usd"] for _, _, said in run.outcomes()]
        usages = [said["usage"] for _, _, said in run.outcomes()]
    known = catalogue.builtin()
    full = sum(known.cost_usd(MODEL, Usage(*each)) or 0.0 for each in usages)
    assert sum(costs) == pytest.approx(full / 2)
    total = desk.ledger.summary().total
    assert (total.requests, total.cost_usd) == (5, pytest.approx(full / 2))
    assert total.saved_usd != 0


async def test_errored_and_expired_requests_are_sent_once_more(desk: Desk) -> None:
    desk.standin.when("00003", Fault.overloaded(), times=1)
    desk.standin.when("00004", Fault.expired())
    desk.standin.when("00005", Fault.status_code(400))
    with desk.run(8) as (run, runner):
        await runner.go()
        states = {name: (state, said.get("error")) for name, state, said in run.outcomes()}
    assert states["file-00003.py"] == ("done", None)
    assert states["file-00004.py"] == ("failed", "expired")
    assert states["file-00005.py"] == ("failed", "invalid_request_error")
    sent = Counter(name for batch in desk.submitted() for name in batch)
    assert [sent[f"file-0000{n}.py"] for n in (2, 3, 4, 5)] == [1, 2, 2, 1]
    assert desk.ledger.summary().total.requests == 10


async def test_what_cannot_be_asked_any_more_is_told(desk: Desk) -> None:
    desk.asking = Asking(gone=frozenset({"file-00001.py"}))
    with desk.run(4) as (run, runner):
        await runner.go()
        outcomes = {name: (state, said) for name, state, said in run.outcomes()}
    assert outcomes["file-00001.py"] == ("failed", {"problem": "file-00001.py is gone."})
    assert run_counts(desk) == (3, 1)


async def test_prompts_are_made_a_few_at_a_time_and_each_once(desk: Desk) -> None:
    """Of a group that is too much for a chunk the next chunk takes what was made."""
    with desk.run(12, chunk_requests=3) as (_, runner):
        await runner.go()
    assert desk.asking.most_at_once == PROMPTS_AT_ONCE
    assert set(desk.asking.made.values()) == {1}
    assert set(desk.asking.answers.values()) == {1}
    assert len(desk.asking.answers) == 12


def run_counts(desk: Desk) -> tuple[int, int]:
    with desk.run() as (run, _):
        return run.counts().done, run.counts().failed


async def test_after_a_cancellation_nothing_more_is_sent(tmp_path: Path) -> None:
    async with StandIn(responder=lambda _: Reply("Fine."), batch_seconds=60) as standin:
        desk = Desk(tmp_path, standin)

        async def cancelling(seconds: float) -> None:
            batches = AnthropicBatches(desk.claude)
            client = await desk.claude.client.get("")
            async for batch in batches.newer_than(None):
                if batch.total == 4 and batch.state == "in_progress":
                    await client.sdk.messages.batches.cancel(batch.id)
            await desk.passing(seconds)

        with desk.run(12, chunk_requests=4, sleep=cancelling) as (run, runner):
            await runner.go()
            assert runner.was_cancelled
            counts = run.counts()
        assert counts.done >= 1
        assert counts.failed >= 4
        await desk.claude.aclose()
        desk.ledger.close()


async def test_a_chunk_waits_until_the_budget_has_room(desk: Desk) -> None:
    asking = Asking()
    prompt = await asking.prompt("file-00000.py")
    with desk.run(9, chunk_requests=4) as (_, runner):
        worst_usd = runner._books.worst_case_usd(prompt)
    # Room for four at their worst case, and for little more: all nine go, one chunk at a time.
    with desk.run(9, Limits(None, worst_usd * 4.9, None), chunk_requests=4) as (run, runner):
        await runner.go()
        assert run.counts().done == 9
    with pytest.raises(ClaudeFailure) as failed:
        desk.path.unlink()
        with desk.run(9, Limits(None, worst_usd, None), chunk_requests=4) as (run, runner):
            await runner.go()
    assert failed.value.kind == "budget"
    with desk.run() as (run, _):
        assert run.counts().waiting == 9, "nothing of it is lost"


async def test_failures_that_pass_are_waited_for(desk: Desk) -> None:
    for path in (BATCHES,):
        desk.standin.when(post, Fault.overloaded(), times=2, path=path)
        desk.standin.when(post, Fault.rate_limited(7), times=1, path=path)
    with desk.run(3) as (run, runner):
        await runner.go()
        assert run.counts().done == 3
    assert Counter(map(len, desk.submitted())) == {1: 4, 2: 1}, "three were refused"
    assert desk.ledger.summary().total.requests == 3


def post(request: Request) -> bool:
    return request.method == "POST"


async def test_a_failure_that_lasts_ends_the_work_and_keeps_the_run(desk: Desk) -> None:
    desk.standin.when(post, Fault.status_code(401), times=1, path=BATCHES)
    with desk.run(3) as (run, runner), pytest.raises(ClaudeFailure):
        await runner.go()
    assert desk.ledger.summary().total.requests == 0
    with desk.run() as (run, runner):
        assert run.counts().waiting == 3
        await runner.go()
        assert run.counts().done == 3


async def test_a_batch_whose_answer_was_lost_is_found(desk: Desk) -> None:
    await somebody_elses_batch(desk, 1)
    desk.standin.when(post, Fault.drop(), times=1, path=BATCHES)
    with desk.run(4) as (run, runner):
        await runner.go()
        assert run.counts().done == 4
    assert [len(each) for each in desk.submitted()] == [1, 3]
    assert desk.ledger.summary().total.requests == 4


async def test_a_batch_of_somebody_else_is_not_taken_for_ours(desk: Desk) -> None:
    """Theirs has as many requests and came in the same moment, and ours never arrived."""

    class Arrives(AnthropicBatches):
        lost = False

        async def submit(self, requests: Sequence[BatchRequest]) -> Batch:
            if not self.lost:
                self.lost = True
                await somebody_elses_batch(desk, len(requests))
                raise ClaudeFailure("dropped", facts={"cause": "end_of_stream"})
            return await super().submit(requests)

    with desk.run(4, service=Arrives(desk.claude)) as (run, runner):
        await runner.go()
        assert run.counts().done == 4
    assert desk.asking.answers == Counter(names(4))


async def somebody_elses_batch(desk: Desk, n_requests: int) -> None:
    prompt = await desk.asking.prompt("theirs")
    requests = [BatchRequest(f"theirs-{number}", prompt) for number in range(n_requests)]
    await AnthropicBatches(desk.claude).submit(requests)
    desk.standin.journal.clear()


class Killed(BaseException):
    """The process is gone, in the middle of what it did."""


class Deadly:
    """Counts what its victim does with the world, and kills at one of these moments: before it is
    done, or when it is done and nobody has heard of it yet."""

    def __init__(self, moment: int) -> None:
        self.left = moment

    def passes(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def around(self, victim: object, *methods: str) -> None:
        for name in methods:
            setattr(victim, name, self._wrapped(getattr(victim, name)))

    def _wrapped(self, method: Any) -> Any:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.passes()
            result = method(*arguments, **named)
            self.passes()
            return result

        return wrapped


class MortalService(AnthropicBatches):
    def __init__(self, claude: AnthropicClaude, deadly: Deadly) -> None:
        super().__init__(claude)
        self._deadly = deadly

    async def submit(self, requests: Sequence[BatchRequest]) -> Batch:
        self._deadly.passes()
        batch = await super().submit(requests)
        self._deadly.passes()
        return batch

    async def results(self, batch_id: str) -> AsyncGenerator[BatchResult, None]:
        self._deadly.passes()
        async with contextlib.aclosing(super().results(batch_id)) as results:
            async for result in results:
                yield result
                self._deadly.passes()


@pytest.mark.real  # slow
async def test_whenever_it_is_killed_nothing_is_lost_or_sent_twice(desk: Desk) -> None:
    """The process dies at every single moment in turn; the next one takes it to its end."""
    moment, n_files, n_requests = 0, 7, 0
    was_killed = True
    while was_killed:
        moment += 1
        was_killed = False
        desk.standin.journal.clear()
        deadly = Deadly(moment)
        service = MortalService(desk.claude, deadly)
        with desk.run(n_files, service=service, chunk_requests=3) as (run, runner):
            deadly.around(run, "plan", "submitting", "submitted", "record", "end")
            deadly.around(runner._books, "reserve", "settle")
            try:
                await runner.go()
            except Killed:
                was_killed = True
        with desk.run(chunk_requests=3) as (run, runner):
            await runner.go()
            assert run.counts().done == n_files, f"killed at moment {moment}"
            run.finish()
        sent = Counter(name for batch in desk.submitted() for name in batch)
        assert sent == Counter(names(n_files)), f"killed at moment {moment}"
        n_requests += n_files
        assert desk.ledger.summary().total.requests == n_requests, f"killed at moment {moment}"
        assert reserved(desk) == 0, f"killed at moment {moment}"
    assert moment > 40


def reserved(desk: Desk) -> int:
    with contextlib.closing(sqlite3.connect(desk.ledger.path)) as connection:
        (count,) = connection.execute(
            "SELECT COUNT(*) FROM requests WHERE outcome = 'running'"
        ).fetchone()
    return int(count)


@pytest.mark.real
async def test_thousands_of_requests(desk: Desk) -> None:
    with desk.run(4_000, chunk_requests=500) as (run, runner):
        await runner.go()
        assert run.counts().done == 4_000
    assert desk.ledger.summary().total.requests == 4_000
    assert [len(each) for each in desk.submitted()] == [1, *[500] * 7, 499]


async def test_a_chunk_is_bounded_by_its_bytes(desk: Desk) -> None:
    service = AnthropicBatches(desk.claude)
    prompt = await desk.asking.prompt("file-00000.py")
    size = service.request_bytes(BatchRequest("kibitz-0123456789-1-1", prompt))
    with desk.run(9, chunk_bytes=3 * size + 10) as (run, runner):
        await runner.go()
        assert run.counts().done == 9
    assert [len(each) for each in desk.submitted()] == [1, 3, 3, 2]


async def test_what_is_ready_after_a_minute_goes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_runner, "CHUNK_SECONDS", -1.0)
    with desk.run(4) as (run, runner):
        await runner.go()
        assert run.counts().done == 4
    assert [len(each) for each in desk.submitted()] == [1, 1, 1, 1]


async def test_one_process_at_a_time(desk: Desk) -> None:
    with desk.run(3):
        with pytest.raises(RunIsBusyError):
            BatchRun.resume(desk.path)
        with pytest.raises(RunIsBusyError):
            BatchRun.begin(desk.path, {}, names(3))
    with pytest.raises(RunIsBusyError):
        BatchRun.begin(desk.path, {}, names(3))


def test_a_run_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE run (id)")
        connection.execute("PRAGMA user_version = 99")
    assert BatchRun.resume(path) is None
    run = BatchRun.begin(path, {}, names(2))
    assert run.counts().waiting == 2
    run.close()


def test_the_state_of_a_run_is_private_and_goes_with_its_end(tmp_path: Path) -> None:
    run = BatchRun.begin(tmp_path / "run.sqlite", {"review": "/shop"}, names(2))
    assert run.path.stat().st_mode & 0o777 == 0o600
    assert run.about == {"review": "/shop"}
    run.finish()
    assert list(tmp_path.iterdir()) == []
    assert BatchRun.resume(tmp_path / "run.sqlite") is None


def test_a_custom_id_tells_its_run_and_chunk(tmp_path: Path) -> None:
    run = BatchRun.begin(tmp_path / "run.sqlite", {}, names(2))
    custom_id = run.custom_id(3, 14)
    assert run.item_of(3, custom_id) == 14
    assert [run.item_of(1, custom_id), run.item_of(3, "theirs-1")] == [None, None]
    assert run.item_of(3, run.custom_id(31, 4)) is None
    run.close()


def test_an_item_keeps_its_outcome(tmp_path: Path) -> None:
    run = BatchRun.begin(tmp_path / "run.sqlite", {}, names(1))
    chunk = run.plan([Item(1, names(1)[0])])
    run.record(chunk, [(1, "done", {"said": "first"})])
    run.record(chunk, [(1, "failed", {"said": "second"})])
    assert [said for _, _, said in run.outcomes()] == [{"said": "first"}]
    assert batch_run.MOST_TRIES == 2
    run.close()
