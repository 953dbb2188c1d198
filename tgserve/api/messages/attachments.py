"""Photos and documents on their way into a message: uploaded just now, or named from where the sender was shown them.

What clients say of their files is cleaned here: names are data, never paths (SECURITY 6.11), types are types, lengths
and sizes are numbers that mean something.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from typing import Any, Final, NamedTuple

from tgserve import errors, limits, log
from tgserve.api.messages.sticker_files import as_sticker, thumbs
from tgserve.errors import RpcError
from tgserve.imaging.results import Processed
from tgserve.render import media as render
from tgserve.render.forward import LISTENED
from tgserve.render.kinds import kind_of, kind_of_media
from tgserve.rpc.context import Call
from tgserve.services.files import references
from tgserve.services.files.references import Origin
from tgserve.store import records as r
from tgserve.store.media_records import Blob, Media, Shown
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import TLObject

FILE_NAME_CHARS: Final = 255
WAVEFORM_BYTES: Final = 256
TITLE_CHARS: Final = 256
SIDE_PIXELS: Final = 100_000
THUMBED_BYTES: Final = 10 * limits.MIB
"""Pictures sent as files get a thumbnail of ours up to this size."""
EXPIRING: Final = ("photo", "video", "round", "voice")
"""Kinds that may be for one look."""
TOGETHER = ({"photo", "video"}, {"file"}, {"music"})
"""Kinds that one album may have."""
EXCHANGED = ("", "photo", "video", "gif", "file", "music", "web")
"""Kinds of media that may come in each other's place; of those that look like one another, inside an album."""
PICTURES: Final = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/bmp",
    "image/tiff",
    "image/heic",
    "image/heif",
)
FILMS: Final = ("video/mp4", "video/quicktime", "video/webm", "video/x-matroska")
ANY: Final = "application/octet-stream"
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_SEPARATORS = re.compile(r"[/\\]")

_log = log.get("media")


class Ready(NamedTuple):
    """Media for a Draft: fields as there."""

    media: bytes = b""
    min_layer: int = 0
    kind: str = ""
    files: tuple[tuple[int, int, int], ...] = ()
    unread: bool = False
    ttl: int = 0
    after: bytes = b""

    def fields(self) -> dict[str, Any]:
        """As Draft takes them."""
        return {
            "media": self.media,
            "kind": self.kind,
            "files": self.files,
            "media_unread": self.unread,
            "media_ttl": self.ttl,
            "media_after": self.after,
        }


def ready(media: TLObject | None) -> Ready:
    """Media as they are kept, of whatever kind; nothing for None."""
    if media is None:
        return Ready()
    kept = render.kept(media)
    kind = kind_of_media(media)
    ttl = getattr(media, "ttl_seconds", None) or 0
    after = b""
    if ttl:
        after = layers.encode(_expired(media, ttl))
    return Ready(kept.data, kept.min_layer, kind, kept.files, kind in LISTENED or bool(ttl), ttl, after)


def _expired(media: Any, ttl: int) -> TLObject:
    """What is left of media that were looked at."""
    if isinstance(media, t.MessageMediaPhoto):
        return t.MessageMediaPhoto(ttl_seconds=ttl)
    return t.MessageMediaDocument(ttl_seconds=ttl, video=media.video, round=media.round, voice=media.voice)


async def photo_or_document(
    call: Call, peer: int, media: t.AnyInputMedia
) -> t.MessageMediaPhoto | t.MessageMediaDocument | None:
    """The message media of an InputMedia that is a file; None for one that is not. FILE_..., PHOTO_...,
    MEDIA_INVALID, TTL_MEDIA_INVALID, EXTERNAL_URL_INVALID."""
    match media:
        case t.InputMediaUploadedPhoto():
            _no_extras(media)
            made = await uploaded_photo(call, media.file, has_stickers=bool(media.stickers))
            return _photo(call, peer, made, media.spoiler, media.ttl_seconds)
        case t.InputMediaPhoto():
            if media.live_photo or media.video is not None:
                raise errors.MEDIA_INVALID()
            named = await by_reference(call, media.id, photo=True)
            return _photo(call, peer, named, media.spoiler, media.ttl_seconds)
        case t.InputMediaUploadedDocument():
            made = await uploaded_document(call, media)
            cover = await _cover(call, media.video_cover)
            return _document(call, peer, made, media.spoiler, media.ttl_seconds, cover, media.video_timestamp)
        case t.InputMediaDocument():
            named = await by_reference(call, media.id, photo=False)
            cover = await _cover(call, media.video_cover)
            return _document(
                call, peer, named, media.spoiler, media.ttl_seconds, cover, media.video_timestamp
            )
        case t.InputMediaPhotoExternal() | t.InputMediaDocumentExternal():
            raise errors.EXTERNAL_URL_INVALID()
    return None


