"""messages.getWebPage*, and the preview of the first link of a text that is sent.

A link that nobody has asked about yet is sent as webPagePending; when its page was fetched the message is changed
quietly, for everybody who has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.api.messages.attachments import Ready, ready
from tgserve.api.messages.entities import Text, Units, compose
from tgserve.render import webpages as render
from tgserve.render.kinds import kind_of
from tgserve.render.media import Kept, given, kept
from tgserve.render.message import entities_of
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels import rights as channel_rights
from tgserve.services.channels.register import is_channel
from tgserve.services.editing import Change
from tgserve.services.files.references import WEB, Origin
from tgserve.services.groups import rights
from tgserve.services.messaging import Draft
from tgserve.store import records as r
from tgserve.store.sticker_records import Preview
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import raw
from tgserve.tl.functions import messages

LOOKING = per_minute(30)
"""Pages that one user may have fetched."""


class Look(NamedTuple):
    """How a message shows a page, as its media say it. `manual`: somebody chose the page or its size. `safe`: the text
    itself shows the address, so that clients need not ask before they follow it."""

    page_id: int
    large: bool = False
    small: bool = False
    manual: bool = False
    safe: bool = False

    def media(self, page: Any) -> t.MessageMediaWebPage:
        return t.MessageMediaWebPage(
            webpage=page,
            force_large_media=self.large,
            force_small_media=self.small,
            manual=self.manual,
            safe=self.safe,
        )


def first_url(text: bytes, entities: bytes) -> str:
    """The address of the first web link in a text, empty when there is none."""
    for url, _ in _links(text, entities):
        if url.lower().startswith(("http://", "https://")):
            return _plain(url)
    return ""


def _links(text: bytes, entities: bytes) -> Iterator[tuple[str, bool]]:
    """The addresses behind a text's links, and whether its reader sees them."""
    if not entities:
        return
    message = text.decode()
    units = Units(message)
    for one in entities_of(entities):
        if isinstance(one, t.MessageEntityTextUrl):
            yield one.url, False
        elif isinstance(one, t.MessageEntityUrl):
            url = message[units.to_char(one.offset) : units.to_char(one.offset + one.length)]
            yield url if "://" in url else "http://" + url, True


def _plain(url: str) -> str:
    """Without its fragment, which is the reader's; empty when it is no address."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return ""
    if not parts.hostname or len(url) > limits.URL_CHARS:
        return ""
    return parts._replace(fragment="").geturl()


def may_embed(call: Call, peer: int) -> bool:
    """May the caller's messages there show what their links lead to?"""
    if peer > 0:
        return True
    if not is_channel(peer):
        return rights.may(call.services.groups.rosters.of_member(call.me, peer), call.me, rights.LINKS)
    record, seat = call.services.channels.register.view(call.me, peer)
    return not record.megagroup or not channel_rights.denied(record, call.me, seat) & channel_rights.NO_LINKS


def with_preview(call: Call, draft: Draft) -> tuple[Draft, asyncio.Future[Preview] | None]:
    """The draft with the preview of its first link, and what to wait for when that is not known yet."""
    url = first_url(draft.text, draft.entities)
    if not url:
        return draft, None
    page, running = _page_now(call, url)
    return _with(call, draft, page), running


def _page_now(call: Call, url: str) -> tuple[Any, asyncio.Future[Preview] | None]:
    """What is known of a page at once, and what to wait for when that is nothing yet."""
    previews = call.services.previews
    known = previews.known_or_none(url)
    if known is not None:
        return render.web_page(call.services, known), None
    running = previews.look(url)
    if running is None:
        return render.nothing(url), None
    return render.pending(url, call.now), running


def _with(call: Call, draft: Draft, page: Any) -> Draft:
    if isinstance(page, t.WebPageEmpty):
        return draft
    media = ready(t.MessageMediaWebPage(webpage=page))
    return replace(draft, **{**media.fields(), "min_layer": max(draft.min_layer, media.min_layer)})


async def chosen(
    call: Call, peer: int, text: Text, media: t.InputMediaWebPage, *, wait: bool = False
) -> tuple[Ready, asyncio.Future[Preview] | None]:
    """The preview that somebody chose for his text, and what to wait for. Where no message could be without it, and
    with `wait`, the page is waited for here. CHAT_SEND_WEBPAGE_FORBIDDEN; for one that is not optional
    WEBPAGE_URL_INVALID, WEBPAGE_NOT_FOUND."""
    if not may_embed(call, peer):
        raise errors.CHAT_SEND_WEBPAGE_FORBIDDEN()
    url = _named(media.url)
    if not url:
        if media.optional:
            return Ready(), None
        raise errors.WEBPAGE_URL_INVALID()
    seen = {_plain(link) for link, shown in _links(text.text, text.entities) if shown}
    small = media.force_small_media and not media.force_large_media
    look = Look(render.page_id(url), media.force_large_media, small, manual=True, safe=url in seen)
    page, running = _page_now(call, url)
    if running is not None and (wait or not media.optional or not text.text):
        page, running = render.web_page(call.services, await asyncio.shield(running)), None
    if isinstance(page, t.WebPageEmpty):
        if media.optional:
            return Ready(), None
        raise errors.WEBPAGE_NOT_FOUND()
    return ready(look.media(page)), running


