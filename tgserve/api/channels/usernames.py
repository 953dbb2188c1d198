"""Usernames of channels."""

from __future__ import annotations

from tgserve import errors
from tgserve.render.chat import chats
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.tl import types as t
from tgserve.tl.functions import channels


@rpc(channels.CheckUsername)
async def check_username(call: Call, request: channels.CheckUsername) -> bool:
    """For a channel that is still to be made clients name none."""
    if isinstance(request.channel, t.InputChannelEmpty):
        return call.services.names.free(request.username)
    channel = peers.resolve_channel(call, request.channel)
    return call.services.channels.publicity.check(call.me, channel, request.username)


@rpc(channels.UpdateUsername, flood=per_minute(30))
async def update_username(call: Call, request: channels.UpdateUsername) -> bool:
    channel = peers.resolve_channel(call, request.channel)
    await call.services.channels.publicity.set_username(
        call.me, channel, request.username, origin=call.session
    )
    return True


@rpc(channels.GetAdminedPublicChannels)
async def get_admined_public_channels(
    call: Call, request: channels.GetAdminedPublicChannels
) -> t.AnyMessagesChats:
    """The public channels one has made."""
    found = call.services.channels.publicity.public_of(call.me)
    return t.MessagesChats(chats=chats(call.services, call.me, found))


@rpc(channels.DeactivateAllUsernames)
async def deactivate_all_usernames(call: Call, request: channels.DeactivateAllUsernames) -> bool:
    """Collected names are all that this takes away, and there are none here."""
    channel = peers.resolve_channel(call, request.channel)
    record, _ = call.services.channels.register.seat(call.me, channel)
    if record.creator != call.me:
        raise errors.CHAT_ADMIN_REQUIRED()
    return True
