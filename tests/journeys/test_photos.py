"""Photos of people and groups through real clients: put up, seen and downloaded by others, hidden, replaced, deleted."""

from __future__ import annotations

import io
from pathlib import Path

import pyrogram
import pytest
import telethon
from PIL import Image
from pyrogram.raw.functions.photos import DeletePhotos, GetUserPhotos
from pyrogram.raw.types import InputPhoto, InputUserSelf
from pyrogram.types import InputChatPhotoStatic
from telethon import errors
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.imaging.films import film
from tests.imaging.test_pictures import image_of, picture
from tests.journeys.people import kurigram_client, kurigram_sign_up, telethon_person
from tests.journeys.tdlib import VERSIONS, Client, befriend
from tests.journeys.test_groups import deeds_of, known
from tests.journeys.test_telethon import meet
from tests.waiting import until, until_now

RED, BLUE, GREEN = (200, 0, 0), (0, 0, 200), (0, 200, 0)


def near(data: bytes, colour: tuple[int, int, int]) -> bool:
    pixel = image_of(data).getpixel((30, 30))
    return all(abs(one - other) < 30 for one, other in zip(pixel, colour, strict=True))


async def put_up(client: telethon.TelegramClient, colour: object, **options: object):
    file = await client.upload_file(picture(640, 640, colour=colour), file_name="me.jpg")
    return (await client(f.photos.UploadProfilePhotoRequest(file=file, **options))).photo


@pytest.mark.asyncio
async def test_profile_photos_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        await meet(ann, bob)
        her = await known(bob, ann)
        news = []

        async def on_user(update):
            if isinstance(update, t.UpdateUser) and update.user_id == ann.me.id:
                news.append(update)

        bob.add_event_handler(on_user, telethon.events.Raw())
        first = await put_up(ann, RED)
        assert await until(lambda: news)
        entity = await bob.get_entity(her)
        assert entity.photo.photo_id == first.id
        stripped = telethon.utils.stripped_photo_to_jpg(entity.photo.stripped_thumb)
        assert near(bytes(stripped), RED)
        big = await bob.download_profile_photo(entity, bytes)
        small = await bob.download_profile_photo(entity, bytes, download_big=False)
        assert image_of(big).size == (640, 640) and image_of(small).size == (160, 160)
        assert near(big, RED) and near(small, RED)
        second = await put_up(ann, BLUE)
        photos = await bob.get_profile_photos(her)
        assert [one.id for one in photos] == [second.id, first.id]
        assert near(await bob.download_media(photos[1], bytes), RED)
        # hidden from Bob: gone everywhere
        key = t.InputPrivacyKeyProfilePhoto()
        him = telethon.utils.get_input_user(await known(ann, bob))
        rules = [t.InputPrivacyValueDisallowUsers([him]), t.InputPrivacyValueAllowAll()]
        await ann(f.account.SetPrivacyRequest(key, rules))
        assert (await bob.get_entity(her)).photo is None
        assert len(await bob.get_profile_photos(her)) == 0
        with pytest.raises(errors.RPCError):
            await bob.download_media(photos[0], bytes)
        fallback = await put_up(ann, GREEN, fallback=True)
        seen = await bob.get_entity(her)
        assert seen.photo.photo_id == fallback.id
        assert near(await bob.download_profile_photo(seen, bytes), GREEN)
        await ann(f.account.SetPrivacyRequest(key, [t.InputPrivacyValueAllowAll()]))
        mine = await ann.get_profile_photos("me")
        gone = await ann(f.photos.DeletePhotosRequest([telethon.utils.get_input_photo(one) for one in mine]))
        assert gone == [second.id, first.id]
        assert (await bob.get_entity(her)).photo.photo_id == fallback.id


@pytest.mark.asyncio
async def test_bad_photos_in_telethon(daemon, new_phone):
    """Issue 4, bad input"""
    async with telethon_person(daemon, new_phone(), "Ann") as ann:
        for data, error in (
            (b"no image at all" * 50, errors.ImageProcessFailedError),
            (picture(900, 900)[:3000], errors.ImageProcessFailedError),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", errors.PhotoExtInvalidError),
            (picture(100, 100), errors.PhotoCropSizeSmallError),
        ):
            file = await ann.upload_file(data, file_name="x.jpg")
            with pytest.raises(error):
                await ann(f.photos.UploadProfilePhotoRequest(file=file))
        assert (await ann.get_me()).photo is None
        assert (await put_up(ann, RED)).id


