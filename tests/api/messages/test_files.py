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


def test_media_for_one_look_are_gone_for_both_once_opened() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        for ttl in (limits.MEDIA_TTL_ONCE, 5):
            media = t.InputMediaUploadedPhoto(file=await put(ann, picture()), ttl_seconds=ttl)
            mine = await send(ann, bob, media)
            theirs = await newest(bob, ann)
            assert theirs.media.ttl_seconds == ttl and theirs.media_unread
            await refused(send(bob, eve, named(theirs.media)), "CHAT_FORWARDS_RESTRICTED")
            forward = messages.ForwardMessages(
                from_peer=bob.peer(ann), id=[theirs.id], random_id=[ttl], to_peer=bob.peer(bob)
            )
            await refused(bob(forward), "MESSAGE_ID_INVALID")
            await refused(
                ann(messages.EditMessage(peer=ann.peer(bob), id=mine.id, media=media)), "MEDIA_PREV_INVALID"
            )
            await bob(messages.ReadMessageContents(id=[theirs.id]))
            await c.services.alarms.turn()
            await c.settle()
            if ttl == 5:
                assert (await newest(bob, ann)).media.photo is not None
                c.clock.advance(6)
                await c.services.alarms.turn()
                await c.settle()
            for left in (await newest(bob, ann), await newest(ann, bob)):
                assert left.media == t.MessageMediaPhoto(ttl_seconds=ttl)
                assert left.edit_date is None
        await refused(
            send(ann, ann, t.InputMediaUploadedPhoto(file=await put(ann, picture()), ttl_seconds=9)),
            "TTL_MEDIA_INVALID",
        )
        await refused(
            send(ann, bob, t.InputMediaUploadedPhoto(file=await put(ann, picture()), ttl_seconds=61)),
            "TTL_MEDIA_INVALID",
        )
        await refused(send(ann, bob, as_document(await put(ann, b"x"), ttl_seconds=9)), "TTL_MEDIA_INVALID")

    run(story)


def _album(*items: Any) -> list[Any]:
    return [
        t.InputSingleMedia(media=media, random_id=5000 + number, message=f"{number}")
        for number, media in enumerate(items)
    ]


def test_an_album_is_one_commit() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        kept = []
        for number in range(3):
            media = t.InputMediaUploadedPhoto(file=await put(ann, picture(100 + number, 100)))
            found = await ann(messages.UploadMedia(peer=ann.peer(bob), media=media))
            kept.append(named(found))
        answer = await ann(messages.SendMultiMedia(peer=ann.peer(bob), multi_media=_album(*kept)))
        ids = [one for one in answer.updates if isinstance(one, t.UpdateMessageID)]
        assert [one.random_id for one in ids] == [5000, 5001, 5002]
        told = await bob.history(ann, limit=3)
        assert len({one.grouped_id for one in told}) == 1 and told[0].grouped_id
        assert [one.message for one in told] == ["2", "1", "0"]
        ids = [one.id for one in reversed(told)]
        forward = messages.ForwardMessages(
            from_peer=bob.peer(ann), id=ids, random_id=[1, 2, 3], to_peer=bob.peer(eve)
        )
        await bob(forward)
        passed = await eve.history(bob, limit=3)
        assert len({one.grouped_id for one in passed}) == 1 != passed[0].grouped_id
        assert passed[0].grouped_id != told[0].grouped_id
        ask = messages.SendMultiMedia
        await refused(ann(ask(peer=ann.peer(bob), multi_media=[])), "MEDIA_EMPTY")
        await refused(ann(ask(peer=ann.peer(bob), multi_media=_album(*kept * 4))), "MULTI_MEDIA_TOO_LONG")
        file = as_document(await put(ann, b"x"))
        await refused(
            ann(ask(peer=ann.peer(bob), multi_media=_album(kept[0], file))), "MEDIA_GROUPED_INVALID"
        )
        await refused(
            ann(ask(peer=ann.peer(bob), multi_media=_album(t.InputMediaDice(emoticon="🎲")))), "MEDIA_INVALID"
        )
        spoiled = named(found)
        spoiled.id.file_reference = bytes(27)
        await refused(
            ann(ask(peer=ann.peer(bob), multi_media=_album(kept[0], spoiled))), "FILE_REFERENCE_1_INVALID"
        )
        assert len(await bob.history(ann)) == 3

    run(story)


