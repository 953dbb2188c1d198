"""Wallpapers and themes as one viewer sees them, and those that come with the server."""

from __future__ import annotations

from typing import Any, Final

from tgserve.ids import AccessHashes
from tgserve.render import media as render_media
from tgserve.services import Services
from tgserve.services.files.files import EVERYBODY
from tgserve.services.files.references import STICKERS, Origin
from tgserve.services.scenes import THEME, WALLPAPER
from tgserve.store.sticker_records import Scene
from tgserve.tl import layers
from tgserve.tl import types as t

OURS: Final = (
    (False, 0xDBDDBB, 0x6BA587, 0xD5D88D, 0x88B884),
    (False, 0x8DC0EB, 0xB9D1EA, 0xC6B1EF, 0xEBD7EF),
    (False, 0xF7DD8C, 0xF2B36D, 0xF6D5A8, 0xEE9D8A),
    (False, 0xEEF2F6, 0xD8E2EC, 0xE9ECF4, 0xC9D6E4),
    (True, 0x1B2735, 0x2C3E50, 0x17212B, 0x34495E),
    (True, 0x2D1E3A, 0x3C2850, 0x1F1730, 0x4B2F5E),
)
"""Backgrounds of the server: whether they are dark, and four colours each."""
FIRST: Final = 1 << 40
"""Ids of ours: below 2^32 TDLib has its own, from 2^60 on are those of people."""
OUR_IDS: Final = range(FIRST, FIRST + len(OURS))
THEMES: Final = (
    ("\U0001f33f", "Leaves", 0x3F9C5A, (0xD9F2C9, 0xBDE8B8), 1),
    ("\U0001f30a", "Sea", 0x2F7FD1, (0xCFE6FB, 0xB4D4F7), 2),
    ("\U0001f34a", "Orange", 0xD9772B, (0xFCE3C0, 0xF9CFA0), 3),
    ("\u2601", "Clouds", 0x5B7690, (0xE6EDF4, 0xD2DEEA), 4),
    ("\U0001f353", "Berry", 0xC2456B, (0xF9D5DF, 0xF3B8C9), 2),
    ("\U0001f347", "Grapes", 0x7A4FC4, (0xE4D8F8, 0xCFBBF2), 2),
)
"""Looks of chats: emoji, title, accent, two colours of own messages, light background. The dark one goes with it."""
_DARK: Final = {1: 5, 2: 6, 3: 6, 4: 5}


def scene_hash(access: AccessHashes, scene_id: int) -> int:
    """Everybody's: whoever has seen a wallpaper or theme may name it."""
    return access.of(EVERYBODY, b"s", scene_id)


def ours(number: int) -> t.WallPaperNoFile:
    """A background of the server's own."""
    dark, *colors = OURS[number - FIRST]
    first, second, third, fourth = colors
    settings = t.WallPaperSettings(
        background_color=first,
        second_background_color=second,
        third_background_color=third,
        fourth_background_color=fourth,
        rotation=0,
    )
    return t.WallPaperNoFile(id=number, default=True, dark=bool(dark), settings=settings)


def wallpaper(services: Services, viewer: int, one: Scene, settings: Any = None) -> Any:
    """With the viewer's own settings in place of its maker's. `viewer` -1: for what is kept."""
    shown = settings if settings is not None else _settings(one)
    media = services.files.library.get_or_none(one.document) if one.document else None
    if media is None:
        return t.WallPaperNoFile(id=one.id, dark=one.dark, settings=shown)
    document = (
        render_media.blank_document(services, media)
        if viewer < 0
        else render_media.document(services, viewer, media, Origin(STICKERS))
    )
    return t.WallPaper(
        id=one.id,
        access_hash=scene_hash(services.access, one.id),
        slug=one.slug,
        document=document,
        creator=one.owner == viewer,
        pattern=one.pattern,
        dark=one.dark,
        settings=shown,
    )


def _settings(one: Scene) -> Any:
    return layers.decode(one.settings) if one.settings else None


def set_wallpaper(services: Services, viewer: int, value: bytes, *, kept: bool = False) -> Any:
    """The wallpaper a chat is set to: id in 8 bytes, then TL wallPaperSettings; None for none."""
    if not value:
        return None
    number = int.from_bytes(value[:8], "big")
    settings: Any = layers.decode(value[8:]) if value[8:] else None
    if not number or number in OUR_IDS:
        return _colors(number, settings)
    one = services.scenes.get_or_none(number, WALLPAPER)
    return None if one is None else wallpaper(services, -1 if kept else viewer, one, settings)


def _colors(number: int, settings: Any) -> t.WallPaperNoFile:
    """Only colours: ours, or those of the settings."""
    if number:
        made = ours(number)
        made.settings = settings if settings is not None else made.settings
        return made
    return t.WallPaperNoFile(id=0, settings=settings)


def value_of(number: int, settings: Any) -> bytes:
    """What set_wallpaper reads."""
    return number.to_bytes(8, "big") + (layers.encode(settings) if settings is not None else b"")


def theme(services: Services, viewer: int, one: Scene) -> t.Theme:
    media = services.files.library.get_or_none(one.document) if one.document else None
    carrier: Any = None
    if one.settings:
        data = render_media.given(services, viewer, Origin(STICKERS), one.settings, one.files)
        carrier = layers.decode(data)
    return t.Theme(
        id=one.id,
        access_hash=scene_hash(services.access, one.id),
        slug=one.slug,
        title=one.title,
        creator=one.owner == viewer,
        document=render_media.document(services, viewer, media, Origin(STICKERS)) if media else None,
        settings=carrier.settings if carrier is not None else None,
        installs_count=one.installs,
    )


def chat_themes(services: Services) -> list[Any]:
    """The looks of chats that come with the server, each for day and night."""
    made: list[Any] = []
    for number, (emoji, title, accent, colors, light) in enumerate(THEMES, 1):
        settings: list[Any] = []
        for base, ground in ((t.BaseThemeClassic(), light), (t.BaseThemeTinted(), _DARK[light])):
            settings.append(
                t.ThemeSettings(
                    base_theme=base,
                    accent_color=accent,
                    outbox_accent_color=accent,
                    message_colors=list(colors) if ground == light else [accent],
                    wallpaper=ours(FIRST + ground - 1),
                )
            )
        made.append(
            t.Theme(
                for_chat=True,
                default=number == 1,
                id=number,
                access_hash=scene_hash(services.access, number),
                slug=f"chat{number}",
                title=title,
                emoticon=emoji,
                settings=settings,
            )
        )
    return made


def chat_theme_or_none(services: Services, viewer: int, peer: int) -> t.ChatTheme | None:
    """The look a private chat has, by its emoji."""
    value = services.scenes.of_chat(viewer, peer, THEME)
    return t.ChatTheme(emoticon=value.decode()) if value else None


def draw_full(services: Services, viewer: int, peer: int, full: t.UserFull) -> None:
    """Look and wallpaper of the chat with a person, into his userFull."""
    look = chat_theme_or_none(services, viewer, peer)
    if look is not None:
        full.theme = look
    shown = set_wallpaper(services, viewer, services.scenes.of_chat(viewer, peer, WALLPAPER))
    if shown is not None:
        full.wallpaper = shown


def update(services: Services, viewer: int, peer: int) -> t.UpdatePeerWallpaper:
    shown = set_wallpaper(services, viewer, services.scenes.of_chat(viewer, peer, WALLPAPER))
    return t.UpdatePeerWallpaper(peer=t.PeerUser(user_id=peer), wallpaper=shown)
