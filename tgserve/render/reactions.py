"""The reactions to a message, as one viewer sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from struct import Struct
from typing import Any

from tgserve.render.peers import peer, peer_bytes
from tgserve.render.stickers import is_custom_emoji
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.store import records as r
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import hashing, layers
from tgserve.tl import types as t

_HEAD = Struct("<IIIi").pack  # id, flags, vector, how many
_PLAIN = Struct("<II").pack  # id, flags
_CHOSEN = Struct("<IIi").pack  # id, flags, place
_LIST = Struct("<Ii").pack
_INT = Struct("<i").pack
_VECTOR = 0x1CB5C415
_REACTIONS = t.MessageReactions.ID
_COUNT = t.ReactionCount.ID
_GIVEN = t.MessagePeerReaction.ID


def reaction(kind: str) -> t.AnyReaction:
    """A stored kind: an emoji, or the id of a custom emoji's document."""
    if kind.isdecimal():
        return t.ReactionCustomEmoji(document_id=int(kind))
    return t.ReactionEmoji(emoticon=kind)


def kind_of(asked: t.AnyReaction) -> str:
    """What is stored for a reaction of the wire; "" for none. Emojis come with variation selectors or without."""
    if isinstance(asked, t.ReactionEmoji):
        return asked.emoticon.replace("\ufe0f", "")
    if isinstance(asked, t.ReactionCustomEmoji):
        return str(asked.document_id) if asked.document_id > 0 else "?"
    return "" if isinstance(asked, t.ReactionEmpty) else "?"


def custom_known(services: Services) -> Callable[[int], bool]:
    """Tells of a document id whether it is a custom emoji: for services.reactions, which knows no TL."""

    def known(document_id: int) -> bool:
        media = services.files.library.get_or_none(document_id)
        return media is not None and is_custom_emoji(media)

    return known


def list_hash(kinds: Iterable[str]) -> int:
    """The hash of a list of reactions, as clients work it out: emojis by the head of their MD5, custom emoji by id
    (https://core.telegram.org/api/offsets#hash-generation)."""
    numbers: list[int] = []
    for kind in kinds:
        if kind.isdecimal():
            numbers += (int(kind) >> 32, int(kind) & 0xFFFFFFFF)
        else:
            numbers += (0, int.from_bytes(_md5(kind)[:4], "big", signed=True))
    return hashing.list_hash(numbers)


def tags_hash(tags: Iterable[tuple[str, str, int]]) -> int:
    """The same of (kind, title, count) of Saved Messages' tags."""
    numbers: list[int] = []
    for kind, title, count in tags:
        numbers.append(tag_number(kind))
        if title:
            numbers.append(int.from_bytes(_md5(title)[:8], "big"))
        numbers.append(count)
    return hashing.list_hash(numbers)


def tag_number(kind: str) -> int:
    """What a tag's place among those of the same count goes by."""
    return int(kind) if kind.isdecimal() else int.from_bytes(_md5(kind)[:8], "big")


def _md5(text: str) -> bytes:
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def reactions(services: Services, view: View) -> t.MessageReactions:
    """messageReactions for the viewer: what he chose, who came last, what he as author has not seen."""
    stored = view.body.reactions or r.Reactions()
    viewer = view.viewer or max(view.owner, 0)
    chosen = services.reactions.chosen(viewer, view.row, stored) if stored.counts and viewer else ()
    saved = bool(view.row.flags & r.ROW_FROM_SELF)
    results: list[Any] = [
        t.ReactionCount(
            chosen_order=chosen.index(kind) if kind in chosen else None, reaction=reaction(kind), count=count
        )
        for kind, count in stored.counts
    ]
    latest = [] if saved else [one_of(services, view, given) for given in stored.recent]
    return t.MessageReactions(
        min=not viewer,
        can_see_list=bool(latest),
        reactions_as_tags=saved,
        results=results,
        recent_reactions=latest or None,
    )


def reactions_bytes(services: Services, view: View) -> bytes:
    """reactions(...) as bytes of the current layer, joined: pages of history are full of them."""
    stored = view.body.reactions or r.Reactions()
    viewer = view.viewer or max(view.owner, 0)
    chosen = services.reactions.chosen(viewer, view.row, stored) if stored.counts and viewer else ()
    saved = view.row.flags & r.ROW_FROM_SELF
    latest = () if saved else stored.recent
    flags = (1 << 3 if saved else 0) | (0b110 if latest else 0) | (0 if viewer else 1)
    parts = [_HEAD(_REACTIONS, flags, _VECTOR, len(stored.counts))]
    for kind, count in stored.counts:
        if kind in chosen:
            parts.append(_CHOSEN(_COUNT, 1, chosen.index(kind)))
        else:
            parts.append(_PLAIN(_COUNT, 0))
        parts += (_reaction_bytes(kind), _INT(count))
    if latest:
        parts.append(_LIST(_VECTOR, len(latest)))
        waits = _waits(view, viewer)
        for one in latest:
            mine = one.user == viewer
            unread = waits and not mine and one.number > stored.seen
            parts.append(_PLAIN(_GIVEN, one.big | unread << 1 | mine << 2))
            parts += (peer_bytes(shown(services, view, one.user)), _INT(one.date), _reaction_bytes(one.kind))
    return b"".join(parts)


@lru_cache(1024)
def _reaction_bytes(kind: str) -> bytes:
    return layers.encode(reaction(kind))


def update(services: Services, view: View) -> t.UpdateMessageReactions:
    """The reactions to a message as they are now."""
    saved = peer(view.owner) if view.row.flags & r.ROW_FROM_SELF else None
    drawn = reactions(services, view)
    return t.UpdateMessageReactions(
        peer=peer(view.row.peer), msg_id=view.msg_id, saved_peer_id=saved, reactions=drawn
    )


def _waits(view: View, viewer: int) -> bool:
    """Does the viewer see reactions to a message of his own?"""
    return view.body.author == viewer and (view.owner == viewer or view.owner < 0)


def shown(services: Services, view: View, user: int) -> int:
    """Under whose name a reaction stands: under the group's, when an anonymous admin gave it."""
    if view.owner <= -CHANNEL_BASE and user in services.channels.register.anonymous(view.owner):
        return view.owner
    return user


def one_of(services: Services, view: View, given: r.Reacted) -> t.AnyMessagePeerReaction:
    """Who gave one reaction, for the viewer."""
    viewer = view.viewer or max(view.owner, 0)
    seen = view.body.reactions.seen if view.body.reactions is not None else 0
    return t.MessagePeerReaction(
        big=given.big,
        unread=given.user != viewer and given.number > seen and _waits(view, viewer),
        my=given.user == viewer,
        peer_id=peer(shown(services, view, given.user)),
        date=given.date,
        reaction=reaction(given.kind),
    )
