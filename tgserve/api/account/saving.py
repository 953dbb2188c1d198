"""account.*: what clients download by themselves, and what they save to the gallery: kept here for all devices."""

from __future__ import annotations

from typing import Any, Final

from tgserve import errors
from tgserve.render.chat import chats
from tgserve.render.peers import peer as peer_object
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import account

_DOWNLOAD: Final = "auto_download:"
_SAVE: Final = "auto_save:"
_EXCEPTION: Final = "auto_save:peer:"
EXCEPTIONS: Final = 100
LARGEST_VIDEO: Final = 4 << 30
PRESETS: Final = {"low": (0, 512), "medium": (10, 1024), "high": (15, 3072)}
"""Megabytes of a video and KiB of a file, until something was set."""


def _preset(name: str) -> t.AutoDownloadSettings:
    video_mib, file_kib = PRESETS[name]
    return t.AutoDownloadSettings(
        photo_size_max=1 << 20,
        video_size_max=video_mib << 20,
        file_size_max=file_kib << 10,
        video_upload_maxbitrate=100,
        small_queue_active_operations_max=0,
        large_queue_active_operations_max=0,
    )


@rpc(account.GetAutoDownloadSettings)
async def get_auto_download_settings(
    call: Call, request: account.GetAutoDownloadSettings
) -> t.AnyAccountAutoDownloadSettings:
    def of(name: str) -> Any:
        stored = call.services.settings.get_or_none(call.me, _DOWNLOAD + name)
        return layers.decode(stored) if stored else _preset(name)

    return t.AccountAutoDownloadSettings(low=of("low"), medium=of("medium"), high=of("high"))


@rpc(account.SaveAutoDownloadSettings, flood=per_minute(60))
async def save_auto_download_settings(call: Call, request: account.SaveAutoDownloadSettings) -> bool:
    given = request.settings
    if not isinstance(given, t.AutoDownloadSettings) or (request.low and request.high):
        raise errors.SETTINGS_INVALID()
    if min(given.photo_size_max, given.video_size_max, given.file_size_max) < 0:
        raise errors.SETTINGS_INVALID()
    name = "low" if request.low else "high" if request.high else "medium"
    await call.services.settings.put(call.me, _DOWNLOAD + name, layers.encode(given))
    return True


@rpc(account.GetAutoSaveSettings)
async def get_auto_save_settings(
    call: Call, request: account.GetAutoSaveSettings
) -> t.AnyAccountAutoSaveSettings:
    found = call.services.settings.named(call.me, _SAVE)

    def of(name: str) -> Any:
        stored = found.get(_SAVE + name)
        return layers.decode(stored) if stored else t.AutoSaveSettings(video_max_size=100 << 20)

    own = {
        int(name.removeprefix(_EXCEPTION)): layers.decode(value)
        for name, value in found.items()
        if name.startswith(_EXCEPTION)
    }
    exceptions: list[Any] = [
        t.AutoSaveException(peer=peer_object(peer), settings=settings)  # type: ignore[arg-type]
        for peer, settings in own.items()
    ]
    return t.AccountAutoSaveSettings(
        users_settings=of("users"),
        chats_settings=of("chats"),
        broadcasts_settings=of("broadcasts"),
        exceptions=exceptions,
        chats=chats(call.services, call.me, own),
        users=users(call.services, call.me, own),
    )


@rpc(account.SaveAutoSaveSettings, flood=per_minute(60))
async def save_auto_save_settings(call: Call, request: account.SaveAutoSaveSettings) -> bool:
    """For a kind of chats, or for one chat; an exception without anything in it is none."""
    given = request.settings
    if not isinstance(given, t.AutoSaveSettings):
        raise errors.SETTINGS_INVALID()
    if given.video_max_size is not None and not 0 <= given.video_max_size <= LARGEST_VIDEO:
        raise errors.SETTINGS_INVALID()
    kinds = [name for name in ("users", "chats", "broadcasts") if getattr(request, name)]
    if len(kinds) + (request.peer is not None) != 1:
        raise errors.SETTINGS_INVALID()
    value = layers.encode(given)
    if request.peer is not None:
        name = f"{_EXCEPTION}{peers.resolve(call, request.peer)}"
        known = call.services.settings.named(call.me, _EXCEPTION)
        if name not in known and len(known) >= EXCEPTIONS:
            raise errors.LIMIT_INVALID()
        if not (given.photos or given.videos or given.video_max_size):
            value = b""
    else:
        name = _SAVE + kinds[0]
    await call.services.settings.put(call.me, name, value)
    return True


@rpc(account.DeleteAutoSaveExceptions, flood=per_minute(10))
async def delete_auto_save_exceptions(call: Call, request: account.DeleteAutoSaveExceptions) -> bool:
    await call.services.settings.forget_all(call.me, _EXCEPTION)
    return True
