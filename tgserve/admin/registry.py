"""@command: the daemon's side of a command of schema.py, and what all of them are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from tgserve.adapters.line import Line
from tgserve.adapters.push.routes import Routes
from tgserve.admin.backups import Backups
from tgserve.admin.jobs import Jobs
from tgserve.admin.refusal import Refusal
from tgserve.admin.schema import COMMANDS, Command
from tgserve.chunks.keeper import Keeper
from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.rpc.flood import Floods
from tgserve.server.tracing import Tracing
from tgserve.services import Services
from tgserve.store.moving import Mover
from tgserve.store.shards import Store

__all__ = ["HANDLERS", "Daemon", "Refusal", "command", "unserved"]

R = TypeVar("R")
P = TypeVar("P", bound=Command[Any])


class Calls(Protocol):
    """What commands see of the dispatcher."""

    floods: Floods


class Clients(Protocol):
    """What commands see of the gateway."""

    @property
    def dispatcher(self) -> Calls: ...

    def in_use(self, auth_key_id: int) -> bool:
        """Whether a client with this permanent key has a connection now."""


class Daemon(Protocol):
    """What commands see of the running server (app.App is one)."""

    config: Config
    clock: Clock
    services: Services
    jobs: Jobs
    tracing: Tracing
    backups: Backups
    keeper: Keeper
    mover: Mover
    store: Store

    @property
    def gateway(self) -> Clients: ...

    sms: Line
    routes: Routes
    address: str
    """host:port it listens on."""
    started: float
    """clock.monotonic() when it was ready."""


Handler = Callable[[Daemon, Any], Awaitable[Any]]
HANDLERS: dict[str, Handler] = {}


def command(
    params: type[P],
) -> Callable[[Callable[[Daemon, P], Awaitable[Any]]], Callable[[Daemon, P], Awaitable[Any]]]:
    """Register the decorated coroutine function as what answers `params`."""

    def register(run: Callable[[Daemon, P], Awaitable[Any]]) -> Callable[[Daemon, P], Awaitable[Any]]:
        if params.NAME in HANDLERS:
            raise RuntimeError(f"{params.NAME} has two handlers")
        HANDLERS[params.NAME] = run
        return run

    return register


def unserved() -> list[str]:
    """Commands of the schema without a handler; a test wants none."""
    return sorted(set(COMMANDS) - set(HANDLERS))
