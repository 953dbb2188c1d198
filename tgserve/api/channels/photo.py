"""channels.editPhoto: what a channel or supergroup looks like."""

from __future__ import annotations

from msgspec.structs import replace

from tgserve import errors
from tgserve.api import portraits
from tgserve.api.channels.creating import answer
from tgserve.render import media
from tgserve.render.action import action_of
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels import journal, rights
from tgserve.services.channels.life import change_photo, require
from tgserve.services.photos import shot_of
from tgserve.store import channel_records as c
from tgserve.store.transaction import Txn
from tgserve.tl import types as t
from tgserve.tl.functions import channels


@rpc(channels.EditPhoto, flood=per_minute(30))
async def edit_photo(call: Call, request: channels.EditPhoto) -> t.AnyUpdates:
    """With the right to change what the channel says of itself. CHAT_ADMIN_REQUIRED, CHAT_NOT_MODIFIED."""
    channel = peers.resolve_channel(call, request.channel)
    record, seat = call.services.channels.register.seat(call.me, channel)
    require(record, call.me, seat, rights.INFO, rights.NO_INFO)  # before a picture is looked at
    photo = await portraits.chosen(call, request.photo)
    shot = shot_of(photo) if photo is not None else None
    action: t.AnyMessageAction = t.MessageActionChatDeletePhoto()
    if photo is not None:
        action = t.MessageActionChatEditPhoto(photo=media.blank_photo(call.services, photo))

    def change(txn: Txn, record: c.Channel, seat: c.Participant | None) -> c.Channel:
        require(record, call.me, seat, rights.INFO, rights.NO_INFO)
        if record.photo == shot:
            raise errors.CHAT_NOT_MODIFIED()
        change_photo(txn, record, shot)
        before, after = (one.id if one is not None else 0 for one in (record.photo, shot))
        journal.note(txn, channel, c.LogEntry(call.now, call.me, journal.PHOTO, before=before, after=after))
        return replace(record, photo=shot)

    life = call.services.channels.life
    return answer(call, await life.change(call.me, channel, change, action_of(action), origin=call.session))
