"""account.*Ringtone*: sounds of notifications that a user has uploaded or kept, for all of his devices."""

from __future__ import annotations

from typing import Final

from tgserve import errors, limits
from tgserve.api.messages.attachments import clean, file_name, mime_type, uploaded
from tgserve.api.messages.stickers import named_document
from tgserve.render import media as render_media
from tgserve.render import stickers as render
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.files.references import STICKERS, Origin
from tgserve.services.stickers.shelves import RINGTONES
from tgserve.store.media_records import Media
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import account

BYTES: Final = 300 * limits.KIB
"""What help.getAppConfig says; it says 5 seconds too, which clients see to."""
MIMES: Final = ("audio/mpeg", "audio/mp3", "audio/ogg", "audio/mp4", "audio/wav", "audio/x-wav")


@rpc(account.UploadRingtone, flood=per_minute(20))
async def upload_ringtone(call: Call, request: account.UploadRingtone) -> t.AnyDocument:
    """A sound, not kept until it is saved."""
    mime = mime_type(request.mime_type)
    if mime not in MIMES:
        raise errors.RINGTONE_MIME_INVALID()
    blob, _ = await uploaded(call, request.file)
    if blob.size > BYTES:
        raise errors.RINGTONE_INVALID()
    name = file_name(request.file_name) or "sound"
    attributes = clean(
        [
            t.DocumentAttributeAudio(duration=0, title=name.rpartition(".")[0] or name),
            t.DocumentAttributeFilename(file_name=name),
        ]
    )
    media = await call.services.files.create_document(
        call.me,
        blob,
        mime=mime,
        attributes=render_media.attributes_bytes(attributes),
        layer=layers.CURRENT,
    )
    return render_media.document(call.services, call.me, media, Origin(STICKERS))


@rpc(account.SaveRingtone, flood=per_minute(60))
async def save_ringtone(call: Call, request: account.SaveRingtone) -> t.AnyAccountSavedRingtone:
    media = named_document(call, request.id)
    service = call.services.shelves
    if request.unsave:
        await service.drop(call.me, RINGTONES, media.id, origin=call.session)
        return t.AccountSavedRingtone()
    if not _sounds(media) or media.blob.size > BYTES:
        raise errors.RINGTONE_INVALID()
    await call.services.files.library.keep(media.id)
    await service.put(call.me, RINGTONES, media.id, origin=call.session)
    return t.AccountSavedRingtone()


def _sounds(media: Media) -> bool:
    return media.mime in MIMES and any(
        isinstance(one, t.DocumentAttributeAudio) for one in render_media.attributes_of(media)
    )


@rpc(account.GetSavedRingtones)
async def get_saved_ringtones(call: Call, request: account.GetSavedRingtones) -> t.AnyAccountSavedRingtones:
    found = render.shelf(call.services, call.me, RINGTONES)
    hash_now = render.shelf_hash(found)
    if request.hash and request.hash == hash_now:
        return t.AccountSavedRingtonesNotModified()
    kept = [media for _, media in found]
    return t.AccountSavedRingtones(hash=hash_now, ringtones=render.documents(call.services, call.me, kept))
