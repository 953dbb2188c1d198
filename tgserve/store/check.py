"""Every invariant of docs/DISK.md over the whole store: `tgserve check`, tests and simulations call this.

Online it looks at a cut: all shards are held between two groups for the milliseconds it takes to open a snapshot of
each shard, then they go on. In such a cut two slots may differ only by what stands in the outbox; whatever a waiting
or parked payload is about is left out of the comparisons between slots. Nothing is written.
"""

from __future__ import annotations

import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tgserve.errors import StoreError
from tgserve.store import events as ev
from tgserve.store import group_records as g
from tgserve.store import keyspaces as k
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.account_records import SIGNUP_SLOT
from tgserve.store.check_channels import Channels
from tgserve.store.check_files import Files
from tgserve.store.check_opinions import Opinions
from tgserve.store.cut import Cut
from tgserve.store.engine import Engine
from tgserve.store.format import all_keyspaces, read_format
from tgserve.store.node_records import NODES_SLOT, Homes
from tgserve.store.outbox import read_cursors, read_parcels
from tgserve.store.ownership import Owners, leftovers
from tgserve.store.packing import HEAD_BYTES, META_SLOT, Keyspace
from tgserve.store.shards import Store, engine_named, locked
from tgserve.store.slots import SLOTS, slot_of
from tgserve.store.sticker_records import SCENES, SETS, STOCK_SLOT
from tgserve.store.transaction import Reader

V = TypeVar("V")

PROBLEMS_KEPT = 1000
_END = b"\xff\xff\xff"
PSEUDO = {k.OUTBOX, k.OUTBOX_HEAD, k.APPLIED, k.HOME, k.META}
_ANY_SLOT = {k.PARKED, k.CHUNKS_LOOSE, k.MEDIA_IDLE, k.TALLIES, k.EXPORTED}
"""Keyspaces whose rows do not name the owner of their slot first."""
_PLACES = {
    k.STICKER_SETS: SETS,
    k.SET_NAMES: SETS,
    k.SETS_OF: SETS,
    k.STOCK: STOCK_SLOT,
    k.SCENES: SCENES,
    k.SCENE_NAMES: SCENES,
    k.SIGNUP_INVITES: SIGNUP_SLOT,
    k.SIGNED_UP: SIGNUP_SLOT,
    **dict.fromkeys((k.NODES, k.INVITATIONS, k.NODE_QUEUE, k.STREAMS, k.VISITORS), NODES_SLOT),
}
"""Keyspaces whose rows all lie in the slot of one text."""


def home_of(keyspace: Keyspace[Any], slot: int, parts: tuple[Any, ...]) -> int:
    """The slot that a row found in `slot` belongs to."""
    return slot if keyspace in _ANY_SLOT else slot_of(_PLACES.get(keyspace, parts[0]))


@dataclass(frozen=True, slots=True)
class Problem:
    """`rule` is DISK.md's number; `where` the owner or shard."""

    rule: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule} {self.where}: {self.text}"


@dataclass(slots=True)
class Report:
    rows: int = 0
    slots: int = 0
    """That hold anything."""
    seconds: float = 0.0
    by_keyspace: dict[str, int] = field(default_factory=dict)
    copies: int = 0
    """Rows of slots that are on their way between two shards, or were when the server was killed: not looked at."""
    waiting: int = 0
    """Outbox payloads on their way."""
    parked: int = 0
    problems: list[Problem] = field(default_factory=list)
    found: int = 0
    """Problems in all; `problems` keeps the first PROBLEMS_KEPT."""


def check_store(store: Store) -> Report:
    """Check an open store; call it from a thread of its own, never from the loop's (it waits for the shards)."""
    with store.cut() as cut:
        return Checker(cut).run()


def check_folder(path: Path) -> Report:
    """Check a store that nobody has open. StoreError when it is open, absent or of another format."""
    with open_folder(path) as cut:
        return Checker(cut).run()


