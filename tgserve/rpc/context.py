"""What a handler is given: who calls, over what, when, and the services. No globals, no context variables.

`layer` is for the rpc and server rooms only (tests/test_house.py): handlers see current objects of the schema.
"""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple

import msgspec

from tgserve.services import Services


class SessionRef(NamedTuple):
    """An MTProto session: the permanent key's id and the client's session_id (both unsigned 64-bit)."""

    auth_key_id: int
    session_id: int


class Device(msgspec.Struct, frozen=True, gc=False):
    """What initConnection told about the client."""

    api_id: int = 0
    device_model: str = ""
    system_version: str = ""
    app_version: str = ""
    system_lang_code: str = ""
    lang_pack: str = ""
    lang_code: str = ""


NO_DEVICE = Device()


class Call(msgspec.Struct, frozen=True, gc=False):
    """One call being served. `me` is 0 when nobody is signed in; `now` is Unix seconds; `dc_id` is the DC the client
    believes it is on (config.this_dc must say the same, CLIENTS.md A.6).

    A struct rather than a frozen dataclass: one is made for every call, and it costs a quarter of a microsecond
    instead of one and a half."""

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
    temp_key: bytes = b""
    """The temporary key itself, for auth.bindTempAuthKey alone: set only while it is not bound."""
    temp_expires: int = 0
    """When the temporary key ends, Unix seconds."""
    takeout: bool = False
    """Made inside an export session of the caller's (invokeWithTakeout)."""
    over_host: str = ""
    """The server address the client connected to; help.getConfig offers it when no public host is configured."""


class Login:
    """A permanent auth key as the RPC room knows it: one object, shared by all sessions of the key, over whatever
    temporary keys. `auth_key_id` is 0 while the sessions' temporary key is not bound."""

    __slots__ = ("auth_key_id", "bot", "device", "ip", "layer", "user_id")

    def __init__(
        self, auth_key_id: int, user_id: int = 0, layer: int = 0, device: Device = NO_DEVICE
    ) -> None:
        self.auth_key_id = auth_key_id
        self.user_id = user_id
        self.bot = False
        self.layer = layer
        self.device = device
        self.ip = ""


_REMEMBERED = 64


class Caller:
    """One MTProto session as the dispatcher sees it. The server's live sessions are this class and add the wire.

    `layer` 0: nothing announced in this session, the key's last layer counts. `subscribed`: a call came that was not
    wrapped in invokeWithoutUpdates, so updates may be pushed. `running`: msg_ids of calls that have begun and not
    ended, None while there is none (an empty set is 216 bytes). `waiting`: msg_id -> those that wait for that call to
    end (invokeAfterMsg).
    """

    __slots__ = (
        "dc_id",
        "host",
        "ip",
        "layer",
        "login",
        "outcomes",
        "ref",
        "running",
        "subscribed",
        "waiting",
    )

    def __init__(self, login: Login, session_id: int) -> None:
        self.login = login
        self.ref = SessionRef(login.auth_key_id, session_id)
        self.layer = 0
        self.ip = ""
        self.host = ""
        self.dc_id = 0
        self.subscribed = False
        self.running: set[int] | None = None
        self.outcomes = array("Q")
        self.waiting: dict[int, list[Any]] | None = None

    def note_outcome(self, msg_id: int, failed: bool) -> None:
        """Remember how a call ended: client msg_ids are multiples of four, so the outcome fits into the lowest bit."""
        outcomes = self.outcomes
        outcomes.append(msg_id | failed)
        if len(outcomes) > _REMEMBERED:
            del outcomes[: _REMEMBERED // 2]

    def outcome(self, msg_id: int) -> bool | None:
        """True: it ended well, False: with an error, None: not among the last calls that ended."""
        if msg_id in self.outcomes:
            return True
        return False if msg_id | 1 in self.outcomes else None

    def temp_key(self) -> tuple[int, bytes, int] | None:
        """(id, key, expires) of the temporary key the session runs over, or None for a permanent one."""
        return None

    def answer(self, msg_id: int, body: bytes) -> None:
        """Queue the rpc_result of the call `msg_id`; `body` is the boxed result or rpc_error."""
        raise NotImplementedError

    def speaks(self, layer: int) -> None:
        """The client has said its layer: for the session, and for the key, whose next sessions begin with it."""
        self.layer = self.login.layer = layer

    def subscribe(self) -> None:
        """The session takes updates from now on."""
        self.subscribed = True
