"""Under whose name one writes in a supergroup: one's own, the group's, or that of a channel."""

from __future__ import annotations

from tgserve import errors
from tgserve.render.chat import chats
from tgserve.render.peers import peer as peer_object
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels.register import is_channel
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages


@rpc(channels.GetSendAs)
async def get_send_as(call: Call, request: channels.GetSendAs) -> t.AnyChannelsSendAsPeers:
    """Elsewhere than in channels, and for anything but messages, only oneself."""
    peer = peers.resolve(call, request.peer)
    found = [call.me]
    if is_channel(peer) and not (request.for_paid_reactions or request.for_live_stories):
        found = call.services.channels.posting.guises(call.me, peer)
    return t.ChannelsSendAsPeers(
        peers=[t.SendAsPeer(peer=peer_object(one)) for one in found],
        chats=chats(call.services, call.me, found),
        users=users(call.services, call.me, found),
    )


@rpc(messages.SaveDefaultSendAs, flood=per_minute(60))
async def save_default_send_as(call: Call, request: messages.SaveDefaultSendAs) -> bool:
    channel = peers.resolve(call, request.peer)
    if not is_channel(channel):
        raise errors.PEER_ID_INVALID()
    guise = peers.resolve(call, request.send_as)
    await call.services.channels.posting.set_guise(call.me, channel, guise, origin=call.session)
    return True