def _named(url: str) -> str:
    """An address that somebody typed, empty when it is none of a page."""
    url = url.strip()
    url = _plain(url if "://" in url else "http://" + url)
    return url if url.lower().startswith(("http://", "https://")) else ""


async def of_edit(
    call: Call, peer: int, old: r.Body, text: Text, request: messages.EditMessage, *, wait: bool = False
) -> tuple[Ready | None, asyncio.Future[Preview] | None]:
    """The preview that a message has with another text, None when it stays as it is (messages with other media have
    none), and what to wait for; nothing with `wait`. Raises what `chosen` does."""
    if old.media and kind_of(old) != "web":
        return None, None
    was = _shown(old)
    if isinstance(request.media, t.InputMediaWebPage) and not request.no_webpage:
        return await chosen(call, peer, text, request.media, wait=wait)
    shown = not request.no_webpage and text.entities and may_embed(call, peer)
    url = first_url(text.text, text.entities) if shown else ""
    if url and was == Look(render.page_id(url)):
        return None, None
    if not url:
        return Ready() if old.media else None, None
    page, running = _page_now(call, url)
    if running is not None and wait:
        return await looked_at(call, running), None
    if isinstance(page, t.WebPageEmpty):
        return Ready() if old.media else None, None
    return ready(t.MessageMediaWebPage(webpage=page)), running


def _shown(body: r.Body) -> Look | None:
    """The preview of a message."""
    media = layers.decode(body.media) if body.media else None
    if not isinstance(media, t.MessageMediaWebPage):
        return None
    page: Any = media.webpage
    return Look(page.id, media.force_large_media, media.force_small_media, media.manual, media.safe)


async def looked_at(call: Call, running: asyncio.Future[Preview]) -> Ready:
    """The preview when its page was looked at: a message that is kept for later is not followed."""
    page = render.web_page(call.services, await asyncio.shield(running))
    return Ready() if isinstance(page, t.WebPageEmpty) else ready(t.MessageMediaWebPage(webpage=page))


def follow(call: Call, peer: int, msg_id: int, running: asyncio.Future[Preview]) -> None:
    """When the page was looked at, put it into the message that was sent with a pending one."""
    running.add_done_callback(lambda done: _put(call, peer, msg_id, done.result()))


def _put(call: Call, peer: int, msg_id: int, found: Preview) -> None:
    editing = call.services.editing
    try:
        body = editing.check_editable(call.me, peer, msg_id, late=True).body
    except errors.RpcError:
        return  # deleted meanwhile
    look = _shown(body)
    if look is None or look.page_id != render.page_id(found.url):
        return  # another link, or none, stands there meanwhile
    page = render.web_page(call.services, found)
    made = Kept(b"", (), 0)
    if not isinstance(page, t.WebPageEmpty):
        made = kept(look.media(page))
    change = Change(
        body.text,
        body.entities,
        layer=layers.CURRENT,
        min_layer=max(made.min_layer, *(layers.min_layer(one) for one in entities_of(body.entities)), 0),
        users=body.users,
        invert_media=body.invert_media,
        media=made.data,
        files=made.files,
        quiet=True,
    )
    editing.edit(call.me, peer, msg_id, change)


@rpc(messages.GetWebPagePreview, flood=LOOKING)
async def get_web_page_preview(
    call: Call, request: messages.GetWebPagePreview
) -> t.AnyMessagesWebPagePreview:
    """What a text would be sent with; nothing where previews are switched off."""
    media: Any = t.MessageMediaEmpty()
    if call.services.previews.web is not None:
        text = compose(call, request.message, request.entities)
        found = await _found(call, first_url(text.text, text.entities))
        if found is not None:
            page = render.web_page(call.services, found)
            if not isinstance(page, t.WebPageEmpty):
                media = _own(call, t.MessageMediaWebPage(webpage=page))
    return t.MessagesWebPagePreview(media=media, chats=[], users=[])


@rpc(messages.GetWebPage, flood=LOOKING)
async def get_web_page(call: Call, request: messages.GetWebPage) -> t.AnyMessagesWebPage:
    url = _plain(request.url)
    if not url.lower().startswith(("http://", "https://")):
        raise errors.WEBPAGE_URL_INVALID()
    found = await _found(call, url) if call.services.previews.web is not None else None
    page: Any = render.nothing(url)
    if found is not None:
        made = render.web_page(call.services, found)
        page = _own(call, made)
    return t.MessagesWebPage(webpage=page, chats=[], users=[])


async def _found(call: Call, url: str) -> Preview | None:
    if not url:
        return None
    previews = call.services.previews
    known = previews.known_or_none(url)
    if known is not None:
        return known
    running = previews.look(url)
    return None if running is None else await asyncio.shield(running)


def _own(call: Call, value: Any) -> Any:
    """A page, or media with one, with the caller's own references in it."""
    made = kept(value)
    data = given(call.services, call.me, Origin(WEB), made.data, made.files)
    return raw(data, made.min_layer, tuple(file[2] for file in made.files))
