"""Members of channels who have devices, by channel: a post looks at them and at nobody else.

In memory only; read from their lists of channels at the start, moved by commits (Seat, Listed, DevicesChanged) from
then on.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from tgserve.services.channels import rights
from tgserve.services.channels.register import Listed, Register, Seat
from tgserve.services.push.devices import Devices, DevicesChanged

SLICE: Final = 200
NOBODY: Final[frozenset[int]] = frozenset()


class Listeners:
    def __init__(self, register: Register, devices: Devices) -> None:
        self._register = register
        self._devices = devices
        self._of: dict[int, set[int]] = {}
        self._known: set[int] = set()
        """Users whose channels are here."""

    async def load(self) -> None:
        """Once, when the store has started and the devices are known."""
        for at, user in enumerate(list(self._devices.users())):
            self._take(user)
            if at % SLICE == SLICE - 1:
                await asyncio.sleep(0)

    def of(self, channel: int) -> set[int] | frozenset[int]:
        return self._of.get(channel, NOBODY)

    def channels(self) -> list[int]:
        return list(self._of)

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber, behind the devices."""
        for item in batch:
            kind = type(item)
            if kind is Seat:
                if item.user in self._known:
                    self._move(item.channel, item.user, item.here)
            elif kind is Listed:
                # He is known perhaps since before his list had this channel, or had it still.
                if item.user in self._known:
                    seat = self._register.participant(item.channel, item.user)
                    self._move(item.channel, item.user, rights.is_member(seat))
            elif kind is DevicesChanged:
                if item.devices:
                    self._take(item.user)
                elif item.user in self._known:
                    self._known.discard(item.user)
                    for channel in self._register.of_user(item.user):
                        self._move(channel, item.user, False)

    def _take(self, user: int) -> None:
        if user not in self._known:
            self._known.add(user)
            for channel in self._register.of_user(user):
                self._move(channel, user, True)

    def _move(self, channel: int, user: int, here: bool) -> None:
        listening = self._of.get(channel)
        if here:
            if listening is None:
                listening = self._of[channel] = set()
            listening.add(user)
        elif listening is not None:
            listening.discard(user)
            if not listening:
                del self._of[channel]
