"""The reactions to a message, as one viewer sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from tgserve.render.peers import peer
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.store import records as r
from tgserve.tl import hashing
from tgserve.tl import types as t


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
    viewer = view.viewer or view.owner
    chosen = services.reactions.chosen(viewer, view.row, stored) if stored.counts else ()
    saved = bool(view.row.flags & r.ROW_FROM_SELF)
    results: list[Any] = [
        t.ReactionCount(
            chosen_order=chosen.index(kind) if kind in chosen else None, reaction=reaction(kind), count=count
        )
        for kind, count in stored.counts
    ]
    latest = [] if saved else [one_of(view, given) for given in stored.recent]
    return t.MessageReactions(
        can_see_list=not saved,
        reactions_as_tags=saved,
        results=results,
        recent_reactions=latest or None,
    )


def one_of(view: View, given: r.Reacted) -> t.AnyMessagePeerReaction:
    """Who gave one reaction, for the viewer."""
    viewer = view.viewer or view.owner
    seen = view.body.reactions.seen if view.body.reactions is not None else 0
    return t.MessagePeerReaction(
        big=given.big,
        unread=view.body.author == viewer != given.user and given.number > seen,
        my=given.user == viewer,
        peer_id=peer(given.user),
        date=given.date,
        reaction=reaction(given.kind),
    )
