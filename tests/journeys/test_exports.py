"""Exports of accounts and chats in Telegram Desktop's format, and chats of such exports brought in; seen by Telethon."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess

import pytest
from PIL import Image
from telethon.sessions import MemorySession
from telethon.tl import functions as f
from telethon.tl import types as t

from cli.client import call
from tests.journeys.conftest import SETTINGS
from tests.journeys.daemon import ROOT, Daemon
from tests.journeys.people import telethon_client, telethon_person, telethon_sign_up
from tests.waiting import until
from tgserve.admin.schema.jobs import JobShow


async def run(daemon, *arguments):
    return json.loads(await asyncio.to_thread(daemon.run, *arguments, "--json"))


def picture(colour="red", side=320):
    data = io.BytesIO()
    Image.new("RGB", (side, side // 2), colour).save(data, "JPEG")
    data.name = "picture.jpg"
    data.seek(0)
    return data


def named(data, name):
    file = io.BytesIO(data)
    file.name = name
    return file


async def together(ann, bob, name):
    await bob(f.account.UpdateUsernameRequest(name))
    return await ann.get_entity(name)


def chat_of(result, kind):
    return next(chat for chat in result["chats"]["list"] if chat["type"] == kind)


def said(chat):
    return [one for one in chat["messages"] if one["type"] == "message"]


@pytest.mark.asyncio
async def test_an_account_is_exported_as_desktop_does(daemon, new_phone, folder):
    phone = new_phone()
    async with (
        telethon_person(daemon, phone, "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        peer = await together(ann, bob, f"bobx{bob.me.id}")
        first = await ann.send_message(
            peer, "**bold** 🙂 and [link](https://example.org/a) #tag", parse_mode="md"
        )
        await ann.send_message(peer, "an answer", reply_to=first.id)
        await ann.send_file(peer, picture(), caption="look")
        document = bytes(range(256)) * 5000
        await ann.send_file(peer, named(document, "../data.bin"), force_document=True)
        voice = [t.DocumentAttributeAudio(duration=3, voice=True)]
        await ann.send_file(
            peer, named(b"OggS" + bytes(500), "v.ogg"), attributes=voice, mime_type="audio/ogg"
        )
        await ann.send_message(peer, file=t.InputMediaGeoPoint(t.InputGeoPoint(52.5, 13.4)))
        await ann.send_message("me", "for myself")
        edited = await ann.send_message(peer, "before")
        await asyncio.sleep(1.1)
        await ann.edit_message(peer, edited.id, "after")
        await ann.forward_messages("me", [first.id], peer)
        await until(lambda: len(bob.heard) >= 6)
        await ann(f.contacts.AddContactRequest(peer, "Bobby", "B", ""))
        group = (await ann(f.messages.CreateChatRequest([peer], "Basses"))).updates.chats[0]
        await ann.send_message(t.PeerChat(group.id), "in the group")
        channel = (await ann(f.channels.CreateChannelRequest("News", "", broadcast=True))).chats[0]
        await ann.send_message(channel, "first post")

        done = await run(daemon, "user", "export", phone, str(folder / "out"))
        assert done["state"] == "done" and done["done"] == done["total"] > 10, done
        assert "5 chats" in done["note"] or "4 chats" in done["note"]
        result = json.loads((folder / "out/result.json").read_text())
        own = result["personal_information"]
        assert (own["user_id"], own["first_name"], own["phone_number"]) == (ann.me.id, "Ann", phone)
        (contact,) = result["contacts"]["list"]
        assert (contact["first_name"], contact["user_id"]) == ("Bobby", bob.me.id)
        assert len(result["sessions"]["list"]) == 1

        personal = chat_of(result, "personal_chat")
        assert (personal["name"], personal["id"]) == ("Bob T", bob.me.id)
        ours = said(personal)
        assert [one["id"] for one in ours] == sorted(one["id"] for one in ours)
        styled = ours[0]
        assert (styled["from"], styled["from_id"]) == ("Ann T", f"user{ann.me.id}")
        assert styled["date_unixtime"] == str(int(first.date.timestamp()))
        assert [(part["type"], part["text"]) for part in styled["text_entities"]] == [
            ("bold", "bold"),
            ("plain", " 🙂 and "),
            ("text_link", "link"),
            ("plain", " "),
            ("hashtag", "#tag"),
        ]
        assert (
            styled["text"][1] == " 🙂 and " and styled["text_entities"][2]["href"] == "https://example.org/a"
        )
        assert ours[1]["text"] == "an answer" and ours[1]["reply_to_message_id"] == first.id
        assert ours[2]["text"] == "look" and (ours[2]["width"], ours[2]["height"]) == (320, 160)
        shown = folder / "out" / ours[2]["photo"]
        assert Image.open(shown).size == (320, 160) and shown.stat().st_size == ours[2]["photo_file_size"]
        assert (folder / "out" / ours[3]["file"]).read_bytes() == document
        assert ours[3]["file"].startswith("chats/") and "/files/" in ours[3]["file"]
        assert (ours[4]["media_type"], ours[4]["duration_seconds"]) == ("voice_message", 3)
        assert ours[5]["location_information"] == {"latitude": 52.5, "longitude": 13.4}
        assert ours[6]["text"] == "after" and ours[6]["edited_unixtime"]
        forwarded = said(chat_of(result, "saved_messages"))[-1]
        assert forwarded["forwarded_from"] == "Ann T"
        basses = chat_of(result, "private_group")
        assert (
            basses["messages"][0]["action"] == "create_group" and basses["messages"][0]["title"] == "Basses"
        )
        assert said(basses)[0]["text"] == "in the group"
        news = chat_of(result, "private_channel")
        assert news["messages"][0]["action"] == "create_channel"
        assert said(news)[0]["from"] == "News" and said(news)[0]["from_id"] == f"channel{channel.id}"
        assert not list(folder.rglob("*.part"))

        await run(daemon, "channel", "export", str(channel.id), str(folder / "news"), "--no-media")
        one = json.loads((folder / "news/result.json").read_text())
        assert (one["name"], one["type"], one["id"]) == ("News", "private_channel", channel.id)
        assert one["messages"] == news["messages"]


@pytest.mark.asyncio
async def test_an_export_comes_into_a_group_once(daemon, new_phone, folder):
    phone = new_phone()
    async with (
        telethon_person(daemon, phone, "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        peer = await together(ann, bob, f"boby{bob.me.id}")
        first = await ann.send_message(peer, "__first__ of all")
        await ann.send_message(peer, "an answer", reply_to=first.id)
        await ann.send_message(peer, "twice")
        await ann.send_message(peer, "twice")
        await ann.send_file(peer, picture("blue"), caption="blue")
        document = bytes(range(256)) * 3000
        await ann.send_file(peer, named(document, "data.bin"), force_document=True)
        await run(daemon, "user", "export", phone, str(folder / "out"))
        group = (await ann(f.channels.CreateChannelRequest("Old times", "", megagroup=True))).chats[0]
        command = ("channel", "import", str(folder / "out"), "--into", str(group.id))
        done = await run(daemon, *command)
        assert done["note"].startswith("6 messages imported"), done
        found = [one async for one in ann.iter_messages(group, reverse=True) if not one.action]
        assert [one.message for one in found] == ["first of all", "an answer", "twice", "twice", "blue", ""]
        for one in found:
            assert one.fwd_from.imported and one.fwd_from.from_name == "Ann T"
            assert one.fwd_from.date >= first.date and one.silent
        assert found[0].fwd_from.date == first.date
        assert isinstance(found[0].entities[0], t.MessageEntityItalic)
        assert found[1].reply_to.reply_to_msg_id == found[0].id
        assert Image.open(io.BytesIO(await found[4].download_media(bytes))).size == (320, 160)
        assert await found[5].download_media(bytes) == document and found[5].file.name == "data.bin"

        again = await run(daemon, *command)
        assert again["note"].startswith("0 messages imported, 6 were there already"), again
        await ann.delete_messages(group, [found[2].id])
        await run(daemon, *command)
        texts = [one.message async for one in ann.iter_messages(group, reverse=True) if not one.action]
        assert texts.count("twice") <= 2 and len(texts) in (5, 6)
        report = await run(daemon, "check")
        assert report["problems"] == []


@pytest.mark.asyncio
async def test_into_a_private_chat_and_a_channel(daemon, new_phone, folder):
    (folder / "in").mkdir()
    messages = [
        {"id": 5, "type": "message", "date": "2019-05-01T12:00:00", "from": "Old Friend", "text": "hello"},
        {"id": 6, "type": "service", "date": "2019-05-01T12:01:00", "action": "phone_call", "text": ""},
        {
            "id": 7,
            "type": "message",
            "date": "2019-05-02T12:00:00",
            "from": None,
            "text": ["a ", {"type": "bold", "text": "b"}],
        },
        {
            "id": 8,
            "type": "message",
            "date": "2019-05-03T12:00:00",
            "from": "Old Friend",
            "photo": "(File not included. Change data exporting settings to download.)",
            "text": "",
        },
    ]
    broken = {
        "photo": {"photo": "broken.bin"},
        "sticker": {"file": "broken.bin", "media_type": "sticker", "mime_type": "image/webp"},
        "animated sticker": {
            "file": "broken.bin",
            "media_type": "sticker",
            "mime_type": "application/x-tgsticker",
        },
        "video": {
            "file": "broken.bin",
            "media_type": "video_file",
            "mime_type": "video/mp4",
            "duration_seconds": "x",
        },
        "voice": {"file": "broken.bin", "media_type": "voice_message", "duration_seconds": 1e300},
        "nothing": {"file": "broken.bin", "media_type": 5, "mime_type": {}, "file_name": "../../x"},
    }
    (folder / "in/broken.bin").write_bytes(b"not what it seems" * 100)
    for number, (word, said) in enumerate(broken.items(), 100):
        date = {"date": "2019-05-04T12:00:00", "date_unixtime": "1556971200"}
        messages.append({"id": number, "type": "message", **date, "from": "Old", "text": word, **said})
    whole = {"name": "Old Friend", "type": "personal_chat", "id": 1, "messages": messages}
    (folder / "in/result.json").write_text(json.dumps(whole))
    phone = new_phone()
    async with (
        telethon_person(daemon, phone, "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        peer = await together(ann, bob, f"bobz{bob.me.id}")
        into = f"@bobz{bob.me.id}"
        done = await run(daemon, "channel", "import", str(folder / "in"), "--into", into, "--as", phone)
        assert done["note"] == "9 messages imported, 1 service messages left out, 1 files not in the export"
        await until(lambda: len(bob.heard) == 9)
        assert [(one.message, one.fwd_from.from_name) for one in bob.heard[:3]] == [
            ("hello", "Old Friend"),
            ("a b", "Deleted Account"),
            ("[photo]", "Old Friend"),
        ]
        assert bob.heard[0].fwd_from.date.year == 2019 and bob.heard[0].date.year > 2019
        channel = (await ann(f.channels.CreateChannelRequest("News", "", broadcast=True))).chats[0]
        await run(daemon, "channel", "import", str(folder / "in"), "--into", str(channel.id))
        posts = [one.message async for one in ann.iter_messages(channel, reverse=True) if not one.action]
        assert posts == ["hello", "a b", "[photo]", *broken]
        for one in bob.heard[3:]:
            assert one.document and await one.download_media(bytes) == b"not what it seems" * 100
        assert bob.heard[-1].file.name == "x"
        assert peer.id == bob.me.id


def test_what_cannot_be_done_says_why(daemon, new_phone, folder):
    phone, other = new_phone(), new_phone()
    daemon.run("user", "create", phone, "Ann", "--username", f"ann{phone[-8:]}")
    daemon.run("user", "create", other, "Bob")
    (folder / "full").mkdir()
    (folder / "full/x").write_text("x")
    (folder / "file").write_text("x")
    (folder / "in").mkdir()
    (folder / "in/result.json").write_text("{")
    for arguments, text in (
        (("user", "export", "@nobody77", str(folder / "a")), "nobody here is @nobody77"),
        (("user", "export", phone, str(folder / "full")), "is not empty"),
        (("user", "export", phone, str(folder / "file")), "is no folder"),
        (("user", "export", phone, str(folder / "no/such")), "is not there"),
        (("user", "export", phone, "/proc/x"), "/proc"),
        (("channel", "export", "@nobody77", str(folder / "a")), "no group or channel is"),
        (("channel", "import", str(folder / "in"), "--into", "@nobody77"), "no group or channel is"),
        (("channel", "import", str(folder / "in"), "--into", other), "is a person: --as"),
        (("channel", "import", str(folder / "in"), "--into", other, "--as", phone), "is no JSON"),
        (("channel", "import", str(folder / "full"), "--into", other, "--as", phone), "there is no"),
    ):
        done = subprocess.run(daemon.command(*arguments), cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 1 and text in done.stderr, (arguments, done.stderr)
    assert not (folder / "a").exists()
    done = subprocess.run(daemon.command("channel", "import", "x"), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2


def test_an_import_cut_by_kill_9_is_finished_by_the_next(tmp_path, new_phone):
    """Whatever had come in, nothing comes twice and nothing is missing, in the order of the export."""
    count = 1500
    (tmp_path / "in").mkdir()
    messages = [
        {
            "id": number,
            "type": "message",
            "date_unixtime": "1500000000",
            "from": "Ann",
            "text": f"message {number // 2}",
        }
        for number in range(1, count + 1)
    ]
    whole = {"name": "Old", "type": "private_group", "id": 1, "messages": messages}
    (tmp_path / "in/result.json").write_text(json.dumps(whole))
    server = Daemon(tmp_path / "data", config=SETTINGS).start()
    session = MemorySession()
    session.set_dc(2, server.host, server.port)
    client = telethon_client(server, session)

    async def make():
        await telethon_sign_up(client, server, new_phone(), "Ann")
        made = (await client(f.channels.CreateChannelRequest("Old", "", megagroup=True))).chats[0]
        await client.disconnect()
        return made.id

    async def texts(group):
        again = telethon_client(server, session)
        await again.connect()
        entity = next(one.entity for one in await again.get_dialogs() if one.entity.id == group)
        found = [one.message async for one in again.iter_messages(entity, reverse=True) if not one.action]
        await again.disconnect()
        return found

    try:
        group = asyncio.run(make())
        command = ("channel", "import", str(tmp_path / "in"), "--into", str(group))
        for wanted in (200, 600):
            began = json.loads(server.run(*command, "--no-wait", "--json"))
            while True:
                job = call(server.data, JobShow(began["id"]))
                if job.done >= wanted or job.state != "running":
                    break
            server.kill()
            server.start()
        partly = asyncio.run(texts(group))
        assert 200 <= len(partly) < count, "cut on its way"
        server.run(*command)
        whole = asyncio.run(texts(group))
        assert whole == [one["text"] for one in messages] and whole[: len(partly)] == partly
        assert json.loads(server.run("check", "--json"))["problems"] == []
        assert not server.faults()
    finally:
        server.end()
