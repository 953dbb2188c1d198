"""Short words for files in tests: pictures, uploads in parts, downloads, and the objects that name them."""

from __future__ import annotations

import io
from itertools import count
from typing import Any

from PIL import Image

from tests.talk import Person
from tgserve.tl import types as t
from tgserve.tl.functions import messages, upload

_IDS = count(1000)
PART = 512 * 1024


def picture(width: int = 320, height: int = 200, color: tuple[int, int, int] = (200, 40, 10)) -> bytes:
    """A JPEG."""
    data = io.BytesIO()
    Image.new("RGB", (width, height), color).save(data, "JPEG")
    return data.getvalue()


async def put(
    person: Person, data: bytes, *, part: int = PART, name: str = "a.bin", big: bool = False
) -> Any:
    """Upload; the InputFile."""
    file_id = next(_IDS)
    pieces = [data[at : at + part] for at in range(0, len(data), part)]
    for number, piece in enumerate(pieces):
        if big:
            request: Any = upload.SaveBigFilePart(
                file_id=file_id, file_part=number, file_total_parts=len(pieces), bytes=piece
            )
        else:
            request = upload.SaveFilePart(file_id=file_id, file_part=number, bytes=piece)
        assert await person(request) is True
    if big:
        return t.InputFileBig(id=file_id, parts=len(pieces), name=name)
    return t.InputFile(id=file_id, parts=len(pieces), name=name, md5_checksum="")


def as_document(file: Any, *attributes: Any, mime: str = "application/x-test", **more: Any) -> Any:
    return t.InputMediaUploadedDocument(file=file, mime_type=mime, attributes=list(attributes), **more)


async def send(person: Person, other: Any, media: Any, text: str = "", **more: Any) -> t.Message:
    """sendMedia; the message as its sender sees it."""
    request = messages.SendMedia(
        peer=person.peer(other), media=media, message=text, **{"random_id": next(_IDS), **more}
    )
    return sent(await person(request))


def sent(answer: Any) -> t.Message:
    return next(
        one.message
        for one in answer.updates
        if isinstance(one, t.UpdateNewMessage | t.UpdateNewChannelMessage | t.UpdateNewScheduledMessage)
    )


async def newest(person: Person, other: Any) -> Any:
    return (await person.history(other, limit=1))[0]


def location(media: Any, size: str = "") -> Any:
    """Where the file of a message's media is."""
    if isinstance(media, t.MessageMediaPhoto):
        media = media.photo
    elif isinstance(media, t.MessageMediaDocument):
        media = media.document
    if isinstance(media, t.Photo):
        return t.InputPhotoFileLocation(
            id=media.id,
            access_hash=media.access_hash,
            file_reference=media.file_reference,
            thumb_size=size or media.sizes[-1].type,
        )
    assert isinstance(media, t.Document)
    return t.InputDocumentFileLocation(
        id=media.id, access_hash=media.access_hash, file_reference=media.file_reference, thumb_size=size
    )


def named(media: Any, **more: Any) -> Any:
    """The InputMedia that sends it again."""
    if isinstance(media, t.MessageMediaPhoto):
        photo = media.photo
        assert isinstance(photo, t.Photo)
        found = t.InputPhoto(id=photo.id, access_hash=photo.access_hash, file_reference=photo.file_reference)
        return t.InputMediaPhoto(id=found, **more)
    document = media.document
    return t.InputMediaDocument(
        id=t.InputDocument(
            id=document.id, access_hash=document.access_hash, file_reference=document.file_reference
        ),
        **more,
    )


async def fetch(person: Person, where: Any, *, limit: int = PART) -> bytes:
    """Download to the end."""
    parts: list[bytes] = []
    while True:
        request = upload.GetFile(location=where, offset=len(parts) * limit, limit=limit)
        found = await person(request)
        parts.append(found.bytes)
        if len(found.bytes) < limit:
            return b"".join(parts)
