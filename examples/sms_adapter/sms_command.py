"""Hands each message to a program: the number as its argument, the text as its standard input. Exit code 0 is sent,
75 (EX_TEMPFAIL) is try again later, anything else is refused."""

from __future__ import annotations

import asyncio

from tgserve.adapters.contract import AdapterError, Later, Options, Refused, Sent, Sms, SmsResult
from tgserve.clock import Clock

TRY_AGAIN = 75


class CommandSender:
    def __init__(self, program: str) -> None:
        self._program = program

    async def send(self, sms: Sms) -> SmsResult:
        try:
            process = await asyncio.create_subprocess_exec(
                self._program, "+" + sms.phone, stdin=asyncio.subprocess.PIPE
            )
        except OSError as error:
            return Refused(f"{self._program}: {error.strerror}")
        await process.communicate(sms.text.encode())
        if process.returncode == 0:
            return Sent()
        reason = f"{self._program} ended with {process.returncode}"
        return Later(reason) if process.returncode == TRY_AGAIN else Refused(reason)

    async def close(self) -> None:
        """Nothing is held open."""


def create(options: Options, clock: Clock) -> CommandSender:
    program = options.get("program")
    if set(options) != {"program"} or not isinstance(program, str):
        raise AdapterError('[sms.command] needs program = "FILE" and takes nothing else')
    return CommandSender(program)
