"""account.*WallPaper*: what stands behind chats, uploaded or only coloured; messages.setChatWallPaper."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, Final

from tgserve import errors, limits
from tgserve.api.messages.announcing import announce
from tgserve.api.messages.attachments import uploaded
from tgserve.render import media as render_media
from tgserve.render import scenes as render
from tgserve.render.told import told
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.boxes import SERVICE_USER
from tgserve.services.messaging import Draft
from tgserve.services.scenes import WALLPAPER
from tgserve.services.stickers.shelves import WALLPAPERS
from tgserve.store.media_records import Media
from tgserve.store.sticker_records import Scene
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import account, messages
from tgserve.tl.hashing import list_hash

FILE_BYTES: Final = 10 * limits.MIB
PATTERN: Final = "application/x-tgwallpattern"
PATTERN_BYTES: Final = limits.MIB
PATTERN_TEXT_BYTES: Final = 8 * limits.MIB
ASKED: Final = 100


@rpc(account.UploadWallPaper, flood=per_minute(20))
async def upload_wall_paper(call: Call, request: account.UploadWallPaper) -> t.AnyWallPaper:
    """A picture that can be read, kept as it came (TDLib compares the length), or a pattern (gzipped SVG, drawn by
    clients alone)."""
    media = await _file(call, request.file, request.mime_type)
    settings = _clean(request.settings)
    made = await call.services.scenes.create(
        Scene(
            0,
            WALLPAPER,
            call.me,
            0,
            "",
            document=media.id,
            settings=layers.encode(settings),
            layer=layers.CURRENT,
            pattern=media.mime == PATTERN,
        )
    )
    await call.services.shelves.put(call.me, WALLPAPERS, made.id, origin=call.session)
    return _drawn(call, made)


async def _file(call: Call, file: t.AnyInputFile, mime: str) -> Media:
    """WALLPAPER_MIME_INVALID, WALLPAPER_FILE_INVALID."""
    files = call.services.files
    if mime not in ("image/jpeg", "image/png", PATTERN):
        raise errors.WALLPAPER_MIME_INVALID()
    blob, _ = await uploaded(call, file)
    if blob.size > (PATTERN_BYTES if mime == PATTERN else FILE_BYTES):
        raise errors.WALLPAPER_FILE_INVALID()
    data = await files.read(blob)
    size = t.DocumentAttributeImageSize(w=1440, h=2960)
    sizes: Any = ()
    name = "pattern.tgv"
    if mime == PATTERN:
        if not await asyncio.get_running_loop().run_in_executor(None, _is_pattern, data):
            raise errors.WALLPAPER_FILE_INVALID()
    else:
        try:
            made = await files.imaging.photo(data)
        except errors.RpcError as refused:
            if refused.code != 400:
                raise
            raise errors.WALLPAPER_FILE_INVALID() from None
        name = f"wallpaper.{mime.removeprefix('image/').replace('jpeg', 'jpg')}"
        size = t.DocumentAttributeImageSize(w=made.width, h=made.height)
        sizes = tuple(one for one in await files.shown(made) if max(one.width, one.height) <= 320)
    attributes = render_media.attributes_bytes([size, t.DocumentAttributeFilename(file_name=name)])
    return await files.create_document(
        call.me, blob, mime=mime, attributes=attributes, layer=layers.CURRENT, sizes=sizes
    )


def _is_pattern(data: bytes) -> bool:
    """A gzipped SVG; nobody here draws it."""
    try:
        reader = zlib.decompressobj(wbits=31)
        text = reader.decompress(data, PATTERN_TEXT_BYTES)
    except zlib.error:
        return False
    return reader.eof and not reader.unused_data and b"<svg" in text[:4096]


def _clean(settings: Any) -> t.WallPaperSettings:
    """Settings with numbers that mean something."""
    if settings.intensity is not None:
        settings.intensity = min(max(settings.intensity, -100), 100)
    if settings.rotation is not None:
        settings.rotation = settings.rotation % 360
    for name in (
        "background_color",
        "second_background_color",
        "third_background_color",
        "fourth_background_color",
    ):
        color = getattr(settings, name)
        if color is not None:
            setattr(settings, name, color & 0xFFFFFF)
    if settings.emoticon is not None:
        settings.emoticon = settings.emoticon[: limits.NAME_CHARS]
    made: t.WallPaperSettings = settings
    return made


def named(call: Call, asked: t.AnyInputWallPaper) -> Scene | int:
    """An uploaded wallpaper, or the number of one that is only colours (0: whatever the settings say).
    WALLPAPER_INVALID."""
    found: Scene | None = None
    if isinstance(asked, t.InputWallPaper):
        if asked.access_hash == render.scene_hash(call.services.access, asked.id):
            found = call.services.scenes.get_or_none(asked.id, WALLPAPER)
    elif isinstance(asked, t.InputWallPaperSlug):
        found = call.services.scenes.named_or_none(asked.slug, WALLPAPER)
    elif isinstance(asked, t.InputWallPaperNoFile):
        return asked.id if asked.id in render.OUR_IDS else 0
    if found is None:
        raise errors.WALLPAPER_INVALID()
    return found


def _drawn(call: Call, one: Scene | int) -> t.AnyWallPaper:
    if isinstance(one, Scene):
        drawn: t.AnyWallPaper = render.wallpaper(call.services, call.me, one)
        return drawn
    if not one:
        raise errors.WALLPAPER_INVALID()
    return render.ours(one)


@rpc(account.GetWallPaper)
async def get_wall_paper(call: Call, request: account.GetWallPaper) -> t.AnyWallPaper:
    return _drawn(call, named(call, request.wallpaper))


@rpc(account.GetMultiWallPapers)
async def get_multi_wall_papers(call: Call, request: account.GetMultiWallPapers) -> list[t.AnyWallPaper]:
    if len(request.wallpapers) > ASKED:
        raise errors.LIMIT_INVALID()
    return [_drawn(call, named(call, one)) for one in request.wallpapers]


@rpc(account.GetWallPapers)
async def get_wall_papers(call: Call, request: account.GetWallPapers) -> t.AnyAccountWallPapers:
    """Those saved, then the server's own."""
    found = [
        one
        for kept in call.services.shelves.of(call.me, WALLPAPERS)
        if (one := call.services.scenes.get_or_none(kept.id, WALLPAPER)) is not None
    ]
    numbers = render.OUR_IDS
    hash_now = list_hash([*(one.id for one in found), *numbers])
    if request.hash and request.hash == hash_now:
        return t.AccountWallPapersNotModified()
    return t.AccountWallPapers(
        hash=hash_now, wallpapers=[*(_drawn(call, one) for one in found), *map(render.ours, numbers)]
    )


