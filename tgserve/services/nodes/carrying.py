"""What concerns people of other nodes, brought there in order and once.

The slot of a user homed elsewhere has no box: what the outbox brings for him is put into his node's queue instead, by
handlers laid around the ordinary ones (`wrap`). A queue is rows in one slot, numbered; the line hands them over from
the last one acknowledged, the other node applies each once (STREAMS.applied is raised in the same transaction) and says
so, and only then they go. A message's body travels with it: the receiving node keeps a copy in the slot of its author,
where every reader of bodies finds it; the author's own body lives until that copy is let go.

Carried are private messages, edits, deletions, read marks, contacts, holds of files, ends of sessions, and what the
keeper must know of numbers and names. Everything else that would touch somebody of another node is refused before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from tgserve import limits, log
from tgserve.clock import Clock
from tgserve.services import boxes
from tgserve.services.blocking import Blocks
from tgserve.services.bus import Bus, Ephemeral, Typing
from tgserve.services.files import holding
from tgserve.services.nodes import words as w
from tgserve.services.nodes.nodes import SLOT, Nodes
from tgserve.services.nodes.visitors import Visitors
from tgserve.store import node_records as n
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import BLOCKED, BODIES, EXPORTED, NODE_QUEUE, STREAMS, USER_AUTHS, USERS
from tgserve.store.outbox import Handler
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

BATCH: Final = 64
"""Parcels handed over at once."""
LOST_AT_ONCE: Final = 10_000
BODY_BYTES: Final = 90_000
"""A body larger than that has no place in an outbox row; none that clients can make is."""

P = TypeVar("P")

_log = log.get("nodes")
_encode = msgspec.msgpack.Encoder().encode
_payload: msgspec.msgpack.Decoder[pl.AnyOutbox] = msgspec.msgpack.Decoder(pl.AnyOutbox)


class NodeQueued:
    """Published: there is something new for node `dc`."""

    __slots__ = ("dc",)

    def __init__(self, dc: int) -> None:
        self.dc = dc


class Gap(Exception):
    """Parcels came that are not the next ones."""


class Carrying:
    """`wrap` when all other services are made: it lays its handlers around theirs."""

    def __init__(
        self, store: Store, clock: Clock, nodes: Nodes, visitors: Visitors, blocks: Blocks, bus: Bus
    ) -> None:
        self._store = store
        self._clock = clock
        self._nodes = nodes
        self._visitors = visitors
        self._blocks = blocks
        self._bus = bus
        self._wrapped = False
        store.on_outbox(pl.ToNode, self._queued)
        store.on_outbox(pl.FromNode, self._arrived)
        store.on_outbox(pl.EndJoined, self._ended)
        store.on_outbox(pl.NodeKnown, self._introduced)
        nodes.queue = queue
        nodes.chartered = self.wrap

    # -- the queue ----------------------------------------------------------------------------------------------------

    def carry(self, txn: Txn, dc: int, payload: pl.AnyOutbox) -> None:
        """Into the queue of a node, behind what this slot had for it before."""
        if dc != self._nodes.own_dc:
            txn.outbox(SLOT, pl.ToNode(dc, _encode(payload)))

    def _queued(self, txn: Txn, word: pl.ToNode, memo: object) -> None:
        _append(txn, word.dc, word.data)

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber: lines wake up."""
        for item in batch:
            if type(item) is NodeQueued:
                line = self._nodes.lines.get(item.dc)
                if line is not None:
                    line.wake()

    def pending(self, dc: int, after: int) -> tuple[int, list[w.Parcel]]:
        """(number of the first, the next parcels behind number `after`). Where the other node has been restored from an
        older backup, and what it had acknowledged is gone here, empty parcels stand for it."""
        with self._store.read(SLOT) as reader:
            rows = [(key[1], data) for key, data in reader.range(NODE_QUEUE, dc, lo=after + 1, limit=BATCH)]
            stream = reader.get(STREAMS, dc) or n.Stream()
        if after < stream.acked:
            _log.error("node.lost", dc=dc, numbers=stream.acked - after)
            return after + 1, [w.Parcel(b"")] * min(stream.acked - after, LOST_AT_ONCE)
        return (rows[0][0] if rows else 0), [self._parcel(dc, data) for _, data in rows]

    def _parcel(self, dc: int, data: bytes) -> w.Parcel:
        payload = _payload.decode(data)
        if not isinstance(payload, pl.Deliver | pl.DeliverEdit):
            return w.Parcel(data)
        with self._store.read(slot_of(payload.author)) as reader:
            body = reader.get(BODIES, payload.author, payload.author_msg_id)
        if body is None:  # deleted meanwhile: that is behind it in the queue
            return w.Parcel(data)
        packed = BODIES.encode(body)
        if len(packed) > BODY_BYTES:
            _log.error("node.body", bytes=len(packed))
            return w.Parcel(data)
        return w.Parcel(data, packed, self._visitors.cards_of(dc, (payload.author, *body.users)))

    async def resume(self, dc: int, applied: int) -> None:
        """A line begins, and the other node has everything up to `applied`. When it has numbers that were never given
        out here, this node was restored from an older backup: what was queued in this run gets numbers behind them."""
        before = self._nodes.queued_before.pop(dc, None)
        if before is None or applied <= before:
            await self.acked(dc, applied)
            return
        _log.error("node.restored", dc=dc, numbers=applied - before)

        def work(txn: Txn) -> None:
            stream = txn.get(STREAMS, dc) or n.Stream()
            rows = list(txn.range(NODE_QUEUE, dc))
            for key, _ in rows:
                txn.delete(NODE_QUEUE, *key)
            fresh = [data for key, data in rows if key[1] > before]
            for number, data in enumerate(fresh, applied + 1):
                txn.put(NODE_QUEUE, dc, number, value=data)
            txn.put(STREAMS, dc, value=replace(stream, queued=applied + len(fresh), acked=applied))

        await self._store.transact(SLOT, work)

    async def acked(self, dc: int, number: int) -> None:
        """A node has everything up to this number."""

        def work(txn: Txn) -> None:
            stream = txn.get(STREAMS, dc) or n.Stream()
            upto = min(number, stream.queued)
            for key, _ in list(txn.range(NODE_QUEUE, dc, hi=upto + 1, limit=4 * BATCH)):
                txn.delete(NODE_QUEUE, *key)
            if upto > stream.acked:
                txn.put(STREAMS, dc, value=replace(stream, acked=upto))

        await self._store.transact(SLOT, work)

    # -- what others send ---------------------------------------------------------------------------------------------

    async def receive(self, dc: int, first: int, items: Collection[w.Parcel]) -> int:
        """Parcels of a node, the first of them number `first`; the number of the last that is durable. Gap."""
        for item in items:
            for card in item.cards:
                await self._visitors.keep(dc, card)

        def work(txn: Txn) -> int:
            stream = txn.get(STREAMS, dc) or n.Stream()
            if first > stream.applied + 1:
                raise Gap
            for item in list(items)[stream.applied + 1 - first :]:
                payload = self._acceptable(dc, item)
                if payload is not None:
                    via = _via(payload)
                    slot = SLOT if via is None else slot_of(via)
                    txn.outbox(slot, pl.FromNode(dc, item.data, item.body), payload)
            last = max(stream.applied, first + len(items) - 1)
            txn.put(STREAMS, dc, value=replace(stream, applied=last))
            return last

        return await self._store.transact(SLOT, work)

    def _acceptable(self, dc: int, item: w.Parcel) -> pl.AnyOutbox | None:
        """The payload, if it is one that this node may send; what is not is left out, and logged."""
        if not item.data:
            return None
        try:
            payload = _payload.decode(item.data)
            if item.body:
                BODIES.decode(item.body)
        except msgspec.MsgspecError:
            payload = None
        if payload is None or len(item.body) > BODY_BYTES or not self._allowed(dc, payload):
            _log.error("node.payload", dc=dc, kind=type(payload).__name__)
            return None
        return payload

    def _allowed(self, dc: int, payload: pl.AnyOutbox) -> bool:
        nodes = self._nodes

        def theirs(user_id: int) -> bool:
            return user_id > 0 and nodes.home(user_id) == dc

        def ours(user_id: int) -> bool:
            return user_id > 0 and not nodes.far(user_id)

        match payload:
            case pl.Deliver():
                return theirs(payload.author) and payload.peer == payload.author and ours(payload.user)
            case pl.DeliverEdit():
                return theirs(payload.author) and ours(payload.user) and not payload.version
            case pl.DeliverDelete():
                author_ok = payload.author == payload.user or theirs(payload.author)
                return ours(payload.user) and author_ok and not payload.chat
            case pl.DeliverRead():
                return theirs(payload.reader) and ours(payload.user) and not payload.peer
            case pl.DeliverContentsRead():
                return ours(payload.user)
            case pl.ReleaseBodies():
                return ours(payload.author)
            case pl.MediaHeld():
                return nodes.home_of_media(payload.media) == nodes.own_dc and abs(payload.count) == 1
            case pl.ContactAdded():
                return theirs(payload.owner) and ours(payload.user_id)
            case pl.ConfirmPhone() | pl.ReleasePhone():
                return nodes.keeps and theirs(payload.user_id)
            case pl.ConfirmName() | pl.ReleaseName():
                owner = payload.peer if payload.peer > 0 else -payload.peer - r.CHANNEL_BASE
                return nodes.keeps and theirs(owner)
            case pl.EndJoined():
                return theirs(payload.user_id)
            case pl.NodeKnown():
                return dc == nodes.keeper
        return False

    def _arrived(self, txn: Txn, word: pl.FromNode, memo: object) -> None:
        """In the slot of who it came from: bodies are kept there, then the receiver's slot is told as ever."""
        payload = _payload.decode(word.data)
        match payload:
            case pl.Deliver():
                if word.body:
                    body = _copy(BODIES.decode(word.body), 1)
                    txn.put(BODIES, payload.author, payload.author_msg_id, value=body)
                    holding.hold_body(txn, body)
                    txn.outbox(slot_of(payload.user), payload, body)
            case pl.DeliverEdit():
                old = txn.get(BODIES, payload.author, payload.author_msg_id)
                if old is not None and word.body:
                    body = _copy(BODIES.decode(word.body), old.holders)
                    if body.files != old.files:
                        holding.hold_body(txn, body)
                        holding.drop_body(txn, old)
                    txn.put(BODIES, payload.author, payload.author_msg_id, value=body)
                    txn.outbox(slot_of(payload.user), payload, body)
            case pl.DeliverDelete():
                if payload.author != payload.user:
                    _drop_copies(txn, payload)
                txn.outbox(slot_of(payload.user), payload)
            case pl.NodeKnown():
                self._nodes.put_known(txn, payload.node)
            case _:
                target = _target(payload)
                if target is not None:
                    txn.outbox(slot_of(target), payload)

    def _introduced(self, txn: Txn, word: pl.NodeKnown, memo: object) -> None:
        self._nodes.put_known(txn, word.node)

    # -- around the ordinary handlers ---------------------------------------------------------------------------------

    def wrap(self) -> None:
        """From now on what is for people of other nodes goes there."""
        if self._wrapped:
            return
        self._wrapped = True
        handlers = self._store.handlers

        def lay(kind: type[P], around: Callable[[Handler, Txn, P, Any], None]) -> None:
            handlers[kind] = partial(around, handlers[kind])

        lay(pl.Deliver, self._deliver)
        handlers[pl.DeliverAll] = self._deliver_all
        lay(pl.DeliverDelete, self._delete)
        lay(pl.ReleaseBodies, self._release)
        lay(pl.MediaHeld, self._held)
        lay(pl.KeyJoined, self._joined)
        for kind in (pl.DeliverEdit, pl.DeliverRead, pl.DeliverContentsRead):
            lay(kind, self._instead)
        lay(pl.ContactAdded, self._also)
        for tell in (pl.ConfirmPhone, pl.ReleasePhone, pl.ConfirmName, pl.ReleaseName):
            lay(tell, self._keeper_too)
        for ended in (pl.SignedOut, pl.RevokeAuth):
            lay(ended, self._session_over)
        for lost in (pl.DeliverTimer, pl.DeliverPins, pl.DeliverScene, pl.DeliverReactions):
            lay(lost, self._nothing)
        lay(pl.TellUserChanged, self._nothing)

    def _deliver(self, inner: Handler, txn: Txn, word: pl.Deliver, memo: Any) -> None:
        if self._nodes.far(word.user):
            self.carry(txn, self._nodes.home(word.user), word)
        elif self._nodes.far(word.author) and not _welcome(txn, word):
            gone = pl.ReleaseBodies(word.author, (word.author_msg_id,))
            txn.outbox(slot_of(word.author), gone)
        else:
            inner(txn, word, memo)

    def _deliver_all(self, txn: Txn, word: pl.DeliverAll, memo: Any) -> None:
        """One by one: each may be of another node."""
        deliver = self._store.handlers[pl.Deliver]
        for user in word.users:
            txn.slot = slot_of(user)
            deliver(txn, word.to(user), memo)

    def _delete(self, inner: Handler, txn: Txn, word: pl.DeliverDelete, memo: Any) -> None:
        if not self._nodes.far(word.user):
            inner(txn, word, memo)
            return
        if word.author == word.user:
            _drop_copies(txn, word)
        self.carry(txn, self._nodes.home(word.user), word)

    def _release(self, inner: Handler, txn: Txn, word: pl.ReleaseBodies, memo: Any) -> None:
        inner(txn, word, memo)
        if self._nodes.far(word.author):
            self.carry(txn, self._nodes.home(word.author), word)

    def _held(self, inner: Handler, txn: Txn, word: pl.MediaHeld, memo: Any) -> None:
        home = self._nodes.home_of_media(word.media)
        if home == self._nodes.own_dc:
            inner(txn, word, memo)
        else:
            self.carry(txn, home, word)

    def _instead(self, inner: Handler, txn: Txn, word: Any, memo: Any) -> None:
        if self._nodes.far(word.user):
            self.carry(txn, self._nodes.home(word.user), word)
        else:
            inner(txn, word, memo)

    def _also(self, inner: Handler, txn: Txn, word: pl.ContactAdded, memo: Any) -> None:
        inner(txn, word, memo)
        if self._nodes.far(word.user_id):
            self.carry(txn, self._nodes.home(word.user_id), word)

    def _nothing(self, inner: Handler, txn: Txn, word: Any, memo: Any) -> None:
        user_id = word.user_id if isinstance(word, pl.TellUserChanged) else word.user
        if not self._nodes.far(user_id):
            inner(txn, word, memo)

    def _keeper_too(self, inner: Handler, txn: Txn, word: Any, memo: Any) -> None:
        inner(txn, word, memo)
        if not self._nodes.keeps:
            self.carry(txn, self._nodes.keeper, word)

    def _session_over(self, inner: Handler, txn: Txn, word: Any, memo: Any) -> None:
        inner(txn, word, memo)
        if word.user_id and not self._nodes.far(word.user_id):
            for node in self._nodes.others():
                self.carry(txn, node.dc, pl.EndJoined(word.user_id, word.hash))

    # -- keys of clients that fetch files here ------------------------------------------------------------------------

    def _joined(self, inner: Handler, txn: Txn, word: pl.KeyJoined, memo: Any) -> None:
        """In the slot of a user of another node: his session has no line here until its first key comes."""
        if self._nodes.far(word.user_id) and txn.get(USER_AUTHS, word.user_id, word.hash) is None:
            now = int(self._clock.now())
            over = txn.get(EXPORTED, _over(word.user_id, word.hash))
            if over is not None and over.expires > now:
                revoke = pl.RevokeAuth(word.auth_key_id, word.user_id, word.hash)
                txn.outbox(slot_of(word.auth_key_id), revoke)
                return
            txn.put(
                USER_AUTHS,
                word.user_id,
                word.hash,
                value=r.UserAuth(word.auth_key_id, created=now, active=now),
            )
            return
        inner(txn, word, memo)

    def _ended(self, txn: Txn, word: pl.EndJoined, memo: object) -> None:
        """A session ended at its home. A ticket of it that is still on its way opens nothing any more."""
        now = int(self._clock.now())
        for (name,), old in list(txn.range(EXPORTED, limit=100)):
            if old.expires < now:
                txn.delete(EXPORTED, name)
        ahead = r.Exported(word.user_id, now + limits.EXPORTED_AUTH_SECONDS, hash=word.hash)
        txn.put(EXPORTED, _over(word.user_id, word.hash), value=ahead)
        line = txn.get(USER_AUTHS, word.user_id, word.hash)
        if line is None:
            return
        txn.delete(USER_AUTHS, word.user_id, word.hash)
        for key in (line.auth_key_id, *line.joined):
            txn.outbox(slot_of(key), pl.RevokeAuth(key, word.user_id, word.hash))

    # -- what is not kept ---------------------------------------------------------------------------------------------

    def tell(self, users: Collection[int], news: Ephemeral) -> None:
        """Bus subscriber for what passes: somebody of another node is shown that he is written to."""
        if type(news) is not Typing or news.chat or not self._nodes.active:
            return
        for user_id in users:
            line = self._nodes.lines.get(self._nodes.home(user_id)) if self._nodes.far(user_id) else None
            if line is not None:
                line.say(w.Busy(user_id, news.user, news.action, news.min_layer))

    def busy(self, dc: int, word: w.Busy) -> None:
        nodes = self._nodes
        if nodes.home(word.user) == dc and not nodes.far(word.to):
            if not self._blocks.has_blocked(word.to, word.user):
                self._bus.tell((word.to,), Typing(word.user, word.action, word.min_layer))


