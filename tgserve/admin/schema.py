"""The admin API: what a command takes and gives. The command line imports this and nothing else of the daemon.

A command is a dataclass of its parameters; `@answers(name, Result)` ties name and result to it. On the wire
(DIR/admin.sock, one JSON object a line): the server's first line is a Hello; a request is
{"command": "user.show", "params": {...}}; an answer is {"result": {...}} or {"error": {"kind": "...", "text": "..."}}.
Fields are only added, with defaults; a change of meaning raises VERSION. `--json` prints results as they stand here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Generic, TypeVar

VERSION = 1

R = TypeVar("R")
C = TypeVar("C", bound="type[Command[Any]]")


class Command(Generic[R]):
    """Base of the parameters of a command that answers with an R."""

    NAME: typing.ClassVar[str]
    RESULT: typing.ClassVar[type[Any]]


COMMANDS: dict[str, type[Command[Any]]] = {}


def answers(name: str, result: type[Any]) -> Callable[[C], C]:
    def tie(command: C) -> C:
        if name in COMMANDS:
            raise RuntimeError(f"two commands are called {name}")
        command.NAME = name
        command.RESULT = result
        COMMANDS[name] = command
        return command

    return tie


class Malformed(ValueError):
    """JSON that is not what the schema says; the text names the field."""


def to_plain(value: Any) -> Any:
    """A dataclass of this file -> what json.dumps takes."""
    return asdict(value)


def from_plain(cls: type[R], data: Any, place: str = "") -> R:
    """Decoded JSON -> dataclass, strictly typed. Unknown fields are left out: the other side may be newer."""
    if not isinstance(data, dict):
        raise Malformed(f"{place or cls.__name__}: an object is needed")
    hints = typing.get_type_hints(cls)
    given: dict[str, Any] = {}
    for item in fields(typing.cast(Any, cls)):
        if item.name in data:
            given[item.name] = _typed(hints[item.name], data[item.name], f"{place}{item.name}")
    try:
        return cls(**given)
    except TypeError:
        raise Malformed(f"{place or cls.__name__}: a field is missing") from None


def _typed(kind: Any, value: Any, place: str) -> Any:
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        kinds = typing.get_args(kind)
        if value is None and type(None) in kinds:
            return None
        kind = next(one for one in kinds if one is not type(None))
    if is_dataclass(kind):
        return from_plain(typing.cast(type[Any], kind), value, place + ".")
    if typing.get_origin(kind) is list and isinstance(value, list):
        (inner,) = typing.get_args(kind)
        return [_typed(inner, one, f"{place}[{n}]") for n, one in enumerate(value)]
    if typing.get_origin(kind) is dict and isinstance(value, dict):
        return value
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind:
        return value
    raise Malformed(f"{place}: {getattr(kind, '__name__', kind)} is needed")


@dataclass(frozen=True, slots=True)
class Hello:
    """First line of the server."""

    tgserve: str
    admin: int
    pid: int


# -- the daemon -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatusReport:
    version: str
    pid: int
    address: str
    data: str
    uptime_seconds: float
    connections: int
    sessions: int
    users_online: int
    calls: int
    faults: int
    """Calls that ended in a fault of the server: should be 0."""
    call_p50_seconds: float
    call_p99_seconds: float
    shards: int
    store_bytes: int
    rss_bytes: int
    dev: bool = False


@answers("status", StatusReport)
@dataclass(frozen=True, slots=True)
class Status(Command[StatusReport]):
    """How the server is."""


@dataclass(frozen=True, slots=True)
class Stopping:
    pid: int


@answers("stop", Stopping)
@dataclass(frozen=True, slots=True)
class Stop(Command[Stopping]):
    """End cleanly; the process is gone when its socket is."""


@dataclass(frozen=True, slots=True)
class MetricsText:
    text: str


@answers("metrics", MetricsText)
@dataclass(frozen=True, slots=True)
class Metrics(Command[MetricsText]):
    """All metrics in Prometheus' text format."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """No `problems`: every invariant of docs/DISK.md holds. They are listed up to a thousand, `found` counts all."""

    problems: list[str]
    found: int = 0
    rows: int = 0
    slots: int = 0
    waiting: int = 0
    """Outbox items on their way: normal under load."""
    parked: int = 0
    """Outbox items that could not be applied: a fault of ours, they are tried again."""
    seconds: float = 0.0
    offline: bool = False


@answers("check", CheckReport)
@dataclass(frozen=True, slots=True)
class Check(Command[CheckReport]):
    """Walk the whole store and verify it (docs/DISK.md)."""


# -- search ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SearchReport:
    state: str
    """ready, building, failed or off."""
    documents: int = -1
    """Messages that can be found; -1 while that cannot be said."""
    bytes: int = 0
    waiting: int = 0
    """Changes that are committed and not in the index yet."""
    lag_seconds: float = 0.0
    boxes_done: int = 0
    boxes_total: int = 0
    """Of the last building or catching up."""
    fault: str = ""


@answers("search.status", SearchReport)
@dataclass(frozen=True, slots=True)
class SearchStatus(Command[SearchReport]):
    """How the search index is."""


@answers("search.rebuild", SearchReport)
@dataclass(frozen=True, slots=True)
class SearchRebuild(Command[SearchReport]):
    """Throw the search index away and build it anew, while the server goes on."""


# -- users ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserRow:
    id: int
    phone: str
    first_name: str
    last_name: str = ""
    username: str = ""
    created: int = 0
    last_online: int = 0
    state: str = "active"
    """active, banned, deleted or bot."""


@dataclass(frozen=True, slots=True)
class UserPage:
    users: list[UserRow]
    total: int
    """How many fit the search, whatever the limit."""


@answers("user.list", UserPage)
@dataclass(frozen=True, slots=True)
class UserList(Command[UserPage]):
    """Accounts, newest first; `search` looks into name, username and phone."""

    search: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class SessionRow:
    auth_key_id: str
    """16 hex digits."""
    device: str
    app: str
    ip: str
    created: int
    active: int


@dataclass(frozen=True, slots=True)
class UserDetails:
    user: UserRow
    about: str = ""
    contacts: int = 0
    dialogs: int = 0
    messages: int = 0
    sessions: list[SessionRow] = field(default_factory=list)


@answers("user.show", UserDetails)
@dataclass(frozen=True, slots=True)
class UserShow(Command[UserDetails]):
    """`who`: an id, @username or phone number."""

    who: str


@dataclass(frozen=True, slots=True)
class LoginCode:
    phone: str
    code: str
    expires_seconds: int


@answers("user.code", LoginCode)
@dataclass(frozen=True, slots=True)
class UserCode(Command[LoginCode]):
    """The newest login code of a phone number that still works."""

    phone: str


@answers("user.mailcode", LoginCode)
@dataclass(frozen=True, slots=True)
class UserMailCode(Command[LoginCode]):
    """The newest e-mail code of an account (two-step verification) that still works."""

    who: str


@answers("user.create", UserRow)
@dataclass(frozen=True, slots=True)
class UserCreate(Command[UserRow]):
    """Make an account before its owner's first login."""

    phone: str
    first_name: str
    last_name: str = ""
    username: str = ""
