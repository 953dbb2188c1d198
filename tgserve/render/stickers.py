"""Sticker sets, shelves of documents and the stock set, as one viewer sees them.

A set's access hash is the same for everybody: whoever was sent a sticker may look at its set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

from tgserve.ids import AccessHashes
from tgserve.render import media as render_media
from tgserve.services import Services
from tgserve.services.files.files import EVERYBODY
from tgserve.services.files.references import STICKERS, STOCK, Origin
from tgserve.services.stickers.shelves import SETS
from tgserve.services.stickers.stock import Picture
from tgserve.store.media_records import Media
from tgserve.store.sticker_records import Kept, Sticker, StickerSet
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.hashing import list_hash

COVERS: Final = 5
"""Stickers of a set that are shown where only an impression is wanted."""


def set_hash(access: AccessHashes, set_id: int) -> int:
    """The access hash of a set."""
    return access.of(EVERYBODY, b"s", set_id)


def input_set(access: AccessHashes, set_id: int) -> Any:
    """The set as documents name it; id 0 is none."""
    if not set_id:
        return t.InputStickerSetEmpty()
    return t.InputStickerSetID(id=set_id, access_hash=set_hash(access, set_id))


def find(services: Services, set_id: int) -> StickerSet | None:
    """A set by id: somebody's, or one of the server's own."""
    return services.stock.set_or_none(set_id) or services.sticker_sets.get_or_none(set_id)


def kept_or_none(services: Services, viewer: int, one: StickerSet) -> Kept | None:
    """How the viewer has a set installed."""
    if not one.owner:
        return None
    return next((kept for kept in services.shelves.of(viewer, one.kind) if kept.id == one.id), None)


def sticker_set(services: Services, viewer: int, one: StickerSet, kept: Kept | None) -> t.StickerSet:
    """The head of a set."""
    more: dict[str, Any] = {}
    icon = services.files.library.get_or_none(one.thumb) if one.thumb else None
    if icon is not None:
        if one.kind == "emojis":
            more["thumb_document_id"] = icon.id
        else:
            sizes: list[Any] = [t.PhotoSize(type="s", w=100, h=100, size=icon.blob.size)]
            more.update(thumbs=sizes, thumb_dc_id=services.config.dc_id, thumb_version=one.thumb_version)
    return t.StickerSet(
        archived=kept is not None and kept.archived,
        official=one.owner == 0,
        masks=one.kind == "masks",
        emojis=one.kind == "emojis",
        text_color=one.text_color,
        creator=one.owner == viewer and viewer != 0,
        installed_date=kept.date if kept is not None else None,
        id=one.id,
        access_hash=set_hash(services.access, one.id),
        title=one.title,
        short_name=one.name,
        count=len(one.stickers),
        hash=one.version,
        **more,
    )


def full_set(services: Services, viewer: int, one: StickerSet) -> t.MessagesStickerSet:
    """A set with all its stickers."""
    head = sticker_set(services, viewer, one, kept_or_none(services, viewer, one))
    shown, there = _documents(services, viewer, one, one.stickers)
    head.count = len(shown)
    return t.MessagesStickerSet(set=head, packs=packs(there), keywords=keywords(there), documents=shown)


def covered(services: Services, viewer: int, one: StickerSet, *, full: bool = False) -> Any:
    """A set in a list of sets."""
    head = sticker_set(services, viewer, one, kept_or_none(services, viewer, one))
    if full:
        shown, there = _documents(services, viewer, one, one.stickers)
        head.count = len(shown)
        return t.StickerSetFullCovered(
            set=head, packs=packs(there), keywords=keywords(there), documents=shown
        )
    shown, _ = _documents(services, viewer, one, one.stickers[:COVERS])
    if not shown:
        return t.StickerSetNoCovered(set=head)
    return t.StickerSetMultiCovered(set=head, covers=shown)


def _documents(
    services: Services, viewer: int, one: StickerSet, wanted: Sequence[Sticker]
) -> tuple[list[Any], list[Sticker]]:
    """The documents of stickers, and which of these are there."""
    found = [(sticker, services.files.library.get_or_none(sticker.document)) for sticker in wanted]
    origin = Origin(STICKERS)
    shown = [_document(services, viewer, media, origin) for _, media in found if media]
    return shown, [sticker for sticker, media in found if media is not None]


def packs(stickers: Iterable[Sticker]) -> list[Any]:
    """Which stickers stand for an emoji."""
    by_emoji: dict[str, list[int]] = {}
    for one in stickers:
        for emoji in one.emojis:
            by_emoji.setdefault(emoji, []).append(one.document)
    return [t.StickerPack(emoticon=emoji, documents=numbers) for emoji, numbers in by_emoji.items()]


def keywords(stickers: Iterable[Sticker]) -> list[Any]:
    return [
        t.StickerKeyword(document_id=one.document, keyword=list(one.keywords))
        for one in stickers
        if one.keywords
    ]


def shelf(services: Services, viewer: int, name: str) -> list[tuple[Kept, Media]]:
    """What is on a shelf of documents and still there."""
    found = ((one, services.files.library.get_or_none(one.id)) for one in services.shelves.of(viewer, name))
    return [(one, media) for one, media in found if media is not None]


def documents(services: Services, viewer: int, found: Iterable[Media]) -> list[Any]:
    """Documents outside a set: of a shelf, custom emoji."""
    return [_document(services, viewer, one, Origin(STICKERS)) for one in found]


def stock_document(services: Services, name: str) -> Any:
    """A picture of the stock set, as everybody is shown it; documentEmpty when there is none."""
    media = services.files.library.get_or_none(services.stock.document(name))
    if media is None:
        return t.DocumentEmpty(id=0)
    return render_media.document(services, EVERYBODY, media, Origin(STOCK))


def _document(services: Services, viewer: int, media: Media, origin: Origin) -> Any:
    """What is the server's own is drawn alike for all."""
    if not media.owner:
        return render_media.document(services, EVERYBODY, media, Origin(STOCK))
    return render_media.document(services, viewer, media, origin)


