"""Files over real clients: photo, album, large file, voice, refusals, parallel transfers, an upload that goes on."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from typing import Any

import pyrogram
import pytest
import telethon
from PIL import Image
from telethon.tl import functions, types

from tests.journeys.people import (
    kurigram_client,
    kurigram_knows,
    kurigram_sign_up,
    telethon_client,
    telethon_person,
)
from tests.journeys.scripted import scripted_person
from tests.journeys.test_scripted import CLIENTS
from tests.waiting import until

pytestmark = pytest.mark.asyncio

LARGE = int(os.environ.get("TGSERVE_TEST_LARGE_MIB", "25")) << 20


def picture(width: int = 900, height: int = 600, color: tuple[int, int, int] = (30, 90, 200)) -> io.BytesIO:
    data = io.BytesIO()
    Image.new("RGB", (width, height), color).save(data, "JPEG")
    data.seek(0)
    data.name = "picture.jpg"
    return data


def file_of(data: bytes, name: str) -> io.BytesIO:
    made = io.BytesIO(data)
    made.name = name
    return made


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def meet(one: Any, other: Any) -> Any:
    """`other` as `one` may write to him."""
    name = f"m{other.me.id}"
    await other(functions.account.UpdateUsernameRequest(name))
    return await one.get_entity(name)


async def test_telethon_sends_everything_and_its_receiver_has_it(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
        telethon_person(daemon, new_phone(), "Eve") as eve,
    ):
        peer = await meet(ann, bob)
        mine = await ann.send_file(peer, picture(), caption="a picture")
        photo = (await until(lambda: bob.heard))[-1]
        assert photo.photo and photo.raw_text == "a picture"
        data = await bob.download_media(photo, bytes)
        assert Image.open(io.BytesIO(data)).size == (900, 600)
        small = await bob.download_media(photo, bytes, thumb=1)
        assert max(Image.open(io.BytesIO(small)).size) <= 320

        album = await ann.send_file(
            peer, [picture(color=(9, 9, 9)), picture(color=(99, 9, 9)), picture(color=(9, 99, 9))]
        )
        assert len({one.grouped_id for one in album}) == 1 and album[0].grouped_id
        heard = await until(lambda: len(bob.heard) >= 4 and bob.heard[1:4])
        assert {one.grouped_id for one in heard} == {album[0].grouped_id}
        for one in heard:
            assert await bob.download_media(one, bytes)

        data = os.urandom(LARGE)
        await ann.send_file(peer, file_of(data, "large.bin"), force_document=True)
        large = (await until(lambda: len(bob.heard) >= 5 and bob.heard))[-1]
        assert large.file.name == "large.bin" and large.file.size == len(data)
        assert digest(await bob.download_media(large, bytes)) == digest(data)

        voice = os.urandom(20_000)
        await ann.send_file(
            peer,
            file_of(voice, "voice.ogg"),
            voice_note=True,
            attributes=[types.DocumentAttributeAudio(7, voice=True, waveform=b"\1" * 60)],
        )
        note = (await until(lambda: len(bob.heard) >= 6 and bob.heard))[-1]
        assert note.voice and note.media_unread and await bob.download_media(note, bytes) == voice
        await bob(functions.messages.ReadMessageContentsRequest([note.id]))
        assert not (await bob.get_messages(note.peer_id, ids=note.id)).media_unread

        with pytest.raises(telethon.errors.LocationInvalidError):
            await eve.download_media(photo, bytes)
        with pytest.raises(telethon.errors.LocationInvalidError):
            await eve.send_file("me", photo.media)

        kinds = [
            types.InputMessagesFilterPhotos(),
            types.InputMessagesFilterDocument(),
            types.InputMessagesFilterVoice(),
        ]

        async def counts() -> list[int]:
            found = await bob(functions.messages.GetSearchCountersRequest(note.peer_id, kinds))
            return [one.count for one in found]

        async def counted() -> bool:
            return await counts() == [4, 1, 1]

        await until(counted, pause=0.5)
        edited = await ann.edit_message(peer, mine.id, "another", file=picture(300, 300))
        assert edited.raw_text == "another"
        changed = await bob.get_messages(photo.peer_id, ids=photo.id)
        assert Image.open(io.BytesIO(await bob.download_media(changed, bytes))).size == (300, 300)
        forwarded = await bob.forward_messages("me", changed)
        assert await bob.download_media(forwarded, bytes)


async def test_eight_files_at_once(daemon, new_phone):
    async with telethon_person(daemon, new_phone(), "Ann") as ann:
        files = [os.urandom(1_500_000 + number) for number in range(8)]
        sent = await asyncio.gather(
            *(
                ann.send_file("me", file_of(data, f"{number}.bin"), force_document=True)
                for number, data in enumerate(files)
            )
        )
        came = await asyncio.gather(*(ann.download_media(one, bytes) for one in sent))
        assert [digest(one) for one in came] == [digest(one) for one in files]


async def test_a_client_killed_in_mid_upload_goes_on(daemon, new_phone):
    async with telethon_person(daemon, new_phone(), "Ann") as ann:
        data = os.urandom(3_000_000)
        part = 512 * 1024
        parts = [data[at : at + part] for at in range(0, len(data), part)]
        file_id = 4711
        for number in (0, 3, 1):
            assert await ann(
                functions.upload.SaveBigFilePartRequest(file_id, number, len(parts), parts[number])
            )
        await ann.disconnect()
        again = telethon_client(daemon, ann.session)
        await again.connect()
        for number in (5, 2, 3, 4):
            assert await again(
                functions.upload.SaveBigFilePartRequest(file_id, number, len(parts), parts[number])
            )
        file = types.InputFileBig(file_id, len(parts), "resumed.bin")
        sent = await again.send_file("me", file, force_document=True)
        assert digest(await again.download_media(sent, bytes)) == digest(data)
        await again.disconnect()


async def test_kurigram_sends_and_fetches(daemon, new_phone, folder):
    kim = kurigram_client(daemon, folder, "kim")
    await kurigram_sign_up(kim, daemon, new_phone(), "Kim")
    try:
        async with telethon_person(daemon, new_phone(), "Ann") as ann:
            await kim.set_username(f"kim{kim.me.id}")
            peer = await ann.get_entity(f"kim{kim.me.id}")
            await ann.send_message(peer, "hello")
            await kurigram_knows(kim, ann.me.id)
            photo = await kim.send_photo(ann.me.id, picture(), caption="one")
            came = (await until(lambda: [one for one in ann.heard if one.photo]))[-1]
            assert await ann.download_media(came, bytes)
            back = await kim.download_media(photo, in_memory=True)
            assert Image.open(io.BytesIO(bytes(back.getbuffer()))).size == (900, 600)
            album = await kim.send_media_group(
                ann.me.id,
                [
                    pyrogram.types.InputMediaPhoto(picture()),
                    pyrogram.types.InputMediaPhoto(picture(200, 200)),
                ],
            )
            assert len(album) == 2 and album[0].media_group_id == album[1].media_group_id
            data = os.urandom(LARGE // 2)
            document = await kim.send_document(ann.me.id, file_of(data, "large.bin"))
            back = await kim.download_media(document, in_memory=True)
            assert digest(bytes(back.getbuffer())) == digest(data)
            came = (await until(lambda: [one for one in ann.heard if one.document]))[-1]
            assert digest(await ann.download_media(came, bytes)) == digest(data)
            voice = await kim.send_voice(ann.me.id, file_of(os.urandom(9000), "v.ogg"), duration=3)
            assert voice.voice.duration == 3
    finally:
        await kim.terminate()
        await kim.disconnect()


@pytest.mark.parametrize("client", ["mtcute", "gramjs"])
async def test_scripted_clients_send_and_fetch(client, daemon, new_phone, folder):
    make, script = CLIENTS[client]
    command, env = make(script)
    (folder / "a.jpg").write_bytes(picture().read())
    (folder / "b.jpg").write_bytes(picture(300, 300).read())
    data = os.urandom(LARGE // 4)
    (folder / "large.bin").write_bytes(data)
    async with (
        scripted_person(command, daemon, new_phone(), "Nora", env) as nora,
        telethon_person(daemon, new_phone(), "Ann") as ann,
    ):
        await ann(functions.account.UpdateUsernameRequest(f"ann{ann.me.id}"))
        await nora.say("username", username=f"nora{nora.id}")
        await nora.say("file", to=f"ann{ann.me.id}", path=str(folder / "a.jpg"), photo=True)
        photo = (await until(lambda: ann.heard))[-1]
        assert Image.open(io.BytesIO(await ann.download_media(photo, bytes))).size == (900, 600)
        await nora.say("file", to=f"ann{ann.me.id}", path=str(folder / "large.bin"), photo=False)
        large = (await until(lambda: len(ann.heard) == 2 and ann.heard))[-1]
        assert digest(await ann.download_media(large, bytes)) == digest(data)
        await nora.say("fetch", of=f"ann{ann.me.id}", path=str(folder / "back.bin"))
        await until(lambda: digest((folder / "back.bin").read_bytes()) == digest(data))  # it flushes late
        await nora.say("album", to=f"ann{ann.me.id}", paths=[str(folder / "a.jpg"), str(folder / "b.jpg")])
        album = (await until(lambda: len(ann.heard) == 4 and ann.heard))[-2:]
        assert album[0].grouped_id == album[1].grouped_id is not None
        await ann.send_file(f"nora{nora.id}", file_of(data[:700_000], "back.bin"), force_document=True)
        await until(lambda: nora.heard)
        await nora.say("fetch", of=f"ann{ann.me.id}", path=str(folder / "again.bin"))
        await until(lambda: digest((folder / "again.bin").read_bytes()) == digest(data[:700_000]))
