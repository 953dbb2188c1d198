"""Reader and Txn: what a transaction function and a snapshot reader may do. docs/DISK.md 4.

Txn looks for a key in the job's journal, then in the group's overlay, then in the last commit. Rows stand there
encoded, as the engine takes them: decoding a head again costs less than carrying its record along. Nothing of a Txn
may be kept after its function has returned.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec

from tgserve.errors import StoreError
from tgserve.limits import TRANSACTION_BYTES, VALUE_BYTES
from tgserve.store.engine import Row, Rows, Snapshot, laid_over
from tgserve.store.packing import Keyspace, after
from tgserve.store.payloads import AnyOutbox, Deliver, DeliverAll
from tgserve.store.retention import Retention

V = TypeVar("V")

Found = tuple[tuple[Any, ...], V]
"""(key parts, record)"""
OutboxItem = tuple[int, int, msgspec.Raw, Any, Any]
"""(source slot, target slot, encoded payload, payload, memo)"""
NOT_ENCODED: Final = msgspec.Raw(b"")
"""In place of a payload that is small by its kind: it is encoded with the parcel, if it leaves the shard."""
MANY_SLOTS = -1
"""Target slot of a DeliverAll that is not yet divided among the shards; it is not encoded either."""

_ABSENT: Final = object()
_NO: Final[Any] = object()
"""Stands for a key part that is not there. get and put name the first three parts, as a tuple made and taken apart
for each row is a third of what a row costs."""
_ENCODE = msgspec.msgpack.Encoder().encode
_NO_ITEMS: Final[list[OutboxItem]] = []
_NOTHING: Final[list[Any]] = []
"""Most transactions send or publish nothing or one thing; never appended to."""
SMALL_BYTES = 256
_BUCKET_BYTES = 11
"""Overlay keys are indexed by slot, tag and first number: the range of one owner touches its own keys only."""


class Reader:
    """Reads of one slot in one snapshot."""

    __slots__ = ("_snapshot", "slot")

    def __init__(self, slot: int, snapshot: Snapshot) -> None:
        self.slot = slot
        self._snapshot = snapshot

    def get(self, keyspace: Keyspace[V], a: Any = _NO, b: Any = _NO, c: Any = _NO, *more: Any) -> V | None:
        """The record, or None. A key that cannot exist (a negative message id) is absent, not an error."""
        try:
            if b is _NO or c is not _NO:
                packed = keyspace.pack(self.slot, keyspace.tag, *_parts(a, b, c, more))
            else:
                packed = keyspace.pack(self.slot, keyspace.tag, a, b)
        except struct.error:
            _must_be_key(keyspace, _parts(a, b, c, more))
            return None
        data = self._snapshot.get(packed)
        return None if data is None else keyspace.decode(data)

    def range(
        self,
        keyspace: Keyspace[V],
        *prefix: Any,
        lo: Any = None,
        hi: Any = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> Iterator[tuple[tuple[Any, ...], V]]:
        """(key parts, record) in key order. lo (inclusive) and hi (exclusive) are values of the part after `prefix`;
        numbers beyond the part's range are cut to it. limit 0 = all."""
        try:
            bounds = keyspace.bounds(self.slot, prefix, lo, hi)
        except struct.error:
            _must_be_key(keyspace, prefix)
            return
        if bounds is None:
            return
        unpack, decode = keyspace.unpack, keyspace.decode
        left = limit or -1
        for key, data in self._rows(bounds[0], bounds[1], reverse):
            yield unpack(key), decode(data)
            left -= 1
            if left == 0:
                return

    def many(self, keyspace: Keyspace[V], a: Any, all_b: Iterable[Any]) -> list[V | None]:
        """What `get(keyspace, a, b)` gives for each b, in less time. Raises struct.error for what can be no key."""
        pack, decode, slot, tag, get = keyspace.pack, keyspace.decode, self.slot, keyspace.tag, self.found
        return [None if (data := get(pack(slot, tag, a, b))) is None else decode(data) for b in all_b]

    def rows(
        self,
        keyspace: Keyspace[Any],
        *prefix: Any,
        lo: int | None = None,
        hi: int | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> list[Row]:
        """(key, value) as they are stored, otherwise as `range`: for lists that are read by the hundred."""
        try:
            bounds = keyspace.bounds(self.slot, prefix, lo, hi)
        except struct.error:
            _must_be_key(keyspace, prefix)
            return []
        if bounds is None:
            return []
        found = self._rows(bounds[0], bounds[1], reverse)
        return list(islice(found, limit) if limit else found)

    def first(self, keyspace: Keyspace[V], *prefix: Any, lo: Any = None, hi: Any = None) -> Found[V] | None:
        """The lowest row of the range, or None."""
        return next(self.range(keyspace, *prefix, lo=lo, hi=hi, limit=1), None)

    def last(self, keyspace: Keyspace[V], *prefix: Any, lo: Any = None, hi: Any = None) -> Found[V] | None:
        """The highest row of the range, or None."""
        return next(self.range(keyspace, *prefix, lo=lo, hi=hi, limit=1, reverse=True), None)

    def count(self, keyspace: Keyspace[V], *prefix: Any, lo: Any = None, hi: Any = None) -> int:
        """Number of rows of the range, without decoding them."""
        bounds = keyspace.bounds(self.slot, prefix, lo, hi)
        return 0 if bounds is None else sum(1 for _ in self._rows(bounds[0], bounds[1], False))

    def _rows(self, lo: bytes, hi: bytes, reverse: bool) -> Iterator[Row]:
        return self._snapshot.scan(lo, hi, reverse)

    @property
    def found(self) -> Callable[[bytes], bytes | None]:
        """Looks a packed key up."""
        return self._snapshot.get


DEFAULT_RETENTION = Retention()


class Txn(Reader):
    """A transaction in `slot`, handed to the functions given to Store.transact and Store.on_outbox.

    One object a shard is used for all its jobs: `begin` and `merge` are the writer's.
    """

    __slots__ = ("_index", "_large", "_overlay", "journal", "outgoing", "published", "retention")

    def __init__(self, snapshot: Snapshot, retention: Retention = DEFAULT_RETENTION) -> None:
        super().__init__(0, snapshot)
        self.retention = retention
        self._overlay: Rows = {}
        self._index: dict[bytes, list[bytes]] | None = None
        self.outgoing: list[OutboxItem]
        self.published: list[Any]
        self.begin(0)

    # What a transaction function uses.

    def get(self, keyspace: Keyspace[V], a: Any = _NO, b: Any = _NO, c: Any = _NO, *more: Any) -> V | None:
        try:
            if b is _NO:
                packed = (
                    keyspace.pack(self.slot, keyspace.tag)
                    if a is _NO
                    else keyspace.pack(self.slot, keyspace.tag, a)
                )
            elif c is _NO:
                packed = keyspace.pack(self.slot, keyspace.tag, a, b)
            elif more:
                packed = keyspace.pack(self.slot, keyspace.tag, a, b, c, *more)
            else:
                packed = keyspace.pack(self.slot, keyspace.tag, a, b, c)
        except struct.error:
            _must_be_key(keyspace, _parts(a, b, c, more))
            return None
        entry: Any = self.journal.get(packed, _ABSENT)
        if entry is _ABSENT:
            entry = self._overlay.get(packed, _ABSENT)
            if entry is _ABSENT:
                data = self._snapshot.get(packed)
                return None if data is None else keyspace.decode(data)
        return None if entry is None else keyspace.decode(entry)

    def put(
        self, keyspace: Keyspace[V], a: Any = _NO, b: Any = _NO, c: Any = _NO, *more: Any, value: V
    ) -> None:
        """Set a row. StoreError when value, key or transaction grow beyond the limits."""
        data = keyspace.encode(value)
        if len(data) > SMALL_BYTES:
            self._grow(len(data))
        try:
            if b is _NO:
                packed = (
                    keyspace.pack(self.slot, keyspace.tag)
                    if a is _NO
                    else keyspace.pack(self.slot, keyspace.tag, a)
                )
            elif c is _NO:
                packed = keyspace.pack(self.slot, keyspace.tag, a, b)
            elif more:
                packed = keyspace.pack(self.slot, keyspace.tag, a, b, c, *more)
            else:
                packed = keyspace.pack(self.slot, keyspace.tag, a, b, c)
        except struct.error as fault:
            key = _parts(a, b, c, more)
            raise StoreError(f"{keyspace.name}: {key!r} is no key of it: {fault}") from fault
        self.journal[packed] = data

    def look(self, packed: bytes) -> bytes | None:
        """The value of a packed key of this slot, as it is stored: for rows that are read and written at every
        message."""
        entry: Any = self.journal.get(packed, _ABSENT)
        if entry is _ABSENT:
            entry = self._overlay.get(packed, _ABSENT)
            if entry is _ABSENT:
                entry = self._snapshot.get(packed)
        found: bytes | None = entry
        return found

    def delete(self, keyspace: Keyspace[Any], *key: Any) -> None:
        """Remove a row; nothing happens when it is not there."""
        try:
            self.journal[keyspace.pack(self.slot, keyspace.tag, *key)] = None
        except struct.error:
            _must_be_key(keyspace, key)

    def outbox(self, target_slot: int, payload: AnyOutbox, memo: Any = None) -> None:
        """Tell another slot: the handler of type(payload) runs in a transaction of `target_slot`, once, in the order
        of this slot's commits. `memo` saves the handler reads; it is None after a restart."""
        encoded = NOT_ENCODED
        if type(payload) is not Deliver:
            data = _ENCODE(payload)
            encoded = msgspec.Raw(data)
            if len(data) > SMALL_BYTES:
                self._grow(len(data))
        item = (self.slot, target_slot, encoded, payload, memo)
        if self.outgoing:
            self.outgoing.append(item)
        else:
            self.outgoing = [item]

    def spread(self, payload: DeliverAll, memo: Any = None) -> None:
        """As `outbox` of payload.to(user) for each of payload.users. The handler of DeliverAll gets as many of them at
        once as have their slots in one shard: it sets `slot` to each one's before it touches his rows."""
        item = (self.slot, MANY_SLOTS, NOT_ENCODED, payload, memo)
        if self.outgoing:
            self.outgoing.append(item)
        else:
            self.outgoing = [item]

    def publish(self, item: Any) -> None:
        """Hand `item` to the store's subscribers after the commit."""
        if self.published:
            self.published.append(item)
        else:
            self.published = [item]

    def _grow(self, size: int) -> None:
        """Count a large value; small ones are counted by number when the job has ended."""
        self._large += size
        if size > VALUE_BYTES or self._large > TRANSACTION_BYTES:
            raise StoreError(f"{size} bytes are too many for one value or transaction")

    # What the writer uses.

    def open_group(self) -> None:
        """The snapshot has moved on: start with an empty overlay."""
        self._overlay = {}
        self._index = None

    def begin(self, slot: int) -> None:
        """Start a job."""
        self.slot = slot
        self.journal: Rows = {}
        """What the job has written so far, by packed key. Where a message costs what its rows cost, small rows (below
        SMALL_BYTES) are put here as they are stored."""
        self._large = 0
        self.outgoing = _NO_ITEMS
        self.published = _NOTHING

    def merge(self) -> int:
        """The job succeeded: what it wrote joins the group. Returns about how many bytes that is; StoreError when it
        is too much for one transaction."""
        journal = self.journal
        size = self._large + len(journal) * SMALL_BYTES
        if size > TRANSACTION_BYTES * 2:
            raise StoreError(f"{len(journal)} rows are too many for one transaction")
        if self._index is not None:
            _index(self._index, journal, self._overlay)
        self._overlay.update(journal)
        return size

    @property
    def overlay(self) -> Rows:
        return self._overlay

    @property
    def found(self) -> Callable[[bytes], bytes | None]:
        journal, overlay, stored = self.journal, self._overlay, self._snapshot.get

        def look(key: bytes) -> bytes | None:
            if key in journal:
                return journal[key]
            return overlay[key] if key in overlay else stored(key)

        return look

    def _rows(self, lo: bytes, hi: bytes, reverse: bool) -> Iterator[Row]:
        changed = self._changed(lo, hi)
        stored = self._snapshot.scan(lo, hi, reverse)
        return laid_over(changed, stored, reverse) if changed else stored

    def _changed(self, lo: bytes, hi: bytes) -> Rows:
        """What this group and this job have written in [lo, hi)."""
        overlay = self._overlay
        found: Rows = {}
        if overlay:
            bucket = lo[:_BUCKET_BYTES]
            if len(lo) >= _BUCKET_BYTES and hi <= after(bucket):
                if self._index is None:
                    self._index = {}
                    _index(self._index, overlay, {})
                candidates: Iterable[bytes] = self._index.get(bucket, ())
            else:
                candidates = overlay
            for key in candidates:
                if lo <= key < hi:
                    found[key] = overlay[key]
        for key, entry in self.journal.items():
            if lo <= key < hi:
                found[key] = entry
        return found


def _index(index: dict[bytes, list[bytes]], keys: Rows, known: Rows) -> None:
    for key in keys:
        if key not in known:
            index.setdefault(key[:_BUCKET_BYTES], []).append(key)


def _parts(a: Any, b: Any, c: Any, more: tuple[Any, ...]) -> tuple[Any, ...]:
    """The parts that are there."""
    return tuple(part for part in (a, b, c, *more) if part is not _NO)


def _must_be_key(keyspace: Keyspace[Any], key: tuple[Any, ...]) -> None:
    """A key that cannot be packed: absent if its parts are of the right types, a bug otherwise."""
    if len(key) > len(keyspace.parts) or not all(
        isinstance(value, int if part.code else (str, bytes))
        for part, value in zip(keyspace.parts, key, strict=False)
    ):
        raise TypeError(f"{keyspace.name}: {key!r} is not a key of it")
