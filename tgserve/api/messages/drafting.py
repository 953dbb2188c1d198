"""From a request's fields to a messaging.Draft: what sendMessage, sendMedia and saveDraft have in common."""

from __future__ import annotations

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.api.messages.entities import Text, compose
from tgserve.api.messages.stock import EFFECTS
from tgserve.render.forward import origin_of
from tgserve.render.message import entities_of
from tgserve.render.peers import peer as peer_object
from tgserve.render.peers import peer_id
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.services.alarms import WHEN_ONLINE
from tgserve.services.boxes import View
from tgserve.services.channels.register import is_channel
from tgserve.services.messaging import ReplyTo
from tgserve.services.privacy import STATUS
from tgserve.tl import layers
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


def effect(call: Call, peer: int, asked: int | None) -> int:
    """The effect a message is sent with: only people see any. EFFECT_ID_INVALID."""
    if not asked:
        return 0
    if peer <= 0 or not 1 <= asked <= len(EFFECTS):
        raise errors.EFFECT_ID_INVALID()
    return asked


def send_as(call: Call, peer: int, asked: t.AnyInputPeer | None) -> int:
    """Under whose name to send, 0 when that is left open. SEND_AS_PEER_INVALID."""
    if asked is None:
        return 0
    found = peers.resolve(call, asked)
    if not is_channel(peer) and found != call.me:
        raise errors.SEND_AS_PEER_INVALID()
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


def later(call: Call, peer: int, schedule_date: int | None, repeat: int | None = None) -> int:
    """The time a message is asked to be sent at, 0 for now. SCHEDULE_STATUS_PRIVATE. One that is to come again and
    again is for accounts with Premium, which nobody has (PREMIUM_ACCOUNT_REQUIRED): sent once, it would be missed."""
    if repeat:
        raise errors.PREMIUM_ACCOUNT_REQUIRED()
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
    if reply.reply_to_peer_id is not None:
        source = peers.resolve(call, reply.reply_to_peer_id)
        if source != peer:
            top = max(reply.top_msg_id or 0, 0) if is_channel(peer) else 0
            return replace(_foreign(call, source, reply), top=top)
    top = max(reply.top_msg_id or 0, 0) if is_channel(peer) else 0
    if not reply.reply_to_msg_id and not top:
        return None
    if not reply.quote_text:
        return ReplyTo(reply.reply_to_msg_id, top=top)
    return replace(_quote(call, peer, reply), top=top)


def in_topic(peer: int, reply: ReplyTo | None, top: int | None) -> ReplyTo | None:
    """For requests that name topic or thread beside what they answer."""
    if not top or top < 0 or not is_channel(peer) or (reply is not None and reply.top):
        return reply
    return ReplyTo(0, top=top) if reply is None else replace(reply, top=top)


def _foreign(call: Call, source: int, reply: t.InputReplyToMessage) -> ReplyTo:
    """An answer, elsewhere, to a message of chat `source`: it says whose that was and what of it is quoted, as a
    forward would, and where it stands only for posts of channels: nobody else has the same number for any other.
    Messages that may not be forwarded may not be answered so (CHAT_FORWARDS_RESTRICTED)."""
    view = _answered(call, source, reply.reply_to_msg_id)
    if view is None or view.row.peer != source or view.body.action:
        raise errors.REPLY_MESSAGE_ID_INVALID()
    roster = (
        call.services.groups.rosters.get_or_none(source) if not is_channel(source) and source < 0 else None
    )
    record = call.services.channels.register.get_or_none(source) if is_channel(source) else None
    kept = (roster is not None and roster.group.noforwards) or (record is not None and record.noforwards)
    if view.body.noforwards or kept:
        raise errors.CHAT_FORWARDS_RESTRICTED()
    origin = origin_of(call.services, call.me, view)
    header = t.MessageReplyHeader(reply_from=origin)
    if reply.quote_text:
        quoted = _quote(call, source, reply)
        header.quote = True
        header.quote_text = quoted.quote_text
        header.quote_entities = entities_of(quoted.quote_entities) or None
        header.quote_offset = quoted.quote_offset or None
    if is_channel(source):
        header.reply_to_msg_id = reply.reply_to_msg_id
        header.reply_to_peer_id = peer_object(source)
    data, layer = layers.encode_part(header)
    named = (peer_id(one) for one in (origin.from_id, header.reply_to_peer_id) if one is not None)
    return ReplyTo(0, foreign=data, foreign_layer=layer, users=tuple(dict.fromkeys(named)))


def _answered(call: Call, peer: int, msg_id: int) -> View | None:
    if is_channel(peer):
        return call.services.channels.reading.message_or_none(call.me, peer, msg_id)
    return call.services.history.message_or_none(call.me, msg_id)


def _quote(call: Call, peer: int, reply: t.InputReplyToMessage) -> ReplyTo:
    quote = compose(
        call, reply.quote_text or "", reply.quote_entities, limit=limits.CAPTION_CHARS, links=False
    )
    view = _answered(call, peer, reply.reply_to_msg_id)
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
