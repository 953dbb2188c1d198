"""Service messages: what their senders make of an action."""

from __future__ import annotations

from tgserve.render import media
from tgserve.services.groups.life import Action
from tgserve.tl import layers
from tgserve.tl import types as t


def action_of(action: t.AnyMessageAction, *named: int) -> Action:
    """A service message's action; `named` users go with it. A photo in it is nobody's yet (render/media.py)."""
    kept = media.kept(action)
    return Action(kept.data, layers.CURRENT, kept.min_layer, named, kept.files)
