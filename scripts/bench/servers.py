"""The two servers a benchmark compares, each in a process of its own: tgserve on fresh data, and the yardstick."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.client import call
from tgserve.adapters.contract import Sms
from tgserve.admin import datadir
from tgserve.admin.schema.users import UserCode
from tgserve.clock import SystemClock
from tgserve.config import Config
from tgserve.ids import Ids
from tgserve.mtproto.cipher import AuthKey
from tgserve.services import Services, build
from tgserve.store.shards import Store
from tgserve.testing.miniclient.client import MiniClient
from tgserve.tl import types as t
from tgserve.tl.functions import auth, contacts

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """
[limits]
calls_per_minute = 0
handshakes_per_address_per_minute = 0
handshakes_per_minute = 0
codes_per_address_per_hour = 1000000
connections_per_address = 100000

[log]
level = "warning"
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Running:
    """A server process on a port; `accounts` are signed-in accounts for load.connect."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.port = port
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
        self.log = log
        self.accounts: list[dict[str, Any]] = []
        for _ in range(1500):
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def start_yardstick(folder: Path, accounts: int) -> Running:
    port, sessions = free_port(), folder / "yardstick-sessions"
    options = ["--port", str(port), "--data", str(folder / "yardstick"), "--accounts", str(accounts)]
    command = [sys.executable, "-m", "scripts.bench.yardstick", *options, "--sessions", str(sessions)]
    running = Running(command, port, folder / "yardstick.log")
    running.accounts = [json.loads(line) for line in sessions.read_text().splitlines()]
    return running


def data_of(folder: Path) -> Path:
    """tgserve's data directory, with the settings of a benchmark."""
    data = folder / "tgserve"
    data.mkdir(parents=True, exist_ok=True)
    settings = data / "tgserve.toml"
    if not settings.exists():
        settings.write_text(SETTINGS)
    return data


def start_tgserve(folder: Path) -> Running:
    port, data = free_port(), data_of(folder)
    command = [sys.executable, "-m", "tgserve", "start", "--data", str(data), "--listen", f"127.0.0.1:{port}"]
    return Running(command, port, folder / "tgserve.log")


async def make_accounts(folder: Path, count: int) -> list[dict[str, Any]]:
    """`count` accounts, each signed in under a key of its own, written through the services before the server starts:
    thousands of sign-ups over the wire would take longer than what is measured."""
    store, services = opened(data_of(folder))
    await store.start()
    now = int(services.clock.now())

    async def one(number: int) -> dict[str, Any]:
        key = AuthKey(os.urandom(256))
        phone = f"9996{number:07d}"
        await services.auth.keys.add_key(key.id, key.raw)
        user = await services.auth.create_user(phone, f"Bench {number}", "")
        await services.auth.admit(key.id, user, now)
        return {"phone": phone, "key": key.raw.hex(), "salt": "00" * 8, "id": user}

    made = await asyncio.gather(*(one(number) for number in range(count)))
    await store.settled()
    await store.close()
    return made


def opened(folder: Path) -> tuple[Store, Services]:
    """Store and services of a data directory, made if need be, not started."""
    clock, ids = SystemClock(), Ids()
    datadir.create(folder, ids)
    keys = datadir.load(folder)
    config = Config(data=folder)
    store = Store(
        config.store_dir,
        engine=config.store.engine,
        shards=config.store.shards,
        map_bytes=config.store.map_gib << 30,
        clock=clock,
        ids=ids,
        secret=keys.secret,
    )
    return store, build(store, clock, ids, config, _Desk(), secret=keys.secret)  # type: ignore[arg-type]


class _Desk:
    """Nobody signs in by a code meanwhile."""

    def post(self, sms: Sms) -> bool:
        return False


async def pairs_of_accounts(running: Running, folder: Path, count: int) -> list[int]:
    """`count` accounts for `running`, and the access hash of each odd one for the one before it. A folder that is kept
    between runs has them already."""
    kept = folder / "accounts.json"
    if kept.exists():
        found = json.loads(kept.read_text())
        if len(found["accounts"]) >= count:
            running.accounts = found["accounts"][:count]
            return [int(one) for one in found["hashes"][: count // 2]]
    await sign_up(running, folder, count)
    accounts = running.accounts
    hashes = [await introduce(running, folder, accounts[n], accounts[n + 1]) for n in range(0, count, 2)]
    kept.write_text(json.dumps({"accounts": accounts, "hashes": hashes}))
    return hashes


async def sign_up(running: Running, folder: Path, count: int) -> None:
    """Add `count` accounts by real key exchange, code and sign-up, eight at a time."""
    pem = (folder / "tgserve" / "keys" / "public.pem").read_text()
    slots = asyncio.Semaphore(8)

    async def one(number: int) -> dict[str, Any]:
        async with slots:
            phone = f"9996{number:07d}"
            client = MiniClient(rsa_public=pem, layer=229)
            client.patience = 60
            await client.connect("127.0.0.1", running.port)
            settings = t.CodeSettings()
            sent = await client.call(
                auth.SendCode(phone_number=phone, api_id=1, api_hash="bench", settings=settings)
            )
            code_hash = sent.phone_code_hash
            code = call(folder / "tgserve", UserCode(phone=phone)).code
            await client.call(auth.SignIn(phone_number=phone, phone_code_hash=code_hash, phone_code=code))
            signed = await client.call(
                auth.SignUp(
                    phone_number=phone, phone_code_hash=code_hash, first_name=f"Bench {number}", last_name=""
                )
            )
            assert client.key is not None and client.session is not None
            account = {
                "phone": phone,
                "key": client.key.raw.hex(),
                "salt": client.session.salt.to_bytes(8, "little", signed=client.session.salt < 0).hex(),
                "id": signed.user.id,
            }
            await client.disconnect()
            return account

    first = len(running.accounts)
    running.accounts += await asyncio.gather(*(one(first + number) for number in range(count)))


async def introduce(running: Running, folder: Path, viewer: dict[str, Any], other: dict[str, Any]) -> int:
    """The access hash of `other` for `viewer`, by importing the phone number."""
    pem = (folder / "tgserve" / "keys" / "public.pem").read_text()
    client = MiniClient(rsa_public=pem, layer=229, key=AuthKey(bytes.fromhex(viewer["key"])))
    await client.connect("127.0.0.1", running.port)
    contact = t.InputPhoneContact(client_id=1, phone="+" + other["phone"], first_name="Peer", last_name="")
    found = await client.call(contacts.ImportContacts(contacts=[contact]))
    await client.disconnect()
    return int(found.users[0].access_hash)


@contextlib.contextmanager
def scratch(keep: str = "") -> Iterator[Path]:
    """A folder for both servers: `keep` (made if absent; its accounts stay for the next run), or a passing one."""
    if keep:
        Path(keep).mkdir(parents=True, exist_ok=True)
        yield Path(keep)
    else:
        with tempfile.TemporaryDirectory(prefix="tgserve-bench-") as name:
            yield Path(name)