def test_media_are_exchanged_by_an_edit() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        mine = await send(ann, bob, as_document(await put(ann, b"first")), "caption")
        other = t.InputMediaUploadedPhoto(file=await put(ann, picture()))
        edit = messages.EditMessage(peer=ann.peer(bob), id=mine.id, media=other)
        await ann(edit)
        theirs = await newest(bob, ann)
        assert theirs.message == "caption" and isinstance(theirs.media, t.MessageMediaPhoto)
        assert theirs.edit_date
        assert await fetch(bob, location(theirs.media))
        c.clock.advance(limits.MEDIA_IDLE_SECONDS + 10)
        await sweep(c)
        assert c.services.files.library.get_or_none(mine.media.document.id) is None
        text = await ann.send(bob, "a text")
        await ann(
            messages.EditMessage(
                peer=ann.peer(bob), id=text, media=as_document(await put(ann, b"x")), message="with a file"
            )
        )
        theirs = await newest(bob, ann)
        assert theirs.message == "with a file" and theirs.media.document.size == 1
        dice = await send(ann, bob, t.InputMediaDice(emoticon="🎲"))
        await refused(
            ann(messages.EditMessage(peer=ann.peer(bob), id=dice.id, media=other)), "MEDIA_PREV_INVALID"
        )
        await refused(
            ann(messages.EditMessage(peer=ann.peer(bob), id=text, media=t.InputMediaDice(emoticon="🎲"))),
            "MEDIA_NEW_INVALID",
        )

    run(story)


def test_a_live_location_moves_and_ends() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        def at(lat: float, **more: Any) -> t.InputMediaGeoLive:
            return t.InputMediaGeoLive(geo_point=t.InputGeoPoint(lat=lat, long=2.0), **more)

        async def lives() -> list[Any]:
            ask = messages.GetRecentLocations(peer=bob.peer(ann), limit=10, hash=0)
            return (await bob(ask)).messages

        await refused(send(ann, bob, at(1.0, period=59)), "MEDIA_INVALID")
        await refused(send(ann, bob, at(1.0, period=600, heading=361)), "MEDIA_INVALID")
        mine = await send(ann, bob, at(1.0, period=600, heading=90))
        await send(ann, bob, at(9.0, period=60))
        assert len(await lives()) == 2
        c.clock.advance(100)
        assert len(await lives()) == 1
        await ann(messages.EditMessage(peer=ann.peer(bob), id=mine.id, media=at(3.0, heading=10)))
        told = (await lives())[0]
        assert told.media.geo.lat == 3.0 and told.media.period == 600 and told.media.heading == 10
        assert told.edit_hide
        stop = messages.EditMessage(peer=ann.peer(bob), id=mine.id, media=at(4.0, stopped=True))
        await ann(stop)
        assert await lives() == []
        await refused(ann(stop), "MEDIA_PREV_INVALID")

    run(story)


