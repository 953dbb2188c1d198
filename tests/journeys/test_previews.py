"""Link previews in stock clients. A server in this process, because the daemon's fetcher knows no page on this machine
(SECURITY 6.10): what it would fetch is given by hand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from pyrogram.types import LinkPreviewOptions
from telethon.tl import types

from tests.journeys.inside import serving
from tests.journeys.people import kurigram_client, kurigram_sign_up, telethon_person
from tests.journeys.socks import Socks
from tests.journeys.tdlib import VERSIONS, befriend
from tests.previews.outside import No, Outside
from tests.stickers.makers import webp
from tests.waiting import until
from tgserve.services.previews import Web

BIG = "http://example.com/big"
SMALL = "http://example.com/small"
HEAD = (
    '<title>%s</title><meta property="og:image" content="/p.png"><meta name=description content="What it is">'
)


@asynccontextmanager
async def kurigram_person(server, folder, phone):
    client = kurigram_client(server, folder, "kim")
    await kurigram_sign_up(client, server, phone, "Kim")
    try:
        yield client
    finally:
        await client.stop()


@asynccontextmanager
async def looking(daemon, folder):
    pages = {"http://example.com/p.png": webp(900, 600, kind="PNG")}
    pages |= {url: (HEAD % url.rpartition("/")[2]).encode() for url in (BIG, SMALL)}
    world = Outside(pages)
    world.gate.set()
    async with serving(daemon, folder) as server:
        server.app.services.previews.web = Web(world.fetch, No, server.app.tasks.spawn)
        yield server


def preview_of(message):
    content = message["content"]
    return content.get("link_preview") if content["@type"] == "messageText" else None


def asks(url, **more):
    return {"@type": "linkPreviewOptions", "url": url, **more}


def words(text, options):
    said = {"@type": "formattedText", "text": text}
    return {"@type": "inputMessageText", "text": said, "link_preview_options": options}


@pytest.mark.asyncio
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_chosen_preview(daemon, libraries, no_errors, new_phone, tmp_path, version):
    """TDLib, Kurigram and Telethon see the page and the size that TDLib or Kurigram chose, and what an edit chose."""
    async with (
        looking(daemon, tmp_path) as server,
        kurigram_person(server, tmp_path, new_phone()) as kim,
        telethon_person(server, new_phone(), "Tom") as tom,
    ):
        proxy = Socks(server.host, server.port)
        ann, bob = (libraries[version].client(tmp_path / name, proxy) for name in ("ann", "bob"))

        async def say(content, message=0):
            if message:
                return await asyncio.to_thread(
                    ann.call,
                    "editMessageText",
                    chat_id=chat,
                    message_id=message,
                    input_message_content=content,
                )
            sent = await asyncio.to_thread(
                ann.call, "sendMessage", chat_id=chat, input_message_content=content
            )
            mark = await asyncio.to_thread(
                ann.wait,
                lambda u: (
                    u["@type"].startswith("updateMessageSend") and u.get("old_message_id") == sent["id"]
                ),
            )
            assert mark["@type"] == "updateMessageSendSucceeded", mark
            return mark["message"]

        async def shown(client, where, message, url, large):
            async def there():
                found = await asyncio.to_thread(client.call, "getMessage", chat_id=where, message_id=message)
                page = preview_of(found)
                return page and page["url"] == url and page["show_large_media"] is large and page

            return await until(there)

        try:
            for client, name in ((ann, "Ann"), (bob, "Bob")):
                await asyncio.to_thread(client.begin, new_phone(), server.code, name)
            chat = await asyncio.to_thread(befriend, ann, bob)

            big = await say(
                words(f"{SMALL} and {BIG}", asks(BIG, force_large_media=True, show_above_text=True))
            )
            seen = await asyncio.to_thread(bob.wait_text, f"{SMALL} and {BIG}")
            there = seen["chat_id"], seen["id"]
            page = await shown(bob, *there, BIG, True)
            assert page["title"] == "big" and page["has_large_media"] and page["show_above_text"]
            await shown(ann, chat, big["id"], BIG, True)

            await say(words(f"{SMALL} and {BIG}", asks(BIG, force_small_media=True)), big["id"])
            await shown(bob, *there, BIG, False)
            await say(words(f"{SMALL} and {BIG}", asks("")), big["id"])
            await shown(bob, *there, SMALL, False)

            alone = await say(words("", asks(BIG, force_large_media=True)))
            assert preview_of(alone)["url"] == BIG and alone["content"]["text"]["text"] == ""

            options = LinkPreviewOptions(url=BIG, prefer_large_media=True)
            sent = await kim.send_message("me", "no link", link_preview_options=options)
            found = await until(lambda: with_page(kim, sent.id))
            assert found.text == "no link" and found.link_preview_options.url == BIG
            assert found.link_preview_options.prefer_large_media
            options = LinkPreviewOptions(url=SMALL, prefer_small_media=True)
            await kim.edit_message_text("me", sent.id, "still none", link_preview_options=options)
            found = await until(lambda: with_page(kim, sent.id, SMALL))
            assert found.text == "still none" and found.link_preview_options.prefer_small_media

            media = types.InputMediaWebPage(BIG, force_large_media=True, optional=True)
            told = await tom.send_message("me", file=media, message=f"see {BIG}")
            assert told.media.force_large_media and told.media.manual and told.media.safe
            assert told.media.webpage.title == "big", "known by now"
        finally:
            for client in (ann, bob):
                await asyncio.to_thread(client.close)
            proxy.close()


async def with_page(kim, number, url=BIG):
    found = await kim.get_messages("me", number)
    options = found.link_preview_options
    return found if options is not None and options.url == url else None
