"""Runs handler coroutines without asyncio tasks: a call is stepped synchronously and parked on what it awaits.

A handler may await a store Commit (anything with `on_done`), an asyncio future, or asyncio.sleep(0). It runs on the
loop's thread from its first line to its first wait without giving way, so the calls of one session reach the store in
the order they came in, and a call that waits for one commit costs about a microsecond more than a plain function
(a task costs 4 to 8, PERFORMANCE 9.1). What a handler may not do: asyncio.timeout, wait_for, TaskGroup, current_task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

Ended = Callable[[Any, BaseException | None], None]
"""Called once with (value, None) or (None, what the handler raised); must not raise."""
_Running = Coroutine[Any, Any, Any]


class Driver:
    """Starts coroutines and remembers those that wait, so that shutdown can end them."""

    __slots__ = ("_parked",)

    def __init__(self) -> None:
        self._parked: dict[_Running, Ended] = {}

    @property
    def waiting(self) -> int:
        """How many handlers are parked now."""
        return len(self._parked)

    def start(self, coroutine: _Running, ended: Ended) -> None:
        """Run `coroutine` to its end or its first wait. `ended` may be called before this returns."""
        try:
            waits_for = coroutine.send(None)
        except StopIteration as stop:
            value = stop.value
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as fault:
            ended(None, fault)
            return
        else:
            self._parked[coroutine] = ended
            try:
                on_done = waits_for.on_done
            except AttributeError:
                self._park(coroutine, waits_for)
            else:
                on_done(partial(self._wake, coroutine))
            return
        ended(value, None)

    def _park(self, coroutine: _Running, waits_for: Any) -> None:
        """Ask to be woken by what the coroutine yielded."""
        try:
            on_done = waits_for.on_done
        except AttributeError:
            pass
        else:
            on_done(partial(self._wake, coroutine))
            return
        if getattr(waits_for, "_asyncio_future_blocking", False):
            waits_for._asyncio_future_blocking = False
            waits_for.add_done_callback(partial(self._wake, coroutine))
        elif waits_for is None:
            asyncio.get_running_loop().call_soon(self._wake, coroutine, None)
        else:
            self._throw(coroutine, RuntimeError(f"a handler may not await {waits_for!r}"))

    def _wake(self, coroutine: _Running, _done: Any) -> None:
        """What was waited for is there; the awaitable itself returns or raises its outcome when resumed."""
        ended = self._parked.pop(coroutine, None)
        if ended is None:
            return  # cancelled meanwhile
        try:
            waits_for = coroutine.send(None)
        except StopIteration as stop:
            value = stop.value
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as fault:
            ended(None, fault)
            return
        else:
            self._parked[coroutine] = ended
            self._park(coroutine, waits_for)
            return
        ended(value, None)

    def cancel_all(self) -> int:
        """Throw CancelledError into every parked handler; returns how many there were."""
        parked = list(self._parked)
        for coroutine in parked:
            self._throw(coroutine, asyncio.CancelledError())
        return len(parked)

    def _throw(self, coroutine: _Running, fault: BaseException) -> None:
        if coroutine not in self._parked:
            return
        try:
            waits_for = coroutine.throw(fault)
        except StopIteration as stop:
            self._parked.pop(coroutine)(stop.value, None)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:
            self._parked.pop(coroutine)(None, raised)
        else:
            if isinstance(fault, asyncio.CancelledError):
                ended = self._parked.pop(coroutine)
                with suppress(RuntimeError):  # raised when it waits even while it is being closed
                    coroutine.close()
                ended(None, fault)
            else:
                self._park(coroutine, waits_for)
