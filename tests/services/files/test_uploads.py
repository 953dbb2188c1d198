"""Parts of files: any order, again and again, one size, checked, counted, dropped (SECURITY 6.7)."""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.community import Community, community
from tgserve import limits
from tgserve.config import FilesConfig
from tgserve.errors import RpcError, StoreFull
from tgserve.services.files.uploads import lawful
from tgserve.store.keyspaces import CHUNKS, UPLOAD_PARTS, UPLOAD_USE, UPLOADS
from tgserve.store.media_records import Blob
from tgserve.store.slots import slot_of

KIB = 1024
ME = 77


def run(story: Any, **options: Any) -> None:
    async def whole() -> None:
        async with community(**options) as c:
            await story(c)

    asyncio.run(whole())


async def refused(call: Any, name: str) -> None:
    with pytest.raises(RpcError) as fault:
        await call
    assert fault.value.name == name


def rows(c: Community, keyspace: Any, *key: Any) -> list[Any]:
    with c.store.read(slot_of(ME)) as reader:
        return list(reader.range(keyspace, *key))


def test_6_7_what_is_wrong_with_one_part() -> None:
    async def story(c: Community) -> None:
        save = c.services.files.uploads.save_part
        most = limits.FILE_PARTS
        await refused(save(ME, 0, 0, b"x"), "FILE_ID_INVALID")
        await refused(save(ME, 1, 0, b""), "FILE_PART_EMPTY")
        await refused(save(ME, 1, 0, bytes(512 * KIB + 1)), "FILE_PART_TOO_BIG")
        await refused(save(ME, 1, -1, b"x"), "FILE_PART_INVALID")
        await refused(save(ME, 1, most, b"x"), "FILE_PART_INVALID")
        await refused(save(ME, 1, 2, b"x", big=True, total=2), "FILE_PART_INVALID")
        await refused(save(ME, 1, 0, b"x", big=True, total=most + 1), "FILE_PARTS_INVALID")
        await refused(save(ME, 1, 0, b"x", big=True, total=-2), "FILE_PARTS_INVALID")
        await refused(save(ME, 1, 0, bytes(1000), big=True, total=2), "FILE_PART_SIZE_INVALID")
        await refused(save(ME, 1, 0, bytes(3 * KIB), big=True, total=2), "FILE_PART_SIZE_INVALID")
        assert rows(c, UPLOADS) == []
        await save(ME, 1, most - 1, b"x")
        await save(ME, 1, 0, bytes(4 * KIB))
        await refused(save(ME, 1, 1, bytes(8 * KIB)), "FILE_PART_SIZE_CHANGED")
        await refused(save(ME, 1, 1, bytes(5 * KIB)), "FILE_PART_SIZE_INVALID")
        await refused(save(ME, 1, 1, bytes(4 * KIB), big=True), "FILE_PARTS_INVALID")
        await save(ME, 2, 0, bytes(4 * KIB), big=True, total=3)
        await refused(save(ME, 2, 1, bytes(4 * KIB), big=True, total=4), "FILE_PARTS_INVALID")
        await refused(save(ME, 2, 2, bytes(8 * KIB), big=True, total=3), "FILE_PART_SIZE_CHANGED")
        await save(ME, 3, 5, bytes(100))
        await refused(save(ME, 3, 6, bytes(100)), "FILE_PART_SIZE_INVALID")
        await save(ME, 4, 5, bytes(KIB), big=True)
        await refused(save(ME, 4, 1, bytes(KIB), big=True, total=4), "FILE_PARTS_INVALID")

    run(story)


