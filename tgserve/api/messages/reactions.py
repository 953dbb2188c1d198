"""Reactions to messages, and what an account likes to react with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tgserve import errors, limits
from tgserve.api.messages.history import some
from tgserve.render import chat as render_chat
from tgserve.render import messages as render_messages
from tgserve.render import reactions as render
from tgserve.render.message import people, saved_peer_of
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, per_minute, rpc
from tgserve.services.boxes import View
from tgserve.services.bus import RecentReactions
from tgserve.services.channels.register import is_channel
from tgserve.services.history import Window
from tgserve.tl import types as t
from tgserve.tl.functions import messages


@rpc(messages.SendReaction, flood=per_minute(240))
async def send_reaction(call: Call, request: messages.SendReaction) -> t.AnyUpdates:
    peer = peers.here(call, peers.resolve(call, request.peer))
    kinds = [kind for one in request.reaction or () if (kind := render.kind_of(one))]
    view = await call.services.reactions.react(
        call.me,
        peer,
        request.msg_id,
        kinds,
        big=request.big,
        recent=request.add_to_recent,
        origin=call.session,
    )
    return _updates(call, (view,))


@rpc(messages.GetMessagesReactions)
async def get_messages_reactions(call: Call, request: messages.GetMessagesReactions) -> t.AnyUpdates:
    """Messages that are not there are passed over."""
    peer = peers.resolve(call, request.peer)
    if is_channel(peer):
        views = call.services.channels.reading.messages(call.me, peer, some(request.id))
    else:
        views = call.services.history.messages(call.me, some(request.id))
    return _updates(call, [view for view in views if view is not None and view.row.peer == peer])


def _updates(call: Call, views: Sequence[View]) -> t.AnyUpdates:
    who = people(views, call.services)
    return t.Updates(
        updates=[render.update(call.services, view) for view in views],
        users=users(call.services, call.me, who),
        chats=render_chat.chats(call.services, call.me, who),
        date=call.now,
        seq=0,
    )


@rpc(messages.GetMessageReactionsList)
async def get_message_reactions_list(
    call: Call, request: messages.GetMessageReactionsList
) -> t.AnyMessagesMessageReactionsList:
    peer = peers.resolve(call, request.peer)
    kind = render.kind_of(request.reaction) if request.reaction is not None else ""
    view, page = call.services.reactions.reactors(
        call.me, peer, request.id, kind, request.offset or "", request.limit
    )
    who = dict.fromkeys(render.shown(call.services, view, one.user) for one in page.items)
    return t.MessagesMessageReactionsList(
        count=page.count,
        reactions=[render.one_of(call.services, view, one) for one in page.items],
        chats=render_chat.chats(call.services, call.me, {peer: None}),
        users=users(call.services, call.me, who),
        next_offset=page.next or None,
    )


@rpc(messages.GetUnreadReactions)
async def get_unread_reactions(call: Call, request: messages.GetUnreadReactions) -> t.AnyMessagesMessages:
    peer = peers.resolve(call, request.peer)
    if request.saved_peer_id is not None:
        return render_messages.empty()
    window = Window(
        request.offset_id,
        0,
        request.add_offset,
        min(request.limit, limits.MESSAGES_PER_CALL),
        request.max_id,
        request.min_id,
    )
    found = call.services.reactions.unread(call.me, peer, window, request.top_msg_id or 0)
    if is_channel(peer):
        return render_messages.page_of_channel(call.services, call.me, peer, found)
    return render_messages.page(call.services, call.me, found)


@rpc(messages.ReadReactions)
async def read_reactions(call: Call, request: messages.ReadReactions) -> t.AnyMessagesAffectedHistory:
    """A slice at a time: the client repeats the call while `offset` is not 0."""
    peer = peers.resolve(call, request.peer)
    done = await call.services.reactions.read(
        call.me, peer, max(request.top_msg_id or 0, 0), origin=call.session
    )
    return t.MessagesAffectedHistory(pts=done.pts, pts_count=done.count, offset=done.left)


@rpc(messages.DeleteParticipantReaction, flood=per_minute(120))
async def delete_participant_reaction(
    call: Call, request: messages.DeleteParticipantReaction
) -> t.AnyUpdates:
    """An admin takes away what a member gave one message."""
    channel, user = _participant(call, request.peer, request.participant)
    if request.msg_id <= 0:
        raise errors.MESSAGE_ID_INVALID()
    view = await call.services.reactions.clear(call.me, channel, user, request.msg_id, origin=call.session)
    return _updates(call, (view,) if view is not None else ())


@rpc(messages.DeleteParticipantReactions, flood=per_minute(30))
async def delete_participant_reactions(call: Call, request: messages.DeleteParticipantReactions) -> bool:
    """And what he gave all messages of the group."""
    channel, user = _participant(call, request.peer, request.participant)
    await call.services.reactions.clear(call.me, channel, user)
    return True


def _participant(call: Call, peer: t.AnyInputPeer, participant: t.AnyInputPeer) -> tuple[int, int]:
    """(supergroup, person). PEER_ID_INVALID."""
    channel = peers.resolve(call, peer)
    if not is_channel(channel):
        raise errors.PEER_ID_INVALID()
    return channel, peers.resolve_user_peer(call, participant)


@rpc(messages.GetRecentReactions)
async def get_recent_reactions(call: Call, request: messages.GetRecentReactions) -> t.AnyMessagesReactions:
    return _listed(call.services.reactions.recent(call.me, request.limit), request.hash)


@rpc(messages.GetTopReactions)
async def get_top_reactions(call: Call, request: messages.GetTopReactions) -> t.AnyMessagesReactions:
    return _listed(call.services.reactions.top(call.me, request.limit), request.hash)


def _listed(kinds: list[str], known: int) -> t.AnyMessagesReactions:
    hash_ = render.list_hash(kinds)
    if known and known == hash_:
        return t.MessagesReactionsNotModified()
    return t.MessagesReactions(hash=hash_, reactions=[render.reaction(kind) for kind in kinds])


@rpc(messages.ClearRecentReactions)
async def clear_recent_reactions(call: Call, request: messages.ClearRecentReactions) -> bool:
    await call.services.reactions.forget_recent(call.me)
    call.services.bus.tell((call.me,), RecentReactions())
    return True


@rpc(messages.SetDefaultReaction)
async def set_default_reaction(call: Call, request: messages.SetDefaultReaction) -> bool:
    """What a double tap sends: told in help.getConfig."""
    await call.services.reactions.set_favourite(call.me, render.kind_of(request.reaction))
    return True


@rpc(messages.GetSavedReactionTags)
async def get_saved_reaction_tags(
    call: Call, request: messages.GetSavedReactionTags
) -> t.AnyMessagesSavedReactionTags:
    """Of all Saved Messages, or of the part of them that came from one chat."""
    if request.peer is None:
        found = call.services.reactions.tags(call.me)
    else:
        origin = peers.resolve(call, request.peer)
        found = call.services.reactions.tags(call.me, lambda view: saved_peer_of(view) == origin)
    found.sort(key=lambda tag: (-tag[2], -render.tag_number(tag[0])))
    hash_ = render.tags_hash(found)
    if request.hash and request.hash == hash_:
        return t.MessagesSavedReactionTagsNotModified()
    tags: list[Any] = [
        t.SavedReactionTag(reaction=render.reaction(kind), title=title or None, count=count)
        for kind, title, count in found
    ]
    return t.MessagesSavedReactionTags(tags=tags, hash=hash_)


@rpc(messages.UpdateSavedReactionTag)
async def update_saved_reaction_tag(call: Call, request: messages.UpdateSavedReactionTag) -> bool:
    title = (request.title or "").strip()
    if len(title) > limits.TAG_TITLE_CHARS:
        raise errors.TITLE_INVALID()
    await call.services.reactions.name_tag(call.me, render.kind_of(request.reaction), title)
    return True


@rpc(messages.GetDefaultTagReactions)
async def get_default_tag_reactions(
    call: Call, request: messages.GetDefaultTagReactions
) -> t.AnyMessagesReactions:
    """What is offered as a tag at first: the head of the stock."""
    return _listed(call.services.reactions.stock_tags(), request.hash)


@rpc(messages.ReportReaction, status=Status.EMPTY)
async def report_reaction(call: Call, request: messages.ReportReaction) -> bool:
    """Accepted and not kept: nobody looks through reports here."""
    peers.resolve(call, request.peer)
    return True


@rpc(messages.SendPaidReaction, status=Status.REFUSED)
async def send_paid_reaction(call: Call, request: messages.SendPaidReaction) -> t.AnyUpdates:
    """There are no stars here."""
    peers.resolve(call, request.peer)
    raise errors.REACTION_INVALID()