def _no_extras(media: t.InputMediaUploadedPhoto) -> None:
    if media.live_photo or media.video is not None:
        raise errors.MEDIA_INVALID()


async def _cover(call: Call, cover: t.AnyInputPhoto | None) -> Media | None:
    return None if cover is None else await by_reference(call, cover, photo=True)


def _ttl(peer: int, me: int, seconds: int | None, kind: str) -> int | None:
    """Only somebody else can look at it once."""
    if not seconds:
        return None
    once = seconds == limits.MEDIA_TTL_ONCE
    if (
        peer <= 0
        or peer == me
        or kind not in EXPIRING
        or not (once or 0 < seconds <= limits.MEDIA_TTL_SECONDS)
    ):
        raise errors.TTL_MEDIA_INVALID()
    return seconds


def _photo(call: Call, peer: int, media: Media, spoiler: bool, ttl: int | None) -> t.MessageMediaPhoto:
    return t.MessageMediaPhoto(
        spoiler=spoiler,
        photo=render.blank_photo(call.services, media),
        ttl_seconds=_ttl(peer, call.me, ttl, "photo"),
    )


def _document(
    call: Call,
    peer: int,
    media: Media,
    spoiler: bool,
    ttl: int | None,
    cover: Media | None,
    start: int | None,
) -> t.MessageMediaDocument:
    made, kind = shown_document(call, media, spoiler)
    made.ttl_seconds = _ttl(peer, call.me, ttl, kind)
    if kind == "video":
        made.video_cover = render.blank_photo(call.services, cover) if cover is not None else None
        made.video_timestamp = max(start, 0) if start else None
    return made


def shown_document(call: Call, media: Media, spoiler: bool = False) -> tuple[t.MessageMediaDocument, str]:
    """A document as a message shows it, and of which kind that is."""
    document = render.blank_document(call.services, media)
    made = t.MessageMediaDocument(spoiler=spoiler, document=document)
    kind = kind_of_media(made)
    made.video = kind in ("video", "round")
    made.round = kind == "round"
    made.voice = kind == "voice"
    return made, kind


def is_caption(body: r.Body) -> bool:
    """Is the text that of media? A link's preview is none."""
    return bool(body.media) and kind_of(body) != "web"


async def replacement(call: Call, peer: int, old: r.Body, media: t.AnyInputMedia | None) -> Ready | None:
    """What comes in the place of the old media; None: they stay. MEDIA_PREV_INVALID, MEDIA_NEW_INVALID."""
    if media is None or isinstance(media, t.InputMediaEmpty | t.InputMediaWebPage):
        return None
    before = kind_of(old)
    if before not in EXCHANGED or old.media_ttl:
        raise errors.MEDIA_PREV_INVALID()
    made = await photo_or_document(call, peer, media)
    if made is None:
        raise errors.MEDIA_NEW_INVALID()
    found = ready(made)
    album = old.grouped_id and not any({before, found.kind} <= kinds for kinds in TOGETHER)
    if not found.kind or found.kind not in EXCHANGED or found.ttl or album:
        raise errors.MEDIA_NEW_INVALID()
    return found


# -- named by reference -----------------------------------------------------------------------------------------------


async def by_reference(call: Call, named: t.AnyInputPhoto | t.AnyInputDocument, *, photo: bool) -> Media:
    """A photo or document that the caller was shown (SECURITY 6.5). MEDIA_EMPTY, LOCATION_INVALID, FILE_REFERENCE_*,
    CHAT_FORWARDS_RESTRICTED where it may not be passed on."""
    if not isinstance(named, t.InputPhoto | t.InputDocument):
        raise errors.MEDIA_EMPTY()
    media, origin = call.services.files.named(call.me, named.id, named.access_hash, named.file_reference)
    if media.photo is not photo:
        raise errors.LOCATION_INVALID()
    if origin.kind == references.MESSAGE:
        _check_may_pass_on(call, media, origin)
    return await call.services.files.library.keep(media.id)


