"""A file sent as a sticker of no set: it is one when it fits the rules of stickers, and a plain file otherwise."""

from __future__ import annotations

from typing import Any

from tgserve import errors, limits
from tgserve.imaging.results import StickerFile
from tgserve.rpc.context import Call
from tgserve.store.media_records import Blob, Shown
from tgserve.tl import types as t


async def as_sticker(call: Call, blob: Blob, mime: str, attributes: list[Any]) -> StickerFile | None:
    """What a file is as a sticker. When its sender calls it one and it is none, `attributes` say so no more."""
    role = next((one for one in attributes if isinstance(one, t.DocumentAttributeSticker)), None)
    if role is None:
        return None
    files = call.services.files
    checked = None
    if blob.size <= limits.STICKER_BYTES:
        try:
            checked = await files.imaging.sticker(await files.read(blob), mime)
        except errors.RpcError as refused:
            if refused.code != 400:
                raise
    if checked is None:
        attributes.remove(role)
        return None
    attributes[:] = [one for one in attributes if not isinstance(one, t.DocumentAttributeImageSize)]
    if not any(isinstance(one, t.DocumentAttributeVideo) for one in attributes):
        attributes.insert(0, t.DocumentAttributeImageSize(w=checked.width, h=checked.height))
    return checked


async def thumbs(call: Call, checked: StickerFile) -> tuple[Shown, ...]:
    """The small picture of a sticker, kept."""
    one = checked.thumb
    if one is None:
        return ()
    return (Shown(one.type, one.width, one.height, await call.services.files.store_bytes(one.data)),)
