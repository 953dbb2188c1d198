"""A group as memory keeps it, and the reading of it: asked at every message, changed by commits of the group's slot.

SECURITY 6.2: ids of groups carry no hash, so every question names who asks, and membership is looked at first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from tgserve import errors
from tgserve.store import group_records as g
from tgserve.store.keyspaces import DIALOGS, GROUPS, MEMBERS
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

ROSTERS_CACHED = 20_000


@dataclass(slots=True)
class Roster:
    """A group and everybody who is or was in it; never changed, a commit brings a new one."""

    chat: int
    group: g.Group
    members: dict[int, g.Member]
    here: tuple[int, ...] = ()
    """User ids of those who are in it, the creator first, then by the day they came."""
    drawn: dict[Any, Any] = field(default_factory=dict)
    """What drawing wants to keep of this state of the group."""
    _others: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        present = [(user, one) for user, one in self.members.items() if not one.gone]
        creator = self.group.creator
        present.sort(key=lambda item: (item[0] != creator, item[1].date, item[0]))
        self.here = tuple(user for user, _ in present)

    def has(self, user: int) -> bool:
        member = self.members.get(user)
        return member is not None and not member.gone

    def others(self, user: int) -> tuple[int, ...]:
        """Everybody in it but `user`."""
        found = self._others.get(user)
        if found is None:
            found = self._others[user] = tuple(one for one in self.here if one != user)
        return found


def load(reader: Reader, chat: int) -> Roster | None:
    """The group as a reader or transaction of its slot has it."""
    group = reader.get(GROUPS, chat)
    if group is None:
        return None
    return Roster(chat, group, {key[1]: member for key, member in reader.range(MEMBERS, chat)})


def opened(txn: Txn, chat: int, me: int) -> Roster:
    """The group for a change by `me`, a member. CHAT_ID_INVALID, CHAT_FORBIDDEN."""
    return _admitted(load(txn, chat), me)


def save(txn: Txn, was: Roster, group: g.Group, changed: dict[int, g.Member]) -> Roster:
    """Store a changed group and members under the next version, and publish it."""
    group = replace(group, version=was.group.version + 1)
    txn.put(GROUPS, was.chat, value=group)
    for user, member in changed.items():
        txn.put(MEMBERS, was.chat, user, value=member)
    made = Roster(was.chat, group, was.members | changed)
    txn.publish(made)
    return made


def _admitted(roster: Roster | None, me: int) -> Roster:
    member = roster.members.get(me) if roster is not None else None
    if roster is None or member is None:
        raise errors.CHAT_ID_INVALID()
    if member.gone or roster.group.deleted or roster.group.migrated_to:
        raise errors.CHAT_FORBIDDEN()
    return roster


class Rosters:
    """Groups in memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: OrderedDict[int, Roster] = OrderedDict()

    def get_or_none(self, chat: int) -> Roster | None:
        """A group whoever asks: callers check what they make of it. None when there never was one."""
        known = self._cache.get(chat)
        if known is not None:
            return known
        if not -CHANNEL_BASE < chat < 0:
            return None
        with self._store.read(slot_of(chat)) as reader:
            roster = load(reader, chat)
        if roster is not None:
            self._remember(roster)
        return roster

    def known_to(self, me: int, chat: int) -> bool:
        """Is `me` in it, or was he?"""
        roster = self.get_or_none(chat)
        return roster is not None and me in roster.members

    def of_member(self, me: int, chat: int) -> Roster:
        """The group for one who is in it. CHAT_ID_INVALID for strangers, CHAT_FORBIDDEN for those who were."""
        return _admitted(self.get_or_none(chat), me)

    def of_user(self, user: int) -> list[Roster]:
        """The groups a user is in, by the chats of his box."""
        with self._store.read(slot_of(user)) as reader:
            chats = [key[1] for key, _ in reader.range(DIALOGS, user, lo=1 - CHANNEL_BASE)]
        found = [self.get_or_none(chat) for chat in chats if chat < 0]
        return [one for one in found if one is not None and one.has(user) and not one.group.deleted]

    def common(self, me: int, user: int) -> list[Roster]:
        """Groups both are in, the youngest id first."""
        return sorted((one for one in self.of_user(me) if one.has(user)), key=lambda one: one.chat)

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber; must hear of a commit before anything is drawn because of it."""
        for item in batch:
            if type(item) is Roster:
                cached = self._cache.get(item.chat)
                if cached is None or cached.group.version <= item.group.version:
                    self._remember(item)

    def _remember(self, roster: Roster) -> None:
        self._cache[roster.chat] = roster
        if len(self._cache) > ROSTERS_CACHED:
            self._cache.popitem(last=False)
