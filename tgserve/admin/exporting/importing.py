"""An export's messages as new ones of a chat here, under the names and dates they had: each is marked as imported and
names who wrote it and when, as Telegram's own import of other messengers' chats does it.

Repeated, it does nothing twice: a message that is there already is known by date, name and text.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tgserve import errors
from tgserve.admin.exporting.reading import Export, Item
from tgserve.admin.jobs import Job
from tgserve.admin.refusal import Refusal
from tgserve.api.messages.attachments import (
    ANY,
    Ready,
    clean,
    made_document,
    mime_type,
    ready,
    shown_document,
)
from tgserve.api.messages.entities import Text, compose
from tgserve.errors import RpcError
from tgserve.render.media import blank_photo
from tgserve.rpc.context import NO_DEVICE, Call, SessionRef
from tgserve.services import Services, boxes
from tgserve.services.messaging import Draft, ReplyTo
from tgserve.store.keyspaces import PEER_ROWS
from tgserve.store.media_records import PIECE_BYTES, Blob
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.slots import slot_of
from tgserve.tl import layers
from tgserve.tl import types as t

ROWS_AT_ONCE = 100
BREATHER = 20
"""Messages looked at before clients are served again."""
AT_ONCE = 50
"""Messages without files that are sent in one commit."""
PHOTO_BYTES = 10 << 20
"""Larger pictures come in as files."""

Known = tuple[int, str, bytes]
"""(date, name, hash of the text): a message that was imported."""


def into(services: Services, export: Export, me: int, peer: int) -> Callable[[Job], Awaitable[None]]:
    """What imports into chat `peer`; the messages are `me`'s."""

    async def work(job: Job) -> None:
        run = _Run(services, export, me, peer)
        job.total = len(export.items)
        await run.look()
        await run.send_all(job)
        parts = [f"{run.sent} messages imported"]
        for count, words in (
            (run.skipped, "were there already"),
            (export.services, "service messages left out"),
            (export.left_out, "files not in the export"),
        ):
            if count:
                parts.append(f"{count} {words}")
        job.note = ", ".join(parts)

    return work


class _Run:
    def __init__(self, services: Services, export: Export, me: int, peer: int) -> None:
        self._services = services
        self._export = export
        self._peer = peer
        self._me = me
        self._there: dict[Known, deque[int]] = {}
        self._ids: dict[int, int] = {}
        """Message of the export -> its id here."""
        self._waiting: list[tuple[Item, int, Draft]] = []
        self._same: Counter[Known] = Counter()
        self.sent = 0
        self.skipped = 0
        self._call = Call(
            me,
            SessionRef(0, 0),
            layers.CURRENT,
            NO_DEVICE,
            "",
            services.config.dc_id,
            int(services.clock.now()),
            0,
            services,
        )

    async def look(self) -> None:
        """Find what was imported before."""
        owner = self._peer if self._peer <= -CHANNEL_BASE else self._me
        last = 0
        while True:
            with self._services.store.read(slot_of(owner)) as reader:
                rows = reader.range(PEER_ROWS, owner, self._peer, lo=last + 1, limit=ROWS_AT_ONCE)
                named = [(key[2], boxes.unpack_row(owner, self._peer, key[2], value)) for key, value in rows]
                views = self._services.history.views_of(reader, owner, named)
            if not named:
                return
            last = named[-1][0]
            for view in views:
                header: Any = layers.decode(view.body.fwd) if view.body.fwd else None
                if isinstance(header, t.MessageFwdHeader) and header.imported:
                    known = (header.date, header.from_name or "", _hash(view.body.text))
                    self._there.setdefault(known, deque()).append(view.msg_id)
            await asyncio.sleep(0)

    async def send_all(self, job: Job) -> None:
        for number, item in enumerate(self._export.items):
            if number % BREATHER == 0:
                await asyncio.sleep(0)
            text = self._text(item)
            known = (item.date, item.sender, _hash(text.text))
            self._same[known] += 1
            found = self._there.get(known)
            if found:
                self._ids[item.id] = found.popleft()
                self.skipped += 1
                job.done += 1
                continue
            waits = any(item.reply_to == other.id for other, _, _ in self._waiting)
            if item.file is not None or waits or len(self._waiting) >= AT_ONCE:
                await self._flush(job)
            media = await self._media(item)
            self._waiting.append((item, self._random_id(known), self._draft(item, text, media)))
            if item.file is not None:
                await self._flush(job)
        await self._flush(job)

    async def _flush(self, job: Job) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        drafts = [(random_id, draft) for _, random_id, draft in waiting]
        try:
            sent = await self._services.messaging.send_many(self._me, self._peer, drafts)
        except RpcError as error:
            meaning = errors.CATALOGUE[error.name].meaning if error.name in errors.CATALOGUE else ""
            raise Refusal(
                f"message {waiting[0][0].id}: {meaning} ({error.name}); {self.sent} were imported before it, and are "
                "not imported again"
            ) from None
        for (item, _, _), one in zip(waiting, sent, strict=True):
            self._ids[item.id] = one.msg_id
            self.skipped += one.repeated
            self.sent += not one.repeated
        job.done += len(waiting)

    def _random_id(self, known: Known) -> int:
        """The same for the same message at every try: cut in between, nothing is sent twice."""
        date, name, text = known
        said = f"{self._peer} {date} {self._same[known]} {name}\0".encode(errors="replace") + text
        return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big", signed=True) or 1

    def _text(self, item: Item) -> Text:
        text = item.text
        if item.left_out:
            text = f"{text}\n[{item.left_out}]".strip()
        elif not text and item.file is None and _place(item.fields) is None:
            text = f"[{_what(item.fields)}]"
        try:
            return compose(self._call, text, item.entities)
        except RpcError:
            return compose(self._call, text, None)

    def _draft(self, item: Item, text: Text, media: Ready) -> Draft:
        header = t.MessageFwdHeader(imported=True, from_name=item.sender, date=item.date)
        fwd, fwd_layer = layers.encode_part(header)
        answered = self._ids.get(item.reply_to, 0)
        return Draft(
            text=text.text,
            entities=text.entities,
            layer=layers.CURRENT,
            min_layer=max(text.min_layer, media.min_layer, fwd_layer),
            users=text.users,
            fwd=fwd,
            reply=ReplyTo(answered) if answered else None,
            silent=True,
            **{**media.fields(), "media_unread": False},
        )

    # -- files --------------------------------------------------------------------------------------------------------

    async def _media(self, item: Item) -> Ready:
        """The item's file as message media; a picture that cannot be read is a file."""
        if item.file is None:
            return ready(_place(item.fields))
        files = self._services.files
        if item.photo and item.size <= PHOTO_BYTES:
            try:
                processed = await files.imaging.photo(await asyncio.to_thread(item.file.read_bytes))
            except RpcError:
                pass
            else:
                photo = await files.create_photo(self._me, processed)
                spoiler = bool(item.fields.get("media_spoiler"))
                return ready(t.MessageMediaPhoto(spoiler=spoiler, photo=blank_photo(self._services, photo)))
        blob = await self._stored(item.file)
        mime = mime_type(str(item.fields.get("mime_type", "image/jpeg" if item.photo else "")))
        attributes = clean(_attributes(item))
        try:
            document = await made_document(self._call, blob, mime, attributes)
        except RpcError:  # no sticker, whatever the export says: a file like any other
            document = await made_document(self._call, blob, ANY, clean(_attributes(item)[:1]))
        made, _ = shown_document(self._call, document, bool(item.fields.get("media_spoiler")))
        return ready(made)

    async def _stored(self, path: Path) -> Blob:
        """The file in chunks, a piece in memory at a time."""
        content, pieces, size = self._services.files.content, [], 0
        with await asyncio.to_thread(path.open, "rb") as file:
            while data := await asyncio.to_thread(file.read, PIECE_BYTES):
                pieces.append(await content.put(data))
                size += len(data)
        return Blob(size, b"".join(pieces))


