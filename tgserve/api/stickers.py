"""stickers.*: making sets and changing one's own."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final

from tgserve import errors, limits
from tgserve.api.messages.sticker_files import thumbs
from tgserve.api.messages.stickers import named_document, named_set
from tgserve.api.upload import LOCATIONS, Found
from tgserve.render import stickers as render
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.stickers import emoji, sets
from tgserve.services.stickers.sets import EMOJI, MASKS, REGULAR
from tgserve.store.media_records import Media
from tgserve.store.sticker_records import Sticker, StickerSet
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import stickers

MAKING: Final = per_minute(60)
EMOJIS_OF_ONE: Final = 20
KEYWORDS_OF_ONE: Final = 20
SOFTWARE_CHARS: Final = 64
THUMB_BYTES: Final = {"image/webp": 128 * limits.KIB, "image/png": 128 * limits.KIB}
"""Of a set's icon, by kind; animations are small by themselves."""
ICON_ANIMATION_BYTES: Final = 32 * limits.KIB


@rpc(stickers.CreateStickerSet, flood=per_minute(20))
async def create_sticker_set(call: Call, request: stickers.CreateStickerSet) -> t.AnyMessagesStickerSet:
    """Only for oneself. Everything is looked at before anything is kept."""
    if peers.resolve_user(call, request.user_id) != call.me:
        raise errors.USER_ID_INVALID()
    if request.masks and request.emojis:
        raise errors.PACK_TYPE_INVALID()
    kind = EMOJI if request.emojis else MASKS if request.masks else REGULAR
    if not request.stickers:
        raise errors.STICKERS_EMPTY()
    if len(request.stickers) > sets.MOST[kind]:
        raise errors.STICKERS_TOO_MUCH()
    service = call.services.sticker_sets
    made = StickerSet(
        id=service.new_id(),
        owner=call.me,
        kind=kind,
        title=request.title,
        name=request.short_name,
        date=0,
        text_color=bool(request.text_color) and kind == EMOJI,
        software=(request.software or "")[:SOFTWARE_CHARS],
    )
    service.check_new(made)
    asked = [(_read(call, one, kind), one) for one in request.stickers]
    members = [await _sticker(call, media, one, made) for media, one in asked]
    thumb = await _icon(call, request.thumb) if request.thumb is not None else 0
    whole = StickerSet(**{**_fields(made), "stickers": tuple(members), "thumb": thumb})
    return render.full_set(call.services, call.me, await service.create(whole))


@rpc(stickers.AddStickerToSet, flood=MAKING)
async def add_sticker_to_set(call: Call, request: stickers.AddStickerToSet) -> t.AnyMessagesStickerSet:
    found = await _own(call, request.stickerset)
    media = _read(call, request.sticker, found.kind)
    if len(found.stickers) >= sets.MOST[found.kind]:
        raise errors.STICKERS_TOO_MUCH()
    made = await _sticker(call, media, request.sticker, found)
    return await _changed(call, call.services.sticker_sets.change(call.me, found.id, sets.added(made)))


@rpc(stickers.RemoveStickerFromSet, flood=MAKING)
async def remove_sticker_from_set(
    call: Call, request: stickers.RemoveStickerFromSet
) -> t.AnyMessagesStickerSet:
    media, found = _member(call, request.sticker)
    return await _changed(call, call.services.sticker_sets.change(call.me, found.id, sets.removed(media.id)))


@rpc(stickers.ChangeStickerPosition, flood=MAKING)
async def change_sticker_position(
    call: Call, request: stickers.ChangeStickerPosition
) -> t.AnyMessagesStickerSet:
    media, found = _member(call, request.sticker)
    change = sets.moved(media.id, request.position)
    return await _changed(call, call.services.sticker_sets.change(call.me, found.id, change))


@rpc(stickers.ReplaceSticker, flood=MAKING)
async def replace_sticker(call: Call, request: stickers.ReplaceSticker) -> t.AnyMessagesStickerSet:
    media, found = _member(call, request.sticker)
    fresh = _read(call, request.new_sticker, found.kind)
    made = await _sticker(call, fresh, request.new_sticker, found)
    change = sets.replaced(media.id, made)
    return await _changed(call, call.services.sticker_sets.change(call.me, found.id, change))


