"""Clients that live in a process of their own (Node libraries, old Telethon), driven by JSON lines over stdin/stdout.

The script gets one JSON argument (host, port, phone, name, key), says {"need": "code"}, {"me": id}, {"heard": text},
{"done": order}, {"error": text}, and takes {"do": ..., ...} orders.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.journeys.daemon import Daemon
from tests.journeys.people import fingerprint_of
from tests.waiting import until


def key_facts(pem: str) -> dict[str, Any]:
    numbers = load_pem_public_key(pem.encode()).public_numbers()
    return {
        "n": str(numbers.n),
        "e": numbers.e,
        "fingerprint": str(fingerprint_of(numbers.n, numbers.e)),
        "pem": pem,
    }


class Script:
    """A scripted client: `say` gives an order and waits until it is done, `heard` collects what came in live."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.id = 0

    async def read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            if line.startswith(b"{"):
                self.lines.append(json.loads(line))

    @property
    def heard(self) -> list[str]:
        return [line["heard"] for line in self.lines if "heard" in line]

    def tell(self, order: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")

    async def expect(self, key: str, seconds: float = 60) -> Any:
        def find() -> dict[str, Any] | None:
            wrong = [line["error"] for line in self.lines if "error" in line]
            assert not wrong, wrong
            return next((line for line in self.lines if key in line), None)

        found = await until(find, seconds)
        self.lines.remove(found)
        return found[key]

    async def say(self, do: str, **arguments: Any) -> None:
        self.tell({"do": do, **arguments})
        await self.expect("done")


@asynccontextmanager
async def scripted_person(
    command: list[str], daemon: Daemon, phone: str, name: str, env: dict[str, str] | None = None
) -> AsyncIterator[Script]:
    facts = {"host": daemon.host, "port": daemon.port, "phone": phone, "name": name, **key_facts(daemon.pem)}
    process = await asyncio.create_subprocess_exec(
        *command,
        json.dumps(facts),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **(env or {})},
        limit=1 << 22,
    )
    person = Script(process)
    reader = asyncio.ensure_future(person.read())
    try:
        await person.expect("need")
        person.tell({"code": await asyncio.to_thread(daemon.code, phone)})
        person.id = int(await person.expect("me"))
        yield person
    finally:
        person.tell({"do": "quit"})
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
        reader.cancel()
