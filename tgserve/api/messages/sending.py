"""messages.sendMessage and the forwarding of messages."""

from __future__ import annotations

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.api.messages import drafting, webpages
from tgserve.api.messages.entities import compose
from tgserve.api.messages.scheduling import schedule
from tgserve.render import post
from tgserve.render import sent as render_sent
from tgserve.render.forward import forwarded
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.boxes import View
from tgserve.services.channels.register import is_channel
from tgserve.services.messaging import Draft
from tgserve.tl import types as t
from tgserve.tl.functions import messages
from tgserve.tl.layers import CURRENT


@rpc(messages.SendMessage, flood=per_minute(600))
async def send_message(call: Call, request: messages.SendMessage) -> t.AnyUpdates:
    """A text to a person. The short answer is enough for a device that knows what it sent; when the text was changed
    (white space) it gets the message as it is now; so it does of Saved Messages, where Kurigram cannot read the short
    answer."""
    peer = drafting.writable_peer(call, request.peer)
    if request.rich_message is not None or request.quick_reply_shortcut is not None:
        raise errors.METHOD_NOT_AVAILABLE()
    text = compose(call, request.message, request.entities)
    if not text.text:
        raise errors.MESSAGE_EMPTY()
    reply = None if request.reply_to is None else drafting.reply_to(call, peer, request.reply_to)
    draft = Draft(
        text.text,
        text.entities,
        layer=CURRENT,
        min_layer=text.min_layer,
        users=text.users,
        reply=reply,
        silent=request.silent,
        noforwards=request.noforwards,
        invert_media=request.invert_media,
        effect=drafting.effect(call, peer, request.effect) if request.effect else 0,
        mentions=drafting.mentions(call, text) if peer < 0 and text.entities else (),
    )
    send_as = 0 if request.send_as is None else drafting.send_as(call, peer, request.send_as)
    looking = None
    if call.services.previews.web is not None and text.entities and not request.no_webpage:
        if webpages.may_embed(call, peer):
            draft, looking = webpages.with_preview(call, draft)
    if request.schedule_date or request.schedule_repeat_period:
        later = drafting.later(call, peer, request.schedule_date, request.schedule_repeat_period)
        if later:
            if looking is not None:
                page = await webpages.looked_at(call, looking)
                draft = replace(draft, **page.fields(), min_layer=max(text.min_layer, page.min_layer))
            return await schedule(call, peer, ((request.random_id, draft),), later, send_as)
    sent = await call.services.messaging.send(
        call.me,
        peer,
        draft,
        request.random_id,
        origin=call.session,
        clear_draft=request.clear_draft,
        send_as=send_as,
    )
    if looking is not None:
        webpages.follow(call, peer, sent.msg_id, looking)
    changed = len(request.message) != len(text.text) and request.message.encode() != text.text
    if changed or draft.media or peer == call.me or is_channel(peer):
        return render_sent.full(call.services, call.me, [sent], [request.random_id], call.now)
    short: t.AnyUpdates = render_sent.short(call.services, sent)
    return short


@rpc(messages.ForwardMessages, flood=per_minute(120))
async def forward_messages(call: Call, request: messages.ForwardMessages) -> t.AnyUpdates:
    """All of them in one commit, in the order asked."""
    source = peers.resolve(call, request.from_peer)
    peer = drafting.writable_peer(call, request.to_peer)
    if request.quick_reply_shortcut is not None:
        raise errors.METHOD_NOT_AVAILABLE()
    if not request.id:
        raise errors.MESSAGE_IDS_EMPTY()
    if len(request.id) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    if len(request.random_id) != len(request.id) or len(set(request.random_id)) != len(request.id):
        raise errors.RANDOM_ID_INVALID()
    reply = drafting.in_topic(peer, drafting.reply_to(call, peer, request.reply_to), request.top_msg_id)
    drafts = []
    groups: dict[int, int] = {}
    views = _to_forward(call, source, request.id)
    for view in views:
        draft = forwarded(
            call.services,
            call.me,
            peer,
            view,
            drop_author=request.drop_author,
            drop_captions=request.drop_media_captions,
        )
        group = view.body.grouped_id
        if group and group not in groups:
            groups[group] = call.services.ids.i64()
        drafts.append(
            replace(
                draft,
                reply=reply,
                silent=request.silent,
                noforwards=request.noforwards,
                grouped_id=groups.get(group, 0),
            )
        )
    pairs = list(zip(request.random_id, drafts, strict=True))
    later = drafting.later(call, peer, request.schedule_date, request.schedule_repeat_period)
    send_as = drafting.send_as(call, peer, request.send_as)
    if later:
        return await schedule(call, peer, pairs, later, send_as)
    sent = await call.services.messaging.send_many(call.me, peer, pairs, origin=call.session, send_as=send_as)
    _count_forwards(call, source, [view for view, one in zip(views, sent, strict=True) if not one.repeated])
    return render_sent.full(call.services, call.me, sent, request.random_id, call.now)


def _count_forwards(call: Call, source: int, views: list[View]) -> None:
    """They count for messages of channels, and for the posts that they are copies of."""
    counters = call.services.channels.counters
    for view in views:
        of = post.original(call.services, view.body)
        if of is not None:
            counters.forwarded(*of)
        if is_channel(source):
            counters.forwarded(source, view.msg_id)


def _to_forward(call: Call, source: int, msg_ids: list[int]) -> list[View]:
    """The messages named, all of chat `source`. MESSAGE_ID_INVALID, CHAT_FORWARDS_RESTRICTED."""
    found = []
    roster = call.services.groups.rosters.get_or_none(source) if source < 0 else None
    if roster is not None and roster.group.noforwards:
        raise errors.CHAT_FORWARDS_RESTRICTED()
    if is_channel(source):
        views = call.services.channels.reading.messages(call.me, source, msg_ids)
        record = call.services.channels.register.get_or_none(source)
        if record is not None and record.noforwards:
            raise errors.CHAT_FORWARDS_RESTRICTED()
    else:
        views = call.services.history.messages(call.me, msg_ids)
    for view in views:
        if view is None or view.row.peer != source or view.body.action or view.body.media_ttl:
            raise errors.MESSAGE_ID_INVALID()
        if view.body.noforwards:
            raise errors.CHAT_FORWARDS_RESTRICTED()
        found.append(view)
    return found
