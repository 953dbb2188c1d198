"""account.*Theme*: looks that people make for clients, and those of chats; messages.setChatTheme."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.api.account.wallpapers import named as named_wallpaper
from tgserve.api.messages.announcing import announce
from tgserve.api.messages.attachments import file_name, mime_type, uploaded
from tgserve.api.messages.stickers import named_document
from tgserve.render import media as render_media
from tgserve.render import scenes as render
from tgserve.render.told import told
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.boxes import SERVICE_USER
from tgserve.services.files.references import STICKERS, Origin
from tgserve.services.messaging import Draft
from tgserve.services.scenes import THEME, check_slug
from tgserve.services.stickers.shelves import THEMES
from tgserve.store.sticker_records import Scene
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import account, messages
from tgserve.tl.hashing import list_hash

TITLE_CHARS: Final = 128
FILE_BYTES: Final = 5 * limits.MIB
MIME: Final = "application/x-tgtheme-"
SETTINGS: Final = 4
"""Looks of one theme: day, night ..."""


@rpc(account.UploadTheme, flood=per_minute(20))
async def upload_theme(call: Call, request: account.UploadTheme) -> t.AnyDocument:
    """The file of a theme, which clients alone understand."""
    mime = mime_type(request.mime_type)
    if not mime.startswith(MIME):
        raise errors.THEME_MIME_INVALID()
    blob, _ = await uploaded(call, request.file)
    if blob.size > FILE_BYTES:
        raise errors.THEME_FILE_INVALID()
    name = t.DocumentAttributeFilename(file_name=file_name(request.file_name) or "theme")
    media = await call.services.files.create_document(
        call.me,
        blob,
        mime=mime,
        attributes=render_media.attributes_bytes([name]),
        layer=layers.CURRENT,
    )
    return render_media.document(call.services, call.me, media, Origin(STICKERS))


def _title(title: str) -> str:
    if not title.strip() or len(title) > TITLE_CHARS:
        raise errors.THEME_TITLE_INVALID()
    return title


def _file(call: Call, asked: t.AnyInputDocument) -> int:
    media = named_document(call, asked)
    if not media.mime.startswith(MIME):
        raise errors.THEME_FILE_INVALID()
    return media.id


def _settings(call: Call, asked: list[Any]) -> dict[str, Any]:
    """The settings of a theme as they are kept: inside a theme that has nothing else."""
    made: list[Any] = []
    for one in asked[:SETTINGS]:
        shown: Any = None
        if one.wallpaper is not None:
            found = named_wallpaper(call, one.wallpaper)
            number = found.id if isinstance(found, Scene) else found
            value = render.value_of(number, one.wallpaper_settings)
            shown = render.set_wallpaper(call.services, call.me, value, kept=True)
        made.append(
            t.ThemeSettings(
                base_theme=one.base_theme,
                accent_color=one.accent_color,
                outbox_accent_color=one.outbox_accent_color,
                message_colors=one.message_colors[:4] if one.message_colors is not None else None,
                message_colors_animated=one.message_colors_animated,
                wallpaper=shown,
            )
        )
    carrier = t.Theme(id=0, access_hash=0, slug="", title="", settings=made)
    kept = render_media.kept(carrier)
    return {"settings": kept.data, "files": kept.files, "layer": layers.CURRENT}


@rpc(account.CreateTheme, flood=per_minute(20))
async def create_theme(call: Call, request: account.CreateTheme) -> t.AnyTheme:
    title = _title(request.title)
    number = _file(call, request.document) if request.document is not None else 0
    if not number and not request.settings:
        raise errors.THEME_INVALID()
    more = _settings(call, request.settings) if request.settings else {}
    made = await call.services.scenes.create(
        Scene(0, THEME, call.me, 0, request.slug, title=title, document=number, **more)
    )
    await call.services.shelves.put(call.me, THEMES, made.id, origin=call.session)
    return render.theme(call.services, call.me, made)


@rpc(account.UpdateTheme, flood=per_minute(60))
async def update_theme(call: Call, request: account.UpdateTheme) -> t.AnyTheme:
    found = _named(call, request.theme)
    changes: dict[str, Any] = {}
    if request.title is not None:
        changes["title"] = _title(request.title)
    if request.slug is not None and request.slug != found.slug:
        check_slug(request.slug)
        changes["slug"] = request.slug
    if request.document is not None:
        changes["document"] = _file(call, request.document)
    if request.settings is not None:
        changes.update(_settings(call, request.settings))
    made = await call.services.scenes.change(call.me, found.id, lambda was: replace(was, **changes))
    return render.theme(call.services, call.me, made)


def _named(call: Call, asked: t.AnyInputTheme) -> Scene:
    found: Scene | None = None
    if isinstance(asked, t.InputTheme):
        if asked.access_hash == render.scene_hash(call.services.access, asked.id):
            found = call.services.scenes.get_or_none(asked.id, THEME)
    elif isinstance(asked, t.InputThemeSlug):
        found = call.services.scenes.named_or_none(asked.slug, THEME)
    if found is None:
        raise errors.THEME_INVALID()
    return found


@rpc(account.GetTheme)
async def get_theme(call: Call, request: account.GetTheme) -> t.AnyTheme:
    return render.theme(call.services, call.me, _named(call, request.theme))


@rpc(account.GetThemes)
async def get_themes(call: Call, request: account.GetThemes) -> t.AnyAccountThemes:
    """Those the caller has made or saved."""
    found = [
        one
        for kept in call.services.shelves.of(call.me, THEMES)
        if (one := call.services.scenes.get_or_none(kept.id, THEME)) is not None
    ]
    hash_now = list_hash(one.id for one in found)
    if request.hash and request.hash == hash_now:
        return t.AccountThemesNotModified()
    return t.AccountThemes(hash=hash_now, themes=[render.theme(call.services, call.me, one) for one in found])


@rpc(account.SaveTheme, flood=per_minute(60))
async def save_theme(call: Call, request: account.SaveTheme) -> bool:
    found = _named(call, request.theme)
    if request.unsave:
        await call.services.shelves.drop(call.me, THEMES, found.id, origin=call.session)
    else:
        await call.services.shelves.put(call.me, THEMES, found.id, origin=call.session)
    return True


@rpc(account.InstallTheme, flood=per_minute(60))
async def install_theme(call: Call, request: account.InstallTheme) -> bool:
    """Clients keep what they use themselves; the theme counts it."""
    if request.theme is not None:
        found = _named(call, request.theme)
        await call.services.scenes.installed(found.id)
    return True


@rpc(account.GetChatThemes)
async def get_chat_themes(call: Call, request: account.GetChatThemes) -> t.AnyAccountThemes:
    made = render.chat_themes(call.services)
    hash_now = list_hash(one.id for one in made)
    if request.hash and request.hash == hash_now:
        return t.AccountThemesNotModified()
    return t.AccountThemes(hash=hash_now, themes=made)


@rpc(messages.SetChatTheme, flood=per_minute(60))
async def set_chat_theme(call: Call, request: messages.SetChatTheme) -> t.AnyUpdates:
    """The look of a private chat, for both; a service message says so."""
    peer = peers.here(call, peers.resolve(call, request.peer))
    if peer <= 0 or peer == SERVICE_USER:
        raise errors.PEER_ID_INVALID()
    call.services.messaging.check_may_write(call.me, peer)
    emoji = ""
    if isinstance(request.theme, t.InputChatTheme):
        emoji = request.theme.emoticon
        if emoji not in (one[0] for one in render.THEMES):
            raise errors.EMOJI_INVALID()
    elif not isinstance(request.theme, t.InputChatThemeEmpty):
        raise errors.THEME_INVALID()
    if call.services.scenes.of_chat(call.me, peer, THEME) == emoji.encode():
        raise errors.CHAT_NOT_MODIFIED()
    await call.services.scenes.set_chat(call.me, peer, THEME, emoji.encode(), both=True, origin=call.session)
    action, min_layer = layers.encode_part(t.MessageActionSetChatTheme(theme=t.ChatTheme(emoticon=emoji)))
    notice = Draft(action=action, layer=layers.CURRENT, min_layer=min_layer)
    return await announce(call, peer, notice, told(call.services, call.me, (), call.now))
