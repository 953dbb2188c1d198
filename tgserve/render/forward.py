"""A message on its way to another chat: the new draft with its `forwarded from`."""

from __future__ import annotations

from tgserve.render.kinds import kind_of
from tgserve.render.peers import peer as peer_object
from tgserve.render.peers import peer_id
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.services.messaging import Draft
from tgserve.services.privacy import FORWARDS
from tgserve.store import records as r
from tgserve.tl import layers
from tgserve.tl import types as t

LISTENED = ("voice", "round")
"""Kinds that stay marked until somebody has listened to them."""


def forwarded(
    services: Services,
    me: int,
    to: int,
    view: View,
    *,
    drop_author: bool = False,
    drop_captions: bool = False,
) -> Draft:
    """`view` as a draft for chat `to`. Its first author stays the author, however often it is passed on, unless
    `drop_author`; who does not want to be linked is named only."""
    body = view.body
    fwd, fwd_layer, who = b"", 0, tuple(body.users) if body.fwd else ()
    if not drop_author:
        header = origin_of(services, me, view)
        if to == me:
            header.saved_from_peer = peer_object(view.row.peer)
            header.saved_from_msg_id = view.msg_id
        fwd, fwd_layer = layers.encode_part(header)
        who = tuple(
            peer_id(one)
            for one in (header.from_id, header.saved_from_peer)
            if one is not None and _named(one)
        )
    kind = kind_of(body)
    captioned = bool(body.text) and not (drop_captions and body.media)
    return Draft(
        text=body.text if captioned else b"",
        entities=body.entities if captioned else b"",
        media=body.media,
        kind=kind,
        media_unread=kind in LISTENED,
        files=body.files,
        poll=body.poll,
        fwd=fwd,
        layer=layers.CURRENT,
        min_layer=max(body.min_layer, fwd_layer),
        users=tuple(dict.fromkeys((*body.users, *who))),
        invert_media=body.invert_media,
    )


def _named(one: t.AnyPeer) -> bool:
    return not isinstance(one, t.PeerChat)


def _megagroup(services: Services, view: View) -> bool:
    record = services.channels.register.get_or_none(view.owner)
    return record is not None and record.megagroup


def origin_of(services: Services, me: int, view: View) -> t.MessageFwdHeader:
    """Whose message this was first, as `me` may pass it on."""
    body = view.body
    if body.fwd:
        old = layers.decode(body.fwd)
        if isinstance(old, t.MessageFwdHeader):
            return t.MessageFwdHeader(
                date=old.date,
                from_id=old.from_id,
                from_name=old.from_name,
                channel_post=old.channel_post,
                post_author=old.post_author,
            )
    if body.author < 0:  # a channel's post, or an anonymous admin
        return t.MessageFwdHeader(
            date=body.date,
            from_id=peer_object(body.author),
            channel_post=view.msg_id
            if body.author == view.owner and not _megagroup(services, view)
            else None,
            post_author=body.signature or None,
        )
    author = services.users.get_or_none(body.author)
    if body.author != me and author is not None and not services.privacy.allows(body.author, FORWARDS, me):
        return t.MessageFwdHeader(date=body.date, from_name=f"{author.first_name} {author.last_name}".strip())
    return t.MessageFwdHeader(date=body.date, from_id=t.PeerUser(user_id=body.author))


def of_post(channel: int, post: int, body: r.Body) -> tuple[bytes, int]:
    """The header of a post in the channel's discussion group: clients know it by saved_from, and find the post. TL, and
    the layer it needs."""
    header = t.MessageFwdHeader(
        date=body.date,
        from_id=peer_object(channel),
        channel_post=post,
        post_author=body.signature or None,
        saved_from_peer=peer_object(channel),
        saved_from_msg_id=post,
    )
    if body.fwd:
        old = layers.decode(body.fwd)
        if isinstance(old, t.MessageFwdHeader):
            header.date, header.from_id, header.from_name = old.date, old.from_id, old.from_name
            header.channel_post, header.post_author = old.channel_post, old.post_author
    return layers.encode_part(header)
