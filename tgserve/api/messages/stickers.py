"""messages.*Sticker*, *Gif*, *CustomEmoji*: sets that are looked at and installed, stickers and GIFs that are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from tgserve import errors, limits
from tgserve.render import stickers as render
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.stickers import shelves, stock
from tgserve.services.stickers.emoji import plain
from tgserve.services.stickers.sets import EMOJI, MASKS, REGULAR
from tgserve.store.media_records import Media
from tgserve.store.sticker_records import Sticker, StickerSet
from tgserve.tl import types as t
from tgserve.tl.functions import messages
from tgserve.tl.hashing import list_hash

LISTED: Final = 100
"""Sets in one answer."""
ASKED: Final = 200
"""Documents or sets named in one call."""
SHA256_BYTES: Final = 32
HASHED_BYTES: Final = 10 * 1024 * 1024
"""The largest GIF that is found by its hash: it is read for it."""
_ROLES: Final[dict[type[Any], int]] = {
    t.InputStickerSetAnimatedEmoji: stock.ANIMATED,
    t.InputStickerSetAnimatedEmojiAnimations: stock.CLICKED,
    t.InputStickerSetEmojiChannelDefaultStatuses: stock.CHANNEL_STATUSES,
    t.InputStickerSetEmojiDefaultStatuses: stock.STATUSES,
    t.InputStickerSetEmojiDefaultTopicIcons: stock.TOPICS,
    t.InputStickerSetEmojiGenericAnimations: stock.GENERIC,
    t.InputStickerSetPremiumGifts: stock.PREMIUM,
    t.InputStickerSetTonGifts: stock.TON,
}


# -- finding sets and documents ---------------------------------------------------------------------------------------


async def named_set(call: Call, asked: t.AnyInputStickerSet) -> StickerSet:
    """The set that is asked for, by id, short name or role. STICKERSET_INVALID."""
    services = call.services
    found: StickerSet | None = None
    if isinstance(asked, t.InputStickerSetID):
        if asked.id <= max(stock.NAMES):
            await services.stock.wait()
        if asked.access_hash == render.set_hash(services.access, asked.id):
            found = render.find(services, asked.id)
    elif isinstance(asked, t.InputStickerSetShortName):
        found = services.sticker_sets.named_or_none(asked.short_name)
        found = found or services.stock.named_or_none(asked.short_name)
    elif isinstance(asked, t.InputStickerSetDice):
        await services.stock.wait()
        found = services.stock.game_or_none(asked.emoticon)
    elif type(asked) in _ROLES:
        await services.stock.wait()
        found = services.stock.set_or_none(_ROLES[type(asked)])
    if found is None:
        raise errors.STICKERSET_INVALID()
    return found


def named_document(call: Call, asked: t.AnyInputDocument) -> Media:
    """STICKER_ID_INVALID, FILE_REFERENCE_*."""
    if not isinstance(asked, t.InputDocument):
        raise errors.STICKER_ID_INVALID()
    try:
        media, _ = call.services.files.named(call.me, asked.id, asked.access_hash, asked.file_reference)
    except errors.RpcError as error:
        if error.name == "LOCATION_INVALID":
            raise errors.STICKER_ID_INVALID() from None
        raise
    return media


@rpc(messages.GetStickerSet)
async def get_sticker_set(call: Call, request: messages.GetStickerSet) -> t.AnyMessagesStickerSet:
    found = await named_set(call, request.stickerset)
    if request.hash and request.hash == found.version:
        return t.MessagesStickerSetNotModified()
    return render.full_set(call.services, call.me, found)


# -- installed sets ---------------------------------------------------------------------------------------------------


@rpc(messages.InstallStickerSet, flood=per_minute(60))
async def install_sticker_set(
    call: Call, request: messages.InstallStickerSet
) -> t.AnyMessagesStickerSetInstallResult:
    found = await named_set(call, request.stickerset)
    if not found.owner:
        raise errors.STICKERSET_INVALID()
    await call.services.shelves.install(
        call.me, found.kind, found.id, archived=request.archived, origin=call.session
    )
    return t.MessagesStickerSetInstallResultSuccess()


@rpc(messages.UninstallStickerSet, flood=per_minute(60))
async def uninstall_sticker_set(call: Call, request: messages.UninstallStickerSet) -> bool:
    found = await named_set(call, request.stickerset)
    await call.services.shelves.uninstall(call.me, found.kind, (found.id,), origin=call.session)
    return True


@rpc(messages.ToggleStickerSets, flood=per_minute(60))
async def toggle_sticker_sets(call: Call, request: messages.ToggleStickerSets) -> bool:
    """Uninstall, archive or take out of the archive, several at once."""
    if len(request.stickersets) > ASKED:
        raise errors.LIMIT_INVALID()
    found = [await named_set(call, one) for one in request.stickersets]
    for kind in shelves.SETS:
        ids = [one.id for one in found if one.kind == kind]
        if not ids:
            continue
        if request.uninstall:
            await call.services.shelves.uninstall(call.me, kind, ids, origin=call.session)
        elif request.archive or request.unarchive:
            await call.services.shelves.archive(
                call.me, kind, ids, bool(request.archive), origin=call.session
            )
    return True


@rpc(messages.ReorderStickerSets, flood=per_minute(60))
async def reorder_sticker_sets(call: Call, request: messages.ReorderStickerSets) -> bool:
    if len(request.order) > ASKED:
        raise errors.LIMIT_INVALID()
    kind = _kind(masks=request.masks, emojis=request.emojis)
    await call.services.shelves.reorder(call.me, kind, request.order, origin=call.session)
    return True


def _kind(*, masks: bool | None, emojis: bool | None) -> str:
    return EMOJI if emojis else MASKS if masks else REGULAR


def installed(call: Call, kind: str, *, archived: bool = False) -> list[StickerSet]:
    """Installed sets of a kind that are still there, in order."""
    found = (
        call.services.sticker_sets.get_or_none(one.id)
        for one in call.services.shelves.of(call.me, kind)
        if one.archived == archived
    )
    return [one for one in found if one is not None]


def _all(call: Call, kind: str, hash_: int) -> t.AnyMessagesAllStickers:
    """Heads of the installed sets; clients compute the hash from those of the sets."""
    found = installed(call, kind)
    hash_now = list_hash(one.version for one in found)
    if hash_ and hash_ == hash_now:
        return t.MessagesAllStickersNotModified()
    kept = {one.id: one for one in call.services.shelves.of(call.me, kind)}
    return t.MessagesAllStickers(
        hash=hash_now,
        sets=[render.sticker_set(call.services, call.me, one, kept[one.id]) for one in found],
    )


@rpc(messages.GetAllStickers)
async def get_all_stickers(call: Call, request: messages.GetAllStickers) -> t.AnyMessagesAllStickers:
    return _all(call, REGULAR, request.hash)


@rpc(messages.GetMaskStickers)
async def get_mask_stickers(call: Call, request: messages.GetMaskStickers) -> t.AnyMessagesAllStickers:
    return _all(call, MASKS, request.hash)


@rpc(messages.GetEmojiStickers)
async def get_emoji_stickers(call: Call, request: messages.GetEmojiStickers) -> t.AnyMessagesAllStickers:
    return _all(call, EMOJI, request.hash)


@rpc(messages.GetArchivedStickers)
async def get_archived_stickers(
    call: Call, request: messages.GetArchivedStickers
) -> t.AnyMessagesArchivedStickers:
    kind = _kind(masks=request.masks, emojis=request.emojis)
    found = installed(call, kind, archived=True)
    shown = _after(found, request.offset_id, request.limit)
    return t.MessagesArchivedStickers(
        count=len(found), sets=[render.covered(call.services, call.me, one) for one in shown]
    )


@rpc(messages.GetMyStickers)
async def get_my_stickers(call: Call, request: messages.GetMyStickers) -> t.AnyMessagesMyStickers:
    """Sets the caller has made, the newest first."""
    found = call.services.sticker_sets.of(call.me)
    shown = _after(found, request.offset_id, request.limit)
    return t.MessagesMyStickers(
        count=len(found), sets=[render.covered(call.services, call.me, one) for one in shown]
    )


def _after(found: list[StickerSet], offset_id: int, limit: int) -> list[StickerSet]:
    """A page: what comes after the set `offset_id`."""
    place = next((at + 1 for at, one in enumerate(found) if one.id == offset_id), 0)
    return found[place : place + min(max(limit, 0), LISTED)]


@rpc(messages.SearchStickerSets)
async def search_sticker_sets(
    call: Call, request: messages.SearchStickerSets
) -> t.AnyMessagesFoundStickerSets:
    return _found_sets(call, request.q, REGULAR, request.hash)


@rpc(messages.SearchEmojiStickerSets)
async def search_emoji_sticker_sets(
    call: Call, request: messages.SearchEmojiStickerSets
) -> t.AnyMessagesFoundStickerSets:
    return _found_sets(call, request.q, EMOJI, request.hash)


def _found_sets(call: Call, text: str, kind: str, hash_: int) -> t.AnyMessagesFoundStickerSets:
    found = call.services.sticker_sets.find(text[: limits.NAME_CHARS], kind)
    hash_now = list_hash(one.id for one in found)
    if hash_ and hash_ == hash_now:
        return t.MessagesFoundStickerSetsNotModified()
    return t.MessagesFoundStickerSets(
        hash=hash_now, sets=[render.covered(call.services, call.me, one) for one in found]
    )


@rpc(messages.ReadFeaturedStickers)
async def read_featured_stickers(call: Call, request: messages.ReadFeaturedStickers) -> bool:
    """There are no featured sets, so none is unread."""
    return True


# -- recent, favourite, saved -----------------------------------------------------------------------------------------


@rpc(messages.GetRecentStickers)
async def get_recent_stickers(call: Call, request: messages.GetRecentStickers) -> t.AnyMessagesRecentStickers:
    name = shelves.ATTACHED if request.attached else shelves.RECENT
    found = render.shelf(call.services, call.me, name)
    hash_now = render.shelf_hash(found)
    if request.hash and request.hash == hash_now:
        return t.MessagesRecentStickersNotModified()
    kept = [media for _, media in found]
    return t.MessagesRecentStickers(
        hash=hash_now,
        packs=render.alt_packs(kept),
        stickers=render.documents(call.services, call.me, kept),
        dates=[one.date for one, _ in found],
    )


@rpc(messages.SaveRecentSticker, flood=per_minute(120))
async def save_recent_sticker(call: Call, request: messages.SaveRecentSticker) -> bool:
    name = shelves.ATTACHED if request.attached else shelves.RECENT
    await _keep(call, name, _sticker(call, request.id), drop=request.unsave)
    return True


@rpc(messages.ClearRecentStickers, flood=per_minute(60))
async def clear_recent_stickers(call: Call, request: messages.ClearRecentStickers) -> bool:
    name = shelves.ATTACHED if request.attached else shelves.RECENT
    await call.services.shelves.clear(call.me, name, origin=call.session)
    return True


@rpc(messages.GetFavedStickers)
async def get_faved_stickers(call: Call, request: messages.GetFavedStickers) -> t.AnyMessagesFavedStickers:
    found = render.shelf(call.services, call.me, shelves.FAVED)
    hash_now = render.shelf_hash(found)
    if request.hash and request.hash == hash_now:
        return t.MessagesFavedStickersNotModified()
    kept = [media for _, media in found]
    return t.MessagesFavedStickers(
        hash=hash_now,
        packs=render.alt_packs(kept),
        stickers=render.documents(call.services, call.me, kept),
    )


@rpc(messages.FaveSticker, flood=per_minute(120))
async def fave_sticker(call: Call, request: messages.FaveSticker) -> bool:
    await _keep(call, shelves.FAVED, _sticker(call, request.id), drop=request.unfave)
    return True


@rpc(messages.GetSavedGifs)
async def get_saved_gifs(call: Call, request: messages.GetSavedGifs) -> t.AnyMessagesSavedGifs:
    found = render.shelf(call.services, call.me, shelves.GIFS)
    hash_now = render.shelf_hash(found)
    if request.hash and request.hash == hash_now:
        return t.MessagesSavedGifsNotModified()
    kept = [media for _, media in found]
    return t.MessagesSavedGifs(hash=hash_now, gifs=render.documents(call.services, call.me, kept))


@rpc(messages.SaveGif, flood=per_minute(120))
async def save_gif(call: Call, request: messages.SaveGif) -> bool:
    media = named_document(call, request.id)
    if not render.is_gif(media):
        raise errors.GIF_ID_INVALID()
    await _keep(call, shelves.GIFS, media, drop=request.unsave)
    return True


@rpc(messages.GetDocumentByHash, flood=per_minute(30))
async def get_document_by_hash(call: Call, request: messages.GetDocumentByHash) -> t.AnyDocument:
    """One of the caller's own saved GIFs by what is in it, documentEmpty for others: what somebody else has sent is
    told of to nobody (SECURITY 6.6)."""
    if len(request.sha256) != SHA256_BYTES:
        raise errors.SHA256_HASH_INVALID()
    if 0 < request.size <= HASHED_BYTES:
        for _, media in render.shelf(call.services, call.me, shelves.GIFS):
            if media.blob.size != request.size or media.mime != request.mime_type:
                continue
            data = await call.services.files.read(media.blob)
            if hashlib.sha256(data).digest() == request.sha256:
                found: t.AnyDocument = render.documents(call.services, call.me, [media])[0]
                return found
    return t.DocumentEmpty(id=0)


def _sticker(call: Call, asked: t.AnyInputDocument) -> Media:
    media = named_document(call, asked)
    if not render.is_sticker(media):
        raise errors.STICKER_ID_INVALID()
    return media


async def _keep(call: Call, shelf: str, media: Media, *, drop: bool) -> None:
    service = call.services.shelves
    if drop:
        await service.drop(call.me, shelf, media.id, origin=call.session)
    else:
        await call.services.files.library.keep(media.id)
        await service.put(call.me, shelf, media.id, origin=call.session)


# -- by emoji ---------------------------------------------------------------------------------------------------------


def _standing_for(call: Call, emoji: Iterable[str], kind: str) -> list[int]:
    """Stickers or custom emoji for any of these: of installed sets first, then the server's own."""
    wanted = {plain(one) for one in emoji}
    own = call.services.stock.set_or_none(stock.TOPICS if kind == EMOJI else stock.ANIMATED)
    sets = installed(call, kind) + ([own] if own is not None else [])
    found: dict[int, None] = {}
    for one in sets:
        for sticker in one.stickers:
            if wanted.intersection(map(plain, sticker.emojis)):
                found[sticker.document] = None
    return list(found)


