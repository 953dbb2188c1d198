"""The stock set: every picture is a sticker, made once, and clients find them where they look."""

from __future__ import annotations

import gzip
import io
import json
import re
from importlib.resources import files

from PIL import Image

from tests.community import community, run
from tests.stickers.makers import makers
from tests.stickers.test_sets import refused
from tgserve.imaging import stickers as rules
from tgserve.render import stickers as render
from tgserve.services.reactions.stock import STOCK as REACTIONS
from tgserve.services.stickers import emoji, stock
from tgserve.stock import catalogue, games
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import account, messages, upload


def test_every_reaction_is_drawn() -> None:
    missing = [title for one, title in REACTIONS if one not in catalogue.DRAWINGS]
    assert not missing, "draw them in tgserve/stock"


def test_every_picture_is_a_valid_sticker() -> None:
    names = set()
    total = 0
    for picture in stock.pictures():
        data = picture.draw()
        names.add(picture.name)
        total += len(data)
        if picture.mime == stock.WEBP:
            with Image.open(io.BytesIO(data)) as image:
                assert image.format == "WEBP" and image.size == (picture.side, picture.side)
                assert image.convert("RGBA").getextrema()[3] == (0, 255), (
                    f"{picture.name}: clear and not empty"
                )
        else:
            checked = rules.sticker(data, picture.mime, False)
            assert checked.width == 512 and checked.data == data
            film = json.loads(gzip.decompress(data))
            assert film["layers"] and film["fr"] == 60
        assert emoji.split(picture.emoji) == (picture.emoji,)
    assert len(names) > 500
    assert total < 1_500_000


def test_drawings_give_the_same_bytes_every_time() -> None:
    first = [one.draw() for one in stock.pictures()]
    assert first == [one.draw() for one in stock.pictures()]


def test_the_stock_is_made_once() -> None:
    async def story() -> None:
        async with community() as c:
            service = c.services.stock
            assert service.document("still:\U0001f44d") == 0
            await service.start()
            first = service.document("still:\U0001f44d")
            assert first and service.ready and service.holds(first)
            again = stock.Stock(c.store, c.services.files)
            await again.start()
            assert again.document("still:\U0001f44d") == first

    run(story())


def test_games_have_the_films_that_clients_count() -> None:
    """TDLib takes 🎰 apart by the places of 21 films, and finds other values by place; Desktop by keycap."""

    async def story() -> None:
        async with makers(1, stock=True) as (_, (ann,)):
            sizes = {
                "\U0001f3b2": 7,
                "\U0001f3af": 7,
                "\U0001f3c0": 6,
                "\u26bd": 6,
                "\U0001f3b3": 7,
                "\U0001f3b0": 21,
            }
            assert set(sizes) == set(games.GAMES)
            for game, count in sizes.items():
                for asked in (game, game + "\ufe0f"):
                    found = await ann(
                        messages.GetStickerSet(stickerset=t.InputStickerSetDice(emoticon=asked), hash=0)
                    )
                    assert found.set.count == len(found.documents) == count, game
                if count != 21:
                    packs = {one.emoticon: one.documents for one in found.packs}
                    for value, document in enumerate(found.documents):
                        assert packs[games.KEYCAPS[value]] == [document.id]
            unknown = t.InputStickerSetDice(emoticon="\U0001f600")
            await refused("STICKERSET_INVALID", ann(messages.GetStickerSet(stickerset=unknown, hash=0)))

    run(story())


def test_reactions_come_with_pictures_that_download() -> None:
    """CLIENTS A.21: without documents clients show no reactions."""

    async def story() -> None:
        async with makers(2, stock=True) as (_, (ann, bob)):
            found = await ann(messages.GetAvailableReactions(hash=0))
            assert [(one.reaction, one.title) for one in found.reactions] == list(REACTIONS)
            assert isinstance(
                await ann(messages.GetAvailableReactions(hash=found.hash)),
                t.MessagesAvailableReactionsNotModified,
            )
            one = found.reactions[0]
            for name in (
                "static_icon",
                "appear_animation",
                "select_animation",
                "activate_animation",
                "effect_animation",
                "around_animation",
                "center_icon",
            ):
                document = getattr(one, name)
                wanted = stock.WEBP if name == "static_icon" else stock.TGS
                assert document.mime_type == wanted, name
                assert any(isinstance(a, t.DocumentAttributeSticker) for a in document.attributes)
                location = t.InputDocumentFileLocation(
                    id=document.id,
                    access_hash=document.access_hash,
                    file_reference=document.file_reference,
                    thumb_size="",
                )
                for person in (ann, bob):
                    got = await person(upload.GetFile(location=location, offset=0, limit=64 * 1024))
                    assert len(got.bytes) == document.size
            for layer in (152, 200, 222, layers.CURRENT):
                layers.encode(found, layer)

    run(story())


def test_effects_name_documents_that_come_with_them() -> None:
    async def story() -> None:
        async with makers(1, stock=True) as (_, (ann,)):
            found = await ann(messages.GetAvailableEffects(hash=0))
            by_id = {one.id: one.mime_type for one in found.documents}
            assert len(found.effects) == 6 and len({one.id for one in found.effects}) == 6
            for one in found.effects:
                assert by_id[one.static_icon_id] == stock.WEBP
                assert by_id[one.effect_sticker_id] == by_id[one.effect_animation_id] == stock.TGS
            same = await ann(messages.GetAvailableEffects(hash=found.hash))
            assert isinstance(same, t.MessagesAvailableEffectsNotModified)

    run(story())


