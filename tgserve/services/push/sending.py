"""From what waits to the operator's ways out: draws pushes as they are due, and sees to what came of them.

One device is served at a time by one task: taken pushes lose their rows, dead tokens go, who asks for patience gets it.
What has waited for too long is dropped: the chat list tells of it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Final

from tgserve import log, metrics
from tgserve.adapters import push as kinds
from tgserve.adapters.contract import Gone, Later, Push, PushResult, Refused, Sent
from tgserve.adapters.push.routes import Routes
from tgserve.clock import Clock
from tgserve.errors import StoreError
from tgserve.services.dialogs import Dialogs
from tgserve.services.push import payload
from tgserve.services.push.collapse import Parcel, plan
from tgserve.services.push.devices import Device, Devices, Opened, Revoked
from tgserve.services.push.drawing import Drawing
from tgserve.services.push.payload import Drawn
from tgserve.services.push.queue import Line, Queue
from tgserve.store import push_records as pu
from tgserve.store.keyspaces import DIALOGS
from tgserve.store.push_records import PushWaiting
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of

_log = log.get("push")
DROPPED = metrics.counter("tgserve_push_dropped_total", "pushes that were not sent, by reason", ("reason",))

Spawn = Callable[[Coroutine[Any, Any, None]], object]
Seal = Callable[[bytes, dict[str, Any]], str]
"""(secret, payload) -> what stands under `p`."""

BACKOFF_SECONDS: Final = (5.0, 30.0, 120.0, 600.0)
"""Pauses of one device when nobody names any."""


def _nobody(user: int) -> Collection[int]:
    return ()


def _unsealed(secret: bytes, of: dict[str, Any]) -> str:
    raise StoreError("nothing seals pushes here")


class Sending:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        devices: Devices,
        queue: Queue,
        drawing: Drawing,
        dialogs: Dialogs,
        secret: bytes,
        *,
        keep_seconds: int,
        at_once: int,
        server: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._devices = devices
        self._queue = queue
        self._drawing = drawing
        self._dialogs = dialogs
        self._words = hashlib.blake2b(secret, digest_size=32, person=b"tgserve.topic").digest()
        self._keep_seconds = keep_seconds
        self._at_once = at_once
        self._server = server
        self.routes: Routes | None = None
        """Set when the daemon starts; without it everything waits."""
        self.spawn: Spawn | None = None
        self.connected: Callable[[int], Collection[int]] = _nobody
        self.seal: Seal = _unsealed
        self._busy = 0
        self._timer: asyncio.TimerHandle | None = None

    # -- when -------------------------------------------------------------------------------------------------------

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber, behind the queue."""
        if self.spawn is None:
            return
        for item in batch:
            if type(item) is Revoked:
                self.spawn(self._farewell(item))
        if self._queue.next_due() is not None:
            self._look()

    def start(self, routes: Routes, spawn: Spawn) -> None:
        self.routes = routes
        self.spawn = spawn
        self._look()

    def stop(self) -> None:
        """Begin nothing more; what is under way ends by itself or is sent again after the next start."""
        self.spawn = None
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        """Begin with what is due, and come back when something else is."""
        if self.spawn is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock.now()
        if self._busy < self._at_once:
            for user, device in self._queue.ready(now):
                if self._busy >= self._at_once:
                    self._queue.again(user, device, now)
                    continue
                self._begin(user, device)
        due = self._queue.next_due()
        if due is not None and self._busy < self._at_once:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(max(due - now, 0.02), 60.0), self._look)

    def _begin(self, user: int, device: int) -> None:
        line = self._queue.line(user, device)
        if line is None or self.spawn is None:
            return
        line.busy = True
        self._busy += 1
        self.spawn(self._serve(user, device, line))

    async def _serve(self, user: int, device: int, line: Line) -> None:
        try:
            await self.serve(user, device, line)
        except BaseException:
            line.not_before = self._clock.now() + BACKOFF_SECONDS[-1]
            raise
        finally:
            line.busy = False
            self._busy -= 1
            if line.items:
                due = min(item.due for item in line.items.values())
                self._queue.again(user, device, max(float(due), line.not_before))
            self._queue.tidy(user, device)
            self._look()

    # -- what -------------------------------------------------------------------------------------------------------

    async def serve(self, user: int, number: int, line: Line) -> None:
        """Send what is due for one device, until there is none, or the way out asks for patience."""
        row = self._devices.row_or_none(user, number)
        if row is None:
            return self._queue.forget(user, [number])
        now = int(self._clock.now())
        due = {at: item for at, item in line.items.items() if item.due <= now}
        old = [at for at, item in due.items() if item.date + self._keep_seconds < now]
        if row.auth_key_id in self.connected(user):
            DROPPED.of("connected").inc(len(due))
            return await self._queue.remove(user, number, list(due))
        if old:
            DROPPED.of("old").inc(len(old))
            await self._queue.remove(user, number, old)
        found = plan(
            {at: item for at, item in due.items() if at not in old},
            read_max=lambda item: self._read_max(user, item),
            album=lambda item: self._album(user, item),
            one_wake=self.routes is not None and self.routes.wakes_only(row.token_type),
        )
        if found.void:
            DROPPED.of("void").inc(len(found.void))
            await self._queue.remove(user, number, found.void)
        if not found.parcels:
            return
        try:
            opened = self._devices.open(user, number, row)
        except StoreError as fault:
            _log.error("push.unsealed", user=user, reason=str(fault))
            return await self._devices.drop(user, number)
        for parcel in found.parcels:
            if not await self._parcel(user, number, row, opened, parcel, line):
                return

    async def _parcel(
        self, user: int, number: int, row: pu.PushDevice, opened: Opened, parcel: Parcel, line: Line
    ) -> bool:
        """Send one push; may the next one follow?"""
        drawn = self._drawn(user, row, parcel)
        if drawn is None:
            DROPPED.of("void").inc(len(parcel.numbers))
            await self._queue.remove(user, number, parcel.numbers)
            return True
        result = await self._hand_over(user, row, opened, drawn)
        if isinstance(result, Sent):
            line.tries = 0
            await self._queue.remove(user, number, parcel.numbers)
            return True
        if isinstance(result, Gone):
            _log.info("push.forgotten", user=user, type=row.token_type, reason=result.reason)
            await self._devices.drop(user, number)
            return False
        pause = result.after_seconds if isinstance(result, Later) else 0.0
        line.not_before = self._clock.now() + (
            pause or BACKOFF_SECONDS[min(line.tries, len(BACKOFF_SECONDS) - 1)]
        )
        line.tries += 1
        return False

    async def _hand_over(
        self, user: int, row: pu.PushDevice, opened: Opened, drawn: Drawn, via: str = ""
    ) -> PushResult:
        if self.routes is None:
            return Later("the daemon is starting")
        badge = self._dialogs.unread_total(user)
        body = drawn.payload(user, badge)
        sealed = bool(opened.secret)
        if sealed:
            body = {"p": self.seal(opened.secret, body)}
        session = row.token_type == kinds.MTPROTO
        station = self.routes.station_or_none(via) if via else None
        return await (station or self.routes).send(
            Push(
                token=f"{row.auth_key_id}:{opened.token}" if session else opened.token,
                token_type=row.token_type,
                payload=body,
                badge=badge,
                silent=drawn.silent,
                shows=drawn.shows,
                title="" if sealed else drawn.title,
                text="" if sealed else drawn.text,
                collapse=self._word(user, drawn.collapse) if drawn.collapse else "",
                seconds=self._keep_seconds,
                sandbox=row.sandbox,
            )
        )

    def _drawn(self, user: int, row: pu.PushDevice, parcel: Parcel) -> Drawn | None:
        item = parcel.item
        if item.kind == "read":
            return payload.read(item.peer, item.msg_id)
        if item.kind == "deleted":
            return payload.deleted(item.peer, item.msg_ids)
        if item.kind == "muted":
            return payload.muted(item)
        drawn = (
            self._drawing.reaction(user, item)
            if item.kind == "reaction"
            else self._drawing.message(user, item, parcel.more)
        )
        if drawn is not None and self._devices.locked(user, row.session, int(self._clock.now())):
            return payload.locked(item)
        return drawn

    def _read_max(self, user: int, item: PushWaiting) -> int:
        with self._store.read(slot_of(user)) as reader:
            dialog = reader.get(DIALOGS, user, item.peer)
        return dialog.read_inbox_max if dialog is not None else 0

    def _album(self, user: int, item: PushWaiting) -> int | None:
        view = self._drawing.view(user, item.peer, item.msg_id)
        return view.body.grouped_id if view is not None else None

    def _word(self, user: int, text: str) -> str:
        """A word that says the same of the same thing, and nothing to anybody else."""
        return hashlib.blake2b(f"{user}:{text}".encode(), digest_size=12, key=self._words).hexdigest()

    # -- outside the queue ------------------------------------------------------------------------------------------

    async def _farewell(self, gone: Revoked) -> None:
        """The last word to a device whose session was ended; its row is gone already."""
        try:
            opened = self._devices.open(gone.user, gone.number, gone.row)
        except StoreError:
            return
        await self._hand_over(gone.user, gone.row, opened, payload.revoked())

    async def trial(self, user: int, device: Device, via: str = "") -> PushResult:
        """`tgserve push test`: now, past the queue, through the provider `via` or whoever would be asked."""
        row = self._devices.row_or_none(user, device.number)
        if row is None:
            return Refused("the device is gone")
        opened = self._devices.open(user, device.number, row)
        result = await self._hand_over(user, row, opened, payload.trial(self._server), via)
        if isinstance(result, Gone):
            await self._devices.drop(user, device.number)
        return result
