"""chatlists.*: folders shared by links, and folders made of such links."""

from __future__ import annotations

from collections.abc import Iterable

from tgserve import errors
from tgserve.api.messages.folders import TITLE_CHARS
from tgserve.render import chat as render_chat
from tgserve.render import folders as render
from tgserve.render import sent as render_sent
from tgserve.render.action import action_of
from tgserve.render.channel import channel_id
from tgserve.render.peers import peer as peer_object
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels import rights
from tgserve.services.channels.life import Done as Entered
from tgserve.services.channels.register import is_channel
from tgserve.services.groups.life import Done
from tgserve.store import records as r
from tgserve.store.chatlist_records import SharedFolder
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import chatlists

LINK = "https://t.me/addlist/"


def _folder(call: Call, named: t.AnyInputChatlist) -> r.Folder:
    """The folder of an InputChatlist. FILTER_ID_INVALID."""
    number = named.filter_id if isinstance(named, t.InputChatlistDialogFilter) else 0
    found = call.services.folders.get_or_none(call.me, number)
    if found is None:
        raise errors.FILTER_ID_INVALID()
    return found


def slug_in(link: str) -> str:
    """The slug of a link as clients send it: the link itself or its end."""
    return link.rpartition("/")[2].strip()


def _invite(slug: str, shared: SharedFolder) -> t.ExportedChatlistInvite:
    return t.ExportedChatlistInvite(
        title=shared.title, url=LINK + slug, peers=[peer_object(one) for one in shared.peers]
    )


def _chats(call: Call, offered: Iterable[int]) -> list[t.AnyChat]:
    """Chats that a link offers: as they are for members, their outside for others."""
    return [render_chat.offered(call.services, call.me, one) for one in dict.fromkeys(offered) if one < 0]


# -- who shares -----------------------------------------------------------------------------------------------------


def _as_shared(call: Call, kept: r.Folder, *, mine: bool) -> r.Folder:
    """The folder as one that is shared, or no more. FILTER_NOT_SUPPORTED where it has rules beside its chats."""
    made = render.folder(kept)
    if isinstance(made, t.DialogFilter):
        rules = made.contacts or made.non_contacts or made.groups or made.broadcasts or made.bots
        if rules or made.exclude_muted or made.exclude_read or made.exclude_archived or made.exclude_peers:
            raise errors.FILTER_NOT_SUPPORTED()
    if mine or kept.slug:
        changed: t.AnyDialogFilter = t.DialogFilterChatlist(
            has_my_invites=mine,
            title_noanimate=made.title_noanimate,
            id=made.id,
            title=made.title,
            emoticon=made.emoticon,
            color=made.color,
            pinned_peers=made.pinned_peers,
            include_peers=made.include_peers,
        )
    else:
        changed = t.DialogFilter(
            title_noanimate=made.title_noanimate,
            id=made.id,
            title=made.title,
            emoticon=made.emoticon,
            color=made.color,
            pinned_peers=made.pinned_peers,
            include_peers=made.include_peers,
            exclude_peers=[],
        )
    return r.Folder(kept.number, layers.encode(changed), layers.CURRENT, kept.peers, kept.slug, kept.known)


def _named(call: Call, kept: r.Folder, asked: list[t.AnyInputPeer]) -> tuple[int, ...]:
    """Chats of the folder that a link is to offer. PEER_ID_INVALID for those that are not in it."""
    named = [peers.resolve(call, one) for one in asked]
    if any(one not in kept.peers for one in named):
        raise errors.PEER_ID_INVALID()
    return call.services.chatlists.check_shareable(call.me, named)


@rpc(chatlists.ExportChatlistInvite, flood=per_minute(30))
async def export_chatlist_invite(
    call: Call, request: chatlists.ExportChatlistInvite
) -> t.AnyChatlistsExportedChatlistInvite:
    """A link to chats of a folder, which must be one of chats by name."""
    kept = _folder(call, request.chatlist)
    offered = _named(call, kept, request.peers)
    changed = _as_shared(call, kept, mine=True)
    slug, shared = await call.services.chatlists.make(call.me, kept.number, request.title.strip(), offered)
    await call.services.folders.put(call.me, changed, origin=call.session)
    return t.ChatlistsExportedChatlistInvite(filter=render.folder(changed), invite=_invite(slug, shared))


@rpc(chatlists.GetExportedInvites)
async def get_exported_invites(
    call: Call, request: chatlists.GetExportedInvites
) -> t.AnyChatlistsExportedInvites:
    links = call.services.chatlists.of(call.me, _folder(call, request.chatlist).number)
    named = [one for _, shared in links for one in shared.peers]
    return t.ChatlistsExportedInvites(
        invites=[_invite(slug, shared) for slug, shared in links],
        chats=render_chat.chats(call.services, call.me, named),
        users=users(call.services, call.me, [one for one in named if one > 0]),
    )