def test_6_7_what_is_wrong_with_a_whole_file() -> None:
    async def story(c: Community) -> None:
        uploads = c.services.files.uploads
        save, finish = uploads.save_part, uploads.finish
        await refused(finish(ME, 9, 1, big=False), "FILE_PART_0_MISSING")
        await save(ME, 9, 0, bytes(4 * KIB))
        await save(ME, 9, 2, bytes(100))
        await refused(finish(ME, 9, 3, big=False), "FILE_PART_1_MISSING")
        await refused(finish(ME + 1, 9, 3, big=False), "FILE_PART_0_MISSING")
        await refused(finish(ME, 9, 2, big=False), "FILE_PARTS_INVALID")
        await refused(finish(ME, 9, 3, big=True), "FILE_PARTS_INVALID")
        await refused(finish(ME, 9, 0, big=False), "FILE_PARTS_INVALID")
        await refused(finish(ME, 9, limits.FILE_PARTS + 1, big=False), "FILE_PARTS_INVALID")
        await save(ME, 9, 1, bytes(4 * KIB))
        await refused(finish(ME, 9, 4, big=False), "FILE_PART_3_MISSING")
        data = bytes(8 * KIB + 100)
        right = hashlib.md5(data, usedforsecurity=False).hexdigest()
        await refused(finish(ME, 9, 3, big=False, md5=right[::-1]), "MD5_CHECKSUM_INVALID")
        blob = await finish(ME, 9, 3, big=False, md5=right.upper())
        assert await c.services.files.read(blob) == data
        await save(ME, 8, 1, bytes(KIB))
        await save(ME, 8, 0, bytes(2 * KIB))
        await save(ME, 8, 1, bytes(2 * KIB))
        await save(ME, 8, 0, bytes(2 * KIB))
        assert (await finish(ME, 8, 2, big=False)).size == 4 * KIB
        await save(ME, 7, 0, bytes(4 * KIB), big=True, total=2)
        await save(ME, 7, 1, bytes(4 * KIB), big=True, total=2)
        await refused(finish(ME, 7, 3, big=True), "FILE_PARTS_INVALID")
        assert (await finish(ME, 7, 2, big=True)).size == 8 * KIB

    run(story)


def test_parts_of_another_size_make_the_same_chunks() -> None:
    """6.6: how a client cuts a file says nothing, and equal files are kept once."""

    async def story(c: Community) -> None:
        data = random.Random(3).randbytes(1_200_000)
        blobs = []
        for number, part in enumerate((512, 256, 128, 64, 32)):
            size = part * KIB
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            for place, piece in enumerate(pieces):
                await c.services.files.uploads.save_part(ME, number + 1, place, piece)
            blobs.append(await c.services.files.uploads.finish(ME, number + 1, len(pieces), big=False))
        assert len(set(blobs)) == 1 and blobs[0].size == len(data)
        assert await c.services.files.read(blobs[0]) == data

    run(story)


