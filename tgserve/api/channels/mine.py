"""The caller's own channels: those he has left, and those in which nothing happens."""

from __future__ import annotations

from typing import Final

from tgserve import errors
from tgserve.render.chat import chats
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.tl import types as t
from tgserve.tl.functions import channels

PAGE: Final = 100


@rpc(channels.GetLeftChannels, flood=per_minute(60))
async def get_left_channels(call: Call, request: channels.GetLeftChannels) -> t.AnyMessagesChats:
    """For an export, as all that was: TAKEOUT_REQUIRED outside of one."""
    if not call.takeout:
        raise errors.TAKEOUT_REQUIRED()
    if request.offset < 0:
        raise errors.OFFSET_INVALID()
    left = call.services.dialogs.left_channels(call.me)
    page = left[request.offset : request.offset + PAGE]
    drawn = chats(call.services, call.me, page)
    if len(page) == len(left):
        return t.MessagesChats(chats=drawn)
    return t.MessagesChatsSlice(count=len(left), chats=drawn)


@rpc(channels.GetInactiveChannels, flood=per_minute(60))
async def get_inactive_channels(
    call: Call, request: channels.GetInactiveChannels
) -> t.AnyMessagesInactiveChats:
    """What somebody may leave who is in too many: the longest silent ones, the most silent first."""
    register = call.services.channels.register
    dated = sorted((register.top(one).date, one) for one in register.of_user(call.me))[:PAGE]
    return t.MessagesInactiveChats(
        dates=[date for date, _ in dated],
        chats=chats(call.services, call.me, [one for _, one in dated]),
        users=[],
    )
