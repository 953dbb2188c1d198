"""Basic groups: making them, who is in them, what they are called, and what members may do."""

from __future__ import annotations

from typing import Any

from tgserve import errors, limits
from tgserve.api import portraits
from tgserve.api.channels import settings
from tgserve.api.channels.creating import answer
from tgserve.render import chat as render
from tgserve.render import media
from tgserve.render import sent as render_sent
from tgserve.render.action import action_of
from tgserve.render.channel import banned_rights, channel_id
from tgserve.render.reactions import kind_of, reaction
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels import rights as channel_rights
from tgserve.services.channels.register import is_channel
from tgserve.services.groups import rights
from tgserve.services.groups.life import Done
from tgserve.services.groups.roster import Roster
from tgserve.services.photos import shot_of
from tgserve.services.users import SERVICE_ID
from tgserve.store import group_records as g
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages

INVITED: str = "chat_invite"
"""The privacy key that says who may bring one into groups."""


def group_of(call: Call, chat_id: int) -> int:
    """The peer of a `chat_id` field. CHAT_ID_INVALID."""
    return peers.resolve_chat(call, chat_id)


def group_peer(call: Call, peer: t.AnyInputPeer) -> int:
    """The peer of an InputPeer that must be a basic group. PEER_ID_INVALID, CHAT_ID_INVALID."""
    found = peers.resolve(call, peer)
    if found > 0 or is_channel(found):
        raise errors.PEER_ID_INVALID()
    return found


def updates_of(call: Call, done: Done) -> t.Updates:
    """The service message of what the caller did: clients find it by the updateMessageID beside it (CLIENTS A.12)."""
    made = render_sent.full(call.services, call.me, [done.sent], [call.services.ids.i64()], call.now)
    assert isinstance(made, t.Updates)
    named = dict.fromkeys((*(user.id for user in made.users if isinstance(user, t.User)), *done.roster.here))
    made.users = users(call.services, call.me, named)
    made.chats = render.chats(call.services, call.me, (done.roster.chat,))
    if done.roster.has(call.me):
        members = render.participants(done.roster, call.me)
        made.updates.insert(1, t.UpdateChatParticipants(participants=members))
    return made


def plain(call: Call, roster: Roster, *updates: Any) -> t.Updates:
    """An answer without a message: the group as it is now."""
    chats = render.chats(call.services, call.me, (roster.chat,))
    return t.Updates(updates=list(updates), users=[], chats=chats, date=call.now, seq=0)


def _unwilling(call: Call, user: int) -> bool:
    """Does this user not let the caller bring him into groups?"""
    services = call.services
    return not services.privacy.allows(user, INVITED, call.me) or services.blocks.has_blocked(user, call.me)


def _person(call: Call, user: t.AnyInputUser) -> int:
    """Somebody who can be in a group. USER_ID_INVALID, INPUT_USER_DEACTIVATED."""
    found = peers.resolve_user(call, user)
    record = call.services.users.get(found)
    if record.id == SERVICE_ID:
        raise errors.USER_ID_INVALID()
    if record.deleted:
        raise errors.INPUT_USER_DEACTIVATED()
    return found


@rpc(messages.CreateChat, flood=per_minute(20))
async def create_chat(call: Call, request: messages.CreateChat) -> t.AnyMessagesInvitedUsers:
    """Those who do not want to be brought into groups are named, and not in it."""
    if len(request.users) >= limits.GROUP_MEMBERS:
        raise errors.USERS_TOO_MUCH()
    asked = [user for user in dict.fromkeys(_person(call, one) for one in request.users) if user != call.me]
    missing = [user for user in asked if _unwilling(call, user)]
    others = [user for user in asked if user not in missing]
    action = t.MessageActionChatCreate(title=request.title.strip(), users=[call.me, *others])
    done = await call.services.groups.create(
        call.me,
        request.title,
        others,
        action_of(action, *others),
        ttl_period=request.ttl_period or 0,
        origin=call.session,
    )
    made = updates_of(call, done)
    return _invited(made, missing)


def _invited(made: t.AnyUpdates, missing: list[int]) -> t.MessagesInvitedUsers:
    absent: list[t.AnyMissingInvitee] = [t.MissingInvitee(user_id=user) for user in missing]
    return t.MessagesInvitedUsers(updates=made, missing_invitees=absent)


@rpc(messages.AddChatUser, flood=per_minute(60))
async def add_chat_user(call: Call, request: messages.AddChatUser) -> t.AnyMessagesInvitedUsers:
    chat = group_of(call, request.chat_id)
    user = _person(call, request.user_id)
    if user != call.me:
        call.services.groups.rosters.of_member(call.me, chat)
    if user != call.me and _unwilling(call, user):
        return _invited(t.Updates(updates=[], users=[], chats=[], date=call.now, seq=0), [user])
    action = action_of(t.MessageActionChatAddUser(users=[user]), user)
    done = await call.services.groups.add(call.me, chat, user, request.fwd_limit, action, origin=call.session)
    return _invited(updates_of(call, done), [])


