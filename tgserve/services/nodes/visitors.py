"""People homed elsewhere whom somebody here has to do with: a copy of what everybody may know of them.

A copy is a USERS record like any other, without phone number, birthday, last seen; its version is its home's. While the
line to their home is there changes come by themselves; when it comes back every copy is compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace

from tgserve.clock import Clock
from tgserve.services.nodes import words as w
from tgserve.services.nodes.homes import Homes
from tgserve.services.nodes.nodes import SLOT, NodeAway, Nodes
from tgserve.services.photos import Photos
from tgserve.services.privacy import ABOUT, Privacy
from tgserve.services.users import Users, UserStored
from tgserve.services.views import RedrawForAll
from tgserve.store import node_records as n
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import KNOWN_BY, USERS, VISITORS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

AT_ONCE: Final = 500
"""People asked for in one question."""
TOLD_AT_MOST: Final = 5000


class Visitors:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        nodes: Nodes,
        homes: Homes,
        users: Users,
        photos: Photos,
        privacy: Privacy,
    ) -> None:
        self._store = store
        self._clock = clock
        self._nodes = nodes
        self._homes = homes
        self._users = users
        self._photos = photos
        self._privacy = privacy
        self._watched: dict[int, set[int]] = {}
        """DC -> our users it has copies of, as far as it has asked over the line that is there."""

    # -- our own people, for others -----------------------------------------------------------------------------------

    def card(self, user: r.User) -> r.User:
        """What everybody may know of somebody."""
        if user.deleted:
            return r.User(user.id, "", "", created=user.created, deleted=True, version=user.version)
        shot, _ = self._photos.common(user)
        return replace(
            user,
            phone="",
            about=user.about if self._privacy.open_to_all(user.id, ABOUT) else "",
            created=0,
            last_online=0,
            birthday=(0, 0, 0),
            contacts_hash=0,
            photo=shot,
            fallback=None,
            personal_channel=0,
        )

    def cards_for(self, dc: int, people: Iterable[tuple[int, int]]) -> tuple[r.User, ...]:
        """The cards a node asks for, but those it has; it is told of changes from now on."""
        watched = self._watched.setdefault(dc, set())
        found: list[r.User] = []
        for user_id, version in people:
            user = None if self._nodes.far(user_id) else self._users.get_or_none(user_id)
            if user is None:
                continue
            watched.add(user_id)
            if user.version != version:
                found.append(self.card(user))
        return tuple(found)

    def cards_of(self, dc: int, people: Iterable[int]) -> tuple[r.User, ...]:
        """Of people named in what a node is sent: those it was not given over this line yet."""
        watched = self._watched.get(dc, ())
        return self.cards_for(
            dc, [(one, -1) for one in dict.fromkeys(people) if one > 0 and one not in watched]
        )

    def parted(self, dc: int) -> None:
        self._watched.pop(dc, None)

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber."""
        if not self._watched:
            return
        for item in batch:
            kind = type(item)
            user_id = item.user.id if kind is UserStored else item.user_id if kind is RedrawForAll else 0
            if not user_id:
                continue
            for dc, watched in self._watched.items():
                line = self._nodes.lines.get(dc)
                user = self._users.get_or_none(user_id) if user_id in watched else None
                if line is not None and user is not None:
                    line.say(w.Fresh(self.card(user)))

    # -- others' people, here -----------------------------------------------------------------------------------------

    async def meet(self, ids: Iterable[int]) -> None:
        """Have copies of these people, as far as their homes answer."""
        wanted: dict[int, list[int]] = {}
        for user_id in dict.fromkeys(ids):
            if user_id > 0 and self._nodes.far(user_id) and self._users.get_or_none(user_id) is None:
                wanted.setdefault(self._nodes.home(user_id), []).append(user_id)
        for dc, people in wanted.items():
            await self._fetch(dc, [(user_id, -1) for user_id in people])

    async def called(self, digits: str) -> int:
        """Somebody of another node by his phone number, once there is something to show of him; 0 for nobody."""
        user_id = await self._homes.user_called(digits)
        if user_id:
            await self.meet((user_id,))
        return user_id if user_id and self._users.get_or_none(user_id) is not None else 0

    async def compare(self, dc: int) -> None:
        """The line to a node is there again: what has changed meanwhile?"""
        with self._store.read(SLOT) as reader:
            visitors = [user_id for (user_id,), _ in reader.range(VISITORS)]
        known = [
            (user_id, user.version)
            for user_id in visitors
            if self._nodes.home(user_id) == dc and (user := self._users.get_or_none(user_id)) is not None
        ]
        for at in range(0, len(known), AT_ONCE):
            await self._fetch(dc, known[at : at + AT_ONCE])

    async def _fetch(self, dc: int, people: list[tuple[int, int]]) -> None:
        try:
            cards = await self._nodes.ask(dc, w.Cards(tuple(people)))
        except NodeAway:
            return
        for card in cards if isinstance(cards, tuple) else ():
            await self.keep(dc, card)

    async def keep(self, dc: int, card: r.User) -> None:
        """Write a copy, if it is of somebody of that node; those here who know him are told."""
        if not self._nodes.far(card.id) or self._nodes.home(card.id) != dc:
            return
        known = self._users.get_or_none(card.id)
        if known == card:
            return
        if known is None:
            row = n.Visitor(int(self._clock.now()))
            await self._store.transact(SLOT, lambda txn: txn.put(VISITORS, card.id, value=row))

        def work(txn: Txn) -> None:
            old = txn.get(USERS, card.id)
            if old is not None and old.version > card.version:
                return
            put_copy(txn, card)
            if old is not None:
                for (*_, other), _ in txn.range(KNOWN_BY, card.id, limit=TOLD_AT_MOST):
                    told = pl.TellUserChanged(user_id=other, changed=card.id, what="name")
                    txn.outbox(slot_of(other), told)

        await self._store.transact(slot_of(card.id), work)


def put_copy(txn: Txn, card: r.User) -> None:
    """As it came: the version is its home's."""
    txn.put(USERS, card.id, value=card)
    txn.publish(UserStored(card))
