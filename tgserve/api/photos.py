"""photos.*: what people look like. Who may see it is services/photos.py's to say."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.api import portraits
from tgserve.api.upload import LOCATIONS, Found, elsewhere, shown
from tgserve.render import photos as render
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.photos import BIG, SMALL
from tgserve.tl import types as t
from tgserve.tl.functions import photos

UPLOADS = per_minute(30)
PAGE = 100


def _answer(call: Call, user_id: int, photo_id: int) -> t.PhotosPhoto:
    photo = render.whole(call.services, call.me, user_id, photo_id)
    return t.PhotosPhoto(photo=photo, users=users(call.services, call.me, (call.me, user_id)))


def _no_bot(bot: t.AnyInputUser | None) -> None:
    """There are no bots whose photo an owner could set. BOT_INVALID."""
    if bot is not None:
        raise errors.BOT_INVALID()


@rpc(photos.UploadProfilePhoto, flood=UPLOADS)
async def upload_profile_photo(call: Call, request: photos.UploadProfilePhoto) -> t.AnyPhotosPhoto:
    """A new photo of the caller, shown from now on; with `fallback` to those who may not see the other."""
    _no_bot(request.bot)
    media = await portraits.uploaded(
        call, request.file, request.video, request.video_start_ts or 0.0, request.video_emoji_markup
    )
    if request.fallback:
        await call.services.photos.set_fallback(call.me, media)
    else:
        await call.services.photos.install(call.me, media)
    return _answer(call, call.me, media.id)


@rpc(photos.UpdateProfilePhoto, flood=UPLOADS)
async def update_profile_photo(call: Call, request: photos.UpdateProfilePhoto) -> t.AnyPhotosPhoto:
    """An older photo is shown again; inputPhotoEmpty takes down the one that is shown: the one behind it is seen."""
    _no_bot(request.bot)
    own = call.services.photos
    if isinstance(request.id, t.InputPhotoEmpty):
        if request.fallback:
            await own.set_fallback(call.me, None)
            return _answer(call, call.me, 0)
        return _answer(call, call.me, await own.take_down(call.me))
    media = None
    photo_id = portraits.id_of(request.id)
    if photo_id and own.fetchable(call.me, call.me, photo_id):
        media = call.services.files.library.get_or_none(photo_id)  # one's own needs no fresh reference
    media = media or portraits.existing(call, request.id)
    if request.fallback:
        await own.set_fallback(call.me, media)
    else:
        await own.install(call.me, media)
    return _answer(call, call.me, media.id)


@rpc(photos.DeletePhotos)
async def delete_photos(call: Call, request: photos.DeletePhotos) -> list[int]:
    """The ids of those that were the caller's and are gone."""
    if len(request.id) > limits.PROFILE_PHOTOS:
        raise errors.LIMIT_INVALID()
    wanted = {portraits.id_of(one) for one in request.id} - {0}
    return await call.services.photos.delete(call.me, wanted) if wanted else []


@rpc(photos.GetUserPhotos)
async def get_user_photos(call: Call, request: photos.GetUserPhotos) -> t.AnyPhotosPhotos:
    """The newest first; behind `max_id`, where one is given."""
    user_id = peers.resolve_user(call, request.user_id)
    limit = min(request.limit, PAGE) if request.limit > 0 else PAGE
    count, ids = call.services.photos.history(call.me, user_id, request.offset, request.max_id, limit)
    found = [render.whole(call.services, call.me, user_id, one) for one in ids]
    people = users(call.services, call.me, (user_id,))
    if len(found) == count:
        return t.PhotosPhotos(photos=found, users=people)
    return t.PhotosPhotosSlice(count=count, photos=found, users=people)


@rpc(photos.UploadContactProfilePhoto, flood=UPLOADS)
async def upload_contact_profile_photo(
    call: Call, request: photos.UploadContactProfilePhoto
) -> t.AnyPhotosPhoto:
    """How the caller alone wants to see a contact (without a file: as everybody else), or a suggestion to him."""
    user_id = peers.resolve_user(call, request.user_id)
    if user_id == call.me or call.services.users.get(user_id).deleted:
        raise errors.USER_ID_INVALID()
    given = (request.file, request.video, request.video_emoji_markup)
    if call.services.contacts.get_or_none(call.me, user_id) is None:
        raise errors.CONTACT_MISSING()
    if request.suggest:
        media = await portraits.uploaded(
            call, request.file, request.video, request.video_start_ts or 0.0, request.video_emoji_markup
        )
        await portraits.suggest(call, user_id, media)
        return _answer(call, user_id, media.id)
    if all(one is None for one in given):
        await call.services.photos.set_for_contact(call.me, user_id, None, call.session)
        return _answer(call, user_id, 0)
    media = await portraits.uploaded(
        call, request.file, request.video, request.video_start_ts or 0.0, request.video_emoji_markup
    )
    await call.services.photos.set_for_contact(call.me, user_id, media, call.session)
    return _answer(call, user_id, media.id)


def _of_peer(call: Call, location: t.InputPeerPhotoFileLocation) -> Found:
    """The small or big photo of a person or chat, by its id, for whoever may see it now (SECURITY 6.13)."""
    peer = peers.resolve(call, location.peer)
    elsewhere(call, location.photo_id)
    if not call.services.photos.fetchable(call.me, peer, location.photo_id):
        raise errors.LOCATION_INVALID()
    media = call.services.files.library.get_or_none(location.photo_id)
    if media is None:
        raise errors.LOCATION_INVALID()
    return shown(media, BIG if location.big else SMALL)


LOCATIONS[t.InputPeerPhotoFileLocation] = _of_peer
