"""Searching in one chat, as far as one look through its newest messages goes; indexed search comes with its own
service. Counts of filters that nothing here can match are exact; others say when they are a lower bound."""

from __future__ import annotations

from collections.abc import Callable

from tgserve import errors, limits
from tgserve.api.messages.history import page_limit
from tgserve.render import messages as render
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.boxes import View
from tgserve.services.history import SCAN_ROWS, Page, Window
from tgserve.tl import types as t
from tgserve.tl.base import TLObject
from tgserve.tl.functions import messages

Wanted = Callable[[View], bool]


def _ids(*classes: type[TLObject]) -> frozenset[bytes]:
    return frozenset(one.ID.to_bytes(4, "little") for one in classes)


_MEDIA = {
    t.InputMessagesFilterContacts: _ids(t.MessageMediaContact),
    t.InputMessagesFilterGeo: _ids(t.MessageMediaGeo, t.MessageMediaVenue, t.MessageMediaGeoLive),
    t.InputMessagesFilterPoll: _ids(t.MessageMediaPoll),
}
_LINKS = _ids(t.MessageEntityUrl, t.MessageEntityTextUrl)


def _wanted(what: t.AnyMessagesFilter) -> Wanted | None:
    """The test a filter stands for; None when no message here can pass it."""
    if isinstance(what, t.InputMessagesFilterEmpty):
        return lambda view: True
    if isinstance(what, t.InputMessagesFilterUrl):
        return lambda view: any(link in view.body.entities for link in _LINKS)
    media = _MEDIA.get(type(what))
    if media is not None:
        return lambda view: view.body.media[:4] in media
    return None


@rpc(messages.Search, flood=per_minute(240))
async def search(call: Call, request: messages.Search) -> t.AnyMessagesMessages:
    if isinstance(request.peer, t.InputPeerEmpty):
        return render.empty()  # everywhere: not without an index
    peer = peers.resolve(call, request.peer)
    limit = page_limit(request.limit)
    author = None if request.from_id is None else peers.resolve(call, request.from_id)
    wanted = _wanted(request.filter)
    if wanted is None or request.saved_reaction:
        return render.empty()
    text = " ".join(request.q.casefold().split())
    if len(text) > limits.TEXT_CHARS:
        raise errors.MESSAGE_TOO_LONG()
    window = Window(request.offset_id, 0, request.add_offset, limit, request.max_id, request.min_id)
    history = call.services.history
    plain = not (text or author or request.min_date or request.max_date or request.saved_peer_id)
    if plain and isinstance(request.filter, t.InputMessagesFilterEmpty):
        return render.page(call.services, call.me, history.page(call.me, peer, window))

    def matches(view: View) -> bool:
        if author is not None and view.body.author != author:
            return False
        return wanted(view) and (not text or text in view.body.text.decode().casefold())

    found = history.scan(
        call.me, peer, window, matches, since=max(request.min_date, 0), until=max(request.max_date, 0)
    )
    return render.page(call.services, call.me, found, inexact=not found.whole)


@rpc(messages.GetSearchCounters)
async def get_search_counters(
    call: Call, request: messages.GetSearchCounters
) -> list[t.AnyMessagesSearchCounter]:
    peer = peers.resolve(call, request.peer)
    if len(request.filters) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    counters: list[t.AnyMessagesSearchCounter] = []
    for what in request.filters:
        wanted = _wanted(what)
        found = Page([], 0, True)
        if wanted is not None:
            found = call.services.history.scan(call.me, peer, Window(limit=SCAN_ROWS), wanted)
        whole = call.services.dialogs.head(call.me, peer).count <= SCAN_ROWS or wanted is None
        counters.append(t.MessagesSearchCounter(inexact=not whole, filter=what, count=found.count))
    return counters
