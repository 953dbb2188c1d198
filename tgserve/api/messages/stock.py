"""What the stock set is asked for: reactions and effects with their pictures, groups of emoji, words for emoji."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any, Final

from tgserve import errors, limits
from tgserve.render import stickers as render
from tgserve.rpc.context import Call
from tgserve.rpc.registry import rpc
from tgserve.services import Services
from tgserve.services.reactions.stock import STOCK as REACTIONS
from tgserve.services.stickers import emoji as words
from tgserve.services.stickers import stock
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import account, messages
from tgserve.tl.hashing import list_hash

EFFECTS: Final = ("\U0001f44d", "\U0001f44e", "\u2764", "\U0001f525", "\U0001f389", "\U0001f4a9")
"""Messages can be sent with these; the id of an effect is its place, from 1."""
LANGUAGE: Final = "en"
KEYWORDS_VERSION: Final = 1
GROUPS: Final = (
    (
        "Love",
        "\u2764",
        "\u2764\ufe0f \U0001f970 \U0001f60d \U0001f618 \U0001f498 \U0001f48b \U0001f495 \U0001f496",
    ),
    (
        "Approval",
        "\U0001f44d",
        "\U0001f44d \U0001f44c \U0001f44f \U0001f4af \U0001f91d \u2705 \U0001f4aa \U0001f64c",
    ),
    (
        "Laughter",
        "\U0001f602",
        "\U0001f602 \U0001f923 \U0001f601 \U0001f604 \U0001f606 \U0001f639 \U0001f92a",
    ),
    ("Cool", "\U0001f60e", "\U0001f60e \U0001f525 \u26a1 \U0001f929 \U0001f192 \U0001f47e"),
    ("Party", "\U0001f389", "\U0001f389 \U0001f37e \U0001f973 \U0001f381 \U0001f38a \U0001f382"),
    (
        "Animals",
        "\U0001f984",
        "\U0001f984 \U0001f433 \U0001f648 \U0001f649 \U0001f64a \U0001f54a\ufe0f \U0001f431",
    ),
    ("Food", "\U0001f353", "\U0001f353 \U0001f34c \U0001f32d \U0001f355 \U0001f354 \U0001f370"),
    ("Scary", "\U0001f47b", "\U0001f47b \U0001f383 \U0001f480 \U0001f47f \U0001f608 \U0001f479"),
)
"""Headings above the stickers: title, icon, what it stands for."""


class _Drawn:
    """An answer that is the same for everybody, drawn once for each period of file references."""

    def __init__(self) -> None:
        self._period = -1
        self._services: Services | None = None
        self._answer: Any = None

    def get(self, call: Call, draw: Any) -> Any:
        period = call.now // limits.FILE_REFERENCE_SECONDS
        if period != self._period or self._services is not call.services:
            self._answer = layers.drawn(draw(call.services))
            self._period, self._services = period, call.services
        return self._answer


def _hash(numbers: Iterable[int]) -> int:
    """Of a list that clients do not compute themselves: positive, 31 bits, never 0."""
    return zlib.crc32(repr(list(numbers)).encode()) & 0x7FFFFFFF or 1


def _reactions(services: Services) -> t.MessagesAvailableReactions:
    made: list[Any] = []
    around = render.stock_document(services, "around")
    for emoji, title in REACTIONS:
        shown = {
            kind: render.stock_document(services, f"{kind}:{emoji}")
            for kind in ("still", "appear", "select", "activate", "effect")
        }
        if any(isinstance(one, t.DocumentEmpty) for one in shown.values()):
            continue
        made.append(
            t.AvailableReaction(
                reaction=emoji,
                title=title,
                static_icon=shown["still"],
                appear_animation=shown["appear"],
                select_animation=shown["select"],
                activate_animation=shown["activate"],
                effect_animation=shown["effect"],
                around_animation=around,
                center_icon=shown["activate"],
            )
        )
    return t.MessagesAvailableReactions(hash=_reactions_hash(services), reactions=made)


def _reactions_hash(services: Services) -> int:
    return _hash(services.stock.document(f"still:{emoji}") for emoji, _ in REACTIONS)


_DRAWN_REACTIONS: Final = _Drawn()


@rpc(messages.GetAvailableReactions)
async def get_available_reactions(
    call: Call, request: messages.GetAvailableReactions
) -> t.AnyMessagesAvailableReactions:
    """With pictures, without which clients show none (CLIENTS A.21)."""
    await call.services.stock.wait()
    if not call.services.stock.ready:
        return t.MessagesAvailableReactions(hash=0, reactions=[])
    if request.hash and request.hash == _reactions_hash(call.services):
        return t.MessagesAvailableReactionsNotModified()
    answer: t.AnyMessagesAvailableReactions = _DRAWN_REACTIONS.get(call, _reactions)
    return answer


@rpc(messages.GetAvailableEffects)
async def get_available_effects(
    call: Call, request: messages.GetAvailableEffects
) -> t.AnyMessagesAvailableEffects:
    """Effects a message can be sent with: those of some reactions."""
    services = call.services
    await services.stock.wait()
    if not services.stock.ready:
        return t.MessagesAvailableEffects(hash=0, effects=[], documents=[])
    names = [(f"still:{one}", f"select:{one}", f"effect:{one}") for one in EFFECTS]
    hash_now = _hash(services.stock.document(name) for three in names for name in three)
    if request.hash and request.hash == hash_now:
        return t.MessagesAvailableEffectsNotModified()
    return t.MessagesAvailableEffects(
        hash=hash_now,
        effects=[
            t.AvailableEffect(
                id=number,
                emoticon=emoji,
                static_icon_id=services.stock.document(still),
                effect_sticker_id=services.stock.document(moving),
                effect_animation_id=services.stock.document(large),
            )
            for number, (emoji, (still, moving, large)) in enumerate(zip(EFFECTS, names, strict=True), 1)
        ],
        documents=[render.stock_document(services, name) for three in names for name in three],
    )


# -- groups of emoji --------------------------------------------------------------------------------------------------


async def _groups(call: Call, hash_: int) -> t.AnyMessagesEmojiGroups:
    await call.services.stock.wait()
    icons = [(title, call.services.stock.document(f"icon:{icon}"), text) for title, icon, text in GROUPS]
    shown = [one for one in icons if one[1]]
    hash_now = _hash(icon for _, icon, _ in shown)
    if hash_ and hash_ == hash_now:
        return t.MessagesEmojiGroupsNotModified()
    return t.MessagesEmojiGroups(
        hash=hash_now if shown else 0,
        groups=[
            t.EmojiGroup(title=title, icon_emoji_id=icon, emoticons=text.split())
            for title, icon, text in shown
        ],
    )


@rpc(messages.GetEmojiGroups)
async def get_emoji_groups(call: Call, request: messages.GetEmojiGroups) -> t.AnyMessagesEmojiGroups:
    return await _groups(call, request.hash)


@rpc(messages.GetEmojiStatusGroups)
async def get_emoji_status_groups(
    call: Call, request: messages.GetEmojiStatusGroups
) -> t.AnyMessagesEmojiGroups:
    return await _groups(call, request.hash)


@rpc(messages.GetEmojiProfilePhotoGroups)
async def get_emoji_profile_photo_groups(
    call: Call, request: messages.GetEmojiProfilePhotoGroups
) -> t.AnyMessagesEmojiGroups:
    return await _groups(call, request.hash)


@rpc(messages.GetEmojiStickerGroups)
async def get_emoji_sticker_groups(
    call: Call, request: messages.GetEmojiStickerGroups
) -> t.AnyMessagesEmojiGroups:
    return await _groups(call, request.hash)


# -- the server's custom emoji, for all purposes ----------------------------------------------------------------------


async def _icons(call: Call) -> list[int]:
    await call.services.stock.wait()
    found = (call.services.stock.document(f"icon:{emoji}") for emoji in stock.ICONS)
    return [one for one in found if one]


async def _list(call: Call, hash_: int) -> t.AnyEmojiList:
    ids = await _icons(call)
    hash_now = list_hash(ids)
    if hash_ and hash_ == hash_now:
        return t.EmojiListNotModified()
    return t.EmojiList(hash=hash_now, document_id=ids)


@rpc(account.GetDefaultProfilePhotoEmojis)
async def get_default_profile_photo_emojis(
    call: Call, request: account.GetDefaultProfilePhotoEmojis
) -> t.AnyEmojiList:
    return await _list(call, request.hash)


@rpc(account.GetDefaultGroupPhotoEmojis)
async def get_default_group_photo_emojis(
    call: Call, request: account.GetDefaultGroupPhotoEmojis
) -> t.AnyEmojiList:
    return await _list(call, request.hash)


@rpc(account.GetDefaultBackgroundEmojis)
async def get_default_background_emojis(
    call: Call, request: account.GetDefaultBackgroundEmojis
) -> t.AnyEmojiList:
    return await _list(call, request.hash)


async def _statuses(call: Call, hash_: int) -> t.AnyAccountEmojiStatuses:
    ids = await _icons(call)
    hash_now = list_hash(ids)
    if hash_ and hash_ == hash_now:
        return t.AccountEmojiStatusesNotModified()
    return t.AccountEmojiStatuses(hash=hash_now, statuses=[t.EmojiStatus(document_id=one) for one in ids])


@rpc(account.GetDefaultEmojiStatuses)
async def get_default_emoji_statuses(
    call: Call, request: account.GetDefaultEmojiStatuses
) -> t.AnyAccountEmojiStatuses:
    return await _statuses(call, request.hash)


@rpc(account.GetChannelDefaultEmojiStatuses)
async def get_channel_default_emoji_statuses(
    call: Call, request: account.GetChannelDefaultEmojiStatuses
) -> t.AnyAccountEmojiStatuses:
    return await _statuses(call, request.hash)


# -- words for emoji --------------------------------------------------------------------------------------------------


def _keywords(lang_code: str, known: int) -> t.EmojiKeywordsDifference:
    """English only; TDLib takes version 0 for a fault, and what it has of this version is all there is."""
    made: list[Any] = []
    if lang_code == LANGUAGE and known < KEYWORDS_VERSION:
        made = [t.EmojiKeyword(keyword=word, emoticons=list(ones)) for word, ones in words.keywords().items()]
    return t.EmojiKeywordsDifference(
        lang_code=lang_code,
        from_version=known,
        version=max(known, KEYWORDS_VERSION),
        keywords=made,
    )


@rpc(messages.GetEmojiKeywords)
async def get_emoji_keywords(call: Call, request: messages.GetEmojiKeywords) -> t.AnyEmojiKeywordsDifference:
    return _keywords(request.lang_code, 0)


@rpc(messages.GetEmojiKeywordsDifference)
async def get_emoji_keywords_difference(
    call: Call, request: messages.GetEmojiKeywordsDifference
) -> t.AnyEmojiKeywordsDifference:
    return _keywords(request.lang_code, request.from_version)


@rpc(messages.GetEmojiKeywordsLanguages)
async def get_emoji_keywords_languages(
    call: Call, request: messages.GetEmojiKeywordsLanguages
) -> list[t.AnyEmojiLanguage]:
    return [t.EmojiLanguage(lang_code=LANGUAGE)]


@rpc(messages.GetEmojiURL)
async def get_emoji_url(call: Call, request: messages.GetEmojiURL) -> t.AnyEmojiURL:
    """Where suggestions could be sent in: nowhere."""
    raise errors.LANG_CODE_NOT_SUPPORTED()
