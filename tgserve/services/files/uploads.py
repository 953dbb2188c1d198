"""Parts of files on their way in: any order, over any connections, again and again, durable before they are answered.

A part is one chunk and one row of its uploader; nobody else can name it (SECURITY 6.7). Parts are of one size, which
divides 512 KiB, but for the last. Rows stay for a day behind the last part, also when a file was made of them: a client
that repeats its sendMedia finds them again. Chunks of parts are held by nobody; they outlive the rows by their grace
period.
"""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from typing import Final

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.files.content import Content
from tgserve.store.keyspaces import UPLOAD_PARTS, UPLOAD_USE, UPLOADS
from tgserve.store.media_records import ID_BYTES, PIECE_BYTES, Blob, Upload, UploadUse
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

NO_USE: Final = UploadUse()
ROWS_AT_ONCE: Final = 512
"""Parts read in one turn of the loop: a millisecond."""


def lawful(size: int) -> bool:
    """May all parts of a file but the last have this size?"""
    return size > 0 and size % limits.KIB == 0 and limits.FILE_PART_BYTES % size == 0


class Uploads:
    """`most_parts`: of one file; `open_bytes`: of one user on their way in; `day_bytes`: of one user in a day."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        content: Content,
        *,
        most_parts: int = limits.FILE_PARTS,
        open_bytes: int = limits.UPLOADS_OPEN_MIB * limits.MIB,
        day_bytes: int = limits.UPLOADS_DAY_MIB * limits.MIB,
    ) -> None:
        self._store = store
        self._clock = clock
        self._content = content
        self.most_parts = most_parts
        self._open_bytes = open_bytes
        self._day_bytes = day_bytes

    async def save_part(
        self, me: int, file_id: int, part: int, data: bytes, *, big: bool = False, total: int = 0
    ) -> None:
        """Keep a part; returns when it is durable. `total`: parts in all, 0 = not told. FILE_ID_INVALID,
        FILE_PART_EMPTY, FILE_PART_TOO_BIG, FILE_PART_INVALID, FILE_PARTS_INVALID, FILE_PART_SIZE_INVALID,
        FILE_PART_SIZE_CHANGED, FILE_QUOTA_EXCEEDED, STORE_FULL."""
        self._check(file_id, part, data, big, total)
        now = int(self._clock.now())
        slot = slot_of(me)
        with self._store.read(slot) as reader:
            known = reader.get(UPLOADS, me, file_id)
            _grown(known, big, total, part, len(data), now)
            self._check_quota(reader, me, now, len(data))
        row = await self._content.put(data) + len(data).to_bytes(4, "big")

        def work(txn: Txn) -> None:
            was = txn.get(UPLOAD_PARTS, me, file_id, part)
            before = int.from_bytes(was[ID_BYTES:], "big") if was is not None else 0
            head = _grown(txn.get(UPLOADS, me, file_id), big, total, part, len(data), now)
            more = len(data) - before
            if more:
                self._check_quota(txn, me, now, more)
                use = _today(txn.get(UPLOAD_USE, me) or NO_USE, now)
                held = 0 if head.done else more
                use = replace(use, open_bytes=use.open_bytes + held, day_bytes=use.day_bytes + more)
                txn.put(UPLOAD_USE, me, value=use)
            parts = head.parts + (was is None)
            txn.put(UPLOADS, me, file_id, value=replace(head, parts=parts, stored=head.stored + more))
            txn.put(UPLOAD_PARTS, me, file_id, part, value=row)

        await self._store.transact(slot, work)

    def _check(self, file_id: int, part: int, data: bytes, big: bool, total: int) -> None:
        if not file_id:
            raise errors.FILE_ID_INVALID()
        if not data:
            raise errors.FILE_PART_EMPTY()
        if len(data) > limits.FILE_PART_BYTES:
            raise errors.FILE_PART_TOO_BIG()
        if not 0 <= part < self.most_parts:
            raise errors.FILE_PART_INVALID()
        if not big:
            return
        if total < 0 or total > self.most_parts:
            raise errors.FILE_PARTS_INVALID()
        if total and part >= total:
            raise errors.FILE_PART_INVALID()

    def _check_quota(self, reader: Reader, me: int, now: int, more: int) -> None:
        use = _today(reader.get(UPLOAD_USE, me) or NO_USE, now)
        if use.open_bytes + more > self._open_bytes or use.day_bytes + more > self._day_bytes:
            raise errors.FILE_QUOTA_EXCEEDED()

    async def finish(self, me: int, file_id: int, parts: int, *, big: bool, md5: str = "") -> Blob:
        """The file that parts make, with nobody holding its chunks yet. FILE_PARTS_INVALID, FILE_PART_X_MISSING,
        FILE_PART_SIZE_INVALID, FILE_PART_SIZE_CHANGED, FILE_PART_LENGTH_INVALID, MD5_CHECKSUM_INVALID."""
        if not 1 <= parts <= self.most_parts:
            raise errors.FILE_PARTS_INVALID()
        head, rows = await self._read(me, file_id)
        if head is None:
            raise errors.FILE_PART_MISSING(0)
        if head.big is not big or (head.total and head.total != parts) or max(rows) >= parts:
            raise errors.FILE_PARTS_INVALID()
        if len(rows) < parts:
            raise errors.FILE_PART_MISSING(next(part for part in range(parts) if part not in rows))
        found = [rows[part] for part in range(parts)]
        sizes = [int.from_bytes(row[ID_BYTES:], "big") for row in found]
        piece = sizes[0] if parts > 1 else PIECE_BYTES
        if not lawful(piece):
            raise errors.FILE_PART_SIZE_INVALID()
        if any(size != piece for size in sizes[:-1]):
            raise errors.FILE_PART_SIZE_CHANGED()
        if sizes[-1] > piece:
            raise errors.FILE_PART_LENGTH_INVALID()
        blob = await self._content.joined([row[:ID_BYTES] for row in found], piece, sum(sizes))
        if md5 and not big:
            await self._check_md5(blob, md5)
        if not head.done:
            await self._store.transact(slot_of(me), lambda txn: _done(txn, me, file_id))
        return blob

    async def _read(self, me: int, file_id: int) -> tuple[Upload | None, dict[int, bytes]]:
        """The upload and its parts by number; thousands of them are read in several turns of the loop."""
        rows: dict[int, bytes] = {}
        while True:
            lo = next(reversed(rows)) + 1 if rows else 0
            with self._store.read(slot_of(me)) as reader:
                head = reader.get(UPLOADS, me, file_id)
                found = {
                    key[2]: row
                    for key, row in reader.range(UPLOAD_PARTS, me, file_id, lo=lo, limit=ROWS_AT_ONCE)
                }
            rows.update(found)
            if len(found) < ROWS_AT_ONCE:
                return head, rows
            await asyncio.sleep(0)

    async def _check_md5(self, blob: Blob, md5: str) -> None:
        loop = asyncio.get_running_loop()
        digest = hashlib.md5(usedforsecurity=False)
        for at in range(0, blob.size, PIECE_BYTES):
            data = await self._content.read(blob, at, PIECE_BYTES)
            await loop.run_in_executor(None, digest.update, data)
        if digest.hexdigest() != md5.strip().lower():
            raise errors.MD5_CHECKSUM_INVALID()

    async def sweep(self, slot: int) -> int:
        """Drop the uploads of a slot that nothing came for in a day; how many those were."""
        before = int(self._clock.now()) - limits.UPLOAD_SECONDS
        with self._store.read(slot) as reader:
            old = [key for key, head in reader.range(UPLOADS) if head.touched < before]
        for me, file_id in old:
            await self._store.transact(slot, partial(_drop, me=me, file_id=file_id, before=before))
        return len(old)


def _grown(head: Upload | None, big: bool, total: int, part: int, size: int, now: int) -> Upload:
    """The upload with this part in it; raises what is wrong with the part."""
    if head is None:
        inner = bool(total) and part < total - 1
        if inner and not lawful(size):
            raise errors.FILE_PART_SIZE_INVALID()
        return Upload(big, total, size if inner else 0, part, size, 0, 0, now)
    if head.big is not big or (total and head.total and total != head.total):
        raise errors.FILE_PARTS_INVALID()
    total = total or head.total
    if total and max(part, head.top) >= total:
        raise errors.FILE_PARTS_INVALID()
    piece, top, top_size = head.piece, head.top, head.top_size
    if part > top:
        piece = _piece(piece, top_size)
        top, top_size = part, size
    elif part == top:
        top_size = size
    if part < top or (total and part < total - 1):
        piece = _piece(piece, size)
    elif piece and size > piece:
        raise errors.FILE_PART_SIZE_CHANGED()
    return replace(head, total=total, piece=piece, top=top, top_size=top_size, touched=now)


def _piece(piece: int, size: int) -> int:
    """The size of all parts but the last, of which one has this size."""
    if not lawful(size):
        raise errors.FILE_PART_SIZE_INVALID()
    if piece and size != piece:
        raise errors.FILE_PART_SIZE_CHANGED()
    return size


def _today(use: UploadUse, now: int) -> UploadUse:
    day = now // limits.DAY
    return use if use.day == day else UploadUse(use.open_bytes, day, 0)


def _done(txn: Txn, me: int, file_id: int) -> None:
    head = txn.get(UPLOADS, me, file_id)
    if head is None or head.done:
        return
    txn.put(UPLOADS, me, file_id, value=replace(head, done=True))
    _give_back(txn, me, head.stored)


def _give_back(txn: Txn, me: int, count: int) -> None:
    use = txn.get(UPLOAD_USE, me) or NO_USE
    txn.put(UPLOAD_USE, me, value=replace(use, open_bytes=max(use.open_bytes - count, 0)))


def _drop(txn: Txn, me: int, file_id: int, before: int) -> None:
    head = txn.get(UPLOADS, me, file_id)
    if head is None or head.touched >= before:
        return
    parts = [key[2] for key, _ in txn.range(UPLOAD_PARTS, me, file_id)]
    for part in parts:
        txn.delete(UPLOAD_PARTS, me, file_id, part)
    txn.delete(UPLOADS, me, file_id)
    if not head.done:
        _give_back(txn, me, head.stored)