@given(
    size=st.integers(1, 40 * KIB),
    part=st.sampled_from([KIB, 2 * KIB, 8 * KIB, 16 * KIB]),
    big=st.booleans(),
    told=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_any_order_any_number_of_times(size: int, part: int, big: bool, told: bool, seed: int) -> None:
    async def story(c: Community) -> None:
        chance = random.Random(seed)
        data = chance.randbytes(size)
        pieces = [data[at : at + part] for at in range(0, size, part)]
        order = list(range(len(pieces))) + chance.choices(range(len(pieces)), k=3)
        chance.shuffle(order)
        total = len(pieces) if big and told else 0
        uploads = c.services.files.uploads
        for number in order:
            await uploads.save_part(ME, 5, number, pieces[number], big=big, total=total)
        head = rows(c, UPLOADS)[0][1]
        assert (head.parts, head.stored) == (len(pieces), size)
        assert rows(c, UPLOAD_USE)[0][1].open_bytes == size
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        blob = await uploads.finish(ME, 5, len(pieces), big=big, md5=md5)
        assert await c.services.files.read(blob) == data
        assert await uploads.finish(ME, 5, len(pieces), big=big, md5=md5) == blob
        assert rows(c, UPLOAD_USE)[0][1].open_bytes == 0
        for _ in range(5):
            at, count = chance.randrange(size + 10), chance.randrange(size)
            assert await c.services.files.read(blob, at, count) == data[at : at + count]
        streamed = [piece async for piece in c.services.files.content.stream(blob, 3, size - 3)]
        assert b"".join(streamed) == data[3:]

    run(story)


def test_a_user_has_so_much_on_its_way_and_so_much_a_day() -> None:
    async def story(c: Community) -> None:
        uploads = c.services.files.uploads
        piece = bytes(512 * KIB)
        await uploads.save_part(ME, 1, 0, piece)
        await uploads.save_part(ME, 1, 0, piece)
        await uploads.save_part(ME, 1, 1, piece)
        await refused(uploads.save_part(ME, 1, 2, b"x"), "FILE_QUOTA_EXCEEDED")
        await uploads.save_part(ME + 1, 1, 0, piece)
        await uploads.finish(ME, 1, 2, big=False)
        await uploads.save_part(ME, 2, 0, piece)
        await uploads.finish(ME, 2, 1, big=False)
        await uploads.save_part(ME, 3, 0, piece)
        await uploads.finish(ME, 3, 1, big=False)
        await refused(uploads.save_part(ME, 4, 0, b"x"), "FILE_QUOTA_EXCEEDED")
        c.clock.advance(limits.DAY)
        await uploads.save_part(ME, 4, 0, piece)

    run(story, files=FilesConfig(open_mib_per_user=1, day_mib_per_user=2))


def test_abandoned_parts_are_dropped_after_a_day() -> None:
    async def story(c: Community) -> None:
        uploads = c.services.files.uploads
        await uploads.save_part(ME, 1, 0, bytes(KIB))
        c.clock.advance(limits.UPLOAD_SECONDS - 10)
        await uploads.save_part(ME, 1, 1, bytes(KIB))
        await uploads.save_part(ME, 2, 0, bytes(KIB))
        c.clock.advance(limits.UPLOAD_SECONDS - 10)
        await uploads.save_part(ME, 2, 1, bytes(KIB))
        c.clock.advance(20)
        assert await uploads.sweep(slot_of(ME)) == 1
        assert {key[1] for key, _ in rows(c, UPLOAD_PARTS)} == {2}
        assert rows(c, UPLOAD_USE)[0][1].open_bytes == 2 * KIB
        await refused(uploads.finish(ME, 1, 2, big=False), "FILE_PART_0_MISSING")

    run(story)


def test_nothing_is_acknowledged_that_is_not_kept() -> None:
    async def story(c: Community) -> None:
        async def full(data: bytes) -> bytes:
            raise StoreFull("no room")

        c.services.files.content._chunks.put = full  # type: ignore[method-assign]
        with pytest.raises(StoreFull):
            await c.services.files.uploads.save_part(ME, 1, 0, b"x")
        assert rows(c, UPLOADS) == [] == rows(c, UPLOAD_PARTS)

    run(story)


def test_chunks_of_a_document_are_held_once_each() -> None:
    async def story(c: Community) -> None:
        files = c.services.files
        blob = await files.store_bytes(bytes(3 * 512 * KIB) + b"tail")
        made = await files.create_document(ME, blob, mime="a/b")
        await c.settle()

        def refs() -> list[int]:
            ids = {blob.pieces[at : at + 32] for at in range(0, len(blob.pieces), 32)}
            found = []
            for one in ids:
                with c.store.read(slot_of(one)) as reader:
                    row = reader.get(CHUNKS, one)
                    assert row is not None
                    found.append(row.refs)
            return found

        assert refs() == [1, 1]
        assert await files.read(made.blob, 512 * KIB * 3 - 2, 100) == b"\0\0tail"
        c.clock.advance(limits.MEDIA_IDLE_SECONDS + 10)
        assert await files.library.sweep(slot_of(made.id)) == 1
        await c.settle()
        assert refs() == [0, 0]

    run(story)


def test_a_file_of_four_gigabytes_has_its_list_of_chunks_in_pages() -> None:
    async def story(c: Community) -> None:
        files = c.services.files
        one = await files.content.put(b"x" * 512 * KIB)
        chunk = await files.content.put(b"y" * 512 * KIB)
        count = limits.FILE_PARTS_MOST
        pieces = (one * (count - 1)) + chunk
        made = await files.create_document(ME, Blob(count * 512 * KIB, pieces), mime="a/b")
        files.library._cache.clear()
        again = files.library.get_or_none(made.id)
        assert again is not None and again.blob == made.blob
        assert await files.read(again.blob, again.blob.size - 3, 10) == b"yyy"
        assert await files.read(again.blob, 1_000 * 512 * KIB - 2, 4) == b"xxxx"

    run(story)


def test_sizes_that_parts_may_have() -> None:
    assert [size for size in range(0, 513 * KIB, 512) if lawful(size)] == [KIB << n for n in range(10)]
