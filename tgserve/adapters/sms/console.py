"""The default: nothing is sent, the operator hands the code over (`tgserve user code PHONE`).

When the daemon runs in a terminal, the code is shown there as well: a newcomer's first login needs no second command.
Never in a log: a terminal is looked at by its owner, a log is kept and collected (SECURITY 7.2).
"""

from __future__ import annotations

import sys
from typing import TextIO

from tgserve.adapters.contract import Options, Refused, Sent, Sms, SmsResult
from tgserve.adapters.options import takes
from tgserve.clock import Clock


class ConsoleSender:
    def __init__(self, terminal: TextIO | None) -> None:
        self._terminal = terminal

    async def send(self, sms: Sms) -> SmsResult:
        if self._terminal is not None:
            try:
                self._terminal.write(f"login code for +{sms.phone}: {sms.code}\n")
                self._terminal.flush()
            except (OSError, ValueError):
                return Refused("the terminal is gone")
        return Sent()

    async def close(self) -> None:
        self._terminal = None


@takes("sms.console")
def create(options: Options, clock: Clock) -> ConsoleSender:
    return ConsoleSender(sys.stdout if sys.stdout is not None and sys.stdout.isatty() else None)
