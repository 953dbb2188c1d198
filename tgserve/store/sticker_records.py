"""Sticker sets, what people keep of stickers and the like, wallpapers and themes, previews of pages.

Sets are read by many and changed seldom: all of them live in one slot (the text SETS), so that a set and its name are
one commit. Pictures themselves are Media (media_records.py), named here by id and held by MediaHeld.
"""

from __future__ import annotations

from typing import Final

from tgserve.store.records import Record

SETS: Final = "sticker sets"
"""Whose slot the sets, their names and the lists of who made them are in."""
SCENES: Final = "scenes"
"""Whose slot wallpapers, themes and their slugs are in."""
STOCK_SLOT: Final = "stock"


class Sticker(Record, frozen=True):
    """One of a set. `emojis`: one to twenty, the first is the document's own; `mask`: TL maskCoords, where a mask sits
    on a face."""

    document: int
    emojis: tuple[str, ...]
    keywords: tuple[str, ...] = ()
    mask: bytes = b""


class StickerSet(Record, frozen=True):
    """`kind`: stickers masks emojis. `version` grows with every change and is the hash clients compare. `thumb`:
    document of its icon, 0 = the first sticker. Sets of the server itself have owner 0."""

    id: int
    owner: int
    kind: str
    title: str
    name: str
    date: int
    version: int = 1
    stickers: tuple[Sticker, ...] = ()
    thumb: int = 0
    thumb_version: int = 0
    text_color: bool = False
    software: str = ""


class Kept(Record, frozen=True):
    """An entry of a shelf: id of a set or document, when it came, and for sets whether it is archived."""

    id: int
    date: int
    archived: bool = False


class Shelf(Record, frozen=True):
    """Something a user keeps in order, the newest first: installed sets, recent stickers, GIFs ..."""

    items: tuple[Kept, ...] = ()


class Scene(Record, frozen=True):
    """A wallpaper or a theme. `kind`: wallpaper theme; `document` 0 = it is only colours; `settings`: TL of `layer`,
    wallPaperSettings or a theme that has only its settings; `format`: of a theme's file, as clients name it."""

    id: int
    kind: str
    owner: int
    date: int
    slug: str
    title: str = ""
    document: int = 0
    settings: bytes = b""
    layer: int = 0
    pattern: bool = False
    dark: bool = False
    installs: int = 0
    format: str = ""
    files: tuple[tuple[int, int, int], ...] = ()
    """Photos and documents inside `settings`, as Body.files has them."""


class Preview(Record, frozen=True):
    """What was found at an address, or that nothing was (`title` and `text` empty). `photo`: Media of its picture."""

    url: str
    found: int
    site: str = ""
    title: str = ""
    text: str = ""
    author: str = ""
    photo: int = 0
    kind: str = ""
