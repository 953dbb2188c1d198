"""Usernames of channels."""

from __future__ import annotations

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
    """The public channels one has made; `for_personal`: those that can stand in one's profile; `check_limit`: none,
    but whether there could be one more (CHANNELS_ADMIN_PUBLIC_TOO_MUCH). None was made at a place."""
    publicity = call.services.channels.publicity
    if request.check_limit:
        publicity.check_room(call.me, 0, always=not request.by_location)
        return t.MessagesChats(chats=[])
    found = [] if request.by_location else publicity.public_of(call.me)
    if request.for_personal:
        known = call.services.channels.register.get_or_none
        found = [one for one in found if (record := known(one)) is not None and not record.megagroup]
    return t.MessagesChats(chats=chats(call.services, call.me, found))


@rpc(channels.DeactivateAllUsernames)
async def deactivate_all_usernames(call: Call, request: channels.DeactivateAllUsernames) -> bool:
    """All but the channel's own."""
    channel = peers.resolve_channel(call, request.channel)
    await call.services.channels.publicity.hide_given(call.me, channel, origin=call.session)
    return True


@rpc(channels.ToggleUsername, flood=per_minute(20))
async def toggle_username(call: Call, request: channels.ToggleUsername) -> bool:
    """The channel's own is always active; it is given up by channels.updateUsername."""
    channel = peers.resolve_channel(call, request.channel)
    await call.services.channels.publicity.toggle(
        call.me, channel, request.username, request.active, origin=call.session
    )
    return True


@rpc(channels.ReorderUsernames, flood=per_minute(20))
async def reorder_usernames(call: Call, request: channels.ReorderUsernames) -> bool:
    """The active ones, all of them."""
    channel = peers.resolve_channel(call, request.channel)
    await call.services.channels.publicity.reorder(call.me, channel, request.order, origin=call.session)
    return True
