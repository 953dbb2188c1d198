"""Who is online, and who is told: in memory, off the path of messages; `last seen` reaches the disk lazily.

A user is online while one of the devices says so (account.updateStatus, which clients repeat); the last of them to go,
or the last socket, ends it. Told are those of the user's contacts' and chat partners who are connected now.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from tgserve import limits
from tgserve.clock import Clock
from tgserve.services.boxes import SERVICE_USER
from tgserve.services.bus import Bus, StatusChanged
from tgserve.store.keyspaces import DIALOGS, KNOWN_BY, USERS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

WRITE_SECONDS = 300
"""`last seen` is written at most this often for one user."""
TOLD_AT_MOST = 2000
"""Chats and contacts looked through for one change of status."""


class Status(NamedTuple):
    """`when`: until when online, or when last seen; 0 = not known here, the user's record may say."""

    online: bool
    when: int


UNKNOWN = Status(False, 0)


class Presence:
    def __init__(self, store: Store, clock: Clock, bus: Bus) -> None:
        self._store = store
        self._clock = clock
        self._bus = bus
        self._sessions: dict[int, int] = {}
        self._devices: dict[int, dict[tuple[int, int], int]] = {}
        """Who is online: until when, by the device that said so."""
        self._seen: dict[int, int] = {}
        self._written: dict[int, int] = {}

    # -- told by the gateway -----------------------------------------------------------

    def connected(self, user_id: int) -> None:
        """A signed-in session of the user has a socket."""
        self._sessions[user_id] = self._sessions.get(user_id, 0) + 1

    def disconnected(self, user_id: int) -> None:
        """That session's socket is gone (or it signed out)."""
        left = self._sessions.get(user_id, 0) - 1
        if left > 0:
            self._sessions[user_id] = left
            return
        self._sessions.pop(user_id, None)
        devices = self._devices.pop(user_id, None)
        if devices:
            self._go_offline(user_id, min(max(devices.values()), int(self._clock.now())))

    # -- told by the user -----------------------------------------------------------

    def update_status(self, user_id: int, offline: bool, device: tuple[int, int] = (0, 0)) -> None:
        """account.updateStatus of one device."""
        now = int(self._clock.now())
        devices = self._devices.setdefault(user_id, {})
        was_online = max(devices.values(), default=0) > now
        if not offline:
            devices[device] = now + limits.ONLINE_SECONDS
            self._tell(user_id, StatusChanged(user_id, True, now + limits.ONLINE_SECONDS))
            return
        devices.pop(device, None)
        if max(devices.values(), default=0) > now:
            return
        del self._devices[user_id]
        if was_online:
            self._go_offline(user_id, now)

    def status(self, user_id: int) -> Status:
        """What others may see of a user now."""
        devices = self._devices.get(user_id)
        if devices is None:
            seen = self._seen.get(user_id)
            return Status(False, seen) if seen else UNKNOWN
        expires = max(devices.values())
        if expires > self._clock.now():
            return Status(True, expires)
        # nobody needs to be told: clients were given the end
        del self._devices[user_id]
        self._note_seen(user_id, expires)
        return Status(False, expires)

    def looking(self, user_id: int) -> set[int]:
        """Auth keys of the devices that their user is at now, as they say."""
        now = self._clock.now()
        return {device[0] for device, until in self._devices.get(user_id, {}).items() if until > now}

    def is_connected(self, user_id: int) -> bool:
        return user_id in self._sessions

    # -- inside -----------------------------------------------------------

    def _go_offline(self, user_id: int, seen: int) -> None:
        self._note_seen(user_id, seen)
        self._tell(user_id, StatusChanged(user_id, False, seen))

    def _note_seen(self, user_id: int, seen: int) -> None:
        self._seen[user_id] = seen
        if seen - self._written.get(user_id, 0) >= WRITE_SECONDS:
            self._written[user_id] = seen
            self._store.transact(slot_of(user_id), lambda txn: _write_seen(txn, user_id, seen))

    def _tell(self, user_id: int, news: StatusChanged) -> None:
        if len(self._sessions) <= (user_id in self._sessions):
            return  # nobody else is here
        with self._store.read(slot_of(user_id)) as reader:
            known = {key[1] for key, _ in reader.range(KNOWN_BY, user_id, limit=TOLD_AT_MOST)}
            known.update(
                key[1] for key, _ in reader.range(DIALOGS, user_id, lo=SERVICE_USER + 1, limit=TOLD_AT_MOST)
            )
        known.discard(user_id)
        self._bus.tell(known & self._sessions.keys(), news)


def _write_seen(txn: Txn, user_id: int, seen: int) -> None:
    # neither version nor publication: what is online or was lately is answered from memory
    user = txn.get(USERS, user_id)
    if user is not None and user.last_online < seen:
        txn.put(USERS, user_id, value=replace(user, last_online=seen))
