"""The action of a service message, as services take it."""

from __future__ import annotations

from tgserve.services.groups.life import Action
from tgserve.tl import layers
from tgserve.tl import types as t


def action_of(action: t.AnyMessageAction, *named: int) -> Action:
    """A service message's action; `named` users go with it."""
    data, min_layer = layers.encode_part(action)
    return Action(data, layers.CURRENT, min_layer, named)
