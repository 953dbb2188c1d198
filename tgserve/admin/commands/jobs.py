"""job.list, job.show, job.cancel."""

from __future__ import annotations

from tgserve.admin.jobs import Job, Jobs
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.jobs import JobCancel, JobList, JobPage, JobRow, JobShow


@command(JobList)
async def job_list(daemon: Daemon, params: JobList) -> JobPage:
    jobs = daemon.jobs
    return JobPage([row(jobs, job) for job in (*jobs.running.values(), *jobs.ended)])


@command(JobShow)
async def job_show(daemon: Daemon, params: JobShow) -> JobRow:
    return row(daemon.jobs, daemon.jobs.get(params.id))


@command(JobCancel)
async def job_cancel(daemon: Daemon, params: JobCancel) -> JobRow:
    job = daemon.jobs.get(params.id)
    if job.task is None or job.state != "running":
        raise Refusal(f"job {job.id} has ended")
    job.task.cancel()
    return row(daemon.jobs, job)


def row(jobs: Jobs, job: Job) -> JobRow:
    return JobRow(
        id=job.id,
        kind=job.kind,
        state=job.state,
        done=job.done,
        total=job.total,
        unit=job.unit,
        note=job.note,
        seconds=round(jobs.seconds(job), 3),
        fault=job.fault,
    )