def test_voice_is_unread_until_heard_and_kinds_are_counted() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        audio = t.DocumentAttributeAudio(duration=3, voice=True, waveform=b"\1" * 999)
        film = t.DocumentAttributeVideo(duration=2.5, w=100, h=-5)
        lens = t.DocumentAttributeVideo(duration=2.5, w=100, h=100, round_message=True)
        await send(ann, bob, as_document(await put(ann, b"OggS"), audio, mime="audio/ogg"))
        note = await newest(bob, ann)
        assert note.media_unread and note.media.voice
        assert len(note.media.document.attributes[0].waveform) == 256
        await bob(messages.ReadMessageContents(id=[note.id]))
        assert not (await newest(bob, ann)).media_unread and not (await newest(ann, bob)).media_unread
        await send(ann, bob, as_document(await put(ann, b"x"), film, mime="video/mp4"))
        await send(ann, bob, as_document(await put(ann, b"x"), lens, mime="video/mp4"))
        await send(ann, bob, as_document(await put(ann, b"x"), film, mime="video/mp4", nosound_video=True))
        await send(ann, bob, as_document(await put(ann, b"x"), t.DocumentAttributeAudio(duration=1)))
        await send(ann, bob, as_document(await put(ann, b"x")))
        shown = await bob.history(ann, limit=5)
        assert [one.media.video for one in shown] == [False, False, False, True, True]
        assert [one.media.round for one in shown] == [False, False, False, True, False]
        filters = {
            t.InputMessagesFilterVoice: 1,
            t.InputMessagesFilterVideo: 1,
            t.InputMessagesFilterRoundVideo: 1,
            t.InputMessagesFilterGif: 1,
            t.InputMessagesFilterMusic: 1,
            t.InputMessagesFilterDocument: 1,
            t.InputMessagesFilterPhotos: 0,
        }
        asked = messages.GetSearchCounters(peer=bob.peer(ann), filters=[one() for one in filters])
        assert [one.count for one in await bob(asked)] == list(filters.values())

    run(story)


def test_file_references_of_scheduled_media_and_of_drafts() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        later = int(c.clock.now()) + 4 * limits.DAY
        file = as_document(await put(ann, b"later"))
        waits = await send(ann, bob, file, schedule_date=later)
        assert await fetch(ann, location(waits.media)) == b"later"
        c.clock.advance(limits.MEDIA_IDLE_SECONDS + 10)
        await sweep(c)
        c.clock.advance(4 * limits.DAY)
        await c.services.alarms.turn()
        await c.settle()
        theirs = await newest(bob, ann)
        assert await fetch(bob, location(theirs.media)) == b"later"

    run(story)


def test_6_3_what_may_not_be_forwarded_is_not_sent_by_reference_either() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        mine = await send(ann, bob, as_document(await put(ann, b"kept")), noforwards=True)
        theirs = await newest(bob, ann)
        assert theirs.noforwards and await fetch(bob, location(theirs.media), limit=4096) == b"kept"
        await refused(send(bob, eve, named(theirs.media)), "CHAT_FORWARDS_RESTRICTED")
        forward = messages.ForwardMessages(
            from_peer=bob.peer(ann), id=[theirs.id], random_id=[1], to_peer=bob.peer(eve)
        )
        await refused(bob(forward), "CHAT_FORWARDS_RESTRICTED")
        again = await send(ann, eve, named(mine.media))
        assert again.media.document.id == mine.media.document.id

    run(story)


def test_6_10_files_of_other_sites_are_not_fetched() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        for media in (
            t.InputMediaPhotoExternal(url="http://127.0.0.1/a.jpg"),
            t.InputMediaDocumentExternal(url="http://169.254.169.254/"),
        ):
            await refused(send(ann, bob, media), "EXTERNAL_URL_INVALID")
        where = t.InputWebFileGeoPointLocation(
            geo_point=t.InputGeoPoint(lat=1.0, long=1.0), access_hash=1, w=1, h=1, zoom=1, scale=1
        )
        await refused(ann(upload.GetWebFile(location=where, offset=0, limit=1)), "WEBFILE_NOT_AVAILABLE")

    run(story)


def test_a_repeated_send_is_one_message_with_its_first_file() -> None:
    async def story(c: Any, ann: Person, bob: Person, eve: Person) -> None:
        media = as_document(await put(ann, b"once"))
        first = await send(ann, bob, media, random_id=42)
        again = await send(ann, bob, media, random_id=42)
        assert again.id == first.id and again.media.document.id == first.media.document.id
        assert len(await bob.history(ann)) == 1

    run(story)
