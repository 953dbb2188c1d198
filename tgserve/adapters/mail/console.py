"""The default: nothing is sent, the operator hands the code over (`tgserve user mailcode PHONE`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tgserve.adapters.contract import AdapterError, Sent
from tgserve.adapters.mail.contract import Mail, MailResult
from tgserve.clock import Clock


class ConsoleSender:
    async def send(self, mail: Mail) -> MailResult:
        return Sent()

    async def close(self) -> None:
        """Nothing is held open."""


def create(options: Mapping[str, Any], clock: Clock) -> ConsoleSender:
    if options:
        raise AdapterError(f"[mail.console] takes no options, not {', '.join(options)}")
    return ConsoleSender()
