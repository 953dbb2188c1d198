"""Posts of public channels, found by words or by a hashtag: also in channels that the asker is not in."""

from __future__ import annotations

from typing import Final

from tgserve import errors
from tgserve.api.messages.history import page_limit
from tgserve.render import messages as render
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.search.finding import Asked
from tgserve.services.search.words import Wanted, wanted, words
from tgserve.tl import types as t
from tgserve.tl.functions import channels

A_DAY: Final = 10_000
"""What clients are told that one may ask a day: nobody counts, only the minute's bound is kept."""


@rpc(channels.SearchPosts, flood=per_minute(60))
async def search_posts(call: Call, request: channels.SearchPosts) -> t.AnyMessagesMessages:
    """Newest first; offset_rate is the date and offset_id the number of the last message of a page. Nothing is paid
    for; TDLib wants to hear of it in the answer to words. SEARCH_QUERY_EMPTY, HASHTAG_INVALID."""
    hashtag = (request.hashtag or "").strip().lstrip("#$")
    query = (request.query or "").strip()
    if request.hashtag is None and not query:
        raise errors.SEARCH_QUERY_EMPTY()
    if request.hashtag is not None and not words(hashtag):
        raise errors.HASHTAG_INVALID()
    asked = Asked(Wanted(tuple(words(hashtag))) if hashtag else wanted(query))
    before = (request.offset_rate, max(request.offset_id, 0)) if request.offset_rate > 0 else None
    found = await call.services.search.posts(
        call.me, asked, hashtag, limit=page_limit(request.limit), before=before
    )
    views = found.page.views
    rate = views[-1].body.date if views and not found.page.whole else None
    drawn = render.page(
        call.services, call.me, found.page, inexact=found.inexact, next_rate=rate, everywhere=True
    )
    if hashtag:
        return drawn
    assert isinstance(drawn, t.MessagesMessages | t.MessagesMessagesSlice)
    return t.MessagesMessagesSlice(
        inexact=found.inexact,
        count=found.page.count,
        next_rate=rate,
        search_flood=_free(),
        messages=drawn.messages,
        topics=[],
        chats=drawn.chats,
        users=drawn.users,
    )


def _free() -> t.SearchPostsFlood:
    return t.SearchPostsFlood(query_is_free=True, total_daily=A_DAY, remains=A_DAY, stars_amount=0)


@rpc(channels.CheckSearchPostsFlood, flood=per_minute(120))
async def check_search_posts_flood(
    call: Call, request: channels.CheckSearchPostsFlood
) -> t.AnySearchPostsFlood:
    """Every question is free."""
    return _free()