@rpc(messages.GetStickers)
async def get_stickers(call: Call, request: messages.GetStickers) -> t.AnyMessagesStickers:
    await call.services.stock.wait()
    ids = _standing_for(call, (request.emoticon[: limits.NAME_CHARS],), REGULAR)
    hash_now = list_hash(ids)
    if request.hash and request.hash == hash_now:
        return t.MessagesStickersNotModified()
    return t.MessagesStickers(hash=hash_now, stickers=_documents(call, ids))


@rpc(messages.SearchStickers)
async def search_stickers(call: Call, request: messages.SearchStickers) -> t.AnyMessagesFoundStickers:
    """By emoji, and by the keywords and titles of installed sets."""
    await call.services.stock.wait()
    kind = EMOJI if request.emojis else REGULAR
    text = request.q[: limits.NAME_CHARS].lower().strip()
    emoji = request.emoticon[: limits.NAME_CHARS].split() or [request.emoticon[: limits.NAME_CHARS]]
    ids = dict.fromkeys(_standing_for(call, emoji, kind))
    if text:
        for one in installed(call, kind):
            ids.update(dict.fromkeys(_with_word(one.stickers, text, one.title)))
    found = list(ids)[max(request.offset, 0) :][: min(max(request.limit, 0), LISTED)]
    after = max(request.offset, 0) + len(found)
    hash_now = list_hash(found)
    more = after if after < len(ids) else None
    if request.hash and request.hash == hash_now:
        return t.MessagesFoundStickersNotModified(next_offset=more)
    return t.MessagesFoundStickers(hash=hash_now, stickers=_documents(call, found), next_offset=more)


