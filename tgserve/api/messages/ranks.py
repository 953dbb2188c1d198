"""Who owns a group, and the words beside its members' names."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.api.account.password import require
from tgserve.api.auth import own_key
from tgserve.api.channels.creating import answer
from tgserve.api.messages.chats import group_peer, plain, updates_of
from tgserve.render.action import action_of
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels import rights
from tgserve.services.channels.register import is_channel
from tgserve.tl import types as t
from tgserve.tl.functions import messages


@rpc(messages.EditChatParticipantRank, flood=per_minute(60))
async def edit_chat_participant_rank(call: Call, request: messages.EditChatParticipantRank) -> t.AnyUpdates:
    """An empty rank takes it away."""
    channel = peers.resolve(call, request.peer)
    if is_channel(channel):
        user = peers.resolve_user_peer(call, request.participant)
        done = await call.services.channels.members.set_rank(
            call.me, channel, user, request.rank, origin=call.session
        )
        return answer(call, done)
    chat = group_peer(call, request.peer)
    user = peers.resolve_user_peer(call, request.participant)
    roster = await call.services.groups.set_rank(call.me, chat, user, request.rank, origin=call.session)
    rank = roster.members[user].rank
    update = t.UpdateChatParticipantRank(chat_id=-chat, user_id=user, rank=rank, version=roster.group.version)
    return plain(call, roster, update)


@rpc(messages.EditChatCreator, flood=per_minute(10))
async def edit_chat_creator(call: Call, request: messages.EditChatCreator) -> t.AnyUpdates:
    """The owner hands the group over, and proves his password for it: PASSWORD_MISSING without one, and clients ask
    with an empty one first to hear PASSWORD_HASH_INVALID. PASSWORD_TOO_FRESH_%d, SESSION_TOO_FRESH_%d: whoever has got
    hold of a device must not take everything at once. TDLib asks with no peer whether it could hand any over."""
    if isinstance(request.peer, t.InputPeerEmpty):
        await _prove(call, call.me, request.password)
        raise errors.PEER_ID_INVALID()
    channel = peers.resolve(call, request.peer)
    if is_channel(channel):
        return await _hand_channel_over(call, channel, request)
    chat = group_peer(call, request.peer)
    user = peers.resolve_user(call, request.user_id)
    roster = call.services.groups.rosters.of_member(call.me, chat)
    if roster.group.creator != call.me:
        raise errors.CHAT_ADMIN_REQUIRED()
    if not roster.has(user):
        raise errors.USER_NOT_PARTICIPANT()
    await _prove(call, user, request.password)
    action = action_of(t.MessageActionChangeCreator(new_creator_id=user), user)
    return updates_of(
        call, await call.services.groups.hand_over(call.me, chat, user, action, origin=call.session)
    )


async def _prove(call: Call, user: int, password: t.AnyInputCheckPasswordSRP) -> None:
    """What an owner must have to make another one. USER_ID_INVALID for a bot, PASSWORD_MISSING,
    PASSWORD_TOO_FRESH_%d, SESSION_TOO_FRESH_%d, and as account.password.require."""
    services = call.services
    heir = services.users.get_or_none(user)
    if heir is None or heir.bot:
        raise errors.USER_ID_INVALID()
    if not services.passwords.has(call.me):
        raise errors.PASSWORD_MISSING()
    waits = services.passwords.of(call.me).changed + limits.FRESH_PASSWORD_SECONDS - call.now
    if waits > 0:
        raise errors.PASSWORD_TOO_FRESH(waits)
    waits = services.auth.sessions.fresh_for(call.me, own_key(call).hash)
    if waits > 0:
        raise errors.SESSION_TOO_FRESH(waits)
    await require(call, password)


async def _hand_channel_over(call: Call, channel: int, request: messages.EditChatCreator) -> t.AnyUpdates:
    user = peers.resolve_user(call, request.user_id)
    services = call.services
    record, _ = services.channels.register.seat(call.me, channel)
    if record.creator != call.me:
        raise errors.CHAT_ADMIN_REQUIRED()
    if not rights.is_member(services.channels.register.participant(channel, user)):
        raise errors.USER_NOT_PARTICIPANT()
    await _prove(call, user, request.password)
    services.channels.publicity.check_room(user, channel)
    action = action_of(t.MessageActionChangeCreator(new_creator_id=user), user)
    done = await services.channels.members.hand_over(call.me, channel, user, action, origin=call.session)
    made = answer(call, done)
    made.users = users(services, call.me, (call.me, user))
    return made