@pytest.mark.asyncio
async def test_the_photo_of_a_group_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        await meet(ann, bob)
        saw = deeds_of(bob)
        made = await ann(f.messages.CreateChatRequest([await known(ann, bob)], "Friends"))
        chat = made.updates.chats[0].id
        await until(lambda: saw)
        file = await ann.upload_file(picture(640, 640, colour=RED), file_name="group.jpg")
        await ann(f.messages.EditChatPhotoRequest(chat, t.InputChatUploadedPhoto(file=file)))
        action = await until(lambda: [one for one in saw if isinstance(one, t.MessageActionChatEditPhoto)])
        assert near(await bob.download_media(action[0].photo, bytes), RED)
        entity = await bob.get_entity(-chat)
        assert entity.photo.photo_id == action[0].photo.id
        assert near(await bob.download_profile_photo(entity, bytes), RED)
        await bob(f.messages.EditChatPhotoRequest(chat, t.InputChatPhotoEmpty()))
        assert isinstance((await ann.get_entity(-chat)).photo, t.ChatPhotoEmpty)


@pytest.mark.asyncio
async def test_photos_in_kurigram(daemon, new_phone, folder):
    client = kurigram_client(daemon, folder, "kim")
    await kurigram_sign_up(client, daemon, new_phone(), "Kim")
    try:
        async with telethon_person(daemon, new_phone(), "Ann") as ann:
            await client.set_username(f"kimp{client.me.id}")
            kim = await ann.get_entity(f"kimp{client.me.id}")
            blue = io.BytesIO(picture(640, 640, colour=BLUE))
            await client.set_profile_photo(photo=InputChatPhotoStatic(blue))
            kim = await ann.get_entity(kim.id)
            assert near(await ann.download_profile_photo(kim, bytes), BLUE)
            await put_up(ann, RED)
            await ann.send_message(kim, "look")

            async def known():
                try:
                    return await client.get_users(ann.me.id)
                except pyrogram.errors.PeerIdInvalid:  # until the message is there
                    return None

            her = await until(known)
            data = await client.download_media(her.photo.big_file_id, in_memory=True)
            assert near(data.getvalue(), RED)
            data = await client.download_media(her.photo.small_file_id, in_memory=True)
            assert image_of(data.getvalue()).size == (160, 160)
            photos = [one async for one in client.get_chat_photos(ann.me.id)]
            assert len(photos) == 1
            assert near((await client.download_media(photos[0], in_memory=True)).getvalue(), RED)
            # its own delete_profile_photos takes file ids that it makes of no profile photo
            own = await client.invoke(GetUserPhotos(user_id=InputUserSelf(), offset=0, max_id=0, limit=9))
            one = own.photos[0]
            named = InputPhoto(id=one.id, access_hash=one.access_hash, file_reference=one.file_reference)
            assert await client.invoke(DeletePhotos(id=[named])) == [one.id]
            assert (await ann.get_entity(kim.id)).photo is None
    finally:
        await client.terminate()
        await client.disconnect()


# -- TDLib ------------------------------------------------------------------------------------------------------------


def static(path: str) -> dict:
    return {"@type": "inputChatPhotoStatic", "photo": {"@type": "inputFileLocal", "path": path}}


@pytest.fixture
def drawing(tmp_path):
    """A file with a square of one colour."""

    def make(name: str, colour: object) -> str:
        path = tmp_path / f"{name}.jpg"
        Image.new("RGB", (640, 640), colour).save(path)
        return str(path)

    return make


def download(client: Client, file: dict) -> bytes:
    done = client.call("downloadFile", file_id=file["id"], priority=1, offset=0, limit=0, synchronous=True)
    assert done["local"]["is_downloading_completed"]
    return Path(done["local"]["path"]).read_bytes()


def shows(client: Client, user_id: int, mark: int, present: bool = True) -> dict:
    """The photo of a user, when an update brings one (or takes it away)."""
    found = client.wait(
        lambda u: (
            u["@type"] == "updateUser"
            and u["user"]["id"] == user_id
            and ("profile_photo" in u["user"]) is present
        ),
        since=mark,
    )
    return found["user"].get("profile_photo", {})


