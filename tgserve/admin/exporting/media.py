"""Media of messages as fields of the export, their files copied into its folder."""

from __future__ import annotations

from typing import Any

from tgserve.admin.exporting.folder import Folder
from tgserve.admin.exporting.texts import Part
from tgserve.render import polls
from tgserve.render.media import attributes_of
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.store.media_records import Media
from tgserve.tl import layers
from tgserve.tl import types as t

LEFT_OUT = "(File not included. Change data exporting settings to download.)"
"""Desktop's words."""
_SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "application/x-tgsticker": ".tgs",
    "application/pdf": ".pdf",
}


async def fields(services: Services, folder: Folder, view: View) -> Part:
    """Of the body's media; nothing for link previews."""
    body = view.body
    if not body.media:
        return {}
    media: Any = layers.decode(polls.media_bytes(services, view) if body.poll else body.media)
    made: Part = {}
    match media:
        case t.MessageMediaPhoto():
            made = await _photo(services, folder, media, body.date)
        case t.MessageMediaDocument():
            made = await _document(services, folder, media, body.date)
        case t.MessageMediaGeo() | t.MessageMediaGeoLive() | t.MessageMediaVenue():
            made = _place(media)
        case t.MessageMediaContact():
            made = {
                "contact_information": {
                    "first_name": media.first_name,
                    "last_name": media.last_name,
                    "phone_number": media.phone_number,
                }
            }
        case t.MessageMediaPoll() if isinstance(media.poll, t.Poll):
            made = {"poll": _poll(media, media.poll)}
        case t.MessageMediaDice():
            made = {"dice": {"value": media.value, "emoji": media.emoticon}}
    if body.media_ttl and made:
        made["self_destruct_period_seconds"] = body.media_ttl
    return made


async def _photo(services: Services, folder: Folder, media: t.MessageMediaPhoto, date: int) -> Part:
    if not isinstance(media.photo, t.Photo):
        return {}
    found = services.files.library.get_or_none(media.photo.id)
    made = {**await photo(folder, found, "photos/photo", date)}
    if media.spoiler:
        made["media_spoiler"] = True
    return made


async def photo(folder: Folder, found: Media | None, kind: str, date: int) -> Part:
    """photo, photo_file_size, width, height."""
    if found is None or not found.sizes:
        return {"photo": LEFT_OUT}
    best = max(found.sizes, key=lambda size: size.width * size.height)
    place = LEFT_OUT
    if folder.media:
        place = await folder.copy(best.blob, folder.numbered(kind, date, ".jpg"))
    return {
        "photo": place,
        "photo_file_size": best.blob.size,
        "width": best.width,
        "height": best.height,
    }


async def _document(services: Services, folder: Folder, media: t.MessageMediaDocument, date: int) -> Part:
    if not isinstance(media.document, t.Document):
        return {}
    found = services.files.library.get_or_none(media.document.id)
    if found is None:
        return {"file": LEFT_OUT}
    name, kind, more = _described(found)
    suffix = _SUFFIXES.get(found.mime, "")
    place, thumb = LEFT_OUT, None
    if folder.media:
        wanted = {
            "voice_message": lambda: folder.numbered("voice_messages/audio", date, suffix or ".ogg"),
            "video_message": lambda: folder.numbered("round_video_messages/file", date, suffix or ".mp4"),
            "sticker": lambda: folder.named("stickers", name or f"sticker{suffix}"),
            "video_file": lambda: folder.named("video_files", name or f"video_{found.id}{suffix}"),
            "animation": lambda: folder.named("video_files", name or f"animation_{found.id}{suffix}"),
        }.get(kind, lambda: folder.named("files", name or f"file_{found.id}{suffix}"))()
        place = await folder.copy(found.blob, wanted)
        if found.sizes:
            thumb = await folder.copy(found.sizes[0].blob, f"{place}_thumb.jpg")
    made: Part = {"file": place}
    if name:
        made["file_name"] = name
    made["file_size"] = found.blob.size
    if thumb is not None:
        made["thumbnail"] = thumb
        made["thumbnail_file_size"] = found.sizes[0].blob.size
    if kind:
        made["media_type"] = kind
    made |= more
    made["mime_type"] = found.mime
    if media.spoiler:
        made["media_spoiler"] = True
    return made


def _described(media: Media) -> tuple[str, str, Part]:
    """(file name, media_type, more fields)."""
    name, kind, more = "", "", dict[str, Any]()
    for one in attributes_of(media):
        match one:
            case t.DocumentAttributeFilename():
                name = _safe(one.file_name)
            case t.DocumentAttributeAudio():
                kind = kind or ("voice_message" if one.voice else "audio_file")
                if one.performer:
                    more["performer"] = one.performer
                if one.title:
                    more["title"] = one.title
                more["duration_seconds"] = one.duration
            case t.DocumentAttributeVideo():
                kind = kind or ("video_message" if one.round_message else "video_file")
                more |= {"duration_seconds": int(one.duration), "width": one.w, "height": one.h}
            case t.DocumentAttributeSticker():
                kind = "sticker"
                more["sticker_emoji"] = one.alt
            case t.DocumentAttributeAnimated():
                kind = "animation" if kind != "sticker" else kind
            case t.DocumentAttributeImageSize():
                more |= {"width": one.w, "height": one.h}
    return name, kind, more


def _safe(name: str) -> str:
    """A name that is a file's on every system, never a path (SECURITY 6.11)."""
    kept = "".join("_" if sign in '<>:"/\\|?*' or not sign.isprintable() else sign for sign in name)
    kept = kept.strip(". ")
    while len(kept.encode()) > 200:
        kept = kept[1:]
    return kept


def _place(media: Any) -> Part:
    made: Part = {}
    if isinstance(media.geo, t.GeoPoint):
        made["location_information"] = {"latitude": media.geo.lat, "longitude": media.geo.long}
    if isinstance(media, t.MessageMediaGeoLive):
        made["live_location_period_seconds"] = media.period
    if isinstance(media, t.MessageMediaVenue):
        made |= {"place_name": media.title, "address": media.address}
    return made


def _poll(media: t.MessageMediaPoll, poll: t.Poll) -> Part:
    counts: dict[bytes, t.PollAnswerVoters] = {}
    total = 0
    if isinstance(media.results, t.PollResults):
        total = media.results.total_voters or 0
        voters = media.results.results or []
        counts = {one.option: one for one in voters if isinstance(one, t.PollAnswerVoters)}
    answers: list[Part] = []
    for answer in poll.answers:
        if isinstance(answer, t.PollAnswer):
            found = counts.get(answer.option)
            answers.append(
                {
                    "text": _plain(answer.text),
                    "voters": (found.voters or 0) if found else 0,
                    "chosen": bool(found and found.chosen),
                }
            )
    return {
        "question": _plain(poll.question),
        "closed": poll.closed,
        "total_voters": total,
        "answers": answers,
    }


def _plain(text: Any) -> str:
    return text.text if isinstance(text, t.TextWithEntities) else str(text)
