"""upload.*: parts of files in, any range of them out.

A location is opened by whoever knows its kind: `LOCATIONS` maps the class of an InputFileLocation to a function that
checks the caller's right to it and says what lies there. Photos of peers and thumbnails of sticker sets are entered by
their own rooms.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from tgserve import errors, limits
from tgserve.errors import ChunkLost
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, per_minute, rpc
from tgserve.services.files.references import PROFILE
from tgserve.store.media_records import Blob, Media
from tgserve.tl import types as t
from tgserve.tl.base import TLObject
from tgserve.tl.functions import upload

PARTS = per_minute(60_000)
"""A gigabyte a second in parts of 1 MiB; in parts of 32 KiB, 30 MB/s."""
ALIGNED = 4096
PRECISE = 1024
HASHED_BYTES = 128 * limits.KIB
"""One fileHash is of so many bytes; one answer has them for FILE_READ_BYTES."""


class Found(NamedTuple):
    """What lies at a location."""

    blob: Blob
    mime: str = ""


LOCATIONS: dict[type[TLObject], Callable[[Call, Any], Found]] = {}

_TYPES: dict[str, Callable[[], t.AnyStorageFileType]] = {
    "image/jpeg": t.StorageFileJpeg,
    "image/png": t.StorageFilePng,
    "image/gif": t.StorageFileGif,
    "image/webp": t.StorageFileWebp,
    "application/pdf": t.StorageFilePdf,
    "audio/mpeg": t.StorageFileMp3,
    "video/quicktime": t.StorageFileMov,
    "video/mp4": t.StorageFileMp4,
}


@rpc(upload.SaveFilePart, flood=PARTS)
async def save_file_part(call: Call, request: upload.SaveFilePart) -> bool:
    await call.services.files.uploads.save_part(call.me, request.file_id, request.file_part, request.bytes)
    return True


@rpc(upload.SaveBigFilePart, flood=PARTS)
async def save_big_file_part(call: Call, request: upload.SaveBigFilePart) -> bool:
    """file_total_parts is -1 while the client does not know how long its file will be."""
    total = request.file_total_parts
    if total == 0 or total < -1:
        raise errors.FILE_PARTS_INVALID()
    await call.services.files.uploads.save_part(
        call.me, request.file_id, request.file_part, request.bytes, big=True, total=max(total, 0)
    )
    return True


@rpc(upload.GetFile, flood=PARTS)
async def get_file(call: Call, request: upload.GetFile) -> t.AnyUploadFile:
    """Bytes of a file; fewer, or none, behind its end. A CDN is never mentioned."""
    check_range(request.offset, request.limit, precise=request.precise)
    found = located(call, request.location)
    try:
        data = await call.services.files.read(found.blob, request.offset, request.limit)
    except ChunkLost:
        raise errors.LOCATION_INVALID() from None
    kind = _TYPES.get(found.mime, t.StorageFileUnknown)
    return t.UploadFile(type=kind(), mtime=0, bytes=data)


@rpc(upload.GetFileHashes, flood=per_minute(1200))
async def get_file_hashes(call: Call, request: upload.GetFileHashes) -> list[t.AnyFileHash]:
    """SHA-256 of the next pieces of the file, eight at a time."""
    if request.offset < 0 or request.offset % HASHED_BYTES:
        raise errors.OFFSET_INVALID()
    found = located(call, request.location)
    data = await call.services.files.read(found.blob, request.offset, limits.FILE_READ_BYTES)
    return await asyncio.get_running_loop().run_in_executor(None, _hashes, data, request.offset)


def _hashes(data: bytes, offset: int) -> list[t.AnyFileHash]:
    pieces = [data[at : at + HASHED_BYTES] for at in range(0, len(data), HASHED_BYTES)]
    return [
        t.FileHash(offset=offset + at * HASHED_BYTES, limit=len(one), hash=hashlib.sha256(one).digest())
        for at, one in enumerate(pieces)
    ]


def check_range(offset: int, limit: int, *, precise: bool) -> None:
    """SECURITY 6.8: whole units, a limit that divides 1 MiB, nothing across a border of 1 MiB; with `precise` units
    are smaller and any limit goes. OFFSET_INVALID, LIMIT_INVALID."""
    unit = PRECISE if precise else ALIGNED
    if offset < 0 or offset % unit:
        raise errors.OFFSET_INVALID()
    most = limits.FILE_READ_BYTES
    if limit <= 0 or limit > most or limit % unit or (not precise and most % limit):
        raise errors.LIMIT_INVALID()
    if offset // most != (offset + limit - 1) // most:
        raise errors.OFFSET_INVALID()


def located(call: Call, location: t.AnyInputFileLocation) -> Found:
    """What lies there, if the caller may have it. LOCATION_INVALID, FILE_REFERENCE_*."""
    opener = LOCATIONS.get(type(location))
    if opener is None:
        raise errors.LOCATION_INVALID()
    return opener(call, location)


def elsewhere(call: Call, media_id: int) -> None:
    """FILE_MIGRATE_X when the file lies at another node."""
    at = call.services.nodes.home_of_media(media_id)
    if at != call.services.nodes.own_dc:
        raise errors.FILE_MIGRATE(at)


def _named(call: Call, location: Any) -> Media:
    elsewhere(call, location.id)
    media, origin = call.services.files.named(
        call.me, location.id, location.access_hash, location.file_reference
    )
    # Who has hidden his photo since it was shown is asked again (SECURITY 6.13).
    if origin.kind == PROFILE and not call.services.photos.fetchable(call.me, origin.peer, media.id):
        raise errors.LOCATION_INVALID()
    return media


def _document(call: Call, location: t.InputDocumentFileLocation) -> Found:
    media = _named(call, location)
    if media.photo:
        raise errors.LOCATION_INVALID()
    if not location.thumb_size:
        return Found(media.blob, media.mime)
    return shown(media, location.thumb_size)


def _photo(call: Call, location: t.InputPhotoFileLocation) -> Found:
    media = _named(call, location)
    if not media.photo:
        raise errors.LOCATION_INVALID()
    return shown(media, location.thumb_size)


def shown(media: Media, size: str) -> Found:
    """A size or preview of a photo or document. LOCATION_INVALID."""
    for one in media.sizes:
        if one.type == size:
            return Found(one.blob, "image/jpeg")
    for film in media.films:
        if film.type == size:
            return Found(film.blob, "video/mp4")
    raise errors.LOCATION_INVALID()


LOCATIONS[t.InputDocumentFileLocation] = _document
LOCATIONS[t.InputPhotoFileLocation] = _photo


@rpc(upload.GetWebFile, status=Status.REFUSED)
async def get_web_file(call: Call, request: upload.GetWebFile) -> t.AnyUploadWebFile:
    """Files of other sites are not fetched for clients."""
    raise errors.WEBFILE_NOT_AVAILABLE()


@rpc(upload.GetCdnFile, status=Status.REFUSED)
async def get_cdn_file(call: Call, request: upload.GetCdnFile) -> t.AnyUploadCdnFile:
    raise errors.CDN_METHOD_INVALID()


@rpc(upload.ReuploadCdnFile, status=Status.REFUSED)
async def reupload_cdn_file(call: Call, request: upload.ReuploadCdnFile) -> list[t.AnyFileHash]:
    raise errors.CDN_METHOD_INVALID()