@rpc(messages.DeleteChatUser, flood=per_minute(60))
async def delete_chat_user(call: Call, request: messages.DeleteChatUser) -> t.AnyUpdates:
    """Leave, or remove somebody; with revoke_history his messages go too."""
    chat = group_of(call, request.chat_id)
    user = peers.resolve_user(call, request.user_id)
    action = action_of(t.MessageActionChatDeleteUser(user_id=user), user)
    done = await call.services.groups.remove(call.me, chat, user, action, origin=call.session)
    if request.revoke_history and user != call.me:
        deleting = call.services.deleting
        while (await deleting.delete_of_author(call.me, chat, user)).left:
            pass
    return updates_of(call, done)


@rpc(messages.EditChatTitle, flood=per_minute(60))
async def edit_chat_title(call: Call, request: messages.EditChatTitle) -> t.AnyUpdates:
    chat = group_of(call, request.chat_id)
    action = action_of(t.MessageActionChatEditTitle(title=request.title.strip()))
    done = await call.services.groups.rename(call.me, chat, request.title, action, origin=call.session)
    return updates_of(call, done)


@rpc(messages.EditChatPhoto, flood=per_minute(30))
async def edit_chat_photo(call: Call, request: messages.EditChatPhoto) -> t.AnyUpdates:
    chat = group_of(call, request.chat_id)
    roster = call.services.groups.rosters.of_member(call.me, chat)
    if not rights.may(roster, call.me, rights.INFO):
        raise errors.CHAT_ADMIN_REQUIRED()
    photo = await portraits.chosen(call, request.photo)
    if photo is None:
        action = action_of(t.MessageActionChatDeletePhoto())
    else:
        action = action_of(t.MessageActionChatEditPhoto(photo=media.blank_photo(call.services, photo)))
    shot = shot_of(photo) if photo is not None else None
    done = await call.services.groups.set_photo(call.me, chat, shot, action, origin=call.session)
    return updates_of(call, done)


@rpc(messages.EditChatAbout)
async def edit_chat_about(call: Call, request: messages.EditChatAbout) -> bool:
    chat = peers.resolve(call, request.peer)
    if is_channel(chat):
        await settings.edit_about(call, chat, request.about)
        return True
    chat = group_peer(call, request.peer)
    await call.services.groups.describe(call.me, chat, request.about, origin=call.session)
    return True


@rpc(messages.EditChatAdmin)
async def edit_chat_admin(call: Call, request: messages.EditChatAdmin) -> bool:
    chat = group_of(call, request.chat_id)
    user = peers.resolve_user(call, request.user_id)
    await call.services.groups.set_admin(call.me, chat, user, request.is_admin)
    return True


@rpc(messages.EditChatDefaultBannedRights)
async def edit_chat_default_banned_rights(
    call: Call, request: messages.EditChatDefaultBannedRights
) -> t.AnyUpdates:
    flags = render.flags_of(request.banned_rights)
    chat = peers.resolve(call, request.peer)
    if is_channel(chat):
        return await settings.edit_default_rights(call, chat, flags)
    chat = group_peer(call, request.peer)
    roster = await call.services.groups.set_default_rights(call.me, chat, flags, origin=call.session)
    update = t.UpdateChatDefaultBannedRights(
        peer=t.PeerChat(chat_id=-chat),
        default_banned_rights=banned_rights(flags),
        version=roster.group.version,
    )
    return plain(call, roster, update)


@rpc(messages.ToggleNoForwards)
async def toggle_no_forwards(call: Call, request: messages.ToggleNoForwards) -> t.AnyUpdates:
    chat = peers.resolve(call, request.peer)
    if is_channel(chat):
        return await settings.toggle_noforwards(call, chat, request.enabled)
    chat = group_peer(call, request.peer)
    done = await call.services.groups.set_noforwards(call.me, chat, request.enabled, origin=call.session)
    return plain(call, done)


@rpc(messages.SetChatAvailableReactions)
async def set_chat_available_reactions(
    call: Call, request: messages.SetChatAvailableReactions
) -> t.AnyUpdates:
    chat = peers.resolve(call, request.peer)
    if is_channel(chat):
        settings.allowed(call, chat, channel_rights.INFO)
    most = request.reactions_limit or 0
    if not 0 <= most <= limits.REACTIONS_OFFERED:
        raise errors.LIMIT_INVALID()
    allowed = request.available_reactions
    if isinstance(allowed, t.ChatReactionsSome) and len(allowed.reactions) > limits.REACTIONS_OFFERED:
        raise errors.LIMIT_INVALID()
    rule, some = g.REACTIONS_STOCK, tuple[str, ...]()
    if isinstance(allowed, t.ChatReactionsNone):
        rule = g.REACTIONS_NONE
    elif isinstance(allowed, t.ChatReactionsSome):
        kinds = [kind_of(one) for one in allowed.reactions]
        if not all(call.services.reactions.known(kind) for kind in kinds):
            raise errors.REACTION_INVALID()
        rule, some = g.REACTIONS_SOME, tuple(dict.fromkeys(kinds))
        allowed = t.ChatReactionsSome(reactions=[reaction(kind) for kind in some])
    elif isinstance(allowed, t.ChatReactionsAll) and allowed.allow_custom:
        rule = g.REACTIONS_ALL
    data, _ = layers.encode_part(allowed)
    if is_channel(chat):
        return await settings.set_reactions(call, chat, data, layers.CURRENT, most, rule, some)
    chat = group_peer(call, request.peer)
    roster = await call.services.groups.set_reactions(
        call.me, chat, data, layers.CURRENT, most, rule, some, origin=call.session
    )
    return plain(call, roster, t.UpdateChat(chat_id=-chat))


