"""Jobs have one owner, who can stop them; each stop has one reason."""

from __future__ import annotations

import asyncio

from kibitz.jobs import Job, Jobs


async def forever(_: Job) -> None:
    await asyncio.Event().wait()


def new_jobs() -> tuple[Jobs, list[BaseException]]:
    bugs: list[BaseException] = []
    return Jobs(lambda _, error: bugs.append(error)), bugs


async def test_a_newer_job_of_the_same_kind_on_the_same_lines_takes_the_place() -> None:
    jobs, _ = new_jobs()
    old = jobs.start(forever, kind="edit", title="old", uri="a", lines=(1, 5))
    beside = jobs.start(forever, kind="edit", title="beside", uri="a", lines=(5, 9))
    other_kind = jobs.start(forever, kind="review", title="review", uri="a", lines=(1, 5))
    new = jobs.start(forever, kind="edit", title="new", uri="a", lines=(4, 5))

    assert old.stop_reason == "a newer request took its place"
    assert jobs.running() == [beside, other_kind, new]
    await jobs.aclose()


async def test_the_first_reason_is_the_one_that_is_told() -> None:
    jobs, _ = new_jobs()
    job = jobs.start(forever, kind="edit", title="t")
    job.stop("you stopped it")
    job.stop("the document was closed")
    assert job.task is not None
    await job.task

    assert job.stop_reason == "you stopped it"
    assert jobs.get(job.id) is None


async def test_stop_by_job_by_document_and_all() -> None:
    jobs, _ = new_jobs()
    one = jobs.start(forever, kind="a", title="1", uri="x")
    two = jobs.start(forever, kind="b", title="2", uri="x")
    three = jobs.start(forever, kind="c", title="3", uri="y")

    assert jobs.stop("no", job_id=one.id) == 1
    assert jobs.stop("no", uri="x") == 1
    assert jobs.stop("no") == 1
    assert {one.stop_reason, two.stop_reason, three.stop_reason} == {"no"}
    await jobs.aclose()


async def test_a_bug_is_told_once_and_ends_only_its_job() -> None:
    jobs, bugs = new_jobs()
    bug = RuntimeError("no")

    async def broken(_: Job) -> None:
        raise bug

    job = jobs.start(broken, kind="a", title="1")
    other = jobs.start(forever, kind="b", title="2")
    assert job.task is not None
    await job.task

    assert bugs == [bug]
    assert jobs.running() == [other]
    await jobs.aclose()


async def test_closing_waits_for_what_cleans_up_but_not_for_ever() -> None:
    jobs, _ = new_jobs()
    cleaned: list[str] = []
    go_on = asyncio.Event()

    async def tidy(_: Job) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append("tidy")

    async def stubborn(_: Job) -> None:
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue

    jobs.start(tidy, kind="a", title="1")
    late = jobs.start(stubborn, kind="b", title="2")
    await asyncio.sleep(0)
    await jobs.aclose(deadline_seconds=0.01)

    assert cleaned == ["tidy"]
    assert late.task is not None
    assert not late.task.done()
    go_on.set()
    await late.task


async def test_a_job_that_is_stopped_before_it_begins_still_tells_that_it_ended() -> None:
    jobs, _ = new_jobs()
    told: list[str] = []

    async def work(job: Job) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.append(job.stop_reason or "")
            raise

    job = jobs.start(work, kind="a", title="1")
    job.stop("you stopped it")
    assert job.task is not None
    await job.task

    assert told == ["you stopped it"]


async def test_what_is_cancelled_in_the_background_before_it_begins_never_begins() -> None:
    jobs, _ = new_jobs()
    begun: list[str] = []

    async def work() -> None:
        begun.append("work")

    running = work()
    jobs.in_background(running, "work").cancel()
    await jobs.aclose()
    await asyncio.sleep(0)

    assert begun == []
    assert jobs.is_closed
    # Closed: Python does not complain of a coroutine that was never awaited.
    assert running.cr_frame is None
