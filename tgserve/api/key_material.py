"""messages.getDhConfig: the group and fresh randomness for secret chats and calls between two clients."""

from __future__ import annotations

from tgserve import errors
from tgserve.mtproto import dh
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.tl import types as t
from tgserve.tl.functions import messages

VERSION = 3
RANDOM_BYTES = 1024


@rpc(messages.GetDhConfig, flood=per_minute(60))
async def get_dh_config(call: Call, request: messages.GetDhConfig) -> t.AnyMessagesDhConfig:
    """`random` is mixed into the client's own. The group never changes, so a client asks for it once."""
    if not 0 <= request.random_length <= RANDOM_BYTES:
        raise errors.RANDOM_LENGTH_INVALID()
    random = call.services.ids.random_bytes(request.random_length)
    if request.version == VERSION:
        return t.MessagesDhConfigNotModified(random=random)
    return t.MessagesDhConfig(g=dh.G, p=dh.PRIME_BYTES, version=VERSION, random=random)
