"""The rules: what may happen, one call = one transaction. Services are built once, here, and know no wire.

Rules: a service takes the store, the clock and other services in its constructor, returns records and raises the
errors of the catalogue; it never sees a TL class or a socket. What a transaction function does runs on a shard's
writer thread: it touches the transaction and its arguments only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.ids import AccessHashes, Ids
from tgserve.services.blocking import Blocks
from tgserve.services.bus import Bus
from tgserve.services.deleting import Deleting
from tgserve.services.dialogs import Dialogs
from tgserve.services.editing import Editing
from tgserve.services.history import History
from tgserve.services.messaging import Messaging
from tgserve.services.presence import Presence
from tgserve.services.reading import Reading
from tgserve.services.updates import Updates
from tgserve.store.shards import Store


@dataclass(slots=True, kw_only=True)
class Services:
    """Every service of the daemon; handlers reach them as `call.services`."""

    store: Store
    clock: Clock
    ids: Ids
    access: AccessHashes
    config: Config
    bus: Bus
    updates: Updates
    messaging: Messaging
    editing: Editing
    deleting: Deleting
    reading: Reading
    history: History
    dialogs: Dialogs
    presence: Presence


def build(store: Store, clock: Clock, ids: Ids, config: Config, sms: Any, *, secret: bytes) -> Services:
    """Wire the services together. `secret` is the deployment's 32 random bytes (keys/secret.key).

    Must run before store.start(): outbox handlers are registered here. `store` hands its commits to `bus.publish`.
    """
    bus = Bus()
    store.subscribe(bus.publish)
    access = AccessHashes(secret)
    history = History(store)
    dialogs = Dialogs(store, clock, history)
    return Services(
        store=store,
        clock=clock,
        ids=ids,
        access=access,
        config=config,
        bus=bus,
        updates=Updates(store, clock, bus, dialogs),
        messaging=Messaging(store, clock, Blocks(store, bus)),
        editing=Editing(store, clock),
        deleting=Deleting(store, clock),
        reading=Reading(store, clock),
        history=history,
        dialogs=dialogs,
        presence=Presence(store, clock, bus),
    )
