"""TL objects that services keep as bytes, for drawing."""

from __future__ import annotations

from typing import Any

from tgserve.store import records as r
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import raw


def stored(data: bytes, layer: int) -> Any:
    """A boxed object as it was stored in the words of `layer`."""
    if layer != layers.CURRENT:
        return layers.decode(data)
    return raw(data, layers.CURRENT)


def notify_settings(dialog: r.Dialog) -> Any:
    """The chat's own peerNotifySettings; empty when it follows the defaults."""
    return stored(dialog.notify, dialog.notify_layer) if dialog.notify else t.PeerNotifySettings()
