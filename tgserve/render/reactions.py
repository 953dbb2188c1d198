"""The reactions to a message, as one viewer sees them."""

from __future__ import annotations

from typing import Any

from tgserve.render.peers import peer
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.store import records as r
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
