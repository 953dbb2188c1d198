"""Whether a file is a sticker as clients draw them: webp, tgs or webm. Runs in an imaging child only."""

from __future__ import annotations

import io
import json
import zlib
from typing import Any, Final

from PIL import Image

from tgserve import limits
from tgserve.imaging import films
from tgserve.imaging.pictures import Bad, kind_of, opened
from tgserve.imaging.results import Size, StickerFile

SIDE: Final = 512
EMOJI_SIDE: Final = 100
"""Of custom emoji that are no animation; those are 512 wide as all animations are."""
THUMB_SIDE: Final = 128
WEBP, PNG, TGS, WEBM = "image/webp", "image/png", "application/x-tgsticker", "video/webm"
_GZIP: Final = b"\x1f\x8b"
_EBML: Final = b"\x1a\x45\xdf\xa3"


def sticker(data: bytes, mime: str, emoji: bool) -> StickerFile:
    """`mime` is what the uploader says; what the file is decides whether it is true. STICKER_FILE_INVALID for another
    kind, and the errors of each kind."""
    match mime:
        case "image/webp" | "image/png":
            return _picture(data, mime, emoji)
        case "application/x-tgsticker":
            return _animation(data)
        case "video/webm":
            return _film(data, emoji)
    raise Bad("STICKER_FILE_INVALID")


def _picture(data: bytes, mime: str, emoji: bool) -> StickerFile:
    """One side 512, the other no longer; a PNG comes back as webp. STICKER_PNG_NOPNG, STICKER_PNG_DIMENSIONS."""
    if len(data) > limits.STICKER_BYTES:
        raise Bad("STICKER_FILE_INVALID")
    try:
        kind = kind_of(data)
    except Bad:
        raise Bad("STICKER_PNG_NOPNG") from None
    if f"image/{kind.lower()}" not in (WEBP, PNG):
        raise Bad("STICKER_PNG_NOPNG")
    image = opened(data)
    _fits(image.width, image.height, emoji, "STICKER_PNG_DIMENSIONS")
    if getattr(image, "n_frames", 1) > 1:
        raise Bad("STICKER_FILE_INVALID")
    image.load()
    plain = image.convert("RGBA")
    if kind == "PNG":
        data = _webp(plain, quality=95)
    plain.thumbnail((THUMB_SIDE, THUMB_SIDE))
    thumb = Size("m", plain.width, plain.height, _webp(plain, quality=80))
    return StickerFile(WEBP, image.width, image.height, data, thumb)


def _webp(image: Image.Image, quality: int) -> bytes:
    image.info = {}
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, method=4)
    return out.getvalue()


def _fits(width: int, height: int, emoji: bool, error: str) -> None:
    if emoji:
        if (width, height) != (EMOJI_SIDE, EMOJI_SIDE):
            raise Bad(error)
    elif max(width, height) != SIDE:
        raise Bad(error)


def _animation(data: bytes) -> StickerFile:
    """A Lottie animation, gzipped: 512 x 512, 3 seconds at 30 or 60 frames. STICKER_TGS_NOTGS."""
    if len(data) > limits.STICKER_TGS_BYTES or not data.startswith(_GZIP):
        raise Bad("STICKER_TGS_NOTGS")
    try:
        reader = zlib.decompressobj(wbits=31)
        text = reader.decompress(data, limits.STICKER_JSON_BYTES)
        if reader.unconsumed_tail or not reader.eof or reader.unused_data:
            raise Bad("STICKER_TGS_NOTGS")
        drawn: Any = json.loads(text)
        rate, first, last = float(drawn["fr"]), float(drawn["ip"]), float(drawn["op"])
        fits = (
            (drawn["w"], drawn["h"]) == (SIDE, SIDE)
            and 1 <= rate <= 60
            and 0 < last - first <= limits.STICKER_SECONDS * rate
            and isinstance(drawn["layers"], list)
        )
    except (ValueError, LookupError, TypeError, RecursionError, zlib.error, OverflowError):
        raise Bad("STICKER_TGS_NOTGS") from None
    if not fits:
        raise Bad("STICKER_TGS_NOTGS")
    return StickerFile(TGS, SIDE, SIDE, data, None, (last - first) / rate)


def _film(data: bytes, emoji: bool) -> StickerFile:
    """VP9 without sound, 3 seconds at most. STICKER_VIDEO_NOWEBM, STICKER_VIDEO_BIG. Without PyAV nothing can be said
    but that it is webm: the size is then the one all of them have."""
    if not data.startswith(_EBML) or b"webm" not in data[:64]:
        raise Bad("STICKER_VIDEO_NOWEBM")
    if len(data) > limits.STICKER_WEBM_BYTES:
        raise Bad("STICKER_VIDEO_BIG")
    side = EMOJI_SIDE if emoji else SIDE
    if not films.THERE:
        return StickerFile(WEBM, side, side, data, None)
    try:
        film = films.film(io.BytesIO(data), data[:64])
    except Bad:
        raise Bad("STICKER_VIDEO_NOWEBM") from None
    if film.codec != "vp9" or film.sound:
        raise Bad("STICKER_VIDEO_NOWEBM")
    _fits(film.width, film.height, emoji, "STICKER_VIDEO_BIG")
    if film.seconds > limits.STICKER_SECONDS + 0.1:
        raise Bad("STICKER_VIDEO_BIG")
    thumb = film.thumb.sizes[0] if film.thumb is not None else None
    return StickerFile(WEBM, film.width, film.height, data, thumb, film.seconds)
