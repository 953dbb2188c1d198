"""The service message that tells a chat what was just done in it (timer set, wallpaper), in a commit of its own."""

from __future__ import annotations

from typing import Any

from tgserve.errors import RpcError
from tgserve.render.chat import chats
from tgserve.render.message import message
from tgserve.render.user import users
from tgserve.rpc.context import Call
from tgserve.services.messaging import Draft, Sent
from tgserve.tl import types as t


async def announce(call: Call, peer: int, notice: Draft, answer: t.AnyUpdates) -> t.AnyUpdates:
    """`answer` with the message. When it is refused (blocked meanwhile) the deed stands all the same, and the caller
    is told of that alone. While the message was on its way the chat may have changed, which other answers have told by
    now: it goes out as it is."""
    sent: Sent | None
    try:
        sent = await call.services.messaging.send(
            call.me, peer, notice, call.services.ids.i64() or 1, origin=call.session
        )
    except RpcError as refusal:
        if refusal.code >= 500:
            raise
        sent = None
    return with_notice(call, peer, answer, sent)


def with_notice(call: Call, peer: int, answer: t.AnyUpdates, sent: Sent | None) -> t.AnyUpdates:
    """`answer` with the message, if there is one."""
    if not isinstance(answer, t.Updates):
        return answer
    answer.chats = chats(call.services, call.me, (peer,))
    if sent is not None and sent.view is not None:
        more: Any = t.UpdateNewMessage(message=message(call.services, sent.view), pts=sent.pts, pts_count=1)
        answer.updates.append(more)
        answer.users = users(call.services, call.me, dict.fromkeys((peer, call.me)))
    return answer
