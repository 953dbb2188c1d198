"""Files that are stickers, files that are not, and people with an imaging process."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from PIL import Image

from tests.talk import Person, talk
from tgserve import api
from tgserve.render import media as render_media
from tgserve.services.files.references import UPLOADED, Origin
from tgserve.stock import motions
from tgserve.stock.catalogue import DRAWINGS
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import stickers

api.load()
_NAMES = count(1)


def webp(width: int = 512, height: int = 400, color: str = "red", kind: str = "WEBP") -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (width, height), color).save(out, kind)
    return out.getvalue()


def tgs(**changes: Any) -> bytes:
    """An animation of ours, with some of its head changed."""
    drawn = json.loads(gzip.decompress(motions.select(DRAWINGS["\U0001f44d"])))
    return gzip.compress(json.dumps(drawn | changes).encode())


class Maker(Person):
    """A person who can upload."""

    async def document(self, data: bytes, mime: str = "image/webp", attributes: Any = ()) -> t.InputDocument:
        """A document of his own, as messages.uploadMedia gives it."""
        files = self.c.services.files
        made = await files.create_document(
            self.id,
            await files.store_bytes(data),
            mime=mime,
            attributes=render_media.attributes_bytes(list(attributes)),
            layer=layers.CURRENT,
        )
        return self.named(render_media.document(self.c.services, self.id, made, Origin(UPLOADED)))

    @staticmethod
    def named(document: Any) -> t.InputDocument:
        return t.InputDocument(
            id=document.id, access_hash=document.access_hash, file_reference=document.file_reference
        )

    async def item(self, data: bytes | None = None, emoji: str = "\U0001f600", **more: Any) -> Any:
        mime = more.pop("mime", "image/webp")
        document = await self.document(webp() if data is None else data, mime)
        return t.InputStickerSetItem(document=document, emoji=emoji, **more)

    async def make(self, *items: Any, name: str = "", title: str = "Title", **more: Any) -> Any:
        """A set of his."""
        return await self(
            stickers.CreateStickerSet(
                user_id=t.InputUserSelf(),
                title=title,
                short_name=name or f"set_{next(_NAMES)}_x",
                stickers=list(items) or [await self.item()],
                **more,
            )
        )


def id_of(found: Any) -> t.InputStickerSetID:
    """How a set is named that was answered."""
    return t.InputStickerSetID(id=found.set.id, access_hash=found.set.access_hash)


@asynccontextmanager
async def makers(people: int = 2, *, stock: bool = False) -> AsyncIterator[tuple[Any, list[Maker]]]:
    async with talk(people) as (c, persons):
        if stock:
            await c.services.stock.start()
        yield c, [Maker(c, one.id, one.session) for one in persons]
