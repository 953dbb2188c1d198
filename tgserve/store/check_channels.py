"""The part of the check that looks at channels: counters are those of the rows, lists and rows agree, and the lists of
chats of their members know of them (DISK.md I31 to I35)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tgserve.store import channel_records as c
from tgserve.store import group_records as g
from tgserve.store import keyspaces as k
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.thread_records import GENERAL, Thread, place_of
from tgserve.store.transaction import Reader

Say = Callable[[str, str, str], None]
Walk = Callable[[Reader, tuple[Any, ...], Any], None]

ADMIN, RESTRICTED, KICKED, BOT = 1, 2, 3, 4
"""Roles of BY_ROLE, as they stand on the disk."""


def roles_of(seat: c.Participant) -> set[int]:
    """The lists a row belongs in."""
    if seat.state == c.KICKED:
        return {KICKED}
    roles = {RESTRICTED} if seat.banned else set()
    return roles | {ADMIN} if seat.admin and seat.state == c.MEMBER else roles


class Channels:
    """`reader_of` gives the snapshot of an owner's slot."""

    def __init__(self, say: Say, reader_of: Callable[[int | str], Reader]) -> None:
        self._say = say
        self._reader = reader_of
        self._seats: set[tuple[int, int]] = set()
        """(channel, user) whose place something waiting in an outbox is about."""
        self._called: set[tuple[int, int, int]] = set()
        """(user, channel, msg_id)."""
        self._names: set[str] = set()
        self.walks: dict[int, Walk] = {
            k.CHANNELS.tag: self._channel,
            k.PARTICIPANTS.tag: self._participant,
            k.BY_ROLE.tag: self._role,
            k.JOINED.tag: self._joined,
            k.CHANNEL_MENTIONS.tag: self._mention,
            k.POST_STATS.tag: self._stats,
            k.PASSED_ON.tag: self._passed,
            k.DAYS.tag: self._day,
            k.THREADS.tag: self._thread,
            k.THREAD_ROWS.tag: self._thread_row,
            k.TOPIC_ORDER.tag: self._topic_place,
        }

    def moving(self, payload: pl.AnyOutbox) -> None:
        """A payload on its way: what it is about is compared within its slot only."""
        match payload:
            case pl.SeatChanged() | pl.BotSeated():
                self._seats.add((payload.channel, payload.user))
            case pl.ChannelMentioned():
                self._called.add((payload.user, payload.channel, payload.msg_id))
            case pl.ConfirmName() | pl.ReleaseName():
                self._names.add(payload.name)

    def mentions(self, reader: Reader, user: int, peer: int) -> int:
        """Mentions in a channel that wait to be seen by the user of this slot."""
        return reader.count(k.CHANNEL_MENTIONS, user, peer) if peer <= -CHANNEL_BASE != user else 0

    def _channel(self, reader: Reader, parts: tuple[Any, ...], channel: c.Channel) -> None:
        (peer,) = parts
        where = f"channel {-peer - CHANNEL_BASE}"
        names = [name.lower() for name, _ in channel.usernames]
        for name in names:
            claim = self._reader(name).get(k.NAMES, name)
            if name not in self._names and (claim is None or claim.peer != peer):
                self._say("I15", where, f"its username {name} is not claimed for it")
        if channel.photo is not None:
            if self._reader(channel.photo.id).get(k.MEDIA, channel.photo.id) is None:
                self._say("I26", where, f"its photo {channel.photo.id} is gone")
        if channel.deleted:
            return
        members, roles = 0, Counter[int]()
        for _, seat in reader.range(k.PARTICIPANTS, peer):
            members += seat.state == c.MEMBER
            roles.update(roles_of(seat))
        importers = (one for _, one in reader.range(k.IMPORTERS, peer))
        asked: Counter[str] = Counter(one.hash for one in importers if one.requested)
        found = (members, roles[ADMIN], roles[KICKED], roles[RESTRICTED], asked.total())
        says = (channel.members, channel.admins, channel.kicked, channel.restricted, channel.pending)
        if says != found:
            what = "members, admins, removed, restricted, requests"
            self._say("I31", where, f"{what}: says {says}, counted {found}")
        invite: g.Invite
        for (_, hash_), invite in reader.range(k.INVITES, peer):
            if invite.requested != asked[hash_]:
                self._say("I31", where, f"link {hash_} says {invite.requested} requests, counted others")

    def _participant(self, reader: Reader, parts: tuple[Any, ...], seat: c.Participant) -> None:
        peer, user = parts
        where = f"channel {-peer - CHANNEL_BASE}"
        if reader.get(k.CHANNELS, peer) is None:
            self._say("I31", where, f"has the member {user} and no record")
        for role in roles_of(seat):
            if reader.get(k.BY_ROLE, peer, role, user) is None:
                self._say("I31", where, f"{user} is not in the list of role {role}")
        if user < 0:  # a channel that nobody may write as here
            if seat.state == c.MEMBER:
                self._say("I31", where, f"has channel {-user - CHANNEL_BASE} as a member")
            return
        if (peer, user) in self._seats:
            return
        theirs = self._reader(user)
        joined, dialog = theirs.get(k.JOINED, user, peer), theirs.get(k.DIALOGS, user, peer)
        if seat.state != c.MEMBER:
            if joined is not None:
                self._say("I32", where, f"{user} is out, and it is among his channels")
        elif joined is None:
            self._say("I32", where, f"{user} is in it, and it is not among his channels")
        elif dialog is None or dialog.left_date:
            self._say("I32", where, f"{user} is in it, and his chat with it has ended")

    def _role(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        peer, role, user = parts
        seat = reader.get(k.PARTICIPANTS, peer, user)
        if role == BOT:
            account = self._reader(user).get(k.USERS, user)
            here = seat is not None and seat.state == c.MEMBER and account is not None and account.bot
            if not here and (peer, user) not in self._seats:
                self._say(
                    "I31", f"channel {-peer - CHANNEL_BASE}", f"lists {user} as a bot in it, which it is not"
                )
            return
        if seat is None or role not in roles_of(seat):
            self._say(
                "I31", f"channel {-peer - CHANNEL_BASE}", f"lists {user} in role {role}, which he lacks"
            )

    def _joined(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        user, peer = parts
        if (peer, user) in self._seats:
            return
        seat = self._reader(peer).get(k.PARTICIPANTS, peer, user)
        if seat is None or seat.state != c.MEMBER:
            self._say("I32", f"user {user}", f"has {peer} among his channels and is no member")

    def _mention(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        user, peer, msg_id = parts
        if reader.get(k.JOINED, user, peer) is None:
            self._say("I33", f"user {user}", f"waits with a mention in {peer}, which he is not in")
        if parts in self._called:
            return
        body: r.Body | None = self._reader(peer).get(k.BODIES, peer, msg_id)
        if body is None or user not in body.mentions:
            self._say(
                "I33", f"user {user}", f"waits with a mention in {peer} by message {msg_id}, which is none"
            )

    def _stats(self, reader: Reader, parts: tuple[Any, ...], stats: c.PostStats) -> None:
        peer, msg_id = parts
        if reader.get(k.ROWS, peer, msg_id) is None:
            self._say(
                "I34", f"channel {-peer - CHANNEL_BASE}", f"counts views of {msg_id}, which is not there"
            )

    def _passed(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        peer, post, _, _ = parts
        if reader.get(k.ROWS, peer, post) is None:
            where = f"channel {-peer - CHANNEL_BASE}"
            self._say("I37", where, f"says where {post} was forwarded to, which is not there")

    def _day(self, reader: Reader, parts: tuple[Any, ...], day: c.Day) -> None:
        peer, number = parts
        record = reader.get(k.CHANNELS, peer)
        if record is None or record.megagroup or sum(day.hours) != day.views:
            where = f"channel {-peer - CHANNEL_BASE}"
            self._say("I37", where, f"has figures of day {number} that are none of a channel")

    def _thread(self, reader: Reader, parts: tuple[Any, ...], thread: Thread) -> None:
        peer, first = parts
        channel = reader.get(k.CHANNELS, peer)
        if channel is None or not channel.megagroup:
            return  # a post's counters are a copy, which may lag
        last = reader.last(k.THREAD_ROWS, peer, first)
        replies = reader.count(k.THREAD_ROWS, peer, first)
        if reader.get(k.THREAD_ROWS, peer, first, first) is not None:
            replies -= 1  # the message it begins with answers nothing
        found = (replies, last[0][2] if last is not None else 0)
        if (thread.replies, thread.max_id) != found:
            says = f"says {thread.replies} messages up to {thread.max_id}, counted {found}"
            self._say("I35", f"channel {-peer - CHANNEL_BASE} thread {first}", says)

    def _topic_place(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        peer, place = parts
        topic_id = int.from_bytes(value, "big")
        topic, thread = reader.get(k.TOPICS, peer, topic_id), reader.get(k.THREADS, peer, topic_id)
        pinned, max_id = topic.pinned if topic is not None else 0, thread.max_id if thread is not None else 0
        if (topic is None and topic_id != GENERAL) or place != place_of(topic_id, pinned, max_id):
            says = f"stands at place {place} of its forum, which is not its own"
            self._say("I36", f"channel {-peer - CHANNEL_BASE} topic {topic_id}", says)

    def _thread_row(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        peer, first, msg_id = parts
        body = reader.get(k.BODIES, peer, msg_id)
        general = body is not None and first == GENERAL and not body.in_topic
        if body is None or not (body.topic == first or msg_id == first or general):
            where = f"channel {-peer - CHANNEL_BASE} thread {first}"
            self._say("I35", where, f"lists message {msg_id}, which does not belong to it")
