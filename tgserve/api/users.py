"""users.*: people by id."""

from __future__ import annotations

from typing import Any

from tgserve import errors, limits
from tgserve.api.account import notify
from tgserve.render import scenes
from tgserve.render import user as people
from tgserve.render.chat import chats
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, rpc
from tgserve.tl import types as t
from tgserve.tl.functions import users


@rpc(users.GetUsers)
async def get_users(call: Call, request: users.GetUsers) -> list[t.AnyUser]:
    """In the order asked; userEmpty for whom the caller has no right access hash (SECURITY 6.1)."""
    if len(request.id) > limits.DIALOGS_PER_CALL * 2:
        raise errors.LIMIT_INVALID()
    found: list[t.AnyUser] = []
    for asked in request.id:
        user_id = peers.resolve_user_or_none(call, asked)
        if user_id is None:
            found.append(t.UserEmpty(id=getattr(asked, "user_id", 0)))
        else:
            found.append(people.user(call.services, call.me, user_id))
    return found


@rpc(users.GetFullUser)
async def get_full_user(call: Call, request: users.GetFullUser) -> t.AnyUsersUserFull:
    user_id = peers.resolve_user(call, request.id)
    full = people.full(call.services, call.me, user_id, notify.of_peer(call, user_id))
    scenes.draw_full(call.services, call.me, user_id, full)
    channel = people.personal_channel(call.services, call.me, user_id)
    shown = chats(call.services, call.me, (channel,) if channel else ())
    return t.UsersUserFull(
        full_user=full, chats=shown, users=people.users(call.services, call.me, (user_id,))
    )


@rpc(users.GetRequirementsToContact, status=Status.EMPTY)
async def get_requirements_to_contact(
    call: Call, request: users.GetRequirementsToContact
) -> list[t.AnyRequirementToContact]:
    """Nobody here takes money or Premium for being written to."""
    return [t.RequirementToContactEmpty() for _ in request.id]


@rpc(users.GetSavedMusicByID, status=Status.EMPTY)
async def get_saved_music_by_id(call: Call, request: users.GetSavedMusicByID) -> Any:
    peers.resolve_user(call, request.id)
    return t.UsersSavedMusic(count=0, documents=[])