@contextmanager
def open_folder(path: Path) -> Iterator[Cut]:
    """A cut through a store that nobody has open, under its lock."""
    found = read_format(path)
    if found is None:
        raise StoreError(f"{path} holds no store")
    with locked(path):
        opening = engine_named(found.engine)
        engines: dict[int, Engine] = {}
        cut = Cut({}, [])
        try:
            for number, folder in found.folders(path).items():
                if not folder.is_dir():
                    raise StoreError(f"shard {number}: {folder} is not there; is its disk mounted?")
                engines[number] = opening(folder, map_bytes=64 << 30)
            cut.views = {number: engine.snapshot() for number, engine in engines.items()}
            cut.table = Owners(cut.views, found.store).table
            yield cut
        finally:
            cut.close()
            for engine in engines.values():
                engine.close()


class Checker:
    """One walk over snapshots of all shards."""

    def __init__(self, cut: Cut) -> None:
        self.report = Report()
        self._views = cut.views
        self._table = cut.table
        self._left = {number: set(leftovers(number, view, cut.table)) for number, view in cut.views.items()}
        """Shard -> slots that are, or were, on their way from or to it: copies, no rows."""
        self._by_tag = {keyspace.tag: keyspace for keyspace in all_keyspaces()}
        self._readers = [cut.reader(slot) for slot in range(SLOTS)]
        self._moving_bodies: set[tuple[int, int]] = set()
        self._moving_names: set[str] = set()
        self._moving_users: set[int] = set()
        self._moving_pairs: set[tuple[int, int]] = set()
        self._moving_groups: set[int] = set()
        self._opinions = Opinions(self._say, self._reader)
        slot = self._readers[slot_of(NODES_SLOT)]
        self._homes = Homes([node for _, node in slot.range(k.NODES)])
        """Of other nodes' people there are copies here, without a box and without claims."""
        self._files = Files(self._say, self._reader, self._homes)
        self._channels = Channels(self._say, self._reader)
        self._chat: tuple[int, int] = (0, 0)

    def run(self) -> Report:
        began = time.perf_counter()
        self._outboxes()
        walks: dict[int, Callable[[Reader, tuple[Any, ...], Any], None]] = {
            k.USERS.tag: self._user,
            k.USER_AUTHS.tag: self._user_auth,
            k.CONTACTS.tag: self._contact,
            k.PHONES.tag: self._phone,
            k.NAMES.tag: self._name,
            k.AUTHS.tag: self._auth,
            k.BODIES.tag: self._body,
            k.ROWS.tag: self._row,
            k.PEER_ROWS.tag: self._peer_row,
            k.BACKREFS.tag: self._backref,
            k.PINS.tag: self._pin,
            k.SCHEDULED.tag: self._scheduled,
            k.DIALOGS.tag: self._dialog,
            k.BOXES.tag: self._box,
            k.EVENTS.tag: self._event,
            k.GROUPS.tag: self._group,
            k.MEMBERS.tag: self._member,
            **self._opinions.walks,
            **self._files.walks,
            **self._channels.walks,
        }
        counts: Counter[str] = Counter()
        slots: set[int] = set()
        for number, view in self._views.items():
            left = self._left[number]
            for key, data in view.scan(b"", _END):
                slot, tag = int.from_bytes(key[:2], "big"), key[2]
                if slot in left:
                    self.report.copies += 1
                    continue
                keyspace = self._by_tag.get(tag)
                if keyspace is None or len(key) < HEAD_BYTES:
                    self._say("I1", f"shard {number}", f"a row of no keyspace: {key.hex()}")
                    continue
                counts[keyspace.name] += 1
                slots.add(slot)
                try:
                    parts, record = keyspace.unpack(key), keyspace.decode(data)
                except (struct.error, ValueError, msgspec.DecodeError) as fault:
                    self._say(
                        "I0", f"shard {number}", f"{keyspace.name} {key.hex()} does not decode: {fault}"
                    )
                    continue
                if not self._home(number, slot, keyspace, parts):
                    continue
                walk = walks.get(tag)
                if walk is not None:
                    walk(self._readers[slot], parts, record)
        self._files.done()
        report = self.report
        report.by_keyspace = dict(counts)
        report.rows = counts.total()
        report.slots = len(slots - {META_SLOT})
        report.seconds = time.perf_counter() - began
        return report

    def _say(self, rule: str, where: str, text: str) -> None:
        self.report.found += 1
        if len(self.report.problems) < PROBLEMS_KEPT:
            self.report.problems.append(Problem(rule, where, text))

    def _reader(self, owner: int | str | bytes) -> Reader:
        return self._readers[slot_of(owner)]

    # I1: where rows live.

    def _home(self, number: int, slot: int, keyspace: Keyspace[Any], parts: tuple[Any, ...]) -> bool:
        if slot == META_SLOT or keyspace in PSEUDO:
            if slot != META_SLOT or keyspace not in PSEUDO:
                self._say("I1", f"slot {slot}", f"a row of {keyspace.name} is no row of this slot")
            return False
        if slot >= SLOTS or self._table[slot] != number:
            self._say(
                "I1", f"slot {slot}", f"a row of {keyspace.name} in shard {number}, which is not its home"
            )
            return False
        home = home_of(keyspace, slot, parts)
        if home != slot:
            self._say("I1", f"slot {slot}", f"{keyspace.name} {parts} belongs to slot {home}")
            return False
        return True

    # I5-I8: outboxes.

    def _outboxes(self) -> None:
        cursors = {number: read_cursors(Reader(META_SLOT, view)) for number, view in self._views.items()}
        for source, view in self._views.items():
            present: dict[int, set[int]] = {}
            for handover in read_parcels(Reader(META_SLOT, view), source):
                present.setdefault(handover.target, set()).add(handover.number)
                if handover.target not in cursors:
                    self._say("I8", f"shard {source}", f"a parcel for shard {handover.target}, which is gone")
                    continue
                seq, done = cursors[handover.target].marks.get(source, (0, 0))
                if handover.number > seq:
                    start = done if handover.number == seq + 1 else 0
                    for item in handover.items[start:]:
                        self.report.waiting += 1
                        self._moving(item[3])
            for target in self._views:
                head = cursors[source].heads.get(target, 0)
                seq, _ = cursors[target].marks.get(source, (0, 0))
                where = f"shards {source} -> {target}"
                if seq > head:
                    self._say("I5", where, f"applied up to {seq}, given out up to {head}")
                absent = set(range(seq + 1, head + 1)) - present.get(target, set())
                if absent:
                    self._say("I8", where, f"parcels {sorted(absent)[:5]} are gone before they were applied")
        for reader in self._readers:
            for (source, number), row in reader.range(k.PARKED):
                self.report.parked += 1
                self._moving(row.payload)
                what = f"{type(row.payload).__name__} of slot {source}, number {number}, is parked: its handler fails"
                self._say("I7", f"slot {reader.slot}", what)

    def _moving(self, payload: pl.AnyOutbox) -> None:
        """What a payload on its way is about is in motion: compared within its slot only."""
        self._opinions.moving(payload)
        self._files.moving(payload)
        self._channels.moving(payload)
        match payload:
            case pl.Deliver() | pl.DeliverEdit():
                self._moving_bodies.add((payload.author, payload.author_msg_id))
                if isinstance(payload, pl.Deliver):
                    self._moving_groups.add(payload.peer)
            case pl.DeliverAll():
                self._moving_bodies.add((payload.author, payload.author_msg_id))
                self._moving_groups.add(payload.chat)
            case pl.DeliverDelete() | pl.SpreadDelete() | pl.ReleaseBodies() | pl.HoldBodies():
                self._moving_bodies.update((payload.author, msg_id) for msg_id in payload.author_msg_ids)
            case pl.ChatAct() | pl.TellChatChanged() | pl.ChatDeleted() | pl.Bring():
                self._moving_groups.add(payload.chat)
            case pl.ConfirmPhone() | pl.ReleasePhone():
                self._moving_names.add(payload.phone)
            case pl.ConfirmName() | pl.ReleaseName():
                self._moving_names.add(payload.name)
            case pl.SignedIn() | pl.SignedOut() | pl.RevokeAuth() | pl.KeyJoined() | pl.SessionSeen():
                self._moving_users.add(payload.user_id)
            case pl.ContactAdded() | pl.ContactGone():
                self._moving_pairs.update(
                    ((payload.owner, payload.user_id), (payload.user_id, payload.owner))
                )

    # I10, I11: rows, their indexes, their bodies.

    def _row(self, reader: Reader, parts: tuple[Any, ...], row: r.Row) -> None:
        user, msg_id = parts
        where = f"user {user} message {msg_id}"
        if reader.get(k.PEER_ROWS, user, row.peer, msg_id) is None:
            self._say("I10", where, f"is not listed in the chat with {row.peer}")
        if row.flags & r.ROW_PINNED and reader.get(k.PINS, user, row.peer, msg_id) is None:
            self._say("I17", where, "is pinned and not listed as such")
        if row.author != user:
            own = reader.get(k.BACKREFS, user, row.author, row.author_msg_id)
            if own != msg_id.to_bytes(4, "big"):
                self._say("I10", where, f"is not found by its author's number {row.author_msg_id}")
        body = (row.author, row.author_msg_id)
        if body not in self._moving_bodies and self._reader(row.author).get(k.BODIES, *body) is None:
            self._say("I11", where, f"its body {body} is gone")

    def _peer_row(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        user, peer, msg_id = parts
        row = reader.get(k.ROWS, user, msg_id)
        if row is None or row.peer != peer:
            self._say("I10", f"user {user} message {msg_id}", f"is listed with {peer} and is not there")
        elif value[0] != row.flags:
            self._say("I10", f"user {user} message {msg_id}", f"flags {row.flags}, in the list {value[0]}")
        if self._chat != (user, peer):
            self._chat = (user, peer)
            if reader.get(k.DIALOGS, user, peer) is None:
                self._say("I12", f"user {user}", f"has messages with {peer} and no dialog")

    def _pin(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        user, peer, msg_id = parts
        row = reader.get(k.ROWS, user, msg_id)
        if row is None or row.peer != peer or not row.flags & r.ROW_PINNED:
            self._say("I17", f"user {user} message {msg_id}", f"is listed as pinned with {peer} and is not")

    def _scheduled(self, reader: Reader, parts: tuple[Any, ...], later: Any) -> None:
        user, peer, number = parts
        if not any(key[2:] == (1, number) for key, _ in reader.range(k.DUE, user, later.date)):
            self._say("I18", f"user {user}", f"scheduled message {number} for {peer} has no alarm")

    def _backref(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        user, author, author_msg_id = parts
        row = reader.get(k.ROWS, user, int.from_bytes(value, "big"))
        if row is None or (row.author, row.author_msg_id) != (author, author_msg_id):
            self._say(
                "I10", f"user {user}", f"message {author_msg_id} of {author} points to a row that is not its"
            )

    def _body(self, reader: Reader, parts: tuple[Any, ...], body: r.Body) -> None:
        box, msg_id = parts
        self._opinions.body(reader, box, msg_id, body)
        self._files.body(box, msg_id, body)
        if (box, msg_id) in self._moving_bodies or body.peer in self._moving_groups:
            return
        row = reader.get(k.ROWS, box, msg_id)
        holders = 1 if row is not None and (row.author, row.author_msg_id) == (box, msg_id) else 0
        if body.peer < 0:
            for key, _ in self._reader(body.peer).range(k.MEMBERS, body.peer):
                if key[1] != box:
                    other = self._reader(key[1]).get(k.BACKREFS, key[1], box, msg_id)
                    holders += 0 if other is None else 1
        elif body.peer != box:
            other = self._reader(body.peer).get(k.BACKREFS, body.peer, box, msg_id)
            holders += 0 if other is None else 1
        # A copy of it may be at the other side's node.
        sent = body.peer > 0 and self._homes.far(body.peer) and not self._homes.far(box)
        if holders != body.holders and not (sent and holders == body.holders - 1):
            self._say("I11", f"user {box} body {msg_id}", f"says {body.holders} boxes hold it, {holders} do")

    # I12: dialogs.

    def _dialog(self, reader: Reader, parts: tuple[Any, ...], dialog: r.Dialog) -> None:
        user, peer = parts
        where = f"user {user} dialog {peer}"
        count = top = unread = mentions = 0
        waits = r.ROW_MENTIONED | r.ROW_MEDIA_UNREAD
        for key, value in reader.range(k.PEER_ROWS, user, peer):
            count += 1
            top = key[2]
            if top > dialog.read_inbox_max and not value[0] & (r.ROW_OUT | r.ROW_FROM_SELF):
                unread += 1
            mentions += value[0] & waits == waits
        mentions += self._channels.mentions(reader, user, peer)
        waiting = reader.count(k.UNREAD_REACTIONS, user, peer)
        if dialog.unread_reactions != waiting:
            self._say("I24", where, f"unread reactions {dialog.unread_reactions}, counted {waiting}")
        if dialog.unread_mentions != mentions:
            self._say("I12", where, f"unread mentions {dialog.unread_mentions}, counted {mentions}")
        if dialog.top_message != top:
            self._say("I12", where, f"top message {dialog.top_message}, newest {top}")
        if dialog.unread_count != unread:
            self._say("I12", where, f"unread {dialog.unread_count}, counted {unread}")
        if dialog.count != count:
            self._say("I12", where, f"{dialog.count} messages, counted {count}")

    # I18: groups and the boxes of their members.

    def _group(self, reader: Reader, parts: tuple[Any, ...], group: g.Group) -> None:
        (chat,) = parts
        where = f"group {-chat}"
        if reader.get(k.MEMBERS, chat, group.creator) is None:
            self._say("I18", where, f"its creator {group.creator} never was in it")
        pending = sum(1 for _, one in reader.range(k.IMPORTERS, chat) if one.requested)
        if pending != group.pending:
            self._say("I18", where, f"{group.pending} requests to join, counted {pending}")
        self._photos(where, group.photo)

    def _photos(self, where: str, *shots: r.Shot | None) -> None:
        for shot in shots:
            if shot is not None and self._reader(shot.id).get(k.MEDIA, shot.id) is None:
                self._say("I26", where, f"its photo {shot.id} is gone")

    def _member(self, reader: Reader, parts: tuple[Any, ...], member: g.Member) -> None:
        chat, user = parts
        if chat in self._moving_groups:
            return
        where = f"group {-chat}"
        if reader.get(k.GROUPS, chat) is None:
            self._say("I18", where, f"has the member {user} and no record")
        dialog = self._reader(user).get(k.DIALOGS, user, chat)
        if member.gone:
            if dialog is not None and not dialog.left_date:
                self._say("I18", where, f"{user} is out, and his box takes messages")
        elif dialog is None:
            self._say("I18", where, f"{user} is in it and has no dialog")
        elif dialog.left_date:
            self._say("I18", where, f"{user} is in it, and his box takes no messages")

    # I9, I13: boxes and their logs.

    def _box(self, reader: Reader, parts: tuple[Any, ...], head: r.BoxHead) -> None:
        (user,) = parts
        where = f"user {user}"
        last = reader.last(k.ROWS, user)
        if last is not None and last[0][1] > head.msg_id:
            self._say("I13", where, f"message {last[0][1]} is beyond the last id {head.msg_id}")
        covered, subs, at = head.oldest_pts, 0, head.oldest_pts
        for (_, pts, sub), event in reader.range(k.EVENTS, user, lo=head.oldest_pts):
            if sub == 0:
                if pts <= head.oldest_pts:
                    self._say("I9", where, f"event {pts} is still there, oldest_pts is {head.oldest_pts}")
                    continue
                if pts - event.pts_count != covered:
                    self._say(
                        "I9", where, f"event {pts} covers {event.pts_count}, the one before ends at {covered}"
                    )
                covered = pts
            elif event.pts_count:
                self._say("I9", where, f"event {pts}.{sub} claims {event.pts_count} pts")
            elif pts > head.oldest_pts and sub != (subs + 1 if pts == at else 1):
                self._say("I9", where, f"event {pts}.{sub} follows {at}.{subs}")
            if (pts, sub) > (head.pts, head.sub):
                self._say("I9", where, f"event {pts}.{sub} is beyond the head {head.pts}.{head.sub}")
            at, subs = pts, sub
        if covered != head.pts:
            self._say("I9", where, f"events end at {covered}, pts is {head.pts}")

    def _event(self, reader: Reader, parts: tuple[Any, ...], event: ev.LoggedEvent) -> None:
        user, pts, sub = parts
        if sub == 0 and event.pts_count < 1:
            self._say("I9", f"user {user}", f"event {pts} raises pts by {event.pts_count}")
        if self._chat != (user, -1):
            self._chat = (user, -1)
            if reader.get(k.BOXES, user) is None:
                self._say("I9", f"user {user}", "has events and no box")

    # I14, I15 and contacts: what two slots say of each other.

    def _auth(self, reader: Reader, parts: tuple[Any, ...], auth: r.Auth) -> None:
        (key_id,) = parts
        if not auth.user_id or auth.user_id in self._moving_users:
            return
        line = self._reader(auth.user_id).get(k.USER_AUTHS, auth.user_id, auth.hash)
        if line is None or (line.auth_key_id != key_id and key_id not in line.joined):
            self._say("I14", f"user {auth.user_id}", f"key {key_id:x} is signed in and not listed")

    def _user_auth(self, reader: Reader, parts: tuple[Any, ...], line: r.UserAuth) -> None:
        user, session_hash = parts
        if user in self._moving_users:
            return
        for key_id in (line.auth_key_id, *line.joined):
            auth = self._reader(key_id).get(k.AUTHS, key_id)
            if auth is None or (auth.user_id, auth.hash) != (user, session_hash):
                self._say("I14", f"user {user}", f"key {key_id:x} is listed and not signed in")

    def _user(self, reader: Reader, parts: tuple[Any, ...], user: r.User) -> None:
        where = f"user {user.id}"
        if parts != (user.id,):
            self._say("I15", where, f"stands under {parts[0]}")
        newest = next(
            (row for _, row in reader.range(k.PROFILE_PHOTOS, user.id, limit=1, reverse=True)), None
        )
        if self._homes.far(user.id):
            return
        if (user.photo.id if user.photo is not None else 0) != (newest.photo if newest is not None else 0):
            self._say("I26", where, "its photo is not the newest of its photos")
        self._photos(where, user.photo, user.fallback)
        if user.deleted:
            return
        if user.phone and user.phone not in self._moving_names:
            claim = self._reader(user.phone).get(k.PHONES, user.phone)
            if claim is None or claim.user_id != user.id:
                self._say("I15", where, "its phone number is not claimed for it")
        name = user.username.lower()
        if name and name not in self._moving_names:
            named = self._reader(name).get(k.NAMES, name)
            if named is None or named.peer != user.id:
                self._say("I15", where, f"its username {name} is not claimed for it")

    def _phone(self, reader: Reader, parts: tuple[Any, ...], claim: r.PhoneClaim) -> None:
        (phone,) = parts
        if claim.confirmed and phone not in self._moving_names and not self._homes.far(claim.user_id):
            user = self._reader(claim.user_id).get(k.USERS, claim.user_id)
            if user is None or user.phone != phone:
                self._say(
                    "I15", f"user {claim.user_id}", "a phone number is confirmed for it that it does not have"
                )

    def _name(self, reader: Reader, parts: tuple[Any, ...], claim: r.NameClaim) -> None:
        (name,) = parts
        if claim.confirmed and name not in self._moving_names and not self._homes.far(claim.peer):
            user = self._reader(claim.peer).get(k.USERS, claim.peer) if claim.peer > 0 else None
            channel = self._reader(claim.peer).get(k.CHANNELS, claim.peer) if claim.peer < 0 else None
            named = [] if channel is None else [one.lower() for one, _ in channel.usernames]
            if user is not None:
                named = [user.username.lower()]
            if name not in named:
                self._say(
                    "I15",
                    f"user {claim.peer}",
                    f"the username {name} is confirmed for it that it does not have",
                )

    def _contact(self, reader: Reader, parts: tuple[Any, ...], contact: r.Contact) -> None:
        owner, other = parts
        self._photos(f"user {owner} contact {other}", contact.photo)
        if (owner, other) in self._moving_pairs:
            return
        knows = self._reader(other)
        if knows.get(k.USERS, other) is not None and knows.get(k.KNOWN_BY, other, owner) is None:
            self._say("I16", f"user {owner}", f"has {other} as contact, who is not told")
        if contact.mutual != (reader.get(k.KNOWN_BY, owner, other) is not None):
            self._say("I16", f"user {owner}", f"contact {other}: mutual is {contact.mutual}")