@rpc(stickers.ChangeSticker, flood=MAKING)
async def change_sticker(call: Call, request: stickers.ChangeSticker) -> t.AnyMessagesStickerSet:
    """Other emoji, keywords or place on the face. The document says its emoji itself, so it is made anew."""
    media, found = _member(call, request.sticker)
    was = next(one for one in found.stickers if one.document == media.id)
    emojis = was.emojis if request.emoji is None else _emojis(request.emoji)
    words = was.keywords if request.keywords is None else _keywords(request.keywords)
    mask = was.mask if request.mask_coords is None else _mask(request.mask_coords, found.kind)
    number = media.id
    if (emojis[0], mask) != (was.emojis[0], was.mask):
        number = await _remade(call, media, emojis[0], mask, found)
    change = sets.replaced(media.id, Sticker(number, emojis, words, mask))
    return await _changed(call, call.services.sticker_sets.change(call.me, found.id, change))


@rpc(stickers.RenameStickerSet, flood=MAKING)
async def rename_sticker_set(call: Call, request: stickers.RenameStickerSet) -> t.AnyMessagesStickerSet:
    found = await _own(call, request.stickerset)
    change = sets.renamed(request.title)
    return await _changed(call, call.services.sticker_sets.change(call.me, found.id, change))


@rpc(stickers.DeleteStickerSet, flood=MAKING)
async def delete_sticker_set(call: Call, request: stickers.DeleteStickerSet) -> bool:
    found = await _own(call, request.stickerset)
    await call.services.sticker_sets.delete(call.me, found.id)
    await call.services.shelves.uninstall(call.me, found.kind, (found.id,), origin=call.session)
    return True


@rpc(stickers.SetStickerSetThumb, flood=MAKING)
async def set_sticker_set_thumb(call: Call, request: stickers.SetStickerSetThumb) -> t.AnyMessagesStickerSet:
    """The icon: a small picture of its own, for custom emoji one of the set; nothing takes it away."""
    found = await _own(call, request.stickerset)
    number = 0
    if request.thumb_document_id:
        number = request.thumb_document_id
        if found.kind != EMOJI or all(one.document != number for one in found.stickers):
            raise errors.STICKER_THUMB_INVALID()
    elif request.thumb is not None and not isinstance(request.thumb, t.InputDocumentEmpty):
        number = await _icon(call, request.thumb)
    change = sets.iconed(number)
    return await _changed(call, call.services.sticker_sets.change(call.me, found.id, change))


@rpc(stickers.CheckShortName, flood=per_minute(120))
async def check_short_name(call: Call, request: stickers.CheckShortName) -> bool:
    call.services.sticker_sets.check_name(request.short_name)
    return True


@rpc(stickers.SuggestShortName, flood=MAKING)
async def suggest_short_name(
    call: Call, request: stickers.SuggestShortName
) -> t.AnyStickersSuggestedShortName:
    return t.StickersSuggestedShortName(short_name=call.services.sticker_sets.suggest_name(request.title))


# -- whose set, which sticker -----------------------------------------------------------------------------------------


async def _own(call: Call, asked: t.AnyInputStickerSet) -> StickerSet:
    found = await named_set(call, asked)
    if found.owner != call.me:
        raise errors.STICKERSET_INVALID()
    return found


def _member(call: Call, asked: t.AnyInputDocument) -> tuple[Media, StickerSet]:
    """A sticker of one of the caller's sets. STICKER_ID_INVALID, STICKER_INVALID."""
    media = named_document(call, asked)
    return media, call.services.sticker_sets.with_document(call.me, media.id)


async def _changed(call: Call, commit: Awaitable[StickerSet]) -> t.AnyMessagesStickerSet:
    return render.full_set(call.services, call.me, await commit)


def _fields(one: StickerSet) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


# -- files that become stickers ---------------------------------------------------------------------------------------


def _read(call: Call, item: Any, kind: str) -> Media:
    """The document of an item, with everything else of it checked."""
    _emojis(item.emoji)
    _keywords(item.keywords or "")
    _mask(item.mask_coords, kind)
    media = named_document(call, item.document)
    if media.photo:
        raise errors.STICKER_FILE_INVALID()
    return media


