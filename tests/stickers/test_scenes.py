"""Wallpapers and themes: kept, shared by slug, set for a chat and told to its other side."""

from __future__ import annotations

import gzip
import io
from typing import Any

import pytest
from PIL import Image

from tests.community import run
from tests.stickers.makers import Maker, makers
from tests.stickers.test_sets import refused, uses
from tgserve.render import scenes as render
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import account, messages, updates, upload, users


async def sent(person: Maker, data: bytes, name: str = "x") -> t.InputFile:
    """Upload a small file."""
    number = int.from_bytes(person.c.ids.random_bytes(6), "big")
    await person(upload.SaveFilePart(file_id=number, file_part=0, bytes=data))
    return t.InputFile(id=number, parts=1, name=name, md5_checksum="")


def jpeg(width: int = 800, height: int = 1200) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "JPEG")
    return out.getvalue()


COLORS = t.WallPaperSettings(background_color=0x112233, intensity=50)


async def wallpaper(person: Maker) -> Any:
    return await person(
        account.UploadWallPaper(file=await sent(person, jpeg()), mime_type="image/jpeg", settings=COLORS)
    )


def test_a_wallpaper_is_uploaded_saved_and_found_by_slug() -> None:
    async def story() -> None:
        async with makers() as (c, (ann, bob)):
            made = await wallpaper(ann)
            assert made.creator and made.document.mime_type == "image/jpeg" and made.settings == COLORS
            assert uses(c, made.document.id) == 1
            for asked in (
                t.InputWallPaper(id=made.id, access_hash=made.access_hash),
                t.InputWallPaperSlug(slug=made.slug),
            ):
                seen = await bob(account.GetWallPaper(wallpaper=asked))
                assert seen.id == made.id and not seen.creator
                location = t.InputDocumentFileLocation(
                    id=seen.document.id,
                    access_hash=seen.document.access_hash,
                    file_reference=seen.document.file_reference,
                    thumb_size="",
                )
                got = await bob(upload.GetFile(location=location, offset=0, limit=1 << 20))
                assert Image.open(io.BytesIO(got.bytes)).size == (800, 1200)
            listed = await ann(account.GetWallPapers(hash=0))
            ours = len(render.OURS)
            assert [one.id for one in listed.wallpapers] == [made.id, *render.OUR_IDS]
            assert isinstance(
                await ann(account.GetWallPapers(hash=listed.hash)), t.AccountWallPapersNotModified
            )
            slug = t.InputWallPaperSlug(slug=made.slug)
            await bob(account.InstallWallPaper(wallpaper=slug, settings=COLORS))
            assert (await bob(account.GetWallPapers(hash=0))).wallpapers[0].id == made.id
            await bob(account.SaveWallPaper(wallpaper=slug, unsave=True, settings=COLORS))
            assert len((await bob(account.GetWallPapers(hash=0))).wallpapers) == ours
            await ann(account.ResetWallPapers())
            assert len((await ann(account.GetWallPapers(hash=0))).wallpapers) == ours
            first = await ann(account.GetWallPaper(wallpaper=t.InputWallPaperNoFile(id=render.FIRST)))
            assert first.default and first.settings.background_color is not None

    run(story())


def test_files_that_are_no_wallpapers() -> None:
    async def story() -> None:
        async with makers(1) as (_, (ann,)):
            svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
            pattern = "application/x-tgwallpattern"
            tries = [
                (jpeg(), "image/gif", "WALLPAPER_MIME_INVALID"),
                (svg, "image/svg+xml", "WALLPAPER_MIME_INVALID"),
                (b"no picture", "image/jpeg", "WALLPAPER_FILE_INVALID"),
                (jpeg()[:300], "image/png", "WALLPAPER_FILE_INVALID"),
                (svg, pattern, "WALLPAPER_FILE_INVALID"),
                (gzip.compress(b"text"), pattern, "WALLPAPER_FILE_INVALID"),
            ]
            for data, mime, error in tries:
                file = await sent(ann, data)
                await refused(error, ann(account.UploadWallPaper(file=file, mime_type=mime, settings=COLORS)))
            file = await sent(ann, gzip.compress(svg))
            made = await ann(account.UploadWallPaper(file=file, mime_type=pattern, settings=COLORS))
            assert made.pattern and made.document.mime_type == pattern
            wrong = t.InputWallPaper(id=made.id, access_hash=1)
            await refused("WALLPAPER_INVALID", ann(account.GetWallPaper(wallpaper=wrong)))
            nobodys = t.InputWallPaperSlug(slug="none")
            await refused("WALLPAPER_INVALID", ann(account.GetWallPaper(wallpaper=nobodys)))

    run(story())


