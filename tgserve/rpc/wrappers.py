"""The envelopes a call may come in: invokeWithLayer, initConnection, invokeAfterMsg(s), and others.

They are peeled from their bytes, outermost first, at most NESTING deep; what they say is collected in one Unwrapped.
Those that ask for something this server has no use for (message ranges: there is one; proofs of stores' integrity
checks) are accepted and their call is served plainly.
"""

from __future__ import annotations

from struct import Struct

from tgserve import errors
from tgserve.mtproto.constructors import GZIP_PACKED
from tgserve.mtproto.containers import Malformed, inflate
from tgserve.rpc.context import Device
from tgserve.tl import layers
from tgserve.tl.functions import core

NESTING = 8
_U32 = Struct("<I").unpack_from
_WITH_LAYER = core.InvokeWithLayer.ID
_AFTER_MSG = core.InvokeAfterMsg.ID
_WITHOUT_UPDATES = core.InvokeWithoutUpdates.ID
_AFTER = Struct("<Q").unpack_from
_DEVICE_CHARS = 128
_AFTER_IDS = 1024
_DEVICES: dict[Device, Device] = {}
_DEVICES_MOST = 4096

WRAPPERS = frozenset(
    request.ID
    for request in (
        core.InvokeWithLayer,
        core.InitConnection,
        core.InvokeAfterMsg,
        core.InvokeAfterMsgs,
        core.InvokeWithoutUpdates,
        core.InvokeWithMessagesRange,
        core.InvokeWithTakeout,
        core.InvokeWithGooglePlayIntegrity,
        core.InvokeWithApnsSecret,
        core.InvokeWithReCaptcha,
    )
) | {GZIP_PACKED}
"""TDLib packs a large call inside initConnection, so gzip_packed is one. invokeWithBusinessConnection is none: it would
act for another account, which is not there."""


class Unwrapped:
    """A call without its envelopes, and what they said. `layer` 0 and `device` None: nothing."""

    __slots__ = ("after", "body", "device", "layer", "quiet", "takeout")

    def __init__(self, body: bytes | memoryview) -> None:
        self.body = body
        self.layer = 0
        self.device: Device | None = None
        self.after: list[int] = []
        self.quiet = False
        self.takeout = 0


def unwrap(body: bytes | memoryview) -> Unwrapped:
    """Peel every envelope. Raises errors.INPUT_* when one is cut short or they are nested too deeply."""
    found = Unwrapped(body)
    for _ in range(NESTING):
        body = found.body
        if len(body) < 4:
            raise errors.INPUT_FETCH_ERROR()
        (id,) = _U32(body)
        if id not in WRAPPERS:
            return found
        if id == _WITH_LAYER:
            _need(body, 8)
            (found.layer,) = _U32(body, 4)
            found.body = body[8:]
        elif id == _AFTER_MSG:
            _need(body, 12)
            found.after.append(_AFTER(body, 4)[0])
            found.body = body[12:]
        elif id == GZIP_PACKED:
            found.body = _inflated(bytes(body))
        elif id == _WITHOUT_UPDATES:
            found.quiet = True
            found.body = body[4:]
        else:
            _open(found, layers.decode_request(body))
    raise errors.INPUT_FETCH_FAIL()


def _inflated(body: bytes) -> bytes:
    try:
        return inflate(body)
    except Malformed:
        raise errors.INPUT_FETCH_FAIL() from None


def _shared(device: Device) -> Device:
    """The one object for equal devices: many clients are alike, and each keeps its device."""
    if len(_DEVICES) >= _DEVICES_MOST:
        _DEVICES.clear()
    return _DEVICES.setdefault(device, device)


def _need(body: bytes | memoryview, count: int) -> None:
    if len(body) < count:
        raise errors.INPUT_FETCH_ERROR()


def _open(found: Unwrapped, envelope: object) -> None:
    """The rarer envelopes, decoded by the schema; `query` holds the bytes that follow."""
    if isinstance(envelope, core.InitConnection):
        found.device = _shared(
            Device(
                envelope.api_id,
                envelope.device_model[:_DEVICE_CHARS],
                envelope.system_version[:_DEVICE_CHARS],
                envelope.app_version[:_DEVICE_CHARS],
                envelope.system_lang_code[:_DEVICE_CHARS],
                envelope.lang_pack[:_DEVICE_CHARS],
                envelope.lang_code[:_DEVICE_CHARS],
            )
        )
        found.body = envelope.query
    elif isinstance(envelope, core.InvokeAfterMsgs):
        if len(envelope.msg_ids) > _AFTER_IDS:
            raise errors.INPUT_FETCH_FAIL()
        found.after += [msg_id & 0xFFFF_FFFF_FFFF_FFFF for msg_id in envelope.msg_ids]
        found.body = envelope.query
    elif isinstance(envelope, core.InvokeWithTakeout):
        if not envelope.takeout_id:
            raise errors.TAKEOUT_INVALID()
        found.takeout = envelope.takeout_id
        found.body = envelope.query
    elif isinstance(
        envelope,
        core.InvokeWithMessagesRange
        | core.InvokeWithGooglePlayIntegrity
        | core.InvokeWithApnsSecret
        | core.InvokeWithReCaptcha,
    ):
        found.body = envelope.query
    else:
        raise errors.INPUT_METHOD_INVALID()
