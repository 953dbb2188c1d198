"""Searching: one chat and all chats, by words, kind, sender and date; counters, days and places of what was found.

What fits is the search service's answer; filters that are no matter of its index are answered here: mentions from the
rows of a chat, and what this server does not have with nothing. Where TDLib pages on until an answer is empty, counts
may be estimates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from typing import Any

from tgserve import errors, limits
from tgserve.api.channels import searching
from tgserve.api.messages.history import page_limit
from tgserve.api.messages.saved import origin_of
from tgserve.render import kinds
from tgserve.render import messages as render
from tgserve.render.chat import chats
from tgserve.render.message import message, people, saved_peer_of
from tgserve.render.reactions import kind_of
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.boxes import View
from tgserve.services.channels.register import is_channel
from tgserve.services.history import SCAN_ROWS, TOP_ID, Page, Window
from tgserve.services.search.finding import DAY, Asked, Chats, Found, Match
from tgserve.services.search.words import wanted
from tgserve.store import records as r
from tgserve.tl import types as t
from tgserve.tl.functions import messages

FLOOD = per_minute(240)
"""People who type fast ask four times a second; TDLib asks for every counter of a profile at once."""
FLOOD_GLOBAL = per_minute(120)

_SENT = (
    t.InputMessagesFilterDocument,
    t.InputMessagesFilterGif,
    t.InputMessagesFilterMusic,
    t.InputMessagesFilterPhotoVideo,
    t.InputMessagesFilterPhotos,
    t.InputMessagesFilterVideo,
    t.InputMessagesFilterVoice,
    t.InputMessagesFilterRoundVideo,
    t.InputMessagesFilterRoundVoice,
)
"""Media that is sent again: what messages.searchSentMedia takes."""


def _asked(call: Call, query: str, what: t.AnyMessagesFilter, since: int, until: int) -> Asked | None:
    """None: no message here can pass the filter."""
    if len(query) > limits.TEXT_CHARS:
        raise errors.MESSAGE_TOO_LONG()
    found = kinds.kinds_of(what)
    if found is None:
        return None
    return Asked(wanted(query), found, since=max(since, 0), until=max(until, 0))


def _mentions(view: View) -> bool:
    return bool(view.row.flags & r.ROW_MENTIONED)


@rpc(messages.Search, flood=FLOOD)
async def search(call: Call, request: messages.Search) -> t.AnyMessagesMessages:
    limit = page_limit(request.limit)
    author = 0 if request.from_id is None else peers.resolve(call, request.from_id)
    asked = _asked(call, request.q, request.filter, request.min_date, request.max_date)
    window = Window(request.offset_id, 0, request.add_offset, limit, request.max_id, request.min_id)
    if isinstance(request.peer, t.InputPeerEmpty):
        return await _everywhere(call, asked, author, window)
    peer = peers.resolve(call, request.peer)
    if is_channel(peer):
        if author and asked is not None:
            asked = replace(asked, author=author)
        return await _in_channel(call, peer, request, asked, window)
    origin = _part(call, peer, request.saved_peer_id)
    if isinstance(request.filter, t.InputMessagesFilterPinned):
        if origin:
            return _page(call, request.hash, _cut(_pins(call, origin), window))
        pins = call.services.pinning.page(call.me, peer, window)
        return _page(call, request.hash, Found(pins))
    if isinstance(request.filter, t.InputMessagesFilterMyMentions):
        return _page(call, request.hash, _look(call, peer, window, _mentions))
    if asked is None:
        return render.empty()
    if request.saved_reaction:
        return _tagged(call, peer, request, asked, window)
    if origin:
        fits = call.services.search.test(asked)
        return _page(
            call,
            request.hash,
            _look(call, peer, window, lambda v: saved_peer_of(v) == origin and fits(v), asked),
        )
    if asked == Asked() and not author:
        page = call.services.history.page(call.me, peer, window)
        return render.page(call.services, call.me, page)
    if author:
        asked = Asked(asked.words, asked.kinds, author, asked.since, asked.until)
        if not (asked.words or asked.kinds or request.offset_id):
            await (
                call.services.search.written()
            )  # somebody looks for what he has just sent (Telethon's from_user="me")
    found = await call.services.search.in_chat(call.me, peer, asked, window)
    return _page(call, request.hash, found)


def _tagged(
    call: Call, peer: int, request: messages.Search, asked: Asked, window: Window
) -> t.AnyMessagesMessages:
    """Saved Messages with one of these tags."""
    if peer != call.me:
        return render.empty()
    if len(request.saved_reaction or ()) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    origin = _part(call, peer, request.saved_peer_id)
    fits = call.services.search.test(asked)
    kinds_ = {kind_of(one) for one in request.saved_reaction or ()}
    low, high = window.min_id, window.max_id or TOP_ID
    since, until = asked.since, asked.until or TOP_ID
    ids = [one for one in call.services.reactions.tagged(call.me, kinds_) if low < one < high]
    found = [
        view
        for view in call.services.history.messages(call.me, ids[:SCAN_ROWS])
        if view is not None
        and fits(view)
        and since <= view.body.date < until
        and (not origin or saved_peer_of(view) == origin)
    ]
    return _page(call, request.hash, _cut(found, window))


def _cut(found: list[View], window: Window) -> Found:
    """The part of all that was found, newest first, which was asked for."""
    at = sum(1 for view in found if window.offset_id and view.msg_id >= window.offset_id)
    start = max(at + window.add_offset, 0)
    kept = found[start : start + window.limit]
    return Found(Page(kept, len(found), len(kept) == len(found)), newer=start)


def _part(call: Call, peer: int, saved: t.AnyInputPeer | None) -> int:
    """The origin of that part of Saved Messages which is asked about; 0 for all of them, and in other chats.
    PEER_ID_INVALID, CHANNEL_INVALID."""
    return origin_of(call, saved) if saved is not None and peer == call.me else 0


def _pins(call: Call, origin: int) -> list[View]:
    """The pinned messages of a part of Saved Messages."""
    pins = call.services.pinning.page(call.me, call.me, Window(limit=SCAN_ROWS))
    return [view for view in pins.views if saved_peer_of(view) == origin]


async def _in_channel(
    call: Call, channel: int, request: messages.Search, asked: Asked | None, window: Window
) -> t.AnyMessagesMessages:
    if request.top_msg_id:
        found = await searching.in_thread(call, channel, request.top_msg_id, request.filter, asked, window)
        return render.page_of_channel(call.services, call.me, channel, found.page)
    if isinstance(request.filter, t.InputMessagesFilterPinned):
        found = Found(call.services.channels.reading.pinned(call.me, channel, window))
    elif isinstance(request.filter, t.InputMessagesFilterMyMentions):
        found = searching.mentions(call, channel, window)
    elif asked is None:
        return render.empty()
    else:
        found = await searching.in_channel(call, channel, asked, window)
    return _page(call, request.hash, found)


def _page(call: Call, hash_: int, found: Found) -> t.AnyMessagesMessages:
    page = found.page
    if hash_ and page.views and render.hash_of(page.views) == hash_:
        return t.MessagesMessagesNotModified(count=page.count)
    return render.page(call.services, call.me, page, inexact=found.inexact, newer=found.newer)


def _look(
    call: Call, peer: int, window: Window, fits: Callable[[View], bool], asked: Asked | None = None
) -> Found:
    """What no index holds: a look through the newest messages of a chat."""
    since, until = (asked.since, asked.until) if asked is not None else (0, 0)
    page = call.services.history.scan(call.me, peer, window, fits, since=since, until=until)
    return Found(page, inexact=not page.whole)


async def _everywhere(call: Call, asked: Asked | None, author: int, window: Window) -> t.AnyMessagesMessages:
    """messages.search without a peer: all chats by number, as the list of calls is asked for."""
    if asked is None:
        return render.empty()
    if not (asked.words or asked.kinds):
        raise errors.SEARCH_QUERY_EMPTY()
    before = None
    if window.offset_id > 0:
        at = call.services.history.message_or_none(call.me, window.offset_id)
        if at is None:
            raise errors.MSG_ID_INVALID()
        before = (at.body.date, window.offset_id)
    if author:
        asked = Asked(asked.words, asked.kinds, author, asked.since, asked.until)
    found = await call.services.search.everywhere(call.me, asked, limit=window.limit, before=before)
    return render.page(call.services, call.me, found.page, inexact=found.inexact, everywhere=True)


@rpc(messages.SearchGlobal, flood=FLOOD_GLOBAL)
async def search_global(call: Call, request: messages.SearchGlobal) -> t.AnyMessagesMessages:
    """All chats, newest first; offset_rate is the date and offset_id the number of the last message of a page."""
    limit = page_limit(request.limit)
    folder = request.folder_id
    if folder is not None and folder not in (0, 1):
        raise errors.FOLDER_ID_INVALID()
    asked = _asked(call, request.q, request.filter, request.min_date, request.max_date)
    if asked is None or request.community is not None:
        return render.empty()
    if not (asked.words or asked.kinds):
        raise errors.SEARCH_QUERY_EMPTY()
    which = Chats.ALL
    if request.users_only:
        which = Chats.USERS
    elif request.groups_only:
        which = Chats.GROUPS
    elif request.broadcasts_only:
        which = Chats.BROADCASTS
    before = (request.offset_rate, max(request.offset_id, 0)) if request.offset_rate > 0 else None
    found = await call.services.search.everywhere(
        call.me, asked, limit=limit, chats=which, folder=folder, before=before
    )
    views = found.page.views
    rate = views[-1].body.date if views and not found.page.whole else None
    return render.page(
        call.services, call.me, found.page, inexact=found.inexact, next_rate=rate, everywhere=True
    )


@rpc(messages.GetSearchCounters, flood=FLOOD)
async def get_search_counters(
    call: Call, request: messages.GetSearchCounters
) -> list[t.AnyMessagesSearchCounter]:
    peer = peers.resolve(call, request.peer)
    if len(request.filters) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    origin = _part(call, peer, request.saved_peer_id)
    await call.services.search.written()
    counters: list[t.AnyMessagesSearchCounter] = []
    known: dict[tuple[type[Any], tuple[str, ...] | None], tuple[int, bool]] = {}
    for what in request.filters:
        found = kinds.kinds_of(what)
        asked = (type(what), found)
        if asked not in known:
            if is_channel(peer):
                known[asked] = await _count_in_channel(call, peer, what, found, request.top_msg_id or 0)
            elif origin:
                known[asked] = await _count_in_part(call, origin, what, found)
            else:
                known[asked] = await _count(call, peer, what, found)
        count, inexact = known[asked]
        counters.append(t.MessagesSearchCounter(inexact=inexact, filter=what, count=count))
    return counters


async def _count(
    call: Call, peer: int, what: t.AnyMessagesFilter, found: tuple[str, ...] | None
) -> tuple[int, bool]:
    """In a private chat or basic group; and is that an estimate?"""
    head = call.services.dialogs.head(call.me, peer)
    if isinstance(what, t.InputMessagesFilterMyMentions):
        return _look(call, peer, Window(limit=SCAN_ROWS), _mentions).page.count, head.count > SCAN_ROWS
    if isinstance(what, t.InputMessagesFilterPinned):
        return call.services.pinning.page(call.me, peer, Window(limit=0)).count, False
    if found:
        return await call.services.search.count(call.me, peer, Asked(kinds=found))
    return (0 if found is None else head.count), False


async def _count_in_part(
    call: Call, origin: int, what: t.AnyMessagesFilter, found: tuple[str, ...] | None
) -> tuple[int, bool]:
    """In that part of Saved Messages which came from `origin`."""
    if isinstance(what, t.InputMessagesFilterPinned):
        return len(_pins(call, origin)), False
    if found:
        items, inexact = await _of_kind(call, call.me, what, origin)
        return len(items), inexact
    if found is None:
        return 0, False
    of_it = _look(call, call.me, Window(limit=SCAN_ROWS), lambda view: saved_peer_of(view) == origin)
    return of_it.page.count, call.services.dialogs.head(call.me, call.me).count > SCAN_ROWS


async def _count_in_channel(
    call: Call, channel: int, what: t.AnyMessagesFilter, found: tuple[str, ...] | None, top: int
) -> tuple[int, bool]:
    """In all of it, or in the topic or thread `top`."""
    if top:
        asked = None if found is None else Asked(kinds=found)
        within = await searching.in_thread(call, channel, top, what, asked, Window(limit=0))
        return within.page.count, within.inexact
    if isinstance(what, t.InputMessagesFilterMyMentions):
        mentioned = searching.mentions(call, channel, Window(limit=SCAN_ROWS))
        return mentioned.page.count, mentioned.inexact
    if isinstance(what, t.InputMessagesFilterPinned):
        return call.services.channels.reading.pinned(call.me, channel, Window(limit=0)).count, False
    if found:
        matches = await searching.matches(call, channel, Asked(kinds=found))
        return len(matches.items), matches.inexact
    return (0 if found is None else call.services.channels.register.top(channel).count), False


async def _of_kind(
    call: Call, peer: int, what: t.AnyMessagesFilter, origin: int = 0
) -> tuple[list[Match], bool]:
    """All messages of a kind; in Saved Messages those from `origin` among the newest SCAN_ROWS of the kind.
    FILTER_NOT_SUPPORTED where a filter is no kind."""
    found = kinds.kinds_of(what)
    if not found:
        raise errors.FILTER_NOT_SUPPORTED()
    if is_channel(peer):
        in_channel = await searching.matches(call, peer, Asked(kinds=found))
        return in_channel.items, in_channel.inexact
    matches = await call.services.search.matches(call.me, peer, Asked(kinds=found))
    if not origin:
        return matches.items, matches.inexact
    looked = matches.items[:SCAN_ROWS]
    views = call.services.history.messages(call.me, [one.msg_id for one in looked])
    of_it = [
        one
        for one, view in zip(looked, views, strict=True)
        if view is not None and saved_peer_of(view) == origin
    ]
    return of_it, matches.inexact or len(looked) < len(matches.items)


@rpc(messages.GetSearchResultsCalendar, flood=FLOOD)
async def get_search_results_calendar(
    call: Call, request: messages.GetSearchResultsCalendar
) -> t.AnyMessagesSearchResultsCalendar:
    """Days (UTC) with messages of a kind, newest first, each with its newest message."""
    peer = peers.resolve(call, request.peer)
    origin = _part(call, peer, request.saved_peer_id)
    items, inexact = await _of_kind(call, peer, request.filter, origin)
    listed = items
    if request.offset_id > 0:
        listed = [one for one in items if one.msg_id < request.offset_id]
    elif request.offset_date > 0:
        listed = [one for one in items if one.date < request.offset_date]
    days = [list(group) for _, group in groupby(listed, key=lambda one: one.date // DAY)]
    days = days[: limits.MESSAGES_PER_CALL]
    first = [day[0].msg_id for day in days]
    if is_channel(peer):
        newest = call.services.channels.reading.messages(call.me, peer, first)
    else:
        newest = call.services.history.messages(call.me, first)
    views = [view for view in newest if view is not None]
    named = people(views, call.services)
    return t.MessagesSearchResultsCalendar(
        inexact=inexact,
        count=len(items),
        min_date=items[-1].date if items else 0,
        min_msg_id=items[-1].msg_id if items else 0,
        offset_id_offset=len(items) - len(listed),
        periods=[
            t.SearchResultsCalendarPeriod(
                date=day[0].date // DAY * DAY,
                min_msg_id=day[-1].msg_id,
                max_msg_id=day[0].msg_id,
                count=len(day),
            )
            for day in days
        ],
        messages=[message(call.services, view) for view in views],
        chats=chats(call.services, call.me, named),
        users=users(call.services, call.me, named),
    )


@rpc(messages.GetSearchResultsPositions, flood=FLOOD)
async def get_search_results_positions(
    call: Call, request: messages.GetSearchResultsPositions
) -> t.AnyMessagesSearchResultsPositions:
    """Every n-th message of a kind with its place in the list, at most `limit` of them: a scroll bar's marks."""
    peer = peers.resolve(call, request.peer)
    limit = page_limit(request.limit)
    origin = _part(call, peer, request.saved_peer_id)
    items, _ = await _of_kind(call, peer, request.filter, origin)
    placed = [
        (place, one)
        for place, one in enumerate(items)
        if request.offset_id <= 0 or one.msg_id < request.offset_id
    ]
    step = max(1, -(-len(placed) // limit)) if limit else len(placed) + 1
    return t.MessagesSearchResultsPositions(
        count=len(items),
        positions=[
            t.SearchResultPosition(msg_id=one.msg_id, date=one.date, offset=place)
            for place, one in placed[::step][:limit]
        ],
    )


@rpc(messages.SearchSentMedia, flood=FLOOD)
async def search_sent_media(call: Call, request: messages.SearchSentMedia) -> t.AnyMessagesMessages:
    """What this account has sent of a kind, to anybody, newest first."""
    limit = page_limit(request.limit)
    if not isinstance(request.filter, _SENT):
        raise errors.FILTER_NOT_SUPPORTED()
    asked = _asked(call, request.q, request.filter, 0, 0)
    if asked is None:
        return render.empty()
    mine = Asked(asked.words, asked.kinds, call.me)
    found = await call.services.search.everywhere(call.me, mine, limit=limit)
    return render.page(call.services, call.me, found.page, inexact=found.inexact, everywhere=True)
