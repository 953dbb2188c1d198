"""Channels as a whole: made, shown, joined, left, named, deleted."""

from __future__ import annotations

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.render import channel as render
from tgserve.render import sent as render_sent
from tgserve.render.action import action_of
from tgserve.render.chat import chats
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels import journal, rights
from tgserve.services.channels.life import Done, require
from tgserve.services.groups.life import title_of
from tgserve.store import channel_records as c
from tgserve.store.transaction import Txn
from tgserve.tl import types as t
from tgserve.tl.functions import channels

INVITED = "chat_invite"


def answer(call: Call, done: Done, *updates: t.AnyUpdate) -> t.Updates:
    """What the caller did to a channel: the service message when there is one (clients find it by the updateMessageID
    beside it, CLIENTS A.12), and the channel as it is now."""
    channel = done.channel
    if done.sent is not None:
        made = render_sent.full(call.services, call.me, [done.sent], [call.services.ids.i64() or 1], call.now)
        assert isinstance(made, t.Updates)
        made.updates = [*updates, *made.updates]
    else:
        made = t.Updates(updates=list(updates), users=[], chats=[], date=call.now, seq=0)
        made.updates.append(t.UpdateChannel(channel_id=render.channel_id(channel)))
    made.chats = chats(call.services, call.me, (channel,))
    return made


@rpc(channels.CreateChannel, flood=per_minute(20))
async def create_channel(call: Call, request: channels.CreateChannel) -> t.AnyUpdates:
    """TDLib makes a forum with `forum` alone: a supergroup with topics (CLIENTS A.16). Since 1.8.47
    (seen up to 1.8.69) it puts that wish where `for_import` stands and the other way round (CreateChannelQuery::send);
    who really imports says `megagroup` with it, so `for_import` without that is a forum."""
    if request.broadcast and (request.megagroup or request.forum):
        raise errors.CHANNEL_INVALID()
    if request.geo_point is not None and not isinstance(request.geo_point, t.InputGeoPointEmpty):
        raise errors.CHANNELS_ADMIN_LOCATED_TOO_MUCH()
    forum = request.forum or (request.for_import and not request.megagroup and not request.broadcast)
    megagroup = not request.broadcast
    if request.ttl_period and not 0 <= request.ttl_period <= limits.TIMER_SECONDS:
        raise errors.TTL_PERIOD_INVALID()
    action = action_of(t.MessageActionChannelCreate(title=title_of(request.title)))
    done = await call.services.channels.life.create(
        call.me,
        request.title,
        request.about,
        action,
        megagroup=megagroup,
        forum=forum,
        ttl_period=request.ttl_period or 0,
        origin=call.session,
    )
    return answer(call, done, t.UpdateChannel(channel_id=render.channel_id(done.channel)))


@rpc(channels.GetChannels)
async def get_channels(call: Call, request: channels.GetChannels) -> t.AnyMessagesChats:
    """Those the caller names with the right hash; others are an error, as nothing is told of them."""
    if len(request.id) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    found = [peers.channel_or_forbidden(call, one) for one in request.id]
    return t.MessagesChats(chats=chats(call.services, call.me, found))


@rpc(channels.GetFullChannel)
async def get_full_channel(call: Call, request: channels.GetFullChannel) -> t.AnyMessagesChatFull:
    channel = peers.resolve_channel(call, request.channel)
    full = render.full(call.services, call.me, channel)
    record = call.services.channels.register.get_or_none(channel)
    named = [channel]
    if record is not None and record.linked:
        named.append(record.linked)
    bots = (one.user_id for one in full.bot_info if isinstance(one, t.BotInfo) and one.user_id)
    return t.MessagesChatFull(
        full_chat=full,
        chats=chats(call.services, call.me, named),
        users=users(call.services, call.me, (call.me, *bots)),
    )


