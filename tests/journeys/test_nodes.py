"""Telethon over two nodes: where it is sent, messages between people of both, files that lie at the other."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import telethon
from telethon import functions, types
from telethon.sessions import MemorySession

from tests.journeys import nodes
from tests.journeys.daemon import Daemon
from tests.journeys.people import telethon_client, telethon_person, telethon_sign_up
from tests.waiting import until

pytestmark = pytest.mark.asyncio

ANN, BOB = "+99966210001", "+99966210002"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Daemon]]:
    """DC 2, where Ann is at home, and DC 4, where Bob is; both have usernames."""
    with nodes.pair(tmp_path_factory.mktemp("nodes")) as found:
        asyncio.run(_people(*found))
        yield found
        for daemon in found:
            assert daemon.faults() == []


async def _people(two: Daemon, four: Daemon) -> None:
    async with (
        telethon_person(two, ANN, "Ann") as ann,
        telethon_person(four, BOB, "Bob", session=at(four, 4)) as bob,
    ):
        await ann(functions.account.UpdateUsernameRequest("ann_of_two"))
        await bob(functions.account.UpdateUsernameRequest("bob_of_four"))


def at(daemon: Daemon, dc: int) -> MemorySession:
    session = MemorySession()
    session.set_dc(dc, daemon.host, daemon.port)
    return session


async def test_a_client_is_led_to_the_node_of_its_account(both):
    two, four = both
    async with telethon_person(four, BOB, "Bob", session=at(four, 4)) as bob:
        assert bob.me.id >> 35 == 4
        config = await bob(functions.help.GetConfigRequest())
        assert config.this_dc == 4
        ports = {option.id: option.port for option in config.dc_options}
        assert ports == {1: two.port, 2: two.port, 3: two.port, 4: four.port, 5: two.port}
        # The same person with a new client that knows DC 2 alone.
        other = telethon_client(two, at(two, 2))
        me = await telethon_sign_up(other, four, BOB, "Bob")
        assert (me.id, other.session.dc_id, other.session.port) == (bob.me.id, 4, four.port)
        await other.disconnect()


async def test_messages_between_people_of_two_nodes(both):
    two, four = both
    async with (
        telethon_person(two, ANN, "Ann") as ann,
        telethon_person(four, BOB, "Bob", session=at(four, 4)) as bob,
    ):
        found = await ann.get_entity("bob_of_four")
        assert (found.id, found.first_name, found.phone) == (bob.me.id, "Bob", None)
        sent = await ann.send_message(found, "hello across")
        heard = await heard_by(bob)
        assert (heard.text, heard.sender_id) == ("hello across", ann.me.id)
        assert (await heard.get_sender()).first_name == "Ann"
        await bob.send_read_acknowledge(heard.chat_id, heard)
        answer = await heard.reply("and back")
        back = await heard_by(ann)
        assert (back.text, back.reply_to.reply_to_msg_id) == ("and back", sent.id)
        read = (await ann(functions.messages.GetPeerDialogsRequest([found]))).dialogs[0]
        assert read.read_outbox_max_id == sent.id
        # Edits and deletions follow, both ways.
        await ann.edit_message(found, sent, "hello again")
        await until_text(bob, ann.me.id, heard.id, "hello again")
        await answer.delete()
        await gone(ann, found, back.id)
        await ann.delete_messages(found, [sent.id], revoke=True)
        await gone(bob, ann.me.id, heard.id)
        # A name that changes at home is seen elsewhere.
        await bob(functions.account.UpdateProfileRequest(first_name="Robert"))

        async def renamed() -> bool:
            return (await ann(functions.users.GetUsersRequest([found])))[0].first_name == "Robert"

        await until(renamed)


async def heard_by(client):
    """The first message that came from a person."""
    people = await until(lambda: [one for one in client.heard if one.sender_id != 777000])
    return people[0]


async def until_text(client, chat, msg_id: int, text: str) -> None:
    async def there() -> bool:
        return (await client.get_messages(chat, ids=msg_id)).text == text

    await until(there)


async def gone(client, chat, msg_id: int) -> None:
    async def away() -> bool:
        return await client.get_messages(chat, ids=msg_id) is None

    await until(away)


async def test_files_lie_at_the_node_of_who_sent_them(both, tmp_path: Path):
    two, four = both
    data = os.urandom(700_000)
    path = tmp_path / "across.bin"
    path.write_bytes(data)
    async with (
        telethon_person(two, ANN, "Ann") as ann,
        telethon_person(four, BOB, "Bob", session=at(four, 4)) as bob,
    ):
        ann_there = await bob.get_entity("ann_of_two")
        sent = await bob.send_file(ann_there, path)
        assert sent.document.dc_id == 4
        heard = await heard_by(ann)
        assert heard.document.dc_id == 4
        place = types.InputDocumentFileLocation(
            heard.document.id, heard.document.access_hash, heard.document.file_reference, ""
        )
        with pytest.raises(telethon.errors.FileMigrateError) as told:
            await ann(functions.upload.GetFileRequest(place, 0, 4096))
        assert told.value.new_dc == 4
        loaded = await ann.download_media(heard, bytes)
        assert hashlib.sha256(loaded).digest() == hashlib.sha256(data).digest()
        # The same file handed on by her is still fetched where it lies, also when the first message is gone.
        kept = await heard.forward_to("me")
        await sent.delete()
        await gone(ann, bob.me.id, heard.id)
        assert await ann.download_media(kept, bytes) == data
        # A photo of his is seen by her, and fetched there.
        from PIL import Image

        face = tmp_path / "face.jpg"
        Image.new("RGB", (300, 300), (10, 200, 30)).save(face)
        await bob(functions.photos.UploadProfilePhotoRequest(file=await bob.upload_file(face)))

        async def seen() -> bool:
            return (await ann.get_entity(heard.sender_id)).photo is not None

        await until(seen)
        assert (await ann.get_entity(heard.sender_id)).photo.dc_id == 4
        assert (await ann.download_profile_photo(heard.sender_id, bytes))[:2] == b"\xff\xd8"
        calls = four.calls()
        assert calls["auth.importAuthorization"] >= 1 and calls["upload.getFile"] >= 2


async def test_what_is_sent_while_a_node_is_away_arrives_once_in_order(both):
    two, four = both
    async with telethon_person(two, ANN, "Ann") as ann:
        bob_there = await ann.get_entity("bob_of_four")
        four.kill()
        for number in range(5):
            await ann.send_message(bob_there, f"late {number}")

        async def noticed() -> bool:  # a message comes into the queue of its node by a commit of its own
            row = await asyncio.to_thread(lambda: nodes.rows(two)[4])
            return row["waiting"] >= 5 and row["state"] == "away"

        await until(noticed)
        two.kill()
        four.start()
        two.start()
        nodes.connected(two, four)
        async with telethon_person(four, BOB, "Bob", session=at(four, 4)) as bob:

            async def came() -> bool:
                texts = [m.text for m in await bob.get_messages("ann_of_two", limit=10)]
                return [text for text in texts if text.startswith("late")] == [
                    f"late {n}" for n in (4, 3, 2, 1, 0)
                ]

            await until(came)
        await until(lambda: asyncio.to_thread(lambda: nodes.rows(two)[4]["waiting"] == 0))


async def test_a_node_killed_again_and_again_loses_and_doubles_nothing(both):
    """SECURITY 8.4: each message across once, in its sender's order, whatever moment the other node dies at."""
    two, four = both
    async with (
        telethon_person(two, ANN, "Ann") as ann,
        telethon_person(four, BOB, "Bob", session=at(four, 4)) as bob,
    ):
        ways = (
            (ann, await ann.get_entity("bob_of_four"), four),
            (bob, await bob.get_entity("ann_of_two"), two),
        )
        for name, (sender, receiver, other) in zip("xy", ways, strict=True):
            sending = asyncio.create_task(send_all(sender, receiver, [f"{name}{n}" for n in range(60)]))
            for _ in range(3):
                await asyncio.sleep(0.15)
                other.kill()
                other.start()
            await sending
        nodes.connected(two, four)
        for name, reader, chat in (("x", bob, ann.me.id), ("y", ann, bob.me.id)):
            wanted = [f"{name}{n}" for n in range(60)]

            async def all_there(reader=reader, chat=chat, name=name, wanted=wanted) -> bool:
                texts = [one.text for one in await reader.get_messages(chat, limit=200)][::-1]
                return [text for text in texts if text and text.startswith(name)] == wanted

            await until(all_there)
    await until(lambda: asyncio.to_thread(lambda: nodes.rows(two)[4]["waiting"] == 0))
    for daemon in both:
        assert daemon.stop() == 0
        daemon.run("check")
        daemon.start()


async def send_all(client, chat, texts: list[str]) -> None:
    for text in texts:
        await client.send_message(chat, text)
        await asyncio.sleep(0.02)
