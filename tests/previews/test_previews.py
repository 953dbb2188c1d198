"""Previews in messages: off unless switched on; pending first, then there, for everybody who has the message."""

from __future__ import annotations

from typing import Any

import pytest

from tests.community import run
from tests.places import place, sound
from tests.previews.outside import HEAD, outside, settled
from tests.stickers.makers import makers
from tests.waiting import least_cpu
from tgserve import limits
from tgserve.errors import RpcError
from tgserve.services.previews import PAGE_BYTES, _key, read_head
from tgserve.store.keyspaces import PREVIEWS
from tgserve.store.slots import slot_of
from tgserve.tl import types as t
from tgserve.tl.functions import messages, upload


def test_off_is_an_honest_nothing() -> None:
    async def story() -> None:
        async with makers(2) as (_, (ann, bob)):
            found = await ann(messages.GetWebPagePreview(message="see http://example.com/"))
            assert isinstance(found.media, t.MessageMediaEmpty)
            page = await ann(messages.GetWebPage(url="http://example.com/", hash=0))
            assert isinstance(page.webpage, t.WebPageEmpty)
            with pytest.raises(RpcError, match="WEBPAGE_URL_INVALID"):
                await ann(messages.GetWebPage(url="file:///etc/passwd", hash=0))
            await ann.send(bob, "see http://example.com/")
            assert [one.media for one in await bob.history(ann)] == [None]

    run(story())


def test_a_link_is_sent_pending_and_its_page_comes_to_everybody() -> None:
    async def story() -> None:
        async with outside() as (c, (ann, bob, _), world):
            await ann.send(bob, "see example.com/ now")
            [pending] = await bob.history(ann)
            assert isinstance(pending.media.webpage, t.WebPagePending)
            assert pending.media.webpage.url == "http://example.com/"
            world.gate.set()
            await settled(c)
            for one in (await bob.history(ann), await ann.history(bob)):
                page = one[0].media.webpage
                assert (page.title, page.description, page.site_name) == ('The "title"', "What it is", "Site")
                assert page.display_url == "example.com" and page.photo.sizes
                assert one[0].edit_hide or not one[0].edit_date, "nobody sees an edit"
                assert one[0].message == "see example.com/ now"
            page = (await bob.history(ann))[0].media.webpage
            location = t.InputPhotoFileLocation(
                id=page.photo.id,
                access_hash=page.photo.access_hash,
                file_reference=page.photo.file_reference,
                thumb_size=page.photo.sizes[-1].type,
            )
            got = await bob(upload.GetFile(location=location, offset=0, limit=1 << 20))
            assert got.bytes[:2] == b"\xff\xd8"
            assert world.asked == ["http://example.com/", "http://example.com/p.png"]

            await ann.send(bob, "again http://example.com/#part")
            assert (await bob.history(ann))[0].media.webpage.title == 'The "title"', "known: at once"
            assert len(world.asked) == 2
            await ann.send(bob, "no http://example.com/", no_webpage=True)
            assert (await bob.history(ann))[0].media is None

    run(story())


def test_nothing_found_takes_the_pending_one_away() -> None:
    async def story() -> None:
        async with outside() as (c, (ann, bob, _), world):
            await ann.send(bob, "http://nothing.example/x")
            deleted = await ann.send(bob, "http://nothing.example/y")
            await ann(messages.DeleteMessages(revoke=True, id=[deleted]))
            world.gate.set()
            await settled(c)
            [left] = await bob.history(ann)
            assert left.media is None and left.message == "http://nothing.example/x"

    run(story())


def test_previews_before_sending_and_for_one_viewer() -> None:
    async def story() -> None:
        async with outside() as (_, (ann, bob, _), world):
            world.gate.set()
            found = await ann(messages.GetWebPagePreview(message="http://example.com/"))
            photo = found.media.webpage.photo
            page = await bob(messages.GetWebPage(url="http://example.com/", hash=0))
            assert page.webpage.title == found.media.webpage.title
            assert page.webpage.photo.access_hash != photo.access_hash
            for text in ("no link", "mail@example.com", "http://[::1", "tg://resolve?domain=x"):
                found = await ann(messages.GetWebPagePreview(message=text))
                assert isinstance(found.media, t.MessageMediaEmpty), text

    run(story())


def test_what_is_old_is_looked_up_again_and_swept() -> None:
    async def story() -> None:
        async with outside() as (c, (ann, _, _), world):
            world.gate.set()
            await ann(messages.GetWebPagePreview(message="http://example.com/"))
            c.clock.advance(limits.PREVIEW_SECONDS + 5)
            await ann(messages.GetWebPagePreview(message="http://example.com/"))
            assert world.asked.count("http://example.com/") == 2
            c.clock.advance(limits.PREVIEW_SECONDS + 5)
            slot = slot_of(_key("http://example.com/"))
            await c.services.previews.sweep(slot)
            with c.store.read(slot) as reader:
                assert list(reader.range(PREVIEWS)) == []

    run(story())


