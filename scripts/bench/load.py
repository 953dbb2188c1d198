"""A lean MTProto load generator: signed-in accounts on raw connections that send, receive and count.

It spends 25 us a message, so that on two cores the server is what is measured. Accounts come from a sessions file
(key, salt, id, access hashes), as the yardstick writes it or accounts.py makes by real key exchange and sign-up.
Latency: perf_counter at send stands in the text and is read when the update arrives (same machine, same clock).
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import struct
import time
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import cryptg

U32, U64 = struct.Struct("<I"), struct.Struct("<Q")
VECTOR, RPC_RESULT, RPC_ERROR, CONTAINER = 0x1CB5C415, 0xF35C6D01, 0x2144CA19, 0x73F1F8DC
ACKS, GZIP, BAD_SALT, BAD_MESSAGE, NEW_SESSION = 0x62D6B459, 0x3072CFA1, 0xEDAB447B, 0xA7EFF811, 0x9EC20908
SEND_MESSAGE, GET_HISTORY, GET_STATE = 0xFEF48F62, 0x4423E6C5, 0xEDD4882A
PEER_SELF, PEER_USER = 0x7DA07EC9, 0xDDE8A54C
LAYER = 229
MARK = b"\x02mt\x03"


def tl_string(data: bytes) -> bytes:
    size = len(data)
    head = bytes((size,)) if size < 254 else b"\xfe" + size.to_bytes(3, "little")
    return head + data + b"\0" * (-(len(head) + size) % 4)


def read_string(data: bytes, at: int) -> bytes:
    size = data[at]
    if size < 254:
        return data[at + 1 : at + 1 + size]
    return data[at + 4 : at + 4 + int.from_bytes(data[at + 1 : at + 4], "little")]


def init_connection(query: bytes) -> bytes:
    words = b"".join(tl_string(word) for word in (b"load", b"1", b"1", b"en", b"", b"en"))
    return struct.pack("<IIIII", 0xDA9B0D0D, LAYER, 0xC1CD5EA9, 0, 1) + words + query


class RpcFailure(Exception):
    pass


class Connection(asyncio.Protocol):
    """One signed-in account. `on_text` is called with each time stamp found in what the server pushes."""

    def __init__(self, account: dict[str, Any]) -> None:
        self.key = bytes.fromhex(account["key"])
        self.key_id = hashlib.sha1(self.key, usedforsecurity=False).digest()[-8:]
        self.salt = bytes.fromhex(account["salt"])
        self.id = int(account["id"])
        self.session = os.urandom(8)
        self.buffer = b""
        self.sequence = 0
        self.last_msg_id = 0
        self.waiting: dict[int, tuple[bytes, Callable[[bytes], None]]] = {}
        self.acks: list[bytes] = []
        self.on_text: Callable[[float], None] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(b"\xee\xee\xee\xee")

    def data_received(self, data: bytes) -> None:
        if self.buffer:
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
        if len(data) < 24:
            raise RpcFailure(f"transport error {data.hex()}")
        key, msg_key = self.key, data[8:24]
        a = hashlib.sha256(msg_key + key[8:44]).digest()
        b = hashlib.sha256(key[48:84] + msg_key).digest()
        plain = cryptg.decrypt_ige(data[24:], a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:])
        size = U32.unpack_from(plain, 28)[0]
        self.message(plain[16:24], U32.unpack_from(plain, 24)[0], plain[32 : 32 + size])

    def message(self, msg_id: bytes, seq_no: int, body: bytes) -> None:
        if seq_no & 1:
            self.acks.append(msg_id)
        constructor = U32.unpack_from(body)[0]
        if constructor == RPC_RESULT:
            found = self.waiting.pop(U64.unpack_from(body, 4)[0], None)
            if found is not None:
                answer = body[12:]
                if U32.unpack_from(answer)[0] == GZIP:
                    answer = gzip.decompress(read_string(answer, 4))
                found[1](answer)
        elif constructor == CONTAINER:
            at = 8
            for _ in range(U32.unpack_from(body, 4)[0]):
                size = U32.unpack_from(body, at + 12)[0]
                self.message(
                    body[at : at + 8], U32.unpack_from(body, at + 8)[0], body[at + 16 : at + 16 + size]
                )
                at += 16 + size
        elif constructor == GZIP:
            self.message(msg_id, 0, zlib.decompress(read_string(body, 4), 47))
        elif constructor == BAD_SALT:
            self.salt = body[20:28]
            again = list(self.waiting.values())
            self.waiting.clear()
            for query, callback in again:
                self.send(query, callback)
        elif constructor == NEW_SESSION:
            self.salt = body[20:28]
        elif constructor == BAD_MESSAGE:
            raise RpcFailure(f"bad_msg_notification {U32.unpack_from(body, 16)[0]}")
        elif self.on_text is not None:
            at = body.find(MARK)
            while at >= 0:
                self.on_text(float(body[at + 4 : at + 20]))
                at = body.find(MARK, at + 20)

    def next_msg_id(self) -> int:
        number = int(time.time() * (1 << 32)) & ~3
        self.last_msg_id = number = max(number, self.last_msg_id + 4)
        return number

    def seal(self, payload: bytes) -> None:
        plain = self.salt + self.session + payload
        plain += os.urandom(12 + (-(len(plain) + 12)) % 16)
        key = self.key
        msg_key = hashlib.sha256(key[88:120] + plain).digest()[8:24]
        a = hashlib.sha256(msg_key + key[:36]).digest()
        b = hashlib.sha256(key[40:76] + msg_key).digest()
        sealed = cryptg.encrypt_ige(plain, a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:])
        self.transport.write(U32.pack(24 + len(sealed)) + self.key_id + msg_key + sealed)

    def send(self, query: bytes, callback: Callable[[bytes], None]) -> None:
        if len(self.acks) >= 16:
            self.acknowledge()
        msg_id = self.next_msg_id()
        self.waiting[msg_id] = (query, callback)
        self.seal(U64.pack(msg_id) + U32.pack(self.sequence * 2 + 1) + U32.pack(len(query)) + query)
        self.sequence += 1

    def acknowledge(self) -> None:
        if self.acks and not self.transport.is_closing():
            body = struct.pack("<III", ACKS, VECTOR, len(self.acks)) + b"".join(self.acks)
            self.acks = []
            self.seal(U64.pack(self.next_msg_id()) + U32.pack(self.sequence * 2) + U32.pack(len(body)) + body)

    async def call(self, query: bytes) -> bytes:
        """The answer to `query`. RpcFailure when the server answers an error."""
        done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.send(query, done.set_result)
        answer = await asyncio.wait_for(done, 60)
        if U32.unpack_from(answer)[0] == RPC_ERROR:
            raise RpcFailure(read_string(answer, 8).decode())
        return answer


async def connect(port: int, accounts: list[dict[str, Any]]) -> list[Connection]:
    """Connections for the accounts, each past initConnection."""
    loop = asyncio.get_running_loop()
    made: list[Connection] = []
    for account in accounts:
        _, connection = await loop.create_connection(partial(Connection, account), "127.0.0.1", port)
        await connection.call(init_connection(U32.pack(GET_STATE)))
        made.append(connection)
    _background.add(loop.create_task(keep_acknowledging(made)))
    return made


_background: set[asyncio.Task[None]] = set()


async def keep_acknowledging(connections: list[Connection]) -> None:
    while True:
        await asyncio.sleep(1)
        for connection in connections:
            connection.acknowledge()


_random_id = int.from_bytes(os.urandom(6), "little") << 12


def send_message(peer: bytes) -> bytes:
    """A 100-byte text that carries the time it was sent at."""
    global _random_id
    _random_id += 1
    text = MARK + b"%016.6f" % time.perf_counter() + b";" + b"x" * 79
    random_id = U64.pack(_random_id & (1 << 63) - 1)
    return struct.pack("<II", SEND_MESSAGE, 0) + peer + tl_string(text) + random_id


def peer_of(account: dict[str, Any], access_hash: int) -> bytes:
    return struct.pack("<IqQ", PEER_USER, account["id"], access_hash & (1 << 64) - 1)


class Pairs:
    """Senders and receivers: closed loop with `window` messages in flight a pair, or open at a rate."""

    def __init__(self, senders: list[Connection], receivers: list[Connection], peers: list[bytes]) -> None:
        self.senders, self.receivers, self.peers = senders, receivers, peers
        self.latencies: list[float] = []
        self.errors: list[bytes] = []
        self.running = True

    def _one(self, number: int, answered: Callable[[], None]) -> None:
        def on_answer(answer: bytes) -> None:
            if U32.unpack_from(answer)[0] == RPC_ERROR:
                self.errors.append(answer)
            answered()

        self.senders[number].send(send_message(self.peers[number]), on_answer)

    async def closed(
        self, window: int, warm_seconds: float, start: Callable[[], None], seconds: float
    ) -> None:
        """The next message of a pair goes out when one was answered and one delivered."""

        def pair(number: int) -> tuple[Callable[[], None], Callable[[float], None]]:
            halves = 0

            def half() -> None:
                nonlocal halves
                halves += 1
                if halves >= 2:
                    halves -= 2
                    if self.running:
                        self._one(number, half)

            def delivered(sent: float) -> None:
                self.latencies.append(time.perf_counter() - sent)
                half()

            return half, delivered

        for number, receiver in enumerate(self.receivers):
            half, receiver.on_text = pair(number)
            for _ in range(window):
                self._one(number, half)
        await asyncio.sleep(warm_seconds)
        self.latencies.clear()
        start()
        await asyncio.sleep(seconds)

    async def at_rate(self, rate: float, start: Callable[[], None], seconds: float) -> None:
        for receiver in self.receivers:
            receiver.on_text = lambda sent: self.latencies.append(time.perf_counter() - sent)
        sent = 0
        start()
        begin = time.perf_counter()
        while (elapsed := time.perf_counter() - begin) < seconds:
            while sent < elapsed * rate:
                self._one(sent % len(self.senders), lambda: None)
                sent += 1
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.3)