def test_groups_icons_and_statuses_name_custom_emoji_that_are_there() -> None:
    async def story() -> None:
        async with makers(1, stock=True) as (_, (ann,)):
            for method in (
                messages.GetEmojiGroups,
                messages.GetEmojiStatusGroups,
                messages.GetEmojiStickerGroups,
                messages.GetEmojiProfilePhotoGroups,
            ):
                groups = await ann(method(hash=0))
                icons = [one.icon_emoji_id for one in groups.groups]
                assert len(await ann(messages.GetCustomEmojiDocuments(document_id=icons))) == len(set(icons))
                for one in groups.groups:
                    assert all(emoji.split(each) == (each,) for each in one.emoticons)
                assert isinstance(await ann(method(hash=groups.hash)), t.MessagesEmojiGroupsNotModified)
            topics = await ann(
                messages.GetStickerSet(stickerset=t.InputStickerSetEmojiDefaultTopicIcons(), hash=0)
            )
            assert topics.set.emojis and topics.set.count == len(stock.ICONS)
            ids = [one.id for one in topics.documents]
            statuses = await ann(account.GetDefaultEmojiStatuses(hash=0))
            assert [one.document_id for one in statuses.statuses] == ids
            assert (await ann(account.GetDefaultProfilePhotoEmojis(hash=0))).document_id == ids

    run(story())


def test_words_for_emoji() -> None:
    async def story() -> None:
        async with makers(1) as (_, (ann,)):
            found = await ann(messages.GetEmojiKeywords(lang_code="en"))
            words = {one.keyword: one.emoticons for one in found.keywords}
            assert found.version > 0 and "\U0001f525" in words["fire"] and "\U0001f431" in words["cat"]
            for emoticons in words.values():
                assert all(emoji.split(one) == (one,) for one in emoticons)
            later = await ann(messages.GetEmojiKeywordsDifference(lang_code="en", from_version=found.version))
            assert later.keywords == [] and later.version == found.version
            assert (await ann(messages.GetEmojiKeywords(lang_code="de"))).keywords == []
            [language] = await ann(messages.GetEmojiKeywordsLanguages(lang_codes=["en", "de"]))
            assert language.lang_code == "en"

    run(story())


def test_emoji_are_told_apart() -> None:
    flag, family, tone, keycap = (
        "\U0001f1e9\U0001f1ea",
        "\U0001f468\u200d\U0001f4bb",
        "\U0001f44d\U0001f3fd",
        "1\ufe0f\u20e3",
    )
    text = flag + family + tone + keycap + "\u2764\ufe0f\u200d\U0001f525" + "\U0001f600"
    assert emoji.split(text) == (flag, family, tone, keycap, "\u2764\ufe0f\u200d\U0001f525", "\U0001f600")
    for wrong in ("a", "\U0001f600a", "1", "\u200d", "\U0001f3fd\u200d", "\ufe0f", "\U0001f1e9"):
        assert emoji.split(wrong) is None, ascii(wrong)


def test_pictures_in_files_are_those_of_the_drawings() -> None:
    wanted = {catalogue.file_name(one) for one in catalogue.STILL}
    there = {one.name for one in (files("tgserve.stock") / "pictures").iterdir()}
    assert there == wanted, "python scripts/stock.py"
    assert all(re.fullmatch(r"[0-9a-f-]+\.webp", one) for one in there)


def test_animations_of_one_emoji_stand_where_clients_look() -> None:
    async def story() -> None:
        async with makers(1, stock=True) as (c, (ann,)):
            found = await ann(messages.GetStickerSet(stickerset=t.InputStickerSetAnimatedEmoji(), hash=0))
            packs = {one.emoticon: one.documents for one in found.packs}
            assert set(packs) == set(catalogue.DRAWINGS)
            heart = next(one for one in found.documents if one.id == packs["\u2764"][0])
            media = c.services.files.library.get_or_none(heart.id)
            assert render.set_of(media) == found.set.id == stock.ANIMATED

    run(story())


def test_every_picture_is_in_one_set_at_most_and_says_which() -> None:
    """TDLib's stickers belong to one set: it logs an ERROR when it reads another one from its database."""

    async def story() -> None:
        async with makers(1, stock=True) as (_, (ann,)):
            home: dict[int, str] = {}
            for asked in (
                t.InputStickerSetAnimatedEmoji(),
                t.InputStickerSetEmojiDefaultTopicIcons(),
                t.InputStickerSetEmojiDefaultStatuses(),
                t.InputStickerSetEmojiChannelDefaultStatuses(),
                *(t.InputStickerSetDice(emoticon=game) for game in games.GAMES),
            ):
                found = await ann(messages.GetStickerSet(stickerset=asked, hash=0))
                assert found.documents
                for one in found.documents:
                    assert home.setdefault(one.id, found.set.short_name) == found.set.short_name
                    named = [part.stickerset for part in one.attributes if hasattr(part, "stickerset")]
                    assert [part.id for part in named] == [found.set.id]

    run(story())
