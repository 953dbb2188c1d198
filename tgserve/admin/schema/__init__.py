"""The admin API: what a command takes and gives, one module a noun. The command line imports nothing else of the
daemon, and of this only what the command needs: its start is most of what a command costs.

A command is a dataclass of its parameters; `@answers(name, Result)` ties name and result to it. On the wire
(DIR/admin.sock, one JSON object a line): the server's first line is a Hello; a request is
{"command": "user.show", "params": {...}}; an answer is {"result": {...}} or {"error": {"kind": "...", "text": "..."}}.
Fields are only added, with defaults; a change of meaning raises VERSION. `--json` prints results as they stand here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, is_dataclass
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
