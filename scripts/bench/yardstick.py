"""The least a Python MTProto server can do for a durable 1:1 message: not a server, a measure for one.

    python -m scripts.bench.yardstick --port P --data DIR --accounts N --sessions FILE

It has no key exchange, login or rules: it writes a sessions file (accounts with known keys) for the load generator and
does what any real server must: framing, AES-IGE and SHA-256 both ways, msg_key check, one LMDB group commit with sync
before the answer, the result to the sender and an update to the receiver, one write for each connection and turn.
What is sent to a channel, whichever, is one row and one update for every account with a connection but the sender's.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import gc
import hashlib
import json
import os
import struct
import threading
import time
from pathlib import Path
from typing import Any

import cryptg
import lmdb
import uvloop

U32, U64 = struct.Struct("<I"), struct.Struct("<Q")
HEADER = struct.Struct("<QQQII")
SEND = struct.Struct("<IIIQQ")
RESULT = struct.Struct("<IQIIIIIi")
MESSAGE = struct.Struct("<IIIiIqIqi")
ROW = struct.Struct(">QQ")
FIRST_USER = 1000


def tl_string(data: bytes) -> bytes:
    size = len(data)
    if size < 254:
        return bytes((size,)) + data + b"\0" * (-(size + 1) & 3)
    return b"\xfe" + size.to_bytes(3, "little") + data + b"\0" * (-size & 3)


VECTOR, RPC_RESULT, CONTAINER, ACKS = 0x1CB5C415, 0xF35C6D01, 0x73F1F8DC, 0x62D6B459
SEND_MESSAGE = {0xFEF48F62, 0x545CD15A}
PEER_CHANNEL = 0x27BCBBFC
CHANNEL = 4242
CHANNEL_BLOB = (
    struct.pack("<IIIIIqq", VECTOR, 1, 0x1C32B11C, 0x2140, 0, CHANNEL, CHANNEL)
    + tl_string(b"Yardstick")
    + struct.pack("<II", 0x37C1011C, 1700000000)
    + bytes(16)
)
"""A supergroup as clients are told of it, or as many bytes."""


class Account:
    __slots__ = ("blob", "connections", "id", "key", "key_id", "pts")

    def __init__(self, number: int) -> None:
        self.id = FIRST_USER + number
        self.key = b"".join(hashlib.sha256(b"yardstick%d.%d" % (number, part)).digest() for part in range(8))
        self.key_id = hashlib.sha1(self.key, usedforsecurity=False).digest()[-8:]
        self.connections: list[Connection] = []
        self.pts = 0
        names = tl_string(b"First") + tl_string(b"Last") + tl_string(b"user%d" % self.id)
        flags = struct.pack("<IIIQQ", 0xB1B8CC83, 0x4F, 0, self.id, self.id ^ 0xABCDEF)
        self.blob = (
            struct.pack("<II", VECTOR, 1) + flags + names + struct.pack("<IIII", VECTOR, 0, 1700000000, 0)
        )


class Floor:
    """All the state there is: accounts by key, the commit queue, what must be written this turn."""

    def __init__(self, count: int, folder: Path) -> None:
        self.accounts = [Account(number) for number in range(count)]
        self.by_key = {account.key_id: account for account in self.accounts}
        self.by_id = {account.id: account for account in self.accounts}
        self.queue: collections.deque[tuple[Any, ...]] = collections.deque()
        self.wake = threading.Event()
        self.dirty: set[Connection] = set()
        self.sequence = 0
        self.last_msg_id = 0
        self.pool = os.urandom(1 << 16)
        self.at = 0
        self.env = lmdb.open(str(folder), map_size=16 << 30, max_dbs=4)
        self.bodies, self.rows = self.env.open_db(b"bodies"), self.env.open_db(b"rows")

    def msg_id(self) -> int:
        number = (int(time.time() * 4294967296) & ~3) | 1
        self.last_msg_id = number = max(number, self.last_msg_id + 4)
        return number

    def padding(self, count: int) -> bytes:
        if self.at > 65000:
            self.at = 0
        self.at += count
        return self.pool[self.at - count : self.at]

    def flush(self) -> None:
        for connection in self.dirty:
            connection.transport.write(b"".join(connection.parts))
            connection.parts = []
        self.dirty.clear()

    def writer(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            self.wake.wait()
            self.wake.clear()
            batch: list[Any] = []
            while self.queue and len(batch) < 4000:
                batch.append(self.queue.popleft())
            if not batch:
                continue
            with self.env.begin(write=True) as txn:
                txn.cursor(self.bodies).putmulti(
                    [(ROW.pack(0, job[5]), job[4]) for job in batch], append=True
                )
                rows = [(ROW.pack(job[2].id, job[5]), b"12345678") for job in batch]
                rows += [(ROW.pack(job[3].id if job[3] else CHANNEL, job[5]), b"12345678") for job in batch]
                rows.sort()
                txn.cursor(self.rows).putmulti(rows)
            loop.call_soon_threadsafe(self.committed, batch)
            if self.queue:
                self.wake.set()

    def committed(self, batch: list[tuple[Any, ...]]) -> None:
        now = int(time.time())
        for connection, msg_id, sender, receiver, text, number in batch:
            sender.pts += 1
            number &= 0x7FFFFFFF
            answer = RESULT.pack(RPC_RESULT, msg_id, 0x9015E101, 0, number, sender.pts, 1, now)
            if not connection.transport.is_closing():
                connection.push(answer)
            if receiver is None:
                self.broadcast(sender, text, number, now)
                continue
            receiver.pts += 1
            if receiver.connections:
                head = struct.pack("<IIII", 0x74AE4240, VECTOR, 1, 0x1F2B0AFD)
                message = MESSAGE.pack(
                    0x7600B9D3, 0x100, 0, number, 0x59511722, sender.id, 0x59511722, sender.id, now
                )
                update = head + message + tl_string(text) + struct.pack("<ii", receiver.pts, 1) + sender.blob
                for other in receiver.connections:
                    other.push(update)
        self.flush()

    def broadcast(self, sender: Account, text: bytes, number: int, now: int) -> None:
        head = struct.pack("<IIII", 0x74AE4240, VECTOR, 1, 0x62BA04D9)
        message = MESSAGE.pack(0x7600B9D3, 0x100, 0, number, 0x59511722, sender.id, 0xA2A5371E, CHANNEL, now)
        numbers = struct.pack("<ii", number, 1)
        update = head + message + tl_string(text) + numbers + sender.blob + CHANNEL_BLOB
        for account in self.accounts:
            if account is not sender:
                for other in account.connections:
                    other.push(update)


class Connection(asyncio.Protocol):
    __slots__ = ("account", "buffer", "floor", "parts", "sequence", "session", "started", "transport")

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.buffer = b""
        self.started = False
        self.account: Account | None = None
        self.session = 0
        self.sequence = 0
        self.parts: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self.account is not None and self in self.account.connections:
            self.account.connections.remove(self)

    def data_received(self, data: bytes) -> None:
        if not self.started:
            data = data[4:]
            self.started = True
        elif self.buffer:
            data = self.buffer + data
        at, end = 0, len(data)
        while end - at >= 4:
            size = U32.unpack_from(data, at)[0]
            if end - at - 4 < size:
                break
            self.packet(data[at + 4 : at + 4 + size])
            at += 4 + size
        self.buffer = data[at:]

    def packet(self, data: bytes) -> None:
        account = self.account
        if account is None:
            account = self.account = self.floor.by_key[data[:8]]
            account.connections.append(self)
        key, msg_key = account.key, data[8:24]
        a = hashlib.sha256(msg_key + key[:36]).digest()
        b = hashlib.sha256(key[40:76] + msg_key).digest()
        plain = cryptg.decrypt_ige(data[24:], a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:])
        if hashlib.sha256(key[88:120] + plain).digest()[8:24] != msg_key:
            self.transport.abort()
            return
        self.session = U64.unpack_from(plain, 8)[0]
        self.message(U64.unpack_from(plain, 16)[0], plain, 32)

    def message(self, msg_id: int, plain: bytes, at: int) -> None:
        floor = self.floor
        constructor = U32.unpack_from(plain, at)[0]
        if constructor == CONTAINER:
            count = U32.unpack_from(plain, at + 4)[0]
            at += 8
            for _ in range(count):
                self.message(U64.unpack_from(plain, at)[0], plain, at + 16)
                at += 16 + int(U32.unpack_from(plain, at + 12)[0])
        elif constructor in SEND_MESSAGE:
            _, _, kind, receiver, _ = SEND.unpack_from(plain, at)
            size = plain[at + 28]
            text = plain[at + 29 : at + 29 + size]
            floor.sequence += 1
            to = None if kind == PEER_CHANNEL else floor.by_id[receiver]
            floor.queue.append((self, msg_id, self.account, to, text, floor.sequence))
            if not floor.wake.is_set():
                floor.wake.set()
        elif constructor != ACKS:
            self.push(struct.pack("<IQI", RPC_RESULT, msg_id, 0x997275B5))
            floor.flush()

    def push(self, body: bytes) -> None:
        floor, account = self.floor, self.account
        assert account is not None
        size = 32 + len(body)
        padding = floor.padding(12 + (-(size + 12) & 15))
        plain = (
            HEADER.pack(0, self.session, floor.msg_id(), self.sequence * 2 + 1, len(body)) + body + padding
        )
        self.sequence += 1
        key = account.key
        msg_key = hashlib.sha256(key[96:128] + plain).digest()[8:24]
        a = hashlib.sha256(msg_key + key[8:44]).digest()
        b = hashlib.sha256(key[48:84] + msg_key).digest()
        sealed = cryptg.encrypt_ige(plain, a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:])
        if not self.parts:
            floor.dirty.add(self)
        self.parts += (U32.pack(24 + len(sealed)), account.key_id, msg_key, sealed)


async def serve(floor: Floor, port: int) -> None:
    loop = asyncio.get_running_loop()
    threading.Thread(target=floor.writer, args=(loop,), daemon=True).start()
    await loop.create_server(lambda: Connection(floor), "127.0.0.1", port, backlog=4096)
    gc.freeze()
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--sessions", type=Path, required=True)
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    floor = Floor(options.accounts, options.data)
    lines = [
        json.dumps({"key": a.key.hex(), "salt": "00" * 8, "id": a.id, "access_hash": a.id ^ 0xABCDEF})
        for a in floor.accounts
    ]
    options.sessions.write_text("\n".join(lines) + "\n")
    uvloop.run(serve(floor, options.port))


if __name__ == "__main__":
    main()
