"""The daemon's side of the admin commands: one module a noun. `load` imports them, which fills registry.HANDLERS."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "backups",
    "bots",
    "channels",
    "check",
    "daemon",
    "disks",
    "exports",
    "invites",
    "jobs",
    "providers",
    "nodes",
    "push",
    "search",
    "seeing",
    "sessions",
    "shards",
    "traces",
    "sms",
    "users",
)


def load() -> None:
    for name in MODULES:
        import_module(f"{__name__}.{name}")
