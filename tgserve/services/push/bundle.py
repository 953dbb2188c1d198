"""All of push, wired: what the daemon starts and stops, and what handlers and commands reach."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from tgserve import metrics
from tgserve.adapters.contract import PushSender
from tgserve.adapters.push.routes import Routes
from tgserve.adapters.stations import Spawn
from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.services.blocking import Blocks
from tgserve.services.bus import Bus
from tgserve.services.channels.bundle import Channels
from tgserve.services.channels.register import Register
from tgserve.services.contacts import Contacts
from tgserve.services.dialogs import Dialogs
from tgserve.services.groups.roster import Rosters
from tgserve.services.history import History
from tgserve.services.presence import Presence
from tgserve.services.providers import Providers
from tgserve.services.push.devices import Devices
from tgserve.services.push.drawing import Drawing
from tgserve.services.push.feed import Feed
from tgserve.services.push.listeners import Listeners
from tgserve.services.push.loudness import Loudness
from tgserve.services.push.queue import Queue
from tgserve.services.push.sending import Sending
from tgserve.services.users import Users
from tgserve.store.shards import Store

MARK_SECONDS: Final = 5.0
"""How often the feed notes how far it has got."""

Direct = Sequence[tuple[str, Callable[[], PushSender]]]


@dataclass(slots=True)
class Pushes:
    devices: Devices
    listeners: Listeners
    loudness: Loudness
    queue: Queue
    drawing: Drawing
    feed: Feed
    sending: Sending
    key_seed: bytes
    """What the server's own VAPID key is derived from."""

    def connect(self, connected: Callable[[int], Collection[int]]) -> None:
        """`connected(user)`: auth keys over which a user's devices are connected."""
        self.feed.connected = connected
        self.sending.connected = connected

    async def start(self, routes: Routes, spawn: Spawn, providers: Providers) -> None:
        """When the store has started: know the devices, take up what waits, judge what the last run left."""
        routes.use(providers.of("push"))
        providers.on_change("push", routes.use)
        self.feed.serves = routes.serves
        self.feed.hears_muted = routes.hears_muted
        self.feed.wakes_app = lambda token_type: not routes.wakes_only(token_type)
        self.devices.load()
        await self.listeners.load()
        self.queue.load()
        await self.feed.recover()
        self.sending.start(routes, spawn)
        metrics.gauge("tgserve_push_waiting", "pushes that wait to be sent", self._waiting)
        metrics.gauge("tgserve_push_devices", "devices registered for pushes", self._registered)

    async def close(self) -> None:
        """When nobody is served any more, while the store still is. Sending was stopped before."""
        await self.feed.close()

    def _waiting(self) -> float:
        return len(self.queue)

    def _registered(self) -> float:
        return sum(self.devices.counts().values())


def build(
    store: Store,
    clock: Clock,
    config: Config,
    bus: Bus,
    secret: bytes,
    *,
    users: Users,
    contacts: Contacts,
    register: Register,
    rosters: Rosters,
    channels: Channels,
    history: History,
    dialogs: Dialogs,
    presence: Presence,
    blocks: Blocks,
) -> Pushes:
    """Subscribes to the bus: behind the caches of settings, users and channels."""
    devices = Devices(store, clock, secret)
    listeners = Listeners(register, devices)
    loudness = Loudness(store)
    queue = Queue(store)
    drawing = Drawing(users, contacts, register, rosters, history, channels.reading)
    feed = Feed(
        store,
        clock,
        devices,
        listeners,
        loudness,
        queue,
        register=register,
        history=history,
        presence=presence,
        blocks=blocks,
        contacts=contacts,
        delay=config.push.delay_seconds,
    )
    sending = Sending(
        store,
        clock,
        devices,
        queue,
        drawing,
        dialogs,
        secret,
        keep_seconds=config.push.keep_hours * 3600,
        at_once=config.push.at_once,
        server=config.name,
    )
    for part in (devices, listeners, loudness, queue, feed, sending):
        bus.subscribe(part.after_commit, but_messages=part is not feed)
    seed = hashlib.blake2b(secret, digest_size=48, person=b"tgserve.vapid").digest()
    return Pushes(devices, listeners, loudness, queue, drawing, feed, sending, seed)
