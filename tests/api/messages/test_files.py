"""Photos and documents in messages: sent, seen, fetched, passed on, changed, gone (SECURITY 6.5, 6.6)."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from tests.files import as_document, fetch, location, named, newest, picture, put, send, sent
from tests.talk import Person, talk
from tgserve import limits
from tgserve.errors import RpcError
from tgserve.tl import types as t
from tgserve.tl.functions import messages, upload


def run(story: Any) -> None:
    async def whole() -> None:
        async with talk(people=3) as (c, people):
            await story(c, *people)

    asyncio.run(whole())


async def refused(call: Any, name: str) -> None:
    with pytest.raises(RpcError) as fault:
        await call
    assert fault.value.name == name


def test_a_photo_is_sent_and_fetched_by_its_receiver() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        media = t.InputMediaUploadedPhoto(file=await put(ann, picture(1200, 700)), spoiler=True)
        mine = await send(ann, bob, media, "look")
        theirs = await newest(bob, ann)
        photo = theirs.media.photo
        assert theirs.message == "look" and theirs.media.spoiler
        assert [one.type for one in photo.sizes] == ["i", "s", "m", "x", "y"]
        assert photo.dc_id == 2 and photo.id == mine.media.photo.id
        assert photo.access_hash != mine.media.photo.access_hash
        assert photo.file_reference != mine.media.photo.file_reference
        for size in photo.sizes[1:]:
            data = await fetch(bob, location(photo, size.type))
            assert data[:3] == b"\xff\xd8\xff"
            assert len(data) == (size.sizes[-1] if isinstance(size, t.PhotoSizeProgressive) else size.size)
        assert data == await fetch(ann, location(mine.media))

    run(story)


def test_a_document_of_several_parts_comes_out_as_it_went_in() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        data = os.urandom(1_300_000)
        file = await put(ann, data, part=128 * 1024, name="../../etc/pass\x00wd\u202e.txt", big=True)
        await send(ann, bob, as_document(file, mime="Text/Plain; charset=x"))
        document = (await newest(bob, ann)).media.document
        assert document.size == len(data) and document.mime_type == "text/plain"
        assert document.attributes == [t.DocumentAttributeFilename(file_name="passwd.txt")]
        for limit in (512 * 1024, 1024 * 1024, 4096 * 16):
            assert await fetch(bob, location(document), limit=limit) == data

    run(story)


def test_6_5_a_file_is_for_those_who_were_shown_it() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        mine = await send(ann, bob, as_document(await put(ann, b"secret")))
        theirs = await newest(bob, ann)
        where = location(theirs.media)
        read = upload.GetFile(location=where, offset=0, limit=4096)
        assert (await bob(read)).bytes == b"secret"
        await refused(eve(read), "LOCATION_INVALID")
        await refused(ann(read), "LOCATION_INVALID")
        where.access_hash = c.services.files.access_hash(eve.id, where.id)
        await refused(eve(read), "FILE_REFERENCE_INVALID")
        await refused(send(eve, bob, named(theirs.media)), "LOCATION_INVALID")
        where = location(theirs.media)
        where.file_reference = mine.media.document.file_reference
        await refused(bob(upload.GetFile(location=where, offset=0, limit=4096)), "FILE_REFERENCE_INVALID")
        where.file_reference = b""
        await refused(bob(upload.GetFile(location=where, offset=0, limit=4096)), "FILE_REFERENCE_EMPTY")
        where = location(theirs.media, "m")
        await refused(bob(upload.GetFile(location=where, offset=0, limit=4096)), "LOCATION_INVALID")

    run(story)


def test_6_5_a_reference_ends_and_is_renewed_with_the_message() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        await send(ann, bob, as_document(await put(ann, b"data")))
        old = location((await newest(bob, ann)).media)
        c.clock.advance(2 * limits.FILE_REFERENCE_SECONDS + 1)
        await refused(bob(upload.GetFile(location=old, offset=0, limit=4096)), "FILE_REFERENCE_EXPIRED")
        theirs = await newest(bob, ann)
        assert (await fetch(bob, location(theirs.media), limit=4096)) == b"data"

    run(story)


def test_6_6_equal_files_have_nothing_in_common_that_can_be_seen() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        data = os.urandom(700_000)
        first = await send(ann, bob, as_document(await put(ann, data)))
        second = await send(eve, bob, as_document(await put(eve, data)))
        one, two = first.media.document, second.media.document
        assert one.id != two.id and one.access_hash != two.access_hash
        assert one.file_reference != two.file_reference
        records = [c.services.files.library.get_or_none(each.id) for each in (one, two)]
        assert records[0].blob == records[1].blob
        where = location(one)
        where.access_hash = c.services.files.access_hash(eve.id, one.id)
        where.file_reference = two.file_reference
        await refused(eve(upload.GetFile(location=where, offset=0, limit=4096)), "FILE_REFERENCE_INVALID")

    run(story)


def test_media_are_sent_again_by_reference_and_forwarded() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        await send(ann, bob, t.InputMediaUploadedPhoto(file=await put(ann, picture())), "first")
        theirs = await newest(bob, ann)
        again = await send(bob, eve, named(theirs.media), "again")
        assert again.media.photo.id == theirs.media.photo.id
        assert await fetch(eve, location((await newest(eve, bob)).media))
        await bob(
            messages.ForwardMessages(
                from_peer=bob.peer(ann),
                id=[theirs.id],
                random_id=[77],
                to_peer=bob.peer(bob),
                drop_media_captions=True,
                drop_author=True,
            )
        )
        saved = await newest(bob, bob)
        assert saved.message == "" and saved.media.photo.id == theirs.media.photo.id
        assert await fetch(bob, location(saved.media))

    run(story)


def test_files_go_when_nobody_names_them_any_more() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        mine = await send(ann, bob, as_document(await put(ann, os.urandom(600_000))))
        media_id = mine.media.document.id
        theirs = await newest(bob, ann)
        forward = messages.ForwardMessages(
            from_peer=bob.peer(ann), id=[theirs.id], random_id=[9], to_peer=bob.peer(bob)
        )
        saved = sent(await bob(forward))
        await ann(messages.DeleteMessages(id=[mine.id], revoke=True))
        where = location(saved.media)
        await sweep(c)
        c.clock.advance(limits.MEDIA_IDLE_SECONDS + 10)
        await sweep(c)
        assert c.services.files.library.get_or_none(media_id) is not None
        assert await fetch(bob, where)
        await bob(messages.DeleteMessages(id=[saved.id]))
        c.clock.advance(limits.MEDIA_IDLE_SECONDS + 10)
        await sweep(c)
        assert c.services.files.library.get_or_none(media_id) is None

    run(story)


async def sweep(c: Any) -> None:
    for slot in range(1024):
        await c.services.files.sweep(slot)
    await c.settle()
