"""Runs handler coroutines without asyncio tasks: a call is stepped synchronously and parked on what it awaits.

A handler may await a store Commit (anything with `on_done`), an asyncio future, or asyncio.sleep(0). It runs on the
loop's thread from its first line to its first wait without giving way, so the calls of one session reach the store in
the order they came in, and a call that waits for one commit costs about a microsecond more than a plain function
(a task costs 4 to 8, PERFORMANCE 9.1). What a handler may not do: asyncio.timeout, wait_for, TaskGroup, current_task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Ended = Callable[[Any, BaseException | None], None]
"""Called once with (value, None) or (None, what the handler raised); must not raise."""


class Driver:
    """Starts coroutines and remembers those that wait, so that shutdown can end them."""

    __slots__ = ("_parked",)

    def __init__(self) -> None:
        self._parked: set[_Parked] = set()

    @property
    def waiting(self) -> int:
        """How many handlers are parked now."""
        return len(self._parked)

    def start(self, coroutine: Coroutine[Any, Any, Any], ended: Ended) -> None:
        """Run `coroutine` to its end or its first wait. `ended` may be called before this returns."""
        try:
            waits_for = coroutine.send(None)
        except StopIteration as stop:
            value, fault = stop.value, None
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:
            value, fault = None, raised
        else:
            _Parked(self._parked, coroutine, ended).park(waits_for)
            return
        ended(value, fault)

    def cancel_all(self) -> int:
        """Throw CancelledError into every parked handler; returns how many there were."""
        parked = list(self._parked)
        for run in parked:
            run.cancel()
        return len(parked)


class _Parked:
    """A coroutine between two of its steps."""

    __slots__ = ("_all", "_coroutine", "_ended")

    def __init__(self, parked: set[_Parked], coroutine: Coroutine[Any, Any, Any], ended: Ended) -> None:
        self._all = parked
        self._coroutine: Coroutine[Any, Any, Any] | None = coroutine
        self._ended = ended
        parked.add(self)

    def park(self, waits_for: Any) -> None:
        """Ask to be woken by what the coroutine yielded."""
        try:
            on_done = waits_for.on_done
        except AttributeError:
            pass
        else:
            on_done(self.wake)
            return
        if getattr(waits_for, "_asyncio_future_blocking", False):
            waits_for._asyncio_future_blocking = False
            waits_for.add_done_callback(self.wake)
        elif waits_for is None:
            asyncio.get_running_loop().call_soon(self.wake, None)
        else:
            self._throw(RuntimeError(f"a handler may not await {waits_for!r}"))

    def wake(self, _done: Any) -> None:
        """What was waited for is there; the awaitable itself returns or raises its outcome when resumed."""
        coroutine = self._coroutine
        if coroutine is None:
            return  # cancelled meanwhile
        try:
            waits_for = coroutine.send(None)
        except StopIteration as stop:
            value, fault = stop.value, None
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:
            value, fault = None, raised
        else:
            self.park(waits_for)
            return
        self._finish(value, fault)

    def cancel(self) -> None:
        self._throw(asyncio.CancelledError())

    def _throw(self, fault: BaseException) -> None:
        coroutine = self._coroutine
        if coroutine is None:
            return
        try:
            waits_for = coroutine.throw(fault)
        except StopIteration as stop:
            self._finish(stop.value, None)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:
            self._finish(None, raised)
        else:
            if isinstance(fault, asyncio.CancelledError):
                coroutine.close()  # it waits again although it was told to end
                self._finish(None, fault)
            else:
                self.park(waits_for)

    def _finish(self, value: Any, fault: BaseException | None) -> None:
        self._coroutine = None
        self._all.discard(self)
        self._ended(value, fault)