def _hash(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()


def _attributes(item: Item) -> list[t.AnyDocumentAttribute]:
    said = item.fields
    name = said.get("file_name")
    if not isinstance(name, str) or not name:
        name = item.file.name if item.file is not None else "file"
    found: list[t.AnyDocumentAttribute] = [t.DocumentAttributeFilename(file_name=name)]
    seconds, width, height = (_whole(said.get(word)) for word in ("duration_seconds", "width", "height"))
    kind = said.get("media_type")
    if kind in ("voice_message", "audio_file"):
        found.append(
            t.DocumentAttributeAudio(
                voice=kind == "voice_message",
                duration=seconds,
                title=_word(said.get("title")),
                performer=_word(said.get("performer")),
            )
        )
    elif kind in ("video_file", "video_message", "animation"):
        found.append(
            t.DocumentAttributeVideo(
                duration=float(seconds),
                w=width,
                h=height,
                round_message=kind == "video_message",
                supports_streaming=True,
            )
        )
        if kind == "animation":
            found.append(t.DocumentAttributeAnimated())
    elif kind == "sticker":
        found.append(
            t.DocumentAttributeSticker(
                alt=_word(said.get("sticker_emoji")) or "", stickerset=t.InputStickerSetEmpty()
            )
        )
        found.append(t.DocumentAttributeImageSize(w=width, h=height))
    return found


def _place(said: dict[str, Any]) -> Any:
    """A place or a contact, None for anything else."""
    where, who = said.get("location_information"), said.get("contact_information")
    if isinstance(where, dict):
        lat, long = where.get("latitude"), where.get("longitude")
        if (
            isinstance(lat, int | float)
            and isinstance(long, int | float)
            and abs(lat) <= 90
            and abs(long) <= 180
        ):
            geo = t.GeoPoint(long=float(long), lat=float(lat), access_hash=0)
            title = _word(said.get("place_name"))
            if title:
                address = _word(said.get("address")) or ""
                return t.MessageMediaVenue(
                    geo=geo, title=title, address=address, provider="", venue_id="", venue_type=""
                )
            return t.MessageMediaGeo(geo=geo)
    if isinstance(who, dict):
        words = [_word(who.get(name)) or "" for name in ("phone_number", "first_name", "last_name")]
        return t.MessageMediaContact(
            phone_number=words[0], first_name=words[1], last_name=words[2], vcard="", user_id=0
        )
    return None


def _what(said: dict[str, Any]) -> str:
    """A word for a message that has nothing else to show here: polls, games and what is newer than this."""
    poll = said.get("poll")
    if isinstance(poll, dict):
        answers = [str(one.get("text", "")) for one in poll.get("answers") or [] if isinstance(one, dict)]
        lines = [f"poll: {poll.get('question', '')}", *(f"- {answer}" for answer in answers)]
        return "\n".join(lines)[:1000]
    return "message"


def _whole(value: Any) -> int:
    return max(0, min(int(value), 2**31 - 1)) if isinstance(value, int | float) and value == value else 0


def _word(value: Any) -> str | None:
    return value[:256] if isinstance(value, str) and value else None