@rpc(channels.JoinChannel, flood=per_minute(30))
async def join_channel(call: Call, request: channels.JoinChannel) -> t.AnyMessagesChatInviteJoinResult:
    channel = peers.resolve_channel(call, request.channel)
    record, seat = call.services.channels.register.view(call.me, channel)
    if record.join_request and not rights.is_member(seat) and call.me != record.creator:
        await call.services.channels.doors.ask(call.me, channel)
        raise errors.INVITE_REQUEST_SENT()
    done = await call.services.channels.life.join(call.me, channel, origin=call.session)
    return t.MessagesChatInviteJoinResultOk(updates=answer(call, done))


@rpc(channels.LeaveChannel, flood=per_minute(60))
async def leave_channel(call: Call, request: channels.LeaveChannel) -> t.AnyUpdates:
    channel = peers.resolve_channel(call, request.channel)
    done = await call.services.channels.life.leave(call.me, channel, origin=call.session)
    return answer(call, done)


@rpc(channels.InviteToChannel, flood=per_minute(30))
async def invite_to_channel(call: Call, request: channels.InviteToChannel) -> t.AnyMessagesInvitedUsers:
    """Those who do not want to be brought into groups, are in too many or were removed from this one are named, and
    not in it; who is asked for alone and cannot come is an error. USERS_TOO_MUCH, USER_ID_INVALID, USER_BOT,
    INPUT_USER_DEACTIVATED, USER_CHANNELS_TOO_MUCH, USER_KICKED."""
    channel = peers.resolve_channel(call, request.channel)
    if len(request.users) > limits.INVITED_AT_ONCE:
        raise errors.USERS_TOO_MUCH()
    asked = list(dict.fromkeys(peers.resolve_user(call, one) for one in request.users))
    services = call.services
    known = services.channels.register.get_or_none(channel)
    megagroup = known is not None and known.megagroup
    missing: list[t.AnyMissingInvitee] = []
    willing: list[int] = []
    for user in asked:
        record = services.users.get_or_none(user)
        if record is None:
            raise errors.USER_ID_INVALID()
        if record.deleted:
            raise errors.INPUT_USER_DEACTIVATED()
        if record.bot and not megagroup:
            raise errors.USER_BOT()
        if services.privacy.allows(user, INVITED, call.me) and not services.blocks.has_blocked(user, call.me):
            willing.append(user)
        else:
            missing.append(t.MissingInvitee(user_id=user))
    coming, removed = services.channels.life.newcomers(call.me, channel, willing)
    full = [user for user in coming if not services.channels.life.has_room(user)]
    if len(asked) == 1 and (removed or full):
        raise errors.USER_KICKED() if removed else errors.USER_CHANNELS_TOO_MUCH()
    missing += [t.MissingInvitee(user_id=user) for user in (*removed, *full)]
    coming = [user for user in coming if user not in full]
    action = action_of(t.MessageActionChatAddUser(users=coming), *coming)
    done, _ = await services.channels.life.invite(call.me, channel, coming, action, origin=call.session)
    made = answer(call, done)
    made.users = users(services, call.me, willing)
    return t.MessagesInvitedUsers(updates=made, missing_invitees=missing)


@rpc(channels.DeleteChannel, flood=per_minute(20))
async def delete_channel(call: Call, request: channels.DeleteChannel) -> t.AnyUpdates:
    channel = peers.resolve_channel(call, request.channel)
    done = await call.services.channels.life.delete(call.me, channel, origin=call.session)
    return answer(call, done)


@rpc(channels.EditTitle, flood=per_minute(60))
async def edit_title(call: Call, request: channels.EditTitle) -> t.AnyUpdates:
    channel = peers.resolve_channel(call, request.channel)
    title = title_of(request.title)

    def change(txn: Txn, record: c.Channel, seat: c.Participant | None) -> c.Channel:
        require(record, call.me, seat, rights.INFO, rights.NO_INFO)
        if record.title == title:
            raise errors.CHAT_NOT_MODIFIED()
        line = c.LogEntry(call.now, call.me, journal.TITLE, text_before=record.title, text_after=title)
        journal.note(txn, channel, line)
        return replace(record, title=title)

    action = action_of(t.MessageActionChatEditTitle(title=title))
    done = await call.services.channels.life.change(call.me, channel, change, action, origin=call.session)
    return answer(call, done)