@rpc(account.SaveWallPaper, flood=per_minute(60))
async def save_wall_paper(call: Call, request: account.SaveWallPaper) -> bool:
    """Colours alone are not kept here: a client that chose them has them, and the server's are always there."""
    one = named(call, request.wallpaper)
    if isinstance(one, Scene):
        service = call.services.shelves
        if request.unsave:
            await service.drop(call.me, WALLPAPERS, one.id, origin=call.session)
        else:
            await service.put(call.me, WALLPAPERS, one.id, origin=call.session)
    return True


@rpc(account.InstallWallPaper, flood=per_minute(60))
async def install_wall_paper(call: Call, request: account.InstallWallPaper) -> bool:
    one = named(call, request.wallpaper)
    if isinstance(one, Scene):
        await call.services.shelves.put(call.me, WALLPAPERS, one.id, origin=call.session)
        await call.services.scenes.installed(one.id)
    return True


@rpc(account.ResetWallPapers, flood=per_minute(20))
async def reset_wall_papers(call: Call, request: account.ResetWallPapers) -> bool:
    await call.services.shelves.clear(call.me, WALLPAPERS, origin=call.session)
    return True


@rpc(messages.SetChatWallPaper, flood=per_minute(60))
async def set_chat_wall_paper(call: Call, request: messages.SetChatWallPaper) -> t.AnyUpdates:
    """Behind a private chat: for oneself, or for both; as a message set it; or none any more. Both are told by a
    service message, unless it is taken away."""
    peer = peers.here(call, peers.resolve(call, request.peer))
    if peer <= 0 or peer == SERVICE_USER:
        raise errors.PEER_ID_INVALID()
    call.services.messaging.check_may_write(call.me, peer)
    value, same = b"", False
    if request.id is not None:
        value, same = _of_message(call, peer, request.id), True
    elif request.wallpaper is not None and not request.revert:
        settings = _clean(request.settings) if request.settings is not None else None
        one = named(call, request.wallpaper)
        if one == 0 and settings is None:
            raise errors.WALLPAPER_INVALID()
        value = render.value_of(one.id if isinstance(one, Scene) else one, settings)
    changed = await call.services.scenes.set_chat(
        call.me, peer, WALLPAPER, value, both=bool(request.for_both), origin=call.session
    )
    answer = told(call.services, call.me, (changed,) if changed is not None else (), call.now)
    shown = render.set_wallpaper(call.services, call.me, value, kept=True)
    if shown is None:
        return answer
    action = render_media.kept(
        t.MessageActionSetChatWallPaper(same=same, for_both=bool(request.for_both), wallpaper=shown)
    )
    notice = Draft(action=action.data, layer=layers.CURRENT, min_layer=action.min_layer, files=action.files)
    return await announce(call, peer, notice, answer)


def _of_message(call: Call, peer: int, msg_id: int) -> bytes:
    """The wallpaper that a service message of the chat tells of. MESSAGE_ID_INVALID, WALLPAPER_NOT_FOUND."""
    view = call.services.history.message_or_none(call.me, msg_id)
    if view is None or view.row.peer != peer:
        raise errors.MESSAGE_ID_INVALID()
    action: Any = layers.decode(view.body.action) if view.body.action else None
    if not isinstance(action, t.MessageActionSetChatWallPaper):
        raise errors.WALLPAPER_NOT_FOUND()
    shown: Any = action.wallpaper
    return render.value_of(shown.id, shown.settings)
