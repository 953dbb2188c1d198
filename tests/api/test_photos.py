"""photos.*, messages.editChatPhoto and fetching by a person or group: what is shown to whom, held and let go."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from tests.api.test_contacts import peer, read, user
from tests.community import Community, community, run
from tests.imaging.test_pictures import image_of, picture
from tgserve.api import photos as handlers
from tgserve.api import portraits, upload
from tgserve.api import users as user_handlers
from tgserve.api.channels import creating
from tgserve.api.channels import photo as channel_photo
from tgserve.api.messages import chats, invites
from tgserve.errors import RpcError
from tgserve.render import chat as render_chat
from tgserve.render import user as render_user
from tgserve.services.privacy import PHOTO
from tgserve.store.keyspaces import MEDIA_USES, PROFILE_PHOTOS
from tgserve.store.slots import slot_of
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import channels as channel_calls
from tgserve.tl.functions import messages, photos, users
from tgserve.tl.functions import upload as upload_calls

ANN, BOB, EVE = "+9996623001", "+9996623002", "+9996623003"
RED, BLUE, GREEN = (200, 0, 0), (0, 0, 200), (0, 200, 0)


@contextmanager
def refused(name: str):
    with pytest.raises(RpcError) as caught:
        yield
    assert caught.value.name == name


class Person:
    def __init__(self, c: Community, id: int, key: int) -> None:
        self.c = c
        self.id = id
        self.call = c.call(id, key)
        self._files = 0

    def sees(self, other: Person) -> t.InputUser:
        return user(self.c, self.id, other.id)

    def peer(self, other: Person) -> t.InputPeerUser:
        return peer(self.c, self.id, other.id)

    async def file(self, data: bytes, parts: int = 1) -> t.InputFile:
        self._files += 1
        await self.c.services.files.uploads.save_part(self.id, self._files, 0, data)
        return t.InputFile(id=self._files, parts=parts, name="a.jpg", md5_checksum="")

    async def put_up(self, colour: Any, **options: Any) -> t.Photo:
        file = await self.file(picture(400, 300, colour=colour))
        answer = await handlers.upload_profile_photo(
            self.call, photos.UploadProfilePhoto(file=file, **options)
        )
        await self.c.settle()
        return answer.photo

    def drawn(self, other: Person) -> t.User:
        from tgserve.render import user as render

        return read(render.user(self.c.services, self.id, other.id))

    async def full(self, other: Person) -> t.UserFull:
        answer = await user_handlers.get_full_user(self.call, users.GetFullUser(id=self.sees(other)))
        return read(answer).full_user

    async def photos(self, other: Person, **options: Any) -> Any:
        values = {"offset": 0, "max_id": 0, "limit": 100} | options
        return await handlers.get_user_photos(
            self.call, photos.GetUserPhotos(user_id=self.sees(other), **values)
        )

    async def fetch(self, location: Any) -> bytes:
        answer = await upload.get_file(
            self.call, upload_calls.GetFile(location=location, offset=0, limit=1 << 20)
        )
        return answer.bytes

    async def fetch_of(self, where: Any, photo_id: int, big: bool = False) -> bytes:
        return await self.fetch(t.InputPeerPhotoFileLocation(peer=where, photo_id=photo_id, big=big))


@asynccontextmanager
async def three():
    async with community() as c:
        yield (
            c,
            *[
                Person(c, *await c.sign_up(phone, name))
                for phone, name in ((ANN, "Ann"), (BOB, "Bob"), (EVE, "Eve"))
            ],
        )


def colour_of(data: bytes) -> tuple[int, ...]:
    return tuple(round(one / 200) for one in image_of(data).getpixel((20, 20)))


def uses(c: Community, photo_id: int) -> int:
    with c.store.read(slot_of(photo_id)) as reader:
        use = reader.get(MEDIA_USES, photo_id)
    return use.count if use is not None else -1


def given(photo: t.Photo) -> t.InputPhoto:
    return t.InputPhoto(id=photo.id, access_hash=photo.access_hash, file_reference=photo.file_reference)


def test_a_photo_is_seen_and_fetched_by_others() -> None:
    async def story() -> None:
        async with three() as (c, ann, bob, _):
            photo = await ann.put_up(RED)
            assert [one.type for one in photo.sizes] == ["i", "a", "b", "c"]
            drawn = bob.drawn(ann)
            assert (drawn.photo.photo_id, drawn.photo.dc_id) == (photo.id, 2)
            assert drawn.photo.stripped_thumb == photo.sizes[0].bytes
            for big, width in ((False, 160), (True, 300)):
                data = await bob.fetch_of(bob.peer(ann), photo.id, big)
                assert image_of(data).size == (width, width) and colour_of(data) == (1, 0, 0)
            seen = (await bob.full(ann)).profile_photo
            assert seen.id == photo.id and seen.access_hash != photo.access_hash
            size = t.InputPhotoFileLocation(
                id=seen.id, access_hash=seen.access_hash, file_reference=seen.file_reference, thumb_size="c"
            )
            assert colour_of(await bob.fetch(size)) == (1, 0, 0)
            # another viewer's hash and reference open nothing (SECURITY 6.5)
            stolen = t.InputPhotoFileLocation(
                id=photo.id,
                access_hash=photo.access_hash,
                file_reference=photo.file_reference,
                thumb_size="c",
            )
            with refused("LOCATION_INVALID"):
                await bob.fetch(stolen)
            with refused("LOCATION_INVALID"):
                await bob.fetch_of(bob.peer(ann), photo.id + 1)

    run(story())


def test_those_who_know_him_are_told() -> None:
    async def story() -> None:
        async with three() as (c, ann, bob, eve):
            await c.services.contacts.add(bob.id, ann.id, "Ann", "", "", b"")
            await c.settle()
            c.heard.clear()
            await ann.put_up(RED)
            told = {
                item.user_id
                for item in c.heard
                if getattr(getattr(item, "event", None), "what", "") == "photo"
            }
            assert told == {ann.id, bob.id}

    run(story())


def test_the_history_and_what_is_shown_again_and_deleted() -> None:
    async def story() -> None:
        async with three() as (c, ann, bob, _):
            first, second, third = [await ann.put_up(colour) for colour in (RED, BLUE, GREEN)]
            page = await bob.photos(ann)
            assert [one.id for one in page.photos] == [third.id, second.id, first.id]
            assert isinstance(page, t.PhotosPhotos)
            part = await bob.photos(ann, offset=1, limit=1)
            assert (part.count, [one.id for one in part.photos]) == (3, [second.id])
            behind = await bob.photos(ann, max_id=second.id)
            assert [one.id for one in behind.photos] == [first.id]
            assert (await bob.photos(ann, offset=-5, limit=-5)).photos
            # an older one again
            answer = await handlers.update_profile_photo(ann.call, photos.UpdateProfilePhoto(id=given(first)))
            assert answer.photo.id == first.id
            assert [one.id for one in (await bob.photos(ann)).photos] == [first.id, third.id, second.id]
            assert bob.drawn(ann).photo.photo_id == first.id
            await c.settle()
            assert [uses(c, one.id) for one in (first, second, third)] == [1, 1, 1]
            # take the shown one down
            answer = await handlers.update_profile_photo(
                ann.call, photos.UpdateProfilePhoto(id=t.InputPhotoEmpty())
            )
            assert answer.photo.id == third.id and bob.drawn(ann).photo.photo_id == third.id
            with refused("LOCATION_INVALID"):
                await bob.fetch_of(bob.peer(ann), first.id)
            assert await bob.fetch_of(bob.peer(ann), second.id), (
                "older ones of the history are there to look at"
            )
            # delete: a stranger's ids and made-up ones are passed over
            wrong = t.InputPhoto(id=third.id + 1, access_hash=5, file_reference=b"")
            gone = await handlers.delete_photos(
                ann.call, photos.DeletePhotos(id=[given(second), wrong, t.InputPhotoEmpty()])
            )
            assert gone == [second.id]
            other = (await bob.photos(ann)).photos[0]
            assert await handlers.delete_photos(bob.call, photos.DeletePhotos(id=[given(other)])) == []
            assert await handlers.delete_photos(
                ann.call,
                photos.DeletePhotos(id=[t.InputPhoto(id=third.id, access_hash=0, file_reference=b"")]),
            ) == [third.id]
            assert bob.drawn(ann).photo is None and (await bob.photos(ann)).photos == []
            answer = await handlers.update_profile_photo(
                ann.call, photos.UpdateProfilePhoto(id=t.InputPhotoEmpty())
            )
            assert isinstance(answer.photo, t.PhotoEmpty)
            await c.settle()
            assert [uses(c, one.id) for one in (first, second, third)] == [0, 0, 0], "nobody holds them"

    run(story())


def test_the_oldest_photos_go_when_there_are_too_many(monkeypatch):
    async def story() -> None:
        async with three() as (c, ann, _, __):
            monkeypatch.setattr("tgserve.limits.PROFILE_PHOTOS", 2)
            made = [await ann.put_up(colour) for colour in (RED, BLUE, GREEN)]
            assert [one.id for one in (await ann.photos(ann)).photos] == [made[2].id, made[1].id]
            assert [uses(c, one.id) for one in made] == [0, 1, 1]

    run(story())


def test_privacy_hides_photos_everywhere_6_13() -> None:
    """SECURITY 6.13: in the user, the profile, the list and at the fetch, also by what was shown before."""

    async def story() -> None:
        async with three() as (c, ann, bob, eve):
            photo = await ann.put_up(RED)
            shown = (await bob.full(ann)).profile_photo
            old = t.InputPhotoFileLocation(
                id=shown.id,
                access_hash=shown.access_hash,
                file_reference=shown.file_reference,
                thumb_size="c",
            )
            assert await bob.fetch(old)
            await c.services.privacy.set_rules(
                ann.id, PHOTO, (("disallow_users", (bob.id,)), ("allow_all", ()))
            )
            assert bob.drawn(ann).photo is None
            assert (await bob.full(ann)).profile_photo is None
            assert (await bob.photos(ann)).photos == []
            for location in (old, t.InputPeerPhotoFileLocation(peer=bob.peer(ann), photo_id=photo.id)):
                with refused("LOCATION_INVALID"):
                    await bob.fetch(location)
            assert eve.drawn(ann).photo.photo_id == photo.id and ann.drawn(ann).photo.photo_id == photo.id
            assert await eve.fetch_of(eve.peer(ann), photo.id)
            # the fallback is for those who may not see the photo
            public = await ann.put_up(BLUE, fallback=True)
            assert bob.drawn(ann).photo.photo_id == public.id
            assert (await bob.full(ann)).fallback_photo.id == public.id
            assert (await bob.full(ann)).profile_photo is None
            assert [one.id for one in (await bob.photos(ann)).photos] == [public.id]
            assert colour_of(await bob.fetch_of(bob.peer(ann), public.id)) == (0, 0, 1)
            mine = await ann.full(ann)
            assert (mine.profile_photo.id, mine.fallback_photo.id) == (photo.id, public.id)
            assert eve.drawn(ann).photo.photo_id == photo.id
            assert ann.drawn(ann).photo.photo_id == photo.id
            assert (await eve.full(ann)).fallback_photo is None
            # and goes as others do
            none = photos.UpdateProfilePhoto(fallback=True, id=t.InputPhotoEmpty())
            await handlers.update_profile_photo(ann.call, none)
            assert bob.drawn(ann).photo is None
            with refused("LOCATION_INVALID"):
                await bob.fetch_of(bob.peer(ann), public.id)
            await c.settle()
            assert uses(c, public.id) == 0

    run(story())


def test_who_is_blocked_sees_no_photo_6_13() -> None:
    """SECURITY 6.13: blocks"""

    async def story() -> None:
        async with three() as (c, ann, bob, _):
            photo = await ann.put_up(RED)
            await ann.put_up(BLUE, fallback=True)
            assert bob.drawn(ann).photo.photo_id == photo.id
            await c.services.contacts.block(ann.id, bob.id, True)
            assert bob.drawn(ann).photo is None
            assert (await bob.photos(ann)).photos == []
            full = await bob.full(ann)
            assert full.profile_photo is None and full.fallback_photo is None
            with refused("LOCATION_INVALID"):
                await bob.fetch_of(bob.peer(ann), photo.id)
            await c.services.contacts.block(ann.id, bob.id, False)
            assert bob.drawn(ann).photo.photo_id == photo.id

    run(story())


def test_how_one_wants_to_see_a_contact() -> None:
    async def story() -> None:
        async with three() as (c, ann, bob, eve):

            async def choose(**options: Any) -> Any:
                return await handlers.upload_contact_profile_photo(
                    bob.call,
                    photos.UploadContactProfilePhoto(user_id=bob.sees(ann), save=True, **options),
                )

            with refused("CONTACT_MISSING"):
                await choose(file=await bob.file(picture(200, 200)))
            await c.services.contacts.add(bob.id, ann.id, "Ann", "", "", b"")
            await c.settle()
            photo = await ann.put_up(RED)
            chosen = (await choose(file=await bob.file(picture(200, 200, colour=BLUE)))).photo
            drawn = bob.drawn(ann)
            assert drawn.photo.photo_id == chosen.id and drawn.photo.personal
            full = await bob.full(ann)
            assert (full.personal_photo.id, full.profile_photo.id) == (chosen.id, photo.id)
            assert eve.drawn(ann).photo.photo_id == photo.id and not eve.drawn(ann).photo.personal
            assert (await eve.full(ann)).personal_photo is None
            assert colour_of(await bob.fetch_of(bob.peer(ann), chosen.id)) == (0, 0, 1)
            for other in (eve, ann):
                with refused("LOCATION_INVALID"):
                    await other.fetch_of(other.peer(ann), chosen.id)
            await c.services.contacts.add(bob.id, ann.id, "Annie", "", "", b"")
            assert bob.drawn(ann).photo.personal, "another name does not take the photo away"
            assert isinstance((await choose()).photo, t.PhotoEmpty)
            assert bob.drawn(ann).photo.photo_id == photo.id
            await c.settle()
            assert uses(c, chosen.id) == 0
            again = (await choose(file=await bob.file(picture(200, 200, colour=GREEN)))).photo
            await c.settle()
            assert uses(c, again.id) == 1
            await c.services.contacts.delete(bob.id, [ann.id])
            await c.settle()
            assert uses(c, again.id) == 0 and bob.drawn(ann).photo.photo_id == photo.id

    run(story())


def test_a_suggested_photo_comes_as_a_message_and_can_be_taken() -> None:
    async def story() -> None:
        async with three() as (c, ann, bob, eve):
            await c.services.contacts.add(bob.id, ann.id, "Ann", "", "", b"")
            await c.settle()
            file = await bob.file(picture(300, 300, colour=GREEN))
            answer = await handlers.upload_contact_profile_photo(
                bob.call, photos.UploadContactProfilePhoto(user_id=bob.sees(ann), suggest=True, file=file)
            )
            await c.settle()
            assert bob.drawn(ann).photo is None, "it is her choice"
            view = c.services.history.message_or_none(ann.id, 1)
            from tgserve.render.message import message

            said = read(message(c.services, view))
            assert isinstance(said.action, t.MessageActionSuggestProfilePhoto)
            photo = said.action.photo
            assert photo.id == answer.photo.id
            assert uses(c, photo.id) == 1
            await handlers.update_profile_photo(ann.call, photos.UpdateProfilePhoto(id=given(photo)))
            await c.settle()
            assert bob.drawn(ann).photo.photo_id == photo.id and uses(c, photo.id) == 2
            # what one was not shown oneself cannot be taken (SECURITY 6.5)
            with refused("PHOTO_ID_INVALID"):
                await handlers.update_profile_photo(eve.call, photos.UpdateProfilePhoto(id=given(photo)))
            of_ann = (await eve.full(ann)).profile_photo
            with refused("PHOTO_ID_INVALID"):
                await handlers.update_profile_photo(eve.call, photos.UpdateProfilePhoto(id=given(of_ann)))

    run(story())


# -- groups -----------------------------------------------------------------------------------------------------------


async def group(c: Community, ann: Person, *others: Person) -> int:
    made = await chats.create_chat(
        ann.call, messages.CreateChat(title="Three", users=[ann.sees(one) for one in others])
    )
    await c.settle()
    return read(made.updates).chats[0].id


def test_the_photo_of_a_group() -> None:
    async def story() -> None:
        async with three() as (c, ann, bob, eve):
            chat = await group(c, ann, bob)

            async def edit(by: Person, photo: Any) -> Any:
                answer = await chats.edit_chat_photo(
                    by.call, messages.EditChatPhoto(chat_id=chat, photo=photo)
                )
                await c.settle()
                return read(answer)

            async def of(viewer: Person) -> Any:
                answer = await chats.get_full_chat(viewer.call, messages.GetFullChat(chat_id=chat))
                return read(answer)

            assert (await of(bob)).full_chat.chat_photo is None
            file = await bob.file(picture(400, 400, colour=RED))
            done = await edit(bob, t.InputChatUploadedPhoto(file=file))
            action = done.updates[-1].message.action
            assert isinstance(action, t.MessageActionChatEditPhoto)
            photo = action.photo
            assert uses(c, photo.id) == 2, "the group and the message"
            seen = await of(ann)
            assert seen.chats[0].photo.photo_id == photo.id and seen.full_chat.chat_photo.id == photo.id
            where = t.InputPeerChat(chat_id=chat)
            assert colour_of(await ann.fetch_of(where, photo.id, big=True)) == (1, 0, 0)
            for location in (where, t.InputPeerUser(user_id=chat, access_hash=0)):
                with pytest.raises(RpcError):
                    await eve.fetch_of(location, photo.id)
            # one from the message, in another group (SECURITY 6.5: shown to him)
            theirs = c.services.history.message_or_none(ann.id, 2)
            from tgserve.render.message import message

            shown = read(message(c.services, theirs)).action.photo
            assert shown.access_hash != photo.access_hash
            data = await ann.fetch(
                t.InputPhotoFileLocation(
                    id=shown.id,
                    access_hash=shown.access_hash,
                    file_reference=shown.file_reference,
                    thumb_size="c",
                )
            )
            assert colour_of(data) == (1, 0, 0)
            with refused("CHAT_NOT_MODIFIED"):
                await edit(ann, t.InputChatPhoto(id=given(shown)))
            # rights
            rights = t.ChatBannedRights(until_date=0, change_info=True)
            await chats.edit_chat_default_banned_rights(
                ann.call, messages.EditChatDefaultBannedRights(peer=where, banned_rights=rights)
            )
            with refused("CHAT_ADMIN_REQUIRED"):
                await edit(bob, t.InputChatPhotoEmpty())
            with refused("CHAT_ID_INVALID"):
                await edit(eve, t.InputChatPhotoEmpty())
            done = await edit(ann, t.InputChatPhotoEmpty())
            assert isinstance(done.updates[-1].message.action, t.MessageActionChatDeletePhoto)
            assert isinstance((await of(bob)).chats[0].photo, t.ChatPhotoEmpty)
            assert uses(c, photo.id) == 1, "the message still shows it"
            with refused("LOCATION_INVALID"):
                await bob.fetch_of(where, photo.id)
            with refused("CHAT_NOT_MODIFIED"):
                await edit(ann, t.InputChatPhotoEmpty())
            # who has left sees no photo; a deleted group holds none
            again = await edit(ann, t.InputChatUploadedPhoto(file=await ann.file(picture(200, 200))))
            photo = again.updates[-1].message.action.photo
            await chats.delete_chat_user(
                bob.call, messages.DeleteChatUser(chat_id=chat, user_id=t.InputUserSelf())
            )
            await c.settle()
            with refused("LOCATION_INVALID"):
                await bob.fetch_of(where, photo.id)
            await chats.delete_chat(ann.call, messages.DeleteChat(chat_id=chat))
            await c.settle()
            assert uses(c, photo.id) <= 1

    run(story())


def test_who_is_invited_sees_the_photo_of_the_group() -> None:
    async def story() -> None:
        async with three() as (c, ann, bob, eve):
            chat = await group(c, ann, bob)
            file = await ann.file(picture(400, 400, colour=RED))
            await chats.edit_chat_photo(
                ann.call, messages.EditChatPhoto(chat_id=chat, photo=t.InputChatUploadedPhoto(file=file))
            )
            await c.settle()
            full = read(await chats.get_full_chat(ann.call, messages.GetFullChat(chat_id=chat)))
            link = full.full_chat.exported_invite.link
            seen = await invites.check_chat_invite(
                eve.call, messages.CheckChatInvite(hash=link.rpartition("+")[2])
            )
            photo = read(seen).photo
            where = t.InputPhotoFileLocation(
                id=photo.id,
                access_hash=photo.access_hash,
                file_reference=photo.file_reference,
                thumb_size="a",
            )
            assert colour_of(await eve.fetch(where)) == (1, 0, 0)
            with refused("CHAT_ID_INVALID"):
                await eve.fetch_of(t.InputPeerChat(chat_id=chat), photo.id)

    run(story())


@pytest.mark.parametrize("megagroup", [True, False])
def test_the_photo_of_a_channel(megagroup: bool) -> None:
    async def story() -> None:
        async with three() as (c, ann, bob, eve):
            made = await creating.create_channel(
                ann.call,
                channel_calls.CreateChannel(
                    title="News", about="", megagroup=megagroup, broadcast=not megagroup
                ),
            )
            shown = read(made).chats[0]
            assert isinstance(shown.photo, t.ChatPhotoEmpty)

            def of(person: Person) -> t.InputChannel:
                access_hash = c.services.views.channel_hash(person.id, shown.id)
                return t.InputChannel(channel_id=shown.id, access_hash=access_hash)

            async def edit(by: Person, photo: Any) -> Any:
                answer = await channel_photo.edit_photo(
                    by.call, channel_calls.EditPhoto(channel=of(by), photo=photo)
                )
                await c.settle()
                return read(answer)

            await creating.invite_to_channel(
                ann.call, channel_calls.InviteToChannel(channel=of(ann), users=[ann.sees(bob)])
            )
            file = await ann.file(picture(400, 400, colour=RED))
            done = await edit(ann, t.InputChatUploadedPhoto(file=file))
            (photo,) = [
                one.message.action.photo
                for one in done.updates
                if isinstance(
                    getattr(getattr(one, "message", None), "action", None), t.MessageActionChatEditPhoto
                )
            ]
            assert done.chats[0].photo.photo_id == photo.id and uses(c, photo.id) == 2
            full = await creating.get_full_channel(bob.call, channel_calls.GetFullChannel(channel=of(bob)))
            seen = read(full).full_chat.chat_photo
            assert seen.id == photo.id
            where = t.InputPeerChannel(channel_id=shown.id, access_hash=of(bob).access_hash)
            assert colour_of(await bob.fetch_of(where, photo.id, True)) == (1, 0, 0)
            location = t.InputPhotoFileLocation(
                id=seen.id, access_hash=seen.access_hash, file_reference=seen.file_reference, thumb_size="c"
            )
            assert colour_of(await bob.fetch(location)) == (1, 0, 0)
            private = t.InputPeerChannel(channel_id=shown.id, access_hash=of(eve).access_hash)
            with pytest.raises(RpcError):
                await eve.fetch_of(private, photo.id)
            if not megagroup:
                with refused("CHAT_ADMIN_REQUIRED"):
                    await edit(bob, t.InputChatPhotoEmpty())
            with pytest.raises(RpcError):
                await edit(eve, t.InputChatPhotoEmpty())
            done = await edit(ann, t.InputChatPhotoEmpty())
            assert isinstance(done.chats[0].photo, t.ChatPhotoEmpty) and uses(c, photo.id) == 1
            with refused("CHAT_NOT_MODIFIED"):
                await edit(ann, t.InputChatPhotoEmpty())
            with refused("LOCATION_INVALID"):
                await bob.fetch(location)

    run(story())


def test_a_session_elsewhere_is_told_its_own_data_centre() -> None:
    """CLIENTS A.5.7: also in what is drawn once and kept."""

    async def story() -> None:
        async with three() as (c, ann, bob, _):
            chat = await group(c, ann, bob)
            file = await ann.file(picture(400, 400, colour=RED))
            photo = t.InputChatUploadedPhoto(file=file)
            await chats.edit_chat_photo(ann.call, messages.EditChatPhoto(chat_id=chat, photo=photo))
            await ann.put_up(RED)
            user_drawn = render_user.user(c.services, bob.id, ann.id)
            chat_drawn = render_chat.chat(c.services, bob.id, -chat)
            for layer in (152, 200, layers.CURRENT):
                for dc in (1, 4):
                    for drawn in (user_drawn, chat_drawn):
                        told = layers.decode(layers.encode(drawn, layer, dc))
                        assert told.photo.dc_id == dc and told.photo.photo_id

    run(story())


# -- bad input, the end -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, error",
    [
        (b"no image", "IMAGE_PROCESS_FAILED"),
        (b"<svg/>", "PHOTO_EXT_INVALID"),
        (picture(800, 600)[:2000], "IMAGE_PROCESS_FAILED"),
        (picture(100, 100), "PHOTO_CROP_SIZE_SMALL"),
    ],
)
def test_what_is_no_photo_changes_nothing(data, error):
    """Issue 4, bad input; SECURITY 6.9"""

    async def story() -> None:
        async with three() as (c, ann, bob, _):
            await c.services.contacts.add(ann.id, bob.id, "Bob", "", "", b"")
            chat = await group(c, ann, bob)
            photo = await ann.put_up(RED)
            file = await ann.file(data)
            for call in (
                handlers.upload_profile_photo(ann.call, photos.UploadProfilePhoto(file=file)),
                handlers.upload_profile_photo(ann.call, photos.UploadProfilePhoto(file=file, fallback=True)),
                handlers.upload_contact_profile_photo(
                    ann.call, photos.UploadContactProfilePhoto(user_id=ann.sees(bob), save=True, file=file)
                ),
                handlers.upload_contact_profile_photo(
                    ann.call, photos.UploadContactProfilePhoto(user_id=ann.sees(bob), suggest=True, file=file)
                ),
                chats.edit_chat_photo(
                    ann.call,
                    messages.EditChatPhoto(chat_id=chat, photo=t.InputChatUploadedPhoto(file=file)),
                ),
            ):
                with refused(error):
                    await call
            await c.settle()
            assert bob.drawn(ann).photo.photo_id == photo.id
            assert ann.drawn(bob).photo is None
            assert c.services.users.get(ann.id).fallback is None
            assert c.services.groups.rosters.get_or_none(-chat).group.photo is None

    run(story())


def test_calls_that_name_nothing() -> None:
    async def story() -> None:
        async with three() as (c, ann, bob, _):
            with refused("PHOTO_FILE_MISSING"):
                await handlers.upload_profile_photo(ann.call, photos.UploadProfilePhoto())
            with refused("BOT_INVALID"):
                await handlers.upload_profile_photo(
                    ann.call, photos.UploadProfilePhoto(bot=t.InputUserSelf())
                )
            missing = t.InputFile(id=99, parts=1, name="", md5_checksum="")
            with refused("FILE_PART_0_MISSING"):
                await handlers.upload_profile_photo(ann.call, photos.UploadProfilePhoto(file=missing))
            markup = t.VideoSizeEmojiMarkup(emoji_id=5, background_colors=[1])
            with refused("EMOJI_MARKUP_INVALID"):
                await handlers.upload_profile_photo(
                    ann.call, photos.UploadProfilePhoto(video_emoji_markup=markup)
                )
            with refused("PHOTO_ID_INVALID"):
                await handlers.update_profile_photo(
                    ann.call,
                    photos.UpdateProfilePhoto(id=t.InputPhoto(id=5, access_hash=6, file_reference=b"7")),
                )
            with refused("USER_ID_INVALID"):
                await handlers.upload_contact_profile_photo(
                    ann.call, photos.UploadContactProfilePhoto(user_id=t.InputUserSelf(), save=True)
                )

    run(story())


def test_a_moving_emoji_on_coloured_ground() -> None:
    async def story() -> None:
        async with three() as (c, ann, bob, _):
            blob = await c.services.files.store_bytes(b"an animation")
            emoji = await c.services.files.create_document(0, blob, mime="application/x-tgsticker")
            markup = t.VideoSizeEmojiMarkup(emoji_id=emoji.id, background_colors=[0xFF0000, 0xFF0000])
            answer = await handlers.upload_profile_photo(
                ann.call, photos.UploadProfilePhoto(video_emoji_markup=markup)
            )
            photo = read(answer).photo
            assert photo.video_sizes == [markup]
            assert bob.drawn(ann).photo.has_video
            assert image_of(await bob.fetch_of(bob.peer(ann), photo.id, True)).getpixel((9, 9))[0] > 240

    run(story())


def test_a_short_film() -> None:
    pytest.importorskip("av")
    from tests.imaging.films import film

    async def story() -> None:
        async with three() as (c, ann, bob, _):
            data = film(320, 320, frames=50)
            request = photos.UploadProfilePhoto(video=await ann.file(data), video_start_ts=1.0)
            photo = read(await handlers.upload_profile_photo(ann.call, request)).photo
            (moving,) = photo.video_sizes
            assert (moving.type, moving.w, moving.h, moving.size) == ("u", 320, 320, len(data))
            assert moving.video_start_ts == 1.0
            assert [one.type for one in photo.sizes] == ["i", "a", "b", "c"]
            assert bob.drawn(ann).photo.has_video
            seen = (await bob.full(ann)).profile_photo
            where = t.InputPhotoFileLocation(
                id=seen.id, access_hash=seen.access_hash, file_reference=seen.file_reference, thumb_size="u"
            )
            assert await bob.fetch(where) == data
            for bad in (film(320, 240), film(100, 100), b"no film", film(320, 320, frames=300)):
                request = photos.UploadProfilePhoto(video=await ann.file(bad))
                with pytest.raises(Exception, match=r"VIDEO_(FILE|CONTENT_TYPE)_INVALID"):
                    await handlers.upload_profile_photo(ann.call, request)

    run(story())


def test_a_deleted_account_lets_go_of_its_photos() -> None:
    async def story() -> None:
        async with three() as (c, ann, bob, _):
            await c.services.contacts.add(ann.id, bob.id, "Bob", "", "", b"")
            own = [await ann.put_up(RED), await ann.put_up(BLUE), await ann.put_up(GREEN, fallback=True)]
            request = photos.UploadContactProfilePhoto(
                user_id=ann.sees(bob), save=True, file=await ann.file(picture(200, 200))
            )
            own.append((await handlers.upload_contact_profile_photo(ann.call, request)).photo)
            await c.settle()
            assert [uses(c, one.id) for one in own] == [1, 1, 1, 1]
            await c.services.accounts.delete(ann.id)
            await c.services.accounts.wipe(ann.id)
            await c.settle()
            assert [uses(c, one.id) for one in own] == [0, 0, 0, 0]
            with c.store.read(slot_of(ann.id)) as reader:
                assert not list(reader.range(PROFILE_PHOTOS, ann.id))
            assert bob.drawn(ann).photo is None
            with refused("LOCATION_INVALID"):
                await bob.fetch_of(bob.peer(ann), own[1].id)

    run(story())


def test_photos_of_messages_are_no_profile_photos() -> None:
    """A photo in several sizes has none that a profile could show."""

    async def story() -> None:
        async with three() as (c, ann, _, __):
            from tgserve.render import media as render
            from tgserve.services.files.references import MESSAGE, Origin

            made = await c.services.files.create_photo(
                ann.id, await c.services.files.imaging.photo(picture(900, 700))
            )
            shown = render.photo(c.services, ann.id, made, Origin(MESSAGE, 0, 1))
            with refused("PHOTO_ID_INVALID"):
                portraits.existing(ann.call, given(shown))

    run(story())
