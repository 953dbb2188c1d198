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
    disks: int = 0
    disks_unwell: list[str] = field(default_factory=list)
    """Disks for files that are not ok, a sentence each; then what is lost or lacks copies."""
    chunks: int = 0
    chunk_bytes: int = 0
    """Of files, with all copies, at the last count."""


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
    chunks: int = 0
    chunk_copies: int = 0
    chunk_copies_unread: int = 0
    """On disks that are away."""


@answers("check", CheckReport)
@dataclass(frozen=True, slots=True)
class Check(Command[CheckReport]):
    """Walk the whole store and verify it (docs/DISK.md); `deep`: read every chunk too."""

    deep: bool = False


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


# -- disks of files -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DiskRow:
    number: int
    path: str
    state: str
    """active or draining"""
    health: str
    """ok, full, missing (not there), foreign (another disk lies there), failing"""
    weight: int
    chunks: int = 0
    """This and the next five as of the last count."""
    bytes: int = 0
    packs: int = 0
    garbage_bytes: int = 0
    only_here: int = 0
    """Chunks that somebody needs and that no other readable disk has."""
    counted: int = 0
    """Unix seconds."""
    free_bytes: int = -1
    faults: int = 0
    """Since the start, as the next."""
    bad_copies: int = 0
    fault: str = ""
    """The last thing that went wrong, while it is not ok."""


@dataclass(frozen=True, slots=True)
class DiskJob:
    """A walk over all chunks."""

    kind: str
    """repair, drain, scrub, rebuild or count"""
    disk: int = 0
    state: str = ""
    """waiting, running, done, failed"""
    done: int = 0
    total: int = 0
    chunks: int = 0
    bytes: int = 0
    bad: int = 0
    made: int = 0
    """Copies made anew."""
    lost: int = 0
    """Chunks somebody needs and that have no good copy."""
    stuck: int = 0
    """Chunks for whose copies no disk could be found."""
    seconds: float = 0.0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class DiskReport:
    disks: list[DiskRow]
    copies: int = 0
    least_copies: int = 0
    chunks: int = 0
    held: int = 0
    content_bytes: int = 0
    shared_bytes: int = 0
    """What was saved because equal content is kept once."""
    stored_bytes: int = 0
    lacking: int = 0
    lost: int = 0
    scrub_percent: float = 0.0
    """Of the walk that reads everything; `scrub_ended`: when the last one was through."""
    scrub_ended: int = 0
    jobs: list[DiskJob] = field(default_factory=list)
    """The latest of each kind."""


@answers("disk.status", DiskReport)
@dataclass(frozen=True, slots=True)
class DiskStatus(Command[DiskReport]):
    """How the disks for files are."""


@answers("disk.add", DiskRow)
@dataclass(frozen=True, slots=True)
class DiskAdd(Command[DiskRow]):
    """Take an empty folder into use. `path`: absolute, or relative to the data directory."""

    path: str
    weight: int = 100


@answers("disk.drain", DiskJob)
@dataclass(frozen=True, slots=True)
class DiskDrain(Command[DiskJob]):
    """Move everything from a disk to the others; `cancel`: use it again."""

    number: int
    cancel: bool = False


@answers("disk.remove", DiskRow)
@dataclass(frozen=True, slots=True)
class DiskRemove(Command[DiskRow]):
    """Forget a disk. Refused while chunks lie on it, unless `force`."""

    number: int
    force: bool = False


@answers("disk.scrub", DiskJob)
@dataclass(frozen=True, slots=True)
class DiskScrub(Command[DiskJob]):
    """Read every copy now, heal what is bad."""


@answers("disk.repair", DiskJob)
@dataclass(frozen=True, slots=True)
class DiskRepair(Command[DiskJob]):
    """Make the copies that are missing. `rebuild`: enter into the table what the packs hold and it does not know."""

    rebuild: bool = False


@answers("disk.count", DiskJob)
@dataclass(frozen=True, slots=True)
class DiskCount(Command[DiskJob]):
    """Count everything and tidy the packs now."""


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
