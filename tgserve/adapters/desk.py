"""Where services leave a message for the outside world and go on: no handler waits for a provider.

`spawn` runs a coroutine in the daemon's task group (server/lifecycle.py). At most WAITING messages are under way; the
caller is told when the desk is full, as a flood wait is the honest answer then.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from tgserve.adapters.contract import Sms, SmsSender

Spawn = Callable[[Coroutine[Any, Any, None]], object]
WAITING = 1000
"""Messages under way at once; with the default rate that is a quarter of an hour of them."""


class SmsDesk:
    def __init__(self, sender: SmsSender, spawn: Spawn) -> None:
        self._sender = sender
        self._spawn = spawn
        self.waiting = 0

    def post(self, sms: Sms) -> bool:
        """Take the message; False when too many are under way already."""
        if self.waiting >= WAITING:
            return False
        self.waiting += 1
        self._spawn(self._deliver(sms))
        return True

    async def close(self) -> None:
        await self._sender.close()

    async def _deliver(self, sms: Sms) -> None:
        try:
            await self._sender.send(sms)
        finally:
            self.waiting -= 1
