"""Searching one channel: its box is looked through as its owner's, and each message shown as the asker sees it."""

from __future__ import annotations

from dataclasses import replace

from tgserve import limits
from tgserve.rpc.context import Call
from tgserve.services.boxes import View
from tgserve.services.history import TOP_ID, Page, Window
from tgserve.services.search.finding import Asked, Found, Matches
from tgserve.tl import types as t


def _personal(call: Call, channel: int, found: Found) -> Found:
    views = call.services.channels.reading.personal(call.me, channel, found.page.views)
    return replace(found, page=Page(views, found.page.count, found.page.whole))


async def in_channel(call: Call, channel: int, asked: Asked, window: Window) -> Found:
    """Matches, newest first; everything when nothing is asked for. What is hidden from the asker is not counted either:
    the number would tell him which words are in it (SECURITY 6.4)."""
    reading = call.services.channels.reading
    if asked == Asked():
        return Found(reading.page(call.me, channel, window))
    fitting = reading.fitting(call.me, channel, window)
    found = await call.services.search.in_chat(channel, channel, asked, fitting)
    if found.page.count and reading.floor(call.me, channel):
        seen = await matches(call, channel, asked)
        count = max(len(seen.items), len(found.page.views))
        page = Page(found.page.views, count, len(found.page.views) == count)
        found = replace(found, page=page, inexact=found.inexact or seen.inexact)
    return _personal(call, channel, found)


def mentions(call: Call, channel: int, window: Window) -> Found:
    """Messages that name the asker, among the newest ones."""

    def fits(view: View) -> bool:
        return call.me in view.body.mentions

    fitting = call.services.channels.reading.fitting(call.me, channel, window)
    page = call.services.history.scan(channel, channel, fitting, fits)
    return _personal(call, channel, Found(page, inexact=not page.whole))


async def matches(call: Call, channel: int, asked: Asked) -> Matches:
    """Numbers and dates of matches, for calendars and counters."""
    found = await call.services.search.matches(channel, channel, asked)
    floor = call.services.channels.reading.floor(call.me, channel)
    return Matches([one for one in found.items if one.msg_id > floor], found.inexact)


async def in_thread(
    call: Call, channel: int, msg_id: int, what: t.AnyMessagesFilter, asked: Asked | None, window: Window
) -> Found:
    """Matches inside a topic or thread. MSG_ID_INVALID, TOPIC_ID_INVALID."""
    services = call.services.channels
    where, top = services.thread_reading.top_of(call.me, channel, msg_id)
    if asked == Asked():
        return Found(services.thread_reading.page(call.me, where, top, window))
    if isinstance(what, t.InputMessagesFilterPinned):
        everything = Window(limit=limits.MESSAGES_PER_CALL)
        ids = [view.msg_id for view in services.reading.pinned(call.me, where, everything).views]
    elif isinstance(what, t.InputMessagesFilterMyMentions):
        everything = Window(limit=limits.MESSAGES_PER_CALL)
        ids = [view.msg_id for view in mentions(call, where, everything).page.views]
    elif asked is None:
        ids = []
    else:
        ids = [one.msg_id for one in (await matches(call, where, asked)).items]
    ids = services.threads.within(where, top, ids)
    low, high = window.min_id, window.max_id or TOP_ID
    fits = [one for one in ids if low < one < high]
    at = sum(1 for one in fits if window.offset_id and one >= window.offset_id)
    start = max(at + window.add_offset, 0)
    found = services.reading.messages(call.me, where, fits[start : start + window.limit])
    return Found(Page([view for view in found if view is not None], len(ids), False))
