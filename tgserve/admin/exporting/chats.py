"""Chats as the export has them: what they are called, and their messages from the first to the last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from tgserve.admin.exporting import actions, media
from tgserve.admin.exporting.folder import Folder, Result, dated, moment
from tgserve.admin.exporting.texts import Part, as_text, entities_of, parts_of
from tgserve.admin.jobs import Job
from tgserve.render.peers import peer_id
from tgserve.services import Services, boxes
from tgserve.services.boxes import View
from tgserve.services.channels import rights
from tgserve.services.history import Window
from tgserve.services.users import SERVICE_ID
from tgserve.store.keyspaces import DIALOGS, PEER_ROWS
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.slots import slot_of
from tgserve.tl import layers
from tgserve.tl import types as t

ROWS_AT_ONCE = 100
BREATHER = 20
"""Messages written before clients are served again."""


class Chats:
    """`job` counts messages, and can be cancelled between any two pages."""

    def __init__(self, services: Services, folder: Folder, result: Result, job: Job) -> None:
        self._services = services
        self._folder = folder
        self._result = result
        self._job = job

    # -- names --------------------------------------------------------------------------------------------------------

    def name(self, peer: int) -> str | None:
        """None for a deleted account, as Desktop writes it."""
        if peer > 0:
            user = self._services.users.get_or_none(peer)
            if user is None or user.deleted:
                return None
            return f"{user.first_name} {user.last_name}".strip()
        if peer > -CHANNEL_BASE:
            roster = self._services.groups.rosters.get_or_none(peer)
            return roster.group.title if roster is not None else None
        record = self._services.channels.register.get_or_none(peer)
        return record.title if record is not None else None

    def kind(self, me: int, peer: int) -> str:
        if peer > 0:
            if peer == me:
                return "saved_messages"
            user = self._services.users.get_or_none(peer)
            return "bot_chat" if user is not None and user.bot else "personal_chat"
        if peer > -CHANNEL_BASE:
            return "private_group"
        record = self._services.channels.register.get_or_none(peer)
        public = "public" if record is not None and rights.is_public(record) else "private"
        return f"{public}_{'supergroup' if record is not None and record.megagroup else 'channel'}"

    # -- chats --------------------------------------------------------------------------------------------------------

    def count(self, me: int, peer: int) -> int:
        """Messages of a chat of `me`'s; about, where some of a channel's are not for him."""
        owner = peer if peer <= -CHANNEL_BASE else me
        with self._services.store.read(slot_of(owner)) as reader:
            dialog = reader.get(DIALOGS, owner, peer)
        return dialog.count if dialog is not None else 0

    async def write(self, me: int, peer: int, *, floor: int = 0) -> None:
        """The fields of a chat, into the object that is open. `floor`: messages up to this id are left out."""
        kind = self.kind(me, peer)
        if kind != "saved_messages":
            self._result.put(self.name(peer), "name")
        self._result.put(kind, "type")
        self._result.put(_bare(peer), "id")
        self._result.open("[", "messages")
        owner = peer if peer <= -CHANNEL_BASE else me
        for views in self._pages(owner, peer, floor):
            for number, view in enumerate(views):
                if number % BREATHER == 0:
                    await asyncio.sleep(0)
                self._result.put(await self.message(view))
            self._job.done += len(views)
        self._result.close()

    def floor(self, me: int, channel: int) -> int:
        """Up to which message a channel's history is not for `me`."""
        return self._services.channels.reading.fitting(me, channel, Window()).min_id

    def _pages(self, owner: int, peer: int, floor: int) -> Iterator[list[View]]:
        services, last = self._services, floor
        while True:
            with services.store.read(slot_of(owner)) as reader:
                rows = reader.range(PEER_ROWS, owner, peer, lo=last + 1, limit=ROWS_AT_ONCE)
                named = [(key[2], boxes.unpack_row(owner, peer, key[2], value)) for key, value in rows]
                views = services.history.views_of(reader, owner, named)
            if not named:
                return
            last = named[-1][0]
            yield views

    # -- messages -----------------------------------------------------------------------------------------------------

    async def message(self, view: View) -> Part:
        body = view.body
        service = bool(body.action)
        made: Part = {
            "id": view.msg_id,
            "type": "service" if service else "message",
            **dated(body.date),
        }
        if body.edit_date and not body.edit_hide:
            made["edited"] = moment(body.edit_date)
            made["edited_unixtime"] = str(body.edit_date)
        who = "actor" if service else "from"
        made[who] = self.name(body.author)
        made[f"{who}_id"] = _named(body.author)
        if service:
            made |= await actions.fields(self._services, self._folder, view, self.name)
            return {**made, "text": "", "text_entities": []}
        if body.signature:
            made["author"] = body.signature
        if body.fwd:
            made |= self._forwarded(layers.decode(body.fwd))
        if view.reply_id:
            made["reply_to_message_id"] = view.reply_id
        if body.via_bot:
            bot = self._services.users.get_or_none(body.via_bot)
            made["via_bot"] = f"@{bot.username}" if bot is not None else ""
        made |= await media.fields(self._services, self._folder, view)
        text = body.text.decode(errors="replace")
        parts = parts_of(text, entities_of(body.entities))
        made["text"] = as_text(parts)
        made["text_entities"] = parts
        if body.reactions is not None and body.reactions.counts:
            made["reactions"] = [_reaction(kind, count) for kind, count in body.reactions.counts]
        return made

    def _forwarded(self, header: Any) -> Part:
        if not isinstance(header, t.MessageFwdHeader):
            return {}
        made: Part = {"forwarded_from": header.from_name}
        if header.from_id is not None:
            first = peer_id(header.from_id)
            made = {"forwarded_from": self.name(first), "forwarded_from_id": _named(first)}
        if header.saved_from_peer is not None:
            made["saved_from"] = self.name(peer_id(header.saved_from_peer))
        return made


def _bare(peer: int) -> int:
    """The id without what says of what kind it is."""
    return -peer - CHANNEL_BASE if peer <= -CHANNEL_BASE else abs(peer)


def _named(peer: int) -> str:
    if peer > 0:
        return f"user{peer}"
    return f"channel{_bare(peer)}" if peer <= -CHANNEL_BASE else f"chat{_bare(peer)}"


def _reaction(kind: str, count: int) -> Part:
    if kind.isdigit():
        return {"type": "custom_emoji", "count": count, "document_id": kind}
    return {"type": "emoji", "count": count, "emoji": kind}


def chats_of(services: Services, me: int) -> list[int]:
    """The chats of somebody's list, the server's own left out, and the channels he is in."""
    with services.store.read(slot_of(me)) as reader:
        found = [
            peer
            for (*_, peer), dialog in reader.range(DIALOGS, me)
            if dialog.count and peer != SERVICE_ID and peer > -CHANNEL_BASE
        ]
    return found + services.channels.register.of_user(me)