async def behind(person: Maker, other: Maker) -> Any:
    found = await person(users.GetFullUser(id=t.InputUser(**_named(person, other))))
    return found.full_user.wallpaper


def _named(person: Maker, other: Maker) -> dict[str, int]:
    peer = person.peer(other)
    assert isinstance(peer, t.InputPeerUser)
    return {"user_id": peer.user_id, "access_hash": peer.access_hash}


def test_a_chats_wallpaper_is_ones_own_until_it_is_for_both() -> None:
    async def story() -> None:
        async with makers() as (_, (ann, bob)):
            made = await wallpaper(ann)
            asked = t.InputWallPaper(id=made.id, access_hash=made.access_hash)
            answer = await ann(
                messages.SetChatWallPaper(peer=ann.peer(bob), wallpaper=asked, settings=COLORS)
            )
            kinds = [type(one) for one in answer.updates]
            assert t.UpdatePeerWallpaper in kinds and t.UpdateNewMessage in kinds
            assert (await behind(ann, bob)).id == made.id and await behind(bob, ann) is None
            [told] = await bob.history(ann)
            assert told.action.wallpaper.id == made.id and not told.action.same
            document = told.action.wallpaper.document
            location = t.InputDocumentFileLocation(
                id=document.id,
                access_hash=document.access_hash,
                file_reference=document.file_reference,
                thumb_size="",
            )
            assert (await bob(upload.GetFile(location=location, offset=0, limit=1 << 20))).bytes
            await bob(messages.SetChatWallPaper(peer=bob.peer(ann), id=told.id))
            assert (await behind(bob, ann)).id == made.id
            assert (await ann.history(bob))[0].action.same
            ours = t.InputWallPaperNoFile(id=render.FIRST + 1)
            await ann(messages.SetChatWallPaper(peer=ann.peer(bob), wallpaper=ours, for_both=True))
            assert (await behind(bob, ann)).id == (await behind(ann, bob)).id == render.FIRST + 1
            since = await bob(updates.GetDifference(pts=1, date=1, qts=1))
            assert any(isinstance(one, t.UpdatePeerWallpaper) for one in since.other_updates)
            await ann(messages.SetChatWallPaper(peer=ann.peer(bob)))
            assert await behind(ann, bob) is None and (await behind(bob, ann)).id == render.FIRST + 1
            await bob(messages.SetChatWallPaper(peer=bob.peer(ann), revert=True))
            assert await behind(bob, ann) is None

            plain = await ann.send(bob, "text")
            await refused("WALLPAPER_NOT_FOUND", ann(messages.SetChatWallPaper(peer=ann.peer(bob), id=plain)))
            await refused("MESSAGE_ID_INVALID", ann(messages.SetChatWallPaper(peer=ann.peer(bob), id=999)))
            nothing = t.InputWallPaperNoFile(id=0)
            await refused(
                "WALLPAPER_INVALID",
                ann(messages.SetChatWallPaper(peer=ann.peer(bob), wallpaper=nothing)),
            )
            drawn = await bob.history(ann)
            for layer in (166, 200, layers.CURRENT):
                layers.encode(drawn[-1], layer)

    run(story())