def _with_word(stickers: Iterable[Sticker], text: str, title: str) -> list[int]:
    whole = text in title.lower()
    return [
        one.document
        for one in stickers
        if whole or any(word.lower().startswith(text) for word in one.keywords)
    ]


def _documents(call: Call, ids: Iterable[int]) -> list[Any]:
    found = (call.services.files.library.get_or_none(one) for one in ids)
    return render.documents(call.services, call.me, [one for one in found if one is not None])


@rpc(messages.SearchCustomEmoji)
async def search_custom_emoji(call: Call, request: messages.SearchCustomEmoji) -> t.AnyEmojiList:
    await call.services.stock.wait()
    ids = _standing_for(call, (request.emoticon[: limits.NAME_CHARS],), EMOJI)
    hash_now = list_hash(ids)
    if request.hash and request.hash == hash_now:
        return t.EmojiListNotModified()
    return t.EmojiList(hash=hash_now, document_id=ids)


@rpc(messages.GetCustomEmojiDocuments)
async def get_custom_emoji_documents(
    call: Call, request: messages.GetCustomEmojiDocuments
) -> list[t.AnyDocument]:
    """Those that are there: custom emoji are everybody's, by their id."""
    if len(request.document_id) > ASKED:
        raise errors.LIMIT_INVALID()
    await call.services.stock.wait()
    found = (call.services.files.library.get_or_none(one) for one in dict.fromkeys(request.document_id))
    kept = [one for one in found if one is not None and render.is_custom_emoji(one)]
    return render.documents(call.services, call.me, kept)


@rpc(messages.GetAttachedStickers)
async def get_attached_stickers(
    call: Call, request: messages.GetAttachedStickers
) -> list[t.AnyStickerSetCovered]:
    """Sets of the stickers drawn onto a picture. Which those were is not kept: clients send them flattened."""
    media: Any = request.media
    asked = media.id
    if not isinstance(asked, t.InputDocument | t.InputPhoto):
        raise errors.MEDIA_EMPTY()
    call.services.files.named(call.me, asked.id, asked.access_hash, asked.file_reference)
    return []