def profile(client: Client, user_id: int, fits, kind="getUserFullInfo", asked=None) -> dict:
    """userFullInfo once it fits: TDLib answers with what it has, and asks for what is new."""

    def once() -> dict | None:
        full = client.call(kind, **(asked or {"user_id": user_id}))
        return full if fits(full) else None

    return until_now(once)


@pytest.mark.parametrize("version", VERSIONS)
def test_profile_photos_in_tdlib(person, no_errors, drawing, version):
    ann, bob = person(version, "Ann"), person(version, "Bob")
    befriend(bob, ann)
    befriend(ann, bob)
    mark = len(bob.updates)
    ann.call("setProfilePhoto", photo=static(drawing("red", RED)), is_public=False)
    photo = shows(bob, ann.me["id"], mark)
    assert near(download(bob, photo["small"]), RED) and near(download(bob, photo["big"]), RED)
    assert photo["minithumbnail"]["width"] == 40
    mark = len(bob.updates)
    ann.call("setProfilePhoto", photo=static(drawing("blue", BLUE)), is_public=False)
    shows(bob, ann.me["id"], mark)
    photos = bob.call("getUserProfilePhotos", user_id=ann.me["id"], offset=0, limit=10)
    assert photos["total_count"] == 2
    assert near(download(bob, photos["photos"][0]["sizes"][-1]["photo"]), BLUE)
    assert near(download(bob, photos["photos"][1]["sizes"][-1]["photo"]), RED)
    newest = photos["photos"][0]["id"]
    profile(bob, ann.me["id"], lambda full: full.get("photo", {}).get("id") == newest)
    # hidden, with something for those who may not see it
    ann.call("setProfilePhoto", photo=static(drawing("green", GREEN)), is_public=True)
    rules = [
        {"@type": "userPrivacySettingRuleRestrictUsers", "user_ids": [bob.me["id"]]},
        {"@type": "userPrivacySettingRuleAllowAll"},
    ]
    setting = {"@type": "userPrivacySettingShowProfilePhoto"}
    ann.call(
        "setUserPrivacySettingRules",
        setting=setting,
        rules={"@type": "userPrivacySettingRules", "rules": rules},
    )
    mark = len(bob.updates)
    ann.call("setName", first_name="Anna", last_name="T")
    photo = shows(bob, ann.me["id"], mark)
    assert near(download(bob, photo["big"]), GREEN)
    profile(bob, ann.me["id"], lambda full: "photo" not in full and "public_photo" in full)
    mine = ann.call("getUserProfilePhotos", user_id=ann.me["id"], offset=0, limit=10)
    for one in mine["photos"]:
        ann.call("deleteProfilePhoto", profile_photo_id=one["id"])
    mine = ann.call("getUserProfilePhotos", user_id=ann.me["id"], offset=0, limit=10)
    assert mine["total_count"] == 0
    public = profile(ann, ann.me["id"], lambda full: "public_photo" in full)["public_photo"]
    mark = len(bob.updates)
    ann.call("deleteProfilePhoto", profile_photo_id=public["id"])
    shows(bob, ann.me["id"], mark, present=False)


