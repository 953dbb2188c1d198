"""account.*: one's own profile, username, presence, and leaving."""

from __future__ import annotations

from tgserve import errors
from tgserve.render import user as people
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.tl import types as t
from tgserve.tl.functions import account


@rpc(account.UpdateProfile, flood=per_minute(20))
async def update_profile(call: Call, request: account.UpdateProfile) -> t.AnyUser:
    await call.services.users.update_profile(call.me, request.first_name, request.last_name, request.about)
    return people.user(call.services, call.me, call.me)  # type: ignore[no-any-return]


@rpc(account.CheckUsername, flood=per_minute(120))
async def check_username(call: Call, request: account.CheckUsername) -> bool:
    """True: the name is free. A taken one is `false`, not an error."""
    return call.services.names.free(request.username)


@rpc(account.UpdateUsername, flood=per_minute(10))
async def update_username(call: Call, request: account.UpdateUsername) -> t.AnyUser:
    await call.services.names.set_username(call.me, request.username)
    return people.user(call.services, call.me, call.me)  # type: ignore[no-any-return]


@rpc(account.UpdateBirthday, flood=per_minute(10))
async def update_birthday(call: Call, request: account.UpdateBirthday) -> bool:
    day = request.birthday
    if day is None:
        await call.services.users.set_birthday(call.me, 0, 0, 0)
    elif isinstance(day, t.Birthday):
        await call.services.users.set_birthday(call.me, day.day, day.month, day.year or 0)
    else:
        raise errors.BIRTHDAY_INVALID()
    return True


@rpc(account.UpdateStatus)
async def update_status(call: Call, request: account.UpdateStatus) -> bool:
    call.services.presence.update_status(call.me, request.offline, call.session)
    return True