def test_a_chats_look_is_for_both() -> None:
    async def story() -> None:
        async with makers() as (_, (ann, bob)):
            themes = await ann(account.GetChatThemes(hash=0))
            emoji = themes.themes[0].emoticon
            assert len({one.emoticon for one in themes.themes}) == len(render.THEMES)
            assert all(len(one.settings) == 2 and one.for_chat for one in themes.themes)
            same = await ann(account.GetChatThemes(hash=themes.hash))
            assert isinstance(same, t.AccountThemesNotModified)
            look = t.InputChatTheme(emoticon=emoji)
            await ann(messages.SetChatTheme(peer=ann.peer(bob), theme=look))
            for one, other in ((ann, bob), (bob, ann)):
                full = (await one(users.GetFullUser(id=t.InputUser(**_named(one, other))))).full_user
                assert full.theme.emoticon == emoji
            assert (await bob.history(ann))[0].action.theme.emoticon == emoji
            await refused("CHAT_NOT_MODIFIED", ann(messages.SetChatTheme(peer=ann.peer(bob), theme=look)))
            none = t.InputChatThemeEmpty()
            await bob(messages.SetChatTheme(peer=bob.peer(ann), theme=none))
            full = (await ann(users.GetFullUser(id=t.InputUser(**_named(ann, bob))))).full_user
            assert full.theme is None
            strange = t.InputChatTheme(emoticon="x")
            await refused("EMOJI_INVALID", ann(messages.SetChatTheme(peer=ann.peer(bob), theme=strange)))
            for layer in (152, 200, layers.CURRENT):
                layers.encode(themes, layer)

    run(story())


def test_themes_are_made_changed_and_shared() -> None:
    async def story() -> None:
        async with makers() as (_, (ann, bob)):
            file = await sent(ann, b"colors", "my.tdesktop-theme")
            document = await ann(
                account.UploadTheme(
                    file=file, file_name="my.tdesktop-theme", mime_type="application/x-tgtheme-tdesktop"
                )
            )
            paper = await wallpaper(ann)
            look = t.InputThemeSettings(
                base_theme=t.BaseThemeDay(),
                accent_color=0x336699,
                wallpaper=t.InputWallPaper(id=paper.id, access_hash=paper.access_hash),
                wallpaper_settings=COLORS,
            )
            made = await ann(
                account.CreateTheme(
                    slug="anns_theme", title="Ann's", document=ann.named(document), settings=[look]
                )
            )
            assert made.creator and made.document.id == document.id
            assert made.settings[0].wallpaper.document.access_hash
            slug = t.InputThemeSlug(slug="anns_theme")
            seen = await bob(account.GetTheme(format="tdesktop", theme=slug))
            assert seen.title == "Ann's" and not seen.creator
            await bob(account.SaveTheme(theme=slug, unsave=False))
            await bob(account.InstallTheme(theme=slug, format="tdesktop"))
            listed = await bob(account.GetThemes(format="tdesktop", hash=0))
            assert [one.id for one in listed.themes] == [made.id] and listed.themes[0].installs_count == 1
            own = t.InputTheme(id=made.id, access_hash=made.access_hash)
            changed = await ann(
                account.UpdateTheme(format="tdesktop", theme=own, title="New", slug="new_name")
            )
            assert (changed.title, changed.slug) == ("New", "new_name")
            await refused("THEME_INVALID", bob(account.GetTheme(format="tdesktop", theme=slug)))
            await refused("THEME_INVALID", bob(account.UpdateTheme(format="tdesktop", theme=own, title="x")))
            tries = [
                ("THEME_TITLE_INVALID", {"slug": "", "title": " ", "settings": [look]}),
                ("THEME_INVALID", {"slug": "", "title": "x"}),
                ("THEME_SLUG_INVALID", {"slug": "1", "title": "x", "settings": [look]}),
                ("THEME_SLUG_OCCUPIED", {"slug": "New_name", "title": "x", "settings": [look]}),
            ]
            for name, fields in tries:
                await refused(name, ann(account.CreateTheme(**fields)))
            plain = await sent(ann, b"x")
            await refused(
                "THEME_MIME_INVALID",
                ann(account.UploadTheme(file=plain, file_name="x", mime_type="text/plain")),
            )

    run(story())


@pytest.mark.parametrize("number", render.OUR_IDS)
def test_our_backgrounds_read_in_every_layer(number: int) -> None:
    for layer in (152, 200, layers.CURRENT):
        layers.encode(render.ours(number), layer)
