"""Members of a channel: lists of them, admins, restrictions and removals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tgserve import errors, limits
from tgserve.api.channels.creating import INVITED, answer
from tgserve.render import channel as render_channel
from tgserve.render.action import action_of
from tgserve.render.chat import chats, flags_of
from tgserve.render.participant import named, participant
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels import rights
from tgserve.services.channels.members import Newest, page
from tgserve.services.channels.register import is_channel
from tgserve.tl import types as t
from tgserve.tl.functions import channels
from tgserve.tl.hashing import list_hash


@rpc(channels.GetParticipant)
async def get_participant(call: Call, request: channels.GetParticipant) -> t.AnyChannelsChannelParticipant:
    """Oneself always; others only where one may see the members. A channel only where it was banned.
    CHAT_ADMIN_REQUIRED, USER_NOT_PARTICIPANT, PARTICIPANT_ID_INVALID."""
    channel = peers.resolve_channel(call, request.channel)
    user = peers.resolve(call, request.participant)
    if user <= 0 and not is_channel(user):
        raise errors.PARTICIPANT_ID_INVALID()
    record = call.services.channels.members.may_ask_of(call.me, channel, user)
    seat = call.services.channels.members.seat_of(channel, user)
    hidden = call.services.channels.members.hidden(call.me, channel)
    return t.ChannelsChannelParticipant(
        participant=participant(record, call.me, user, seat, hidden),
        chats=chats(call.services, call.me, (channel, user)),
        users=users(call.services, call.me, named(user, seat, hidden)),
    )


@rpc(channels.GetParticipants)
async def get_participants(call: Call, request: channels.GetParticipants) -> t.AnyChannelsChannelParticipants:
    """A page of the members, of the admins, or of those who are kept out, some by words of their names; nothing when
    `hash` says that the client has this page. CHAT_ADMIN_REQUIRED."""
    channel = peers.resolve_channel(call, request.channel)
    members = call.services.channels.members
    record, visible = members.visible(call.me, channel)
    what = request.filter
    role = _ROLES.get(type(what), 0)
    if role in (rights.ROLE_RESTRICTED, rights.ROLE_KICKED):
        seat = call.services.channels.register.participant(channel, call.me)
        if not rights.has(record, call.me, seat, rights.BAN):
            raise errors.CHAT_ADMIN_REQUIRED()
    elif not visible and not (role in (rights.ROLE_ADMIN, rights.ROLE_BOT) and record.megagroup):
        raise errors.CHAT_ADMIN_REQUIRED()
    everybody = members.by_role(channel, role) if role else await _everybody(call, channel, what)
    limit = min(max(request.limit, 0), limits.PARTICIPANTS_PER_PAGE)
    hidden = members.hidden(call.me, channel)
    if hidden and isinstance(everybody, Newest):
        everybody = everybody.without(hidden)
    elif hidden:
        everybody = [user for user in everybody if user not in hidden]
    count, found = await page(everybody, _wanted(call, what), request.offset, limit)
    if role == rights.ROLE_ADMIN and record.creator in found:
        found = [record.creator, *(user for user in found if user != record.creator)]
    if request.hash and request.hash == list_hash(abs(user) for user in found):
        return t.ChannelsChannelParticipantsNotModified()
    drawn: list[t.AnyChannelParticipant] = []
    who: dict[int, None] = {}
    seats = call.services.channels.register.participants(channel, found)
    for user, seat in zip(found, seats, strict=True):
        if seat is None:
            continue
        drawn.append(participant(record, call.me, user, seat, hidden))
        who.update(dict.fromkeys(named(user, seat, hidden)))
    return t.ChannelsChannelParticipants(
        count=count,
        participants=drawn,
        chats=chats(call.services, call.me, (channel, *who)),
        users=users(call.services, call.me, who),
    )


_ROLES: dict[type, int] = {
    t.ChannelParticipantsAdmins: rights.ROLE_ADMIN,
    t.ChannelParticipantsBanned: rights.ROLE_RESTRICTED,
    t.ChannelParticipantsKicked: rights.ROLE_KICKED,
    t.ChannelParticipantsBots: rights.ROLE_BOT,
}


async def _everybody(call: Call, channel: int, what: t.AnyChannelParticipantsFilter) -> Sequence[int]:
    """Members among whom a filter chooses, the last to come first: not all of them where few can be meant."""
    if isinstance(what, t.ChannelParticipantsContacts):
        known = [user for user, _ in call.services.contacts.of(call.me)]
        seats = call.services.channels.register.participants(channel, known)
        return [user for user, seat in zip(known, seats, strict=True) if rights.is_member(seat)]
    return await call.services.channels.members.members(channel)


def _wanted(call: Call, what: t.AnyChannelParticipantsFilter) -> Callable[[int], bool] | None:
    """Who passes a filter; None for everybody."""
    services = call.services
    words = (getattr(what, "q", "") or "").casefold().split()

    def has_words(user: int) -> bool:
        record = services.users.get_or_none(user)
        if record is None:
            return False
        name = f"{record.first_name} {record.last_name} {record.username}".casefold()
        return all(any(part.startswith(word) for part in name.split()) for word in words)

    return has_words if words else None


@rpc(channels.EditAdmin, flood=per_minute(60))
async def edit_admin(call: Call, request: channels.EditAdmin) -> t.AnyUpdates:
    channel = peers.resolve_channel(call, request.channel)
    user = peers.resolve_user(call, request.user_id)
    record = call.services.users.get_or_none(user)
    if record is None:
        raise errors.USER_ID_INVALID()
    if record.deleted:
        raise errors.INPUT_USER_DEACTIVATED()
    rank = request.rank or ""
    if any(ord(char) > 0x2190 and not char.isalpha() for char in rank):
        raise errors.ADMIN_RANK_EMOJI_NOT_ALLOWED()
    changed = await call.services.channels.members.set_admin(
        call.me,
        channel,
        user,
        render_channel.admin_flags(request.admin_rights),
        rank,
        outside=_outside(call, user),
        origin=call.session,
    )
    made = answer(call, changed.done)
    made.users = users(call.services, call.me, (user,))
    return made


def _outside(call: Call, user: int) -> errors.ErrorKind | None:
    """What keeps somebody from being brought in from outside by the caller."""
    if call.services.blocks.has_blocked(user, call.me):
        return errors.USER_BLOCKED
    if not call.services.privacy.allows(user, INVITED, call.me):
        return errors.USER_PRIVACY_RESTRICTED
    return None if call.services.channels.life.has_room(user) else errors.USER_CHANNELS_TOO_MUCH


@rpc(channels.EditBanned, flood=per_minute(60))
async def edit_banned(call: Call, request: channels.EditBanned) -> t.AnyUpdates:
    channel = peers.resolve_channel(call, request.channel)
    user = peers.resolve(call, request.participant)
    if user <= 0 and not is_channel(user):
        raise errors.PARTICIPANT_ID_INVALID()
    banned = request.banned_rights
    until = banned.until_date if isinstance(banned, t.ChatBannedRights) else 0
    changed = await call.services.channels.members.set_banned(
        call.me,
        channel,
        user,
        flags_of(banned) & rights.BANNED_SETTABLE,
        0 if until == render_channel.FOR_EVER else max(until, 0),
        action_of(t.MessageActionChatDeleteUser(user_id=user), user),
        origin=call.session,
    )
    made = answer(call, changed.done)
    made.users = users(call.services, call.me, (call.me, user))
    made.chats = chats(call.services, call.me, (channel, user))
    return made