def shelf_hash(found: Iterable[tuple[Kept, Media]]) -> int:
    """The hash clients compute of a list of documents."""
    return list_hash(media.id for _, media in found)


def alt_packs(found: Iterable[Media]) -> list[Any]:
    """Packs of stickers by the emoji they were made for."""
    named = sorted(((alt(one), one.id) for one in found), key=lambda pair: pair[0])
    return [
        t.StickerPack(emoticon=emoji, documents=[number for _, number in pairs])
        for emoji, pairs in groupby(named, key=lambda pair: pair[0])
        if emoji
    ]


# -- attributes -------------------------------------------------------------------------------------------------------


def alt(media: Media) -> str:
    """The emoji a sticker or custom emoji stands for, empty for other documents."""
    for one in render_media.attributes_of(media):
        if isinstance(one, t.DocumentAttributeSticker | t.DocumentAttributeCustomEmoji):
            return one.alt
    return ""


def is_sticker(media: Media) -> bool:
    return any(isinstance(one, t.DocumentAttributeSticker) for one in render_media.attributes_of(media))


def is_custom_emoji(media: Media) -> bool:
    return any(isinstance(one, t.DocumentAttributeCustomEmoji) for one in render_media.attributes_of(media))


def is_gif(media: Media) -> bool:
    return any(isinstance(one, t.DocumentAttributeAnimated) for one in render_media.attributes_of(media))


def set_of(media: Media) -> int:
    """The id of the set a sticker was made for, 0 = none."""
    for one in render_media.attributes_of(media):
        if isinstance(one, t.DocumentAttributeSticker | t.DocumentAttributeCustomEmoji):
            return one.stickerset.id if isinstance(one.stickerset, t.InputStickerSetID) else 0
    return 0


FILE_NAMES: Final = {
    "image/webp": "sticker.webp",
    "application/x-tgsticker": "AnimatedSticker.tgs",
    "video/webm": "sticker.webm",
}


def of_sticker(
    access: AccessHashes,
    mime: str,
    width: int,
    height: int,
    emoji: str,
    kind: str,
    set_id: int,
    *,
    mask: bytes = b"",
    seconds: float = 0.0,
    text_color: bool = False,
) -> tuple[bytes, int]:
    """TL Vector<DocumentAttribute> of a sticker and the layer it is of; `mask` is TL maskCoords."""
    named = input_set(access, set_id)
    size: Any = t.DocumentAttributeImageSize(w=width, h=height)
    if mime == "video/webm":
        size = t.DocumentAttributeVideo(nosound=True, duration=seconds, w=width, h=height)
    role: Any
    if kind == "emojis":
        role = t.DocumentAttributeCustomEmoji(free=True, text_color=text_color, alt=emoji, stickerset=named)
    else:
        coords: Any = layers.decode(mask) if mask else None
        role = t.DocumentAttributeSticker(
            mask=kind == "masks", alt=emoji, stickerset=named, mask_coords=coords
        )
    name = t.DocumentAttributeFilename(file_name=FILE_NAMES[mime])
    return render_media.attributes_bytes([size, role, name]), layers.CURRENT


def of_stock(access: AccessHashes, picture: Picture) -> tuple[bytes, int]:
    """The same for a picture of the stock set."""
    kind = "emojis" if picture.custom else "stickers"
    return of_sticker(access, picture.mime, picture.side, picture.side, picture.emoji, kind, picture.set_id)


# -- updates ----------------------------------------------------------------------------------------------------------


def update(services: Services, viewer: int, shelf_name: str, what: str, number: int) -> Any:
    """What tells a device that a shelf has changed; None when there is nothing to tell."""
    if shelf_name in SETS:
        masks, emojis = shelf_name == "masks", shelf_name == "emojis"
        if what == "new":
            one = find(services, number)
            if one is not None:
                return t.UpdateNewStickerSet(stickerset=full_set(services, viewer, one))
        if what == "order":
            order = [one.id for one in services.shelves.of(viewer, shelf_name) if not one.archived]
            return t.UpdateStickerSetsOrder(masks=masks, emojis=emojis, order=order)
        return t.UpdateStickerSets(masks=masks, emojis=emojis)
    made = _UPDATES.get(shelf_name)
    return made() if made is not None else None


_UPDATES: Final[dict[str, type[Any]]] = {
    "recent": t.UpdateRecentStickers,
    "attached": t.UpdateRecentStickers,
    "faved": t.UpdateFavedStickers,
    "gifs": t.UpdateSavedGifs,
    "ringtones": t.UpdateSavedRingtones,
    "statuses": t.UpdateRecentEmojiStatuses,
}
