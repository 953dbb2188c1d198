"""@rpc: one decorated function a method; the table of methods is the only place that says what is served.

The request class is the key, so the type checker knows the answer's type. `who`, `flood` and `status` are columns:
docs/methods.md and `tgserve methods` come from the table. Doubles are refused at import.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from tgserve.rpc.context import Call
from tgserve.tl.base import Request, TLObject

Result = TypeVar("Result")
Req = TypeVar("Req", bound=TLObject)


class Who(Enum):
    UNBOUND = "unbound"  # even over a temporary key that is not bound yet (SECURITY 1.16)
    ANYONE = "anyone"  # no login needed
    PENDING = "pending"  # signed in, or between login code and password (SECURITY 5.7)
    SIGNED_IN = "signed_in"
    USER = "user"  # signed in and not a bot
    BOT = "bot"


class Status(Enum):
    REAL = "REAL"
    EMPTY = "EMPTY"  # a declared harmless answer
    REFUSED = "REFUSED"  # a declared error answer


@dataclass(slots=True, frozen=True)
class Flood:
    """At most `count` calls in `seconds` for each user and method; more are FLOOD_WAIT_x (SECURITY 6.15)."""

    count: int
    seconds: int


def per_minute(count: int) -> Flood:
    return Flood(count, 60)


@dataclass(slots=True, frozen=True)
class Method:
    request: type[Request[Any]]
    run: Callable[[Call, Any], Awaitable[Any]]
    who: Who
    flood: Flood | None
    status: Status
    where: str  # file:line


METHODS: dict[int, Method] = {}


def rpc(
    request: type[Request[Result]],
    *,
    who: Who = Who.SIGNED_IN,
    flood: Flood | None = None,
    status: Status = Status.REAL,
) -> Callable[[Callable[[Call, Any], Awaitable[Result]]], Callable[[Call, Any], Awaitable[Result]]]:
    """Register the decorated coroutine function as the method that `request` calls."""

    def register(run: Callable[[Call, Any], Awaitable[Result]]) -> Callable[[Call, Any], Awaitable[Result]]:
        code = run.__code__
        if request.ID in METHODS:
            raise RuntimeError(
                f"{request.NAME} is served twice: {METHODS[request.ID].where} and {code.co_filename}"
            )
        where = f"{code.co_filename.rpartition('tgserve/')[2]}:{code.co_firstlineno}"
        METHODS[request.ID] = Method(request, run, who, flood, status, where)
        return run

    return register
