"""Invite links of basic groups, and requests to join by them."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.api.channels.creating import answer
from tgserve.api.messages.chats import group_peer, plain, updates_of
from tgserve.render import chat as render
from tgserve.render import photos
from tgserve.render.action import action_of
from tgserve.render.channel import channel_id
from tgserve.render.invite import hash_in
from tgserve.render.invite import invite as invite_link
from tgserve.render.user import user as draw_user
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels import rights
from tgserve.services.channels.doors import Doors
from tgserve.services.channels.register import is_channel
from tgserve.services.groups.invites import Invites, Link, Terms
from tgserve.services.groups.life import Action
from tgserve.services.groups.links import chat_of
from tgserve.tl import types as t
from tgserve.tl.functions import messages

SHOWN = 5
"""Members that an invitation names."""
ANSWERED = 100
"""Requests that one transaction answers."""


def _doors(call: Call, peer: t.AnyInputPeer) -> tuple[int, Invites | Doors]:
    """A group or channel, and what keeps its links. PEER_ID_INVALID, CHAT_ID_INVALID, CHANNEL_INVALID."""
    found = peers.resolve(call, peer)
    if is_channel(found):
        return found, call.services.channels.doors
    return group_peer(call, peer), call.services.invites


def _limit(limit: int) -> int:
    if limit < 0:
        raise errors.LIMIT_INVALID()
    return min(limit, limits.MESSAGES_PER_CALL)


@rpc(messages.ExportChatInvite, flood=per_minute(60))
async def export_chat_invite(call: Call, request: messages.ExportChatInvite) -> t.AnyExportedChatInvite:
    chat, doors = _doors(call, request.peer)
    if request.subscription_pricing is not None:
        raise errors.PAYMENT_UNSUPPORTED()
    terms = Terms(request.title, request.expire_date, request.usage_limit, request.request_needed or None)
    made = await doors.make(call.me, chat, terms, primary=request.legacy_revoke_permanent)
    return invite_link(made)


def _admin(call: Call, admin: t.AnyInputUser) -> int:
    """ADMIN_ID_INVALID."""
    found = peers.resolve_user_or_none(call, admin)
    if found is None:
        raise errors.ADMIN_ID_INVALID()
    return found


@rpc(messages.GetExportedChatInvites)
async def get_exported_chat_invites(
    call: Call, request: messages.GetExportedChatInvites
) -> t.AnyMessagesExportedChatInvites:
    chat, doors = _doors(call, request.peer)
    admin = _admin(call, request.admin_id)
    found = doors.links(call.me, chat, admin, revoked=request.revoked)
    rest = found
    if request.offset_link:
        after = hash_in(request.offset_link)
        at = next((index for index, one in enumerate(found) if one.hash == after), len(found) - 1)
        rest = found[at + 1 :]
    return t.MessagesExportedChatInvites(
        count=len(found),
        invites=[invite_link(one) for one in rest[: _limit(request.limit)]],
        users=users(call.services, call.me, (admin,)),
    )


@rpc(messages.GetExportedChatInvite)
async def get_exported_chat_invite(
    call: Call, request: messages.GetExportedChatInvite
) -> t.AnyMessagesExportedChatInvite:
    chat, doors = _doors(call, request.peer)
    return _exported(call, doors.link(call.me, chat, hash_in(request.link)))


def _exported(call: Call, link: Link) -> t.MessagesExportedChatInvite:
    who = users(call.services, call.me, (link.invite.admin,))
    return t.MessagesExportedChatInvite(invite=invite_link(link), users=who)


@rpc(messages.EditExportedChatInvite, flood=per_minute(60))
async def edit_exported_chat_invite(
    call: Call, request: messages.EditExportedChatInvite
) -> t.AnyMessagesExportedChatInvite:
    chat, doors = _doors(call, request.peer)
    terms = Terms(request.title, request.expire_date, request.usage_limit, request.request_needed)
    link, successor = await doors.edit(call.me, chat, hash_in(request.link), terms, revoke=request.revoked)
    if successor is None:
        return _exported(call, link)
    return t.MessagesExportedChatInviteReplaced(
        invite=invite_link(link),
        new_invite=invite_link(successor),
        users=users(call.services, call.me, (link.invite.admin,)),
    )


@rpc(messages.DeleteExportedChatInvite)
async def delete_exported_chat_invite(call: Call, request: messages.DeleteExportedChatInvite) -> bool:
    chat, doors = _doors(call, request.peer)
    await doors.delete(call.me, chat, hash_in(request.link))
    return True


@rpc(messages.DeleteRevokedExportedChatInvites)
async def delete_revoked_exported_chat_invites(
    call: Call, request: messages.DeleteRevokedExportedChatInvites
) -> bool:
    chat, doors = _doors(call, request.peer)
    admin = _admin(call, request.admin_id)
    await doors.delete_revoked(call.me, chat, admin)
    return True


@rpc(messages.GetAdminsWithInvites)
async def get_admins_with_invites(
    call: Call, request: messages.GetAdminsWithInvites
) -> t.AnyMessagesChatAdminsWithInvites:
    chat, doors = _doors(call, request.peer)
    counts = doors.admins(call.me, chat)
    admins: list[t.AnyChatAdminWithInvites] = [
        t.ChatAdminWithInvites(admin_id=admin, invites_count=live, revoked_invites_count=ended)
        for admin, live, ended in counts
    ]
    who = users(call.services, call.me, [admin for admin, _, _ in counts])
    return t.MessagesChatAdminsWithInvites(admins=admins, users=who)


@rpc(messages.GetChatInviteImporters)
async def get_chat_invite_importers(
    call: Call, request: messages.GetChatInviteImporters
) -> t.AnyMessagesChatInviteImporters:
    """Who came by a link, or asks to; newest first, after offset_user where given. SEARCH_WITH_LINK_NOT_SUPPORTED,
    INVITE_HASH_EXPIRED."""
    chat, doors = _doors(call, request.peer)
    hash_ = hash_in(request.link or "")
    found = doors.arrivals(call.me, chat, hash_, requested=request.requested)
    words = (request.q or "").casefold().split()
    if words and hash_:
        raise errors.SEARCH_WITH_LINK_NOT_SUPPORTED()
    if words:
        found = [one for one in found if _named(call, one.user, words)]
    rest = found
    if request.offset_date:
        last = peers.resolve_user_or_none(call, request.offset_user) or 0
        rest = [one for one in found if (one.importer.date, one.user) < (request.offset_date, last)]
    page = rest[: _limit(request.limit)]
    importers: list[t.AnyChatInviteImporter] = []
    for one in page:
        record = call.services.users.get_or_none(one.user)
        importers.append(
            t.ChatInviteImporter(
                requested=one.importer.requested,
                user_id=one.user,
                date=one.importer.date,
                about=record.about or None if record is not None and one.importer.requested else None,
                approved_by=one.importer.approved_by or None,
            )
        )
    who = [user for one in page for user in (one.user, one.importer.approved_by)]
    return t.MessagesChatInviteImporters(
        count=len(found), importers=importers, users=users(call.services, call.me, who)
    )


def _named(call: Call, user: int, words: list[str]) -> bool:
    record = call.services.users.get_or_none(user)
    if record is None:
        return False
    name = f"{record.first_name} {record.last_name} {record.username}".casefold()
    return all(word in name for word in words)


@rpc(messages.HideChatJoinRequest)
async def hide_chat_join_request(call: Call, request: messages.HideChatJoinRequest) -> t.AnyUpdates:
    chat, _ = _doors(call, request.peer)
    user = peers.resolve_user(call, request.user_id)
    if is_channel(chat) and request.approved:
        services = call.services
        services.channels.doors.check_inviter(call.me, chat)
        if _deleted(call, user):
            raise errors.INPUT_USER_DEACTIVATED()
        if not services.channels.life.has_room(user):
            raise errors.USER_CHANNELS_TOO_MUCH()
    return await _answer(call, chat, [user], request.approved)


@rpc(messages.HideAllChatJoinRequests)
async def hide_all_chat_join_requests(call: Call, request: messages.HideAllChatJoinRequests) -> t.AnyUpdates:
    chat, doors = _doors(call, request.peer)
    hash_ = hash_in(request.link or "")
    asking = [one.user for one in doors.arrivals(call.me, chat, hash_, requested=True)]
    if is_channel(chat) and request.approved:
        return await _approve_all(call, chat, asking)
    return await _answer(call, chat, asking, request.approved)


def _deleted(call: Call, user: int) -> bool:
    record = call.services.users.get_or_none(user)
    return record is None or record.deleted


async def _approve_all(call: Call, channel: int, asking: list[int]) -> t.Updates:
    """Requests of accounts that were deleted since are dismissed; those of people who are in too many channels wait."""
    gone = [user for user in asking if _deleted(call, user)]
    if gone:
        await _answer(call, channel, gone, False)
    room = call.services.channels.life.has_room
    return await _answer(call, channel, [user for user in asking if user not in gone and room(user)], True)


async def _answer(call: Call, chat: int, asking: list[int], approved: bool) -> t.Updates:
    action = action_of(t.MessageActionChatJoinedByRequest())
    if is_channel(chat):
        return await _answer_channel(call, chat, asking, approved, action)
    roster = call.services.groups.rosters.of_member(call.me, chat)
    for user in asking:
        roster = await call.services.invites.answer(
            call.me, chat, user, approved, action, origin=call.session
        )
    latest = render.recent_requesters(call.services, call.me, chat)
    update = t.UpdatePendingJoinRequests(
        peer=t.PeerChat(chat_id=-chat), requests_pending=roster.group.pending, recent_requesters=latest
    )
    made = plain(call, roster, update)
    made.users = users(call.services, call.me, (*asking, *latest))
    return made


async def _answer_channel(
    call: Call, channel: int, asking: list[int], approved: bool, action: Action
) -> t.Updates:
    doors = call.services.channels.doors
    for at in range(0, max(len(asking), 1), ANSWERED):
        some = asking[at : at + ANSWERED]
        done = await doors.answer(call.me, channel, some, approved, action, origin=call.session)
    latest = [one.user for one in doors.waiting(channel)[:SHOWN]]
    update = t.UpdatePendingJoinRequests(
        peer=t.PeerChannel(channel_id=channel_id(channel)),
        requests_pending=done.record.pending,
        recent_requesters=latest,
    )
    made = answer(call, done, update)
    made.users = users(call.services, call.me, (*asking, *latest, call.me))
    return made


@rpc(messages.CheckChatInvite, flood=per_minute(60))
async def check_chat_invite(call: Call, request: messages.CheckChatInvite) -> t.AnyChatInvite:
    hash_ = hash_in(request.hash)
    if is_channel(chat_of(hash_)):
        return _look_at_channel(call, hash_)
    roster, invite = call.services.invites.look(call.me, hash_)
    if roster.has(call.me):
        return t.ChatInviteAlready(chat=render.chat(call.services, call.me, roster.chat))
    known = [user for user in roster.here if call.services.contacts.get_or_none(call.me, user)]
    shown = [draw_user(call.services, call.me, user) for user in known[:SHOWN]]
    return t.ChatInvite(
        request_needed=invite.approval,
        title=roster.group.title,
        about=roster.group.about or None,
        photo=photos.of_invite(call.services, call.me, roster.chat, roster.group.photo),
        participants_count=len(roster.here),
        participants=shown or None,
        color=0,
    )


def _look_at_channel(call: Call, hash_: str) -> t.AnyChatInvite:
    channel, record, invite = call.services.channels.doors.look(call.me, hash_)
    seat = call.services.channels.register.participant(channel, call.me)
    if rights.is_member(seat):
        return t.ChatInviteAlready(chat=render.chat(call.services, call.me, channel))
    return t.ChatInvite(
        channel=True,
        broadcast=not record.megagroup,
        public=rights.is_public(record),
        megagroup=record.megagroup,
        request_needed=invite.approval,
        title=record.title,
        about=record.about or None,
        photo=photos.of_invite(call.services, call.me, channel, record.photo),
        participants_count=record.members,
        color=0,
    )


@rpc(messages.ImportChatInvite, flood=per_minute(20))
async def import_chat_invite(
    call: Call, request: messages.ImportChatInvite
) -> t.AnyMessagesChatInviteJoinResult:
    hash_ = hash_in(request.hash)
    if is_channel(chat_of(hash_)):
        _, _, opening = call.services.channels.doors.look(call.me, hash_)
        joined = action_of(t.MessageActionChatJoinedByLink(inviter_id=opening.admin), opening.admin)
        entered = await call.services.channels.doors.use(call.me, hash_, joined, origin=call.session)
        return t.MessagesChatInviteJoinResultOk(updates=answer(call, entered))
    _, invite = call.services.invites.look(call.me, hash_)
    action = action_of(t.MessageActionChatJoinedByLink(inviter_id=invite.admin), invite.admin)
    done = await call.services.invites.use(call.me, hash_, action, origin=call.session)
    return t.MessagesChatInviteJoinResultOk(updates=updates_of(call, done))
