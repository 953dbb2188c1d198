"""Previews that somebody chose for a message (inputMediaWebPage): another page, or another size, than the first link's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from tests.community import run
from tests.places import place, sound
from tests.previews.outside import outside
from tests.stickers.makers import makers
from tests.waiting import until
from tgserve import limits
from tgserve.errors import RpcError
from tgserve.tl import types as t
from tgserve.tl.functions import messages

_NUMBERS = count(1000)
PAGE = "http://example.com/"
OTHER = "http://other.example/page"
NOWHERE = "http://nothing.example/"


@asynccontextmanager
async def world() -> AsyncIterator[tuple[Any, list[Any], Any]]:
    """Three people and two pages, which are not kept waiting."""
    async with outside() as (c, people, beyond):
        beyond.pages[OTHER] = b"<title>Other</title>"
        beyond.gate.set()
        yield c, people, beyond


def shows(url: str, **more: Any) -> t.InputMediaWebPage:
    return t.InputMediaWebPage(url=url, **more)


async def show(who: Any, to: Any, text: str, media: Any, **more: Any) -> int:
    number = next(_NUMBERS)
    request = messages.SendMedia(peer=who.peer(to), media=media, message=text, random_id=number, **more)
    return next(one.id for one in (await who(request)).updates if isinstance(one, t.UpdateMessageID))


async def newest(who: Any, of: Any) -> Any:
    return (await who.history(of))[0]


async def with_page(who: Any, of: Any, title: str) -> Any:
    """The newest message, once it shows a page."""

    async def there() -> Any:
        one = await newest(who, of)
        return one if isinstance(one.media, t.MessageMediaWebPage) and _title(one) == title else None

    return await until(there)


def _title(message: Any) -> str:
    return getattr(message.media.webpage, "title", None) or ""


def _flags(message: Any) -> tuple[bool, bool, bool, bool]:
    media = message.media
    return media.force_large_media, media.force_small_media, media.manual, media.safe


def test_the_page_and_the_size_that_were_chosen() -> None:
    async def story() -> None:
        async with world() as (c, (ann, bob, _), beyond):
            beyond.gate.clear()
            await show(
                ann, bob, f"see {OTHER} and {PAGE}", shows(PAGE, force_large_media=True, optional=True),
                invert_media=True,
            )  # fmt: skip
            pending = await newest(bob, ann)
            assert isinstance(pending.media.webpage, t.WebPagePending) and pending.media.webpage.url == PAGE
            assert _flags(pending) == (True, False, True, True) and pending.invert_media
            beyond.gate.set()
            for who, of in ((bob, ann), (ann, bob)):
                seen = await with_page(who, of, 'The "title"')
                assert _flags(seen) == (True, False, True, True), "kept when the page came"
                assert seen.media.webpage.has_large_media, "without it clients offer no choice and obey none"
                assert seen.invert_media and seen.message == f"see {OTHER} and {PAGE}"
            await show(ann, bob, "no link at all", shows("other.example/page", optional=True))
            seen = await with_page(bob, ann, "Other")
            assert _flags(seen) == (False, False, True, False), "unseen in the text: clients ask first"
            assert not seen.media.webpage.has_large_media, "it has no picture"
            await show(ann, bob, "hidden", shows(PAGE, force_small_media=True, optional=True),
                       entities=[t.MessageEntityTextUrl(offset=0, length=6, url=PAGE)])  # fmt: skip
            assert _flags(await newest(bob, ann)) == (False, True, True, False), "known: at once"
            await ann.send(bob, PAGE)
            assert _flags(await newest(bob, ann)) == (False, False, False, False)
            sound(c)

    run(story())


def test_a_page_alone_is_a_message_and_one_without_either_is_none() -> None:
    async def story() -> None:
        async with world() as (c, (ann, bob, _), beyond):
            beyond.gate.clear()
            sending = asyncio.ensure_future(show(ann, bob, "", shows(OTHER)))
            await until(lambda: beyond.asked)
            assert await bob.history(ann) == [], "it waits for its page: nothing else is in it"
            beyond.gate.set()
            alone = await sending
            seen = await newest(bob, ann)
            assert seen.message == "" and _title(seen) == "Other"
            for media, error in (
                (shows(NOWHERE), "WEBPAGE_NOT_FOUND"),
                (shows(NOWHERE, optional=True), "MESSAGE_EMPTY"),
                (shows("ftp://example.com/", optional=True), "MESSAGE_EMPTY"),
            ):
                with pytest.raises(RpcError, match=error):
                    await show(ann, bob, "", media)
            edit = messages.EditMessage(peer=ann.peer(bob), id=alone, message="", no_webpage=True)
            with pytest.raises(RpcError, match="MESSAGE_EMPTY"):
                await ann(edit)
            assert len(await bob.history(ann)) == 1
            sound(c)

    run(story())


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "file:///etc/passwd",
        "tg://resolve?domain=x",
        "http://",
        "http://[::1",
        "x" * limits.URL_CHARS,
    ],
)
def test_what_is_no_address(url: str) -> None:
    async def story() -> None:
        async with world() as (_, (ann, bob, _3), beyond):
            with pytest.raises(RpcError, match="WEBPAGE_URL_INVALID"):
                await show(ann, bob, "text", shows(url))
            assert await bob.history(ann) == []
            await show(ann, bob, "text", shows(url, optional=True))
            seen = await newest(bob, ann)
            assert seen.message == "text" and seen.media is None
            assert beyond.asked == []

    run(story())


def test_a_page_that_is_not_found() -> None:
    async def story() -> None:
        async with world() as (c, (ann, bob, _), _2):
            with pytest.raises(RpcError, match="WEBPAGE_NOT_FOUND"):
                await show(ann, bob, "text", shows(NOWHERE))
            assert await bob.history(ann) == []
            await show(ann, bob, "text", shows("http://nothing.example/2", optional=True))

            async def bare() -> bool:
                return (await newest(bob, ann)).media is None

            await until(bare)
            sound(c)

    run(story())


def test_without_previews_the_text_is_sent() -> None:
    async def story() -> None:
        async with makers(2) as (_, (ann, bob)):
            await show(ann, bob, f"see {PAGE}", shows(PAGE, force_large_media=True, optional=True))
            seen = await newest(bob, ann)
            assert seen.message == f"see {PAGE}" and seen.media is None
            with pytest.raises(RpcError, match="WEBPAGE_NOT_FOUND"):
                await show(ann, bob, "text", shows(PAGE))
            with pytest.raises(RpcError, match="MESSAGE_EMPTY"):
                await show(ann, bob, "", shows(PAGE, optional=True))

    run(story())


def test_an_edit_chooses_anew() -> None:
    """Clients name the choice with every edit; an edit without one has the first link's page, as in a new message."""

    async def story() -> None:
        async with world() as (c, (ann, bob, _), _2):
            text = f"{OTHER} {PAGE}"
            number = await show(ann, bob, text, shows(PAGE, force_large_media=True))

            async def edit(message: str | None, media: Any = None, **more: Any) -> Any:
                peer = ann.peer(bob)
                await ann(messages.EditMessage(peer=peer, id=number, message=message, media=media, **more))
                return await newest(bob, ann)

            assert _flags(await newest(bob, ann)) == (True, False, True, True)
            seen = await edit(text, shows(PAGE, force_small_media=True, optional=True))
            assert (_title(seen), _flags(seen)) == ('The "title"', (False, True, True, True))
            seen = await edit(None, shows(PAGE, force_large_media=True, force_small_media=True))
            assert (seen.message, _flags(seen)) == (text, (True, False, True, True))
            with pytest.raises(RpcError, match="MESSAGE_NOT_MODIFIED"):
                await edit(text, shows(PAGE, force_large_media=True))
            with pytest.raises(RpcError, match="WEBPAGE_NOT_FOUND"):
                await edit("other", shows(NOWHERE))
            with pytest.raises(RpcError, match="WEBPAGE_URL_INVALID"):
                await edit("other", shows("tg://x"))
            assert (await newest(bob, ann)).message == text
            await edit(text)
            seen = await with_page(bob, ann, "Other")
            assert _flags(seen) == (False, False, False, False)
            seen = await edit(text, shows(PAGE, optional=True), no_webpage=True)
            assert seen.media is None
            seen = await edit("words", shows(OTHER, optional=True))
            assert (_title(seen), _flags(seen)) == ("Other", (False, False, True, False))
            seen = await edit("words", shows("not an address", optional=True))
            assert seen.media is None
            sound(c)

    run(story())


