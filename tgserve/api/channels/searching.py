"""Searching one channel: its box is looked through as its owner's, and each message shown as the asker sees it."""

from __future__ import annotations

from dataclasses import replace

from tgserve.rpc.context import Call
from tgserve.services.boxes import View
from tgserve.services.history import Page, Window
from tgserve.services.search.finding import Asked, Found, Matches


def _personal(call: Call, channel: int, found: Found) -> Found:
    views = call.services.channels.reading.personal(call.me, channel, found.page.views)
    return replace(found, page=Page(views, found.page.count, found.page.whole))


async def in_channel(call: Call, channel: int, asked: Asked, window: Window) -> Found:
    """Matches, newest first; everything when nothing is asked for."""
    reading = call.services.channels.reading
    if asked == Asked():
        return Found(reading.page(call.me, channel, window))
    fitting = reading.fitting(call.me, channel, window)
    return _personal(call, channel, await call.services.search.in_chat(channel, channel, asked, fitting))


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
