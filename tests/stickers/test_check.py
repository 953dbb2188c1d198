"""What `tgserve check` says of a store with sets, shelves, wallpapers, themes and the stock set: nothing."""

from __future__ import annotations

from tests.community import run
from tests.stickers.makers import id_of, makers
from tests.stickers.test_scenes import wallpaper
from tgserve.store.check import check_store
from tgserve.tl import types as t
from tgserve.tl.functions import account, messages, stickers


def test_a_store_with_stickers_is_sound() -> None:
    async def story() -> None:
        async with makers(2, stock=True) as (c, (ann, bob)):
            made = await ann.make(await ann.item(), await ann.item())
            gone = await ann.make()
            paper = await wallpaper(ann)
            look = t.InputThemeSettings(
                base_theme=t.BaseThemeDay(),
                accent_color=1,
                wallpaper=t.InputWallPaper(id=paper.id, access_hash=paper.access_hash),
                wallpaper_settings=t.WallPaperSettings(),
            )
            await ann(account.CreateTheme(slug="", title="x", settings=[look]))
            await bob(messages.InstallStickerSet(stickerset=id_of(made), archived=False))
            for document in made.documents:
                await ann(messages.FaveSticker(id=ann.named(document), unfave=False))
            await ann(stickers.RemoveStickerFromSet(sticker=ann.named(made.documents[0])))
            await ann(stickers.DeleteStickerSet(stickerset=id_of(gone)))
            report = check_store(c.store)
            assert report.rows > 1000 and not report.problems

    run(story())