def test_a_scheduled_one() -> None:
    async def story() -> None:
        async with world() as (c, (ann, bob, _), _2):
            later = int(c.clock.now()) + 100

            async def kept() -> Any:
                return (await ann(messages.GetScheduledHistory(peer=ann.peer(bob), hash=0))).messages[0]

            big = shows(PAGE, force_large_media=True, optional=True)
            number = await show(ann, bob, "words", big, schedule_date=later)
            assert (_title(await kept()), _flags(await kept())) == ('The "title"', (True, False, True, False))
            edit = messages.EditMessage(
                peer=ann.peer(bob), id=number, media=shows(OTHER, optional=True), schedule_date=later
            )
            await ann(edit)
            assert (_title(await kept()), _flags(await kept())) == ("Other", (False, False, True, False))
            assert (await kept()).message == "words"
            await ann(messages.SendScheduledMessages(peer=ann.peer(bob), id=[number]))
            seen = await newest(bob, ann)
            assert (seen.message, _title(seen), _flags(seen)) == (
                "words",
                "Other",
                (False, False, True, False),
            )
            sound(c)

    run(story())


@pytest.mark.parametrize("who", ["all", "one"])
def test_6_3_who_may_not_embed_links_chooses_no_page(who: str) -> None:
    """In a supergroup: refused for sending as for editing, and nothing is fetched for him."""

    async def story() -> None:
        async with world() as (c, (ann, bob, _), beyond):
            here = await place(c, ann, bob)
            post = await here.post(bob, "words")
            if who == "one":
                await here.ban(ann, bob, embed_links=True)
            else:
                banned = t.ChatBannedRights(until_date=0, embed_links=True)
                await ann(messages.EditChatDefaultBannedRights(peer=here.peer(ann), banned_rights=banned))
            for optional in (False, True):
                media = shows(PAGE, optional=optional)
                with pytest.raises(RpcError, match="CHAT_SEND_WEBPAGE_FORBIDDEN"):
                    await bob(messages.SendMedia(peer=here.peer(bob), media=media, message="x", random_id=5))
                with pytest.raises(RpcError, match="CHAT_SEND_WEBPAGE_FORBIDDEN"):
                    await bob(messages.EditMessage(peer=here.peer(bob), id=post, message="x", media=media))
            assert [one.message for one in await here.history(ann) if isinstance(one, t.Message)] == ["words"]
            assert beyond.asked == []
            await ann(messages.SendMedia(peer=here.peer(ann), media=shows(PAGE), message="", random_id=6))
            assert _title((await here.history(bob))[0]) == 'The "title"'
            sound(c)

    run(story())


def test_a_draft_keeps_what_was_chosen() -> None:
    async def story() -> None:
        async with makers(2) as (_, (ann, bob)):
            for media, kept in (
                (shows(PAGE, force_small_media=True, optional=True), True),
                (shows(""), False),
                (shows("http://example.com/" + "x" * limits.URL_CHARS), False),
                (t.InputMediaDice(emoticon="🎲"), False),
                (None, False),
            ):
                await ann(messages.SaveDraft(peer=ann.peer(bob), message="half", media=media))
                [draft] = [one.draft for one in (await ann(messages.GetAllDrafts())).updates]
                assert (draft.media is not None) is kept and draft.message == "half"
                if kept:
                    assert draft.media.url == PAGE and draft.media.force_small_media

    run(story())