@rpc(chatlists.EditExportedInvite, flood=per_minute(60))
async def edit_exported_invite(
    call: Call, request: chatlists.EditExportedInvite
) -> t.AnyExportedChatlistInvite:
    kept = _folder(call, request.chatlist)
    offered = None if request.peers is None else _named(call, kept, request.peers)
    title = None if request.title is None else request.title.strip()
    slug = slug_in(request.slug)
    return _invite(slug, await call.services.chatlists.edit(call.me, kept.number, slug, title, offered))


@rpc(chatlists.DeleteExportedInvite, flood=per_minute(60))
async def delete_exported_invite(call: Call, request: chatlists.DeleteExportedInvite) -> bool:
    """With its last link a folder is an ordinary one again."""
    kept = _folder(call, request.chatlist)
    slug = slug_in(request.slug)
    if not slug:
        raise errors.INVITE_SLUG_EMPTY()
    if not await call.services.chatlists.delete(call.me, kept.number, slug):
        await call.services.folders.put(call.me, _as_shared(call, kept, mine=False), origin=call.session)
    return True


# -- who is offered -------------------------------------------------------------------------------------------------


@rpc(chatlists.CheckChatlistInvite, flood=per_minute(60))
async def check_chatlist_invite(
    call: Call, request: chatlists.CheckChatlistInvite
) -> t.AnyChatlistsChatlistInvite:
    slug = slug_in(request.slug)
    owner, shared = call.services.chatlists.look(slug)
    offered = [peer_object(one) for one in shared.peers]
    drawn, who = _chats(call, shared.peers), users(call.services, call.me, (owner,))
    kept = call.services.chatlists.joined(call.me, slug)
    if kept is not None:
        return t.ChatlistsChatlistInviteAlready(
            filter_id=kept.number,
            missing_peers=[peer_object(one) for one in shared.peers if one not in kept.peers],
            already_peers=[peer_object(one) for one in shared.peers if one in kept.peers],
            chats=drawn,
            users=who,
        )
    title = t.TextWithEntities(text=shared.title, entities=[])
    return t.ChatlistsChatlistInvite(title=title, peers=offered, chats=drawn, users=who)


def _wanted(asked: list[t.AnyInputPeer], offered: tuple[int, ...]) -> list[int]:
    """Those of the offered chats that are asked for: the link is what opens them, so no hash is looked at.
    PEERS_LIST_EMPTY, PEER_ID_INVALID."""
    named = []
    for one in asked:
        if isinstance(one, t.InputPeerChat):
            named.append(-one.chat_id)
        elif isinstance(one, t.InputPeerChannel):
            named.append(-CHANNEL_BASE - one.channel_id)
    if not named:
        raise errors.PEERS_LIST_EMPTY()
    if any(one not in offered for one in named):
        raise errors.PEER_ID_INVALID()
    return list(dict.fromkeys(named))


async def _join(call: Call, owner: int, wanted: list[int]) -> tuple[list[int], list[Done | Entered]]:
    """Join what one is not in yet: (chats one is in now, what was done). Those that are closed to the caller are
    passed over; when all are, the first one's reason is raised."""
    action = action_of(t.MessageActionChatJoinedByLink(inviter_id=owner), owner)
    here: list[int] = []
    done: list[Done | Entered] = []
    fault: errors.RpcError | None = None
    for chat in wanted:
        try:
            if is_channel(chat):
                seat = call.services.channels.register.participant(chat, call.me)
                if not rights.is_member(seat):
                    done.append(
                        await call.services.chatlists.enter(call.me, owner, chat, action, origin=call.session)
                    )
                here.append(chat)
                continue
            roster = call.services.groups.rosters.get_or_none(chat)
            if roster is None or not roster.has(call.me):
                done.append(
                    await call.services.groups.come(call.me, chat, owner, action, origin=call.session)
                )
            here.append(chat)
        except errors.RpcError as refused:
            fault = fault or refused
    if fault is not None and not here:
        raise fault
    return here, done


def _told(call: Call, kept: r.Folder, done: list[Done | Entered]) -> t.Updates:
    """The folder as it is now, and what happened in the chats that were joined."""
    made = t.Updates(
        updates=[t.UpdateDialogFilter(id=kept.number, filter=render.folder(kept))],
        users=[],
        chats=render_chat.chats(call.services, call.me, kept.peers),
        date=call.now,
        seq=0,
    )
    named: dict[int, None] = {call.me: None}
    for one in done:
        if isinstance(one, Entered):
            made.updates.append(t.UpdateChannel(channel_id=channel_id(one.channel)))
        else:
            named.update(dict.fromkeys(one.roster.here))
        said = one.sent
        if said is None:
            continue
        part = render_sent.full(call.services, call.me, [said], [call.services.ids.i64()], call.now)
        assert isinstance(part, t.Updates)
        made.updates += part.updates
    made.users = users(call.services, call.me, named)
    return made


def _input(call: Call, chat: int) -> t.AnyInputPeer:
    if is_channel(chat):
        number = channel_id(chat)
        return t.InputPeerChannel(
            channel_id=number, access_hash=call.services.views.channel_hash(call.me, number)
        )
    return t.InputPeerChat(chat_id=-chat)


