"""What the command line does without a daemon: make a data directory, read it, check it, list the methods.

Whatever opens the store takes its lock, so none of it can run beside a daemon. The command line imports this inside
the commands that need it: it pulls in the store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from tgserve import api, config
from tgserve.admin import datadir
from tgserve.admin.commands import users
from tgserve.admin.registry import Refusal
from tgserve.admin.schema import CheckReport, LoginCode
from tgserve.clock import SystemClock
from tgserve.errors import StoreError
from tgserve.ids import Ids
from tgserve.rpc.registry import METHODS
from tgserve.tl import definitions

__all__ = ["MethodRow", "Refusal", "check", "create", "methods", "plain", "user_code"]

T = TypeVar("T")


def create(data: Path) -> bool:
    """Make or complete the data directory; True when the keys are new. Refusal says what is in the way."""
    try:
        return datadir.create(data, Ids())
    except datadir.DataDirError as error:
        raise Refusal(str(error)) from None
