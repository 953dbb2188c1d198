"""Commit: the promise of a transaction. Awaitable under rpc/driver's trampoline and inside an asyncio task.

It is the queued job at the same time (one object less a message). Its shard fills `value` or `error`; `done`
changes only after the group is durable. There is no way to cancel one: what is queued is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Generic, TypeVar

from tgserve.store.transaction import Txn

T = TypeVar("T")


class Commit(Generic[T]):
    """`on_done(fn)` calls fn(commit) on the loop's thread, in job order; `result()` returns or raises."""

    __slots__ = ("_asyncio_future_blocking", "_callbacks", "_loop", "done", "error", "fn", "slot", "value")

    def __init__(self, slot: int, fn: Callable[[Txn], T], loop: asyncio.AbstractEventLoop) -> None:
        self.slot = slot
        self.fn = fn
        self._loop = loop
        self.done = False
        self.error: BaseException | None = None
        self.value: Any = None
        self._callbacks: Any = None
        self._asyncio_future_blocking = False

    def result(self) -> T:
        """What fn returned; raises what it raised, or StoreError when the commit failed."""
        if self.error is not None:
            raise self.error
        if not self.done:
            raise asyncio.InvalidStateError("the transaction is not committed yet")
        value: T = self.value
        return value

    def on_done(self, fn: Callable[[Commit[T]], Any]) -> None:
        """Called at once when already done, else synchronously when the commit resolves."""
        if self.done:
            fn(self)
        elif self._callbacks is None:
            self._callbacks = fn
        elif isinstance(self._callbacks, list):
            self._callbacks.append(fn)
        else:
            self._callbacks = [self._callbacks, fn]

    def resolve(self) -> None:
        """The store's: the group is durable, or has failed."""
        self.done = True
        self.fn = _spent
        callbacks = self._callbacks
        if callbacks is None:
            return
        self._callbacks = None
        if not isinstance(callbacks, list):
            callbacks(self)
            return
        for fn in callbacks:
            fn(self)

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done:
            self._asyncio_future_blocking = True
            yield self
        return self.result()

    # What asyncio.Task asks of anything it is to wait for.

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, fn: Callable[[Any], Any], *, context: Context | None = None) -> None:
        """As a future's: through the loop, never nested in another task's step."""
        self.on_done(lambda done: self._loop.call_soon(fn, done, context=context))

    def cancel(self, msg: object = None) -> bool:
        """False: a waiting task that is cancelled sees it when the commit resolves."""
        return False


def _spent(txn: Txn) -> Any:
    raise RuntimeError("a transaction runs once")