@rpc(chatlists.JoinChatlistInvite, flood=per_minute(20))
async def join_chatlist_invite(call: Call, request: chatlists.JoinChatlistInvite) -> t.AnyUpdates:
    """A folder of the chats that one chose among those offered."""
    service = call.services.chatlists
    slug = slug_in(request.slug)
    owner, shared = service.look(slug)
    wanted = _wanted(request.peers, shared.peers)
    kept = service.joined(call.me, slug)
    if kept is None:
        number = service.free_number(call.me)
        title = t.TextWithEntities(text=shared.title[:TITLE_CHARS] or "Shared", entities=[])
        empty = t.DialogFilterChatlist(id=number, title=title, pinned_peers=[], include_peers=[])
        kept = r.Folder(number, layers.encode(empty), layers.CURRENT, (), slug)
    return await _grown(call, kept, owner, wanted)


async def _grown(call: Call, kept: r.Folder, owner: int, wanted: list[int]) -> t.Updates:
    """Join chats and put them into a joined folder."""
    here, done = await _join(call, owner, wanted)
    made = render.folder(kept)
    fresh = [one for one in here if one not in kept.peers]
    made.include_peers = [*made.include_peers, *(_input(call, one) for one in fresh)]
    grown = r.Folder(
        kept.number,
        layers.encode(made),
        layers.CURRENT,
        (*kept.peers, *fresh),
        kept.slug,
        tuple(dict.fromkeys((*kept.known, *wanted))),
    )
    await call.services.folders.put(call.me, grown, origin=call.session)
    return _told(call, grown, done)


@rpc(chatlists.GetChatlistUpdates, flood=per_minute(60))
async def get_chatlist_updates(
    call: Call, request: chatlists.GetChatlistUpdates
) -> t.AnyChatlistsChatlistUpdates:
    owner, missing = call.services.chatlists.news(call.me, _folder(call, request.chatlist).number)
    return t.ChatlistsChatlistUpdates(
        missing_peers=[peer_object(one) for one in missing],
        chats=_chats(call, missing),
        users=users(call.services, call.me, (owner,) if owner else ()),
    )


@rpc(chatlists.JoinChatlistUpdates, flood=per_minute(20))
async def join_chatlist_updates(call: Call, request: chatlists.JoinChatlistUpdates) -> t.AnyUpdates:
    kept = _folder(call, request.chatlist)
    owner, missing = call.services.chatlists.news(call.me, kept.number)
    return await _grown(call, kept, owner, _wanted(request.peers, missing))


@rpc(chatlists.HideChatlistUpdates, flood=per_minute(60))
async def hide_chatlist_updates(call: Call, request: chatlists.HideChatlistUpdates) -> bool:
    """What is offered now is not wanted; what comes later may be."""
    kept = _folder(call, request.chatlist)
    _, missing = call.services.chatlists.news(call.me, kept.number)
    known = tuple(dict.fromkeys((*kept.known, *missing)))
    seen = r.Folder(kept.number, kept.data, kept.layer, kept.peers, kept.slug, known)
    await call.services.folders.put(call.me, seen, origin=call.session)
    return True


@rpc(chatlists.GetLeaveChatlistSuggestions)
async def get_leave_chatlist_suggestions(
    call: Call, request: chatlists.GetLeaveChatlistSuggestions
) -> list[t.AnyPeer]:
    """Chats that came with the folder, to be left with it."""
    kept = _folder(call, request.chatlist)
    return [peer_object(one) for one in kept.peers if one in kept.known]


@rpc(chatlists.LeaveChatlist, flood=per_minute(20))
async def leave_chatlist(call: Call, request: chatlists.LeaveChatlist) -> t.AnyUpdates:
    """The folder goes, and one leaves those of its chats that are named."""
    kept = _folder(call, request.chatlist)
    if not kept.slug:
        raise errors.FILTER_NOT_SUPPORTED()
    named = [peers.resolve(call, one) for one in request.peers]
    if any(one not in kept.peers for one in named):
        raise errors.PEER_ID_INVALID()
    action = action_of(t.MessageActionChatDeleteUser(user_id=call.me), call.me)
    done: list[Done | Entered] = []
    for chat in named:
        if is_channel(chat):
            if rights.is_member(call.services.channels.register.participant(chat, call.me)):
                done.append(await call.services.channels.life.leave(call.me, chat, origin=call.session))
            continue
        roster = call.services.groups.rosters.get_or_none(chat)
        if roster is not None and roster.has(call.me):
            done.append(
                await call.services.groups.remove(call.me, chat, call.me, action, origin=call.session)
            )
    await call.services.chatlists.delete(call.me, kept.number)
    await call.services.folders.delete(call.me, kept.number, origin=call.session)
    made = _told(call, kept, done)
    made.updates[0] = t.UpdateDialogFilter(id=kept.number)
    return made
