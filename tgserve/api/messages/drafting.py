"""From a request's fields to a messaging.Draft: what sendMessage, sendMedia and saveDraft have in common."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.api.messages.entities import Text, compose
from tgserve.render.message import entities_of
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.services.alarms import WHEN_ONLINE
from tgserve.services.channels.register import is_channel
from tgserve.services.messaging import ReplyTo
from tgserve.services.privacy import STATUS
from tgserve.tl import types as t

SEND_NOW_SECONDS = 10
"""A schedule_date nearer than this means now, as clients expect."""


def writable_peer(call: Call, peer: t.AnyInputPeer) -> int:
    """The peer of a request that sends. PEER_ID_INVALID, INPUT_USER_DEACTIVATED."""
    found = peers.resolve(call, peer)
    if found < 0:
        return found  # the sending looks at membership and rights
    user = call.services.users.get_or_none(found)
    if user is None:
        raise errors.PEER_ID_INVALID()
    if user.deleted:
        raise errors.INPUT_USER_DEACTIVATED()
    return found


def mentions(call: Call, text: Text) -> tuple[int, ...]:
    """The users that a text for a group names, by id or by username."""
    found = dict.fromkeys(text.users)
    units = None
    for entity in entities_of(text.entities):
        if isinstance(entity, t.MessageEntityMention):
            units = units or text.text.decode().encode("utf-16-le")
            name = units[2 * entity.offset + 2 : 2 * (entity.offset + entity.length)].decode("utf-16-le")
            peer = call.services.names.peer_or_none(name)
            if peer is not None:
                found[peer] = None
    return tuple(found)


def later(call: Call, peer: int, schedule_date: int | None) -> int:
    """The time a message is asked to be sent at, 0 for now. SCHEDULE_STATUS_PRIVATE."""
    if not schedule_date or schedule_date <= call.now + SEND_NOW_SECONDS:
        return 0
    if schedule_date >= WHEN_ONLINE:
        if peer <= 0 or peer == call.me or not call.services.privacy.allows(peer, STATUS, call.me):
            raise errors.SCHEDULE_STATUS_PRIVATE()
        return WHEN_ONLINE
    return schedule_date


def reply_to(call: Call, peer: int, reply: t.AnyInputReplyTo | None) -> ReplyTo | None:
    """REPLY_MESSAGE_ID_INVALID, QUOTE_TEXT_INVALID. That the message is in the chat is checked where it is sent."""
    if reply is None:
        return None
    if not isinstance(reply, t.InputReplyToMessage):
        raise errors.REPLY_MESSAGE_ID_INVALID()
    if reply.reply_to_peer_id is not None and peers.resolve(call, reply.reply_to_peer_id) != peer:
        raise errors.REPLY_MESSAGE_ID_INVALID()
    if not reply.reply_to_msg_id:
        return None
    if not reply.quote_text:
        return ReplyTo(reply.reply_to_msg_id)
    return _quote(call, peer, reply)


def _quote(call: Call, peer: int, reply: t.InputReplyToMessage) -> ReplyTo:
    quote = compose(
        call, reply.quote_text or "", reply.quote_entities, limit=limits.CAPTION_CHARS, links=False
    )
    if is_channel(peer):
        view = call.services.channels.reading.message_or_none(call.me, peer, reply.reply_to_msg_id)
    else:
        view = call.services.history.message_or_none(call.me, reply.reply_to_msg_id)
    if view is None:
        raise errors.REPLY_MESSAGE_ID_INVALID()
    text, quoted = view.body.text.decode(), quote.text.decode()
    whole, part = text.encode("utf-16-le"), quoted.encode("utf-16-le")
    at = 2 * max(reply.quote_offset or 0, 0)
    if not part or whole[at : at + len(part)] != part:
        found = text.find(quoted) if quoted else -1
        if found < 0:
            raise errors.QUOTE_TEXT_INVALID()
        at = len(text[:found].encode("utf-16-le"))
    return ReplyTo(reply.reply_to_msg_id, quoted, quote.entities, at // 2)
