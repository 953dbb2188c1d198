"""Stickers over real clients: a set is made, installed, sent, received and kept; reactions and dice have pictures."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pyrogram.raw import functions as kf
from pyrogram.raw import types as kt
from telethon.tl import functions, types

from tests.journeys.conftest import SETTINGS
from tests.journeys.daemon import Daemon
from tests.journeys.people import kurigram_client, kurigram_sign_up, telethon_person
from tests.journeys.tdlib import VERSIONS, Client, befriend
from tests.journeys.test_media import file_of, meet
from tests.waiting import until
from tgserve.services.reactions.stock import STOCK as REACTIONS
from tgserve.stock import motions
from tgserve.stock.catalogue import DRAWINGS

TGS = motions.activate(DRAWINGS["\U0001f525"])


def still(color: str = "orange") -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (512, 512), color).save(out, "WEBP")
    return out.getvalue()


@pytest.mark.asyncio
async def test_telethon_makes_a_set_that_another_uses(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        items = []
        for data, name, mime, emoji in (
            (still(), "a.webp", "image/webp", "\U0001f431"),
            (TGS, "b.tgs", "application/x-tgsticker", "\U0001f525"),
        ):
            file = await ann.upload_file(file_of(data, name))
            media = types.InputMediaUploadedDocument(file, mime, [types.DocumentAttributeFilename(name)])
            made = await ann(functions.messages.UploadMediaRequest("me", media))
            one = made.document
            document = types.InputDocument(one.id, one.access_hash, one.file_reference)
            items.append(types.InputStickerSetItem(document, emoji))
        name = f"telethon_{ann.me.id}"
        made = await ann(functions.stickers.CreateStickerSetRequest("me", "Ours", name, items))
        assert made.set.count == 2
        peer = await meet(ann, bob)
        await ann.send_file(peer, made.documents[0])
        got = (await until(lambda: bob.heard))[-1]
        assert got.sticker and got.file.emoji == "\U0001f431"
        assert await bob.download_media(got, bytes) == still()
        found = await bob(functions.messages.GetStickerSetRequest(got.file.sticker_set, 0))
        assert [one.emoticon for one in found.packs] == ["\U0001f431", "\U0001f525"]
        named = types.InputStickerSetID(found.set.id, found.set.access_hash)
        await bob(functions.messages.InstallStickerSetRequest(named, False))
        assert [one.id for one in (await bob(functions.messages.GetAllStickersRequest(0))).sets] == [
            found.set.id
        ]
        await bob.send_file(got.peer_id, found.documents[1])
        back = (await until(lambda: ann.heard))[-1]
        assert await ann.download_media(back, bytes) == TGS
        recent = await bob(functions.messages.GetRecentStickersRequest(0))
        assert [one.id for one in recent.stickers] == [found.documents[1].id]


@pytest.mark.asyncio
async def test_kurigram_sends_stickers_and_reads_reactions(daemon, new_phone, folder):
    client = kurigram_client(daemon, folder, "kay")
    await kurigram_sign_up(client, daemon, new_phone(), "Kay")
    try:
        path = Path(folder) / "one.webp"
        path.write_bytes(still("green"))
        sent = await client.send_sticker("me", str(path))
        assert sent.sticker and (sent.sticker.width, sent.sticker.height) == (512, 512)
        again = await client.send_sticker("me", sent.sticker.file_id)
        data = await client.download_media(again, in_memory=True)
        assert bytes(data.getbuffer()) == still("green")
        found = await client.invoke(kf.messages.GetAvailableReactions(hash=0))
        assert [one.reaction for one in found.reactions] == [emoji for emoji, _ in REACTIONS]
        dice = await client.invoke(
            kf.messages.GetStickerSet(stickerset=kt.InputStickerSetDice(emoticon="\U0001f3b2"), hash=0)
        )
        assert len(dice.documents) == 7
        thrown = await client.send_dice("me")
        assert 1 <= thrown.dice.value <= 6
    finally:
        await client.stop()


def input_sticker(path: Path, emoji: str, kind: str) -> dict[str, Any]:
    return {
        "@type": "inputSticker",
        "sticker": {"@type": "inputFileLocal", "path": str(path)},
        "format": {"@type": f"stickerFormat{kind}"},
        "emojis": emoji,
        "keywords": ["ours"],
    }


def fetched(client: Client, file: dict[str, Any]) -> bytes:
    """The bytes of a file, downloaded."""
    done = client.call("downloadFile", file_id=file["id"], priority=1, offset=0, limit=0, synchronous=True)
    assert done["local"]["is_downloading_completed"]
    return Path(done["local"]["path"]).read_bytes()


@pytest.mark.parametrize("version", VERSIONS)
def test_tdlib_makes_installs_sends_and_keeps(person, no_errors, tmp_path, version):
    ann, bob = person(version, "Ann"), person(version, "Bob")
    chat = befriend(ann, bob)
    befriend(bob, ann)
    pictures = (("a.webp", still()), ("b.tgs", TGS))
    for name, data in pictures:
        (tmp_path / name).write_bytes(data)
    name = f"tdlib_{ann.me['id']}_set"
    assert ann.call("checkStickerSetName", name=name)["@type"] == "checkStickerSetNameResultOk"
    assert ann.call("getSuggestedStickerSetName", title="Our cats")["text"]
    made = ann.call(
        "createNewStickerSet",
        user_id=0,
        title="Ours",
        name=name,
        sticker_type={"@type": "stickerTypeRegular"},
        needs_repainting=False,
        stickers=[
            input_sticker(tmp_path / "a.webp", "\U0001f431", "Webp"),
            input_sticker(tmp_path / "b.tgs", "\U0001f525", "Tgs"),
        ],
        source="",
    )
    assert len(made["stickers"]) == 2 and made["is_owned"]
    owned = ann.call("getOwnedStickerSets", offset_sticker_set_id=0, limit=10)
    assert [one["id"] for one in owned["sets"]] == [made["id"]]

    def send(file_id: int) -> None:
        mark = len(ann.updates)
        file = {"@type": "inputFileId", "id": file_id}
        content = {"@type": "inputMessageSticker", "sticker": file, "width": 512, "height": 512}
        if version == "1.8.69":
            content["sticker"] = {"@type": "inputSticker", "sticker": file, "width": 512, "height": 512}
        draft = ann.call("sendMessage", chat_id=chat, input_message_content=content)
        done = ann.wait(
            lambda u: (
                u["@type"] in ("updateMessageSendSucceeded", "updateMessageSendFailed")
                and u["old_message_id"] == draft["id"]
            ),
            30,
            mark,
        )
        assert done["@type"] == "updateMessageSendSucceeded", done

    send(made["stickers"][0]["sticker"]["id"])
    got = bob.wait(
        lambda u: u["@type"] == "updateNewMessage" and u["message"]["content"]["@type"] == "messageSticker"
    )["message"]["content"]["sticker"]
    assert got["emoji"] == "\U0001f431" and int(got["set_id"]) == int(made["id"])
    assert fetched(bob, got["sticker"]) == still()
    assert fetched(bob, got["thumbnail"]["file"])
    found = bob.call("searchStickerSet", name=name, **({"ignore_cache": True} if version != "1.8.46" else {}))
    assert found["title"] == "Ours" and len(found["stickers"]) == 2
    assert fetched(bob, found["stickers"][1]["sticker"]) == TGS
    bob.call("changeStickerSet", set_id=found["id"], is_installed=True, is_archived=False)
    bob.call("addFavoriteSticker", sticker={"@type": "inputFileId", "id": got["sticker"]["id"]})
    kept = bob.call("getFavoriteStickers")
    assert [one["id"] for one in kept["stickers"]] == [got["id"]]
    installed = bob.call("getInstalledStickerSets", sticker_type={"@type": "stickerTypeRegular"})
    assert [one["id"] for one in installed["sets"]] == [found["id"]]
    bob.call("changeStickerSet", set_id=found["id"], is_installed=False, is_archived=True)
    archived = bob.call(
        "getArchivedStickerSets",
        sticker_type={"@type": "stickerTypeRegular"},
        offset_sticker_set_id=0,
        limit=10,
    )
    assert archived["total_count"] == 1
    recent = ann.call("getRecentStickers", is_attached=False)
    assert [one["id"] for one in recent["stickers"]] == [made["stickers"][0]["id"]]
    ann.call("setStickerSetTitle", name=name, title="New")
    ann.call(
        "setStickerEmojis",
        sticker={"@type": "inputFileId", "id": made["stickers"][1]["sticker"]["id"]},
        emojis="\U0001f389",
    )
    changed = ann.call("getStickerSet", set_id=made["id"])
    assert changed["title"] == "New"
    ann.call("deleteStickerSet", name=name)


@pytest.mark.parametrize("version", VERSIONS)
def test_tdlib_shows_reactions_effects_dice_and_emoji(person, no_errors, version):
    ann = person(version, "Ann")
    active = ann.wait(lambda u: u["@type"] == "updateActiveEmojiReactions" and u["emojis"])
    assert set(active["emojis"]) == {emoji for emoji, _ in REACTIONS}
    for emoji in ("\U0001f44d", "\u2764", "\U0001f525"):
        found = ann.call("getEmojiReaction", emoji=emoji)
        pieces = [
            "static_icon",
            "appear_animation",
            "select_animation",
            "activate_animation",
            "effect_animation",
            "around_animation",
            "center_animation",
        ]
        for piece in pieces:
            data = fetched(ann, found[piece]["sticker"])
            if piece == "static_icon":
                assert Image.open(io.BytesIO(data)).format == "WEBP"
            else:
                assert json.loads(gzip.decompress(data))["tgs"] == 1
    effects = ann.wait(lambda u: u["@type"] == "updateAvailableMessageEffects" and u["reaction_effect_ids"])
    assert len(effects["reaction_effect_ids"]) == 6
    effect = ann.call("getMessageEffect", effect_id=effects["reaction_effect_ids"][0])
    assert effect["emoji"] == "\U0001f44d" and fetched(ann, effect["static_icon"]["sticker"])

    mine = ann.call("createPrivateChat", user_id=ann.me["id"], force=True)["id"]
    for game in ("\U0001f3b2", "\U0001f3af", "\U0001f3c0", "\u26bd", "\U0001f3b3", "\U0001f3b0"):
        mark = len(ann.updates)
        content = {"@type": "inputMessageDice", "emoji": game, "clear_draft": False}
        draft = ann.call("sendMessage", chat_id=mine, input_message_content=content)
        done = ann.wait(
            lambda u, draft=draft: (
                u["@type"] == "updateMessageSendSucceeded" and u["old_message_id"] == draft["id"]
            ),
            30,
            mark,
        )

        def final(update: dict[str, Any], number: int = done["message"]["id"]) -> bool:
            content = update.get("new_content") or {}
            return (
                update["@type"] == "updateMessageContent"
                and update["message_id"] == number
                and bool(content.get("final_state"))
            )

        state = (
            done["message"]["content"].get("final_state")
            or ann.wait(final, 30, mark)["new_content"]["final_state"]
        )
        parts = [state[key] for key in state if isinstance(state[key], dict)]
        assert parts and all(fetched(ann, one["sticker"]) for one in parts), game
    alone = ann.call("getAnimatedEmoji", emoji="\U0001f525")
    assert fetched(ann, alone["sticker"]["sticker"])
    icons = ann.call("getForumTopicDefaultIcons")
    assert len(icons["stickers"]) == 24
    found = ann.call("searchEmojis", text="fire", input_language_codes=["en"])
    assert any(one["emoji"] == "\U0001f525" for one in found["emoji_keywords"])
    groups = ann.call("getEmojiCategories", type={"@type": "emojiCategoryTypeDefault"})
    assert groups["categories"] and fetched(ann, groups["categories"][0]["icon"]["sticker"])


@pytest.mark.parametrize("version", VERSIONS)
def test_tdlib_sets_what_a_chat_looks_like(person, no_errors, tmp_path, version):
    ann, bob = person(version, "Ann"), person(version, "Bob")
    chat = befriend(ann, bob)
    back = befriend(bob, ann)
    ann.send_text(chat, "hello")
    bob.wait_text("hello")
    path = tmp_path / "wall.jpg"
    Image.new("RGB", (720, 1280), "teal").save(path, "JPEG")
    picture = {"@type": "inputBackgroundLocal", "background": {"@type": "inputFileLocal", "path": str(path)}}
    kind = {"@type": "backgroundTypeWallpaper", "is_blurred": False, "is_moving": False}
    ann.call(
        "setChatBackground",
        chat_id=chat,
        background=picture,
        type=kind,
        dark_theme_dimming=0,
        only_for_self=True,
    )
    told = bob.wait(
        lambda u: (
            u["@type"] == "updateNewMessage"
            and u["message"]["content"]["@type"] == "messageChatSetBackground"
        )
    )["message"]
    background = told["content"]["background"]["background"]
    assert Image.open(io.BytesIO(fetched(bob, background["document"]["document"]))).size == (720, 1280)
    bob.call(
        "setChatBackground",
        chat_id=back,
        background={"@type": "inputBackgroundPrevious", "message_id": told["id"]},
        type=None,
        dark_theme_dimming=0,
        only_for_self=True,
    )
    bob.wait(lambda u: u["@type"] == "updateChatBackground" and u["background"])
    bob.call("deleteChatBackground", chat_id=back, restore_previous=False)
    listed = ann.call("getInstalledBackgrounds", for_dark_theme=False)
    assert listed["backgrounds"]

    kinds = ("updateEmojiChatThemes", "updateChatThemes")
    themes = ann.wait(lambda u: u["@type"] in kinds and u["chat_themes"])["chat_themes"]
    name = themes[0]["name"]
    if version == "1.8.69":
        ann.call("setChatTheme", chat_id=chat, theme={"@type": "inputChatThemeEmoji", "name": name})
    else:
        ann.call("setChatTheme", chat_id=chat, theme_name=name)
    bob.wait(lambda u: u["@type"] == "updateChatTheme" and (u.get("theme") or u.get("theme_name")))


@pytest.mark.asyncio
async def test_links_are_looked_up_only_where_that_is_switched_on(tmp_path, new_phone):
    """SECURITY 6.10: a link to the server's own machine is not followed, with previews on or off."""
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read(100))
        writer.close()

    trap = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = trap.sockets[0].getsockname()[1]
    for setting in ("", "\n[previews]\nenabled = true\n"):
        server = Daemon(tmp_path / f"data{len(setting)}", config=SETTINGS + setting).start()
        try:
            async with telethon_person(server, new_phone(), "Ann") as ann:
                for host in (
                    f"127.0.0.1:{port}",
                    f"localhost:{port}",
                    "127.0.0.1",
                    "[::1]",
                    "169.254.169.254",
                ):
                    await ann.send_message("me", f"http://{host}/secret")
                    page = await ann(functions.messages.GetWebPageRequest(f"http://{host}/secret", 0))
                    assert isinstance(page.webpage, types.WebPageEmpty)

                async def without():
                    texts = [one async for one in ann.iter_messages("me", limit=5)]
                    return len(texts) == 5 and all(one.media is None for one in texts)

                await until(without)
            assert not server.faults()
        finally:
            server.end()
    trap.close()
    assert not came