def _check_may_pass_on(call: Call, media: Media, origin: Origin) -> None:
    """A message that may not be forwarded, or is for one look, lends its files to nobody."""
    if origin.peer:
        view = call.services.channels.reading.message_or_none(call.me, origin.peer, origin.number)
        record = call.services.channels.register.get_or_none(origin.peer)
        kept = record is not None and record.noforwards
    else:
        view = call.services.history.message_or_none(call.me, origin.number)
        peer = view.row.peer if view is not None else 0
        roster = call.services.groups.rosters.get_or_none(peer) if peer < 0 else None
        kept = roster is not None and roster.group.noforwards
    if view is None or media.id not in (file[0] for file in view.body.files) or view.body.author == call.me:
        return
    if kept or view.body.noforwards or view.body.media_ttl:
        raise errors.CHAT_FORWARDS_RESTRICTED()


# -- uploaded just now ------------------------------------------------------------------------------------------------


async def uploaded(call: Call, file: t.AnyInputFile) -> tuple[Blob, str]:
    """The bytes of an uploaded file and its clean name. FILE_PART_X_MISSING and the like, MD5_CHECKSUM_INVALID."""
    uploads = call.services.files.uploads
    if isinstance(file, t.InputFile):
        blob = await uploads.finish(call.me, file.id, file.parts, big=False, md5=file.md5_checksum)
    elif isinstance(file, t.InputFileBig):
        blob = await uploads.finish(call.me, file.id, file.parts, big=True)
    else:
        raise errors.MEDIA_INVALID()
    return blob, file_name(file.name)


async def uploaded_photo(call: Call, file: t.AnyInputFile, *, has_stickers: bool = False) -> Media:
    blob, _ = await uploaded(call, file)
    if blob.size > limits.PHOTO_BYTES:
        raise errors.PHOTO_SAVE_FILE_INVALID()
    files = call.services.files
    processed = await files.imaging.photo(await files.read(blob))
    return await files.create_photo(call.me, processed, has_stickers=has_stickers)


async def uploaded_document(call: Call, media: t.InputMediaUploadedDocument) -> Media:
    blob, name = await uploaded(call, media.file)
    mime = mime_type(media.mime_type)
    attributes = clean(media.attributes)
    if name and not any(isinstance(one, t.DocumentAttributeFilename) for one in attributes):
        attributes.append(t.DocumentAttributeFilename(file_name=name))
    film = any(isinstance(one, t.DocumentAttributeVideo) for one in attributes)
    if (
        media.nosound_video
        and film
        and not media.force_file
        and mime == "video/mp4"
        and not _round(attributes)
    ):
        if not any(isinstance(one, t.DocumentAttributeAnimated) for one in attributes):
            attributes.append(t.DocumentAttributeAnimated())
    if media.stickers and not any(isinstance(one, t.DocumentAttributeHasStickers) for one in attributes):
        attributes.append(t.DocumentAttributeHasStickers())
    return await made_document(call, blob, mime, attributes, media.thumb)


async def made_document(
    call: Call, blob: Blob, mime: str, attributes: list[Any], thumb_file: t.AnyInputFile | None = None
) -> Media:
    """A document of bytes that are here, with clean attributes; a thumbnail is made where there is none."""
    files = call.services.files
    sizes: tuple[Shown, ...] = ()
    stripped = b""
    sticker = await as_sticker(call, blob, mime, attributes)
    if sticker is not None:
        blob = blob if sticker.mime == mime else await files.store_bytes(sticker.data)
        mime, sizes = sticker.mime, await thumbs(call, sticker)
    thumb = await _thumb(call, thumb_file, blob, mime, attributes) if sticker is None else None
    if thumb is not None:
        sizes, stripped = await files.shown(thumb), thumb.stripped
    return await files.create_document(
        call.me,
        blob,
        mime=mime,
        attributes=render.attributes_bytes(attributes),
        layer=layers.CURRENT,
        sizes=sizes,
        stripped=stripped,
    )


