from __future__ import annotations

from collections.abc import Collection

from tests.community import Community, community, run
from tgserve import limits
from tgserve.services.bus import Ephemeral, StatusChanged
from tgserve.services.messaging import Draft
from tgserve.services.presence import UNKNOWN, Status
from tgserve.store import records as r
from tgserve.store.keyspaces import USERS
from tgserve.store.slots import slot_of

ANN, BOB, EVE = 1_000_001, 1_000_002, 1_000_003
PHONE, TABLET = (1, 1), (2, 2)


class Ear:
    def __init__(self, c: Community) -> None:
        self.heard: list[tuple[set[int], Ephemeral]] = []
        c.services.bus.subscribe_ephemeral(self.told)

    def told(self, users: Collection[int], news: Ephemeral) -> None:
        self.heard.append((set(users), news))


def test_online_until_it_expires() -> None:
    async def story() -> None:
        async with community() as c:
            presence, began = c.services.presence, int(c.clock.now())
            assert presence.status(ANN) == UNKNOWN
            presence.update_status(ANN, offline=False, device=PHONE)
            assert presence.status(ANN) == Status(True, began + limits.ONLINE_SECONDS)
            c.clock.advance(limits.ONLINE_SECONDS + 5)
            assert presence.status(ANN) == Status(False, began + limits.ONLINE_SECONDS)

    run(story())


def test_the_last_device_to_go_ends_it() -> None:
    async def story() -> None:
        async with community() as c:
            presence = c.services.presence
            presence.update_status(ANN, offline=False, device=PHONE)
            c.clock.advance(10)
            presence.update_status(ANN, offline=False, device=TABLET)
            presence.update_status(ANN, offline=True, device=TABLET)
            assert presence.status(ANN).online
            presence.update_status(ANN, offline=True, device=PHONE)
            assert presence.status(ANN) == Status(False, int(c.clock.now()))
            presence.update_status(ANN, offline=True, device=PHONE)  # clients repeat themselves

    run(story())


def test_only_those_who_know_the_user_and_are_here_are_told() -> None:
    async def story() -> None:
        async with community() as c:
            presence, ear = c.services.presence, Ear(c)
            await c.services.messaging.send(ANN, BOB, Draft(b"hi"), 1)
            await c.settle()
            presence.update_status(ANN, offline=False)
            assert ear.heard == [], "nobody is connected"
            for user in (ANN, BOB, EVE):
                presence.connected(user)
            presence.update_status(ANN, offline=False)
            until = int(c.clock.now()) + limits.ONLINE_SECONDS
            assert ear.heard == [({BOB}, StatusChanged(ANN, True, until))]
            c.clock.advance(7)
            presence.connected(ANN)
            presence.disconnected(ANN)
            assert len(ear.heard) == 1 and presence.status(ANN).online
            presence.disconnected(ANN)  # the last socket
            assert ear.heard[1:] == [({BOB}, StatusChanged(ANN, False, int(c.clock.now())))]
            assert not presence.is_connected(ANN) and presence.is_connected(BOB)

    run(story())


def test_last_seen_reaches_the_disk_now_and_then() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up("+9996621001")
            presence = c.services.presence

            def stored() -> r.User:
                user = c.store.read(slot_of(ann)).get(USERS, ann)
                assert user is not None
                return user

            version = stored().version
            presence.update_status(ann, offline=False)
            presence.update_status(ann, offline=True)
            await c.settle()
            first = int(c.clock.now())
            assert stored().last_online == first and stored().version == version
            c.clock.advance(20)
            presence.update_status(ann, offline=False)
            presence.update_status(ann, offline=True)
            await c.settle()
            assert stored().last_online == first and presence.status(ann).when == first + 20

    run(story())
