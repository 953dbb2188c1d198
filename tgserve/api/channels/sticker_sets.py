"""The stickers and custom emoji of a supergroup, at hand for all its members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from tgserve import errors
from tgserve.api.channels.settings import allowed, change
from tgserve.api.messages.stickers import named_set
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels import journal, rights
from tgserve.services.stickers.sets import EMOJI, REGULAR
from tgserve.store import channel_records as c
from tgserve.tl import types as t
from tgserve.tl.functions import channels


@dataclass(slots=True, frozen=True)
class _Place:
    """Which of the two sets of a group, and what may stand there."""

    field: str
    kind: str
    entry: str


STICKERS: Final = _Place("stickers", REGULAR, journal.STICKERS)
EMOJIS: Final = _Place("emoji_stickers", EMOJI, journal.EMOJI_STICKERS)


async def _set(call: Call, channel: int, asked: t.AnyInputStickerSet, place: _Place) -> bool:
    """STICKERSET_INVALID, MEGAGROUP_REQUIRED, CHAT_ADMIN_REQUIRED, CHAT_NOT_MODIFIED."""
    record = allowed(call, channel, rights.INFO, rights.NO_INFO)
    chosen = 0
    if not isinstance(asked, t.InputStickerSetEmpty):
        found = await named_set(call, asked)
        if found.kind != place.kind:
            raise errors.STICKERSET_INVALID()
        chosen = found.id
    line = c.LogEntry(0, 0, place.entry, before=getattr(record, place.field), after=chosen)
    await change(
        call,
        channel,
        rights.INFO,
        lambda record: replace(record, **{place.field: chosen}),
        line,
        unless=rights.NO_INFO,
        megagroup=True,
    )
    return True


@rpc(channels.SetStickers, flood=per_minute(60))
async def set_stickers(call: Call, request: channels.SetStickers) -> bool:
    return await _set(call, peers.resolve_channel(call, request.channel), request.stickerset, STICKERS)


@rpc(channels.SetEmojiStickers, flood=per_minute(60))
async def set_emoji_stickers(call: Call, request: channels.SetEmojiStickers) -> bool:
    return await _set(call, peers.resolve_channel(call, request.channel), request.stickerset, EMOJIS)
