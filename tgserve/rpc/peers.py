"""Input peers of the wire to the house's peer numbers, with the access check (SECURITY 6.1, 6.2).

A user is named by id and the access hash that this caller was given; nothing is looked up, since only a drawn user's
hash can be right. Self and the caller's own id need none. A group is named by id alone
and known to its members only; a channel by id and hash, and visible to members, or to all while it is public.
"""

from __future__ import annotations

from tgserve import errors
from tgserve.rpc.context import Call
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import types as t


def resolve(call: Call, peer: t.AnyInputPeer) -> int:
    """The peer number of an InputPeer. PEER_ID_INVALID, CHAT_ID_INVALID, CHANNEL_INVALID."""
    kind = type(peer)
    if kind is t.InputPeerUser:
        user_id: int = peer.user_id  # type: ignore[attr-defined]
        if call.services.views.user_hash(call.me, user_id) == peer.access_hash or user_id == call.me:  # type: ignore[attr-defined]
            return user_id
        raise errors.PEER_ID_INVALID()
    if kind is t.InputPeerSelf:
        return call.me
    if kind is t.InputPeerChat:
        return resolve_chat(call, peer.chat_id)  # type: ignore[attr-defined]
    if kind is t.InputPeerChannel:
        return _channel(call, peer.channel_id, peer.access_hash)  # type: ignore[attr-defined]
    if kind is t.InputPeerUserFromMessage or kind is t.InputPeerChannelFromMessage:
        return _from_message(call, peer)
    raise errors.PEER_ID_INVALID()


def here(call: Call, peer: int) -> int:
    """`peer`, unless it is somebody of another node, for what goes no further than this one. PEER_ID_NOT_SUPPORTED."""
    if peer > 0 and call.services.nodes.far(peer):
        raise errors.PEER_ID_NOT_SUPPORTED()
    return peer


def resolve_chat(call: Call, chat_id: int) -> int:
    """A group that the caller is in, or was: what was is only his own box. CHAT_ID_INVALID for everybody else, whether
    it exists or not (SECURITY 6.2)."""
    if not 0 < chat_id < CHANNEL_BASE or not call.services.groups.rosters.known_to(call.me, -chat_id):
        raise errors.CHAT_ID_INVALID()
    return -chat_id


def _channel(call: Call, channel_id: int, access_hash: int) -> int:
    """A channel that the caller may look at. CHANNEL_INVALID for a wrong hash, CHANNEL_PRIVATE for who may not (whether
    it exists or not is told by nothing but the hash he was given: SECURITY 6.1, 6.2)."""
    if (
        not 0 < channel_id < CHANNEL_BASE
        or call.services.views.channel_hash(call.me, channel_id) != access_hash
    ):
        raise errors.CHANNEL_INVALID()
    channel = -CHANNEL_BASE - channel_id
    call.services.channels.register.view(call.me, channel)
    return channel


def _from_message(call: Call, peer: t.AnyInputPeer | t.AnyInputUser | t.AnyInputChannel) -> int:
    """Somebody known by a message alone (`min` people of live posts): the message must be the caller's to see, and name
    him. CHANNEL_INVALID, USER_ID_INVALID, for an InputPeer PEER_ID_INVALID."""
    of = peer.peer  # type: ignore[union-attr]
    where = resolve(call, of) if not isinstance(of, _FROM_MESSAGE) else 0
    msg_id = peer.msg_id  # type: ignore[union-attr]
    if isinstance(peer, t.InputPeerChannelFromMessage | t.InputChannelFromMessage):
        wanted = -CHANNEL_BASE - peer.channel_id
    else:
        wanted = peer.user_id  # type: ignore[union-attr]
    view = None
    if where <= -CHANNEL_BASE:
        view = call.services.channels.reading.message_or_none(call.me, where, msg_id)
    elif where:
        view = call.services.history.message_or_none(call.me, msg_id)
        if view is not None and view.row.peer != where:
            view = None
    if view is not None and wanted in (view.body.author, *view.body.users, *view.body.mentions):
        if wanted > 0:
            return wanted
        call.services.channels.register.view(call.me, wanted)
        return wanted
    if wanted <= 0:
        raise errors.CHANNEL_INVALID()
    if isinstance(peer, t.InputPeerUserFromMessage):
        raise errors.PEER_ID_INVALID()
    raise errors.USER_ID_INVALID()


_FROM_MESSAGE = (t.InputPeerUserFromMessage, t.InputPeerChannelFromMessage)


def resolve_user(call: Call, user: t.AnyInputUser) -> int:
    """The user id of an InputUser. USER_ID_INVALID."""
    if isinstance(user, t.InputUser):
        if (
            call.services.views.user_hash(call.me, user.user_id) == user.access_hash
            or user.user_id == call.me
        ):
            return user.user_id
    elif isinstance(user, t.InputUserSelf):
        return call.me
    elif isinstance(user, t.InputUserFromMessage):
        return _from_message(call, user)
    raise errors.USER_ID_INVALID()


def resolve_user_or_none(call: Call, user: t.AnyInputUser) -> int | None:
    """As resolve_user, for lists in which one bad entry must not lose the others."""
    try:
        return resolve_user(call, user)
    except errors.RpcError:
        return None


def resolve_user_peer(call: Call, peer: t.AnyInputPeer) -> int:
    """The user id of an InputPeer that must be a person. PEER_ID_INVALID."""
    found = resolve(call, peer)
    if found <= 0:
        raise errors.PEER_ID_INVALID()
    return found


def resolve_channel(call: Call, channel: t.AnyInputChannel) -> int:
    """A channel that the caller may look at. CHANNEL_INVALID, CHANNEL_PRIVATE."""
    if isinstance(channel, t.InputChannel):
        return _channel(call, channel.channel_id, channel.access_hash)
    if isinstance(channel, t.InputChannelFromMessage):
        return _from_message(call, channel)
    raise errors.CHANNEL_INVALID()


def channel_or_forbidden(call: Call, channel: t.AnyInputChannel) -> int:
    """As resolve_channel, but for one that the caller was put out of too: he may be told that it is closed to him.
    CHANNEL_INVALID."""
    if isinstance(channel, t.InputChannel) and 0 < channel.channel_id < CHANNEL_BASE:
        known_hash = call.services.views.channel_hash(call.me, channel.channel_id)
        found = -CHANNEL_BASE - channel.channel_id
        if known_hash == channel.access_hash and call.services.channels.register.get_or_none(found):
            return found
    return resolve_channel(call, channel)


def position(call: Call, peer: t.AnyInputPeer) -> int:
    """The peer number of an offset_peer, 0 for none: a place in the caller's own list, which opens nothing.

    No access hash is asked for: TDLib sends 0 for the last chat it has seen (its get_input_peer_force).
    """
    if isinstance(peer, t.InputPeerUser):
        return max(peer.user_id, 0)
    if isinstance(peer, t.InputPeerSelf):
        return call.me
    if isinstance(peer, t.InputPeerChat):
        return -peer.chat_id if 0 < peer.chat_id < CHANNEL_BASE else 0
    if isinstance(peer, t.InputPeerChannel):
        return -(CHANNEL_BASE + peer.channel_id) if 0 < peer.channel_id < CHANNEL_BASE else 0
    return 0
