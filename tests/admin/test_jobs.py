"""Jobs: one of a kind at a time, looked at while they run and after, refused and cancelled in words."""

import asyncio
import dataclasses

import pytest

from cli import progress
from tgserve.admin.commands.jobs import row
from tgserve.admin.jobs import Jobs
from tgserve.admin.refusal import Refusal
from tgserve.testing.clock import FakeClock


@pytest.fixture
def jobs():
    return Jobs(FakeClock(), lambda work, name: asyncio.get_running_loop().create_task(work, name=name))


async def ended(job):
    await asyncio.wait([job.task])
    return job


@pytest.mark.asyncio
async def test_a_job_counts_and_ends(jobs):
    go = asyncio.Event()

    async def work(job):
        job.total = 10
        job.done = 4
        await go.wait()
        job.done = 10
        job.note = "moved"

    job = jobs.start("migration", work, unit="bytes")
    await asyncio.sleep(0)
    assert (row(jobs, job).state, job.done, jobs.get(job.id)) == ("running", 4, job)
    with pytest.raises(Refusal, match="under way"):
        jobs.start("migration", work)
    go.set()
    assert (await ended(job)).state == "done" and not jobs.running and jobs.get(job.id) is job


@pytest.mark.asyncio
async def test_a_refusal_is_its_fault_and_another_may_begin(jobs):
    async def work(job):
        raise Refusal("the disk is full")

    job = await ended(jobs.start("backup", work))
    assert (job.state, job.fault) == ("failed", "the disk is full")
    assert (await ended(jobs.start("backup", work))).id == 2


@pytest.mark.asyncio
async def test_cancelled_and_unknown(jobs):
    job = jobs.start("export", lambda job: asyncio.sleep(100))
    await asyncio.sleep(0)
    job.task.cancel()
    assert (await ended(job)).state == "cancelled"
    with pytest.raises(Refusal, match="no job 7"):
        jobs.get(7)


@pytest.mark.asyncio
async def test_the_line_of_progress(jobs):
    async def work(job):
        job.total, job.done = 4 << 20, 1 << 20

    job = await ended(jobs.start("backup", work, unit="bytes"))
    told = dataclasses.replace(row(jobs, job), seconds=2.0, note="shard 1")
    assert (
        progress.line(told)
        == f"backup  [{'#' * 7}{'-' * 23}]  25 %  1.0 MiB of 4.0 MiB  512.0 KiB/s  6 s left  shard 1"
    )
