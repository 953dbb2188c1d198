"""Push token type 7: the device keeps one quiet connection of its own, and is told there that there is something.

The token is the number of that session. What is sent is `updatesTooLong`: the client asks for the difference over its
usual connection.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Protocol

from tgserve.adapters.contract import Gone, Later, Push, PushResult, Sent
from tgserve.adapters.push import MTPROTO
from tgserve.mtproto.outbox import NOTICE
from tgserve.server.live import LiveSession, Online
from tgserve.tl import layers
from tgserve.tl import types as t

Unheard = Callable[[int, int, int], None]
"""(user, auth key, Unix seconds): what this device was told from then on it may not have got."""
AGAIN_SECONDS: Final = 60.0
U64: Final = 2**64 - 1


class Keys(Protocol):
    """What is asked of the gateway."""

    def sessions_of(self, auth_key_id: int) -> Collection[LiveSession]: ...


class SessionSender:
    """A PushSender over connections that are there already. Tokens are `auth_key_id:session_id`."""

    types = frozenset({MTPROTO})

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def send(self, push: Push) -> PushResult:
        key, _, number = push.token.partition(":")
        if not (key.isdigit() and number.lstrip("-").isdigit()):
            return Gone("no number of a session")
        wanted = int(number) & U64
        for live in self._keys.sessions_of(int(key)):
            if live.ref.session_id & U64 == wanted and live.connection is not None:
                layer = live.layer or live.login.layer or layers.CURRENT
                live.push(layers.encode(t.UpdatesTooLong(), layer, live.dc_id))
                return Sent()
        return Later("its session is not connected", AGAIN_SECONDS)

    async def close(self) -> None:
        """Nothing is held."""


def connected(online: Online) -> Callable[[int], Collection[int]]:
    """Auth keys over which a user's devices take updates on a socket now."""

    def of(user: int) -> Collection[int]:
        return {live.login.auth_key_id for live in online.of(user) if live.connection is not None}

    return of


def parted(unheard: Unheard) -> Callable[[LiveSession], None]:
    """For a session whose last connection is gone: a socket that was dead already has taken updates that nobody got.
    They are sent again when the client comes back; until then it is as away as the others."""

    def gone(live: LiveSession) -> None:
        user = live.login.user_id
        if user and live.subscribed:
            told = [out.msg_id >> 32 for out in live.core.outbox.kept.values() if out.kind == NOTICE]
            if told:
                unheard(user, live.login.auth_key_id, min(told))

    return gone
