"""account.*: how loud chats are, for each chat and for kinds of chats."""

from __future__ import annotations

from typing import Any

from tgserve import errors
from tgserve.render import topics
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import rpc
from tgserve.services.channels.register import is_channel
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import Raw
from tgserve.tl.functions import account

_KINDS: dict[type[Any], str] = {
    t.InputNotifyUsers: "notify:users",
    t.InputNotifyChats: "notify:chats",
    t.InputNotifyBroadcasts: "notify:broadcasts",
}
_SILENT_JOINS = "contact_sign_up_silent"
_REACTIONS = "reactions_notify"
DEFAULT = t.PeerNotifySettings(show_previews=True, silent=False, mute_until=0)
"""What a kind of chats has when nothing was set; a chat of its own has peerNotifySettings()."""


def of_peer(call: Call, peer: int) -> Any:
    """peerNotifySettings of one chat as the caller set them."""
    stored = call.services.settings.notify(call.me, peer)
    return Raw(stored, layers.CURRENT) if stored else t.PeerNotifySettings()


@rpc(account.GetNotifySettings)
async def get_notify_settings(call: Call, request: account.GetNotifySettings) -> t.AnyPeerNotifySettings:
    kind = _KINDS.get(type(request.peer))
    if kind is not None:
        stored = call.services.settings.get_or_none(call.me, kind)
        found: Any = DEFAULT if stored is None else Raw(stored, layers.CURRENT)
        return found  # type: ignore[no-any-return]
    peer = _peer(call, request.peer)
    if isinstance(request.peer, t.InputNotifyForumTopic):
        found = topics.notify(
            call.services.channels.threads.head(call.me, peer, _topic(call, request.peer, peer))
        )
        return found  # type: ignore[no-any-return]
    return of_peer(call, peer)  # type: ignore[no-any-return]


@rpc(account.UpdateNotifySettings)
async def update_notify_settings(call: Call, request: account.UpdateNotifySettings) -> bool:
    settings = _settings(request.settings)
    value = layers.encode(settings)
    kind = _KINDS.get(type(request.peer))
    if kind is not None:
        name = kind.partition(":")[2]
        until = max(settings.mute_until or 0, 0)
        await call.services.settings.put_default_notify(call.me, name, value, until, call.session)
    else:
        peer = _peer(call, request.peer)
        if isinstance(request.peer, t.InputNotifyForumTopic):
            await call.services.channels.thread_reading.set_notify(
                call.me, peer, _topic(call, request.peer, peer), value, layers.CURRENT, origin=call.session
            )
            return True
        until = -1 if settings.mute_until is None else max(settings.mute_until, 0)
        await call.services.settings.set_notify(call.me, peer, value, layers.CURRENT, until, call.session)
    return True


@rpc(account.ResetNotifySettings)
async def reset_notify_settings(call: Call, request: account.ResetNotifySettings) -> bool:
    await call.services.settings.reset_notify(call.me)
    return True


@rpc(account.GetContactSignUpNotification)
async def get_contact_sign_up_notification(call: Call, request: account.GetContactSignUpNotification) -> bool:
    """Whether such notifications are silent."""
    return call.services.settings.get_or_none(call.me, _SILENT_JOINS) is not None


@rpc(account.SetContactSignUpNotification)
async def set_contact_sign_up_notification(call: Call, request: account.SetContactSignUpNotification) -> bool:
    await call.services.settings.put(call.me, _SILENT_JOINS, b"1" if request.silent else b"")
    return True


@rpc(account.GetReactionsNotifySettings)
async def get_reactions_notify_settings(
    call: Call, request: account.GetReactionsNotifySettings
) -> t.AnyReactionsNotifySettings:
    stored = call.services.settings.get_or_none(call.me, _REACTIONS)
    if stored is not None:
        found: Any = Raw(stored, layers.CURRENT)
        return found  # type: ignore[no-any-return]
    return t.ReactionsNotifySettings(
        messages_notify_from=t.ReactionNotificationsFromContacts(),
        stories_notify_from=t.ReactionNotificationsFromContacts(),
        sound=t.NotificationSoundDefault(),
        show_previews=True,
    )


@rpc(account.SetReactionsNotifySettings)
async def set_reactions_notify_settings(
    call: Call, request: account.SetReactionsNotifySettings
) -> t.AnyReactionsNotifySettings:
    await call.services.settings.put(call.me, _REACTIONS, layers.encode(request.settings))
    return request.settings


def _peer(call: Call, peer: t.AnyInputNotifyPeer) -> int:
    if isinstance(peer, (t.InputNotifyPeer, t.InputNotifyForumTopic)):
        return peers.resolve(call, peer.peer)
    raise errors.PEER_ID_INVALID()


def _topic(call: Call, named: t.InputNotifyForumTopic, peer: int) -> int:
    """TOPIC_ID_INVALID, CHANNEL_FORUM_MISSING."""
    if not is_channel(peer):
        raise errors.CHANNEL_FORUM_MISSING()
    if call.services.channels.thread_reading.some(call.me, peer, [named.top_msg_id])[0] is None:
        raise errors.TOPIC_ID_INVALID()
    return named.top_msg_id


def _settings(given: t.AnyInputPeerNotifySettings) -> t.PeerNotifySettings:
    """What the client sends and what it is sent differ in the sound: one for all devices, one for each kind."""
    if not isinstance(given, t.InputPeerNotifySettings):
        raise errors.SETTINGS_INVALID()
    return t.PeerNotifySettings(
        show_previews=given.show_previews,
        silent=given.silent,
        mute_until=given.mute_until,
        ios_sound=given.sound,
        android_sound=given.sound,
        other_sound=given.sound,
        stories_muted=given.stories_muted,
        stories_hide_sender=given.stories_hide_sender,
        stories_ios_sound=given.stories_sound,
        stories_android_sound=given.stories_sound,
        stories_other_sound=given.stories_sound,
    )