def queue(txn: Txn, dc: int, payload: Any) -> None:
    """Into a node's queue, in a transaction of its slot."""
    _append(txn, dc, _encode(payload))


def _append(txn: Txn, dc: int, data: bytes) -> None:
    stream = txn.get(STREAMS, dc) or n.Stream()
    stream = replace(stream, queued=stream.queued + 1)
    txn.put(STREAMS, dc, value=stream)
    txn.put(NODE_QUEUE, dc, stream.queued, value=data)
    txn.publish(NodeQueued(dc))


def _copy(body: r.Body, holders: int) -> r.Body:
    """A body of another node as it is kept here."""
    return replace(body, holders=holders, reactions=None, poll=0, media_ttl=0, media_after=b"")


def _drop_copies(txn: Txn, word: pl.DeliverDelete) -> None:
    """In the slot of an author homed elsewhere."""
    for msg_id in word.author_msg_ids:
        if txn.get(BODIES, word.author, msg_id) is not None:
            boxes.drop_body(txn, word.author, msg_id)


def _welcome(txn: Txn, word: pl.Deliver) -> bool:
    """Is there still somebody who takes it of that author? His own node could not know whom he has blocked."""
    user = txn.get(USERS, word.user)
    return user is not None and not user.deleted and txn.get(BLOCKED, word.user, word.author) is None


def _over(user_id: int, session_hash: int) -> bytes:
    return b"ended" + user_id.to_bytes(8, "big") + session_hash.to_bytes(8, "big", signed=True)


def _via(payload: pl.AnyOutbox) -> int | str | None:
    """Whose slot it goes through, which keeps the order of what one person does."""
    match payload:
        case pl.Deliver() | pl.DeliverEdit() | pl.DeliverDelete():
            return payload.author
        case pl.DeliverRead():
            return payload.reader
        case pl.NodeKnown():
            return None
    return _target(payload)


def _target(payload: pl.AnyOutbox) -> int | str | None:
    """Whose slot it is for."""
    match payload:
        case pl.DeliverRead() | pl.DeliverContentsRead():
            return payload.user
        case pl.ReleaseBodies():
            return payload.author
        case pl.MediaHeld():
            return payload.media
        case pl.ContactAdded() | pl.EndJoined():
            return payload.user_id
        case pl.ConfirmPhone() | pl.ReleasePhone():
            return payload.phone
        case pl.ConfirmName() | pl.ReleaseName():
            return payload.name
    return None