async def _sticker(call: Call, media: Media, item: Any, of: StickerSet) -> Sticker:
    """A document of its own for a set, of a file that is fit for it."""
    emojis, mask = _emojis(item.emoji), _mask(item.mask_coords, of.kind)
    number = await _remade(call, media, emojis[0], mask, of)
    return Sticker(number, emojis, _keywords(item.keywords or ""), mask)


async def _remade(call: Call, media: Media, alt: str, mask: bytes, of: StickerSet) -> int:
    """The id of a document with the same picture, made for a set."""
    files = call.services.files
    if media.blob.size > limits.STICKER_BYTES or files.imaging is None:
        raise errors.STICKER_FILE_INVALID()
    data = await files.read(media.blob)
    checked = await files.imaging.sticker(data, media.mime, emoji=of.kind == EMOJI)
    blob = media.blob if checked.data == data else await files.store_bytes(checked.data)
    sizes = await thumbs(call, checked)
    attributes, layer = render.of_sticker(
        call.services.access,
        checked.mime,
        checked.width,
        checked.height,
        alt,
        of.kind,
        of.id,
        mask=mask,
        seconds=checked.seconds,
        text_color=of.text_color,
    )
    made = await files.create_document(
        call.me, blob, mime=checked.mime, attributes=attributes, layer=layer, sizes=sizes
    )
    return made.id


async def _icon(call: Call, asked: t.AnyInputDocument) -> int:
    """The document of a set's icon: 100 x 100, or an animation."""
    media = named_document(call, asked)
    files = call.services.files
    most = THUMB_BYTES.get(media.mime, ICON_ANIMATION_BYTES)
    if media.photo or media.blob.size > most or files.imaging is None:
        raise errors.STICKER_THUMB_INVALID()
    data = await files.read(media.blob)
    checked = await files.imaging.sticker(data, media.mime, emoji=True)
    blob = media.blob if checked.data == data else await files.store_bytes(checked.data)
    attributes, layer = render.of_sticker(
        call.services.access, checked.mime, checked.width, checked.height, "", REGULAR, 0
    )
    made = await files.create_document(call.me, blob, mime=checked.mime, attributes=attributes, layer=layer)
    return made.id


def _emojis(text: str) -> tuple[str, ...]:
    """STICKER_EMOJI_INVALID unless these are 1..20 emoji and nothing else."""
    found = emoji.split(text.replace(" ", "")) if len(text) <= limits.ABOUT_CHARS * 4 else None
    if not found or len(found) > EMOJIS_OF_ONE:
        raise errors.STICKER_EMOJI_INVALID()
    return tuple(dict.fromkeys(found))


def _keywords(text: str) -> tuple[str, ...]:
    """Words separated by commas."""
    words = (one.strip()[: limits.NAME_CHARS] for one in text.split(","))
    return tuple(one for one in words if one)[:KEYWORDS_OF_ONE]


def _mask(coords: Any, kind: str) -> bytes:
    """TL maskCoords. STICKER_MASK_COORDS_INVALID."""
    if coords is None:
        return b""
    numbers = (coords.x, coords.y, coords.zoom)
    if kind != MASKS or not 0 <= coords.n <= 3 or not all(-100 < one < 100 for one in numbers):
        raise errors.STICKER_MASK_COORDS_INVALID()
    return layers.encode(coords)


# -- the icon's file --------------------------------------------------------------------------------------------------


def _icon_file(call: Call, location: t.InputStickerSetThumb) -> Found:
    """Who knows a set may see its icon; custom emoji say theirs by document."""
    asked = location.stickerset
    found: StickerSet | None = None
    if isinstance(asked, t.InputStickerSetID):
        if asked.access_hash == render.set_hash(call.services.access, asked.id):
            found = call.services.sticker_sets.get_or_none(asked.id)
    elif isinstance(asked, t.InputStickerSetShortName):
        found = call.services.sticker_sets.named_or_none(asked.short_name)
    media = call.services.files.library.get_or_none(found.thumb) if found is not None else None
    if media is None:
        raise errors.LOCATION_INVALID()
    return Found(media.blob, media.mime)


LOCATIONS[t.InputStickerSetThumb] = _icon_file