@rpc(messages.DeleteChat)
async def delete_chat(call: Call, request: messages.DeleteChat) -> bool:
    await call.services.groups.delete(call.me, group_of(call, request.chat_id), origin=call.session)
    return True


@rpc(messages.MigrateChat, flood=per_minute(10))
async def migrate_chat(call: Call, request: messages.MigrateChat) -> t.AnyUpdates:
    """The group becomes a supergroup; both are in the answer. CHAT_ADMIN_REQUIRED, CHANNELS_TOO_MUCH."""
    chat = group_of(call, request.chat_id)
    roster = call.services.groups.rosters.of_member(call.me, chat)
    if roster.group.creator != call.me:
        raise errors.CHAT_ADMIN_REQUIRED()
    if not call.services.channels.life.has_room(call.me):
        raise errors.CHANNELS_TOO_MUCH()
    migration = call.services.channels.migration
    channel = migration.draw_id()
    to = action_of(t.MessageActionChatMigrateTo(channel_id=channel_id(channel)))
    came = action_of(t.MessageActionChannelMigrateFrom(title=roster.group.title, chat_id=-chat))
    done = await migration.migrate(call.me, chat, channel, to, came, origin=call.session)
    made = answer(call, done, t.UpdateChannel(channel_id=channel_id(channel)))
    made.chats = render.chats(call.services, call.me, (chat, channel))
    return made


@rpc(messages.GetChats)
async def get_chats(call: Call, request: messages.GetChats) -> t.AnyMessagesChats:
    """chatEmpty for groups that one was never in, whether they exist or not."""
    if len(request.id) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    found = [render.chat(call.services, call.me, -one) for one in dict.fromkeys(request.id) if one > 0]
    return t.MessagesChats(chats=found)


@rpc(messages.GetFullChat)
async def get_full_chat(call: Call, request: messages.GetFullChat) -> t.AnyMessagesChatFull:
    chat = group_of(call, request.chat_id)
    roster = call.services.groups.rosters.get_or_none(chat)
    if roster is None:
        raise errors.CHAT_ID_INVALID()
    full = render.full(call.services, call.me, roster)
    who = (*roster.here, *(full.recent_requesters or ())) if roster.has(call.me) else ()
    return t.MessagesChatFull(
        full_chat=full,
        chats=render.chats(call.services, call.me, (chat,)),
        users=users(call.services, call.me, who),
    )


@rpc(messages.GetCommonChats)
async def get_common_chats(call: Call, request: messages.GetCommonChats) -> t.AnyMessagesChats:
    """Groups that both are in, below max_id, the largest id first."""
    user = peers.resolve_user(call, request.user_id)
    if user == call.me:
        raise errors.USER_ID_INVALID()
    services = call.services
    basic = {-one.chat: one.chat for one in services.groups.rosters.common(call.me, user)}
    super_ = {channel_id(one): one for one in services.channels.members.common(call.me, user)}
    found = [*basic.items(), *super_.items()]
    rest = [chat for id_, chat in sorted(found, reverse=True) if not request.max_id or id_ < request.max_id]
    page = rest[: min(request.limit, limits.DIALOGS_PER_CALL) if request.limit > 0 else 0]
    chats = render.chats(call.services, call.me, page)
    if len(page) == len(found):
        return t.MessagesChats(chats=chats)
    return t.MessagesChatsSlice(count=len(found), chats=chats)


@rpc(messages.GetOnlines)
async def get_onlines(call: Call, request: messages.GetOnlines) -> t.AnyChatOnlines:
    """Of a channel nobody is told how many of its subscribers are there."""
    peer = peers.resolve(call, request.peer)
    if is_channel(peer):
        record, seat = call.services.channels.register.view(call.me, peer)
        told = record.megagroup and channel_rights.is_member(seat)
        return t.ChatOnlines(onlines=len(call.services.channels.audience.of(peer)) if told else 0)
    roster = call.services.groups.rosters.of_member(call.me, group_peer(call, request.peer))
    presence = call.services.presence
    return t.ChatOnlines(onlines=sum(1 for user in roster.here if presence.status(user).online))
