"""Long work that a command starts and others look at: migration of shards, backups, exports.

Jobs of one kind exclude each other. A job lives as long as the daemon; what must survive a restart is up to the work,
which is cancelled like any task when the daemon stops.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tgserve import log
from tgserve.admin.refusal import Refusal
from tgserve.clock import Clock
from tgserve.errors import StoreError

LOG = log.get("job")
KEPT = 50
"""Ended jobs that can still be looked at."""


@dataclass(slots=True)
class Job:
    """`work` sets total, raises done, and may change note. Raising Refusal ends it with a sentence."""

    id: int
    kind: str
    unit: str = ""
    state: str = "running"
    """running, done, failed, cancelled."""
    done: int = 0
    total: int = 0
    note: str = ""
    fault: str = ""
    began: float = 0.0
    """clock.monotonic()."""
    seconds: float = 0.0
    """How long it took, once ended."""
    task: asyncio.Task[None] | None = field(default=None, repr=False)


Work = Callable[[Job], Awaitable[None]]
Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[Any]]


class Jobs:
    def __init__(self, clock: Clock, spawn: Spawn) -> None:
        self._clock = clock
        self._spawn = spawn
        self._count = 0
        self.running: dict[int, Job] = {}
        self.ended: deque[Job] = deque(maxlen=KEPT)

    def start(self, kind: str, work: Work, *, unit: str = "") -> Job:
        """Begin now. Refusal while one of the kind runs."""
        for other in self.running.values():
            if other.kind == kind:
                raise Refusal(f"a {kind} is under way (job {other.id}): wait for its end")
        self._count += 1
        job = Job(self._count, kind, unit, began=self._clock.monotonic())
        self.running[job.id] = job
        job.task = self._spawn(self._run(job, work), f"job:{kind}")
        return job

    def get(self, number: int) -> Job:
        """Refusal when there is none."""
        if number in self.running:
            return self.running[number]
        for job in self.ended:
            if job.id == number:
                return job
        raise Refusal(f"there is no job {number}")

    def seconds(self, job: Job) -> float:
        return job.seconds if job.state != "running" else self._clock.monotonic() - job.began

    async def _run(self, job: Job, work: Work) -> None:
        state = "failed"
        try:
            await work(job)
            state = "done"
        except asyncio.CancelledError:
            state = "cancelled"
            raise
        except (Refusal, StoreError, OSError) as fault:
            job.fault = str(fault)
        except BaseException as fault:
            job.fault = f"a fault of the server ({type(fault).__name__}): its log says more"
            raise
        finally:
            job.state = state
            job.seconds = self._clock.monotonic() - job.began
            del self.running[job.id]
            self.ended.appendleft(job)
            LOG.info(
                "job.ended", kind=job.kind, state=job.state, seconds=round(job.seconds, 3), fault=job.fault
            )
