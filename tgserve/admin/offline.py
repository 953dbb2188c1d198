"""What the command line does without a daemon: make a data directory, read it, check it, list the methods.

Whatever opens the store takes its lock, so none of it can run beside a daemon. The command line imports this inside
the commands that need it: it pulls in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from tgserve import api, log, services
from tgserve import config as settings
from tgserve.adapters.desk import SmsDesk
from tgserve.adapters.loading import sms_sender
from tgserve.admin import datadir
from tgserve.admin.commands.check import told
from tgserve.admin.commands.finding import phone_digits
from tgserve.admin.commands.users import code_or_refuse
from tgserve.admin.registry import Refusal
from tgserve.admin.schema.daemon import CheckReport
from tgserve.admin.schema.users import LoginCode
from tgserve.api import catalogue
from tgserve.chunks.coding import Coder
from tgserve.chunks.offline import check_chunk_folders
from tgserve.clock import SystemClock
from tgserve.config import Config, ConfigError
from tgserve.errors import StoreError
from tgserve.ids import Ids
from tgserve.services import Services
from tgserve.store.check import check_folder
from tgserve.store.format import read_format
from tgserve.store.shards import Store

__all__ = ["Refusal", "check", "create", "methods", "open_store", "plain", "user_code"]

T = TypeVar("T")


def create(data: Path) -> bool:
    """Make or complete the data directory, store and all; True when the keys are new. Refusal: what is in the way."""
    try:
        made = datadir.create(data, Ids())
        config = settings.load(data)
        if read_format(config.store_dir) is None:
            log.setup(level="warning")
            asyncio.run(_make_store(config))
    except (ConfigError, StoreError, datadir.DataDirError) as error:
        raise Refusal(str(error)) from None
    return made


async def _make_store(config: Config) -> None:
    store = open_store(config, datadir.load(config.data).secret)
    await store.start()
    await store.close()


def user_code(data: Path, phone: str) -> LoginCode:
    """The newest login code of a phone number that still works."""
    digits = phone_digits(phone)
    clock = SystemClock()

    def look(opened: Services) -> LoginCode:
        return code_or_refuse(digits, opened.auth.codes.last_or_none(digits), int(clock.now()))

    return _with_services(data, look)


def check(data: Path, deep: bool = False) -> CheckReport:
    """Every invariant of the store and its chunks, opened here under its lock; nothing is written."""
    try:
        config = settings.load(data)
        _existing(config)
        report = check_folder(config.store_dir)
        keys = datadir.load(config.data)
        chunks = check_chunk_folders(config.store_dir, config.data, Coder(keys.secret, False, bytes), deep)
        return told(report, chunks, offline=True)
    except (ConfigError, StoreError, datadir.DataDirError) as error:
        raise Refusal(str(error)) from None


def methods() -> list[catalogue.Row]:
    """Every method of the current schema with its status, by name."""
    api.load()
    return catalogue.rows()


def plain(row: catalogue.Row) -> dict[str, Any]:
    return asdict(row)


def _with_services(data: Path, use: Callable[[Services], T]) -> T:
    """Open the store as a daemon would (what the last run left on its way is applied first), use it, close it."""
    try:
        config = settings.load(data)
        _existing(config)
        log.setup(level="warning")
        return asyncio.run(_opened(config, use))
    except (ConfigError, StoreError, datadir.DataDirError) as error:
        raise Refusal(str(error)) from None


async def _opened(config: Config, use: Callable[[Services], T]) -> T:
    clock, ids = SystemClock(), Ids()
    keys = datadir.load(config.data)
    store = open_store(config, keys.secret)
    desk = SmsDesk(sms_sender(config, clock), lambda message: message.close())
    opened = services.build(store, clock, ids, config, desk, secret=keys.secret)
    await store.start()
    try:
        return use(opened)
    finally:
        await store.close()


def open_store(config: Config, secret: bytes) -> Store:
    """The store of the settings, not started; `secret` is that of keys/secret.key, for what is sealed in it."""
    return Store(
        config.store_dir,
        engine=config.store.engine,
        shards=config.store.shards,
        map_bytes=config.store.map_gib << 30,
        secret=secret,
    )


def _existing(config: Config) -> None:
    if not config.keys_dir.is_dir():
        raise Refusal(f"{config.data} is no data directory: `tgserve init --data {config.data}` makes one")