@pytest.mark.parametrize("version", VERSIONS)
def test_photos_of_contacts_and_groups_in_tdlib(person, no_errors, drawing, version):
    ann, bob = person(version, "Ann"), person("1.8.69", "Bob")
    befriend(bob, ann)
    chat = befriend(ann, bob)
    mark = len(ann.updates)
    ann.call("setUserPersonalProfilePhoto", user_id=bob.me["id"], photo=static(drawing("red", RED)))
    photo = shows(ann, bob.me["id"], mark)
    assert photo["is_personal"] and near(download(ann, photo["big"]), RED)
    profile(ann, bob.me["id"], lambda full: "personal_photo" in full)
    assert "profile_photo" not in bob.call("getMe")
    mark = len(ann.updates)
    ann.call("setUserPersonalProfilePhoto", user_id=bob.me["id"])
    shows(ann, bob.me["id"], mark, present=False)
    ann.send_text(chat, "how about this?")
    bob.wait_text("how about this?")
    mark = len(bob.updates)
    ann.call("suggestUserProfilePhoto", user_id=bob.me["id"], photo=static(drawing("blue", BLUE)))

    def suggested(update: dict) -> bool:
        return (
            update["@type"] == "updateNewMessage"
            and update["message"]["content"]["@type"] == "messageSuggestProfilePhoto"
        )

    content = bob.wait(suggested, since=mark)["message"]["content"]
    assert near(download(bob, content["photo"]["sizes"][-1]["photo"]), BLUE)
    previous = {"@type": "inputChatPhotoPrevious", "chat_photo_id": content["photo"]["id"]}
    mark = len(ann.updates)
    bob.call("setProfilePhoto", photo=previous, is_public=False)
    assert near(download(ann, shows(ann, bob.me["id"], mark)["big"]), BLUE)

    made = ann.call("createNewBasicGroupChat", user_ids=[bob.me["id"]], title="Friends")
    group = made.get("chat_id") or made["id"]
    mark = len(bob.updates)
    ann.call("setChatPhoto", chat_id=group, photo=static(drawing("green", GREEN)))
    photo = bob.wait(lambda u: u["@type"] == "updateChatPhoto" and u.get("photo"), since=mark)
    assert near(download(bob, photo["photo"]["big"]), GREEN)
    assert near(download(bob, photo["photo"]["small"]), GREEN)
    message = bob.wait(
        lambda u: (
            u["@type"] == "updateNewMessage" and u["message"]["content"]["@type"] == "messageChatChangePhoto"
        ),
        since=mark,
    )["message"]
    assert near(download(bob, message["content"]["photo"]["sizes"][-1]["photo"]), GREEN)
    theirs = photo["chat_id"]
    basic = bob.call("getChat", chat_id=theirs)["type"]["basic_group_id"]
    asked = {"basic_group_id": basic}
    profile(bob, 0, lambda full: "photo" in full, kind="getBasicGroupFullInfo", asked=asked)
    mark = len(bob.updates)
    ann.call("setChatPhoto", chat_id=group)
    bob.wait(lambda u: u["@type"] == "updateChatPhoto" and not u.get("photo"), since=mark)


@pytest.mark.parametrize("version", VERSIONS)
def test_supergroups_and_moving_photos_in_tdlib(person, no_errors, drawing, tmp_path, version):
    ann, bob = person(version, "Ann"), person("1.8.69", "Bob")
    befriend(bob, ann)
    befriend(ann, bob)
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(film(320, 320, frames=50))
    moving = {
        "@type": "inputChatPhotoAnimation",
        "animation": {"@type": "inputFileLocal", "path": str(clip)},
        "main_frame_timestamp": 1.0,
    }
    mark = len(bob.updates)
    ann.call("setProfilePhoto", photo=moving, is_public=False)
    photo = shows(bob, ann.me["id"], mark)
    assert photo["has_animation"] and download(bob, photo["big"])
    full = profile(bob, ann.me["id"], lambda full: full.get("photo", {}).get("animation"))
    assert download(bob, full["photo"]["animation"]["file"]) == clip.read_bytes()

    group = ann.call("createNewSupergroupChat", title="Many", is_forum=False, is_channel=False)["id"]
    ann.call("addChatMembers", chat_id=group, user_ids=[bob.me["id"]])
    bob.wait(lambda u: u["@type"] == "updateNewChat" and u["chat"]["id"] == group)
    mark = len(bob.updates)
    ann.call("setChatPhoto", chat_id=group, photo=static(drawing("green", GREEN)))
    shown = bob.wait(
        lambda u: u["@type"] == "updateChatPhoto" and u["chat_id"] == group and u.get("photo"), since=mark
    )
    assert near(download(bob, shown["photo"]["big"]), GREEN)
    number = bob.call("getChat", chat_id=group)["type"]["supergroup_id"]
    asked = {"supergroup_id": number}
    full = profile(bob, 0, lambda full: "photo" in full, kind="getSupergroupFullInfo", asked=asked)
    assert near(download(bob, full["photo"]["sizes"][-1]["photo"]), GREEN)
    mark = len(bob.updates)
    ann.call("setChatPhoto", chat_id=group)
    bob.wait(
        lambda u: u["@type"] == "updateChatPhoto" and u["chat_id"] == group and not u.get("photo"), since=mark
    )
