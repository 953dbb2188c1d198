"""The process: tasks that are not lost, signals, file descriptors, garbage collection, the loop's last resort.

Tasks are for the control plane (SMS, trimming, the admin socket); calls of clients have none. A task that fails is
logged and counted; nothing here lets an exception vanish.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from tgserve import log, metrics

uvloop: Any
try:
    import uvloop
except ImportError:  # not on every platform
    uvloop = None

_log = log.get("process")
_failed = metrics.counter(
    "tgserve_task_faults_total", "background tasks that ended in a fault, by name", ("name",)
)
_escaped = metrics.counter("tgserve_loop_faults_total", "faults that reached the event loop")

SWITCH_SECONDS = 0.002
"""How long a shard's thread may wait for the interpreter when the loop is busy. The default 5 ms shows in the latency
of a busy server; less than 1 ms costs more in switches than it gives."""
COLLECT = (200_000, 20, 100)
"""A message makes some hundred objects and no cycles; a thousand on their way at once must not look like growth: with
50,000 they sometimes did, for 3 % of the loop. The default (700, 10, 10) walks all sessions many times a second: it
costs 10 % of the CPU of a message."""


class Tasks:
    """Background tasks of the daemon."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str = "") -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(
            work, name=name or getattr(work, "__qualname__", "task")
        )
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def every(self, seconds: float, work: Callable[[], Any], name: str) -> asyncio.Task[Any]:
        """Call `work` again and again, the first time after `seconds`; what it returns is awaited if it can be. What
        it raises ends this call of it only."""

        async def repeat() -> None:
            while True:
                await asyncio.sleep(seconds)
                try:
                    result = work()
                    if hasattr(result, "__await__"):
                        await result
                except Exception as fault:
                    _failed.of(name).inc()
                    _log.error("task.fault", exc=fault, task=name)

        return self.spawn(repeat(), name)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            fault = task.exception()
            if fault is not None:
                _failed.of(task.get_name()).inc()
                _log.error("task.fault", exc=fault, task=task.get_name())

    async def close(self, seconds: float) -> None:
        """Cancel what still runs and wait for it, not longer than `seconds`."""
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=seconds)


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, a quarter of the cost of asyncio's own for each packet (PERFORMANCE 3); that where it is missing."""
    if uvloop is None:
        _log.warning("loop.slow", missing="uvloop")
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def catch_all(loop: asyncio.AbstractEventLoop) -> None:
    """Faults in callbacks and protocols: logged in our form and counted, instead of the loop's own report."""

    def escaped(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        _escaped.inc()
        fault = context.get("exception")
        _log.error("loop.fault", exc=fault, what=str(context.get("message", "")))

    loop.set_exception_handler(escaped)


def contain(what: str, run: Callable[..., object], *arguments: Any) -> bool:
    """Call `run`; a fault of it costs this call alone. False when there was one."""
    try:
        run(*arguments)
    except Exception as fault:
        _escaped.inc()
        _log.error("loop.fault", exc=fault, what=what)
        return False
    return True


def raise_nofile() -> int:
    """Take as many file descriptors as the system allows this user; the number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard or hard == resource.RLIM_INFINITY:
        wanted = hard if hard != resource.RLIM_INFINITY else 1 << 20
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):
            return soft
        return wanted
    return soft


def settle() -> None:
    """Once everything is loaded: it is not garbage, so the collector need not look at it again (PERFORMANCE 9.9)."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*COLLECT)
    gc.collect()
    gc.freeze()


def on_signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """SIGTERM and Ctrl-C stop cleanly."""
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