def test_heads_are_read_as_browsers_do() -> None:
    told = read_head(HEAD.encode())
    assert told["og:title"] == 'The "title"' and told["title"] == "Plain & simple"
    assert read_head("<title>ü".encode("latin-1"), "latin-1")["title"] == "ü"
    assert read_head(b"<title>x</title>", "no-such-charset")["title"] == "x"
    assert read_head(b"") == {} and read_head(bytes(range(256)) * 50) is not None


@pytest.mark.parametrize(
    "piece",
    [b"<", b"<!--", b"<a ", b"<a b='", b"</", b"<![CDATA[", b"<!DOCTYPE ", b"<?", b"&#", b"&", b"<meta ", b"<title>",
     b"<a b=c d=\"", b"<!-- -->", b"<script>", b"<a\n"],
)  # fmt: skip
def test_6_10_no_page_keeps_the_parser_busy(piece: bytes) -> None:
    data = (piece * (PAGE_BYTES // len(piece)))[:PAGE_BYTES]
    assert least_cpu(lambda: read_head(data)) < 2


@pytest.mark.parametrize("who", ["all", "one"])
def test_6_3_who_may_not_embed_links_sends_them_without_previews(who: str) -> None:
    async def story() -> None:
        async with outside() as (c, (ann, bob, _), world):
            here = await place(c, ann, bob)
            banned = t.ChatBannedRights(until_date=0, embed_links=True)
            if who == "one":
                await here.ban(ann, bob, embed_links=True)
            else:
                await ann(messages.EditChatDefaultBannedRights(peer=here.peer(ann), banned_rights=banned))
            await here.post(bob, "see http://example.com/")
            assert (await here.history(ann))[0].media is None and world.asked == []
            shown = messages.SendMedia(
                peer=here.peer(bob),
                media=t.InputMediaWebPage(url="http://example.com/"),
                message="see http://example.com/",
                random_id=9,
            )
            with pytest.raises(RpcError, match="CHAT_SEND_WEBPAGE_FORBIDDEN"):
                await bob(shown)
            await here.post(ann, "see http://example.com/")
            assert (await here.history(bob))[0].media is not None

    run(story())


def test_another_text_has_another_preview() -> None:
    """`no_webpage` takes it away, as does a text without a link; what was being looked at for the text before does not
    come back."""

    async def story() -> None:
        async with outside() as (c, (ann, bob, _), world):
            world.pages["http://example.com/other"] = b"<title>Other</title>"

            async def edit(text: str, **more: Any) -> Any:
                await ann(messages.EditMessage(peer=ann.peer(bob), id=number, message=text, **more))
                return (await bob.history(ann))[0]

            number = await ann.send(bob, "see http://example.com/")
            seen = await edit("see http://example.com/other")
            assert isinstance(seen.media.webpage, t.WebPagePending)
            world.gate.set()
            await settled(c)
            assert (await bob.history(ann))[0].media.webpage.title == "Other", "not that of the link before"
            assert (await edit("http://example.com/other still")).media.webpage.title == "Other"
            assert (await edit("http://example.com/")).media.webpage.title == 'The "title"', "known: at once"
            hidden = await edit("http://example.com/", no_webpage=True)
            assert hidden.media is None and hidden.message == "http://example.com/"
            with pytest.raises(RpcError, match="MESSAGE_NOT_MODIFIED"):
                await edit("http://example.com/", no_webpage=True)
            assert (await edit("http://example.com/")).media is not None
            long = "word " * 800 + "http://example.com/"
            assert (await edit(long)).media is not None, "a text, no caption"
            assert (await edit("no link")).media is None
            await edit("http://nothing.example/")
            await settled(c)
            assert (await bob.history(ann))[0].media is None
            sound(c)

    run(story())


def test_a_scheduled_link_has_its_page_when_it_is_sent() -> None:
    async def story() -> None:
        async with outside() as (c, (ann, bob, _), world):
            world.gate.set()
            later = int(c.clock.now()) + 100
            await ann.send(bob, "see http://example.com/", schedule_date=later)
            kept = (await ann(messages.GetScheduledHistory(peer=ann.peer(bob), hash=0))).messages
            assert kept[0].media.webpage.title == 'The "title"'
            world.pages["http://example.com/other"] = b"<title>Other</title>"
            for text, title in (("http://example.com/other", "Other"), ("no link", "")):
                number = kept[0].id
                change = messages.EditMessage(
                    peer=ann.peer(bob), id=number, message=text, schedule_date=later
                )
                await ann(change)
                kept = (await ann(messages.GetScheduledHistory(peer=ann.peer(bob), hash=0))).messages
                assert (kept[0].media.webpage.title if kept[0].media else "") == title

    run(story())


def test_6_3_who_may_no_longer_embed_links_edits_without_a_preview() -> None:
    async def story() -> None:
        async with outside() as (c, (ann, bob, _), world):
            world.gate.set()
            here = await place(c, ann, bob)
            post = await here.post(bob, "see http://example.com/")
            await settled(c)
            assert (await here.history(ann))[0].media is not None
            await here.ban(ann, bob, embed_links=True)
            await bob(messages.EditMessage(peer=here.peer(bob), id=post, message="http://example.com/ again"))
            assert (await here.history(ann))[0].media is None
            sound(c)

    run(story())
