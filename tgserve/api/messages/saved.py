"""Saved Messages as clients of today show them: a chat for each origin, its messages to be pinned or deleted alone."""

from __future__ import annotations

from collections.abc import Iterable

from tgserve import errors, limits
from tgserve.api.messages.history import page_limit
from tgserve.render import messages as render
from tgserve.render.chat import chats
from tgserve.render.message import HIDDEN_AUTHOR, message, people, saved_peer_of
from tgserve.render.peers import peer as peer_object
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, per_minute, rpc
from tgserve.services.boxes import View
from tgserve.services.history import SCAN_ROWS, Window
from tgserve.tl import types as t
from tgserve.tl.functions import messages


def origin_of(call: Call, peer: t.AnyInputPeer) -> int:
    """An origin as clients name it; hidden authors share one that nobody has a hash of, and a channel that is closed to
    the caller by now is still where his own messages came from. PEER_ID_INVALID, CHANNEL_INVALID."""
    if isinstance(peer, t.InputPeerUser) and peer.user_id == HIDDEN_AUTHOR:
        return HIDDEN_AUTHOR
    if isinstance(peer, t.InputPeerChannel):
        named = t.InputChannel(channel_id=peer.channel_id, access_hash=peer.access_hash)
        return peers.channel_or_forbidden(call, named)
    return peers.resolve(call, peer)


def _newest(call: Call) -> dict[int, View]:
    """Origin -> its newest message, newest first, as far as one look goes."""
    newest: dict[int, View] = {}

    def first_of_origin(view: View) -> bool:
        return newest.setdefault(saved_peer_of(view), view) is view

    call.services.history.scan(call.me, call.me, Window(limit=SCAN_ROWS), first_of_origin)
    return newest


def _drawn(call: Call, found: Iterable[tuple[int, View]], count: int) -> t.AnyMessagesSavedDialogs:
    listed = list(found)
    pins = call.services.saved.pins(call.me)
    views = [view for _, view in listed]
    dialogs: list[t.AnySavedDialog] = [
        t.SavedDialog(pinned=origin in pins, peer=peer_object(origin), top_message=view.msg_id)
        for origin, view in listed
    ]
    named = {**people(views, call.services), **dict.fromkeys(origin for origin, _ in listed)}
    who, groups = users(call.services, call.me, named), chats(call.services, call.me, named)
    drawn = [message(call.services, view) for view in views]
    if len(listed) == count:
        return t.MessagesSavedDialogs(dialogs=dialogs, messages=drawn, chats=groups, users=who)
    return t.MessagesSavedDialogsSlice(count=count, dialogs=dialogs, messages=drawn, chats=groups, users=who)


@rpc(messages.GetSavedDialogs)
async def get_saved_dialogs(call: Call, request: messages.GetSavedDialogs) -> t.AnyMessagesSavedDialogs:
    """Where the newest saved messages came from, each origin with its newest message; pinned ones first."""
    limit = page_limit(request.limit)
    newest = _newest(call)
    pins = [origin for origin in call.services.saved.pins(call.me) if origin in newest]
    plain = [item for item in newest.items() if item[0] not in pins]
    if request.offset_id:
        first, plain = [], [item for item in plain if item[1].msg_id < request.offset_id]
    else:
        first = [] if request.exclude_pinned else [(origin, newest[origin]) for origin in pins]
    count = len(newest) - (len(pins) if request.exclude_pinned else 0)
    return _drawn(call, (first + plain)[:limit], count)


@rpc(messages.GetPinnedSavedDialogs)
async def get_pinned_saved_dialogs(
    call: Call, request: messages.GetPinnedSavedDialogs
) -> t.AnyMessagesSavedDialogs:
    newest = _newest(call)
    found = [(origin, newest[origin]) for origin in call.services.saved.pins(call.me) if origin in newest]
    return _drawn(call, found, len(found))


@rpc(messages.GetSavedDialogsByID)
async def get_saved_dialogs_by_id(
    call: Call, request: messages.GetSavedDialogsByID
) -> t.AnyMessagesSavedDialogs:
    """Those of the origins asked for that have messages."""
    if len(request.ids) > limits.DIALOGS_PER_CALL:
        raise errors.LIMIT_INVALID()
    asked = dict.fromkeys(origin_of(call, one) for one in request.ids)
    newest = _newest(call)
    found = [(origin, newest[origin]) for origin in asked if origin in newest]
    return _drawn(call, found, len(found))


@rpc(messages.GetSavedHistory)
async def get_saved_history(call: Call, request: messages.GetSavedHistory) -> t.AnyMessagesMessages:
    """The part of Saved Messages that came from one chat; the newest ones, as far as one look goes."""
    origin = origin_of(call, request.peer)
    window = Window(
        request.offset_id,
        0,
        max(request.add_offset, 0),
        page_limit(request.limit),
        request.max_id,
        request.min_id,
    )
    until = request.offset_date if not request.offset_id else 0
    page = call.services.history.scan(
        call.me, call.me, window, lambda view: saved_peer_of(view) == origin, until=until
    )
    return render.page(call.services, call.me, page, inexact=True)


@rpc(messages.DeleteSavedHistory, flood=per_minute(120))
async def delete_saved_history(
    call: Call, request: messages.DeleteSavedHistory
) -> t.AnyMessagesAffectedHistory:
    """What came from one chat, a slice at a time: clients repeat it while `offset` is not 0."""
    origin = origin_of(call, request.peer)
    highest = request.max_id if request.max_id > 0 else 0
    window = Window(0, 0, 0, limits.MESSAGES_PER_CALL, highest + 1 if highest else 0, 0)
    until = request.max_date + 1 if request.max_date and request.max_date > 0 else 0
    page = call.services.history.scan(
        call.me,
        call.me,
        window,
        lambda view: saved_peer_of(view) == origin,
        since=request.min_date or 0,
        until=until,
    )
    ids = [view.msg_id for view in page.views]
    done = await call.services.deleting.delete(call.me, ids, origin=call.session)
    left = int(len(ids) == limits.MESSAGES_PER_CALL)
    return t.MessagesAffectedHistory(pts=done.pts, pts_count=done.count, offset=left)


@rpc(messages.ToggleSavedDialogPin, flood=per_minute(60))
async def toggle_saved_dialog_pin(call: Call, request: messages.ToggleSavedDialogPin) -> bool:
    await call.services.saved.pin(call.me, _named(call, request.peer), request.pinned, origin=call.session)
    return True


@rpc(messages.ReorderPinnedSavedDialogs, flood=per_minute(60))
async def reorder_pinned_saved_dialogs(call: Call, request: messages.ReorderPinnedSavedDialogs) -> bool:
    if len(request.order) > limits.DIALOGS_PER_CALL:
        raise errors.PINNED_DIALOGS_TOO_MUCH()
    order = [_named(call, one) for one in request.order]
    await call.services.saved.reorder(call.me, order, force=request.force, origin=call.session)
    return True


def _named(call: Call, named: t.AnyInputDialogPeer) -> int:
    if not isinstance(named, t.InputDialogPeer):
        raise errors.PEER_ID_INVALID()
    return origin_of(call, named.peer)


@rpc(messages.ReadSavedHistory, status=Status.REFUSED)
async def read_saved_history(call: Call, request: messages.ReadSavedHistory) -> bool:
    """For the direct messages of a channel alone, which no channel here has."""
    raise errors.PEER_ID_INVALID()
