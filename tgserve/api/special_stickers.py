"""The sticker sets that clients know by their role, not by a name: animated emoji, dice, statuses, gifts. Empty here.

Clients load them before they show a screen that might use one: TDLib holds payments.getStarsTransactions and its chat
statuses back until the set has come, and asks again for ever when it is refused.
"""

from __future__ import annotations

from typing import Any, Final

from tgserve import errors
from tgserve.rpc.context import Call
from tgserve.tl import types as t

ROLES: Final[tuple[type[Any], ...]] = (
    t.InputStickerSetAnimatedEmoji,
    t.InputStickerSetAnimatedEmojiAnimations,
    t.InputStickerSetDice,
    t.InputStickerSetEmojiChannelDefaultStatuses,
    t.InputStickerSetEmojiDefaultStatuses,
    t.InputStickerSetEmojiDefaultTopicIcons,
    t.InputStickerSetEmojiGenericAnimations,
    t.InputStickerSetPremiumGifts,
    t.InputStickerSetTonGifts,
)
OF_EMOJI: Final = frozenset(
    {
        t.InputStickerSetEmojiChannelDefaultStatuses,
        t.InputStickerSetEmojiDefaultStatuses,
        t.InputStickerSetEmojiDefaultTopicIcons,
    }
)
_NAMES: Final = tuple(role.NAME.removeprefix("inputStickerSet") for role in ROLES)
_HASH: Final = 1


def special_set(call: Call, request: Any) -> Any:
    """The set asked for by role, id or short name; 406 when it is none of these."""
    number = _number(request.stickerset)
    if getattr(request, "hash", 0) == _HASH:
        return t.MessagesStickerSetNotModified()
    name = _NAMES[number]
    return t.MessagesStickerSet(
        set=t.StickerSet(
            official=True,
            emojis=ROLES[number] in OF_EMOJI,
            id=number + 1,
            access_hash=number + 1,
            title=name,
            short_name=name,
            count=0,
            hash=_HASH,
        ),
        packs=[],
        keywords=[],
        documents=[],
    )


def _number(asked: Any) -> int:
    if isinstance(asked, ROLES):
        return ROLES.index(type(asked))
    if isinstance(asked, t.InputStickerSetID) and 0 < asked.id <= len(ROLES):
        return asked.id - 1
    if isinstance(asked, t.InputStickerSetShortName) and asked.short_name in _NAMES:
        return _NAMES.index(asked.short_name)
    raise errors.STICKERSET_INVALID()
