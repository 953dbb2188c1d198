"""A push adapter of one's own: every push is handed to a program, as JSON on its standard input.

Exit code 0: taken; 3: the token is dead; 75 (EX_TEMPFAIL): later; anything else: never.
"""

from __future__ import annotations

import asyncio
import json

from tgserve.adapters.contract import Gone, Later, Options, Push, PushResult, Refused, Sent
from tgserve.adapters.options import Option, takes
from tgserve.clock import Clock


class CommandSender:
    def __init__(self, program: str, types: frozenset[int]) -> None:
        self._program = program
        self.types = types

    async def send(self, push: Push) -> PushResult:
        said = json.dumps({"token": push.token, "type": push.token_type, "payload": push.payload}).encode()
        try:
            process = await asyncio.create_subprocess_exec(self._program, stdin=asyncio.subprocess.PIPE)
            await process.communicate(said)
        except OSError as fault:
            return Refused(f"the program cannot be started: {fault.strerror}")
        if process.returncode == 0:
            return Sent()
        if process.returncode == 3:
            return Gone("the program says so")
        if process.returncode == 75:
            return Later("the program says so")
        return Refused(f"the program ended with {process.returncode}")

    async def close(self) -> None:
        """Nothing is held open."""


@takes(
    "push.command",
    Option("program", "what is called for each push"),
    Option("types", "token types it is for, as in 5,12", default="13"),
)
def create(options: Options, clock: Clock) -> CommandSender:
    types = frozenset(int(part) for part in options["types"].split(","))
    return CommandSender(options["program"], types)
