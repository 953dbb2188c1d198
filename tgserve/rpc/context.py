"""What a handler is given: who calls, over what, when, and the services. No globals, no context variables.

`layer` is for the rpc and server rooms only (tests/test_house.py): handlers see current objects of the schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # pragma: no cover - replaced by a real import once services exist
    from tgserve.services import Services


class SessionRef(NamedTuple):
    """An MTProto session: the permanent key's id and the client's session_id (both unsigned 64-bit)."""

    auth_key_id: int
    session_id: int


@dataclass(slots=True, frozen=True)
class Device:
    """What initConnection told about the client."""

    api_id: int = 0
    device_model: str = ""
    system_version: str = ""
    app_version: str = ""
    system_lang_code: str = ""
    lang_pack: str = ""
    lang_code: str = ""


@dataclass(slots=True, frozen=True)
class Call:
    """One call being served. `me` is 0 when nobody is signed in; `now` is Unix seconds; `dc_id` is the DC the client
    believes it is on (config.this_dc must say the same, CLIENTS.md A.6)."""

    me: int
    session: SessionRef
    layer: int
    device: Device
    ip: str
    dc_id: int
    now: int
    msg_id: int
    services: Services
    temp_key_id: int = 0
    """Set when the call came over a temporary key."""
    bound: bool = True
    """False while that temporary key is not bound to a permanent one."""