async def _thumb(
    call: Call, thumb: t.AnyInputFile | None, blob: Blob, mime: str, attributes: list[Any]
) -> Processed | None:
    """The client's own thumbnail, or one that we make; a picture that cannot be read has none."""
    files = call.services.files
    if thumb is not None:
        blob, _ = await uploaded(call, thumb)
        mime = PICTURES[0]
    try:
        if mime in PICTURES and blob.size <= THUMBED_BYTES:
            made = await files.imaging.thumb(await files.read(blob))
            if thumb is None and not any(isinstance(one, t.DocumentAttributeImageSize) for one in attributes):
                attributes.append(t.DocumentAttributeImageSize(w=made.width, h=made.height))
            return made
        if mime in FILMS:
            return await _of_film(call, blob, attributes)
    except RpcError as refused:
        if refused.code != 400:
            raise
        _log.info("media.no_thumb", error=refused.name, mime=mime)
    return None


async def _of_film(call: Call, blob: Blob, attributes: list[Any]) -> Processed | None:
    """The first picture of a video; what its sender did not say of it is filled in."""
    files, loop = call.services.files, asyncio.get_running_loop()

    def read(offset: int, count: int) -> bytes:
        return asyncio.run_coroutine_threadsafe(files.read(blob, offset, count), loop).result(60)

    film = await files.imaging.video(blob.size, read)
    if film is None:
        return None
    for one in attributes:
        if isinstance(one, t.DocumentAttributeVideo):
            one.w, one.h = one.w or film.width, one.h or film.height
            one.duration = one.duration or film.seconds
    return film.thumb


def _round(attributes: list[Any]) -> bool:
    return any(isinstance(one, t.DocumentAttributeVideo) and one.round_message for one in attributes)


# -- what clients say -------------------------------------------------------------------------------------------------


def file_name(name: str) -> str:
    """A file name without path, control characters and marks that turn the reading direction."""
    last = _SEPARATORS.split(name)[-1]
    kept = "".join(
        one for one in last if unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Zl", "Zp", "Co")
    )
    return _without_edges(_without_edges(kept)[:FILE_NAME_CHARS])


def _without_edges(name: str) -> str:
    """Dots and white space of any kind around a name hide files or mean folders somewhere."""
    while name != (name := name.strip().strip(".")):
        pass
    return name


def mime_type(mime: str) -> str:
    """A type that is one, or that of any bytes."""
    mime = mime.partition(";")[0].strip().lower()
    return mime if _MIME.fullmatch(mime) else ANY


def clean(attributes: list[t.AnyDocumentAttribute]) -> list[t.AnyDocumentAttribute]:
    """The attributes that may be kept, each kind once, with values that mean something."""
    found: dict[type[Any], t.AnyDocumentAttribute] = {}
    for one in attributes:
        kept = _cleaned(one)
        if kept is not None:
            found.setdefault(type(kept), kept)
    return list(found.values())


def _cleaned(one: t.AnyDocumentAttribute) -> t.AnyDocumentAttribute | None:
    match one:
        case t.DocumentAttributeFilename():
            name = file_name(one.file_name)
            return t.DocumentAttributeFilename(file_name=name) if name else None
        case t.DocumentAttributeImageSize():
            return t.DocumentAttributeImageSize(w=_side(one.w), h=_side(one.h))
        case t.DocumentAttributeVideo():
            return t.DocumentAttributeVideo(
                duration=_seconds(one.duration),
                w=_side(one.w),
                h=_side(one.h),
                round_message=one.round_message,
                supports_streaming=one.supports_streaming,
                nosound=one.nosound,
                preload_prefix_size=max(one.preload_prefix_size, 0) if one.preload_prefix_size else None,
                video_start_ts=_seconds(one.video_start_ts) if one.video_start_ts else None,
                video_codec=one.video_codec[:TITLE_CHARS] if one.video_codec else None,
            )
        case t.DocumentAttributeAudio():
            return t.DocumentAttributeAudio(
                duration=min(max(one.duration, 0), limits.DAY * 30),
                voice=one.voice,
                title=one.title[:TITLE_CHARS] if one.title else None,
                performer=one.performer[:TITLE_CHARS] if one.performer else None,
                waveform=one.waveform[:WAVEFORM_BYTES] if one.waveform else None,
            )
        case t.DocumentAttributeSticker():
            return t.DocumentAttributeSticker(
                alt=one.alt[:32], stickerset=t.InputStickerSetEmpty(), mask=one.mask
            )
        case t.DocumentAttributeAnimated() | t.DocumentAttributeHasStickers():
            return one
    return None


def _side(pixels: int) -> int:
    return min(max(pixels, 0), SIDE_PIXELS)


def _seconds(seconds: float) -> float:
    return min(seconds, 30.0 * limits.DAY) if seconds > 0 else 0.0  # NaN is no length either
