"""Finding people and public channels by the beginning of their username: a sorted list in memory, built once asked for.

Only usernames are public. Names of strangers cannot be searched (CLIENTS: as Telegram), contacts are searched in
their owner's list (services/contacts.py).
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from typing import Any

from tgserve.services.channels.register import Known
from tgserve.services.users import UserStored
from tgserve.store import channel_records as c
from tgserve.store.keyspaces import CHANNELS, USERS
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS


class Directory:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: list[tuple[str, int]] = []
        self._name_of: dict[int, str] = {}
        self._building: asyncio.Future[dict[int, str]] | None = None
        self._ready = False
        self._missed: list[UserStored | Known] = []

    async def find(self, prefix: str, limit: int) -> list[int]:
        """Peers whose username begins with `prefix` (without @, any case), in the order of the names."""
        if not self._ready:
            await self._build()
        low = prefix.lower()
        found: list[int] = []
        for index in range(bisect_left(self._names, (low, 0)), len(self._names)):
            name, user_id = self._names[index]
            if len(found) >= limit or not name.startswith(low):
                break
            found.append(user_id)
        return found

    async def _build(self) -> None:
        if self._building is None:
            self._building = asyncio.get_running_loop().run_in_executor(None, self._scan)
        scanned = await self._building
        if self._ready:
            return
        self._ready = True
        self._name_of = scanned
        self._names = sorted((name, user_id) for user_id, name in scanned.items())
        missed, self._missed = self._missed, []
        self.after_commit(missed)

    def _scan(self) -> dict[int, str]:
        """In a worker thread: reads snapshots of its own, touches nothing of self."""
        found: dict[int, str] = {}
        with self._store.cut() as cut:
            for slot in range(SLOTS):
                reader = cut.reader(slot)
                for _, user in reader.range(USERS):
                    if user.username and not user.deleted:
                        found[user.id] = user.username.lower()
                for key, channel in reader.range(CHANNELS):
                    if name := public_name(channel):
                        found[key[0]] = name
        return found

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber."""
        for item in batch:
            if not isinstance(item, UserStored | Known):
                continue
            if not self._ready:
                if self._building is not None:
                    self._missed.append(item)
                continue
            if isinstance(item, Known):
                peer, new = item.channel, public_name(item.record)
            else:
                user = item.user
                peer, new = user.id, "" if user.deleted else user.username.lower()
            old = self._name_of.get(peer, "")
            if new == old:
                continue
            if old:
                del self._names[bisect_left(self._names, (old, peer))]
                del self._name_of[peer]
            if new:
                insort(self._names, (new, peer))
                self._name_of[peer] = new


def public_name(channel: c.Channel) -> str:
    """The username by which a channel is found, lower case; "" for none."""
    for name, active in channel.usernames:
        if active and not channel.deleted:
            return name.lower()
    return ""
