"""Where a message of a channel is found, and who wrote it."""

from __future__ import annotations

from typing import Final

from tgserve import errors
from tgserve.render.channel import channel_id
from tgserve.render.embedding import quotation
from tgserve.render.user import user as draw_user
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.boxes import View
from tgserve.services.channels import rights
from tgserve.tl import types as t
from tgserve.tl.functions import channels

LINK: Final = "https://t.me/"


def _message(call: Call, channel: int, msg_id: int) -> View:
    view = call.services.channels.reading.message_or_none(call.me, channel, msg_id)
    if view is None:
        raise errors.MESSAGE_ID_INVALID()
    return view


@rpc(channels.ExportMessageLink, flood=per_minute(240))
async def export_message_link(call: Call, request: channels.ExportMessageLink) -> t.AnyExportedMessageLink:
    """By the username where there is one, else by a number that members alone can follow. `html` quotes posts that
    everybody may read."""
    channel = peers.resolve_channel(call, request.channel)
    view = _message(call, channel, request.id)
    record, _ = call.services.channels.register.view(call.me, channel)
    names = [name for name, active in record.usernames if active]
    place = names[0] if names else f"c/{channel_id(channel)}"
    topic = view.body.topic
    marks = []
    if topic and topic != request.id and record.forum:
        place = f"{place}/{topic}"
    elif topic and topic != request.id and request.thread:
        marks.append(f"thread={topic}")
    if view.body.grouped_id and not request.grouped:
        marks.append("single")
    link = f"{LINK}{place}/{request.id}" + ("?" + "&".join(marks) if marks else "")
    html = quotation(link, record.title, view.body, text=not record.noforwards) if names else ""
    return t.ExportedMessageLink(link=link, html=html)


@rpc(channels.GetMessageAuthor, flood=per_minute(120))
async def get_message_author(call: Call, request: channels.GetMessageAuthor) -> t.AnyUser:
    """Who sent what stands under the name of the channel: for its admins, who can read it in the log."""
    channel = peers.resolve_channel(call, request.channel)
    record, seat = call.services.channels.register.seat(call.me, channel)
    if not rights.is_admin(record, call.me, seat):
        raise errors.CHAT_ADMIN_REQUIRED()
    body = _message(call, channel, request.id).body
    wrote: t.AnyUser = draw_user(call.services, call.me, body.signer or body.author)
    return wrote
