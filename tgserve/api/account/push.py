"""account.*: devices that are told of messages while they are not connected."""

from __future__ import annotations

from tgserve.api.auth import own_key
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.tl.functions import account


@rpc(account.RegisterDevice, flood=per_minute(60))
async def register_device(call: Call, request: account.RegisterDevice) -> bool:
    """Clients repeat this every day and at every start; the session then has this token and no other of its type."""
    await call.services.push.devices.register(
        call.me,
        own_key(call).hash,
        call.session.auth_key_id,
        request.token_type,
        request.token,
        secret=request.secret,
        sandbox=request.app_sandbox,
        no_muted=request.no_muted,
        others=request.other_uids,
    )
    return True


@rpc(account.UnregisterDevice, flood=per_minute(60))
async def unregister_device(call: Call, request: account.UnregisterDevice) -> bool:
    await call.services.push.devices.unregister(
        call.me, request.token_type, request.token, request.other_uids
    )
    return True


@rpc(account.UpdateDeviceLocked)
async def update_device_locked(call: Call, request: account.UpdateDeviceLocked) -> bool:
    """After `period` idle seconds the pushes of this session say nothing of what is in messages; -1: they always do."""
    await call.services.push.devices.lock(call.me, own_key(call).hash, request.period)
    return True
