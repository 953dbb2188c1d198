"""Photos of people and chats as clients hand them over: an uploaded picture or short film, a moving emoji on a coloured
ground, or a photo that is there already."""

from __future__ import annotations

from typing import Any

from tgserve import errors, limits
from tgserve.render.media import blank_photo, kept
from tgserve.rpc.context import Call
from tgserve.services.files.references import MESSAGE, PROFILE
from tgserve.services.messaging import Draft
from tgserve.services.photos import square
from tgserve.store.media_records import Blob, Media, Shown
from tgserve.tl import layers
from tgserve.tl import types as t

FILM = "u"
"""The type of a profile film in photo.video_sizes."""


async def chosen(call: Call, photo: t.AnyInputChatPhoto) -> Media | None:
    """The photo of an InputChatPhoto; None to have none. PHOTO_ID_INVALID and what `uploaded` raises."""
    if isinstance(photo, t.InputChatPhotoEmpty):
        return None
    if isinstance(photo, t.InputChatUploadedPhoto):
        return await uploaded(
            call, photo.file, photo.video, photo.video_start_ts or 0.0, photo.video_emoji_markup
        )
    assert isinstance(photo, t.InputChatPhoto)
    return existing(call, photo.id)


def existing(call: Call, photo: t.AnyInputPhoto) -> Media:
    """A square photo that the caller was shown: his own, or one in a message. PHOTO_ID_INVALID, FILE_REFERENCE_*."""
    if not isinstance(photo, t.InputPhoto):
        raise errors.PHOTO_ID_INVALID()
    try:
        media, origin = call.services.files.named(call.me, photo.id, photo.access_hash, photo.file_reference)
    except errors.RpcError as fault:
        if fault.name == errors.LOCATION_INVALID.name:
            raise errors.PHOTO_ID_INVALID() from None
        raise
    of_others = origin.kind == PROFILE and origin.peer != call.me
    if origin.kind not in (MESSAGE, PROFILE) or of_others or not square(media):
        raise errors.PHOTO_ID_INVALID()
    return media


def id_of(photo: t.AnyInputPhoto) -> int:
    """The id in an InputPhoto, for what is looked for among the caller's own photos: TDLib names those to be deleted
    without access hash (CLIENTS)."""
    return photo.id if isinstance(photo, t.InputPhoto) else 0


async def uploaded(call: Call, file: Any, film: Any, start: float, markup: Any) -> Media:
    """A photo of an uploaded picture (`file`), of a film that starts at `start` seconds, or of a moving emoji or
    sticker alone. PHOTO_FILE_MISSING, EMOJI_MARKUP_INVALID, VIDEO_FILE_INVALID, FILE_PART_X_MISSING and the like, and
    what Imaging.portrait raises."""
    files, imaging = call.services.files, call.services.files.imaging
    ground = _ground(call, markup) if markup is not None else None
    if file is None and film is None and ground is None:
        raise errors.PHOTO_FILE_MISSING()
    films: tuple[Shown, ...] = ()
    made = None
    if film is not None:
        blob = await _finished(call, film, limits.PROFILE_FILM_BYTES, errors.VIDEO_FILE_INVALID)
        data = await files.read(blob)
        seen = await imaging.video(
            blob.size, lambda offset, count: data[offset : offset + count], still=min(max(start, 0.0), 10.0)
        )
        if seen is None:
            side = limits.PROFILE_FILM_SIDE // 2
            films = (Shown(FILM, side, side, blob, start=start),)
        else:
            sides = (seen.width, seen.height)
            if (
                max(sides) > limits.PROFILE_FILM_SIDE
                or min(sides) < limits.PORTRAIT_SIDE
                or abs(sides[0] - sides[1]) > 1
                or seen.seconds * 1000 > limits.PROFILE_FILM_MS
            ):
                raise errors.VIDEO_FILE_INVALID()
            films = (Shown(FILM, *sides, blob, start=start),)
            made = seen.portrait
    if file is not None:
        blob = await _finished(call, file, limits.PHOTO_BYTES, errors.PHOTO_SAVE_FILE_INVALID)
        made = await imaging.portrait(await files.read(blob))
    elif made is None and ground is not None:
        made = await imaging.ground(ground)
    if made is None:
        raise errors.PHOTO_FILE_MISSING()
    moving = layers.encode(markup) if markup is not None else b""
    return await files.create_photo(call.me, made, films=films, markup=moving)


async def suggest(call: Call, user_id: int, media: Media) -> None:
    """Tell a user by a service message that this photo would suit him; what messaging.send raises."""
    photo = blank_photo(call.services, media)
    kept_action = kept(t.MessageActionSuggestProfilePhoto(photo=photo))
    notice = Draft(
        action=kept_action.data,
        layer=layers.CURRENT,
        min_layer=kept_action.min_layer,
        files=kept_action.files,
    )
    await call.services.messaging.send(call.me, user_id, notice, call.services.ids.i64())


async def _finished(call: Call, file: t.AnyInputFile, most: int, too_large: errors.ErrorKind) -> Blob:
    """An uploaded file of at most `most` bytes."""
    uploads = call.services.files.uploads
    if isinstance(file, t.InputFile):
        blob = await uploads.finish(call.me, file.id, file.parts, big=False, md5=file.md5_checksum)
    elif isinstance(file, t.InputFileBig):
        blob = await uploads.finish(call.me, file.id, file.parts, big=True)
    else:
        raise errors.FILE_ID_INVALID()
    if blob.size > most:
        raise too_large()
    return blob


def _ground(call: Call, markup: t.AnyVideoSize) -> tuple[int, ...]:
    """The colours behind a moving emoji or sticker, whose document must be there. EMOJI_MARKUP_INVALID."""
    if isinstance(markup, t.VideoSizeEmojiMarkup):
        found = call.services.files.library.get_or_none(markup.emoji_id)
    elif isinstance(markup, t.VideoSizeStickerMarkup):
        found = call.services.files.library.get_or_none(markup.sticker_id)
    else:
        raise errors.EMOJI_MARKUP_INVALID()
    colours = tuple(colour & 0xFFFFFF for colour in markup.background_colors)
    if found is None or found.photo or not 1 <= len(colours) <= 4:
        raise errors.EMOJI_MARKUP_INVALID()
    return colours
