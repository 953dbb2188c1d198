"""Peers as TL: the house's signed number -> peerUser, peerChat, peerChannel, as bytes and as objects."""

from __future__ import annotations

from struct import Struct

from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import types as t

PEER = Struct("<Iq").pack
PEER_USER = t.PeerUser.ID
PEER_CHAT = t.PeerChat.ID
PEER_BYTES = 12


def peer_bytes(peer: int) -> bytes:
    """The boxed Peer, 12 bytes."""
    if peer > 0:
        return PEER(PEER_USER, peer)
    if peer > -CHANNEL_BASE:
        return PEER(PEER_CHAT, -peer)
    return PEER(t.PeerChannel.ID, -peer - CHANNEL_BASE)


def peer(peer: int) -> t.AnyPeer:
    if peer > 0:
        return t.PeerUser(user_id=peer)
    if peer > -CHANNEL_BASE:
        return t.PeerChat(chat_id=-peer)
    return t.PeerChannel(channel_id=-peer - CHANNEL_BASE)


def peer_id(of: t.AnyPeer) -> int:
    """The house's number of a Peer object."""
    if isinstance(of, t.PeerUser):
        return of.user_id
    if isinstance(of, t.PeerChat):
        return -of.chat_id
    if isinstance(of, t.PeerChannel):
        return -of.channel_id - CHANNEL_BASE
    raise TypeError(f"{of!r} is no peer")


def dialog_peer(of: int) -> t.AnyDialogPeer:
    return t.DialogPeer(peer=peer(of))
